"""Companies from Salesforce, against the sandbox over HTTP, and by hand while it is away."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core.cache import cache
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from portal.accounts.models import Company, Role
from portal.audit.models import Entry
from portal.kit.errors import NeedsPerson
from portal.sandbox.server import Running
from portal.sandbox.world import World
from requests_app.clients.salesforce import (
    Account,
    SalesforceAway,
    SalesforceDesk,
    SalesforceSettings,
    domain_of,
    sosl_term,
)
from requests_app.services.companies import (
    adopt_salesforce_account,
    create_unverified_company,
    find_account,
    look_up_companies,
    set_company_colour,
)
from tests.requests_app.factories import a_csm
from tests.support.people import a_user


@pytest.fixture
def salesforce(sandbox: Running, world: World) -> Iterator[World]:
    cache.clear()
    yield world
    cache.clear()


def names(text: str) -> list[str]:
    found = look_up_companies(text)
    assert found.trouble == ""
    return [account.name for account in found.accounts]


def test_typing_river_finds_riverside_with_its_facts(salesforce: World) -> None:
    found = {account.name: account for account in look_up_companies("river").accounts}
    riverside = found["Riverside Community Health"]
    assert (riverside.lms_id, riverside.mrr, riverside.currency) == ("48213", Decimal("4250.00"), "USD")
    assert riverside.owner
    assert "Riverbend Behavioral Services" in found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("O'Connor", "O'Connor Home Care"),
        ("o'con", "O'Connor Home Care"),
        ("St. Brigid's", "St. Brigid's Rehabilitation Center"),
        ("Süderelbe", "Klinikverbund Süderelbe GmbH"),
        ("100%", "100% Smiles Orthodontics"),
        ("Prairie_Wind", "Prairie_Wind Clinics"),
        ("idgeview", ""),
        ("lakeview  surgery", "Lakeview Surgery Partners"),
        ("verside", "Riverside Community Health"),  # only LIKE looks inside words
    ],
)
def test_names_are_found_with_their_marks_and_spaces(salesforce: World, text: str, name: str) -> None:
    assert names(text) == ([name] if name else [])


def test_a_wildcard_is_a_character_like_another(salesforce: World) -> None:
    assert names("1%0") == []
    assert names("a__b") == []


def test_missing_facts_are_empty_and_not_zero(salesforce: World) -> None:
    (lakeview,) = look_up_companies("Lakeview").accounts
    (harborlight,) = look_up_companies("Harborlight").accounts
    assert (lakeview.lms_id, harborlight.mrr) == ("", None)


@pytest.mark.parametrize("text", ["", " ", "r", "--", "*", "'", "%%"])
def test_too_little_text_asks_nobody(salesforce: World, text: str) -> None:
    salesforce.requests.clear()
    SalesforceDesk().search_accounts(text, currencies=True)
    assert not [line for line in salesforce.requests if "search" in line.path or "query" in line.path]


PAYLOADS = [
    "x' OR Name LIKE '%",
    "x') OR (Name != '",
    "river} RETURNING User(Id, Name",
    "river} IN ALL FIELDS RETURNING User(Id) {x",
    "river OR harbor",
    "river AND NOT harbor",
    "NOT river",
    "ri*er",
    "r?ver",
    '"river"',
    'ri"ver',
    "river\\",
    "\\",
    "river\\' OR 1=1",
    "river\nLIMIT 2000",
    "river\x00",
    "river\ud800".encode("utf-8", "replace").decode(),
    "{!river}",
    "river~2",
    "river^5",
    "name:river",
    "+river -health",
    "((((river",
    "[river]",
    "river && true",
    "river || true",
    "; DELETE FROM Account",
    "river LIMIT 0",
    "river%' LIMIT 1 OFFSET 0 --",
    "' UNION SELECT Id FROM User",
    "and or not",
]


@pytest.mark.parametrize("text", PAYLOADS)
def test_text_never_becomes_a_part_of_the_query(salesforce: World, text: str) -> None:
    """The sandbox's strict grammar answers 400 to anything unexpected, which would be trouble here."""
    found = look_up_companies(text)
    assert found.trouble == ""
    assert all("river" in account.name.lower() for account in found.accounts)


@pytest.mark.django_db
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(alphabet=st.sampled_from("river'\"\\{}()[]%_*?&|!^~:+- \n\tANDORT0"), max_size=25))
def test_no_text_at_all_breaks_the_query(salesforce: World, text: str) -> None:
    SalesforceDesk().search_accounts(text, currencies=True)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("river", "river*"),
        ("river comm", "river comm*"),
        ("O'Connor", r"O\'Connor*"),
        ("this and", 'this "and"'),
        ("ends in !", "ends in*"),
        ("a-b!", r"a\-b\!"),
    ],
)
def test_sosl_terms(text: str, term: str) -> None:
    assert sosl_term(text) == term


@pytest.mark.parametrize(
    "text",
    ["acme.my", "https://acme.my.salesforce.com/", " ACME.my.salesforce.com", "acme.my.salesforce.com/x"],
)
def test_a_pasted_address_is_reduced_to_the_domain(text: str) -> None:
    assert domain_of(text) == "acme.my"


@pytest.mark.parametrize("fault", ["503", "500", "429", "down", "403"])
def test_salesforce_away_is_a_sentence_that_offers_typing_by_hand(salesforce: World, fault: str) -> None:
    salesforce.fault("salesforce", fault)
    found = look_up_companies("river")
    assert found.accounts == ()
    assert found.trouble.endswith("You can type the company in by hand.")


def test_after_a_failure_nobody_waits_for_salesforce_again_at_once(salesforce: World) -> None:
    salesforce.fault("salesforce", "down")
    look_up_companies("river")
    asked = len(salesforce.requests)
    assert look_up_companies("harbor").trouble
    assert len(salesforce.requests) == asked


def test_wrong_credentials_are_the_operators_and_said_so(salesforce: World, settings: Settings) -> None:
    settings.SALESFORCE_SECRET = "wrong-secret-of-ours"
    with pytest.raises(NeedsPerson, match="operator") as raised:
        SalesforceDesk()
    assert "wrong-secret-of-ours" not in repr(raised.value)
    assert raised.value.__suppress_context__
    assert "wrong-secret" not in repr(SalesforceSettings.configured())


def test_an_expired_token_does_not_lead_to_an_endless_sign_in(salesforce: World) -> None:
    desk = SalesforceDesk()
    salesforce.fault("salesforce", "401", path="/services/data")
    salesforce.requests.clear()
    with pytest.raises((SalesforceAway, NeedsPerson)):
        desk.search_accounts("river", currencies=True)
    assert len(salesforce.requests) < 12


@pytest.mark.parametrize("name", ["MRR__c FROM Account", "x-y", "", "Owner..Name", "a" * 81])
def test_impossible_field_names_are_refused_before_anything_is_asked(
    salesforce: World, settings: Settings, name: str
) -> None:
    settings.SALESFORCE_MRR_FIELD = name
    with pytest.raises(NeedsPerson, match="impossible"):
        SalesforceDesk()


def test_a_field_that_is_not_there_is_the_operators_too(salesforce: World, settings: Settings) -> None:
    settings.SALESFORCE_MRR_FIELD = "Mrr_In_Cents__c"
    assert "configured fields" in look_up_companies("river").trouble


def test_an_answer_is_kept_for_a_while(salesforce: World) -> None:
    names("river")
    asked = len(salesforce.requests)
    names("  RIVER ")
    assert len(salesforce.requests) == asked


@pytest.mark.parametrize("number", ["", "x", "../query", "//evil.test/x", "001000000000001' OR Id != '"])
def test_only_ids_are_looked_up(salesforce: World, number: str) -> None:
    assert find_account(number) is None


def test_adopting_an_account_makes_one_verified_company_and_keeps_it_up_to_date(
    db: None, salesforce: World
) -> None:
    (account, *_) = look_up_companies("Riverside").accounts
    csm = a_csm()
    first = adopt_salesforce_account(account, csm)
    again = adopt_salesforce_account(
        Account(account.id, "Riverside Health", account.lms_id, Decimal("5000.00"), "USD", "New Owner"), csm
    )
    assert first.pk == again.pk
    assert (again.name, again.mrr, again.salesforce_owner) == (
        "Riverside Health",
        Decimal("5000.00"),
        "New Owner",
    )
    assert again.verified_at is not None


def test_a_company_typed_in_by_hand_is_not_verified_and_becomes_so_later(db: None, salesforce: World) -> None:
    csm = a_csm()
    typed = create_unverified_company("Riverside  Community Health", "48213", Decimal("1.00"), "usd", csm)
    assert (typed.salesforce_id, typed.verified_at, typed.mrr_currency) == ("", None, "USD")
    (account,) = look_up_companies("Riverside").accounts
    adopted = adopt_salesforce_account(account, csm)
    assert (adopted.pk, adopted.salesforce_id, Company.objects.count()) == (typed.pk, account.id, 1)


def test_the_same_company_typed_twice_is_one(db: None) -> None:
    csm = a_csm()
    first = create_unverified_company("Acme", "1", None, "", csm)
    assert create_unverified_company(" acme ", "1", None, "", csm).pk == first.pk


@pytest.mark.parametrize(
    ("name", "mrr", "currency"),
    [
        ("", None, ""),
        ("Acme", Decimal("1"), ""),
        ("Acme", Decimal("-1"), "USD"),
        ("Acme", Decimal("NaN"), "USD"),
    ],
)
def test_a_company_with_impossible_facts_is_refused(
    db: None, name: str, mrr: Decimal | None, currency: str
) -> None:
    with pytest.raises(NeedsPerson):
        create_unverified_company(name, "1", mrr, currency, a_csm())


def test_an_account_without_money_has_no_currency(db: None) -> None:
    account = Account("0015e00000Rv001AAA", "Acme", "1", None, "USD", "Owner")
    company = adopt_salesforce_account(account, a_csm())
    assert (company.mrr, company.mrr_currency) == (None, "")


def test_only_the_desk_adds_companies(db: None) -> None:
    with pytest.raises(NeedsPerson):
        create_unverified_company("Acme", "1", None, "", a_user(Role.DEVELOPER, "Dev Eloper"))


@pytest.mark.parametrize(("typed", "kept"), [("#0054A6", "#0054a6"), (" 0054a6 ", "#0054a6"), ("", "")])
def test_a_companys_colour_is_kept_in_one_form_and_recorded(db: None, typed: str, kept: str) -> None:
    company = Company.objects.create(name="Acme", color="#111111")
    assert set_company_colour(company, typed, by=a_csm()).color == kept
    assert Entry.objects.get(action="company.colour").details == {"before": "#111111", "after": kept}


@pytest.mark.parametrize("typed", ["red", "#12345", "#0054a6;}", "url(x)", "#0054a6\n#000000"])
def test_what_is_no_colour_is_refused(db: None, typed: str) -> None:
    company = Company.objects.create(name="Acme")
    with pytest.raises(NeedsPerson):
        set_company_colour(company, typed, by=a_csm())
    with pytest.raises(NeedsPerson):
        set_company_colour(company, "#0054a6", by=a_user(Role.DEVELOPER, "Dev Eloper"))
    company.refresh_from_db()
    assert company.color == ""
