"""Calling one address as one person, and judging the answer by what the policy declares for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any, cast

from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from portal.accounts.models import Role, User
from portal.accounts.policy import ANY, GET, STAFF
from portal.policy import POLICY
from tests.pages.policy.addresses import METHODS, PARAMETERS, SAFE
from tests.pages.policy.rows import ASKED, CHILDREN, IDS, Rows, args_of, query_of

SIGN_IN = "/accounts/sign-in/"
HTMX = {"HX-Request": "true"}
JSON = {"Accept": "application/json"}
# Answers to a good GET that are neither the page nor a way to another one.
READABLE: dict[str, tuple[int, ...]] = {
    "access_link": (200, 302, 410),
    "invitation_accept": (410,),
    "readyz": (503,),
}
# Without these even somebody who may would be told that the address is wrong.
BODIES: dict[str, dict[str, str]] = {
    "connection_schedule": {"how": "interval", "hours": "6"},
    "issue_snooze": {"days": "3"},
    "message_new": {"reach": "internal", "text": "Hello."},
    "request_move": {"move": "take_back"},
    "request_retry": {"what": "connection"},
    "request_snooze": {"for": "3d"},
    "why_ask": {"q": "Nobody Known"},
    "review_decide": {"do": "approve"},
}
# What a GET may do besides reading: seeing a notice by following it is what it is there for.
# allauth notes the address of whoever resets a password as one of that account.
TOUCHED_BY_READING = {
    "notice_open": {"notices_notice"},
    "account_reset_password_from_key": {"account_emailaddress"},
}
# The session itself, and how often something was tried.
ASIDE = {"django_session", "accounts_allowance", "audit_entry", "audit_chain"}
_HEADERS = (
    "Content-Type",
    "Cache-Control",
    "Vary",
    "Allow",
    "Location",
    "HX-Redirect",
    "Content-Security-Policy",
)
_VARIANTS: dict[str, tuple[dict[str, str], ...]] = {"GET": ({}, HTMX, JSON), "POST": ({}, HTMX)}
_COUNTS = (
    "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
    " WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
)
_SESSIONS: dict[int, str] = {}
# One for all: each client builds the whole chain of middleware for itself.
CLIENT = Client(raise_request_exception=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer, and which tables it wrote to."""

    path: str
    response: HttpResponse
    wrote: frozenset[str]

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def text(self) -> str:
        """Body and headers: a name leaks by either."""
        body = b"".join(cast(Any, self.response)) if self.response.streaming else self.response.content
        return body.decode(errors="replace") + "\n".join(
            f"{name}: {value}" for name, value in self.response.items()
        )

    @property
    def recorded(self) -> bool:
        return "audit_entry" in self.wrote

    def changed(self, name: str) -> frozenset[str]:
        return self.wrote - ASIDE - TOUCHED_BY_READING.get(name, set())


def call(
    user: User | None,
    method: str,
    name: str,
    args: Mapping[str, Any],
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, str] | None = None,
    keep: bool = False,
) -> Seen:
    """One request in a savepoint of its own, which is undone unless `keep`."""
    client = CLIENT
    client.cookies = SimpleCookie({"sessionid": _SESSIONS[user.pk]} if user else {})
    cache.clear()
    before = _writes()
    with transaction.atomic():
        path = reverse(name, kwargs=dict(args)) + query
        if method == "POST":
            response = client.post(
                path, {**BODIES.get(name, {}), **(body or {})}, headers=dict(headers or {})
            )
        else:
            response = client.generic(method, path, headers=dict(headers or {}))
        seen = Seen(path, cast(HttpResponse, response), frozenset(dict(_writes().items() - before.items())))
        transaction.set_rollback(not keep)
    return seen


def sign_in(user: User) -> None:
    """Once for all of the module: the session outlives the savepoint of a test."""
    client = Client()
    client.force_login(user)
    _SESSIONS[user.pk] = client.cookies["sessionid"].value


def forget_sessions() -> None:
    _SESSIONS.clear()


def _writes() -> dict[str, int]:
    """Rows written so far in this transaction, per table: what was undone counts as well, for it was tried."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS)
        return dict(cursor.fetchall())


# --- what the policy expects --------------------------------------------------------------------------------


@dataclass
class Report:
    """What was asked, and every answer that is not as declared."""

    asked: int = 0
    wrong: list[tuple[Any, ...]] = field(default_factory=list)

    def note(self, is_wrong: bool, *words: Any) -> None:
        if is_wrong:
            self.wrong.append(words)

    def all_right(self, at_least: int) -> bool:
        """Prints what is wrong, one line each. `at_least` so many were asked, lest a loop be empty."""
        for line in self.wrong:
            print(*line)
        return not self.wrong and self.asked >= at_least


def cells(*, undeclared: bool = False) -> Iterator[tuple[str, str]]:
    """Every address with the methods that it has, or with those that it has not."""
    for name, rule in POLICY.items():
        for method in METHODS:
            declared = rule.knows(GET if method == "HEAD" else method)
            if declared != undeclared:
                yield name, method


def relation_of(name: str, method: str, role: Role) -> Any:
    """None when anybody may call it, False when this role may not."""
    who = POLICY[name].methods[GET if method == "HEAD" else method]
    return None if who is None else who.get(role, False)


def has_a_child(name: str) -> bool:
    """Whether the address names a row within another one."""
    return bool(PARAMETERS[name] & CHILDREN and PARAMETERS[name] - CHILDREN) or name in ASKED


def names_a_row(name: str) -> bool:
    return bool(PARAMETERS[name] & IDS)


def judge_refusal(report: Report, seen: Seen, cell: tuple[Any, ...], method: str, mark: str) -> None:
    """A refusal changes nothing, names nobody, and leaves an entry when it was more than a look."""
    report.note(bool(seen.changed("")), *cell, "changed", sorted(seen.changed("")))
    report.note(mark in seen.text, *cell, "names", mark)
    report.note(method not in SAFE and not seen.recorded, *cell, "left no entry")


def judge_own(report: Report, own: Rows, other: Rows, role: Role, name: str, method: str) -> None:
    """What is one's own opens, names nobody else, and a look at it changes nothing."""
    report.asked += 1
    seen = call(own.people[role], method, name, args_of(name, own, role), query=query_of(name, own))
    cell = (name, method, role.value, "own", seen.status)
    if method in SAFE:
        report.note(seen.status not in READABLE.get(name, (200, 302)), *cell)
        report.note(bool(seen.changed(name)), *cell, "changed", sorted(seen.changed(name)))
    else:
        report.note(seen.status in (403, 404, 405) or seen.status >= 500, *cell)
        report.note(not seen.recorded, *cell, "left no entry")
    if relation_of(name, method, role) != ANY:
        report.note(tells_of(other, seen, role), *cell, "names", other.mark)


def tells_of(other: Rows, seen: Seen, role: Role) -> bool:
    """Whether the answer has anything of the other company. Colleagues of the staff are no secret among the staff."""
    text = seen.text
    for colleague in other.people.values() if role in STAFF else ():
        text = text.replace(colleague.name, "") if role in STAFF and colleague.is_desk_staff else text
    return other.mark in text


def judge_foreign(report: Report, own: Rows, other: Rows, role: Role, name: str, method: str) -> None:
    """Foreign and missing answer alike where the relation does not reach; where it does, the foreign one opens."""
    reaches = relation_of(name, method, role) == ANY
    for headers in _VARIANTS.get(method, ({},)) if not reaches else ({},):
        report.asked += 2
        path = query_of(name, own)
        missing = call(own.people[role], method, name, args_of(name, None), query=path, headers=headers)
        cell = (name, method, role.value, *headers, "missing", missing.status)
        report.note(missing.status != 404, *cell)
        judge_refusal(report, missing, cell, method, other.mark)
        path = query_of(name, other)
        foreign = call(
            own.people[role], method, name, args_of(name, other, role), query=path, headers=headers
        )
        cell = (name, method, role.value, *headers, "foreign", foreign.status)
        if reaches:
            report.note(method in SAFE and foreign.status not in (200, 302), *cell)
            continue
        judge_refusal(report, foreign, cell, method, other.mark)
        report.note(face_of(foreign) != face_of(missing), *cell)


def judge_mixed(report: Report, own: Rows, other: Rows, role: Role, name: str, method: str) -> None:
    """A child of somebody else under a parent of one's own is nobody's."""
    theirs = args_of(name, other, role)
    mixed = {
        key: theirs[key] if key in CHILDREN else value for key, value in args_of(name, own, role).items()
    }
    report.asked += 1
    seen = call(own.people[role], method, name, mixed)
    cell = (name, method, role.value, "foreign child", seen.status)
    report.note(seen.status != 404, *cell)
    judge_refusal(report, seen, cell, method, other.mark)


def judge_role(report: Report, own: Rows, role: Role, name: str, method: str) -> None:
    report.asked += 1
    seen = call(own.people[role], method, name, args_of(name, own, role))
    cell = (name, method, role.value, seen.status)
    report.note(seen.status != 403, *cell)
    judge_refusal(report, seen, cell, method, f"{own.mark} Clinic")


def face_of(seen: Seen) -> tuple[Any, ...]:
    """What somebody sees of an answer, without tokens and without the address that they asked for themselves."""
    text = "" if seen.response.streaming else seen.response.content.decode()
    text = re.sub(r'("X-CSRFToken": "|name="csrfmiddlewaretoken" value=")[^"]+', r"\1", text)
    text = text.replace(seen.path, "/asked/")
    headers = tuple(str(seen.response.get(header, "")) for header in _HEADERS)
    return seen.status, text, *headers
