"""The desk's pages of requests: who sees what, what is said at a refusal, how many queries it costs."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations.models import Run
from portal.accounts.models import AccessLink, Role, User
from portal.notices.models import Notice
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import Item, Request
from requests_app.services.answers import give_answer
from requests_app.services.filing import file_request
from requests_app.services.moves import make_move
from tests.requests_app.factories import complete
from tests.support.people import a_company, a_user, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def req(csm: User) -> Request:
    return file_request(a_company(), "adp_workforce_now", by=csm)


def submitted(req: Request, csm: User) -> Request:
    complete(req)
    return make_move(req, "submit", by=csm)


def queries_of(client: Client, url: str) -> int:
    with CaptureQueriesContext(database) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


# --- who sees what ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.CSM, Role.TL, Role.DEVELOPER, Role.OPERATOR])
@pytest.mark.slow
def test_every_reading_page_opens_for_every_staff_role(role: Role, req: Request, csm: User) -> None:
    client = signed_in(csm if role == Role.CSM else a_user(role, "Some Body"))
    for path in ("/my-work/", "/requests/", f"/requests/{req.number}/", f"/requests/{req.number}/ticket/"):
        assert client.get(path).status_code == 200, path
    assert client.get(f"/requests/{req.number}/status/", headers={"HX-Request": "true"}).status_code == 200


@pytest.mark.slow
def test_every_topic_of_every_stage_opens_for_the_desk(req: Request, csm: User) -> None:
    client = signed_in(csm)
    for stage in Stage:
        Request.objects.filter(pk=req.pk).update(stage=stage)
        assert client.get(f"/requests/{req.number}/").status_code == 200, stage
        for topic in set(Item.objects.filter(req=req).values_list("topic", flat=True)):
            assert client.get(f"/requests/{req.number}/{topic}/").status_code == 200, (stage, topic)


def test_foreign_and_missing_requests_answer_alike(req: Request) -> None:
    other = signed_in(a_user(Role.CSM, "Rosa Silva"))
    for path in ("", "ticket/", "company/", "status/", "invite/"):
        foreign = other.get(f"/requests/{req.number}/{path}")
        missing = other.get(f"/requests/{req.number + 1000}/{path}")
        assert foreign.status_code == missing.status_code == 404
        assert b"Riverside" not in foreign.content
    assert other.post(f"/requests/{req.number}/move/", {"move": "cancel", "reason": "x"}).status_code == 404
    req.refresh_from_db()
    assert req.stage == Stage.DRAFT


def test_a_topic_that_this_checklist_does_not_have_is_not_found(req: Request, csm: User) -> None:
    client = signed_in(csm)
    assert client.get(f"/requests/{req.number}/nonsense/").status_code == 404
    assert client.get(f"/requests/{req.number}/test_user/").status_code == 404  # an HRIS request has none


# --- the lists ----------------------------------------------------------------------------------------------


def test_the_list_costs_the_same_for_five_requests_and_for_fifty(csm: User, lead: User) -> None:
    def file(count: int) -> None:
        for _ in range(count):
            file_request(a_company(f"Company {Request.objects.count()}"), "personio", by=csm)

    client = signed_in(lead)
    file(5)
    client.get("/requests/")
    few, few_work = queries_of(client, "/requests/"), queries_of(client, "/my-work/")
    file(45)
    many, many_work = queries_of(client, "/requests/"), queries_of(client, "/my-work/")
    assert few == many <= 25
    assert few_work == many_work <= 25


def test_the_list_finds_by_number_company_and_nonsense(req: Request, csm: User) -> None:
    client = signed_in(csm)
    for text in (f"REQ-{req.number}", str(req.number), "riverside"):
        assert b"Riverside" in client.get("/requests/", {"q": text}).content, text
    for query in (
        {"q": "\x00"},
        {"owner": "9" * 40},
        {"owner": "x"},
        {"kind": "\x00"},
        {"page": "-3"},
        {"tab": "?"},
    ):
        assert client.get("/requests/", query).status_code == 200, query
    assert b"No request matches" in client.get("/requests/", {"q": "zzz"}).content


def test_a_filter_by_htmx_answers_with_the_rows_and_the_counts_alone(req: Request, csm: User) -> None:
    answer = signed_in(csm).get("/requests/", {"q": "river"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in answer
    assert "Riverside" in answer
    assert 'hx-swap-oob="true"' in answer


def test_mrr_is_never_added_across_currencies(csm: User) -> None:
    for name, currency in (("One", "USD"), ("Two", "USD"), ("Three", "EUR")):
        company = a_company(name)
        type(company).objects.filter(pk=company.pk).update(mrr_currency=currency, mrr="100.00")
        company.refresh_from_db()
        file_request(company, "personio", by=csm)
        if name == "One":
            file_request(company, "bamboohr", by=csm)  # the same money again
    page = signed_in(csm).get("/requests/").content.decode()
    assert "USD 200.00" in page
    assert "EUR 100.00" in page
    assert "300.00" not in page


# --- answering ----------------------------------------------------------------------------------------------


def item(req: Request, key: str) -> Item:
    return Item.objects.get(req=req, key=key)


def autosave(client: Client, req: Request, key: str, value: str, topic: str = "company") -> str:
    url = f"/requests/{req.number}/{topic}/?item={item(req, key).pk}"
    return client.post(url, {key: value}, headers={"HX-Request": "true"}).content.decode()


def test_a_change_is_saved_by_itself_and_said(req: Request, csm: User) -> None:
    answer = autosave(signed_in(csm), req, "hris.goal", "Keep people in step")
    assert "Saved" in answer
    assert "<html" not in answer
    assert item(req, "hris.goal").answer.value == "Keep people in step"


def test_an_invalid_change_is_refused_beside_its_field_and_stays_typed(req: Request, csm: User) -> None:
    answer = autosave(signed_in(csm), req, "company.mrr", "plenty")
    assert "Enter an amount and its currency" in answer
    assert "plenty" in answer
    assert "Saved" not in answer
    assert item(req, "company.mrr").answer.value == "4250.00 USD"


def test_a_conditional_question_appears_with_the_answer_that_it_hangs_on(req: Request, csm: User) -> None:
    client, name = signed_in(csm), "just created, or is it"
    assert name not in client.get(f"/requests/{req.number}/company/").content.decode()
    answer = autosave(client, req, "hris.company_exists", "true")
    assert name in answer
    assert f'id="item-{item(req, "hris.company_age").pk}" hx-swap-oob="true"' in answer


def test_the_page_keeps_what_is_valid_and_says_what_is_not(req: Request, csm: User) -> None:
    url = f"/requests/{req.number}/company/"
    page = signed_in(csm).post(url, {"hris.goal": "Fewer tickets", "company.mrr": "plenty"})
    assert page.status_code == 422
    assert "error-summary" in page.content.decode()
    assert item(req, "hris.goal").answer.value == "Fewer tickets"


def test_a_csm_is_told_who_enters_secrets_and_cannot(req: Request, csm: User) -> None:
    client = signed_in(csm)
    text = client.get(f"/requests/{req.number}/details/").content.decode()
    assert "Only the customer can enter this" in text
    assert 'name="client_secret"' not in text
    autosave(client, req, "client_secret", "a-secret-that-was-typed", topic="details")
    assert item(req, "client_secret").answer.sealed is None


def test_what_is_over_cannot_be_changed(req: Request, csm: User) -> None:
    submitted(req, csm)
    Request.objects.filter(pk=req.pk).update(stage=Stage.REJECTED)
    client = signed_in(csm)
    assert "can no longer be changed" in client.get(f"/requests/{req.number}/company/").content.decode()
    autosave(client, req, "hris.goal", "Too late")
    assert item(req, "hris.goal").answer.value != "Too late"


# --- moves --------------------------------------------------------------------------------------------------


def move(client: Client, req: Request, name: str, **more: object) -> str:
    data = {"move": name, "version": req.version, **more}
    return client.post(f"/requests/{req.number}/move/", data, follow=True).content.decode()


def test_submitting_too_early_lists_what_is_missing(req: Request, csm: User) -> None:
    text = move(signed_in(csm), req, "submit")
    assert "still missing" in text
    assert "What does the customer want to achieve" in text
    req.refresh_from_db()
    assert req.stage == Stage.DRAFT


def test_approving_twice_is_one_approval_and_a_kind_sentence(req: Request, csm: User, lead: User) -> None:
    req, client = submitted(req, csm), signed_in(lead)
    assert "Approved." in move(client, req, "approve")
    assert "Already approved by Maya Ortiz" in move(client, req, "approve")
    assert Effect.objects.filter(kind="jira.create_issue").count() == 1
    assert Notice.objects.filter(kind="approved", user=csm).count() == 1


def test_a_lead_who_looked_at_older_contents_is_told_so(req: Request, csm: User, lead: User) -> None:
    req = submitted(req, csm)
    text = move(
        signed_in(lead), req, "approve", version=req.version - 1, next=f"/requests/{req.number}/review/"
    )
    assert "changed while you were looking at it" in text
    req.refresh_from_db()
    assert req.stage == Stage.SUBMITTED


def test_the_one_who_filed_it_reads_why_there_is_no_approve_button(lead: User) -> None:
    req = file_request(a_company(), "adp_workforce_now", by=lead)
    req = submitted(req, lead)
    client = signed_in(lead)
    text = client.get(f"/requests/{req.number}/review/").content.decode()
    assert "Another team lead approves this one" in text
    assert 'value="approve"' not in text
    assert "another team lead must approve it" in move(client, req, "approve")


def test_sending_back_mails_the_comment_to_the_owner(req: Request, csm: User, lead: User) -> None:
    req = submitted(req, csm)
    move(signed_in(lead), req, "send_back", reason="The screenshot shows another company")
    mail = Effect.objects.get(kind="mail.send", payload__template="notice")
    assert mail.payload["to"] == [csm.email]
    assert "The screenshot shows another company" in mail.payload["context"]["detail"]


def test_a_move_that_does_not_exist_is_not_found(req: Request, csm: User) -> None:
    for name in ("", "go_home", "send_to_customer"):
        assert signed_in(csm).post(f"/requests/{req.number}/move/", {"move": name}).status_code == 404


def test_the_way_back_is_never_to_another_site(req: Request, csm: User, lead: User) -> None:
    req = submitted(req, csm)
    data = {"move": "reject", "reason": "", "version": req.version, "next": "https://evil.example/"}
    answer = signed_in(lead).post(f"/requests/{req.number}/move/", data)
    assert answer["Location"] == f"/requests/{req.number}/"


# --- review and ticket --------------------------------------------------------------------------------------


def test_the_review_shows_answers_warnings_and_the_ticket(req: Request, csm: User, lead: User) -> None:
    complete(req, **{"hris.notify_employees": "no"})
    give_answer(req, item(req, "hris.notify_employees"), "yes", by=csm)
    make_move(req, "submit", by=csm)
    text = signed_in(lead).get(f"/requests/{req.number}/review/").content.decode()
    assert "Complete: every required answer is here" in text
    assert "each new account gets a mail" in text
    assert "Enable HRIS ADP Workforce Now Integration for Riverside Community Health" in text
    assert "for the customer" in text  # the CSM answered a question of the customer


def test_the_ticket_page_lists_what_is_missing_with_links(req: Request, csm: User) -> None:
    text = signed_in(csm).get(f"/requests/{req.number}/ticket/").content.decode()
    goal = item(req, "hris.goal")
    assert f'href="/requests/{req.number}/company/#item-{goal.pk}"' in text


# --- the customer's link ------------------------------------------------------------------------------------


def test_inviting_sends_one_mail_and_moves_the_request(req: Request, csm: User) -> None:
    client = signed_in(csm)
    client.post(f"/requests/{req.number}/invite/", {"email": "Dana@riverside.example"})
    req.refresh_from_db()
    assert req.stage == Stage.WAITING_ON_CUSTOMER
    assert Effect.objects.get(kind="mail.send").payload["to"] == ["dana@riverside.example"]
    text = client.get(f"/requests/{req.number}/").content.decode()
    assert "dana@riverside.example" in text
    assert "Not opened yet" in text
    assert 'value="dana@riverside.example"' in client.get(f"/requests/{req.number}/invite/").content.decode()


def test_inviting_a_colleague_is_refused_and_changes_nothing(req: Request, csm: User) -> None:
    page = signed_in(csm).post(f"/requests/{req.number}/invite/", {"email": csm.email})
    assert page.status_code == 422
    assert "belongs to a colleague" in page.content.decode()
    req.refresh_from_db()
    assert req.stage == Stage.DRAFT
    assert not AccessLink.objects.exists()


def test_revoking_ends_every_link_of_that_address(req: Request, csm: User) -> None:
    client = signed_in(csm)
    for _ in range(2):
        client.post(f"/requests/{req.number}/invite/", {"email": "dana@riverside.example"})
    newest = AccessLink.objects.order_by("-created_at", "-pk")[0]
    client.post(f"/requests/{req.number}/links/{newest.pk}/revoke/")
    assert not AccessLink.objects.filter(revoked_at=None).exists()


def test_a_link_of_another_request_cannot_be_revoked_from_here(req: Request, csm: User) -> None:
    other = file_request(a_company("Other"), "personio", by=a_user(Role.CSM, "Rosa Silva"))
    make_move(other, "send_to_customer", by=other.owner)
    client = signed_in(other.owner)
    client.post(f"/requests/{other.number}/invite/", {"email": "kim@other.example"})
    link = AccessLink.objects.get()
    assert signed_in(csm).post(f"/requests/{req.number}/links/{link.pk}/revoke/").status_code == 404
    link.refresh_from_db()
    assert link.revoked_at is None


# --- what happens outside -----------------------------------------------------------------------------------


def test_jira_away_says_when_the_next_try_is_and_a_person_may_try_now(csm: User, lead: User) -> None:
    req = make_move(submitted(file_request(a_company(), "personio", by=csm), csm), "approve", by=lead)
    effect = Effect.objects.filter(kind="jira.create_issue")
    effect.update(failure="Jira does not answer.", failure_code="retry", due_at="2099-01-01T00:00:00Z")
    client = signed_in(csm)
    text = client.get(f"/requests/{req.number}/").content.decode()
    assert "Jira is away" in text
    assert "Jira does not answer. Nothing is lost" in text
    for _ in range(2):
        client.post(f"/requests/{req.number}/retry/", {"what": "jira"})
    assert effect.get().due_at.year < 2099
    assert effect.get().failure == ""


def test_the_live_part_asks_again_only_while_something_is_under_way(csm: User, lead: User) -> None:
    req = make_move(submitted(file_request(a_company(), "personio", by=csm), csm), "approve", by=lead)
    client, url = signed_in(csm), f"/requests/{req.number}/status/"
    busy = client.get(url, {"stage": "approved"}, headers={"HX-Request": "true"})
    assert 'hx-trigger="every 2s"' in busy.content.decode()
    assert "HX-Refresh" not in busy
    Effect.objects.update(job_state="done")
    Request.objects.update(jira_key="INT-7", jira_status="To Do", stage=Stage.LIVE)
    Run.objects.update(job_state="done", phase="finished", outcome="applied")
    settled = client.get(url, {"stage": "approved"}, headers={"HX-Request": "true"})
    assert "hx-trigger" not in settled.content.decode()
    assert settled["HX-Refresh"] == "true"  # the page still shows the old stage


def test_there_is_nothing_to_try_again_on_a_draft(req: Request, csm: User) -> None:
    client = signed_in(csm)
    for what in ("jira", "connection"):
        page = client.post(f"/requests/{req.number}/retry/", {"what": what}, follow=True).content.decode()
        assert "There is nothing left" in page or "There is no connection yet" in page
    assert client.post(f"/requests/{req.number}/retry/", {"what": "luck"}).status_code == 404


def test_a_run_that_ended_between_two_looks_does_not_end_the_asking(csm: User, lead: User) -> None:
    req = make_move(submitted(file_request(a_company(), "personio", by=csm), csm), "approve", by=lead)
    Effect.objects.update(job_state="done")
    Request.objects.update(jira_key="INT-7", jira_status="To Do")
    Run.objects.update(job_state="done", phase="finished", outcome="applied")
    page = signed_in(csm).get(f"/requests/{req.number}/status/", {"stage": "approved"}).content.decode()
    assert 'hx-trigger="every 5s"' in page
