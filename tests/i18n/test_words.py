"""What data says on a customer's pages, in German: rules, days, states, and what has happened."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.utils import translation

from integrations.engine.filtering import Clause, Op
from integrations.models import Change, ChangeKind, DirectoryPerson, Purpose, Receipt
from integrations.services.drafts import begin_change
from integrations.services.wording import day_words, rule_words
from portal.accounts.models import Language, User
from requests_app.services.setting_up import begin_set_up
from tests.requests_app.factories import PERSONIO, a_request, confirmed, customer_of
from tests.support.pages import Side, a_run, a_side, page
from tests.support.people import a_company, a_customer
from tests.support.wizard import PEOPLE, Wizard, a_connection_to_set_up

HIRED = PEOPLE.replace("SSN", "Hire date").replace("123-45-6789", "2018-05-01")


def german(user: User) -> User:
    user.language = Language.GERMAN
    user.save(update_fields=["language"])
    return user


def words_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [
        ("2018-05-01", "1 May 2018", "1. Mai 2018"),
        ("2018-02-31", "2018-02-31", "2018-02-31"),
        ("E-2018-05-01", "E-2018-05-01", "E-2018-05-01"),
        ("", "", ""),
    ],
)
def test_a_day_is_written_as_the_reader_writes_it(value: str, english: str, german: str) -> None:
    for language, said in (("en-gb", english), ("de", german)):
        with translation.override(language):
            assert day_words(value) == said


def test_a_german_rule_has_german_quotation_marks_and_days() -> None:
    rule = (Clause("department", Op.IS, ("Pflege",)), Clause("hired_on", Op.AFTER, ("2018-05-01",)))
    with translation.override("de"):
        assert rule_words(rule) == "Abteilung ist „Pflege“ und Eintrittsdatum ist nach „1. Mai 2018“"
    assert rule_words(rule[1:]) == "Hire date is after “1 May 2018”"


@pytest.mark.django_db
def test_a_german_customer_reads_in_german_who_set_the_connection_up() -> None:
    req = a_request(PERSONIO)
    customer = german(customer_of(req))
    begin_set_up(req, by=customer)
    assert f"{customer} hat begonnen, die Verbindung einzurichten" in words_of(
        page(customer, "customer_request", req.public_id)
    )
    confirmed(req, customer, affected=1_207)
    assert f"{customer} hat den Plan der Verbindung bestätigt: 1.207 Personen" in words_of(
        page(customer, "customer_request", req.public_id)
    )


@pytest.mark.django_db
def test_a_german_customer_reads_in_german_which_step_comes_next() -> None:
    req = a_request(PERSONIO)
    customer = german(customer_of(req))
    begin_set_up(req, by=customer)
    html = words_of(page(customer, "customer_request", req.public_id))
    assert "Bevor Sie beginnen" in html
    assert "Before you start" not in html


@pytest.fixture
def side(db: None) -> Side:
    return a_side("Fern")


def test_a_german_customer_reads_in_german_what_was_confirmed(side: Side) -> None:
    Receipt.objects.create(
        connection=side.connection,
        draft=begin_change(side.connection, by=side.csm),
        purpose=Purpose.SETUP,
        affected=7,
        rules_digest="0" * 32,
        plan_digest="0" * 32,
        digest="ab" * 32,
        confirmed_by=side.customer,
    )
    html = words_of(page(german(side.customer), "connection_detail", side.connection.public_id))
    assert "Einrichtung abababab" in html


def test_the_page_of_a_person_and_what_a_run_changed_have_german_days(side: Side) -> None:
    DirectoryPerson.objects.filter(pk=side.person.pk).update(hired_on="2018-05-01")
    Change.objects.create(
        run=a_run(side.connection, changed=1),
        source_id=side.person.source_id,
        kind=ChangeKind.CHANGED,
        before={"hired_on": "2018-04-30"},
        after={"hired_on": "2018-05-01"},
    )
    html = words_of(page(german(side.customer), "person_detail", side.person.public_id))
    assert "1. Mai 2018" in html
    assert "30. April 2018 → 1. Mai 2018" in html
    assert "2018-0" not in html


@pytest.mark.django_db
def test_the_person_beside_the_mapping_has_german_days() -> None:
    company = a_company("Pflegewerk Spree")
    wizard = Wizard(german(a_customer(company)), a_connection_to_set_up(company)).rehearse(HIRED)
    html = wizard.send("setup_person", {"who": "ada"}, htmx=True).content.decode()
    assert html.count("1. Mai 2018") == 2, "what came, and what will be shown"
    assert "2018-05-01" not in html
