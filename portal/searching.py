"""Full-text search over requests, companies, connections and people, each within what the reader may see.

What is said in a request (answers, notes, messages) is found by PostgreSQL's text search: accents and case are folded,
all words must be there, and the last one may be a beginning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVectorField
from django.db import OperationalError, connection, transaction
from django.db.models import F, Func, Q, QuerySet, TextField
from django.urls import reverse

from integrations import catalog
from integrations.models import Connection, DirectoryPerson
from integrations.provider import Audience, ItemKind, Owner
from integrations.queries import begins_with
from portal.accounts.models import AccessLink, Company, User
from portal.kit.folding import fold
from requests_app.models import Answer, Message, Reach, Request, RequestQuerySet
from requests_app.queries import audience_of

SHORTEST = 2  # characters
LONGEST = 100
SHOWN = 8  # results of a kind
MOST_WORDS = 8
# The directory has no index of names: it would slow every sync down. So people are looked through, and not for long.
PEOPLE_MILLISECONDS = 1500
_AROUND = 60  # characters of a text that are shown before and after the word that was found
# What stands between words, exactly as in the database's `search_words`: no quote and no operator is part of one.
_WORD = re.compile(r"[^\x00-/:-@\[-`{-\xbf\xd7\xf7\u2000-\u206f\u3000-\u303f\ud800-\udfff]+")
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")
_NUMBER = re.compile(r"(?:req-?)?(\d{1,9})", re.IGNORECASE)
_JIRA_KEY = re.compile(r"[A-Za-z][A-Za-z0-9]{0,19}-\d{1,10}")


class _CompanyWords(Func):
    """As in the index company_words."""

    template = "search_words((%(expressions)s))"
    arg_joiner = " || ' ' || "
    output_field = SearchVectorField()


class _MessageWords(Func):
    """As in the index message_words."""

    function = "search_words"
    output_field = SearchVectorField()


class _AnswerWords(Func):
    """As in the index answer_words."""

    template = "search_words((%(expressions)s #>> '{}'))"
    output_field = SearchVectorField()


class _JsonType(Func):
    function = "jsonb_typeof"
    output_field = TextField()


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a snippet; `found` when it is what was looked for."""

    text: str
    found: bool


@dataclass(frozen=True, slots=True)
class RequestHit:
    """A request, and where in it the words are; `said` is empty when its own line says it."""

    req: Request
    url: str
    where: str = ""
    said: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class CompanyHit:
    company: Company
    url: str


@dataclass(frozen=True, slots=True)
class Results:
    requests: Sequence[RequestHit] = ()
    companies: Sequence[CompanyHit] = ()
    connections: Sequence[Connection] = ()
    people: Sequence[DirectoryPerson] = ()
    # False when the directory was too large to be looked through in time.
    all_people: bool = True

    @property
    def count(self) -> int:
        return len(self.requests) + len(self.companies) + len(self.connections) + len(self.people)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, taken apart. No operator of any language survives it."""

    text: str
    words: tuple[str, ...]
    # As typed, parted by spaces: a number, a Jira key or an address is one of these.
    terms: tuple[str, ...]

    @classmethod
    def of(cls, typed: str) -> Asked:
        text = " ".join(_UNKEEPABLE.sub("", typed)[:LONGEST].split())
        terms = [term for term in text.split() if _WORD.search(fold(term))]
        return cls(text, tuple(_WORD.findall(fold(text))[:MOST_WORDS]), tuple(terms[:MOST_WORDS]))

    @property
    def is_enough(self) -> bool:
        return bool(self.words) and (len(self.text) >= SHORTEST or self.text.isdecimal())

    def query(self) -> SearchQuery:
        return _query(self.words)


def search_all(user: User, asked: Asked) -> Results:
    """Everything that this person may see and that has all the words; a fixed number of queries."""
    companies = _companies(user, asked)
    people, complete = _people(user, asked)
    return Results(
        requests=_requests(user, asked),
        companies=[CompanyHit(each, _company_url(user, each)) for each in companies[:SHOWN]],
        connections=_connections(user, asked),
        people=people,
        all_people=complete,
    )


def _query(words: Sequence[str], *, is_last: bool = True) -> SearchQuery:
    """All of these words, the last of what was typed as a beginning."""
    quoted = " & ".join(f"'{word}'" for word in words) + (":*" if is_last else "")
    return SearchQuery(quoted, config="simple", search_type="raw")


# --- requests -----------------------------------------------------------------------------------------------


def _requests(user: User, asked: Asked) -> list[RequestHit]:
    """Those that are meant by their own line first, then those in which something was said, best first."""
    mine: RequestQuerySet = Request.objects.for_actor(user)
    hits: dict[int, tuple[str, tuple[Piece, ...]]] = dict.fromkeys(
        mine.filter(_by_line(asked)).order_by("-number").values_list("pk", flat=True)[:SHOWN], ("", ())
    )
    said = [*_said_in_messages(user, mine, asked), *_said_in_answers(user, mine, asked)]
    for _, pk, where, text in sorted(said, key=lambda each: -each[0]):
        hits.setdefault(pk, (where, snippet(text, asked.words)))
    found = mine.select_related("company", "owner").in_bulk(list(hits)[:SHOWN])
    return [RequestHit(found[pk], _request_url(user, found[pk]), *hits[pk]) for pk in hits if pk in found]


def _by_line(asked: Asked) -> Q:
    """Every term must be the number, the Jira key, or words of the company or the provider."""
    match = Q()
    for term in asked.terms:
        match &= _by_term(term, is_last=term == asked.terms[-1])
    return match


def _by_term(term: str, *, is_last: bool) -> Q:
    words = _WORD.findall(fold(term))
    match = _named(words, is_last=is_last)
    if number := _NUMBER.fullmatch(term):
        match |= Q(number=int(number[1]))
    if _JIRA_KEY.fullmatch(term):
        match |= Q(jira_key__startswith=term.upper())
    return match


def _named(words: Sequence[str], *, is_last: bool) -> Q:
    """Rows of a company, or for a provider, whose name has these words."""
    companies = Company.objects.alias(found=_CompanyWords("name", "lms_id"))
    named = companies.filter(found=_query(words, is_last=is_last))
    return Q(company__in=named.values("pk")) | Q(provider_slug__in=_slugs(words))


def _slugs(words: Iterable[str]) -> list[str]:
    """Providers whose name has a word that begins like each of these."""
    wanted = list(words)
    return [
        card.slug
        for card in catalog.providers()
        if all(any(part.startswith(word) for part in _WORD.findall(fold(card.name))) for word in wanted)
    ]


Said = tuple[float, int, str, str]


def _said_in_messages(user: User, mine: RequestQuerySet, asked: Asked) -> list[Said]:
    found = Message.objects.filter(req__in=mine).alias(words=_MessageWords("text"))
    if not user.is_desk_staff:
        found = found.filter(_handed_on(user), reach=Reach.CUSTOMER)
    ranked = found.filter(words=asked.query()).annotate(rank=SearchRank(F("words"), asked.query()))
    rows = ranked.order_by("-rank", "-pk").values_list("rank", "req_id", "reach", "text")[:SHOWN]
    return [(rank, pk, Reach(reach).label, text) for rank, pk, reach, text in rows]


def _said_in_answers(user: User, mine: RequestQuerySet, asked: Asked) -> list[Said]:
    """Text only, never of a secret, and only of items that are meant for this reader."""
    audience = audience_of(user)
    found = Answer.objects.filter(
        item__req__in=mine, item__visible_to__contains=[audience.value], sealed=None
    ).exclude(item__kind=ItemKind.SECRET.value)
    if audience == Audience.CUSTOMER:
        found = found.filter(_handed_on(user, "item__req__", "item__"), item__owner=Owner.CUSTOMER.value)
    found = found.alias(kind=_JsonType("value"), words=_AnswerWords("value")).filter(kind="string")
    ranked = found.filter(words=asked.query()).annotate(rank=SearchRank(F("words"), asked.query()))
    rows = ranked.order_by("-rank", "-pk").values_list("rank", "item__req_id", "item__label", "value")[:SHOWN]
    return [(rank, pk, label, str(value)) for rank, pk, label, value in rows]


def _handed_on(user: User, req: str = "req__", item: str = "item__") -> Q:
    """A colleague to whom a few items were handed on finds nothing of the others (accounts.services.scope_of)."""
    keys: dict[UUID, list[list[str]]] = {}
    links = AccessLink.objects.filter(used_by=user, revoked_at=None)
    for public_id, part in links.values_list("request_id", "item_keys"):
        keys.setdefault(public_id, []).append(part)
    whole = [public_id for public_id, parts in keys.items() if not all(parts)]
    match = Q(**{f"{req}public_id__in": whole})
    for public_id in keys.keys() - set(whole):
        part = {key for each in keys[public_id] for key in each}
        match |= Q(**{f"{req}public_id": public_id, f"{item}key__in": sorted(part)})
    return match


def snippet(text: str, words: Sequence[str]) -> tuple[Piece, ...]:
    """The surroundings of the first word found, in pieces: who shows them escapes each as it is."""
    spans = [
        match.span()
        for match in _WORD.finditer(unicodedata.normalize("NFC", text))
        if any(
            part == word or (word == words[-1] and part.startswith(word))
            for part in _WORD.findall(fold(match.group()))
            for word in words
        )
    ]
    text = unicodedata.normalize("NFC", text)
    start = max(0, spans[0][0] - _AROUND) if spans else 0
    end = min(len(text), (spans[0][1] if spans else 0) + 2 * _AROUND)
    pieces, at = [Piece("…", found=False)] if start else [], start
    for first, last in spans:
        if last > end:
            break
        pieces += [Piece(text[at:first], found=False), Piece(text[first:last], found=True)]
        at = last
    pieces.append(Piece(text[at:end] + ("…" if end < len(text) else ""), found=False))
    return tuple(piece for piece in pieces if piece.text)


def _request_url(user: User, req: Request) -> str:
    if user.is_desk_staff:
        return reverse("request_detail", args=[req.number])
    return reverse("customer_request", args=[req.public_id])


# --- companies, connections, people -------------------------------------------------------------------------


def _companies(user: User, asked: Asked) -> QuerySet[Company]:
    mine: QuerySet[Company] = Company.objects.for_actor(user)
    found = mine.alias(words=_CompanyWords("name", "lms_id"))
    return found.filter(words=asked.query()).order_by("name", "pk")


def _company_url(user: User, company: Company) -> str:
    if user.is_desk_staff:
        return reverse("company_detail", args=[company.public_id])
    return f"{reverse('directory')}?company={company.public_id}"


def _connections(user: User, asked: Asked) -> list[Connection]:
    mine: QuerySet[Connection] = Connection.objects.for_actor(user)
    match = Q()
    for word in asked.words:
        match &= _named([word], is_last=word == asked.words[-1])
    found = mine.filter(match).select_related("company")
    return list(found.order_by("company__name", "provider_slug", "pk")[:SHOWN])


def _people(user: User, asked: Asked) -> tuple[list[DirectoryPerson], bool]:
    """Every term begins a name or the address. False beside them when there were too many to look through in time."""
    found: QuerySet[DirectoryPerson] = DirectoryPerson.objects.for_actor(user)
    for term in asked.terms:
        found = begins_with(found, term)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {PEOPLE_MILLISECONDS}")
            people = list(found.select_related("company").order_by("last_name", "first_name", "pk")[:SHOWN])
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
            return people, True
    except OperationalError:  # the statement was cancelled
        return [], False
