"""The vocabulary of a card: what a provider is, as frozen values. Knows no vendor and no Django."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from integrations.conditions import ALWAYS, Condition
from integrations.people import Person
from portal.kit.errors import RetryLater

if TYPE_CHECKING:  # the engine imports this module and must not load an HTTP client
    from portal.kit.http import Http


class Kind(StrEnum):
    SSO = "sso"
    HRIS = "hris"

    @property
    def label(self) -> str:
        return self.value.upper()


class Owner(StrEnum):
    """Who must supply an item. "Waiting on" is computed from this."""

    CSM = "csm"
    CUSTOMER = "customer"
    SUPPORT = "support"


class Audience(StrEnum):
    """Who may see an item's answer. Developers see what the ticket shows."""

    CSM = "csm"
    TL = "tl"
    CUSTOMER = "customer"
    DEVELOPER = "developer"


class Topic(StrEnum):
    """One short page of the task list each, in this order."""

    COMPANY = "company"
    CONTACT = "contact"
    DETAILS = "details"
    TEST_USER = "test_user"
    CONSENT = "consent"
    PREFERENCES = "preferences"

    @property
    def label(self) -> str:
        return _TOPIC_LABELS[self]


_TOPIC_LABELS = {
    Topic.COMPANY: "Company",
    Topic.CONTACT: "IT contact",
    Topic.DETAILS: "Provider details",
    Topic.TEST_USER: "Test user",
    Topic.CONSENT: "Purchase and consent",
    Topic.PREFERENCES: "Preferences",
}


class ItemKind(StrEnum):
    TEXT = "text"
    LONGTEXT = "longtext"
    EMAIL = "email"
    PHONE = "phone"
    TIMEZONE = "timezone"
    DOMAIN = "domain"
    UUID_OR_TEXT = "uuid_or_text"
    MONEY = "money"
    SECRET = "secret"  # noqa: S105 - a kind of item
    BOOL = "bool"
    CHOICE = "choice"
    ATTEST = "attest"
    FILE = "file"
    DATE = "date"


class InTicket(StrEnum):
    """What of an answer goes into the ticket. LINK is "held in Integration Desk" with the request's address."""

    VALUE = "value"
    LINK = "link"
    ATTACHMENT = "attachment"
    NONE = "none"


EVERYONE = frozenset(Audience)
NOT_CUSTOMER = EVERYONE - {Audience.CUSTOMER}


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a checklist. `label` is the procedure's wording (jira-salesforce-intake.md §5.5).

    `maps` names the directory attribute whose source field the answer chooses ("location"), so that nobody
    answers the same question twice. `multiline` is for secrets such as certificates.
    """

    key: str
    label: str
    kind: ItemKind
    owner: Owner
    topic: Topic
    help: str = ""
    options: tuple[Option, ...] = ()
    required: Condition = ALWAYS
    visible_to: frozenset[Audience] = EVERYONE
    ticket: InTicket = InTicket.VALUE
    maps: str = ""
    multiline: bool = False


class OurValue(StrEnum):
    """What the customer copies from us into the vendor's product. The values come from the settings."""

    PORTAL_NAME = "portal_name"
    REDIRECT_URI = "redirect_uri"
    SIGN_OUT_URL = "sign_out_url"
    EGRESS_ADDRESSES = "egress_addresses"
    SUPPORT_EMAIL = "support_email"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a guide in the vendor's product; `shows` are values of ours to copy while doing it."""

    title: str
    text: str
    shows: tuple[OurValue, ...] = ()


class Unreadable(Exception):
    """One record could not be read: a problem with a stable `code`, the `field`, and the value's shape.

    `name` is whose record it is, as far as that can be read.
    """

    def __init__(self, code: str, field: str, shape: str = "", name: str = "") -> None:
        super().__init__(code, field, shape)
        self.code, self.field, self.shape, self.name = code, field, shape, name


class ListMoved(RetryLater):
    """The list is no longer the one that a cursor was made for: it must be read from its start."""


Cursor = Mapping[str, Any]
Record = Mapping[str, Any]
Settings = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the vendor. `cursor` is JSON and resumes after this page; None on the last one.

    `expected` is the vendor's own total, where it tells one.
    """

    records: tuple[Record, ...]
    cursor: Cursor | None
    expected: int | None = None


class Source(Protocol):
    """How the people of one connection are read. Raises RetryLater and NeedsPerson, never vendor errors."""

    def check(self, http: Http, settings: Settings) -> None:
        """Proves the credentials with the vendor's cheapest call."""

    def pages(self, http: Http, settings: Settings, cursor: Cursor | None = None) -> Iterator[Page]:
        """Streams the whole list, or what follows `cursor`. Ends only where the vendor said that it ends."""

    def source_id(self, record: Record) -> str:
        """The vendor's stable key of a record. Raises Unreadable."""

    def read(self, record: Record) -> Person:
        """Raises Unreadable."""


class Incremental(Protocol):
    """A vendor that can tell who changed. Leavers that it does not name are found by the weekly full pass."""

    def changed(
        self, http: Http, settings: Settings, since: str, cursor: Cursor | None = None
    ) -> Iterator[Page]:
        """As Source.pages, only of who changed since the watermark."""

    def watermark(self, began: datetime) -> str:
        """What `since` will be after a run that began at this instant."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """One person in one of the vendor's own groups, such as a confirmed assignment to an event."""

    source_id: str
    group_key: str
    group_name: str


class Events(Protocol):
    """A vendor whose groups are made there: events, shifts, teams."""

    def assigned(self, http: Http, settings: Settings, today: date) -> Iterator[tuple[Assigned, ...]]:
        """Batches of who is assigned to what lasts until `today` or later. Raises RetryLater, NeedsPerson."""


@dataclass(frozen=True, slots=True)
class Method:
    """One way to authenticate where the vendor has several; `keys` are those of `credentials` that it needs."""

    key: str
    label: str
    help: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One step of a check and what it found, in words for the page."""

    step: str
    ok: bool
    words: str


class SignIn(Protocol):
    """How an identity provider is verified without a user."""

    def verify(self, http: Http, settings: Settings) -> tuple[Finding, ...]:
        """Ends at the first step that fails. Raises RetryLater when the provider is away."""


_EMPTY: Mapping[str, str] = MappingProxyType({})
_NO_DATA: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Provider:
    """A vendor system that can be connected. The slug is also the file, the logo and the fixtures folder.

    `credentials` are the items that the connection needs; their keys are the names in `Settings`.
    `mapping` is directory attribute -> field that the source reads, `filter` and `policy` what a connection begins with
    (engine.filtering, engine.policy). `schedule` is times of day in UTC. `methods` is empty where there is only one.
    `ticket_name` is what the procedure calls it in the ticket. `version` rises when the checklist changes.
    `guide` is where the customer finds what `credentials` ask for, in the words of the vendor's pages.
    """

    slug: str
    name: str
    kind: Kind
    credentials: tuple[Item, ...]
    items: tuple[Item, ...]
    docs_url: str
    verified_on: date
    source: Source | None = None
    sign_in: SignIn | None = None
    incremental: Incremental | None = None
    events: Events | None = None
    methods: tuple[Method, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    filter: Mapping[str, Any] = field(default_factory=lambda: _NO_DATA)
    policy: Mapping[str, Any] = field(default_factory=lambda: _NO_DATA)
    schedule: tuple[str, ...] = ("03:00",)
    prerequisites: tuple[str, ...] = ()
    guide: tuple[Step, ...] = ()
    ticket_name: str = ""
    version: int = 1

    @property
    def name_in_ticket(self) -> str:
        return self.ticket_name or self.name

    @property
    def checklist(self) -> tuple[Item, ...]:
        """Every item, in the order of the topics."""
        order = list(Topic)
        return tuple(sorted((*self.items, *self.credentials), key=lambda item: order.index(item.topic)))
