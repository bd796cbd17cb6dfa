"""Previews: everybody read once for the wizard's lists, sealed to a key that one browser has; nothing readable is kept."""

from __future__ import annotations

import time
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from integrations.engine.filtering import Filter, Verdict
from integrations.engine.pipeline import filter_fields
from integrations.models import Draft, Preview, PreviewPage
from integrations.people import CUSTOM, Person, Status, field_label
from integrations.provider import Events, Page, Settings, Source, Unreadable
from integrations.services.collector import quiet_collector
from integrations.services.credentials import connection_settings
from integrations.services.draft_choices import sendable
from integrations.services.draft_rows import DraftRefused, refuse_gone, writing
from integrations.sources.blocking import is_sensitive
from integrations.sources.rest import without
from portal.kit import clock, queue
from portal.kit.http import Http
from portal.kit.leases import fenced, renew, update
from portal.kit.outbound import egress
from portal.kit.sealed import BoxUnopenable, KeyPair, seal, unseal

SETUP_PREVIEW = "setup.preview"
LASTS = timedelta(hours=1)
LEASE = timedelta(seconds=90)
PAGE_PEOPLE = 500
READING_SECONDS = 150.0  # below the queue's own limit; who comes later is not in the lists
_PAGES_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody as the HR system sends them, without what is sensitive or declined."""

    source_id: str
    status: Status
    fields: Mapping[str, str]
    has_event: bool = False

    @property
    def person(self) -> Person:
        return Person(self.source_id, self.status, self.fields)

    @property
    def name(self) -> str:
        parts = (self.fields.get("first_name", ""), self.fields.get("last_name", ""))
        return " ".join(filter(None, parts)) or self.fields.get("work_email", "") or self.source_id


class Entry(NamedTuple):
    """What a page holds of one person; `status` is "" where a file's word for it is not known."""

    source_id: str
    status: str
    fields: Mapping[str, str]
    has_event: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    seen: Seen
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Matching:
    """`inside` and `outside` count the people who work there; `gone` those who have left or not begun."""

    inside: int
    outside: int
    gone: int
    inside_people: tuple[Judged, ...]
    outside_people: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class FieldCount:
    """How many of the people have a value there; 0 is worth a warning."""

    name: str
    label: str
    count: int


# --- reading ------------------------------------------------------------------------------------------------


def start(draft: Draft) -> tuple[Preview, KeyPair]:
    """A new reading in place of any earlier one. The private key is given to the caller and kept nowhere.

    Raises DraftRefused: gone, or not_ready before the credentials work.
    """
    keys = KeyPair.make()
    with writing(draft, new_plan=False) as locked:
        if not locked.authenticated_at or not locked.consented_at or locked.rehearses:
            raise DraftRefused(
                _("The people can be shown as soon as the connection has been tried."), "not_ready"
            )
        preview = new_preview(locked, keys)
        queue.wake(SETUP_PREVIEW, preview.pk)
    return preview, keys


def new_preview(draft: Draft, keys: KeyPair, **values: Any) -> Preview:
    """The row alone, in place of any earlier one of the draft."""
    forget_previews(draft)
    expires_at = clock.now() + LASTS
    return Preview.objects.create(draft=draft, public_key=keys.public, expires_at=expires_at, **values)


def forget_previews(draft: Draft) -> None:
    Preview.objects.filter(draft=draft).delete()


def forget_expired() -> None:
    """What nobody confirmed within the hour."""
    Preview.objects.filter(expires_at__lte=Now()).delete()


@dataclass
class Batch:
    """What is held in memory while people are read: those who are not sealed yet, and counts over all."""

    hidden: Collection[str] = ()
    entries: list[Entry] = field(default_factory=list)
    total: int = 0
    unreadable: int = 0
    expected: int | None = None
    fields: Counter[str] = field(default_factory=Counter)

    def add(self, page: Page, source: Source, assigned: Collection[str]) -> None:
        self.expected = page.expected if page.expected is not None else self.expected
        for record in page.records:
            try:
                person = source.read(record)
            except Unreadable:
                self.unreadable += 1
                continue
            kept = {name: value for name, value in person.fields.items() if self._shows(name)}
            has_event = person.source_id in assigned
            self.take(Entry(person.source_id, person.status.value, kept, has_event))

    def take(self, entry: Entry) -> None:
        self.entries.append(entry)
        if not entry.status:
            self.unreadable += 1
            return
        self.total += 1
        self.fields.update(entry.fields.keys())

    def _shows(self, name: str) -> bool:
        if name in self.hidden:
            return False
        return not (name.startswith(CUSTOM) and is_sensitive(name.removeprefix(CUSTOM)))


def perform_preview(
    preview: Preview,
    *,
    source: Source | None = None,
    events: Events | None = None,
    http: Http | None = None,
    settings: Settings | None = None,
) -> None:
    """Reads from the beginning, whatever an earlier attempt left. Raises RetryLater, NeedsPerson and LeaseLost."""
    draft = preview.draft
    provider = draft.connection.provider
    reader = source or provider.source
    if reader is None:
        raise ValueError(f"{provider.slug} has no source of people")
    reader = without(reader, draft.declined)
    calls = http or egress().session()
    used = settings if settings is not None else connection_settings(draft.connection, draft)
    with fenced(preview):
        PreviewPage.objects.filter(preview=preview).delete()
        renew(preview, LEASE, people=0, pages=0, unreadable=0, expected=None, fields={}, read_all=False)
    assigned = _assigned(events or provider.events, calls, used)
    with quiet_collector():
        _read(preview, reader, calls, used, assigned)


def _assigned(events: Events | None, http: Http, settings: Settings) -> frozenset[str]:
    if events is None:
        return frozenset()
    found = events.assigned(http, settings, clock.now().date())
    return frozenset(one.source_id for batch in found for one in batch)


def _read(
    preview: Preview, source: Source, http: Http, settings: Settings, assigned: Collection[str]
) -> None:
    batch, began = Batch(frozenset(preview.draft.declined)), time.monotonic()
    is_whole = True
    for page in source.pages(http, settings):
        batch.add(page, source, assigned)
        if len(batch.entries) >= PAGE_PEOPLE:
            with fenced(preview):
                renew(preview, LEASE, **store(preview, batch))
        if page.cursor is not None and time.monotonic() - began >= READING_SECONDS:
            is_whole = False
            break
    with fenced(preview):
        update(preview, **store(preview, batch), read_all=is_whole)


def store(preview: Preview, batch: Batch) -> dict[str, Any]:
    """Seals the people of the batch and empties it. Returns what the preview's row tells afterwards."""
    number = preview.pages
    for start_at in range(0, len(batch.entries), PAGE_PEOPLE):
        body = _sealed(preview, number, batch.entries[start_at : start_at + PAGE_PEOPLE])
        PreviewPage.objects.create(preview=preview, number=number, body=body)
        number += 1
    batch.entries.clear()
    return {
        "pages": number,
        "people": batch.total,
        "unreadable": batch.unreadable,
        "expected": batch.expected,
        "fields": dict(batch.fields),
    }


def _sealed(preview: Preview, number: int, entries: Sequence[Entry]) -> bytes:
    """One page of people that only the private key opens, and only as this page of this preview."""
    packed = zlib.compress(orjson.dumps([list(entry) for entry in entries]), 1)
    return seal(packed, bytes(preview.public_key), _place(preview, number))


def _place(preview: Preview, number: int) -> str:
    return f"preview:{preview.pk}:{number}"


# --- looking ------------------------------------------------------------------------------------------------


def people(preview: Preview, keys: KeyPair) -> Iterator[Seen]:
    """Everybody read so far, opened page by page. Raises DraftRefused (gone) for another key, or after the hour."""
    for source_id, status, fields, has_event in entries(preview, keys):
        if status:
            yield Seen(source_id, Status(status), fields, has_event)


def entries(preview: Preview, keys: KeyPair) -> Iterator[Entry]:
    """As `people`, and those of a file whose status nobody knows."""
    if preview.expires_at <= clock.now():
        raise refuse_gone()
    pages = PreviewPage.objects.filter(preview=preview).order_by("number").values_list("number", "body")
    for number, body in pages.iterator(chunk_size=_PAGES_AT_ONCE):
        try:
            rows = orjson.loads(zlib.decompress(unseal(bytes(body), keys, _place(preview, number))))
        except BoxUnopenable:
            raise refuse_gone() from None
        yield from (Entry(*row) for row in rows)


def options(preview: Preview, keys: KeyPair, field: str) -> list[tuple[str, int]]:
    """The values of a field among those who work there, the most frequent first; spellings differ only by case once."""
    counts, spelling = Counter[str](), dict[str, str]()
    for seen in people(preview, keys):
        if not seen.status.works_here:
            continue
        value = filter_fields(seen.person, has_event=seen.has_event).get(field, "").strip()
        if value:
            counts[value.casefold()] += 1
            spelling.setdefault(value.casefold(), value)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(spelling[folded], count) for folded, count in ordered]


def names(preview: Preview, keys: KeyPair, ids: Collection[str]) -> dict[str, str]:
    """What people are called, by the HR system's key: a manager is sent as one."""
    return {seen.source_id: seen.name for seen in people(preview, keys) if seen.source_id in ids}


def matching(preview: Preview, keys: KeyPair, filter: Filter, *, limit: int) -> Matching:
    """Who would come in by this filter, who not and why; at most `limit` people of each, all are counted."""
    judge, counts = filter.folded().judge, Counter[str]()
    shown: dict[bool, list[Judged]] = {True: [], False: []}
    for seen in people(preview, keys):
        if not seen.status.works_here:
            counts["gone"] += 1
            continue
        verdict = judge(filter_fields(seen.person, has_event=seen.has_event))
        counts["inside" if verdict.inside else "outside"] += 1
        if len(shown[verdict.inside]) < limit:
            shown[verdict.inside].append(Judged(seen, verdict))
    return Matching(
        counts["inside"], counts["outside"], counts["gone"], tuple(shown[True]), tuple(shown[False])
    )


def fields(preview: Preview) -> tuple[FieldCount, ...]:
    """Every field that came or could have come, by its label."""
    draft = preview.draft
    expected = set() if draft.rehearses else set(sendable(draft.connection.provider))
    names = (expected | set(preview.fields)) - set(draft.declined)
    found = [FieldCount(name, _(field_label(name)), preview.fields.get(name, 0)) for name in names]
    return tuple(sorted(found, key=lambda one: (one.label.casefold(), one.name)))
