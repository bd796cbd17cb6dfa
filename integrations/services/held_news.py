"""Who hears that a run held removals: whoever looks after the connection, and the customer's admins by mail."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from integrations.models import Connection, Issue, Run
from integrations.services.issues import HELD
from integrations.services.ladder import admins_of, colleagues_of
from portal.accounts.models import User
from portal.notices.services import notify, wants_mail
from portal.outbox.services import request_effect


def tell_of_held(run: Run, connection: Connection, held: int) -> None:
    """Our people hear of each run; the customer once, until nothing waits any more. In the transaction of the run.

    Whoever asked for the run hears of it as well; everybody is told once.
    """
    people = [*colleagues_of(connection), *([run.asked_by] if run.asked_by else [])]
    who = "1 person waits" if held == 1 else f"{held:,} people wait"
    words = f"{connection}: {who} for a decision whether to be deactivated."
    notify(people, "held", words=words, url=f"/runs/{run.public_id}/", marker=f"held:{run.pk}")
    issue = Issue.objects.filter(connection=connection, code=HELD, resolved_at=None).first()
    marker = f"held:{issue.pk}" if issue else f"held:run:{run.pk}"
    for admin in admins_of(connection):
        if wants_mail(admin, "held"):
            mail_held(connection, admin, held, marker=f"{marker}:{admin.pk}")


def mail_held(connection: Connection, admin: User, held: int, *, marker: str) -> None:
    """The mail to one customer admin, in their language, with the way to the names."""
    page = reverse("holds_detail", args=[connection.public_id])
    context = {
        "company": connection.company.name,
        "provider": connection.provider.name,
        "number": held,
        "link": f"{settings.SITE_URL}{page}",
    }
    request_effect(
        "mail.send",
        marker=marker[:120],
        subject=f"connection:{connection.public_id}",
        payload={"template": "held", "to": [admin.email], "language": admin.language, "context": context},
    )
