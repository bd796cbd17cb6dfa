""" "Why is … (not) here?": at once for whoever is known, by one look at the HR system for everybody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST, require_safe

from integrations import queries
from integrations.engine import problems
from integrations.engine.explain import Trace
from integrations.engine.problems import Words
from integrations.engine.saying import in_words
from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Inquiry,
    PersonState,
    Problem,
)
from integrations.permissions import POLICY
from integrations.provider import Kind
from integrations.services.explaining import explain_person
from integrations.services.inquiring import MOST_MATCHES, ask, says_enough
from integrations.services.wording import day_words
from integrations.views.shared import DeskRequest, address_for, connection_of, inquiry_of, text_of
from integrations.views.words import PERSON_TONES
from portal.accounts.limits import RateLimited
from portal.accounts.models import Role, User
from portal.accounts.policy import POST
from portal.kit.errors import NeedsPerson

PEOPLE_SHOWN, PROBLEMS_SHOWN = 10, 10
_TITLES = {
    "listed": gettext_noop("In the HR system’s list"),
    "status": gettext_noop("Works there"),
    "filter": gettext_noop("Let in by the filter"),
    "mapping": gettext_noop("Has what is needed"),
    "directory": gettext_noop("In the directory"),
}

_Line = tuple[Problem, Words, str]


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    ok: bool | None
    words: str
    details: Sequence[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """One person and the way that they go. `url` is their page, "" for somebody whom the directory does not have.

    `fix` is "" where nothing alters it, because nothing runs any more.
    """

    name: str
    url: str
    steps: Sequence[Step]
    is_here: bool
    fix: str


@require_safe
def why(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """The search box, and what is known without asking anybody."""
    connection = connection_of(request.user, public_id)
    text = text_of(request)
    person = _named(connection, request.GET.get("person", ""))
    enough = says_enough(text)
    found = queries.people_of(connection, text=text) if enough else DirectoryPerson.objects.none()
    people = [person] if person else list(found[:PEOPLE_SHOWN])
    context = {
        "connection": connection,
        "hris": connection.kind == Kind.HRIS,
        "text": text or (str(person) if person else ""),
        "people": [(each, PERSON_TONES[PersonState(each.state)]) for each in people if len(people) > 1],
        "total": found.count(),
        "answer": _of_person(people[0]) if len(people) == 1 else None,
        "problems": _problems(connection, text) if enough and not person else [],
        "asked": enough or person is not None,
        "too_short": bool(text) and not enough,
        "stands_still": _stands_still(connection),
        "may_ask": _may_ask(request.user),
        "rules": _for_developers(request.user, connection),
    }
    return render(request, "integrations/why.html", context)


@require_POST
def why_ask(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Asks the HR system itself. What cannot be asked is said on the page, with what was typed still in the box."""
    connection = connection_of(request.user, public_id)
    query = " ".join(request.POST.get("q", "")[:254].replace("\x00", "").split())
    try:
        inquiry = ask(connection, query, by=request.user)
    except (NeedsPerson, RateLimited) as error:
        messages.error(request, _(error.sentence))
        return redirect(f"{reverse('why', args=[connection.public_id])}?{urlencode({'q': query})}")
    return redirect("inquiry_detail", inquiry.public_id)


@require_safe
def inquiry_detail(request: DeskRequest, public_id: UUID) -> HttpResponse:
    inquiry = inquiry_of(request.user, public_id)
    return render(request, "integrations/why_inquiry.html", _context(request.user, inquiry))


@require_safe
def inquiry_status(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Asked for every two seconds while the list is read; then the page loads afresh."""
    inquiry = inquiry_of(request.user, public_id)
    response = render(request, "integrations/_why_progress.html", _context(request.user, inquiry))
    if request.htmx and not inquiry.is_open:
        response["HX-Refresh"] = "true"
    return response


def _context(user: User, inquiry: Inquiry) -> dict[str, Any]:
    connection = inquiry.connection
    return {
        "inquiry": inquiry,
        "connection": connection,
        "text": inquiry.query,
        "answers": [_of_answer(user, connection, each) for each in inquiry.answers]
        if not inquiry.is_open
        else [],
        "stands_still": _stands_still(connection),
        "most": MOST_MATCHES,
        "may_ask": _may_ask(user),
        "rules": _for_developers(user, connection) if not inquiry.is_open else "",
    }


def _may_ask(user: User) -> bool:
    return POLICY["why_ask"].allows(POST, user)


def _named(connection: Connection, text: str) -> DirectoryPerson | None:
    """The person of an address's `?person=`, if they are of this connection."""
    try:
        public_id = UUID(text)
    except ValueError:
        return None
    return DirectoryPerson.objects.filter(connection=connection, public_id=public_id).first()


def _problems(connection: Connection, text: str) -> list[tuple[str, str, str, list[_Line]]]:
    """What the latest run says of records of this name: those that it skipped, and remarks about the others."""
    run = queries.latest_reading(connection)
    if run is None:
        return []
    found = queries.problems_named(run, text).select_related("run")[:PROBLEMS_SHOWN]
    url = f"{reverse('run_detail', args=[run.public_id])}#problems"
    lines = [(each, problems.words(each.code), url) for each in found]
    title, said = (
        _("Among the problems of the last run"),
        _("Records of this name that could not be handled."),
    )
    remarked, noted = _("Remarks of the last run"), _("They were handled all the same.")
    parts = [
        (title, said, "warn", [line for line in lines if line[0].code not in problems.REMARKS]),
        (remarked, noted, "neutral", [line for line in lines if line[0].code in problems.REMARKS]),
    ]
    return [part for part in parts if part[-1]]


def _stands_still(connection: Connection) -> str:
    """What is to be known before the way of anybody, where no run follows, or none for now."""
    if connection.state == ConnectionState.DISCONNECTED:
        return _("The connection was disconnected. Nothing runs, so nothing changes anybody.")
    if connection.state == ConnectionState.PAUSED:
        return _("The connection is paused. Nothing changes anybody before it is resumed.")
    return ""


def _of_person(person: DirectoryPerson) -> Answer:
    url = reverse("person_detail", args=[person.public_id])
    return _shown(person.connection, str(person), url, explain_person(person).trace)


def _of_answer(user: User, connection: Connection, data: Mapping[str, Any]) -> Answer:
    url = address_for(user, "person_detail", data["person"]) if data.get("person") else ""
    return _shown(connection, str(data.get("name", "")), url, Trace.from_data(data))


def _shown(connection: Connection, name: str, url: str, found: Trace) -> Answer:
    steps = [
        Step(
            _(_TITLES[step.step]),
            step.ok,
            in_words(step.words, _, day_words),
            [in_words(one, _, day_words) for one in step.details],
        )
        for step in found.steps
    ]
    over = connection.state == ConnectionState.DISCONNECTED
    return Answer(name, url, steps, found.is_here, "" if over else in_words(found.fix, _, day_words))


def _for_developers(user: User, connection: Connection) -> str:
    """The rules as they are stored; "" for everybody else."""
    if user.role != Role.DEVELOPER or connection.kind != Kind.HRIS:
        return ""
    rules = connection.rules
    told = {
        "filter": rules.filter.as_data(),
        "mapping": {origin.attribute: origin.as_data() for origin in rules.mapping.origins},
        "policy": rules.policy.as_data(),
        "digest": rules.digest,
    }
    return orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()
