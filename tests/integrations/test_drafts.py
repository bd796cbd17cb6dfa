"""The steps of the wizard before the plan: what is begun, kept, refused, and tried."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.translation import override
from pytest_django import Settings

from integrations.models import (
    Connection,
    ConnectionState,
    Credential,
    Draft,
    DraftState,
    Planned,
    Purpose,
    Run,
    SetupStep,
)
from integrations.services import drafts
from integrations.services.credentials import connection_settings, store_credentials
from integrations.services.drafts import DraftRefused
from integrations.signals import credentials_given, draft_saved
from portal.accounts.limits import RateLimited
from portal.accounts.models import Company, User
from portal.audit.models import Entry
from portal.kit import queue
from portal.kit.errors import NeedsPerson, RetryLater
from tests.integrations.conftest import CARD, Syncer
from tests.integrations.setting_up import CARE, GIVEN, STAFF, code_of, setup
from tests.integrations.sources import ListSource
from tests.support.confirmed import confirmed, connected, people_from, planned, ready

pytestmark = pytest.mark.django_db(transaction=True)


# --- beginning ----------------------------------------------------------------------------------------------


def test_a_set_up_begins_once_and_goes_on_where_it_was(company: Company, admin: User) -> None:
    draft = setup(company, admin, mapping={"location": "office"}, policy={"mails": True})
    assert (draft.purpose, draft.step, draft.mapping) == (
        Purpose.SETUP,
        SetupStep.PREREQUISITES,
        {"location": "office"},
    )
    assert draft.rules.policy.mails
    connection = draft.connection
    assert (connection.state, connection.started_by_request) == (ConnectionState.SETTING_UP, "REQ-7")
    assert connection_settings(connection) == GIVEN
    assert setup(company, admin, settings={}).pk == draft.pk
    assert not Run.objects.exists()


def test_beginning_again_takes_only_what_was_given_later(company: Company, admin: User) -> None:
    draft = setup(company, admin)
    setup(company, admin, settings={**GIVEN, "client_id": "older"})
    assert connection_settings(draft.connection)["client_id"] == "papi-1234"


def test_what_runs_already_is_never_begun_again(company: Company, admin: User) -> None:
    connection = connected(company, CARD, by=admin, source=ListSource(STAFF))
    before = (connection.state, connection.runs.count())
    assert setup(company, admin).state == DraftState.CONFIRMED
    connection.refresh_from_db()
    assert (connection.state, connection.runs.count()) == before


def test_a_change_begins_with_the_settings_in_use_and_is_one_for_all(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    Connection.objects.update(filter=CARE)
    sync(ListSource(STAFF))
    draft = drafts.begin_change(connection, by=admin)
    assert (draft.purpose, draft.filter) == (Purpose.CHANGE, CARE)
    assert drafts.begin_change(connection, by=admin) == draft == drafts.open_draft(connection)


def test_a_company_whose_plan_has_no_hr_systems_is_told_so(company: Company, admin: User) -> None:
    Company.objects.update(hris_entitled=False)
    assert code_of(lambda: setup(company, admin)) == "not_entitled"


def test_a_second_hr_system_needs_the_companys_setting(company: Company, admin: User) -> None:
    connected(company, CARD, by=admin, source=ListSource(STAFF))
    assert code_of(lambda: setup(company, admin, "bamboohr", settings={})) == "other_connection"
    Company.objects.update(several_connections=True)
    assert setup(company, admin, "bamboohr", settings={}).connection.provider_slug == "bamboohr"


# --- saving -------------------------------------------------------------------------------------------------


def test_saving_from_an_old_page_is_refused_and_changes_nothing(company: Company, admin: User) -> None:
    draft = setup(company, admin)
    drafts.save_filter(draft, CARE, by=admin, expected_version=draft.version)
    again: dict[str, Any] = {"include": [], "exclude": []}
    assert code_of(lambda: drafts.save_filter(draft, again, by=admin, expected_version=1)) == "changed"
    assert (Draft.objects.get().filter, draft.step) == (CARE, SetupStep.MAP)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("custom.salary", "sensitive"),
        ("custom.Geburtsdatum", "sensitive"),
        ("home_work_location", "does not send"),
        ("nonsense", "does not send"),
    ],
)
def test_a_field_that_must_not_or_cannot_come_is_neither_filtered_nor_mapped(
    company: Company, admin: User, field: str, words: str
) -> None:
    draft = setup(company, admin)
    asked = {"include": [[{"field": field, "op": "present", "values": []}]]}
    with pytest.raises(DraftRefused, match=words):
        drafts.save_filter(draft, asked, by=admin, expected_version=draft.version)
    with pytest.raises(DraftRefused, match=words) as caught:
        drafts.save_mapping(draft, {"title": field}, {}, by=admin, expected_version=draft.version)
    assert (caught.value.code, caught.value.field) == ("invalid", "title")


def test_custom_and_computed_fields_may_be_used(company: Company, admin: User) -> None:
    draft = setup(company, admin)
    data = {"include": [[{"field": "status", "op": "is", "values": ["active"]}]]}
    drafts.save_filter(draft, data, by=admin, expected_version=draft.version)
    spec = {"from": ["custom.ward", "department"], "steps": [{"do": "first"}]}
    drafts.save_mapping(draft, {"department": spec}, {}, by=admin, expected_version=draft.version)
    assert draft.rules.mapping.fields >= {"custom.ward"}


def test_choices_that_cannot_be_are_refused_in_words(company: Company, admin: User) -> None:
    draft = setup(company, admin)

    def mapped(mapping: dict[str, Any], policy: dict[str, Any]) -> str:
        return code_of(
            lambda: drafts.save_mapping(draft, mapping, policy, by=admin, expected_version=draft.version)
        )

    assert mapped({"email": ""}, {}) == "invalid"
    assert mapped({"job_title": {"from": ["job_title"], "steps": [{"do": "split"}]}}, {}) == "invalid"
    assert mapped({}, {"group_by": "event"}) == "invalid"
    assert mapped({}, {"absent": "nonsense"}) == "invalid"
    broken: Any = {"include": [[]]}
    assert (
        code_of(lambda: drafts.save_filter(draft, broken, by=admin, expected_version=draft.version))
        == "invalid"
    )
    assert Draft.objects.get().version == 1


def test_a_declined_field_is_used_for_nothing(company: Company, admin: User) -> None:
    draft = setup(company, admin)
    drafts.save_consent(draft, declined=["department"], by=admin, expected_version=draft.version)
    assert draft.consented_by == admin
    assert "department" not in draft.rules.fields
    assert (
        code_of(lambda: drafts.save_filter(draft, CARE, by=admin, expected_version=draft.version))
        == "invalid"
    )


def test_every_save_is_recorded_and_told(company: Company, admin: User) -> None:
    told: list[Draft] = []
    draft = setup(company, admin)

    def listen(draft: Draft, **_: Any) -> None:
        told.append(draft)

    draft_saved.connect(listen)
    try:
        drafts.save_consent(draft, declined=[], by=admin, expected_version=draft.version)
        drafts.save_filter(draft, CARE, by=admin, expected_version=draft.version)
    finally:
        draft_saved.disconnect(listen)
    assert [one.pk for one in told] == [draft.pk, draft.pk]
    actions = list(Entry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["draft.begin", "draft.consent", "draft.filter"]


def test_the_wizard_goes_back_anywhere_and_forward_only_over_finished_steps(
    company: Company, admin: User
) -> None:
    draft = setup(company, admin)
    assert code_of(lambda: drafts.go_to(draft, SetupStep.FILTER)) == "not_ready"
    ready(draft, by=admin, source=ListSource([]))
    version = draft.version
    drafts.go_to(draft, SetupStep.CONSENT)
    drafts.go_to(draft, SetupStep.FILTER)
    assert (draft.step, draft.version) == (SetupStep.FILTER, version)
    assert code_of(lambda: drafts.go_to(draft, SetupStep.DONE)) == "not_ready"


def test_a_withdrawn_draft_leaves_nothing_behind(company: Company, admin: User) -> None:
    draft = planned(setup(company, admin), by=admin, source=ListSource(STAFF))
    assert Planned.objects.exists()
    drafts.withdraw(draft, by=admin)
    assert (draft.state, draft.plan) == (DraftState.WITHDRAWN, None)
    assert not Planned.objects.exists()
    assert code_of(lambda: drafts.withdraw(draft, by=admin)) == "gone"


# --- credentials --------------------------------------------------------------------------------------------


def test_credentials_that_work_belong_to_a_connection_that_is_being_set_up(
    company: Company, admin: User
) -> None:
    given: list[dict[str, str]] = []
    draft = setup(company, admin, settings={})

    def listen(settings: dict[str, str], **_: Any) -> None:
        given.append(settings)

    credentials_given.connect(listen)
    try:
        drafts.authenticate(draft, GIVEN, by=admin, source=ListSource([]))
    finally:
        credentials_given.disconnect(listen)
    assert given == [GIVEN]
    assert draft.authenticated_at
    assert connection_settings(draft.connection) == GIVEN
    assert not Credential.objects.exclude(draft=None).exists()


def test_credentials_of_a_change_wait_for_its_confirmation(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    store_credentials(connection, GIVEN, admin)
    sync(ListSource(STAFF))
    draft = drafts.begin_change(connection, by=admin)
    fresh = {"client_id": "papi-1234", "client_secret": "newer-secret-99"}
    draft.refresh_from_db()
    assert draft.authenticated_at
    assert draft.authenticated_at < draft.created_at, "nothing was tried by opening it"
    drafts.authenticate(draft, {**fresh, "client_id": "another"}, by=admin, source=ListSource([]))
    assert draft.authenticated_at > draft.created_at
    drafts.authenticate(draft, fresh, by=admin, source=ListSource([]))
    assert connection_settings(connection) == GIVEN
    assert connection_settings(connection, draft) == fresh
    receipt = confirmed(draft, by=admin, source=ListSource(STAFF))
    assert receipt.after["credentials"] == ["client_secret"], "what was left as it is, is not new"
    with people_from(ListSource(STAFF)):
        queue.run_job("sync.run", Run.objects.get(receipt=receipt).pk)
    assert connection_settings(connection) == fresh
    assert not Credential.objects.exclude(draft=None).exists()


def test_credentials_that_can_no_longer_be_read_are_entered_again(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    store_credentials(connection, GIVEN, admin)
    sync(ListSource(STAFF))
    Credential.objects.filter(key="client_secret").update(sealed=b"broken")
    draft = drafts.begin_change(connection, by=admin)
    drafts.authenticate(draft, {"client_secret": "entered again"}, by=admin, source=ListSource([]))
    assert connection_settings(connection, draft)["client_secret"] == "entered again"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NeedsPerson("Personio refused this key.", code="wrong_credentials"), "Personio refused this key."),
        (RetryLater("HTTP 503"), "could not be reached"),
    ],
)
def test_a_refusal_is_told_in_words_and_what_was_typed_is_kept(
    company: Company, admin: User, error: Exception, words: str
) -> None:
    draft = setup(company, admin, settings={})
    with pytest.raises(type(error), match=words):
        drafts.authenticate(draft, GIVEN, by=admin, source=ListSource([], refuses=error))
    draft.refresh_from_db()
    assert draft.authenticated_at is None
    assert connection_settings(draft.connection, draft) == GIVEN
    assert connection_settings(draft.connection) == {}


@pytest.mark.parametrize("code", ["wrong_credentials", "missing_right", "field_not_granted", "ip_blocked"])
def test_who_reads_another_language_never_gets_the_sentence_of_a_source(
    company: Company, admin: User, code: str
) -> None:
    draft = setup(company, admin)
    refused = ListSource([], refuses=NeedsPerson("Personio, only in English.", code=code))
    with override("de"), pytest.raises(NeedsPerson) as caught:
        drafts.authenticate(draft, {}, by=admin, source=refused)
    assert caught.value.code == code
    assert "Personio" in caught.value.sentence
    assert "only in English" not in caught.value.sentence


def test_a_refusal_says_which_addresses_and_which_field(
    company: Company, admin: User, settings: Settings
) -> None:
    draft, settings.SUPPORT_EMAIL = setup(company, admin), "help@desk.example"
    blocked, kept = (
        NeedsPerson("No.", code="ip_blocked"),
        NeedsPerson("No.", "field_not_granted", about="dept"),
    )

    def told(error: NeedsPerson, language: str) -> str:
        with override(language), pytest.raises(NeedsPerson) as caught:
            drafts.authenticate(draft, {}, by=admin, source=ListSource([], refuses=error))
        return caught.value.sentence

    settings.EGRESS_ADDRESSES = ["192.0.2.7", "192.0.2.8"]
    assert told(blocked, "en") == "No. Ours: 192.0.2.7, 192.0.2.8."
    assert "192.0.2.8" in told(blocked, "de")
    settings.EGRESS_ADDRESSES = []
    assert told(blocked, "en") == "No. help@desk.example tells you which they are."
    assert "dept" in told(kept, "de")


def test_credentials_that_cannot_be_are_refused_before_anybody_is_asked(
    company: Company, admin: User
) -> None:
    draft = setup(company, admin, "adp_workforce_now", settings={})
    nobody = ListSource([], refuses=AssertionError("asked"))
    half = {"certificate": "x", "client_id": "y", "client_secret": "z"}
    assert code_of(lambda: drafts.authenticate(draft, half, by=admin, source=nobody)) == "half_a_pair"
    nonsense = {**half, "private_key": "x"}
    assert code_of(lambda: drafts.authenticate(draft, nonsense, by=admin, source=nobody)) == "no_certificate"
    assert code_of(lambda: drafts.authenticate(draft, {}, by=admin, source=nobody)) == "missing_credentials"


def test_somebody_who_guesses_is_stopped(company: Company, admin: User) -> None:
    draft = setup(company, admin)
    refused = ListSource([], refuses=NeedsPerson("no", code="wrong_credentials"))
    for _ in range(10):
        with pytest.raises(NeedsPerson):
            drafts.authenticate(draft, GIVEN, by=admin, source=refused)
    with pytest.raises(RateLimited):
        drafts.authenticate(draft, GIVEN, by=admin, source=ListSource([]))
