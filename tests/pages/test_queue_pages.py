"""The queue's pages: filters in the address, saved views, bulk deeds, the export."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from typing import Any, cast

import pytest
from django.db import connection as database
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import Company, Role, User
from portal.audit.models import Entry
from requests_app.lifecycle import Stage
from requests_app.models import Message, Reach, Request, SavedView
from requests_app.views.exports import MOST_AN_HOUR
from tests.requests_app.factories import a_csm, a_request
from tests.support.lives import a_life, ago
from tests.support.pages import HTMX, page, queries_of
from tests.support.people import a_company, a_user, signed_in

pytestmark = pytest.mark.django_db


def text_of(answer: Any) -> str:
    if answer.streaming:
        return b"".join(answer.streaming_content).decode()
    return str(answer.content.decode())


def hidden(html: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([^"]*)"', html)


# --- the list -----------------------------------------------------------------------------------------------


def test_a_stage_that_is_asked_for_is_found_whatever_the_tab(csm: User, lead: User) -> None:
    a_life(a_company("Ended"), [(ago(days=3), Stage.DRAFT), (ago(days=1), Stage.LIVE)], owner=csm)
    assert "Ended" in page(lead, "request_list", query="?tab=open&stage=live")
    assert "Ended" not in page(lead, "request_list", query="?tab=open")


def test_rows_say_when_they_are_due_and_that_the_customer_is_stuck(csm: User, lead: User) -> None:
    req = a_life(a_company(), [(ago(days=40), Stage.DRAFT)], owner=csm)
    Message.objects.create(req=req, reach=Reach.CUSTOMER, text="Help", is_stuck=True)
    html = page(lead, "request_list", htmx=True)
    assert re.search(r'class="late">\d+ d[^<]* late<', html)
    assert "Stuck" in html


@pytest.mark.parametrize(
    "query", ["", "?order=due", "?order=value", "?waiting=csm", "?waiting=customer&late=1"]
)
def test_every_order_and_filter_costs_the_same_for_few_and_many(query: str, csm: User, lead: User) -> None:
    for number in range(2):
        a_request(by=csm, company=a_company(f"Few {number}"))
    few = queries_of(lead, "request_list", query=query)
    for number in range(12):
        a_request(by=csm, company=a_company(f"Many {number}"))
    assert queries_of(lead, "request_list", query=query) == few <= (14 if not query else 17)


def test_my_work_puts_the_stuck_first_and_costs_the_same(csm: User) -> None:
    a_request(by=csm, company=a_company("Plain"))
    stuck = a_life(a_company("Blocked"), [(ago(days=1), Stage.SUBMITTED)], owner=csm)
    Message.objects.create(req=stuck, reach=Reach.CUSTOMER, text="Help", is_stuck=True)
    before = queries_of(csm, "my_work")
    for number in range(5):
        a_request(by=csm, company=a_company(f"Other {number}"))
    html = page(csm, "my_work")
    assert html.index("Customer is stuck") < html.index("Blocked") < html.index("Plain")
    assert html.count("Blocked") == 1
    assert queries_of(csm, "my_work") == before


# --- saved views --------------------------------------------------------------------------------------------


def test_a_view_is_saved_found_by_its_address_and_shared(csm: User, lead: User) -> None:
    client = signed_in(lead)
    answer = client.post("/requests/views/", {"name": "Late", "query": "late=1&tab=open", "shared": "on"})
    assert answer["Location"] == "/requests/?late=1&tab=open"
    view = SavedView.objects.get()
    assert signed_in(csm).get(f"/requests/views/{view.pk}/")["Location"] == "/requests/?late=1&tab=open"
    html = page(lead, "request_list", query="?late=1&tab=open")
    assert "Rename…" in html
    assert "Rename…" not in page(csm, "request_list", query="?late=1&tab=open")


def test_the_private_view_of_a_colleague_is_as_if_missing(csm: User, lead: User) -> None:
    view = SavedView.objects.create(owner=lead, name="Secret plans", query="late=1")
    client = signed_in(csm)
    for path in (f"/requests/views/{view.pk}/", "/requests/views/999999/"):
        assert client.get(path).status_code == 404
        assert client.post(f"{path}delete/").status_code == 404
    taken = {"name": "Mine now", "query": "", "view": view.pk}
    assert client.post("/requests/views/", taken).status_code == 404
    assert "Secret plans" not in page(csm, "request_list")
    SavedView.objects.update(shared=True)
    assert client.post(f"/requests/views/{view.pk}/delete/").status_code == 404
    assert SavedView.objects.get().name == "Secret plans"


def test_a_name_that_is_taken_is_said_beside_the_field_and_kept(lead: User) -> None:
    SavedView.objects.create(owner=lead, name="Late", query="late=1")
    answer = signed_in(lead).post("/requests/views/", {"name": "Late", "query": "kind=sso"})
    assert answer.status_code == 422
    assert "already have a view" in text_of(answer)
    assert 'value="kind=sso"' in text_of(answer)


# --- bulk ---------------------------------------------------------------------------------------------------


def bulk(user: User, *requests: Request, htmx: bool = False, **more: Any) -> HttpResponse:
    data = {"pick": [req.number for req in requests], "back": "late=1&tab=open", **more}
    answer = signed_in(user).post("/requests/bulk/", data, headers=HTMX if htmx else {})
    return cast(HttpResponse, answer)


def test_reassigning_is_looked_at_first_and_then_done(csm: User, lead: User) -> None:
    rosa = a_csm("Rosa Silva")
    one = a_life(a_company("One"), [(ago(days=1), Stage.DRAFT)], owner=csm)
    two = a_life(a_company("Two"), [(ago(days=1), Stage.DRAFT)], owner=rosa)
    first = text_of(bulk(lead, one, two, do="reassign"))
    assert hidden(first, "plan") == []
    shown = text_of(bulk(lead, one, two, do="reassign", owner=rosa.pk, htmx=True))
    assert "<html" not in shown
    assert "From Jamie Park to Rosa Silva" in shown
    assert "Rosa Silva has it already." in shown
    assert not Request.objects.filter(owner=rosa, pk=one.pk).exists()
    (digest,) = hidden(shown, "plan")
    done = bulk(lead, one, two, do="reassign", owner=rosa.pk, plan=digest)
    assert done["Location"] == "/requests/?late=1&tab=open"
    assert Request.objects.filter(owner=rosa).count() == 2


def test_a_plan_that_is_no_longer_true_is_shown_again(csm: User, lead: User) -> None:
    rosa = a_csm("Rosa Silva")
    req = a_life(a_company("One"), [(ago(days=1), Stage.DRAFT)], owner=csm)
    (digest,) = hidden(text_of(bulk(lead, req, do="reassign", owner=rosa.pk)), "plan")
    Request.objects.update(version=9)
    again = bulk(lead, req, do="reassign", owner=rosa.pk, plan=digest)
    assert again.status_code == 409
    assert "changed since you looked" in text_of(again)
    (fresh,) = hidden(text_of(again), "plan")
    assert bulk(lead, req, do="reassign", owner=rosa.pk, plan=fresh).status_code == 302


def test_nonsense_leads_back_to_the_queue_with_a_sentence(csm: User, lead: User) -> None:
    req = a_life(a_company("One"), [(ago(days=1), Stage.DRAFT)], owner=csm)
    for data in ({}, {"do": "delete"}, {"do": "remind"}, {"do": "reassign", "pick": ["x", "²"]}):
        client = signed_in(lead)
        answer = client.post("/requests/bulk/", {**data, "back": "//evil.example\r\nx"})
        assert answer["Location"] == "/requests/?"
        assert "Choose" in text_of(client.get("/requests/"))
    assert bulk(csm, req, do="reassign").status_code == 302
    assert bulk(a_user(Role.DEVELOPER, "Devi Rao"), req, do="remind").status_code == 403


# --- the export ---------------------------------------------------------------------------------------------


def export(user: User, query: str = "") -> list[dict[str, str]]:
    answer: Any = signed_in(user).get(f"/requests/export/{query}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="requests-\d{4}-\d\d-\d\d\.csv"', answer["Content-Disposition"]
    )
    text = text_of(answer)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:])))


def test_the_file_has_what_the_filters_choose_and_no_formula(csm: User, lead: User) -> None:
    evil = Company.objects.create(
        name='=HYPERLINK("x")', lms_id="-1+1", mrr=Decimal("12.50"), mrr_currency="USD"
    )
    a_life(evil, [(ago(days=3), Stage.DRAFT), (ago(days=2), Stage.WAITING_ON_CUSTOMER)], owner=csm)
    a_life(a_company("Ended"), [(ago(days=3), Stage.DRAFT), (ago(days=1), Stage.LIVE)], owner=csm)
    (row,) = export(lead, "?tab=open")
    assert row["Company"] == '\'=HYPERLINK("x")'
    assert row["LMS ID"] == "'-1+1"
    assert (row["MRR"], row["Currency"], row["Waiting on"]) == ("12.50", "USD", "customer")
    assert float(row["Total time (days)"]) == 3.0
    assert {row["Company"] for row in export(lead, "?tab=all")} == {'\'=HYPERLINK("x")', "Ended"}


def test_a_csm_exports_what_they_see_and_the_log_knows(csm: User) -> None:
    a_life(a_company("Mine"), [(ago(days=3), Stage.DRAFT)], owner=csm)
    a_life(a_company("Foreign"), [(ago(days=3), Stage.DRAFT)], owner=a_csm("Rosa Silva"))
    assert [row["Company"] for row in export(csm, "?kind=hris")] == ["Mine"]
    entry = Entry.objects.get(action="requests.exported")
    assert (entry.actor, entry.details) == (csm.email, {"filter": "kind=hris&tab=open", "count": 1})


def test_there_are_five_exports_an_hour_and_the_sixth_says_when(csm: User, lead: User) -> None:
    for _ in range(MOST_AN_HOUR):
        export(lead)
    refused = signed_in(lead).get("/requests/export/?late=1")
    assert refused.status_code == 429
    assert re.search(r"works in (60|59) minutes", text_of(refused))
    assert Entry.objects.filter(action="requests.exported").count() == MOST_AN_HOUR
    export(csm)


def test_an_export_costs_the_same_for_few_and_many(csm: User, lead: User) -> None:
    def cost() -> int:
        with CaptureQueriesContext(database) as captured:
            export(lead)
        return len(captured)

    a_request(by=csm, company=a_company("One"))
    cost()
    few = cost()
    for number in range(9):
        a_request(by=csm, company=a_company(f"Many {number}"))
    assert cost() == few
