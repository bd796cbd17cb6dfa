"""Sensitive fields end at the source's boundary, for every card and whatever the vendor calls them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.people import CUSTOM, FIELDS
from integrations.provider import Record, Source
from integrations.sources.asking import Named
from integrations.sources.blocking import NEVER_READ, blocked, is_sensitive
from integrations.sources.rest import RestSource, narrowed, without
from portal.sandbox.vendors.bamboohr import FIELDS as BAMBOO_FIELDS
from tests.integrations.vendors import HRIS, Vendor, standing_in

SENSITIVE_WORDS = """
ssn SSN employeeSSN socialSecurityNumber nationalId NISNumber taxId tax_code taxcode governmentIDs gender genderCode
Geschlecht sex ethnicity ethnicityCode race birthDate date_of_birth dateofbirth birthday birthPlace DOB age Alter
Geburtsdatum Geburtsort salary payRate payrate fix_salary hourly_wage baseRemuneration annualRateAmount bonus wages
Bruttogehalt Stundenlohn Vergütung Entgeltgruppe iban IBAN bankAccount accountNumber Kontonummer Bankverbindung
marital_status maritalStatusCode Familienstand spouse dependents dependants children Kinderfreibetrag emergencyContact
homeAddress homeaddress home_phone homePhone mobilePhone mobile address address1 street_first post_code zip
Privatadresse Wohnort legalAddress home_location personalPhone privatePhone religion Konfession Religionszugehörigkeit
nationality Staatsangehörigkeit STAATSANGEHÖRIGKEIT citizenship citizenshipCountryCodes disability Schwerbehinderung
health_insurance Krankenkasse union_member laborUnion Gewerkschaft criminal_record criminalRecord passport passports
visa workPermit Arbeitserlaubnis Aufenthaltstitel picture_url photoUrl ahv_number reasonForLeaving sin
Steuer-ID Sozialversicherungsnummer
"""
SENSITIVE = SENSITIVE_WORDS.split()
LABELS = (
    *(
        "Home address",
        "Date of birth",
        "Bank account",
        "Trade union",
        "Place of birth",
        "Social security number",
    ),
    *(
        "Marital status",
        "Number of children",
        "Mailing address",
        "Country of birth",
        "Right to work",
        "Tax ID",
    ),
    *("Private Telefonnummer", "Konto für Spesen", "Pay group", "Criminal record check", "T4 tax form"),
)
# As people shorten them. Hours before and after breaks are called gross and net in German, as pay is: not read either.
SHORT_NAMES = """
D.O.B. | S.S.N. | s s n | D o B | DoB | Bday | B-Day | Soc. Sec. No. | Geb.-Datum | Geb. Datum | GebDatum | Geb. | Geb-Ort
Telefon privat | Telefon (privat) | Telefonnummer (privat) | Tel. privat | Private Tel. | Privates Handy | Phone (private)
Phone (home) | phoneHome | Home addr | Addr1 | Mobilnummer | Mobilfunk | Mobile No. | Cell | Cell No. | Emergency Phone
Notfallnummer | Notfalltelefon | Wife | Husband | Ehemann | Fam.-Stand | Base Comp | Total Comp | Comp. | OTE | Brutto
Netto | Brutto-Arbeitszeit | IdNr | ID-Nr. | St.-Nr. | Pass-Nr. | Pass No. | Perso-Nr. | PersoNr | Kto. | Kto-Nr | KtoNr
Konto-Nr. | Acct No. | Acct # | Account Nr. | SWIFT | I.B.A.N. | Staatsang. | Schwerbeh. | GdB | G.d.B. | PESEL | TFN
Hispanic/Latino | Driver's license | Driver’s License | Driving licence | Führerschein
"""
SHORT = [name.strip() for line in SHORT_NAMES.strip().splitlines() for name in line.split("|")]
HARMLESS_LABEL_NAMES = """
Cost center | Cell (team) | Fuel cell | Netzwerk | Pers.-Nr. | PersNr | Personal-Nr. | Personal no. | Mitarbeiter-ID-Nr.
Employee ID | Emergency Care | Emergency department | Notfallsanitäter | Notfallambulanz | Midwife | Mid-wife
Animal husbandry | Latin | Geb. 5 | Geb.-Nr. | Gebühr | Comp. code | Competence | Private e-mail | E-Mail (privat)
Mobility | Mobilität | Phone (home office) | Tel. Büro | Telefon dienstlich | Dienstliche Mobilnummer | Work addr
IP addr | Q & A | R & D | I.T. | Plan B | Acct manager | Account executive | Driver team | Fahrer | Nursing licence
Staplerführerschein | Social media | Social sector | Kontor | Remote | Quote | Pass rate | Persona | ADR | CPR
"""
HARMLESS_LABELS = [
    name.strip() for line in HARMLESS_LABEL_NAMES.strip().splitlines() for name in line.split("|")
]
HARMLESS_WORDS = """
agent language page Essex homeWorkLocation home_work_location workAddress work_address work_email homeEmail
personal_email emailAddress location department costCenter cost_centers manager managerId taxonomy
homeOrganizationalUnits homeOffice family_name Familienname Personalnummer personnel_number account_manager
businessPartner workMobile workPhone phone hireDate jobTitle city country zone image trace terrace completionRate
employment_rate title Krankenhaus Kindergarten Steuerungsteam companyAddress officeStreet Standortadresse Mailadresse
associateOID supervisorEId positionID jobFamily team workAssignments assignmentStatus reportsTo shirtSize stage
international nationalTeam parentDepartment storage message average Sussex unit
"""
HARMLESS = HARMLESS_WORDS.split()


@pytest.mark.parametrize("name", [*SENSITIVE, *LABELS, *SHORT])
def test_a_name_of_something_sensitive_is_known(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize("name", [*HARMLESS, *HARMLESS_LABELS, *FIELDS])
def test_a_harmless_name_is_let_through(name: str) -> None:
    assert not is_sensitive(name)


@pytest.mark.parametrize("name", SENSITIVE)
def test_the_spelling_of_a_name_does_not_matter(name: str) -> None:
    if "_" in name or name[1:].islower():
        spelled = name.replace("_", " ")
        assert is_sensitive(spelled.title())
        assert is_sensitive(spelled.upper())


def test_an_address_is_of_work_where_the_object_around_it_is() -> None:
    record = {
        "homeWorkLocation": {"address": {"lineOne": "9 Harbor Drive", "cityName": "Reno"}},
        "person": {"address": {"lineOne": "secret"}, "legalName": {"givenName": "Ada"}},
        "home": {"address": "secret", "phone": "secret", "email": "ada@home.example"},
    }
    assert blocked(record) == {
        "homeWorkLocation": {"address": {"lineOne": "9 Harbor Drive", "cityName": "Reno"}},
        "person": {"legalName": {"givenName": "Ada"}},
        "home": {"email": "ada@home.example"},
    }


def test_an_object_that_names_itself_is_judged_by_its_label() -> None:
    record = {
        "fields": [{"label": "Shirt size", "value": "M"}, {"label": "Konfession", "value": "secret"}],
        "dynamic_4": {"label": "Social security number", "value": "secret"},
        "emails": [{"nameCode": {"codeValue": "Personal E-mail"}, "emailUri": "a@home.example"}],
        "group": [{"nameCode": {"codeValue": "X", "shortName": "Birthday"}, "dateValue": "secret"}],
    }
    assert blocked(record) == {
        "fields": [{"label": "Shirt size", "value": "M"}],
        "emails": [{"nameCode": {"codeValue": "Personal E-mail"}, "emailUri": "a@home.example"}],
        "group": [],
    }


@pytest.mark.parametrize(
    "named",
    [
        {"label": "SSN", "values": ["secret"]},
        {"name": "SSN", "content": {"en": "secret"}},
        {"Name": "SSN", "Value": "secret"},
        {"fieldName": "SSN", "content": "secret"},
        {"field_label": "SSN", "entry": "secret"},
        {"question": "SSN", "answer": "secret"},
        {"field": {"id": 7, "name": "SSN"}, "value": "secret"},
        {"label": {"en": "SSN"}, "data": "secret"},
    ],
)
def test_an_object_may_tell_its_label_and_its_value_in_many_words(named: dict[str, Any]) -> None:
    assert blocked({"dynamic_4": named, "fields": [named]}) == {"fields": []}


@pytest.mark.parametrize(
    "named",
    [
        {"id": 7, "name": "Payroll"},
        {"id": 7, "label": "Payroll", "metadata": {"color": "red"}},
        {"typeCode": {"codeValue": "Department"}, "nameCode": {"codeValue": "100", "shortName": "Payroll"}},
        {"label": "Team", "value": "Payroll"},
        {"fieldName": "Team", "content": "Payroll"},
    ],
)
def test_what_is_merely_called_by_a_sensitive_word_is_let_through(named: dict[str, Any]) -> None:
    assert blocked({"team": named, "teams": [named]}) == {"team": named, "teams": [named]}


_KEYS = st.sampled_from(["gender", "home_phone", "IBAN", "name", "team", "work", "items"])
_TREES = st.recursive(
    st.just("value"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_KEYS, _TREES, max_size=4))
def test_no_sensitive_key_is_left_at_any_depth_and_nothing_is_changed_in_place(
    record: dict[str, Any],
) -> None:
    before = repr(record)
    assert not {"gender", "home_phone", "IBAN"} & set(_keys(blocked(record)))
    assert repr(record) == before


def test_what_is_never_read_is_said_in_plain_words() -> None:
    assert len(NEVER_READ) >= 12
    assert {"Bank accounts", "Gender and sexual orientation", "Ethnicity and race"} <= set(NEVER_READ)
    for phrase in NEVER_READ:
        assert phrase[0].isupper()
        assert phrase.strip(". ") == phrase


@pytest.fixture(params=HRIS)
def vendor(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    with standing_in(request.param) as found:
        yield found


def test_nothing_that_a_vendor_knows_of_its_people_gets_out(vendor: Vendor) -> None:
    vendor.source.check(vendor.session(), vendor.settings)
    records = vendor.records()
    people = [vendor.source.read(record) for record in records]
    assert _markers(vendor, records) == set()
    assert _markers(vendor, [dict(person.fields) for person in people]) == set()


def test_a_vendor_that_sends_more_than_it_was_asked_for_gets_no_further(vendor: Vendor) -> None:
    """Asked for everything: the answer holds what is private, and the block takes it out."""
    source = _greedy(vendor)
    open_door = replace(source, named=Named("all", "", {}), custom=None)
    sent = _markers(vendor, _read(vendor, open_door))
    assert len(sent) >= 2 * vendor.world.company.size
    blocking = replace(source, named=None, private=frozenset({*source.private, "city"}))
    assert _markers(vendor, _read(vendor, blocking)) == set()


def test_a_vendor_that_can_be_asked_by_name_sends_what_a_run_uses_and_no_more(vendor: Vendor) -> None:
    source = vendor.source
    assert isinstance(source, RestSource)
    if source.named is None:
        assert vendor.name == "sage_hr"
        return
    wanted = {"first_name", "personal_email" if vendor.name == "staffcloud" else "work_email"}
    first_day = {"hired_on"} if source.future_hires else set()
    records = _read(vendor, narrowed(source, wanted))
    # Read with everything that the card can read: the vendor did not send it.
    found = {name for record in records for name in source.read(record).fields}
    also = {"last_name"} if vendor.name.startswith("adp") else set()  # ADP knows legal names as a whole
    assert wanted <= found <= wanted | first_day | also


def test_what_the_customer_declined_is_not_even_asked_for(vendor: Vendor) -> None:
    records = _read(vendor, without(vendor.source, ["first_name", "last_name"]))
    known = {name for record in records for name in vendor.source.read(record).fields}
    assert bool({"first_name", "last_name"} & known) is (
        vendor.name == "sage_hr"
    )  # there it is dropped later


def test_of_what_customers_made_a_run_asks_for_what_it_uses(vendor: Vendor) -> None:
    whole = {name for record in vendor.records() for name in vendor.source.read(record).fields}
    own = sorted(name for name in whole if name.startswith(CUSTOM))
    for wanted in (own[:1], []):
        records = _read(vendor, narrowed(vendor.source, wanted))
        found = {name for record in records for name in vendor.source.read(record).fields}
        assert {name for name in found if name.startswith(CUSTOM)} == set(wanted)


def test_what_customers_made_themselves_is_read_unless_it_is_sensitive(vendor: Vendor) -> None:
    people = [vendor.source.read(record) for record in vendor.records()]
    own = {name for person in people for name in person.fields if name.startswith(CUSTOM)}
    labels = {name.removeprefix(CUSTOM) for name in own}
    if vendor.name == "sage_hr":
        assert own == set()
        return
    assert {label for label in labels if "hirt" in label}, labels
    assert not [label for label in labels if is_sensitive(label)]


def _greedy(vendor: Vendor) -> RestSource:
    """The card, asking for all that the vendor has."""
    source = vendor.source
    assert isinstance(source, RestSource)
    ask = source.people.ask
    everything = ask if ask.method == "GET" else ask.with_body(fields=list(BAMBOO_FIELDS))
    return replace(source, named=None, people=replace(source.people, ask=everything))


def _read(vendor: Vendor, source: Source) -> list[Record]:
    pages = source.pages(vendor.session(), vendor.settings)
    return [record for page in pages for record in page.records]


def _markers(vendor: Vendor, found: Any) -> set[str]:
    """What of the vendor's private values is in there, whole or as a part of a text."""
    said = set(_values(found))
    telling: set[str] = set()
    for person in vendor.world.people():
        private = person.private
        telling |= {private.ssn, private.birth_date.isoformat(), str(private.salary), private.home_address}
        telling |= {private.home_phone, private.iban, private.passport}
    parts = {one for text in said for one in (text, text[:10], text.removesuffix(" USD"), text[-11:])}
    words = {
        text for text in said if "undisclosed" in text or text in ("Female", "Male", "Married", "Single")
    }
    return (telling & parts) | words


def _values(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _values(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _values(value)
    else:
        yield str(tree)


def _keys(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        yield from tree
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _keys(value)
