"""The filters of the staff list: from the address to a value, and back to what the page shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _

from integrations.models import PersonState
from integrations.queries import KEPT, PROTECTED, PeopleFilter
from integrations.views.shared import text_of
from portal.kit import clock

# What the page suggests values of while somebody types.
SUGGESTED = ("department", "location", "group")
_RECENT = timedelta(days=30)


def chosen_by(request: HttpRequest) -> PeopleFilter:
    """What cannot be read filters nothing. Without a state the list shows who is active."""
    state = request.GET.get("state", PersonState.ACTIVE.value)
    return PeopleFilter(
        text=text_of(request),
        state=state if state in (*PersonState.values, KEPT, PROTECTED) else "",
        department=_line(request, "department"),
        location=_line(request, "location"),
        group=_line(request, "group"),
        connection=_id(request.GET.get("connection", "")),
        manager=text_of(request, "manager"),
        since=_day(request.GET.get("since", "")),
    )


def as_recorded(chosen: PeopleFilter) -> dict[str, str]:
    """For the audit log: which filters were set, without what was looked for in names."""
    said: Mapping[str, Any] = {
        "state": chosen.state,
        "department": chosen.department,
        "location": chosen.location,
        "group": chosen.group,
        "connection": chosen.connection,
        "since": chosen.since,
        "manager": "set" if chosen.manager else "",
        "text": "set" if chosen.text else "",
    }
    return {name: str(value) for name, value in said.items() if value}


def states() -> list[tuple[str, str]]:
    plain = [(value, _(str(label))) for value, label in PersonState.choices]
    return [*plain, (KEPT, _("Kept by a decision")), (PROTECTED, _("Protected"))]


def recently() -> str:
    """The day from which on "joined in the last 30 days" counts."""
    return (clock.now().date() - _RECENT).isoformat()


def _line(request: HttpRequest, name: str) -> str:
    """A whole value, as long as the directory can hold."""
    return request.GET.get(name, "")[:200].replace("\x00", "").strip()


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
