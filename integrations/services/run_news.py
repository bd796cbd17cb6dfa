"""Who hears at the customer how it went: the first sync, and what became of a change that somebody confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from integrations.models import Connection, Draft, DraftState, Purpose, Receipt, Run
from integrations.services import receipts
from integrations.services.ladder import admins_of
from portal.accounts.models import Language, User
from portal.kit.retold import retold
from portal.notices.services import wants_mail
from portal.outbox.services import request_effect

_MOST_LINES = 20  # the receipt has all of them


def tell_of_end(run: Run, connection: Connection, *, first: bool) -> None:
    """In the transaction that ends the run. `first`: until now nothing had ever worked.

    The first sync that works is told to the customer's admins and whoever confirmed its plan; of any other confirmed plan
    its confirmer hears what was done, or why it was not.
    """
    if first and connection.last_success_at is not None:
        _tell_of_first(run, connection)
    elif run.receipt is not None:
        _tell_of_receipt(run, connection, run.receipt)


def mail_synced(run: Run, connection: Connection, user: User) -> None:
    """How many came in, in this person's language."""
    context = {
        "people": run.added + run.returned + run.matched,
        "problems": run.problem_count,
        "held": run.held,
    }
    _mail("synced", run, connection, user, context, marker=f"synced:{run.pk}:{user.pk}")


def mail_changed(run: Run, connection: Connection, user: User, receipt: Receipt) -> None:
    """What was confirmed and is in use now, and whom that touched."""
    numbers = {name: getattr(run, name) for name in ("added", "changed", "deactivated", "held")}
    context = {**numbers, "back": run.returned + run.matched, "problems": run.problem_count}
    with _language_of(user):
        context["lines"] = _lines(receipt)
    _mail("changed", run, connection, user, context, marker=f"changed:{run.pk}:{user.pk}")


def mail_not_done(run: Run, connection: Connection, user: User, receipt: Receipt) -> None:
    """Why nothing came of what was confirmed. Once, however often it is tried again."""
    with _language_of(user):
        said = [retold(str(one)) for one in run.objections] or [retold(run.failure)]
    context = {"reason": " ".join(filter(None, said)), "is_setup": receipt.purpose == Purpose.SETUP}
    _mail("not_done", run, connection, user, context, marker=f"not_done:{receipt.pk}:{user.pk}")


def _tell_of_first(run: Run, connection: Connection) -> None:
    receipt = run.receipt or connection.receipts.select_related("confirmed_by").first()
    people = {one.pk: one for one in admins_of(connection)}
    if receipt is not None and _may_hear(receipt.confirmed_by, connection):
        people[receipt.confirmed_by_id] = receipt.confirmed_by
    for user in people.values():
        if wants_mail(user, "live"):
            mail_synced(run, connection, user)


def _tell_of_receipt(run: Run, connection: Connection, receipt: Receipt) -> None:
    user = receipt.confirmed_by
    if not _may_hear(user, connection):
        return
    if Draft.objects.filter(pk=receipt.draft_id, state=DraftState.APPLIED).exists():
        mail_changed(run, connection, user, receipt)
    else:
        mail_not_done(run, connection, user, receipt)


def _may_hear(user: User, connection: Connection) -> bool:
    """Whoever confirmed it may have left since, or looks after other companies now."""
    return user.is_active and Connection.objects.for_actor(user).filter(pk=connection.pk).exists()


def _lines(receipt: Receipt) -> list[str]:
    """ "Department: Team, before: Department"."""
    found = receipts.difference(receipt)[:_MOST_LINES]
    return [
        _("%(label)s: %(after)s (before: %(before)s)")
        % {"label": one.label, "after": one.after or _("nothing"), "before": one.before or _("nothing")}
        for one in found
    ]


def _language_of(user: User) -> override:
    return override("en-gb" if user.language == Language.ENGLISH else user.language)


def _mail(
    template: str, run: Run, connection: Connection, user: User, context: Mapping[str, Any], *, marker: str
) -> None:
    common = {
        "company": connection.company.name,
        "provider": connection.provider.name,
        "link": f"{settings.SITE_URL}{reverse('run_detail', args=[run.public_id])}",
    }
    request_effect(
        "mail.send",
        marker=marker,
        subject=f"connection:{connection.public_id}",
        payload={
            "template": template,
            "to": [user.email],
            "language": user.language,
            "context": {**common, **context},
        },
    )
