"""The queue's filters and orders: what an address asks for, turned into one query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from django.conf import settings
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Extract, Now

from integrations.provider import Kind, Owner
from portal.kit import clock
from requests_app import queries
from requests_app.lifecycle import Stage
from requests_app.models import AnswerState, Item, Request, RequestQuerySet
from requests_app.services import clocks

MOST_COMPUTED = (
    2_000  # for how many requests at most the conditions of a checklist are evaluated for one filter
)
NEWEST = "newest"
ORDERS = {
    NEWEST: "Newest first",
    "waiting": "Longest in its stage",
    "due": "Due first",
    "value": "MRR × days waiting",
}
WAITING = {"customer": "Customer", "csm": "CSM", "tl": "Team lead", "connection": "Connection"}
_OWNERS = {"customer": Owner.CUSTOMER, "csm": Owner.CSM}
_STAGES = {"tl": Stage.SUBMITTED, "connection": Stage.APPROVED}
_PREPARED = tuple(stage for stage in Stage if stage.is_in_preparation)


class Band(NamedTuple):
    """An age in days since filing: from `least` up to, but not including, `below`."""

    key: str
    label: str
    least: int
    below: int | None

    def condition(self) -> Q:
        now, found = clock.now(), Q()
        if self.least:
            found &= Q(created_at__lte=now - timedelta(days=self.least))
        if self.below:
            found &= Q(created_at__gt=now - timedelta(days=self.below))
        return found


BANDS = (
    Band("0-3", "Under 3 days", 0, 3),
    Band("3-7", "3 to 7 days", 3, 7),
    Band("7-14", "1 to 2 weeks", 7, 14),
    Band("14-28", "2 to 4 weeks", 14, 28),
    Band("28-", "Over 4 weeks", 28, None),
)
_BANDS = {band.key: band for band in BANDS}


@dataclass(frozen=True, slots=True)
class Filters:
    """What an address asks for. A value that means nothing is empty here, so it filters nothing and is not kept."""

    q: str = ""
    kind: str = ""
    provider: str = ""
    stage: str = ""
    owner: str = ""
    waiting: str = ""
    age: str = ""
    mrr: str = ""
    currency: str = ""
    late: str = ""
    order: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Filters:
        """From an address or a saved view. Unknown names and values are ignored."""
        text = {name: value.replace("\x00", "").strip()[:80] for name, value in given.items()}
        known = {field.name: text.get(field.name, "") for field in fields(cls)}
        return cls(**{name: value for name, value in known.items() if _means_something(name, value)})

    @property
    def any(self) -> bool:
        """Whether something is filtered away; an order alone does not."""
        return any(value for name, value in self.as_query().items() if name not in {"order", "currency"})

    @property
    def more(self) -> int:
        """How many of the filters are set that the page keeps folded away."""
        return sum(bool(value) for value in (self.stage, self.waiting, self.age, self.mrr, self.late))

    def as_query(self) -> dict[str, str]:
        """Those that are set, in a fixed order, so that the same filters have the same address."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if value}

    def apply(self, rows: RequestQuerySet) -> RequestQuerySet:
        """All but the stage, which the tabs share, whom it waits for, which may need a second look, and the order."""
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.provider:
            rows = rows.filter(provider_slug=self.provider)
        if self.owner:
            rows = rows.filter(owner_id=int(self.owner))
        if self.age:
            rows = rows.filter(_BANDS[self.age].condition())
        if self.mrr:
            currency = self.currency or settings.SALESFORCE_CURRENCY
            rows = rows.filter(company__mrr__gte=Decimal(self.mrr), company__mrr_currency=currency)
        if self.late:
            rows = rows.filter(clocks.overdue())
        return queries.matching(rows, self.q)


def _means_something(name: str, value: str) -> bool:
    match name:
        case "kind":
            return value in set(Kind)
        case "stage":
            return value in set(Stage)
        case "owner":
            return value.isascii() and value.isdecimal() and len(value) < 10
        case "waiting":
            return value in WAITING
        case "age":
            return value in _BANDS
        case "mrr":
            return _amount(value) is not None
        case "currency":
            return len(value) == 3 and value.isascii() and value.isupper()
        case "late":
            return value == "1"
        case "order":
            return value in ORDERS and value != NEWEST
    return bool(value)


def _amount(text: str) -> Decimal | None:
    """A plain positive number that fits the column of MRR."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 < amount < 10**10 and abs(int(amount.adjusted())) < 12 else None


# --- whom it waits for --------------------------------------------------------------------------------------


class Waits(NamedTuple):
    """Which requests wait for somebody. `is_cut`: there were more than could be looked at one by one."""

    condition: Q
    is_cut: bool = False


def waits_for(rows: RequestQuerySet, whom: str, *, most: int = MOST_COMPUTED) -> Waits:
    """Those of `rows` whose line in the list names `whom` (a key of WAITING).

    A missing item that is always required decides in the database. Where only conditions could tell, the checklists
    of at most `most` requests, the newest, are evaluated here.
    """
    if whom in _STAGES:
        return Waits(Q(stage=_STAGES[whom]))
    owner = _OWNERS[whom]
    missing = Item.objects.filter(req=OuterRef("pk"), owner=owner).exclude(
        answer__state__in=[AnswerState(state) for state in queries.SETTLED]
    )
    surely = Exists(missing.filter(required={"always": True}))
    unclear = rows.filter(~surely, stage__in=_PREPARED).order_by("-number").only("pk", "stage")
    looked_at = list(unclear.select_related(None)[: most + 1])
    found = [row.req.pk for row in queries.rows(looked_at[:most]) if _names(row, owner)]
    condition = (Q(stage__in=_PREPARED) & Q(surely)) | Q(pk__in=found)
    return Waits(condition, len(looked_at) > most)


def _names(row: queries.Row, owner: Owner) -> bool:
    if row.waiting:
        return owner in row.waiting
    customers = row.req.current_stage == Stage.WAITING_ON_CUSTOMER
    return owner == (Owner.CUSTOMER if customers else Owner.CSM)


# --- orders -------------------------------------------------------------------------------------------------


def in_order(rows: RequestQuerySet, order: str) -> RequestQuerySet | list[int]:
    """The rows in this order; for "due" their primary keys, because the business calendar lives here."""
    if order == "waiting":
        return rows.order_by("stage_since", "number")
    if order == "due":
        return clocks.in_order_of_due(rows)
    if order == "value":
        return _by_value(rows)
    return rows.order_by("-number")


def _by_value(rows: RequestQuerySet) -> RequestQuerySet:
    """MRR × days in the stage within each currency, the organisation's own currency first; no MRR comes last."""
    days = Extract(Now() - F("stage_since"), "epoch") / 86_400.0
    ours_first = Case(
        When(company__mrr_currency=settings.SALESFORCE_CURRENCY, then=Value(0)), default=Value(1)
    )
    has_none = Case(When(company__mrr=None, then=Value(1)), default=Value(0))
    ordered: RequestQuerySet = rows.order_by(
        has_none, ours_first, "company__mrr_currency", (F("company__mrr") * days).desc(), "-number"
    )
    return ordered


def page_of(page: Iterable[Request | int], rows: RequestQuerySet) -> list[Request]:
    """The requests themselves: of keys those of `rows`, in the order of the keys."""
    found = list(page)
    keys = [each for each in found if isinstance(each, int)]
    known = rows.in_bulk(keys) if keys else {}
    return [
        known[each] if isinstance(each, int) else each
        for each in found
        if not isinstance(each, int) or each in known
    ]
