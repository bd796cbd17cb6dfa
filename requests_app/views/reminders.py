"""Reminding the customer by hand, and letting the reminders rest."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from portal.kit import clock
from portal.kit.errors import NeedsPerson
from requests_app.services.reminders import remind_now, snooze
from requests_app.views.shared import DeskRequest, staff_req

_SPANS = {"3d": timedelta(days=3), "1w": timedelta(weeks=1)}


@require_POST
def request_remind(request: DeskRequest, number: int) -> HttpResponse:
    """Mails the customer what is open, once an hour at most."""
    req = staff_req(request.user, number)
    try:
        mails = remind_now(req, by=request.user)
    except NeedsPerson as error:
        messages.warning(request, error.sentence)
    else:
        if mails:
            messages.success(request, f"{mails} reminder{'s are' if mails > 1 else ' is'} on the way.")
        else:
            messages.info(request, "Nobody was reminded: nothing is open for anybody who has a link.")
    return redirect("request_detail", number)


@require_POST
def request_snooze(request: DeskRequest, number: int) -> HttpResponse:
    """POST `for`: "3d", "1w", "end", or "day" with a `day`. Until the beginning of that day, where the reader is."""
    req = staff_req(request.user, number)
    chosen = request.POST.get("for", "")
    if chosen not in (*_SPANS, "day", "end"):
        raise Http404
    try:
        until = _until(chosen, request.POST.get("day", ""))
        snooze(req, until, by=request.user)
    except NeedsPerson as error:
        messages.warning(request, error.sentence)
    else:
        messages.success(
            request,
            f"No reminders until {until.day} {until:%B}." if until else "Reminders are sent again.",
        )
    return redirect("request_detail", number)


def _until(chosen: str, day: str) -> datetime | None:
    if chosen == "end":
        return None
    if (span := _SPANS.get(chosen)) and not day.strip():  # whoever typed a day means it
        return _begin(timezone.localdate(clock.now() + span))
    try:
        return _begin(date.fromisoformat(day.strip()[:10]))
    except ValueError:
        raise NeedsPerson("Choose the day until which the reminders rest.", code="day") from None


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.get_current_timezone())
