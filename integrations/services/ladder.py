"""What follows a failure: when it is tried again, when it is given up, and who hears of it.

6, 12 and 24 hours, then daily; paused after 3 days of failing credentials, disabled after 28 days of anything else
(product-anchors.md §2.3 and §2.10).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_noop, override

from integrations.models import Connection, ConnectionState, Issue
from integrations.provider import Kind
from integrations.services import issues
from integrations.services.records import record_of
from portal.accounts.models import Language, Membership, Role, User
from portal.kit.retold import retold
from portal.notices.services import notify
from portal.outbox.services import request_effect

STEPS = (timedelta(hours=6), timedelta(hours=12), timedelta(hours=24))
CREDENTIALS_PATIENCE = timedelta(days=3)
PATIENCE = timedelta(days=28)
LEAST_FAILURES = 3  # a long pause between two tries is no long failure
DISABLED = "disabled"
DISABLED_REASON = gettext_noop(
    "Nothing could be read for 28 days, so we stopped trying. Look at the last run, then resume the connection."
)

# What only new credentials, or a right given to them, can mend.
CREDENTIAL_CODES = frozenset(
    {
        "certificate_expired",
        "certificate_not_yet_valid",
        "credentials_unreadable",
        "ip_blocked",
        "field_not_granted",
        "missing_credentials",
        "missing_right",
        "no_certificate",
        "no_private_key",
        "pair_mismatch",
        "refused_certificate",
        "wrong_credentials",
        "wrong_passphrase",
    }
)
# The other side was away for long: nothing about the connection itself is known to be wrong.
AWAY_CODES = frozenset({"gave_up", "killed", "retry"})

_MOST_FAILURES = 30_000
_TOLD_LENGTH = Connection._meta.get_field("told_reason").max_length or 0


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong: the sentence for the page, and its stable code."""

    reason: str
    code: str

    @property
    def is_credentials(self) -> bool:
        return self.code in CREDENTIAL_CODES


def climb(connection: Connection, failure: Failure, now: datetime, *, by_hand: bool = False) -> None:
    """Sets state, reason and next attempt of a locked connection after one more failure; the caller saves it.

    `by_hand`: after the first failure, what a person tries besides puts the next attempt off no further.
    """
    first = not connection.failures and connection.last_success_at is not None
    stays = by_hand and bool(connection.failures) and connection.next_run_at is not None
    connection.failures = min(connection.failures + (not stays), _MOST_FAILURES)
    connection.failing_since = connection.failing_since or now
    connection.reason, connection.reason_code = failure.reason[:500], failure.code[:40]
    connection.state = (
        ConnectionState.DEGRADED if first and failure.code in AWAY_CODES else ConnectionState.QUARANTINED
    )
    issue = _noted(connection, failure, now)
    if connection.kind != Kind.HRIS:
        return
    connection.next_run_at = connection.next_run_at if stays else next_attempt(connection, now)
    if failure.is_credentials:  # the last try before the pause is not a day late
        over = issue.opened_at + CREDENTIALS_PATIENCE
        connection.next_run_at = (
            min(connection.next_run_at or over, over) if over > now else connection.next_run_at
        )
    if failure.is_credentials and _lasts(issue.opened_at, issue.count, now, CREDENTIALS_PATIENCE):
        connection.state, connection.next_run_at = ConnectionState.PAUSED, None
    elif _lasts(connection.failing_since, connection.failures, now, PATIENCE):
        connection.state, connection.next_run_at = ConnectionState.PAUSED, None
        connection.reason, connection.reason_code = DISABLED_REASON, DISABLED


def next_attempt(connection: Connection, now: datetime) -> datetime:
    """6, 12, 24 hours after the first failures, then daily, whatever the schedule; a success goes back to its slots."""
    return now + STEPS[min(connection.failures, len(STEPS)) - 1]


def _noted(connection: Connection, failure: Failure, now: datetime) -> Issue:
    """The open issue counts how often, and remembers since when, this kind of failure goes on."""
    code, other = issues.FAILING, issues.CREDENTIALS
    if failure.is_credentials:
        code, other = other, code
    issues.resolve(connection, other, now=lambda: now)
    known = Issue.objects.filter(connection=connection, code=code, resolved_at=None).first()
    count = min(known.count + 1, _MOST_FAILURES) if known else 1
    url = reverse("connection_manage", args=[connection.public_id])
    return issues.raise_issue(connection, code, failure.reason, count=count, url=url, now=lambda: now)


def _lasts(since: datetime, count: int, now: datetime, patience: timedelta) -> bool:
    """Both a span and a number: a first failing run never pauses anything."""
    return now - since >= patience and count >= LEAST_FAILURES


# --- who hears of it ----------------------------------------------------------------------------------------


def tell(connection: Connection, failure: Failure, *, quietly: bool) -> None:
    """One notice on entering quarantine, one piece of news when it is paused, one more only if the reason changes.

    `quietly`: whoever waits for the connection hears of it another way, as while it is being made. Sets `told_reason`.
    """
    paused = connection.state == ConnectionState.PAUSED
    if connection.state == ConnectionState.DEGRADED:
        return
    told = (f"paused:{failure.code}" if paused else failure.code)[:_TOLD_LENGTH]
    if told == connection.told_reason:
        return
    connection.told_reason = told
    since = connection.failing_since.isoformat() if connection.failing_since else ""
    marker = f"{connection.pk}:{told}:{connection.failures}:{since}"
    if paused:
        _tell_of_pause(connection, marker)
    elif not quietly:
        _notify(
            connection,
            "quarantined",
            f"{connection.provider.name} of {connection.company} has stopped working",
            f"{connection.reason}\n\nIt is tried again by itself. Nobody is changed meanwhile.",
            f"quarantined:{marker}",
        )


def _tell_of_pause(connection: Connection, marker: str) -> None:
    code, failures = connection.reason_code, connection.failures
    record_of(connection, "connection.paused", by=None, reason=code, failures=failures)
    detail = f"{connection.reason}\n\nIts admins at the customer were told. Resume it when it is put right."
    words = f"{connection.provider.name} of {connection.company} was paused"
    _notify(connection, "paused", words, detail, f"paused:{marker}")
    for admin in admins_of(connection):
        mail_admin(connection, admin, marker=f"paused:{marker}:{admin.pk}")


def mail_admin(connection: Connection, admin: User, *, marker: str) -> None:
    """The mail to one customer admin, in their language, the reason included."""
    with override("en-gb" if admin.language == Language.ENGLISH else admin.language):
        reason = retold(connection.reason)
    page = reverse("connection_manage", args=[connection.public_id])
    context = {
        "company": connection.company.name,
        "provider": connection.provider.name,
        "reason": reason,
        "over": connection.reason_code == DISABLED,
        "link": f"{settings.SITE_URL}{page}",
    }
    request_effect(
        "mail.send",
        marker=marker[:120],
        subject=f"connection:{connection.public_id}",
        payload={
            "template": "paused",
            "to": [admin.email],
            "language": admin.language,
            "context": context,
        },
    )


def admins_of(connection: Connection) -> list[User]:
    """The customer's admins who may see the connection's company now."""
    live = Membership.objects.whole().filter(company=connection.company_id)
    found = User.objects.filter(is_active=True, role=Role.CUSTOMER_ADMIN, memberships__in=live)
    return list(found.distinct().order_by("pk"))


def colleagues_of(connection: Connection) -> list[User]:
    """Who looks after it on our side: whoever made it, or the team leads where that was not one of us."""
    maker = connection.created_by
    if maker is not None and maker.is_active and maker.is_desk_staff:
        return [maker]
    return list(User.objects.filter(role=Role.TL, is_active=True).order_by("pk"))


def _notify(connection: Connection, kind: str, words: str, detail: str, marker: str) -> None:
    url = reverse("connection_manage", args=[connection.public_id])
    notify(colleagues_of(connection), kind, words=words, detail=detail, url=url, marker=marker)
