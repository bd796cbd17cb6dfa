"""The verification of an identity provider's connection, step by step, without a user."""

from __future__ import annotations

from dataclasses import asdict

from django.db.models.functions import Now

from integrations.models import Check, Connection
from integrations.provider import Finding, SignIn
from integrations.services.credentials import connection_settings
from integrations.services.locks import fenced_with_connection
from integrations.services.states import set_connected, set_error
from portal.kit.http import Http
from portal.kit.leases import update
from portal.kit.outbound import egress


def perform_check(check: Check, *, sign_in: SignIn | None = None, http: Http | None = None) -> None:
    """Stores the findings and what they mean for the connection. Raises RetryLater and NeedsPerson."""
    if check.finished_at:
        return
    verifier = sign_in or check.connection.provider.sign_in
    if verifier is None:
        raise ValueError(f"{check.connection.provider_slug} has no sign-in to verify")
    findings = verifier.verify(http or egress().session(), connection_settings(check.connection))
    failed = next((finding for finding in findings if not finding.ok), None)
    with fenced_with_connection(check):
        update(check, findings=[asdict(one) for one in findings], ok=failed is None, finished_at=Now())
        _tell(check, failed)


def end_failed_check(check: Check) -> None:
    """What a final failure means; in the transaction that ends the check."""
    finding = asdict(Finding("Check", False, check.failure))
    ended = Check.objects.filter(pk=check.pk).order_by()
    ended.update(findings=[finding], ok=False, finished_at=Now())
    connection = Connection.objects.get(pk=check.connection_id)
    set_error(connection, reason=check.failure, reason_code=check.failure_code)


def _tell(check: Check, failed: Finding | None) -> None:
    connection = Connection.objects.get(pk=check.connection_id)
    if failed:
        set_error(connection, reason=failed.words, reason_code="check_failed")
    else:
        set_connected(connection)
