"""Who may call what: every address, with every role, on rows of their own, of others and of nobody."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.apps import apps
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django.fixtures import Settings

from portal.accounts.models import Role, User
from portal.accounts.policy import CUSTOMER, EVERY_ROLE, GET, POST, STAFF
from portal.policy import POLICY
from tests.support.pages import Side, a_side
from tests.support.people import a_user

pytestmark = pytest.mark.django_db
NOBODY = uuid.UUID("00000000-0000-4000-8000-000000000000")
OURS = ("accounts", "outbox", "integrations", "requests_app")
# Rows of the session's own making: a refused request may be logged in all the same.
TOUCHED_BY_SIGNING_IN = {"last_login"}
SIGN_IN = "/accounts/sign-in/"
# Answers to a good GET that are neither the page nor a way to another one.
EXPECTED = {"access_link": (410,), "readyz": (503,)}
Args = dict[str, Any]
CLIENTS: dict[int, Client] = {}


def patterns(found: list[URLPattern | URLResolver] | None = None) -> Iterator[URLPattern]:
    for entry in get_resolver().url_patterns if found is None else found:
        if isinstance(entry, URLResolver):
            yield from patterns(entry.url_patterns)
        else:
            yield entry


NAMES = sorted({str(pattern.name) for pattern in patterns()})
PARAMETERS = {str(pattern.name): set(pattern.pattern.regex.groupindex) for pattern in patterns()}
OF_A_COMPANY = sorted(name for name in NAMES if PARAMETERS[name] & {"number", "public_id"})
FOR_CUSTOMERS = sorted(name for name in NAMES if CUSTOMER & (POLICY[name].methods.get(GET) or frozenset()))
SIGNED_IN = sorted(name for name in NAMES if not any(who is None for who in POLICY[name].methods.values()))


@pytest.fixture(autouse=True)
def _fresh(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    CLIENTS.clear()


@pytest.fixture
def alder() -> Side:
    return a_side("Alder")


@pytest.fixture
def birch() -> Side:
    return a_side("Birch")


def args_of(name: str, side: Side | None) -> Args:
    """The arguments of an address that names a row of `side`; without a side a row that nobody has."""
    prefix = name.removeprefix("api_").split("_")[0]
    rows: dict[str, Any] = (
        {"connection": side.connection, "run": side.run, "person": side.person, "evidence": side.evidence}
        if side
        else {}
    )
    values = {
        "number": side.req.number if side else 999_999,
        "public_id": rows.get(prefix, side.req).public_id if side else NOBODY,
        "pk": side.link.pk if side else 999_999,
        "topic": "details",
        "token": "made-up-token",
        "uidb36": "1",
        "key": "made-up",
    }
    return {key: values[key] for key in PARAMETERS[name]}


def call(user: User | None, method: str, name: str, side: Side | None = None, **headers: str) -> HttpResponse:
    # Signing out ends a session, so that one is never shared.
    client = Client() if name == "account_logout" else CLIENTS.setdefault(user.pk if user else 0, Client())
    if user and "sessionid" not in client.cookies:
        client.force_login(user)
    answer = client.generic(method, reverse(name, kwargs=args_of(name, side)), headers=headers)
    return cast(HttpResponse, answer)


def text_of(answer: HttpResponse) -> str:
    return "" if answer.streaming else answer.content.decode()


def body_of(answer: HttpResponse, side: Side | None) -> str:
    """What a person sees of an answer, without tokens and without the id that they asked for themselves."""
    text = re.sub(r'("X-CSRFToken": "|name="csrfmiddlewaretoken" value=")[^"]+', r"\1", text_of(answer))
    for value in args_of("evidence", side).values():
        text = text.replace(str(value), "X")
    return text


def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row of ours, to see that nothing was changed."""
    found = {}
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            rows = model._default_manager.order_by("pk").values()
            found[model.__name__] = [
                {key: value for key, value in row.items() if key not in TOUCHED_BY_SIGNING_IN} for row in rows
            ]
    return found


def people_of_every_role(side: Side) -> dict[Role, User]:
    """The CSM and the customer admin of this company, and one of each other role."""
    users = {role: a_user(role, f"Some {role.value}") for role in (Role.TL, Role.DEVELOPER, Role.OPERATOR)}
    return {**users, Role.CSM: side.csm, Role.CUSTOMER_ADMIN: side.customer}


# --- the list of rules --------------------------------------------------------------------------------------


def test_every_address_has_a_rule_and_every_rule_an_address() -> None:
    assert set(NAMES) == set(POLICY)


def test_every_address_has_a_name_of_its_own_without_namespace() -> None:
    assert None not in {pattern.name for pattern in patterns()}
    assert not [entry for entry in get_resolver().url_patterns if getattr(entry, "namespace", None)]


def test_an_address_without_a_rule_is_refused(monkeypatch: pytest.MonkeyPatch, alder: Side) -> None:
    monkeypatch.setattr("portal.middleware.POLICY", {})
    client = Client(raise_request_exception=False)
    client.force_login(alder.csm)
    assert client.get(reverse("directory")).status_code == 500


# Each test below walks all addresses and reports every one that is wrong: one set of rows serves them all.


# --- strangers, the wrong role, the wrong method ------------------------------------------------------------


def test_strangers_are_sent_to_sign_in_and_change_nothing(alder: Side) -> None:
    before, wrong = everything(), []
    for name in SIGNED_IN:
        for method in POLICY[name].methods:
            answer = call(None, method, name, alder)
            if name.startswith("api_"):
                if answer.status_code != 401:
                    wrong.append((name, method, answer.status_code))
                continue
            if answer.status_code != 302 or not answer["Location"].startswith(f"{SIGN_IN}?next=/"):
                wrong.append((name, method, answer.status_code))
            fragment = call(None, method, name, alder, **{"HX-Request": "true"})
            if fragment.status_code != 401 or fragment["HX-Redirect"] != SIGN_IN:
                wrong.append((name, method, fragment.status_code))
    assert len(SIGNED_IN) > 30
    assert wrong == []
    assert everything() == before


def test_a_role_that_may_not_is_refused_and_changes_nothing(alder: Side) -> None:
    users, before, wrong, asked = people_of_every_role(alder), everything(), [], 0
    for name, rule in POLICY.items():
        for method, roles in rule.methods.items():
            for role in EVERY_ROLE - (EVERY_ROLE if roles is None else roles):
                asked += 1
                answer = call(users[role], method, name, alder)
                if answer.status_code != 403 or "Alder Clinic" in text_of(answer):
                    wrong.append((name, method, role, answer.status_code))
    assert asked > 40
    assert wrong == []
    assert everything() == before


def test_a_method_that_is_not_meant_is_refused_and_changes_nothing(alder: Side) -> None:
    users, before, wrong = people_of_every_role(alder), everything(), []
    for name, rule in POLICY.items():
        for method in {"GET", "POST", "PUT", "DELETE", "OPTIONS"} - set(rule.methods):
            answers = {
                user: call(user, method, name, alder) for user in (None, users[Role.TL], alder.customer)
            }
            wrong += [(name, method, user) for user, answer in answers.items() if answer.status_code != 405]
    assert wrong == []
    assert everything() == before


# --- own, foreign, missing ----------------------------------------------------------------------------------


def test_whoever_may_read_gets_their_own(alder: Side) -> None:
    users, wrong = people_of_every_role(alder), []
    for name, rule in POLICY.items():
        roles = rule.methods.get(GET, frozenset())
        for role in EVERY_ROLE if roles is None else roles:
            status = call(users[role], GET, name, alder).status_code
            if status not in EXPECTED.get(name, (200, 302)):
                wrong.append((name, role, status))
    assert wrong == []


def test_foreign_and_missing_answer_alike_and_change_nothing(alder: Side, birch: Side) -> None:
    """A customer admin reaches nothing of another company, a CSM no request of another CSM."""
    before, asked = everything(), 0
    wrong: list[tuple[Any, ...]] = []
    for name in OF_A_COMPANY:
        of_requests = "number" in PARAMETERS[name] or name == "evidence"
        for method, roles in POLICY[name].methods.items():
            for user in (alder.csm, alder.customer):
                if roles is None or user.role not in roles or (user.is_desk_staff and not of_requests):
                    continue
                asked += 1
                foreign, missing = call(user, method, name, birch), call(user, method, name)
                same = body_of(foreign, birch) == body_of(missing, None)
                if (foreign.status_code, missing.status_code) != (404, 404) or not same:
                    wrong.append((name, method, user.role, foreign.status_code, missing.status_code))
                if "Birch" in text_of(foreign):
                    wrong.append((name, method, user.role, "names the other company"))
    assert asked > 25
    assert wrong == []
    assert everything() == before


def test_no_page_of_a_customer_names_another_company_or_what_they_pay(alder: Side, birch: Side) -> None:
    foreign = [row.public_id for row in (birch.company, birch.req, birch.connection, birch.run, birch.person)]
    wrong = []
    for name in FOR_CUSTOMERS:
        html = text_of(call(alder.customer, GET, name, alder))
        wrong += [(name, mark) for mark in ("Birch", "MRR", *map(str, foreign)) if mark in html]
        wrong += [(name, "money") for _ in re.findall(r"4[,.]?250", html)]
    assert len(FOR_CUSTOMERS) > 10
    assert wrong == []


@pytest.mark.parametrize("name", ["my_work", "request_list", "api_request_list"])
def test_no_list_of_a_csm_has_requests_of_another(name: str, alder: Side, birch: Side) -> None:
    body = call(alder.csm, GET, name).content.decode()
    assert "Alder Clinic" in body
    assert "Birch" not in body


def test_access_ends_with_the_link_on_the_very_next_click(alder: Side) -> None:
    client = Client()
    client.force_login(alder.customer)
    address = reverse("connection_detail", args=[alder.connection.public_id])
    assert client.get(address).status_code == 200
    type(alder.link).objects.update(revoked_at=alder.run.started_at)
    assert client.get(address).status_code == 404
    assert client.get(reverse("customer_request", args=[alder.req.public_id])).status_code == 404


def test_a_locked_account_is_a_stranger(alder: Side) -> None:
    client = Client()
    client.force_login(alder.csm)
    User.objects.update(is_active=False)
    assert client.get(reverse("directory"))["Location"].startswith(reverse("account_login"))


def test_a_post_without_its_token_is_refused(alder: Side) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alder.csm)
    before = everything()
    answer = client.post(reverse("connection_sync", args=[alder.connection.public_id]))
    assert answer.status_code == 403
    assert everything() == before


# --- headers ------------------------------------------------------------------------------------------------


def test_every_answer_carries_the_strict_policies(alder: Side) -> None:
    users, wrong = people_of_every_role(alder), []
    for name in NAMES:
        for user in (None, users[Role.TL], users[Role.CUSTOMER_ADMIN]):
            for method in (GET, POST, "PUT"):
                answer = call(user, method, name, None if method == POST else alder)
                if faults := header_faults(answer, signed_in=bool(user) and name != "account_logout"):
                    wrong.append((name, method, user, faults))
    assert wrong == []


def header_faults(answer: HttpResponse, *, signed_in: bool) -> list[str]:
    policy = answer.get("Content-Security-Policy", "")
    faults = {
        "policy": "default-src 'none'" not in policy or "unsafe" in policy,
        "frames": answer.get("X-Frame-Options") != "DENY",
        "sniffing": answer.get("X-Content-Type-Options") != "nosniff",
        "request id": not answer.get("X-Request-ID"),
        "kept": signed_in and "no-store" not in answer.get("Cache-Control", ""),
    }
    return [fault for fault, present in faults.items() if present]


def test_an_address_that_is_none_is_refused_with_the_same_headers(alder: Side) -> None:
    client = Client()
    client.force_login(alder.customer)
    for path in ("/nothing/", "/api/nothing/", "/requests/99999999999999999999/"):
        answer = client.get(path)
        assert answer.status_code in (403, 404)
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"
        assert "no-store" in answer["Cache-Control"]


def test_staff_only_pages_name_no_customer() -> None:
    for name in (
        "search",
        "my_work",
        "request_list",
        "request_detail",
        "api_request_list",
        "api_request_detail",
    ):
        for roles in POLICY[name].methods.values():
            assert roles is not None
            assert roles <= STAFF
