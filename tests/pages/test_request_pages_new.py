"""Filing a request: picked from Salesforce or typed in by hand, not twice by accident, nothing lost."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache

from portal.accounts.models import User
from portal.sandbox.server import Running
from requests_app.models import Request
from requests_app.services.filing import file_request
from tests.support.people import a_company, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_remembered_trouble() -> None:
    cache.clear()  # that Salesforce was away is remembered for half a minute


@pytest.fixture
def req(csm: User) -> Request:
    return file_request(a_company(), "adp_workforce_now", by=csm)


BY_HAND = {"by_hand": "1", "company": "Lakeshore Pediatrics", "lms_id": "777", "mrr": "1475.00 USD"}


def test_a_company_typed_in_by_hand_is_filed_and_marked(csm: User) -> None:
    client = signed_in(csm)
    answer = client.post("/requests/new/", {**BY_HAND, "provider": "personio"})
    made = Request.objects.get()
    assert answer["Location"] == f"/requests/{made.number}/"
    assert "not verified" in client.get(answer["Location"]).content.decode()


def test_pressing_create_twice_makes_one_request_and_names_it(csm: User) -> None:
    client = signed_in(csm)
    client.post("/requests/new/", {**BY_HAND, "provider": "personio"})
    again = client.post("/requests/new/", {**BY_HAND, "provider": "personio"})
    assert again.status_code == 422
    assert str(Request.objects.get()) in again.content.decode()


def test_a_second_request_goes_through_with_a_reason(csm: User) -> None:
    client = signed_in(csm)
    client.post("/requests/new/", {**BY_HAND, "provider": "personio"})
    client.post("/requests/new/", {**BY_HAND, "provider": "personio", "duplicate_reason": "Another division"})
    assert Request.objects.count() == 2


def test_nothing_entered_is_lost_on_an_error(csm: User) -> None:
    page = signed_in(csm).post("/requests/new/", {**BY_HAND, "mrr": "plenty", "provider": "personio"})
    assert page.status_code == 422
    text = page.content.decode()
    for kept in ("Lakeshore Pediatrics", "777", "plenty", 'value="personio" checked'):
        assert kept in text
    assert "Enter an amount and its currency" in text
    assert not Request.objects.exists()


def test_a_name_that_was_not_picked_is_not_taken_as_typed(csm: User) -> None:
    page = signed_in(csm).post("/requests/new/", {"company": "River", "provider": "personio"})
    assert page.status_code == 422
    assert "Pick “River” from the list" in page.content.decode()


def test_salesforce_away_is_a_sentence_in_the_list(csm: User) -> None:
    page = signed_in(csm).get("/requests/companies/", {"company": "river"})
    assert page.status_code == 200
    assert "You can type the company in by hand." in page.content.decode()


def test_picking_a_company_fills_in_what_salesforce_knows(csm: User, sandbox: Running) -> None:
    client = signed_in(csm)
    options = client.get("/requests/companies/", {"company": "river"}).content.decode()
    found = re.search(r'data-value="(Riverside[^"]*)"[^>]*data-fill-salesforce_id="(\w+)"', options)
    assert found
    data = {"company": found[1], "salesforce_id": found[2], "provider": "adp_workforce_now"}
    client.post("/requests/new/", data)
    company = Request.objects.get().company
    assert (company.name, company.salesforce_id) == (found[1], found[2])
    assert company.mrr is not None


def test_choosing_a_system_shows_its_checklist_and_the_duplicates(req: Request, csm: User) -> None:
    page = signed_in(csm).get(
        "/requests/new/",
        {
            "provider": "adp_workforce_now",
            "by_hand": "1",
            "company": req.company.name,
            "salesforce_id": "\x00",
        },
        headers={"HX-Request": "true", "HX-Target": "asked"},
    )
    text = page.content.decode()
    assert "<html" not in text
    assert "Screenshot of the connector" in text
    assert str(req) in text
