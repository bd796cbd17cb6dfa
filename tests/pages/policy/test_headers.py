"""What every answer carries, on every address: policies of the browser, nothing kept, nothing from another site."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as ours
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from portal.accounts.models import Role, User
from portal.accounts.policy import GET, POST
from portal.audit.models import Entry
from portal.policy import CSRF_EXEMPT, POLICY
from portal.recording import PERMISSIONS
from tests.database import ROOT
from tests.pages.policy.matrix import CLIENT, call
from tests.pages.policy.rows import Rows, args_of, query_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet")]
# A secret address is told to nobody, not even to ourselves.
SECRET_ADDRESSES = {"access_link", "access_link_renew"}
UNSAFE = [name for name, rule in POLICY.items() if rule.knows(POST)]


def policy_of(answer: HttpResponseBase) -> dict[str, list[str]]:
    parts = [part.split() for part in answer.get("Content-Security-Policy", "").split(";") if part.strip()]
    return {part[0]: part[1:] for part in parts}


def configured() -> dict[str, list[str]]:
    directives: dict[str, Any] = ours.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    return {name: list(values) for name, values in directives.items()}


def faults(answer: HttpResponseBase, name: str, *, signed_in: bool) -> list[str]:
    """reliability-security.md T12-T14, T30."""
    policy = policy_of(answer)
    found = {
        "content policy": policy != configured() and name not in {"evidence"},
        "anything inline": "unsafe" in str(policy) or policy.get("default-src") != ["'none'"],
        "outside hosts": any("://" in each for values in policy.values() for each in values),
        "framing": policy.get("frame-ancestors", ["'none'"]) != ["'none'"]
        or answer.get("X-Frame-Options") != "DENY",
        "sniffing": answer.get("X-Content-Type-Options") != "nosniff",
        "referrer": answer.get("Referrer-Policy") not in {"same-origin", "no-referrer"},
        "secret referrer": name in SECRET_ADDRESSES
        and answer.status_code != 405
        and answer.get("Referrer-Policy") != "no-referrer",
        "opener": answer.get("Cross-Origin-Opener-Policy") != "same-origin",
        "devices": answer.get("Permissions-Policy") != PERMISSIONS,
        "request id": not answer.get("X-Request-ID"),
        "kept": signed_in and "no-store" not in answer.get("Cache-Control", ""),
        "shared": signed_in and "Cookie" not in answer.get("Vary", ""),
        "insecure cookie": any(each.value and not each["httponly"] for each in answer.cookies.values()),
    }
    return [fault for fault, present in found.items() if present]


def test_the_policy_is_the_strict_one() -> None:
    policy = configured()
    assert policy["default-src"] == ["'none'"]
    assert (
        policy["script-src"]
        == policy["style-src"]
        == policy["connect-src"]
        == policy["form-action"]
        == ["'self'"]
    )
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]


@pytest.mark.slow
def test_every_answer_carries_the_policies(alder: Rows) -> None:
    """Pages, downloads, fragments, refusals, errors."""
    wrong, asked = [], 0
    for name in POLICY:
        for user in (None, alder.people[Role.TL], alder.people[Role.CUSTOMER_ADMIN]):
            for method, rows in ((GET, alder), (GET, None), (POST, None), ("PUT", alder)):
                role = Role(user.role) if user else Role.CSM
                seen = call(
                    user, method, name, args_of(name, rows, role), query=query_of(name, rows or alder)
                )
                asked += 1
                if found := faults(seen.response, name, signed_in=bool(user) and name != "account_logout"):
                    wrong.append((name, method, user and user.role, seen.status, found))
    for line in wrong:
        print(*line)
    assert asked > 600
    assert wrong == []


@pytest.mark.parametrize(
    "path",
    [
        "/nothing/",
        "/api/nothing/",
        "/requests/99999999999999999999/",
        "/static/css/desk.css",
        "/static/nothing.css",
    ],
)
def test_what_has_no_address_carries_them_too(alder: Rows, path: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(alder.side.customer)
    answer = client.get(path)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    if not path.startswith("/static/css"):
        assert answer.status_code in (403, 404)
        assert faults(answer, "", signed_in="static" not in path) == []


def test_a_broken_page_carries_them_and_says_no_more(alder: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.middleware.POLICY", {})
    client = Client(raise_request_exception=False)
    client.force_login(alder.side.csm)
    answer = client.get(reverse("directory"))
    assert answer.status_code == 500
    assert "directory" not in answer.content.decode()
    assert policy_of(answer) == configured()
    assert answer["X-Frame-Options"] == "DENY"


def test_production_insists_on_tls_for_a_year() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "from portal import settings as s; print(s.SECURE_HSTS_SECONDS, s.SECURE_HSTS_INCLUDE_SUBDOMAINS,"
            " s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_NAME)",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={
            "ENVIRONMENT": "production",
            "DATABASE_URL": "postgres://a/b",
            "PATH": str(Path(sys.executable).parent),
        },
    )
    assert told.stdout.split() == ["31536000", "True", "True", "True", "True", "__Host-sessionid"]


# --- from elsewhere -----------------------------------------------------------------------------------------


def refused(user: User | None, name: str, alder: Rows, client: Client, **headers: str) -> bool:
    if user:
        client.cookies["sessionid"] = CLIENT_SESSIONS[user.pk]
    role = Role(user.role) if user else Role.CSM
    before = Entry.objects.count()
    answer = client.post(reverse(name, kwargs=args_of(name, alder, role)), headers=headers)
    return answer.status_code == 403 and Entry.objects.count() == before + 1


CLIENT_SESSIONS: dict[int, str] = {}


@pytest.fixture
def sessions(alder: Rows) -> None:
    for person in alder.people.values():
        client = Client()
        client.force_login(person)
        CLIENT_SESSIONS[person.pk] = client.cookies["sessionid"].value


def who_may(name: str, rows: Rows) -> User | None:
    roles = POLICY[name].methods[POST]
    return None if roles is None else rows.people[next(iter(roles))]


def test_no_post_without_its_token(alder: Rows, sessions: None) -> None:
    client = Client(enforce_csrf_checks=True)
    wrong = [
        name
        for name in UNSAFE
        if name not in CSRF_EXEMPT and not refused(who_may(name, alder), name, alder, client)
    ]
    assert len(UNSAFE) > 30
    assert wrong == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_post_from_another_site_even_with_a_token(alder: Rows, sessions: None, site: str) -> None:
    client = Client()  # the token is not asked for: only the site decides
    wrong = [
        name
        for name in UNSAFE
        if not refused(who_may(name, alder), name, alder, client, **{"Sec-Fetch-Site": site})
    ]
    assert wrong == []


def test_our_own_pages_and_programs_may_post(alder: Rows) -> None:
    address = reverse("notices_read")
    for sent in ({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}):
        CLIENT.force_login(alder.side.csm)
        assert CLIENT.post(address, headers=sent).status_code == 302
    # Looking is allowed from anywhere: that is what a link in a mail is.
    assert CLIENT.get(reverse("my_work"), headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
