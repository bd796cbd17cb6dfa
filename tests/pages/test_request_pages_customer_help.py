"""The customer's pages beside the answers: not now, not me, not clear; check, guide, colour and language."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from portal.accounts.models import AccessLink, Company, Role, User
from portal.accounts.services import create_link
from portal.kit import clock
from portal.notices.models import Notice
from requests_app.lifecycle import Stage
from requests_app.models import AnswerState, Message, Reach, Request
from requests_app.services.delegation import delegate
from requests_app.services.filing import file_request
from requests_app.services.moves import make_move
from requests_app.services.talk import write_message
from requests_app.views.style import contrast
from tests.pages.test_request_pages_customer import autosave, item, path_of, url_of
from tests.requests_app.factories import customer_of, put_in_stage
from tests.support.pages import queries_of
from tests.support.people import a_company, a_user, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def req() -> Request:
    """With the customer, who has opened their link."""
    made = file_request(a_company(), "adp_workforce_now", by=a_user(Role.CSM))
    customer_of(made)
    return make_move(made, "send_to_customer", by=made.owner)


@pytest.fixture
def client(req: Request) -> Client:
    return signed_in(customer_of(req))


def postponed(client: Client, req: Request, key: str, reason: str, due_on: object) -> HttpResponse:
    pk = item(req, key).pk
    url = url_of(req, f"postpone/?item={pk}")
    return client.post(url, {f"{pk}-reason": reason, f"{pk}-due_on": str(due_on)})  # type: ignore[return-value]


def test_what_is_not_there_yet_stays_open_with_its_reason_and_day(req: Request, client: Client) -> None:
    day = clock.now().date() + timedelta(days=9)
    answer = postponed(client, req, "certificate", "our security team <makes> it", day)
    assert answer["Location"] == url_of(req, f"details/#item-{item(req, 'certificate').pk}")
    page = client.get(url_of(req, "details/")).content.decode()
    assert f"Promised for {day.day} {day:%B}" in page
    assert "our security team &lt;makes&gt; it" in page
    assert "I have it now" in page
    assert f"Promised for {day.day} {day:%B}" in client.get(url_of(req)).content.decode()
    assert "Promised for later:" in client.get(url_of(req, "check/")).content.decode()
    assert item(req, "certificate").answer.state == AnswerState.POSTPONED


@pytest.mark.parametrize(("reason", "days"), [("", 5), ("because", -3), ("because", 900)])
def test_a_promise_without_reason_or_day_keeps_what_was_typed(
    req: Request, client: Client, reason: str, days: int
) -> None:
    day = clock.now().date() + timedelta(days=days)
    answer = postponed(client, req, "certificate", reason, day)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert f'value="{day}"' in text
    assert "data-error-summary" in text
    assert item(req, "certificate").answer.state == AnswerState.MISSING


def test_the_desk_can_say_the_same_about_an_item(req: Request) -> None:
    day = clock.now().date() + timedelta(days=2)
    pk = item(req, "client_id").pk
    url = f"/requests/{req.number}/postpone/?item={pk}"
    staff = signed_in(req.owner)
    assert staff.post(url, {f"{pk}-reason": "on the phone", f"{pk}-due_on": str(day)}).status_code == 302
    assert "on the phone" in staff.get(f"/requests/{req.number}/details/").content.decode()


def test_stuck_at_an_item_is_a_blocker_that_both_sides_see(req: Request, client: Client) -> None:
    pk = item(req, "client_secret").pk
    client.post(url_of(req, f"message/?item={pk}&stuck"), {f"stuck{pk}-text": "Where is API Central?"})
    message = Message.objects.get()
    assert (message.is_stuck, message.reach, message.item_id) == (True, Reach.CUSTOMER, pk)
    assert Notice.objects.get(kind="stuck").user == req.owner
    page = client.get(url_of(req)).content.decode()
    assert "Where is API Central?" in page
    assert f"{req.owner} has been told." in page
    client.post(url_of(req, f"message/{message.pk}/solved/"))
    message.refresh_from_db()
    assert message.resolved_at is not None
    assert "Solved" in client.get(url_of(req)).content.decode()


def test_an_empty_message_is_refused_beside_its_field(req: Request, client: Client) -> None:
    answer = client.post(url_of(req, "message/"), {"text": " "})
    assert answer.status_code == 422
    assert "Write something first." in answer.content.decode()


def test_a_note_of_the_desk_never_reaches_the_customers_page(req: Request, client: Client) -> None:
    write_message(req, "they are slow", by=req.owner, reach=Reach.INTERNAL)
    write_message(req, "How is it going?", by=req.owner, reach=Reach.CUSTOMER)
    for path in ("", "message/"):
        page = client.get(url_of(req, path)).content.decode()
        assert "they are slow" not in page
        assert "How is it going?" in page


def test_a_colleague_is_asked_for_one_item_and_it_is_taken_back(req: Request, client: Client) -> None:
    page = client.get(url_of(req, f"delegate/?item={item(req, 'client_secret').pk}")).content.decode()
    assert page.count("checked") == 1
    sam = "sam.lee@riverside.example"
    client.post(url_of(req, "delegate/"), {"email": sam, "items": ["client_secret"], "note": "Please"})
    link = AccessLink.objects.get(email=sam)
    assert link.item_keys == ["client_secret"]
    assert f"Asked of {sam}" in client.get(url_of(req, "details/")).content.decode()
    assert "Take back" in client.get(url_of(req)).content.decode()
    client.post(url_of(req, f"delegate/{link.pk}/take-back/"))
    link.refresh_from_db()
    assert link.revoked_at is not None
    client.get(url_of(req))  # which shows, once, that it is done
    assert sam not in client.get(url_of(req, "delegate/")).content.decode()


def test_whoever_was_asked_for_two_answers_sees_only_those(req: Request, client: Client) -> None:
    keys = ["client_id", "client_secret"]
    client.post(url_of(req, "delegate/"), {"email": "sam@riverside.example", "items": keys})
    sam = User.objects.create_user("sam@riverside.example", name="Sam Lee", role=Role.CUSTOMER_ADMIN)
    AccessLink.objects.filter(email=sam.email).update(used_by=sam, used_at=clock.now())
    theirs = signed_in(sam)
    page = theirs.get(url_of(req)).content.decode()
    assert "Dana Whitfield asked you for 2 answers" in page
    assert "Hand back" not in page
    assert theirs.get(url_of(req, "consent/")).status_code == 404
    assert "Private key" not in theirs.get(url_of(req, "details/")).content.decode()
    assert theirs.get(url_of(req, f"postpone/?item={item(req, 'private_key').pk}")).status_code == 404
    theirs.post(url_of(req, "hand-back/"))
    req.refresh_from_db()
    assert req.stage == Stage.WAITING_ON_CUSTOMER


# --- check, guide, colour, language -------------------------------------------------------------------------


def test_a_change_from_the_check_page_leads_back_to_it(req: Request, client: Client) -> None:
    autosave(client, req, "client_id", "first", "details")
    page = client.get(url_of(req, "check/")).content.decode()
    assert "first" in page
    assert f"{url_of(req, 'details/')}?next=check#item-{item(req, 'client_id').pk}" in page
    answer = client.post(url_of(req, "details/?next=check"), {"client_id": "second"})
    assert answer["Location"] == url_of(req, "check/")
    put_in_stage(req, Stage.SUBMITTED)
    assert client.get(url_of(req, "check/"))["Location"] == url_of(req)


def test_the_guide_shows_our_values_to_copy(settings: Settings) -> None:
    settings.LMS_REDIRECT_URI = "https://lms.example/sso/back"
    settings.EGRESS_ADDRESSES = []
    made = file_request(a_company(), "microsoft_entra_id", by=a_user(Role.CSM))
    customer = customer_of(made)
    make_move(made, "send_to_customer", by=made.owner)
    page = signed_in(customer).get(url_of(made, "details/")).content.decode()
    assert "https://lms.example/sso/back" in page
    assert "Our network addresses" not in page
    assert all(step.title.replace("'", "&#x27;") in page for step in made.provider.guide)


@pytest.mark.parametrize(
    "color", ["#000000", "#ffffff", "#ff0000", "#777777", "#0a7d6c", "#ffd400", "#767676"]
)
def test_on_every_colour_of_a_company_the_ink_can_be_read(req: Request, client: Client, color: str) -> None:
    Company.objects.update(color=color)
    assert url_of(req, "style.css") in client.get(url_of(req)).content.decode()
    answer = client.get(url_of(req, "style.css"))
    assert answer["Content-Type"].startswith("text/css")
    ink = answer.content.decode().partition("--company-ink:")[2][:7]
    assert contrast(color, ink) >= 4.5


def test_a_company_without_a_colour_has_no_style_sheet(req: Request, client: Client) -> None:
    assert "style.css" not in client.get(url_of(req)).content.decode()


def test_the_language_is_kept_with_the_customer_and_the_desk_stays_english(
    req: Request, client: Client
) -> None:
    answer = client.post("/accounts/language/", {"language": "de", "next": url_of(req)})
    assert answer["Location"] == url_of(req)
    assert customer_of(req).__class__.objects.get(pk=customer_of(req).pk).language == "de"
    page = client.get(url_of(req))
    assert page["Content-Language"] == "de"
    assert '<html lang="de"' in page.content.decode()
    staff = signed_in(req.owner)
    staff.post("/accounts/language/", {"language": "de", "next": "/"})
    assert '<html lang="en-GB"' in staff.get("/my-work/").content.decode()


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_the_language_switch_leads_to_no_other_site(client: Client, back: str) -> None:
    assert client.post("/accounts/language/", {"language": "en", "next": back})["Location"] == "/"


def test_a_visitor_reads_the_links_language_until_they_choose(req: Request) -> None:
    link = create_link(req.company, req.public_id, "neu@riverside.example", by=req.owner, language="de")
    visitor = Client()
    assert visitor.get(path_of(link))["Content-Language"] == "de"
    visitor.post("/accounts/language/", {"language": "en", "next": path_of(link)})
    assert visitor.get(path_of(link))["Content-Language"] == "en-gb"
    browser = {"Accept-Language": "de-AT,de;q=0.9"}
    assert Client().get("/nothing-here/", headers=browser)["Content-Language"] == "de"
    assert Client().get("/nothing-here/", headers={"Accept-Language": "fr"})["Content-Language"] == "en-gb"


def test_the_customers_pages_ask_the_database_a_fixed_number_of_times(req: Request, client: Client) -> None:
    customer = customer_of(req)
    counts = {
        path: queries_of(customer, path, req.public_id) for path in ("customer_request", "customer_check")
    }
    for number in range(5):
        write_message(req, f"Message {number}", by=customer, reach=Reach.CUSTOMER)
        delegate(req, f"colleague{number}@riverside.example", by=customer, item_keys=["client_id"])
    more = {path: queries_of(customer, path, req.public_id) for path in counts}
    assert more["customer_check"] == counts["customer_check"]
    assert more["customer_request"] <= counts["customer_request"] + 2  # the files, and what was handed on
    assert max(more.values()) < 30
