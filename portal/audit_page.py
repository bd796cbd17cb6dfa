"""The audit log as a page: who did what, when, from where; newest first. Read only, for those who must be able to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe

from portal.accounts.models import Company, User
from portal.audit.models import DESK, Entry
from requests_app.views.shared import DeskRequest

PER_PAGE = 50
_MOST_MATCHES = 200  # people or companies that a word of the filter may mean
_FIELDS = ("who", "action", "subject", "company", "from", "until")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for, as it was typed. A date that is none filters nothing."""

    who: str = ""
    action: str = ""
    subject: str = ""
    company: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, request: DeskRequest) -> Filters:
        return cls(*(request.GET.get(name, "").replace("\x00", "").strip()[:120] for name in _FIELDS))

    def as_query(self) -> dict[str, str]:
        values = (self.who, self.action, self.subject, self.company, self.since, self.until)
        return {name: value for name, value in zip(_FIELDS, values, strict=True) if value}

    def apply(self, entries: QuerySet[Entry], reader: User) -> QuerySet[Entry]:
        if self.who:
            people = User.objects.filter(Q(name__icontains=self.who) | Q(email__icontains=self.who))
            entries = entries.filter(actor_id__in=list(people.values_list("pk", flat=True)[:_MOST_MATCHES]))
        if self.action:
            entries = entries.filter(action__startswith=self.action)
        if self.subject:
            entries = entries.filter(subject=self.subject)
        if self.company:
            named = Q(name__icontains=self.company) | Q(lms_id=self.company)
            companies = Company.objects.for_actor(reader).filter(named).order_by("pk")
            keys = [f"company:{pk}" for pk in companies.values_list("pk", flat=True)[:_MOST_MATCHES]]
            entries = entries.filter(chain__name__in=keys)
        if first := _day(self.since):
            entries = entries.filter(at__gte=first)
        if last := _day(self.until, days=1):
            entries = entries.filter(at__lt=last)
        return entries


@dataclass(frozen=True, slots=True)
class Row:
    """One entry with the words for it: `who` is a name where one is known, `company` is empty for the desk's own."""

    entry: Entry
    who: str
    company: str

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The details, one line each."""
        return [(name.replace("_", " "), _words(value)) for name, value in self.entry.details.items()]


@require_safe
def audit_list(request: DeskRequest) -> HttpResponse:
    """Pages by key: `before` is the oldest entry shown so far, so that a page is as quick at the end of the log."""
    filters = Filters.of(request)
    entries = filters.apply(Entry.objects.select_related("chain").order_by("-pk"), request.user)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        entries = entries.filter(pk__lt=int(before))
    found = list(entries[: PER_PAGE + 1])
    shown = found[:PER_PAGE]
    older = urlencode({**filters.as_query(), "before": shown[-1].pk}) if len(found) > PER_PAGE else ""
    context = {
        "rows": _rows(shown, request.user),
        "filters": filters,
        "filtered": bool(filters.as_query()),
        "older": older,
        "newest": urlencode(filters.as_query()) if before else "",
    }
    return render(request, "audit/audit_list.html", context)


def _rows(entries: Sequence[Entry], reader: User) -> list[Row]:
    people = User.objects.in_bulk([entry.actor_id for entry in entries if entry.actor_id])
    keys = {entry.chain.name.removeprefix("company:") for entry in entries if entry.chain.name != DESK}
    companies = Company.objects.for_actor(reader).in_bulk([int(key) for key in keys])
    return [
        Row(
            entry,
            str(people.get(entry.actor_id or 0, "")) or entry.actor or _nobody(entry),
            str(companies.get(_company_pk(entry), "")),
        )
        for entry in entries
    ]


def _nobody(entry: Entry) -> str:
    return "Not signed in" if entry.action.startswith("http.") else "Integration Desk"


def _company_pk(entry: Entry) -> int:
    key = entry.chain.name.removeprefix("company:")
    return int(key) if key.isdecimal() else 0


def _day(text: str, *, days: int = 0) -> datetime | None:
    """The beginning of a day where the reader is, or of the one so many `days` later."""
    try:
        day: date | None = parse_date(text)
        return timezone.make_aware(datetime.combine(day + timedelta(days=days), time())) if day else None
    except (ValueError, OverflowError):
        return None


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_words(each)}" for name, each in value.items())
    return "—" if value in (None, "") else str(value)
