"""The page of a request as the desk works with it: conversation, blockers, check, copy, and the company's page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from portal.accounts.models import AccessLink, Role, User
from portal.audit.models import Entry
from portal.kit import clock
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import Answer, AnswerState, Message, Reach, Request
from requests_app.services.filing import file_request
from requests_app.services.talk import write_message
from tests.requests_app.factories import an_upload, answer_of, complete, customer_of, give, item_of, let_in
from tests.support.pages import HTMX, a_connection, page, queries_of
from tests.support.people import a_company, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def req(csm: User) -> Request:
    made = file_request(a_company(), "adp_workforce_now", by=csm)
    Request.objects.filter(pk=made.pk).update(stage=Stage.WAITING_ON_CUSTOMER)
    made.refresh_from_db()
    return made


@pytest.fixture
def client(csm: User) -> Client:
    client = Client()
    client.force_login(csm)
    return client


def say(client: Client, req: Request, reach: str, text: str, **more: object) -> str:
    url, data = f"/requests/{req.number}/messages/", {"reach": reach, "text": text, **more}
    return client.post(url, data, headers=HTMX).content.decode()


# --- conversation -------------------------------------------------------------------------------------------


def test_each_form_says_who_reads_it_and_has_its_own_button(req: Request, csm: User) -> None:
    customer_of(req)
    text = page(csm, "request_detail", req.number)
    forms = re.findall(r"<form[^>]*messages/.*?</form>", text, re.DOTALL)
    note, message = forms
    assert 'value="internal"' in note and "Save note" in note and "never the customer" in note  # noqa: PT018
    assert 'value="customer"' in message
    assert "Dana Whitfield (dana@riverside.example) reads this" in message
    assert "Send to customer" in message
    assert "Save note" not in message


def test_a_note_by_htmx_is_a_fresh_form_and_one_new_line(req: Request, client: Client) -> None:
    text = say(client, req, "internal", "They <b>wait</b> for us")
    assert "<html" not in text
    assert 'hx-swap-oob="beforeend:#talk-list"' in text
    assert "They &lt;b&gt;wait&lt;/b&gt; for us" in text
    assert Message.objects.get().reach == Reach.INTERNAL


@pytest.mark.parametrize("headers", [HTMX, {}])
def test_what_was_typed_survives_a_refusal(req: Request, client: Client, headers: dict[str, str]) -> None:
    url = f"/requests/{req.number}/messages/"
    file = an_upload(b"MZ\x00\x01", "virus.exe")
    answer = client.post(url, {"reach": "customer", "text": "Half a thought", "files": file}, headers=headers)
    assert answer.status_code == 422
    assert "Half a thought</textarea>" in answer.content.decode()
    assert not Message.objects.exists()
    assert not Effect.objects.filter(payload__template="message").exists()


def test_without_script_the_page_comes_back_at_the_new_line(req: Request, client: Client) -> None:
    answer = client.post(f"/requests/{req.number}/messages/", {"reach": "internal", "text": "Hello"})
    assert answer["Location"] == f"/requests/{req.number}/#message-{Message.objects.get().pk}"


def test_files_go_with_a_message(req: Request, client: Client) -> None:
    assert "consent acme" in say(client, req, "customer", "See the picture", files=an_upload())
    assert Message.objects.get().files.count() == 1


def test_a_reach_that_does_not_exist_is_not_found(req: Request, client: Client) -> None:
    data = {"reach": "everybody", "text": "x"}
    assert client.post(f"/requests/{req.number}/messages/", data).status_code == 404


def test_a_developer_writes_notes_alone(req: Request) -> None:
    developer = a_user(Role.DEVELOPER, "Lin Dev")
    text = page(developer, "request_detail", req.number)
    assert "Save note" in text
    assert "Send to customer" not in text
    client = Client()
    client.force_login(developer)
    assert "You cannot write this here" in say(client, req, "customer", "Hello")
    assert not Message.objects.exists()


def test_only_colleagues_who_may_see_the_request_are_offered(req: Request, csm: User) -> None:
    a_user(Role.TL, "Maya Ortiz")
    a_user(Role.CSM, "Mara Other")
    text = page(csm, "staff_search", req.number, query="?q=ma")
    assert "Maya Ortiz" in text
    assert "Mara Other" not in text
    assert "@" not in text


def test_a_blocker_stands_on_top_until_it_is_resolved(req: Request, csm: User, client: Client) -> None:
    item = item_of(req, "client_secret")
    blocker = write_message(
        req, "No menu", by=customer_of(req), reach=Reach.CUSTOMER, item=item, is_stuck=True
    )
    text = page(csm, "request_detail", req.number)
    assert text.index("Dana Whitfield is stuck on “Client secret”") < text.index("Checklist</h2>")
    for _ in range(2):
        client.post(f"/requests/{req.number}/messages/{blocker.pk}/resolve/")
    text = page(csm, "request_detail", req.number)
    assert 'class="note note-bad stuck"' not in text
    assert "Jamie Park resolved what Dana Whitfield was stuck on" in text


def test_a_message_of_another_request_cannot_be_resolved_from_here(req: Request, client: Client) -> None:
    other = file_request(a_company("Other"), "personio", by=a_user(Role.CSM, "Rosa Silva"))
    blocker = write_message(other, "Help", by=customer_of(other), reach=Reach.CUSTOMER, is_stuck=True)
    assert client.post(f"/requests/{req.number}/messages/{blocker.pk}/resolve/").status_code == 404
    blocker.refresh_from_db()
    assert blocker.resolved_at is None


def test_the_page_costs_the_same_however_much_was_said(req: Request, csm: User) -> None:
    dana = customer_of(req)
    write_message(req, "One", by=dana, reach=Reach.CUSTOMER, is_stuck=True)
    few = queries_of(csm, "request_detail", req.number)
    for number in range(12):
        kim = a_user(Role.CUSTOMER_ADMIN, f"Kim {number}", f"kim{number}@riverside.example")
        let_in(req, kim)
        write_message(
            req, "More", by=kim, reach=Reach.CUSTOMER, item=item_of(req, "client_id"), is_stuck=True
        )
        file_request(req.company, "personio", by=csm, related_to=req)
    assert queries_of(csm, "request_detail", req.number) == few <= 36


# --- the rest of the page -----------------------------------------------------------------------------------


def test_the_head_says_who_is_waited_for_and_both_clocks(req: Request, csm: User) -> None:
    text = page(csm, "request_detail", req.number)
    assert re.search(r"Waiting on: <strong>customer \(\d+\), CSM \(\d+\)", text)
    assert re.search(r"Our time [\w ]+ · total [\w ]+", text)


def test_waived_postponed_and_expiring_are_said_with_their_reasons(csm: User) -> None:
    req = file_request(a_company(), "microsoft_entra_id", by=csm)
    answers = Answer.objects.filter(item__req=req)
    answers.filter(item__key="sso.poc_phone").update(state=AnswerState.WAIVED, comment="They have none")
    answers.filter(item__key="tenant_domain").update(
        state=AnswerState.POSTPONED, comment="Domain moves", due_on="2027-01-12"
    )
    soon = (clock.now() + timedelta(days=20)).date().isoformat()
    answers.filter(item__key="secret_expires_on").update(state=AnswerState.PROVIDED, value=soon)
    text = page(csm, "request_detail", req.number)
    for words in ("They have none", "Domain moves", "promised for 12 January 2027", "expires soon"):
        assert words in text
    late = (clock.now() + timedelta(days=40)).date().isoformat()
    answers.filter(item__key="secret_expires_on").update(value=late)
    assert "expires soon" not in page(csm, "request_detail", req.number)


def test_who_holds_a_part_of_it_and_what_is_open_is_said(req: Request, csm: User) -> None:
    dana = customer_of(req)
    link = let_in(req, a_user(Role.CUSTOMER_ADMIN, "Kim Lee", "kim@riverside.example"))
    AccessLink.objects.filter(pk=link.pk).update(item_keys=["client_secret"], delegated_by=dana)
    text = page(csm, "request_detail", req.number)
    assert "Handed on by Dana Whitfield: “Client secret”" in text
    assert "still open for them" in text


def test_a_reminder_goes_out_now_and_not_twice(req: Request, client: Client) -> None:
    customer_of(req)
    url = f"/requests/{req.number}/remind/"
    assert "1 reminder is on the way" in client.post(url, follow=True).content.decode()
    before = Effect.objects.filter(kind="mail.send").count()
    client.post(url)
    assert Effect.objects.filter(kind="mail.send").count() == before


def test_the_language_of_an_invitation_is_kept(req: Request, client: Client) -> None:
    data = {"email": "dana@riverside.example", "language": "de"}
    client.post(f"/requests/{req.number}/invite/", data)
    assert AccessLink.objects.get().language == "de"


# --- check, copy --------------------------------------------------------------------------------------------


def test_the_check_shows_who_answered_for_whom_and_leads_back(req: Request, csm: User) -> None:
    give(req, "hris.notify_employees", "false", csm)
    text = page(csm, "request_check", req.number)
    assert "answered by Jamie Park for the customer" in text
    goal = item_of(req, "hris.goal")
    assert f'href="/requests/{req.number}/company/?next=check#item-{goal.pk}"' in text
    assert "Waiting on customer" in text
    secret = item_of(req, "client_secret")
    assert f"#item-{secret.pk}" not in text.replace(
        f'id="item-{secret.pk}"', ""
    )  # only the customer enters it


def test_the_check_shows_of_a_secret_only_that_it_is_held(req: Request, csm: User) -> None:
    complete(req)
    text = page(csm, "request_check", req.number)
    assert "s3cret-value" not in text
    assert "held, ends in" in text
    assert "Everything is here" in text


def test_whoever_only_reads_gets_no_way_to_change_or_submit(req: Request) -> None:
    text = page(a_user(Role.DEVELOPER, "Lin Dev"), "request_check", req.number)
    assert "next=check" not in text
    assert "Submit" not in text


def test_a_copy_is_made_from_the_page_and_a_duplicate_is_shown_first(req: Request, client: Client) -> None:
    give(req, "hris.goal", "Fewer tickets", req.owner)
    url = f"/requests/{req.number}/copy/"
    made = client.post(url, {"provider": "adp_totalsource"})
    copy = Request.objects.get(copied_from=req)
    assert made["Location"] == f"/requests/{copy.number}/"
    assert answer_of(copy, "hris.goal").value == "Fewer tickets"
    again = client.post(url, {"provider": "adp_totalsource"})
    assert again.status_code == 422
    assert f"Open {copy}" in again.content.decode()
    client.post(url, {"provider": "adp_totalsource", "beside": f"link-{copy.number}"})
    assert Request.objects.get(related_to=copy).copied_from == req
    assert client.post(url, {"provider": "adp_workforce_now"}).status_code == 422


# --- the company's page -------------------------------------------------------------------------------------


def test_the_company_shows_its_requests_people_and_connections(req: Request, csm: User) -> None:
    customer_of(req)
    a_connection(req.company)
    file_request(req.company, "microsoft_entra_id", by=a_user(Role.CSM, "Rosa Silva"))
    text = page(csm, "company_detail", req.company.public_id)
    for words in (str(req), "Dana Whitfield", "Personio", "USD 4,250.00", "And 1 of colleagues"):
        assert words in text
    assert "Rosa Silva" not in text


def test_the_companys_page_costs_the_same_for_few_and_many(req: Request, csm: User) -> None:
    few = queries_of(csm, "company_detail", req.company.public_id)
    for number in range(5):
        file_request(req.company, "personio", by=csm, duplicate_reason=f"Division {number}")
        let_in(req, a_user(Role.CUSTOMER_ADMIN, f"Kim {number}", f"kim{number}@riverside.example"))
    assert queries_of(csm, "company_detail", req.company.public_id) == few <= 18


def test_a_colour_is_saved_or_refused_with_what_was_typed(req: Request, client: Client) -> None:
    url = f"/companies/{req.company.public_id}/edit/"
    refused = client.post(url, {"color": "greenish"})
    assert refused.status_code == 422
    assert 'value="greenish"' in refused.content.decode()
    client.post(url, {"color": "#0B6E4F"})
    req.company.refresh_from_db()
    assert req.company.color == "#0b6e4f"
    assert Entry.objects.filter(action="company.colour").count() == 1
    assert 'fill="#0b6e4f"' in client.get(f"/companies/{req.company.public_id}/").content.decode()
