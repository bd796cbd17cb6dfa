"""A customer who reads German sees German on every page that they may open; the desk stays English."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from pytest_django.fixtures import Settings

from integrations import catalog
from integrations.models import Change, ChangeKind, ConnectionState, RunOutcome
from integrations.services.issues import raise_issue
from portal.accounts.models import AccessLink, Role, User
from portal.accounts.services import create_link
from requests_app.lifecycle import Stage
from requests_app.models import Item, Reach, Request
from requests_app.services.moves import make_move
from requests_app.services.talk import write_message
from requests_app.services.tickets import render_ticket
from tests.i18n.reading import english_in, words_of
from tests.kit.doubles import Authority
from tests.requests_app.factories import (
    a_request,
    a_tl,
    an_upload,
    complete,
    customer_of,
    give,
    item_of,
    let_in,
    put_in_stage,
    value_for,
)
from tests.support.links import path_of, press
from tests.support.pages import Side, a_connection, a_run, a_side, an_open_run
from tests.support.people import a_customer, a_user

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
GERMAN = {"Accept-Language": "de-CH,de;q=0.9,en;q=0.5"}
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _files_go_to_a_folder_of_the_test(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def german(user: User) -> Client:
    user.language = "de"
    user.save(update_fields=["language"])
    client = Client()
    client.force_login(user)
    return client


def read(client: Client, url: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> str:
    """The page, after it was seen to be German throughout."""
    answer = client.get(url, headers=dict(headers or {}))
    assert answer.status_code == status, url
    html = answer.content.decode()
    assert answer["Content-Language"] == "de"
    if "<html" in html:
        assert '<html lang="de"' in html
    assert english_in(html) == [], url
    return html


def with_the_customer(slug: str) -> Request:
    req = a_request(slug)
    customer_of(req)
    return make_move(req, "send_to_customer", by=req.owner)


def paths_of(req: Request) -> list[str]:
    topics = Item.objects.filter(req=req, owner="customer").order_by().values_list("topic", flat=True)
    some = Item.objects.filter(req=req, owner="customer").order_by("pk").first()
    assert some is not None
    return [
        "",
        *(f"{topic}/" for topic in sorted(set(topics))),
        "check/",
        "delegate/",
        f"delegate/?item={some.pk}",
        "message/",
        f"message/?item={some.pk}&stuck",
        f"postpone/?item={some.pk}",
    ]


@pytest.mark.parametrize(
    "slug",
    [
        pytest.param(slug, marks=[] if slug == "personio" else pytest.mark.slow)
        for slug in sorted(catalog.load())
    ],
)
def test_every_page_of_every_card_is_german(slug: str) -> None:
    req = with_the_customer(slug)
    client = german(customer_of(req))
    for path in paths_of(req):
        read(client, f"/your/{req.public_id}/{path}")
    for item in Item.objects.filter(req=req, owner="customer"):
        give(req, item.key, value_for(item), customer_of(req))
    for path in paths_of(req):
        read(client, f"/your/{req.public_id}/{path}")


@pytest.mark.parametrize("stage", list(Stage))
def test_the_page_after_handing_back_is_german_in_every_stage(stage: Stage) -> None:
    req = with_the_customer("personio")
    client = german(customer_of(req))
    client.post(f"/your/{req.public_id}/hand-back/")
    write_message(req, "Gleich.", by=req.owner, reach=Reach.CUSTOMER)
    put_in_stage(req, stage)
    read(client, f"/your/{req.public_id}/")
    read(client, f"/your/{req.public_id}/details/")


def test_refusals_of_answers_are_german() -> None:
    req = with_the_customer("microsoft_entra_id")
    client = german(customer_of(req))
    for item in Item.objects.filter(req=req, owner="customer"):
        if item.kind in ("bool", "choice", "file"):
            continue
        url = f"/your/{req.public_id}/{item.topic}/?item={item.pk}"
        answer = client.post(url, {item.key: "x x\n" * 4000}, headers=HTMX)
        assert english_in(answer.content.decode()) == [], item.key
    page = client.post(f"/your/{req.public_id}/contact/", {"sso.poc_email": "no address"})
    assert english_in(page.content.decode()) == []
    assert "noch einen Blick" in page.content.decode()


@pytest.mark.parametrize(
    "content", [b"MZ\x00\x01", b"", b"GIF89a", b"<html>", b"PK\x03\x04", b"%PDF-1.7 broken"]
)
def test_refusals_of_files_are_german(content: bytes) -> None:
    req = with_the_customer("personio")
    client = german(customer_of(req))
    item = item_of(req, "hris.consent_file")
    url = f"/your/{req.public_id}/consent/?item={item.pk}"
    answer = client.post(url, {item.key: an_upload(content)}, headers=HTMX).content.decode()
    assert english_in(answer) == []


def test_what_a_customer_does_is_answered_in_german() -> None:
    req = with_the_customer("personio")
    client, base = german(customer_of(req)), f"/your/{req.public_id}"
    item = item_of(req, "client_id")
    for path, values in (
        (f"postpone/?item={item.pk}", {}),
        (f"postpone/?item={item.pk}", {"reason": "Die IT prüft noch", "due_on": "2026-01-01"}),
        (f"message/?item={item.pk}&stuck", {}),
        ("message/", {"text": "x" * 30_000}),
        ("message/", {"text": "Eine Frage"}),
        ("delegate/", {"email": "kein mail", "what": "all"}),
        ("delegate/", {"email": "kim@riverside.example", "what": "all", "note": ""}),
        ("delegate/", {"email": customer_of(req).email, "what": "all"}),
    ):
        answer = client.post(f"{base}/{path}", values, follow=True)
        assert answer.status_code in (200, 422), path
        assert english_in(answer.content.decode()) == [], (path, values)


def test_dates_and_spans_are_german() -> None:
    req = with_the_customer("personio")
    client = german(customer_of(req))
    AccessLink.objects.update(created_at="2026-01-05T10:00:00Z")
    item = item_of(req, "client_id")
    item.answer.__class__.objects.filter(pk=item.answer.pk).update(
        state="postponed", due_on="2027-05-03", comment="Kommt"
    )
    page = read(client, f"/your/{req.public_id}/details/")
    assert "Zugesagt für den 3. Mai:" in page
    assert "3 May" not in page
    assert "gerade eben" in read(client, f"/your/{req.public_id}/")


# --- the door -----------------------------------------------------------------------------------------------


@pytest.fixture
def link() -> AccessLink:
    req = with_the_customer("personio")
    return create_link(req.company, req.public_id, "kim@riverside.example", by=req.owner, language="de")


def test_the_door_speaks_the_language_of_the_invitation(link: AccessLink) -> None:
    client = Client()
    read(client, path_of(link))
    press(client, path_of(link), "send")
    read(client, path_of(link))
    wrong = press(client, path_of(link), "open", code="000000")
    again = press(client, path_of(link), "send")
    forwarded = press(client, path_of(link), "forward", email="nothing")
    for answer in (wrong, again, forwarded):
        assert english_in(answer.content.decode()) == []


def test_a_dead_link_is_explained_in_german(link: AccessLink) -> None:
    AccessLink.objects.filter(pk=link.pk).update(expires_at="2026-01-01T00:00:00Z")
    client = Client()
    read(client, path_of(link), status=410)
    answer = client.post(reverse("access_link_renew", args=[path_of(link).rstrip("/").rpartition("/")[2]]))
    assert english_in(answer.content.decode()) == []


def test_the_end_of_a_session_and_errors_are_german() -> None:
    read(Client(), reverse("session_ended"), headers=GERMAN)
    req = with_the_customer("personio")
    client = german(customer_of(req))
    read(client, "/nothing-here/", status=404)
    read(client, reverse("my_work"), status=403)


def test_the_switch_works_for_strangers_and_for_customers(link: AccessLink) -> None:
    stranger = Client()
    assert "Your part for" in switched(stranger, "en", path_of(link))
    assert "Ihr Teil für" in switched(stranger, "de", path_of(link))
    customer = a_customer(link.company, "lee@riverside.example")
    req = Request.objects.get()
    let_in(req, customer)
    client = Client()
    client.force_login(customer)
    url = f"/your/{req.public_id}/"
    assert "Your part" in client.get(url).content.decode()
    assert "Ihr Teil" in switched(client, "de", url)
    customer.refresh_from_db()
    assert customer.language == "de"


def switched(client: Client, language: str, back: str) -> str:
    answer = client.post(reverse("language"), {"language": language, "next": back}, follow=True)
    return answer.content.decode()


# --- connections and the directory --------------------------------------------------------------------------


@pytest.fixture
def side() -> Side:
    return a_side("Fern")


def test_connections_runs_and_people_are_german(side: Side) -> None:
    client = german(side.customer)
    a_run(side.connection, outcome=RunOutcome.FAILED, job_state="failed")
    held = a_run(side.connection, outcome=RunOutcome.HELD)
    going = an_open_run(side.connection)
    Change.objects.create(
        run=held, source_id=side.person.source_id, kind=ChangeKind.CHANGED, before={"city": "Ulm"}
    )
    for url in (
        reverse("connection_list"),
        reverse("connection_list") + "?q=nichts",
        reverse("directory"),
        reverse("directory") + "?q=niemand",
        reverse("search"),
        reverse("search") + "?q=Fern",
        reverse("person_detail", args=[side.person.public_id]),
        *(reverse("run_detail", args=[run.public_id]) for run in (side.run, held, going)),
        reverse("connection_credentials", args=[side.connection.public_id]),
    ):
        read(client, url)


@pytest.mark.parametrize("state", list(ConnectionState))
def test_a_connection_is_german_in_every_state(side: Side, state: ConnectionState) -> None:
    side.connection.state = state
    side.connection.save(update_fields=["state"])
    read(german(side.customer), reverse("connection_detail", args=[side.connection.public_id]))


def test_credentials_that_were_refused_are_explained_in_german(side: Side) -> None:
    client = german(side.customer)
    url = reverse("connection_credentials", args=[side.connection.public_id])
    answer = client.post(url, {"client_id": "", "client_secret": ""})
    assert answer.status_code == 422
    assert english_in(answer.content.decode()) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"how": "times", "times": "25:00"},
        {"how": "times", "times": "02:00, 02:10"},
        {
            "how": "times",
            "times": ",".join(f"{hour:02}:{minute:02}" for hour in range(13) for minute in (0, 30)),
        },
    ],
)
def test_a_wrong_schedule_is_explained_in_german(side: Side, fields: dict[str, str]) -> None:
    url = reverse("connection_schedule", args=[side.connection.public_id])
    answer = german(side.customer).post(url, fields)
    assert answer.status_code == 422
    assert english_in(answer.content.decode()) == []


def test_what_waits_at_a_connection_is_retold_in_german_with_its_day(side: Side) -> None:
    raise_issue(side.connection, "failing", "The certificate expires on 3 December 2026.")
    read(german(side.customer), reverse("connection_detail", args=[side.connection.public_id]))


def test_the_staff_list_as_a_file_is_german_in_its_cells_too(side: Side) -> None:
    url = reverse("directory_export") + f"?company={side.company.public_id}"
    text = b"".join(cast(Any, german(side.customer).get(url))).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["Stand"] == "Aktiv"


def test_a_certificate_that_ran_out_is_explained_in_german_with_its_day(side: Side) -> None:
    adp = a_connection(side.company, provider="adp_workforce_now", state=ConnectionState.QUARANTINED)
    certificate, key = Authority.new().issue("client", days=-1)
    url = reverse("connection_credentials", args=[adp.public_id])
    given = {"client_id": "x", "client_secret": "y", "certificate": certificate, "private_key": key}
    html = german(side.customer).post(url, given).content.decode()
    assert "Lassen Sie ein neues ausstellen" in html
    assert english_in(html) == []


# --- who stays English --------------------------------------------------------------------------------------


def test_the_desk_stays_english_whatever_the_browser_asks_for() -> None:
    req = with_the_customer("personio")
    for role in (Role.CSM, Role.TL, Role.DEVELOPER, Role.OPERATOR):
        user = req.owner if role == Role.CSM else a_user(role, f"Some {role.label}")
        client = german(user)
        for url in (
            reverse("my_work"),
            reverse("request_detail", args=[req.number]),
            reverse("connection_list"),
        ):
            answer = client.get(url, headers=GERMAN)
            assert answer["Content-Language"] == "en-gb"
            assert '<html lang="en-GB"' in answer.content.decode()
            assert "Verbindungen" not in " ".join(words_of(answer.content.decode()))


@pytest.mark.parametrize("name", ["account_login", "account_reset_password"])
def test_the_desks_own_door_is_english(name: str) -> None:
    answer = Client().get(reverse(name), headers=GERMAN)
    assert answer["Content-Language"] == "en-gb"
    assert not {"Passwort", "E-Mail-Adresse", "Zum Inhalt springen"} & set(words_of(answer.content.decode()))


def test_a_chart_has_its_coordinates_whatever_the_language(side: Side) -> None:
    """A decimal comma would be no number to SVG."""
    a_run(side.connection, added=7, changed=3)
    page = german(side.customer).get(reverse("connection_detail", args=[side.connection.public_id]))
    assert re.findall(r' (?:x|y|width|height)="[^"]*,[^"]*"', page.content.decode()) == []


def test_a_ticket_is_english_though_a_german_customer_gave_the_answers() -> None:
    req = a_request("adp_workforce_now")
    german(customer_of(req))
    done = complete(req)
    make_move(done, "submit", by=done.owner)
    approved = make_move(done, "approve", by=a_tl())
    english = render_ticket(approved)
    with translation.override("de"):
        assert render_ticket(approved) == english
    assert "Would you like the users to be created" in json.dumps(english, default=str)
