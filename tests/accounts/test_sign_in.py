"""Sign-in, sign-out and password reset, with mails over real SMTP."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from portal.accounts.models import Role, User
from portal.sandbox.server import Running
from portal.sandbox.world import World
from tests.support.people import PASSWORD, a_company, a_customer, a_user

pytestmark = pytest.mark.django_db
SIGN_IN = "/accounts/sign-in/"


def signs_in(email: str, password: str = PASSWORD) -> bool:
    return Client().post(SIGN_IN, {"login": email, "password": password}).status_code == 302


def test_the_address_is_the_name_whatever_its_case() -> None:
    a_user()
    assert signs_in("Jamie.Park@Support.example")
    assert not signs_in("jamie.park@support.example", "wrong")


def test_a_customer_admin_has_no_password_and_comes_by_link_only() -> None:
    customer = a_customer(a_company())
    assert not signs_in(customer.email, "")
    assert not signs_in(customer.email)


def test_a_disabled_person_cannot_sign_in_and_a_running_session_ends_at_once() -> None:
    user = a_user()
    client = Client()
    client.force_login(user)
    assert client.get("/my-work/").status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/my-work/").status_code == 302
    client.post(SIGN_IN, {"login": user.email, "password": PASSWORD})
    assert client.get("/my-work/").status_code == 302


def test_a_changed_role_counts_from_the_next_click() -> None:
    user = a_user(Role.TL)
    client = Client()
    client.force_login(user)
    assert client.get("/requests/new/").status_code == 200
    User.objects.update(role=Role.DEVELOPER)
    assert client.get("/requests/new/").status_code == 403


def test_signing_in_gives_a_new_session_key() -> None:
    user = a_user()
    client = Client()
    client.get(SIGN_IN)
    client.session.save()
    before = client.session.session_key
    client.post(SIGN_IN, {"login": user.email, "password": PASSWORD})
    assert client.session.session_key != before


def test_after_signing_out_the_old_cookie_opens_nothing() -> None:
    client = Client()
    client.force_login(a_user())
    cookie = client.cookies["sessionid"].value
    client.post("/accounts/sign-out/")
    thief = Client()
    thief.cookies["sessionid"] = cookie
    assert thief.get("/my-work/").status_code == 302


def test_guessing_is_stopped_even_for_the_right_password() -> None:
    user = a_user()
    for _ in range(5):
        signs_in(user.email, "guess")
    assert not signs_in(user.email)


def test_nobody_signs_up_by_themselves() -> None:
    answer = Client().get("/accounts/sign-up/")
    assert 'name="password1"' not in answer.content.decode()
    assert Client().post("/accounts/sign-up/", {"email": "new@support.example"}).status_code == 405


def test_a_forgotten_password_is_replaced_by_mail(sandbox: Running, world: World) -> None:
    user = a_user()
    client = Client()
    client.post("/accounts/password/reset/", {"email": user.email})
    link = re.findall(r"https?://[^/]+(/accounts/password/reset/key/\S+)", world.mails[-1].text)[-1]
    form = client.get(link, follow=True)
    chosen = "a much better password 77"
    client.post(form.redirect_chain[-1][0], {"password1": chosen, "password2": chosen})
    assert signs_in(user.email, chosen)
    assert not signs_in(user.email)
    again = Client().get(link, follow=True).content.decode()
    assert 'name="password1"' not in again, "a reset link works once"


def test_an_unknown_address_gets_the_same_answer_and_no_mail(sandbox: Running, world: World) -> None:
    a_user()
    known = Client().post("/accounts/password/reset/", {"email": "jamie.park@support.example"})
    unknown = Client().post("/accounts/password/reset/", {"email": "nobody@support.example"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [mail.to for mail in world.mails] == [["jamie.park@support.example"]]


def test_a_mail_server_that_is_away_is_said_and_does_not_crash(settings: object) -> None:
    a_user()
    for name, value in {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_PORT": 1,
    }.items():
        setattr(settings, name, value)
    answer = Client().post("/accounts/password/reset/", {"email": "jamie.park@support.example"}, follow=True)
    assert answer.status_code == 200
    assert "Mail cannot be sent" in answer.content.decode()
