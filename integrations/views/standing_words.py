"""Where a connection stands, or why a run stopped, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from integrations.models import Connection, ConnectionState, Run
from integrations.provider import Kind
from integrations.queries import unfinished_draft
from integrations.services.adopting import came_otherwise
from integrations.services.planning import PLAN_CHANGED
from portal.kit.retold import retold


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why a run was held, and what to do now."""

    title: str
    advice: str


def stopped(run: Run) -> Stopped:
    """For a run that is held: nobody was to be removed where only its plan had changed."""
    if came_otherwise(run):
        return Stopped(
            _("This was not carried out, because the HR system had changed after it was confirmed."),
            _("What was entered is kept. Nothing is in use before the new plan is confirmed."),
        )
    title = _("This run was held, so that nobody is removed by accident.")
    if run.receipt_id and not run.held:
        again = _(
            "Look at the people in the HR system. If the answer was a fault there, look at the plan again "
            "once it is put right."
        )
        return Stopped(title, again)
    return Stopped(
        title,
        _(
            "Look at the people in the HR system. If the answer was a fault there, "
            "sync again once it is put right."
        ),
    )


def advice(connection: Connection) -> str:
    """What this state means for whoever looks at it, and what to do."""
    hris = connection.kind == Kind.HRIS
    if connection.state == ConnectionState.SETTING_UP:
        return _setting_up(connection)
    if connection.state == ConnectionState.QUARANTINED and connection.reason_code == PLAN_CHANGED:
        return _("What was entered is kept. The sync begins as soon as the new plan is confirmed.")
    if connection.state == ConnectionState.DISCONNECTED:
        return ended_means(connection)
    return {
        ConnectionState.CONNECTING: _("We are checking the connection. You may close this page; it goes on."),
        ConnectionState.CONNECTED: _("Everything works. People are kept in step by schedule.")
        if hris
        else _("Everything that can be checked without a person signing in is right."),
        ConnectionState.DEGRADED: _("It works, but something needs a look. It is named below."),
        ConnectionState.QUARANTINED: _(
            "Nobody was changed by this. Put it right and try again, "
            "or replace the credentials if they are no longer the current ones."
        ),
        ConnectionState.PAUSED: _("Nothing is read and nobody is changed until the connection goes on."),
    }[ConnectionState(connection.state)]


def ended_means(connection: Connection) -> str:
    """What became of the people whom an ended connection owns, if there are any; with the day of
    `retention.purge_connections`."""
    if not connection.people.exists():  # sign-in has none, and its end is noted all the same
        return _("Nothing is read any more, and the credentials were deleted.")
    if connection.purged_at:
        told = {"day": date_format(localtime(connection.purged_at), _("j F Y"))}
        return _("The personal data of its people was removed on %(day)s.") % told
    stay = _("People stay as they are, and nothing changes them any more.")
    if connection.disconnected_at is None:
        return stay
    day = connection.disconnected_at + timedelta(days=settings.DISCONNECT_RETENTION_DAYS)
    told = {"day": date_format(localtime(day), _("j F Y"))}
    leave = _("Their personal data is removed on %(day)s, unless the system is connected again by then.")
    return f"{stay} {leave % told}"


def _setting_up(connection: Connection) -> str:
    """What it waits for: the approval, the next step, or somebody who begins."""
    if connection.confirmed_at:
        return retold(connection.reason) or _("It is set up, and waits for the approval of the request.")
    if connection.kind != Kind.HRIS:
        return _(
            "Not everything that the connection needs has been entered yet. "
            "Enter the credentials, and it is checked at once."
        )
    draft = unfinished_draft(connection)
    if draft is None:
        return retold(connection.reason) or _("Nobody has begun to set it up yet.")
    return _("It is being set up. The next step is “%(step)s”.") % {"step": _(str(draft.get_step_display()))}
