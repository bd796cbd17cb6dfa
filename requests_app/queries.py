"""Reading requests: lists, work to do, checklists, timelines. What is missing is computed, never typed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet
from django.urls import reverse

from integrations.models import Draft, Purpose
from integrations.provider import Audience, ItemKind, Owner, Topic
from portal.accounts.models import Role, User
from portal.accounts.services import scope_of
from requests_app.lifecycle import Stage
from requests_app.models import (
    Answer,
    AnswerChange,
    AnswerState,
    ChangeOf,
    Event,
    Evidence,
    Item,
    Request,
    RequestQuerySet,
)

SETTLED = frozenset(
    {AnswerState.PROVIDED, AnswerState.ACCEPTED, AnswerState.WAIVED, AnswerState.NOT_APPLICABLE}
)
# Who writes such a line has edited; accepting, sending back and waiving are decisions.
EDITS = (ChangeOf.GIVEN, ChangeOf.POSTPONED)
OPTIONAL = {"always": False}
_OWNER_WORDS = {Owner.CUSTOMER: "customer", Owner.CSM: "CSM", Owner.SUPPORT: "support"}
_AUDIENCES = {
    Role.CSM: Audience.CSM,
    Role.TL: Audience.TL,
    Role.DEVELOPER: Audience.DEVELOPER,
    Role.OPERATOR: Audience.DEVELOPER,
    Role.CUSTOMER_ADMIN: Audience.CUSTOMER,
}
Waiting = Mapping[Owner, int]


def audience_of(user: User) -> Audience:
    """As whom this person looks at a checklist."""
    return _AUDIENCES[Role(user.role)]


def request_url(req: Request) -> str:
    """The request's page, as an address that works in tickets and mails."""
    return f"{settings.SITE_URL}{reverse('request_detail', args=[req.number])}"


# --- what is missing ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """An item with its answer. `required` by what is answered so far; `open` while somebody waits for it."""

    item: Item
    answer: Answer
    required: bool

    @property
    def is_settled(self) -> bool:
        return self.answer.state in SETTLED

    @property
    def applies(self) -> bool:
        """It is asked: required now, or optional. Not: asked under a condition that does not hold."""
        return self.required or self.item.required == OPTIONAL

    @property
    def is_open(self) -> bool:
        """Somebody must answer: it is required, or a team lead has sent it back."""
        wanted = self.required or self.answer.state == AnswerState.CHANGE_REQUESTED
        return wanted and self.applies and not self.is_settled


def lines_of(req: Request) -> list[Line]:
    """The whole checklist in order, in one query."""
    items = Item.objects.filter(req=req).select_related(
        "answer__provided_by", "answer__decided_by", "answer__evidence"
    )
    return _lines(list(items))


def missing_items(req: Request) -> list[Item]:
    """Required items that nobody has provided or waived, in order."""
    return [line.item for line in lines_of(req) if line.is_open]


def waiting_on(req: Request) -> dict[Owner, int]:
    """How many items are missing, by who must supply them."""
    return _waiting(lines_of(req))


def waiting_words(stage: Stage, waiting: Waiting) -> str:
    """ "customer (3), CSM (1)", "team lead", "" when nobody has to do anything."""
    if stage == Stage.SUBMITTED:
        return "team lead"
    if stage == Stage.APPROVED:
        return "connection"
    if not stage.is_in_preparation:
        return ""
    if not waiting:
        return "customer" if stage == Stage.WAITING_ON_CUSTOMER else "CSM"
    return ", ".join(
        f"{_OWNER_WORDS[owner]} ({waiting[owner]})" for owner in _OWNER_WORDS if owner in waiting
    )


def _lines(items: Sequence[Item]) -> list[Line]:
    known = {item.key: item.answer for item in items if item.answer.state in SETTLED}
    values = {key: _value(answer) for key, answer in known.items()}
    return [Line(item, item.answer, item.is_required(values)) for item in items]


def _value(answer: Answer) -> Any:
    """What conditions compare with; that a secret or a file is there counts as True."""
    return True if answer.sealed or answer.evidence_id else answer.value


def _waiting(lines: Iterable[Line]) -> dict[Owner, int]:
    counts = Counter(Owner(line.item.owner) for line in lines if line.is_open)
    return {owner: counts[owner] for owner in _OWNER_WORDS if counts[owner]}


# --- lists --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A request in a list, with whom it waits for."""

    req: Request
    waiting: Waiting

    @property
    def waiting_words(self) -> str:
        return waiting_words(self.req.current_stage, self.waiting)


def requests_for(user: User) -> RequestQuerySet:
    """What this person may see, with all that a list shows: one query, and one more in `rows`."""
    found: RequestQuerySet = Request.objects.for_actor(user)
    return found.select_related("company", "owner", "filed_by", "connection")


def rows(requests: Iterable[Request]) -> list[Row]:
    """One page of a list with its waiting-on counts, in one further query however many there are."""
    page = list(requests)
    editable = [req.pk for req in page if req.current_stage.is_in_preparation]
    items: dict[int, list[Item]] = {pk: [] for pk in editable}
    if editable:
        for item in Item.objects.filter(req__in=editable).select_related("answer"):
            items[item.req_id].append(item)
    return [Row(req, _waiting(_lines(items.get(req.pk, [])))) for req in page]


def matching(found: RequestQuerySet, text: str) -> RequestQuerySet:
    """Those whose number, company or Jira key is meant by `text`."""
    words = " ".join(text.split())[:100].replace("\x00", "")
    if not words:
        return found
    match = Q(company__name__icontains=words) | Q(jira_key__istartswith=words) | Q(company__lms_id=words)
    if number := re.fullmatch(r"(?:req-?)?(\d{1,9})", words, re.IGNORECASE):
        match |= Q(number=int(number[1]))
    return found.filter(match)


def stage_counts(user: User) -> dict[str, int]:
    """Numbers for the tabs: "all", "open" and one per stage, in one query."""
    found = Request.objects.for_actor(user).order_by()
    counts = dict(found.values_list("stage").annotate(count=Count("pk")))
    by_stage = {stage.value: counts.get(stage.value, 0) for stage in Stage}
    return {
        "all": sum(by_stage.values()),
        "open": sum(by_stage[stage.value] for stage in Stage if stage.is_open),
        **by_stage,
    }


@dataclass(frozen=True, slots=True)
class Group:
    """A heading of *My work* with its requests, longest waiting first."""

    title: str
    rows: tuple[Row, ...]


def my_work(user: User, *, most: int = 20) -> list[Group]:
    """What this person should do next, most pressing first. Groups without requests are left out."""
    queues = _queues(user)
    pages = {title: list(found.order_by("stage_since", "number")[:most]) for title, found in queues.items()}
    every = {
        row.req.pk: row for row in rows({req.pk: req for page in pages.values() for req in page}.values())
    }
    return [Group(title, tuple(every[req.pk] for req in page)) for title, page in pages.items() if page]


def _queues(user: User) -> dict[str, RequestQuerySet]:
    found = requests_for(user)
    mine = found.filter(owner=user)
    # Stage and event are written by the same transaction, whose now() they share.
    back = Q(
        stage=Stage.DRAFT,
        pk__in=Event.objects.filter(move="hand_back", at__gte=F("req__stage_since")).values("req"),
    )
    queues: dict[str, RequestQuerySet] = {}
    if user.role == Role.TL:
        queues["Needs your approval"] = found.filter(stage=Stage.SUBMITTED).exclude(filed_by=user)
    if user.role in (Role.CSM, Role.TL):
        queues["Changes requested"] = mine.filter(stage=Stage.CHANGES_REQUESTED)
        queues["The customer has answered"] = mine.filter(back)
        queues["Connection failed"] = mine.filter(stage=Stage.FAILED)
        queues["Drafts"] = mine.filter(stage=Stage.DRAFT).exclude(back)
        queues["Waiting on the customer"] = mine.filter(stage=Stage.WAITING_ON_CUSTOMER)
        queues["In review"] = mine.filter(stage=Stage.SUBMITTED)
    else:
        queues["Approved, not live yet"] = found.filter(stage=Stage.APPROVED)
        queues["Connection failed"] = found.filter(stage=Stage.FAILED)
    return queues


# --- one request --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TopicState:
    """One line of the task list: a topic, its lines that this audience sees, and how far it is."""

    topic: Topic
    lines: tuple[Line, ...]

    @property
    def waiting(self) -> Waiting:
        return _waiting(self.lines)

    @property
    def open_count(self) -> int:
        return sum(line.is_open for line in self.lines)

    @property
    def is_done(self) -> bool:
        return self.open_count == 0

    @property
    def is_optional(self) -> bool:
        """Nothing here is waited for, and nothing was given."""
        return self.is_done and not any(line.is_settled for line in self.lines)

    @property
    def state(self) -> str:
        if self.is_done:
            return "Done"
        return "In progress" if any(line.is_settled for line in self.lines) else "Not started"


def checklist(req: Request, audience: Audience, *, scope: frozenset[str] | None = None) -> list[TopicState]:
    """The topics in order. A customer sees their own items alone, and never what is not meant for them.

    `scope` are the keys of the items that were handed on to them; None is the whole part.
    """
    seen = [line for line in lines_of(req) if line.item.is_visible_to(audience)]
    if audience == Audience.CUSTOMER:
        seen = [line for line in seen if line.item.owner == Owner.CUSTOMER]
        seen = [line for line in seen if scope is None or line.item.key in scope]
    topics = [TopicState(topic, tuple(ln for ln in seen if ln.item.topic == topic)) for topic in Topic]
    return [state for state in topics if state.lines]


def checklist_for(req: Request, user: User) -> list[TopicState]:
    """The checklist as this person sees it: by their role, and a customer by what was handed on to them."""
    audience = audience_of(user)
    scope = scope_of(user, req.public_id) if audience == Audience.CUSTOMER else None
    return checklist(req, audience, scope=scope)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline, as the partial shows it."""

    words: str
    detail: str
    who: str
    when: datetime
    tone: str
    icon: str


_ICONS = {
    "send_to_customer": "send",
    "hand_back": "arrow-back-up",
    "take_back": "arrow-back-up",
    "submit": "flag",
    "withdraw": "arrow-back-up",
    "send_back": "arrow-back-up",
    "approve": "circle-check",
    "reject": "circle-x",
    "go_live": "plug-connected",
    "fail": "plug-connected-x",
    "reopen": "pencil",
    "card": "list-check",
    "cancel": "x",
    "close": "lock",
    "ticket": "ticket",
    "stuck": "alert-triangle",
    "unstuck": "circle-check",
    "copy": "copy",
}


_TONES = {"stuck": "bad", "unstuck": "good"}


def timeline(req: Request, audience: Audience) -> list[Entry]:
    """What happened, newest first. Customers see what is meant for them, without reasons."""
    events = Event.objects.filter(req=req).select_related("by")
    if audience == Audience.CUSTOMER:
        events = events.filter(for_customer=True)
    return [
        Entry(
            words=event.words,
            detail="" if audience == Audience.CUSTOMER else event.reason,
            who=str(event.by) if event.by else "Integration Desk",
            when=event.at,
            tone=Stage(event.stage_after).tone if event.stage_after else _TONES.get(event.move, "neutral"),
            icon=_ICONS.get(event.move, "pencil"),
        )
        for event in events
    ]


def editors(req: Request) -> set[int]:
    """Everybody who filed, answered, postponed, submitted or set the connection up: none of them approves (four eyes)."""
    lines = AnswerChange.objects.filter(item__req=req, what__in=EDITS, by__isnull=False)
    from_moves = Event.objects.filter(req=req, move__in=("submit", "card"), by__isnull=False).values_list(
        "by", flat=True
    )
    return {req.filed_by_id, *lines.values_list("by", flat=True), *from_moves, *_editors_of_set_up(req)}


def _editors_of_set_up(req: Request) -> set[int]:
    drafts = Draft.objects.filter(connection=req.connection_id, purpose=Purpose.SETUP)
    people = drafts.values_list("created_by", "consented_by", "receipts__confirmed_by")
    return {person for row in people for person in row if person is not None}


def held_evidence(req: Request) -> QuerySet[Evidence]:
    """The files that an answer holds now, with who uploaded them; not those that were replaced."""
    return Evidence.objects.filter(req=req).exclude(answer=None).select_related("uploaded_by")


def shown_value(answer: Answer) -> str:
    """An answer as a person reads it; of a secret only that it is held."""
    item, value = answer.item, answer.value
    if answer.sealed:
        return f"held, ends in {answer.hint}" if answer.hint else "held"
    if answer.evidence is not None:
        return answer.evidence.name
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dict):
        return f"Confirmed by {value['by']} on {value['at'][:10]}"
    if item.kind == ItemKind.MONEY and value:
        amount, _, currency = str(value).partition(" ")
        return f"{currency} {Decimal(amount):,.2f}"
    if item.kind == ItemKind.CHOICE:
        return next(
            (option["label"] for option in item.options if option["value"] == value), str(value or "")
        )
    return "" if value is None else str(value)
