"""When a connection runs: the page that shows the coming slots and changes them."""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from integrations.models import Connection, ConnectionState
from integrations.provider import Kind
from integrations.services.schedule import entries_of, interval_of, next_slot, set_schedule, slots_of
from integrations.views.shared import DeskRequest, connection_of
from portal.kit import clock
from portal.kit.errors import NeedsPerson

DEFAULT, TIMES, INTERVAL = "default", "times", "interval"
SHOWN = 4


class ScheduleForm(forms.Form):
    """Three ways; only the field of the chosen one counts."""

    def __init__(self, connection: Connection, data: Any = None) -> None:
        super().__init__(
            data, initial=_initial(connection), auto_id="schedule-%s", use_required_attribute=False
        )
        self.fields["how"] = forms.ChoiceField(
            label=_("How often"),
            widget=forms.RadioSelect(attrs={"data-kind": "choices"}),
            choices=[
                (DEFAULT, _("As usual for this system: %(times)s") % {"times": _usual(connection)}),
                (TIMES, _("At these times of day")),
                (INTERVAL, _("At an interval")),
            ],
        )
        self.fields["times"] = forms.CharField(
            label=_("Times of day"),
            required=False,
            max_length=200,
            help_text=_("In UTC, with commas between them, at least one hour apart. Such as 02:00, 14:00."),
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )
        self.fields["hours"] = forms.ChoiceField(
            label=_("Interval"),
            required=False,
            choices=[(hours, every(hours)) for hours in range(1, 25)],
        )

    @property
    def entries(self) -> list[str]:
        """What the service takes."""
        how = self.cleaned_data["how"]
        if how == TIMES:
            return str(self.cleaned_data["times"]).replace(";", ",").split(",")
        return [f"every {self.cleaned_data['hours']}h"] if how == INTERVAL else []

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("how") == TIMES and not values.get("times", "").strip(" ,;"):
            self.add_error("times", _("Enter at least one time, such as 02:00."))
        return values


def _usual(connection: Connection) -> str:
    """What the card's schedule comes to for this connection, whatever somebody chose instead."""
    usual = copy(connection)
    usual.schedule = []
    if hours := interval_of(entries_of(usual)):
        return every(hours)
    return f"{', '.join(_times(usual))} UTC"


def _initial(connection: Connection) -> dict[str, Any]:
    hours = interval_of(connection.schedule)
    how = INTERVAL if hours else TIMES if connection.schedule else DEFAULT
    times = "" if hours else ", ".join(entries_of(connection))
    return {"how": how, "times": times, "hours": hours or 6}


@require_http_methods(["GET", "HEAD", "POST"])
def connection_schedule(request: DeskRequest, public_id: UUID) -> HttpResponse:
    connection = connection_of(request.user, public_id)
    if connection.kind != Kind.HRIS or connection.state == ConnectionState.DISCONNECTED:
        messages.info(request, _("This connection has no schedule."))
        return redirect("connection_manage", connection.public_id)
    form = ScheduleForm(connection, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            set_schedule(connection, form.entries, by=request.user)
        except NeedsPerson as error:
            form.add_error("times" if form.cleaned_data["how"] == TIMES else "hours", _(error.sentence))
        else:
            messages.success(request, _("The schedule is saved."))
            return redirect("connection_manage", connection.public_id)
    context = {
        "connection": connection,
        "form": form,
        "today": slots_of(connection, clock.now().date()),
        "upcoming": upcoming(connection),
    }
    return render(request, "integrations/schedule.html", context, status=422 if form.is_bound else 200)


def upcoming(connection: Connection) -> list[datetime]:
    """The next slots, the first one as it is planned: after a failure it comes later than the schedule says."""
    if connection.kind != Kind.HRIS or connection.state == ConnectionState.SETTING_UP:
        return []
    at = connection.next_run_at or next_slot(connection, clock.now())
    found = [at]
    while len(found) < SHOWN:
        found.append(at := next_slot(connection, at))
    return found


def schedule_words(connection: Connection) -> str:
    """ "Every day at 02:00 and 14:00 UTC", "Every 6 hours"."""
    if connection.kind != Kind.HRIS:
        return ""
    entries = entries_of(connection)
    if hours := interval_of(entries):
        return every(hours)
    return _("Every day at %(times)s UTC") % {"times": _(" and ").join(_times(connection))}


def _times(connection: Connection) -> list[str]:
    """The slots and not the entries: the usual time is spread, so that not everybody asks at once."""
    return [f"{slot:%H:%M}" for slot in slots_of(connection, clock.now().date())]


def every(hours: int) -> str:
    return ngettext("Every hour", "Every %(number)s hours", hours) % {"number": hours}
