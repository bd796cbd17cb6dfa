"""One question to a vendor and its answer, as values; and the sources' words for answers that are broken."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import requests

from integrations.provider import Settings
from portal.kit.errors import NeedsPerson, RetryLater

Pairs = tuple[tuple[str, str], ...]
_PLACE = re.compile(r"\{([a-z_]+)\}")
_LABEL = re.compile(r"[a-z0-9-]{1,63}")
# A pair of surrogates, half of one, or any other escape, so that what follows an escaped backslash begins none.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
# What makes an answer a broken one, in words.
CUT_OFF = "it is cut off or no JSON"
NO_PEOPLE = "the list of people is not in it"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request below a base URL. `body` is JSON. No ask changes anything at the vendor."""

    path: str
    method: str = "GET"
    query: Pairs = ()
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def having(self, pairs: Pairs) -> Ask:
        """The same with these query values, replacing those of equal names."""
        names = {name for name, _ in pairs}
        kept = tuple(pair for pair in self.query if pair[0] not in names)
        return replace(self, query=kept + pairs)

    def with_body(self, **values: Any) -> Ask:
        return replace(self, body={**(self.body or {}), **values})


def naming(ask: Ask, place: str, names: Iterable[str]) -> Ask:
    """The question, asking for these names of the vendor's too.

    `place` is what of a question names them: a query value that is repeated ("attributes[]"), one that is a list with
    commas ("fields,"), or a list in the body ("body:fields").
    """
    if name := place.partition("body:")[2]:
        return ask.with_body(**{name: [*(ask.body or {}).get(name, ()), *names]})
    if (name := place.removesuffix(",")) != place:
        said = dict(ask.query).get(name)
        return ask.having(((name, ",".join([*filter(None, [said]), *names])),))
    return replace(ask, query=(*ask.query, *((place, each) for each in names)))


@dataclass(frozen=True, slots=True)
class Named:
    """A vendor that sends what is asked for by name and no more: the names that are `always` needed, that of each
    field, and that of what its customers made (`custom`), each below `root`. `place` is as in `naming`.

    Several names stand in one text, with spaces between.
    """

    place: str
    always: str
    of: Mapping[str, str]
    custom: str = ""
    root: str = ""

    def into(self, ask: Ask, fields: Collection[str], *, custom: bool) -> Ask:
        """The question for these fields. One that names nothing stays as it is."""
        wanted = [self.always, *(names for field, names in self.of.items() if field in fields)]
        names = dict.fromkeys(" ".join([*wanted, self.custom if custom else ""]).split())
        return naming(ask, self.place, [self.root + name for name in names]) if names else ask


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer. `data` is its JSON, None for 204 (`ended`). `next_link` is that of `Link: rel=next`."""

    data: Any
    ended: bool = False
    next_link: str | None = None


def understand(response: requests.Response, system: str) -> Answer:
    """The JSON of an answer. Half a page or a web page in its place is never taken for an empty page."""
    if response.status_code == 204:
        return Answer(None, ended=True)
    try:
        data = _parsed(response.content)
    except orjson.JSONDecodeError:
        raise broken(system, CUT_OFF) from None
    link = response.links.get("next", {}).get("url")
    return Answer(data, next_link=link)


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return orjson.loads(whole(content))


def whole(content: bytes) -> bytes:
    """JSON with U+FFFD in place of halves of a sign, so that a name cut within an emoji does not spoil everybody."""
    if b"\\ud" not in content and b"\\uD" not in content:
        return content
    return _ESCAPE.sub(lambda escape: b"\\ufffd" if escape["half"] else escape[0], content)


def broken(system: str, why: str) -> RetryLater:
    """The vendor answered, but not with what it promises to answer."""
    return RetryLater(f"{system} sent a broken answer: {why}.")


def filled(template: str, settings: Settings, system: str) -> str:
    """`template` with {name} replaced by that setting, which must be one label of a host name.

    A customer gives a subdomain, never an address (reliability-security.md T16). Raises NeedsPerson.
    """

    def value(match: re.Match[str]) -> str:
        given = settings.get(match[1], "").strip().lower()
        if not _LABEL.fullmatch(given):
            raise NeedsPerson(
                f"The {match[1].replace('_', ' ')} of {system} is one word of letters, digits and hyphens. "
                "Enter only that part of the address.",
                code="bad_subdomain",
            )
        return given

    return _PLACE.sub(value, template)


def dig(data: Any, path: str) -> Any:
    """The value at a dotted path; "" is the data itself. Raises LookupError where a step is missing."""
    for word in filter(None, path.split(".")):
        if not isinstance(data, dict):
            raise LookupError(path)
        data = data[word]
    return data
