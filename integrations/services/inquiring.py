""" "Why is … (not) here?", asked of the HR system itself: its list is read once, and what it means is kept a day."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from integrations.engine.explain import Facts, trace
from integrations.engine.pipeline import permitted
from integrations.engine.problems import Found
from integrations.engine.rules import Rules
from integrations.models import Connection, ConnectionState, DirectoryPerson, Inquiry
from integrations.people import EVENT_FIELD, Person, plain
from integrations.provider import Events, Kind, Record, Settings, Source, Unreadable
from integrations.services.credentials import connection_settings
from integrations.services.explaining import known_of, last_problem, name_of, while_held
from integrations.services.records import record_of
from integrations.sources.rest import without
from portal.accounts import limits
from portal.accounts.models import User
from portal.kit import clock, queue
from portal.kit.errors import NeedsPerson
from portal.kit.folding import words_of
from portal.kit.http import Http
from portal.kit.leases import OPEN_STATES, fenced, renew, update
from portal.kit.outbound import egress

CONNECTION_INQUIRY = "connection.inquiry"
LEASE = timedelta(seconds=90)
LASTS = timedelta(days=1)
MOST_MATCHES = 5
MOST_AN_HOUR = 10  # per connection: each one reads the whole list
READING_SECONDS = 200.0  # below the queue's own limit
SHORTEST = 2  # characters
# Where a name, an address or a number is looked for.
_LOOKED_AT = ("first_name", "last_name", "preferred_name", "work_email", "personal_email", "employee_number")
_NOT_ASKED = (ConnectionState.DISCONNECTED, ConnectionState.SETTING_UP)

Monotonic = Callable[[], float]


def ask(connection: Connection, query: str, *, by: User) -> Inquiry:
    """Starts a look at the HR system. The same question that is still being answered is not asked twice.

    Raises NeedsPerson for a connection or a question that cannot be asked, RateLimited after ten within an hour. The
    audit log has that somebody asked, not about whom: what was typed is gone after a day.
    """
    if connection.kind != Kind.HRIS or connection.state in _NOT_ASKED:
        raise NeedsPerson(_("The HR system can be asked as soon as it is connected."), code="not_running")
    if not says_enough(query):
        raise NeedsPerson(_("Enter a name, an e-mail address or an employee number."), code="nothing_asked")
    running = Inquiry.objects.filter(connection=connection, query=query, job_state__in=OPEN_STATES).first()
    if running:
        return running
    limits.take("inquiry", str(connection.pk), most=MOST_AN_HOUR, per=timedelta(hours=1))
    with transaction.atomic():
        inquiry = Inquiry.objects.create(
            connection=connection, query=query[:254], asked_by=by, expires_at=clock.now() + LASTS
        )
        inquired = str(inquiry.public_id)
        record_of(connection, "connection.asked_about_a_person", by=by, inquiry=inquired)
        queue.wake(CONNECTION_INQUIRY, inquiry.pk)
    return inquiry


def says_enough(query: str) -> bool:
    """Whether somebody can be looked for by that: a single letter would find half of a company."""
    return len("".join(words_of(query))) >= SHORTEST


@dataclass
class _Match:
    """Somebody whom the question may mean; `unreadable` when only the key could be read."""

    source_id: str
    person: Person | None
    unreadable: Found | None = None
    has_event: bool = False


@dataclass(frozen=True)
class _Look:
    """Everything that one look works with."""

    inquiry: Inquiry
    source: Source
    http: Http
    settings: Settings = field(repr=False)
    rules: Rules
    events: Events | None = None
    clock: Monotonic = time.monotonic


def perform_inquiry(inquiry: Inquiry, **parts: Any) -> None:
    """Reads the HR system's list now, up to five matches, and keeps their traces. `parts` replace what is chosen here.

    No more of a person is kept than the filter and the mapping use. Raises RetryLater and NeedsPerson, also when the list
    is longer than one look.
    """
    if inquiry.finished_at:
        return
    look = _prepared(inquiry, **parts)
    matches, ended = _matches(look)
    _note_events(look, matches)
    answers = [_answer(look, match) for match in matches]
    with fenced(inquiry):
        update(inquiry, answers=answers, finished_at=Now())
    if not ended and len(matches) < MOST_MATCHES:
        raise NeedsPerson(
            _(
                "The list is longer than can be read for one question, and the rest was not looked at. An e-mail address or "
                "an employee number is found sooner than a name."
            ),
            code="list_too_long",
        )


def _prepared(inquiry: Inquiry, **parts: Any) -> _Look:
    connection = inquiry.connection
    provider = connection.provider
    source: Source | None = parts.pop("source", provider.source)
    if source is None:
        raise ValueError(f"{provider.slug} has no source of people")
    return _Look(
        inquiry,
        without(source, connection.declined),
        parts.pop("http", None) or egress().session(),
        parts.pop("settings", None) or connection_settings(connection),
        connection.rules,
        parts.pop("events", provider.events),
        **parts,
    )


def _matches(look: _Look) -> tuple[list[_Match], bool]:
    """Whom the question may mean, in the order of the list, and whether all of it was looked at."""
    asked, found, read, began = words_of(plain(look.inquiry.query)), list[_Match](), 0, look.clock()
    for page in look.source.pages(look.http, look.settings):
        for match in _on_page(look, page.records, asked):
            found.append(match)
            if len(found) == MOST_MATCHES:
                return found, True
        read += len(page.records)
        renew(look.inquiry, LEASE, read=read)
        if look.clock() - began >= READING_SECONDS and page.cursor is not None:
            return found, False
    return found, True


def _on_page(look: _Look, records: Iterable[Record], asked: Sequence[str]) -> Iterator[_Match]:
    for each in records:
        try:
            source_id = look.source.source_id(each)
        except Unreadable:
            continue
        try:
            person = permitted(look.source.read(each), look.rules)
        except Unreadable as error:
            if words_of(plain(source_id)) == asked:
                found = Found(error.code, source_id, "", error.field, error.shape)
                yield _Match(source_id, None, found)
            continue
        if is_meant(person, asked):
            yield _Match(source_id, person)


def is_meant(person: Person, asked: Sequence[str]) -> bool:
    """Whether every word that was asked for begins a word of the person's names, addresses or numbers."""
    said = [plain(person.fields.get(name, "")) for name in _LOOKED_AT]
    words = [word for text in (*said, plain(person.source_id)) for word in (text, *words_of(text))]
    return bool(asked) and all(any(word.startswith(one) for word in words) for one in asked)


def _note_events(look: _Look, matches: Sequence[_Match]) -> None:
    """Whether they are assigned to an event, where the filter asks for that."""
    if look.events is None or EVENT_FIELD not in look.rules.filter.fields or not matches:
        return
    missing = {match.source_id: match for match in matches}
    for batch in look.events.assigned(look.http, look.settings, clock.now().date()):
        for assigned in batch:
            if match := missing.pop(assigned.source_id, None):
                match.has_event = True
        if not missing:
            return


def _answer(look: _Look, match: _Match) -> dict[str, Any]:
    """A trace as the row keeps it, with a name only where names are used at all."""
    connection = look.inquiry.connection
    person = DirectoryPerson.objects.filter(connection=connection, source_id=match.source_id).first()
    listed = _used(match.person, look.rules) if match.person else None
    facts = Facts(
        person=listed,
        has_event=match.has_event,
        known=known_of(person),
        protected=bool(person and person.protected),
        kept=person.kept if person else "",
        problem=match.unreadable or last_problem(connection, match.source_id),
        rules=look.rules,
        unreadable=match.unreadable.code if match.unreadable else "",
        manager=name_of(connection, _manager_of(listed, look.rules)) if listed else "",
    )
    found = trace(facts)
    if person and not found.is_here:
        found = while_held(found, person)
    return {
        "name": str(person) if person else _name(facts.person) or match.source_id,
        "person": str(person.public_id) if person else "",
        **found.as_data(),
    }


def _used(person: Person, rules: Rules) -> Person:
    kept = {name: value for name, value in person.fields.items() if name in rules.fields}
    return Person(person.source_id, person.status, kept)


def _manager_of(person: Person, rules: Rules) -> str:
    """Their manager's key, as it would come into the directory."""
    attributes = rules.mapping.apply(permitted(person, rules)).attributes
    return attributes["manager_id"] if attributes else ""


def _name(person: Person | None) -> str:
    fields: Mapping[str, str] = person.fields if person else {}
    return f"{fields.get('first_name', '')} {fields.get('last_name', '')}".strip()
