"""What a team lead is pointed at before a decision."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.models import DirectoryPerson
from portal.accounts.models import Company
from portal.kit import clock
from requests_app.models import Request
from requests_app.services.answers import postpone_answer
from requests_app.services.warnings import warnings_of
from tests.requests_app.factories import ADP, ENTRA, VALUES, a_csm, a_request, complete, give, item_of
from tests.support.pages import a_connection, some_people
from tests.support.people import a_company


def told(req: Request) -> str:
    return " ".join(warning.sentence for warning in warnings_of(req))


def ready(slug: str, **values: str) -> Request:
    """Complete and beyond suspicion, but for what the test says."""
    company = a_company()
    company.salesforce_id = "001"
    company.save()
    usual = {"hris.notify_employees": "no", "hris.email_source": "work_email", "tenant_id": ""}
    return complete(a_request(slug, company=company), **{**usual, **values})


@pytest.mark.parametrize("slug", [ADP, ENTRA])
def test_nothing_is_warned_of_where_nothing_is_odd(db: None, slug: str) -> None:
    assert told(ready(slug, secret_expires_on=str(clock.now().date() + timedelta(days=400)))) == ""


@pytest.mark.parametrize(
    ("slug", "values", "words", "key"),
    [
        (ADP, {"hris.brand_new": "true"}, "one of the two answers is wrong", "hris.company_age"),
        (ADP, {"hris.notify_employees": "yes"}, "each new account gets a mail", "hris.notify_employees"),
        (ADP, {"hris.email_source": "personal_email"}, "personal addresses", "hris.email_source"),
        (ENTRA, {"sso.test_username": "test@other.test"}, "not in the domain acme.test", "sso.test_username"),
        (ENTRA, {"sso.test_username": "test@evil-acme.test"}, "not in the domain", "sso.test_username"),
        (ENTRA, {"sso.poc_email": "Jane@Web.de"}, "free mail address", "sso.poc_email"),
        (ENTRA, {"tenant_id": VALUES["application_id"]}, "copied into the wrong place", "tenant_id"),
    ],
)
def test_each_contradiction_and_risk_is_told_with_its_items(
    db: None, slug: str, values: dict[str, str], words: str, key: str
) -> None:
    later = {"secret_expires_on": str(clock.now().date() + timedelta(days=400))}
    warnings = warnings_of(ready(slug, **{**later, **values}))
    assert len(warnings) == 1
    assert words in warnings[0].sentence
    assert key in warnings[0].keys


@pytest.mark.parametrize(("days", "words"), [(59, "expires soon"), (-1, "expired on"), (61, "")])
def test_a_secret_that_ends_within_60_days_is_told(db: None, days: int, words: str) -> None:
    day = clock.now().date() + timedelta(days=days)
    req = ready(ENTRA, secret_expires_on=str(day))
    assert (words in told(req)) if words else told(req) == ""


def test_a_company_typed_by_hand_and_another_request_are_told(db: None) -> None:
    req = complete(a_request(ADP))
    other = a_request("personio", by=req.owner, company=req.company)
    Request.objects.filter(pk=other.pk).update(provider_slug=ADP)
    assert "not verified in Salesforce" in told(req)
    assert f"{other}, for the same company and system, is draft" in told(req)


def test_a_condition_that_does_not_hold_takes_its_answer_out_of_the_warnings(db: None) -> None:
    req = ready(ADP, **{"hris.brand_new": "true"})
    give(req, "hris.company_exists", "no", req.owner)
    assert told(req) == ""


def test_what_is_promised_is_told_with_its_day_and_reason(db: None) -> None:
    req = a_request(ADP, by=a_csm())
    day = clock.now().date() + timedelta(days=3)
    postpone_answer(req, item_of(req, "hris.goal"), reason="Asking sales", due_on=day, by=req.owner)
    assert f"is promised for {day.day} {day:%B %Y}: Asking sales" in told(req)


def test_personal_addresses_are_odder_where_most_people_have_one_from_work(db: None) -> None:
    req = ready(ADP, **{"hris.email_source": "personal_email"})
    people_of(req.company, work=2, private=2)
    assert "whom we know already" not in told(req)
    people_of(req.company, work=1, private=0)
    assert "Of 5 people whom we know already, 3 have a work address." in told(req)


def people_of(company: Company, *, work: int, private: int) -> None:
    have = DirectoryPerson.objects.filter(company=company).count()
    connection = company.connections.first() or a_connection(company)
    some_people(connection, work + private, start=have)
    fresh = DirectoryPerson.objects.filter(company=company).order_by("-pk")[:private]
    DirectoryPerson.objects.filter(pk__in=[person.pk for person in fresh]).update(email="fern@gmail.com")
