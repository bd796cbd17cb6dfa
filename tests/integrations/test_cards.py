"""One loop over every card: what must hold for a card to be a card."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from integrations import catalog, checklists
from integrations.conditions import All, Always, Any_, Condition, Is, Never
from integrations.engine.filtering import Filter, Op
from integrations.engine.policy import BY_EVENT, Policy
from integrations.people import ATTRIBUTES, COMPUTED, EVENT_FIELD, FIELDS
from integrations.provider import Audience, InTicket, ItemKind, Kind, OurValue, Owner, Provider, Topic
from integrations.sources.rest import RestSource

ROOT = Path(__file__).parents[2]
CARDS = [pytest.param(card, id=card.slug) for card in catalog.providers()]
# hris-apis.md §4.3: none of these may be the name of a field that is read or asked for.
SENSITIVE = re.compile(
    r"ssn|\bsin\b|national|passport|governmentid|tax|ethnic|race|relig|disab|health|veteran|union|gender|birth|"
    r"marital|nationality|salary|payrate|remuneration|compensation|iban|bank|legaladdress|street|home_phone|"
    r"mobile|picture|photo|performance|absence|termination_?reason",
    re.IGNORECASE,
)

card_loop = pytest.mark.parametrize("card", CARDS)


@card_loop
def test_slug_is_the_name_of_file_and_logo(card: Provider) -> None:
    assert (ROOT / "integrations/providers" / f"{card.slug}.py").is_file()
    logo = (ROOT / "static/img/providers" / f"{card.slug}.svg").read_text(encoding="utf-8")
    assert logo.startswith("<svg")
    assert "<script" not in logo


@card_loop
def test_the_card_reads_people_or_verifies_sign_in(card: Provider) -> None:
    assert (card.source is not None) is (card.kind is Kind.HRIS)
    assert (card.sign_in is not None) is (card.kind is Kind.SSO)


@card_loop
def test_every_item_has_its_own_key_a_reason_and_a_label(card: Provider) -> None:
    keys = [item.key for item in card.checklist]
    assert len(keys) == len(set(keys))
    for item in card.checklist:
        assert len(item.help) >= 20 or item.key == "passphrase", item.key
        assert item.help.endswith("."), item.key
        assert item.label == item.label.strip() != ""


@card_loop
def test_conditions_ask_for_items_of_the_same_checklist(card: Provider) -> None:
    keys = {item.key for item in card.checklist}
    for item in card.checklist:
        assert set(_asked(item.required)) <= keys - {item.key}


@card_loop
def test_choices_and_only_choices_have_options(card: Provider) -> None:
    for item in card.checklist:
        assert (item.kind is ItemKind.CHOICE) is bool(item.options), item.key


@card_loop
def test_secrets_never_go_into_the_ticket(card: Provider) -> None:
    for item in card.checklist:
        if item.kind is ItemKind.SECRET:
            assert item.ticket in (InTicket.LINK, InTicket.NONE), item.key


@card_loop
def test_what_a_connection_needs_is_the_customer_s_to_give(card: Provider) -> None:
    for item in card.credentials:
        assert (item.owner, item.topic) == (Owner.CUSTOMER, Topic.DETAILS)
        if card.kind is Kind.HRIS:
            assert item.ticket is InTicket.NONE
        assert "." not in item.key


@card_loop
def test_money_is_not_shown_to_the_customer(card: Provider) -> None:
    money = [item for item in card.checklist if item.kind is ItemKind.MONEY]
    assert money
    assert all(Audience.CUSTOMER not in item.visible_to for item in money)


@card_loop
def test_the_customer_sees_what_the_customer_must_give(card: Provider) -> None:
    for item in card.checklist:
        if item.owner is Owner.CUSTOMER:
            assert Audience.CUSTOMER in item.visible_to


@card_loop
def test_mapping_leads_from_fields_that_are_read_to_the_directory(card: Provider) -> None:
    source = card.source
    if source is None:
        assert not card.mapping
        return
    assert isinstance(source, RestSource)
    assert set(source.fields) <= set(FIELDS)
    assert set(card.mapping) <= set(ATTRIBUTES)
    assert {"first_name", "last_name", "email"} <= set(card.mapping)
    assert set(card.mapping.values()) <= set(source.fields)
    for item in card.checklist:
        if item.maps:
            assert item.maps in card.mapping
            assert {option.value for option in item.options} <= set(source.fields)
            assert card.mapping[item.maps] in {option.value for option in item.options}


@card_loop
def test_nothing_sensitive_is_asked_for_or_read(card: Provider) -> None:
    if not isinstance(card.source, RestSource):
        return
    lists = (card.source.people, *card.source.then)
    asks = (*(one.ask for one in lists), card.source.check_ask)
    assert not SENSITIVE.search(str([(ask.query, ask.body) for ask in asks]))
    assert not SENSITIVE.search(str(dict(card.source.fields)))
    assert "masked=false" not in str(card.source)


@card_loop
def test_times_addresses_and_dates_are_sane(card: Provider) -> None:
    assert card.docs_url.startswith("https://")
    assert card.verified_on.year >= 2026
    assert card.version >= 1
    assert all(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", time) for time in card.schedule)
    assert card.prerequisites


@card_loop
def test_every_card_has_a_guide_in_a_few_sentences(card: Provider) -> None:
    assert 3 <= len(card.guide) <= 6
    for step in card.guide:
        assert step.title.strip(". ") == step.title != "", step
        assert step.text.endswith(".")
        assert len(step.text) <= 400, step.title
    assert len({step.title for step in card.guide}) == len(card.guide)


@card_loop
def test_who_must_register_an_app_gets_our_address_to_copy(card: Provider) -> None:
    shown = {value for step in card.guide for value in step.shows}
    assert OurValue.PORTAL_NAME in shown
    assert (OurValue.REDIRECT_URI in shown) is (card.kind is Kind.SSO)


@card_loop
def test_what_a_connection_begins_with_is_a_filter_and_a_policy(card: Provider) -> None:
    begins = Filter.from_data(card.filter)
    fields = set(card.source.fields) if isinstance(card.source, RestSource) else set()
    assert begins.fields <= fields | set(COMPUTED)
    assert (Policy.from_data(card.policy).group_by == BY_EVENT) <= (card.events is not None)
    assert (EVENT_FIELD in begins.fields) <= (card.events is not None)


@card_loop
def test_a_way_to_authenticate_needs_credentials_that_the_card_asks_for(card: Provider) -> None:
    keys = {item.key for item in card.credentials}
    for method in card.methods:
        assert set(method.keys) <= keys
        assert method.help.endswith(".")
    if card.methods:
        assert len(card.methods) >= 2
        assert {key for method in card.methods for key in method.keys} == keys
        chosen = next(item for item in card.items if item.key == checklists.ACCESS_METHOD)
        assert [option.value for option in chosen.options] == [method.key for method in card.methods]


@card_loop
def test_a_question_that_asks_by_name_has_a_name_for_every_field(card: Provider) -> None:
    if isinstance(card.source, RestSource) and card.source.named:
        assert card.source.named.of.keys() == card.source.fields.keys()
        assert card.source.named.always
        assert bool(card.source.named.custom) <= (card.source.custom is not None)


def test_staff_of_events_come_in_for_events_and_are_grouped_by_them() -> None:
    card = catalog.get("staffcloud")
    include = Filter.from_data(card.filter).include
    assert [(clause.field, clause.op) for rule in include for clause in rule] == [(EVENT_FIELD, Op.PRESENT)]
    policy = Policy.from_data(card.policy)
    assert (policy.group_by, policy.invites) == (BY_EVENT, True)
    assert card.schedule == ("02:00", "14:00")


def test_a_card_is_short() -> None:
    for path in (ROOT / "integrations/providers").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 150, path.name


def test_the_staff_cloud_runs_twice_a_day_and_the_others_once() -> None:
    assert {card.slug: card.schedule for card in catalog.providers() if card.schedule != ("03:00",)} == {
        "staffcloud": ("02:00", "14:00")
    }


def test_adp_asks_what_the_procedure_asks() -> None:
    items = {item.key: item for item in catalog.get("adp_workforce_now").checklist}
    assert items["hris.location_source"].label == (
        "What ADP field would you like to be synced for MT location field?"
    )
    assert [option.label for option in items["hris.position_source"].options] == [
        "First Position",
        "Primary Position",
        "Current Title",
    ]
    assert "based on your ADP Workforce Now updates?" in items["hris.update_org"].label
    assert isinstance(items["hris.consent_file"].required, Always)


def test_others_do_not_ask_what_only_adp_knows() -> None:
    for card in catalog.providers(Kind.HRIS):
        keys = {item.key: item for item in card.checklist}
        if not card.slug.startswith("adp_"):
            assert "hris.location_source" not in keys
            assert isinstance(keys["hris.consent_file"].required, Never)
    both = {
        card.slug for card in catalog.providers() if "hris.email_source" in {i.key for i in card.checklist}
    }
    assert both == {"adp_workforce_now", "adp_totalsource", "adp_comprehensive_services", "bamboohr"}


def test_company_lines_come_first() -> None:
    for card in catalog.providers():
        assert card.checklist[:3] == checklists.COMPANY


def _asked(condition: Condition) -> list[str]:
    if isinstance(condition, Is):
        return [condition.item]
    if isinstance(condition, All | Any_):
        return [name for part in condition.parts for name in _asked(part)]
    return []
