"""A connection set up, or changed, by the services that a person's clicks call: from consent to the receipt."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.db import transaction

from integrations.models import Connection, Draft, Receipt, Run
from integrations.provider import Source
from integrations.services import drafts
from integrations.services.confirming import affected_by
from integrations.services.connections import activate_connection
from integrations.services.runs import perform_run
from integrations.services.starts import SYNC_RUN
from portal.accounts.models import Company, User
from portal.kit import queue


def confirmed(
    target: Connection | Draft,
    *,
    by: User,
    source: Source | None = None,
    settings: Mapping[str, str] | None = None,
    filter: Mapping[str, Any] | None = None,
    mapping: Mapping[str, Any] | None = None,
    policy: Mapping[str, Any] | None = None,
    declined: Collection[str] = (),
) -> Receipt:
    """Consent, credentials, filter, mapping, plan, confirmation. What is not given stays as the draft has it.

    `source` is where people come from instead of the card's; without one the sandbox must be there. Credentials that
    nobody has given are made up.
    """
    draft = planned(
        target,
        by=by,
        source=source,
        settings=settings,
        filter=filter,
        mapping=mapping,
        policy=policy,
        declined=declined,
    )
    assert draft.plan is not None, "the dry run made no plan"
    return drafts.confirm(draft, typed=affected_by(draft.plan), plan_digest=draft.plan.plan_digest, by=by)


def planned(
    target: Connection | Draft,
    *,
    by: User,
    source: Source | None = None,
    settings: Mapping[str, str] | None = None,
    filter: Mapping[str, Any] | None = None,
    mapping: Mapping[str, Any] | None = None,
    policy: Mapping[str, Any] | None = None,
    declined: Collection[str] = (),
) -> Draft:
    """As `confirmed`, up to the plan that somebody looks at."""
    draft = ready(target, by=by, source=source, settings=settings, declined=declined)
    if filter is not None or not draft.filter_confirmed_at:
        data = draft.filter if filter is None else filter
        drafts.save_filter(draft, data, by=by, expected_version=draft.version)
    if mapping is not None or policy is not None:
        chosen = {**draft.mapping, **(mapping or {})}
        kept = {**draft.policy, **(policy or {})}
        drafts.save_mapping(draft, chosen, kept, by=by, expected_version=draft.version)
    with people_from(source):
        queue.run_job(SYNC_RUN, drafts.start_plan(draft, by=by).pk)
    draft.refresh_from_db()
    return draft


def ready(
    target: Connection | Draft,
    *,
    by: User,
    source: Source | None = None,
    settings: Mapping[str, str] | None = None,
    declined: Collection[str] = (),
) -> Draft:
    """A draft whose reading was agreed to and whose credentials work."""
    draft = target if isinstance(target, Draft) else drafts.begin_change(target, by=by)
    if declined or not draft.consented_at:
        drafts.save_consent(draft, declined=declined, by=by, expected_version=draft.version)
    if settings or not draft.authenticated_at:
        held = set(draft.connection.credentials.values_list("key", flat=True))
        card = draft.connection.provider
        required = [item.key for item in card.credentials if item.required.holds({})]
        required += [key for method in card.methods[:1] for key in method.keys]
        made_up = {key: f"made-up-{key}" for key in required if key not in held}
        drafts.authenticate(draft, {**(made_up if source else {}), **(settings or {})}, by=by, source=source)
    return draft


def connected(
    company: Company, provider_slug: str, *, by: User, source: Source | None = None, **parts: Any
) -> Connection:
    """Set up, confirmed and approved; its first run is queued. `parts` are those of `confirmed`."""
    draft = drafts.begin_setup(company, provider_slug, settings={}, mapping={}, by=by, request_number="REQ-1")
    confirmed(draft, by=by, source=source, **parts)
    with transaction.atomic():
        return activate_connection(
            company, provider_slug, settings={}, mapping={}, by=by, request_number="REQ-1"
        )


@contextmanager
def people_from(source: Source | None, **parts: Any) -> Iterator[None]:
    """Whatever a worker runs meanwhile reads this source; None leaves it the card's."""
    job = queue.JOBS[SYNC_RUN]

    def work(run: Run) -> None:
        perform_run(run, source=source, **parts)

    if source is not None:
        queue.JOBS[SYNC_RUN] = replace(job, work=work)
    try:
        yield
    finally:
        queue.JOBS[SYNC_RUN] = job
