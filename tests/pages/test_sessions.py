"""Sessions: how long they last, what keeps them alive, what ends them, and how one gets back (T5, T11)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from portal.accounts import sessions
from portal.accounts.models import AccessLink, Allowance, Role, User
from portal.accounts.services import create_link, revoke_link
from portal.kit import clock
from tests.database import ROOT
from tests.setup.test_production import GOOD
from tests.support.links import newest_code, open_as, press
from tests.support.pages import HTMX, Side, a_side
from tests.support.people import PASSWORD, a_user, signed_in

pytestmark = pytest.mark.django_db
SIGN_IN, ENDED, WORK = "/accounts/sign-in/", "/accounts/ended/", "/my-work/"


def ago(client: Client, *, seen: timedelta | None = None, started: timedelta | None = None) -> None:
    """The session was used, or began, so long ago."""
    session, now = client.session, clock.now().timestamp()
    if seen is not None:
        session["seen_at"] = now - seen.total_seconds()
    if started is not None:
        session["started_at"] = now - started.total_seconds()
    session.save()


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.fixture
def staff() -> Client:
    return signed_in(a_user(Role.TL))


@pytest.fixture
def side() -> Side:
    return a_side("Alder")


@pytest.fixture
def customer(side: Side) -> Client:
    """Came in by a link, as customers do."""
    client = Client()
    link = create_link(side.company, side.req.public_id, "dana@alder.example", by=side.csm)
    assert open_as(client, link).status_code == 302
    return client


# --- how long -----------------------------------------------------------------------------------------------


def test_thirty_minutes_without_use_end_a_session_and_twenty_nine_do_not(staff: Client) -> None:
    ago(staff, seen=minutes(29))
    assert staff.get(WORK).status_code == 200
    ago(staff, seen=minutes(31))
    answer = staff.get("/requests/?q=river")
    assert answer["Location"] == f"{SIGN_IN}?next=/requests/%3Fq%3Driver"
    assert "Your session has ended" in staff.get(answer["Location"]).content.decode()
    assert not Session.objects.filter(session_key=staff.session.session_key).exists()


@pytest.mark.parametrize(("role", "hours"), [(Role.TL, 12), (Role.CUSTOMER_ADMIN, 2)])
def test_a_session_ends_after_its_hours_however_busy_one_is(side: Side, role: Role, hours: int) -> None:
    user = side.customer if role == Role.CUSTOMER_ADMIN else a_user(role)
    client, page = signed_in(user), "/connections/"
    ago(client, started=timedelta(hours=hours) - minutes(1))
    assert client.get(page).status_code == 200
    ago(client, started=timedelta(hours=hours) + minutes(1))
    assert client.get(page).status_code == 302


def test_the_operator_sets_the_limits(staff: Client, settings: Settings) -> None:
    settings.SESSION_IDLE_MINUTES = 5
    ago(staff, seen=minutes(6))
    assert staff.get(WORK).status_code == 302


@pytest.mark.parametrize(
    ("method", "headers", "keeps"),
    [
        ("get", {}, True),
        ("get", {"Sec-Fetch-Mode": "navigate"}, True),
        ("get", {"Sec-Fetch-Mode": "cors"}, False),
        ("get", {"Sec-Fetch-Mode": "no-cors"}, False),
        ("get", {**HTMX, "HX-Trigger": "status"}, False),
        ("get", HTMX, False),
        ("get", {**HTMX, "HX-Boosted": "true"}, True),
        ("post", {**HTMX, "Sec-Fetch-Mode": "cors"}, True),
    ],
)
def test_only_what_a_person_does_keeps_a_session_alive(
    staff: Client, method: str, headers: dict[str, str], keeps: bool
) -> None:
    ago(staff, seen=minutes(20))
    getattr(staff, method)(WORK, headers=headers)
    seen = clock.now().timestamp() - staff.session["seen_at"]
    assert (seen < 60) is keeps


def test_a_click_right_after_another_writes_nothing(staff: Client) -> None:
    staff.get(WORK)
    before = staff.session["seen_at"]
    staff.get(WORK)
    assert staff.session["seen_at"] == before


# --- how one gets back --------------------------------------------------------------------------------------


def test_a_fragment_sends_the_whole_browser_to_sign_in_and_back_to_its_page(staff: Client) -> None:
    ago(staff, seen=minutes(31))
    answer = staff.get(WORK, headers={**HTMX, "HX-Current-URL": "http://testserver/requests/7/?tab=a"})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == f"{SIGN_IN}?next=/requests/7/%3Ftab%3Da"
    foreign = Client().get(WORK, headers={**HTMX, "HX-Current-URL": "http://evil.example/x"})
    assert foreign["HX-Redirect"] == SIGN_IN


@pytest.mark.parametrize("name", ["setup_matches", "setup_person"])
def test_a_list_beside_a_form_says_that_the_session_ended_and_the_form_stays(
    side: Side, customer: Client, name: str
) -> None:
    ago(customer, seen=minutes(31))
    answers = []
    for public_id in (side.connection.public_id, uuid4()):
        address = reverse("setup_step", args=[side.connection.public_id, "filter"])
        headers = {**HTMX, "HX-Current-URL": f"http://testserver{address}"}
        answers.append(customer.post(reverse(name, args=[public_id]), headers=headers))
    known, unknown = answers
    assert "HX-Redirect" not in known
    assert known["HX-Retarget"] == ".setup-live > .card-body"
    html = known.content.decode()
    assert "Your session has ended." in html
    assert f'href="{ENDED}?next={address}"' in html
    assert (known.status_code, html) == (unknown.status_code, unknown.content.decode())
    assert known.status_code == 401


def test_a_form_leads_back_to_the_page_it_was_on(staff: Client) -> None:
    ago(staff, seen=minutes(31))
    answer = staff.post("/requests/7/move/", headers={"Referer": "http://testserver/requests/7/"})
    assert answer["Location"] == f"{SIGN_IN}?next=/requests/7/"


def test_a_customer_whose_session_ended_gets_back_with_a_code_to_where_they_were(
    side: Side, customer: Client
) -> None:
    Allowance.objects.all().delete()
    page = f"/your/{side.req.public_id}/details/"
    ago(customer, seen=minutes(31))
    ended = customer.get(page)["Location"]
    assert ended == f"{ENDED}?next={page}"
    text = customer.get(ended).content.decode()
    assert "Everything that was saved is kept." in text
    press(customer, ended, "send")
    code = newest_code(AccessLink.objects.get(email="dana@alder.example"))
    assert press(customer, ended, "open", code=code)["Location"] == page
    assert customer.get(page).status_code == 200


def test_a_cookie_that_ran_out_leads_a_customer_to_the_same_page(side: Side, customer: Client) -> None:
    del customer.cookies["sessionid"]
    answer = customer.get(f"/your/{side.req.public_id}/", headers=HTMX)
    assert answer["HX-Redirect"] == ENDED
    assert customer.get("/my-work/")["Location"].startswith(SIGN_IN), "not a page of customers"


def test_the_page_after_a_session_tells_a_stranger_nothing(side: Side, customer: Client) -> None:
    ago(customer, seen=minutes(31))
    customer.get(f"/your/{side.req.public_id}/")
    for _ in range(2):
        text = customer.get(ENDED).content.decode()
        for word in ("Alder", "dana", "alder.example", str(side.req.public_id)):
            assert word not in text
        Allowance.objects.all().delete()
        press(customer, ENDED, "send")


@pytest.mark.parametrize("change", ["revoked", "forged", "none"])
def test_without_a_live_link_the_page_offers_no_code(side: Side, customer: Client, change: str) -> None:
    ago(customer, seen=minutes(31))
    customer.get(f"/your/{side.req.public_id}/")
    if change == "revoked":
        revoke_link(AccessLink.objects.get(email="dana@alder.example"))
    elif change == "forged":
        customer.cookies[sessions.LINK_COOKIE] = "1:forged:forged"
    else:
        del customer.cookies[sessions.LINK_COOKIE]
    text = customer.get(ENDED).content.decode()
    assert "open the link in your mail again" in text
    assert 'value="send"' not in text


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_way_back_never_leads_elsewhere(side: Side, customer: Client, where: str) -> None:
    Allowance.objects.all().delete()
    customer.get(f"/your/{side.req.public_id}/")
    ago(customer, seen=minutes(31))
    customer.get(f"/your/{side.req.public_id}/")
    press(customer, ENDED, "send")
    code = newest_code(AccessLink.objects.get(email="dana@alder.example"))
    answer = press(customer, ENDED, "open", code=code, next=where)
    assert answer["Location"] == f"/your/{side.req.public_id}/"


# --- keys ---------------------------------------------------------------------------------------------------


def planted(client: Client) -> str:
    """A key that a thief knows."""
    client.session.save()
    client.get(SIGN_IN)
    return str(client.session.session_key)


def test_signing_in_gives_a_new_session_key_and_the_old_one_opens_nothing() -> None:
    user, client = a_user(), Client()
    before = planted(client)
    client.post(SIGN_IN, {"login": user.email, "password": PASSWORD})
    assert client.session.session_key != before
    thief = Client()
    thief.cookies["sessionid"] = before
    assert thief.get(WORK).status_code == 302


def test_confirming_ones_password_gives_a_new_session_key(staff: Client) -> None:
    before = staff.session.session_key
    assert staff.post("/accounts/confirm/", {"password": "wrong"}).status_code == 200
    assert staff.session.session_key == before
    assert staff.post("/accounts/confirm/", {"password": PASSWORD}).status_code == 302
    assert staff.session.session_key != before
    thief = Client()
    thief.cookies["sessionid"] = str(before)
    assert thief.get(WORK).status_code == 302


def test_after_signing_out_the_old_cookie_opens_nothing(staff: Client) -> None:
    cookie = staff.cookies["sessionid"].value
    staff.post("/accounts/sign-out/")
    thief = Client()
    thief.cookies["sessionid"] = cookie
    assert thief.get(WORK).status_code == 302


def test_a_disabled_persons_and_a_revoked_customers_next_click_is_refused(
    side: Side, customer: Client
) -> None:
    page = f"/your/{side.req.public_id}/"
    assert customer.get(page).status_code == 200
    revoke_link(AccessLink.objects.get(email="dana@alder.example"))
    assert customer.get(page).status_code == 404
    User.objects.filter(email="dana@alder.example").update(is_active=False)
    assert customer.get(page).status_code == 302


# --- cookies ------------------------------------------------------------------------------------------------


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(customer: Client) -> None:
    staff = Client()
    staff.get(SIGN_IN)
    staff.post(SIGN_IN, {"login": a_user().email, "password": PASSWORD})
    cookies = [*customer.cookies.values(), *staff.cookies.values()]
    assert {"sessionid", "csrftoken", "link"} <= {cookie.key for cookie in cookies}
    for cookie in cookies:
        if cookie.key == "messages" and not cookie.value:
            continue  # being deleted
        assert cookie["httponly"], cookie.key
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["domain"]


def test_the_link_cookie_holds_no_token(customer: Client) -> None:
    value = customer.cookies[sessions.LINK_COOKIE].value
    assert not re.search(r"[0-9a-f]{64}", value)
    assert "@" not in value


def test_in_production_cookies_are_bound_to_this_host_and_to_tls() -> None:
    told = {**os.environ, **GOOD}
    script = (
        "from portal import settings as s; from portal.accounts import sessions as l; "
        "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, l.LINK_COOKIE, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"
    )
    script = f"import django, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'portal.settings'; django.setup(); {script}"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=told, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["__Host-sessionid", "__Host-csrftoken", "__Host-link", "True", "True"]
