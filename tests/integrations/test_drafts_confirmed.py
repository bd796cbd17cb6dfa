"""From a draft to its receipt: what is planned, what is confirmed, and who wins a race."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.utils.translation import override

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Draft,
    DraftState,
    Receipt,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.services import drafts, receipts
from integrations.services.connections import activate_connection
from integrations.services.drafts import DraftRefused
from integrations.signals import draft_confirmed
from portal.accounts.models import Company, User
from portal.audit.models import Entry
from portal.kit import queue
from portal.kit.retold import retold
from tests.integrations.conftest import CARD, Syncer
from tests.integrations.setting_up import CARE, GIVEN, STAFF, code_of, setup
from tests.integrations.sources import ListSource, record, records
from tests.support.confirmed import confirmed, people_from, planned, ready
from tests.support.together import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_plan_needs_every_step_before_it(company: Company, admin: User) -> None:
    draft = setup(company, admin)
    assert code_of(lambda: drafts.start_plan(draft, by=admin)) == "not_ready"
    ready(draft, by=admin, source=ListSource(STAFF))
    assert code_of(lambda: drafts.start_plan(draft, by=admin)) == "not_ready"
    drafts.save_filter(draft, CARE, by=admin, expected_version=draft.version)
    run = drafts.start_plan(draft, by=admin)
    assert (run.kind, run.draft, drafts.start_plan(draft, by=admin)) == (RunKind.DRY, draft, run)


def test_a_set_up_that_is_not_approved_waits_and_approval_starts_it(company: Company, admin: User) -> None:
    draft = planned(setup(company, admin), by=admin, source=ListSource(STAFF), filter=CARE)
    assert draft.plan is not None
    assert (draft.plan.added, drafts.plan_is_current(draft), DirectoryPerson.objects.count()) == (2, True, 0)
    receipt = drafts.confirm(draft, typed=2, plan_digest=draft.plan.plan_digest, by=admin)
    connection = Connection.objects.get()
    assert (connection.state, connection.filter) == (ConnectionState.SETTING_UP, CARE)
    assert connection.confirmed_at == receipt.confirmed_at
    assert "approved" in connection.reason
    assert not Run.objects.exclude(kind=RunKind.DRY).exists()
    with transaction.atomic():
        activate_connection(company, CARD, settings=GIVEN, mapping={}, by=admin, request_number="REQ-7")
    run = Run.objects.get(kind=RunKind.FIRST)
    assert (run.receipt, Connection.objects.get().state) == (receipt, ConnectionState.CONNECTING)
    with people_from(ListSource(STAFF)):
        queue.run_job("sync.run", run.pk)
    draft.refresh_from_db()
    assert (DirectoryPerson.objects.count(), draft.state) == (2, DraftState.APPLIED)


def test_what_waits_for_the_approval_is_told_in_german(company: Company, admin: User) -> None:
    draft = setup(company, admin)
    confirmed(draft, by=admin, source=ListSource(STAFF))
    connection = Connection.objects.get()
    with override("de"):
        assert retold(connection.reason).startswith("Eingerichtet und bestätigt.")


def test_an_approved_set_up_starts_with_its_confirmation(company: Company, admin: User) -> None:
    with transaction.atomic():
        connection = activate_connection(
            company, CARD, settings=GIVEN, mapping={}, by=admin, request_number="REQ-7"
        )
    assert (connection.state, connection.reason_code) == (
        ConnectionState.SETTING_UP,
        "waits_for_confirmation",
    )
    receipt = confirmed(setup(company, admin), by=admin, source=ListSource(STAFF))
    connection.refresh_from_db()
    assert (connection.state, connection.reason) == (ConnectionState.CONNECTING, "")
    assert Run.objects.get(kind=RunKind.FIRST).receipt == receipt


def test_a_change_is_in_use_only_after_the_run_that_carries_it_out(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(STAFF))
    receipt = confirmed(connection, by=admin, source=ListSource(STAFF), filter=CARE)
    assert (receipt.affected, receipt.counts["deactivated"]) == (1, 1)
    connection.refresh_from_db()
    assert connection.filter == {}
    run = Run.objects.get(receipt=receipt)
    with people_from(ListSource(STAFF)):
        queue.run_job("sync.run", run.pk)
    connection.refresh_from_db()
    run.refresh_from_db()
    assert (run.outcome, run.deactivated, connection.filter) == (RunOutcome.APPLIED, 1, CARE)


def test_another_attribute_for_groups_affects_whoever_moves_and_the_receipt_says_so(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    places = (("a", "Northgate"), ("b", "Northgate"), ("c", "Southgate"))
    staff = ListSource([record(key, department="Care", location=place) for key, place in places])
    sync(staff)
    draft = planned(connection, by=admin, source=staff, policy={"group_by": "location", "invites": True})
    assert draft.plan is not None
    digest = draft.plan.plan_digest
    assert code_of(lambda: drafts.confirm(draft, typed=0, plan_digest=digest, by=admin)) == "wrong_number"
    receipt = drafts.confirm(draft, typed=3, plan_digest=digest, by=admin)
    told = {name: number for name, _label, number in receipts.counted(receipt)}
    assert told == {"regrouped": 3, "groups_made": 2, "joined": 3, "left_groups": 3}
    with people_from(staff):
        queue.run_job("sync.run", Run.objects.get(receipt=receipt).pk)
    run = Run.objects.get(receipt=receipt)
    assert (run.outcome, run.groups_made, run.joined, run.left_groups) == (RunOutcome.APPLIED, 2, 3, 3)
    assert not run.changes.exists()


def test_the_first_plan_tells_groups_and_invitations_and_whether_they_are_mailed(
    company: Company, admin: User
) -> None:
    policy = {"invites": True, "mails": True}
    receipt = confirmed(setup(company, admin), by=admin, source=ListSource(STAFF), policy=policy)
    told = {name: number for name, _label, number in receipts.counted(receipt)}
    assert told == {"added": 3, "groups_made": 2, "joined": 3, "invited": 3, "mailed": 3}
    assert receipt.affected == 3


def test_the_number_of_people_must_be_typed_and_is_not_told(company: Company, admin: User) -> None:
    draft = planned(setup(company, admin), by=admin, source=ListSource(records(731)))
    assert draft.plan is not None
    digest = draft.plan.plan_digest
    with pytest.raises(DraftRefused) as caught:
        drafts.confirm(draft, typed=730, plan_digest=digest, by=admin)
    assert (caught.value.code, "731" in caught.value.sentence) == ("wrong_number", False)
    assert not Receipt.objects.exists()


def test_a_plan_of_other_settings_or_credentials_is_not_confirmed(company: Company, admin: User) -> None:
    draft = planned(setup(company, admin), by=admin, source=ListSource(STAFF))
    assert draft.plan is not None
    digest = draft.plan.plan_digest
    assert code_of(lambda: drafts.confirm(draft, typed=3, plan_digest="f" * 32, by=admin)) == "changed"
    drafts.save_filter(draft, CARE, by=admin, expected_version=draft.version)
    assert not drafts.plan_is_current(draft)
    assert code_of(lambda: drafts.confirm(draft, typed=3, plan_digest=digest, by=admin)) == "changed"
    draft = planned(draft, by=admin, source=ListSource(STAFF))
    assert draft.plan is not None
    digest = draft.plan.plan_digest
    drafts.authenticate(draft, {"client_secret": "another"}, by=admin, source=ListSource([]))
    assert code_of(lambda: drafts.confirm(draft, typed=2, plan_digest=digest, by=admin)) == "not_ready"


def test_a_plan_that_the_guard_stops_is_not_confirmed(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(STAFF))
    draft = planned(connection, by=admin, source=ListSource([]), filter={})
    assert draft.plan is None
    with pytest.raises(DraftRefused, match="nobody at all") as caught:
        drafts.confirm(draft, typed=0, plan_digest="", by=admin)
    assert caught.value.code == "not_ready"


def test_a_second_click_gives_the_same_receipt_and_an_older_page_none(company: Company, admin: User) -> None:
    draft = setup(company, admin)
    receipt = confirmed(draft, by=admin, source=ListSource(STAFF))
    again: dict[str, Any] = {"typed": receipt.affected, "plan_digest": receipt.plan_digest, "by": admin}
    assert drafts.confirm(draft, **again) == receipt
    assert code_of(lambda: drafts.confirm(draft, **{**again, "typed": 9})) == "gone"
    assert (
        code_of(lambda: drafts.save_filter(draft, CARE, by=admin, expected_version=draft.version)) == "gone"
    )


def test_a_confirmation_is_told_once_and_recorded(company: Company, admin: User) -> None:
    told: list[Receipt] = []

    def listen(receipt: Receipt, **_: Any) -> None:
        told.append(receipt)

    draft_confirmed.connect(listen)
    try:
        receipt = confirmed(setup(company, admin), by=admin, source=ListSource(STAFF))
    finally:
        draft_confirmed.disconnect(listen)
    assert told == [receipt]
    entry = Entry.objects.get(action="draft.confirm")
    assert (entry.actor, entry.details["receipt"]) == (admin.email, receipt.digest)


# --- races --------------------------------------------------------------------------------------------------


def test_two_confirmations_at_once_give_one_receipt(company: Company, admin: User) -> None:
    draft = planned(setup(company, admin), by=admin, source=ListSource(STAFF))
    assert draft.plan is not None
    digest = draft.plan.plan_digest

    def click() -> object:
        return drafts.confirm(Draft.objects.get(pk=draft.pk), typed=3, plan_digest=digest, by=admin)

    found = together(click, click, click)
    assert len({one.pk for one in found if isinstance(one, Receipt)}) == 1, found
    assert (Receipt.objects.count(), len(found)) == (1, 3)


def test_saving_and_confirming_at_once_never_confirms_what_nobody_saw(admin: User) -> None:
    for turn in range(6):
        company = Company.objects.create(name=f"Riverside {turn}")
        draft = planned(setup(company, admin), by=admin, source=ListSource(STAFF), filter={})
        assert draft.plan is not None
        digest, version, pk = draft.plan.plan_digest, draft.version, draft.pk

        def save(pk: int = pk, version: int = version) -> object:
            return drafts.save_filter(Draft.objects.get(pk=pk), CARE, by=admin, expected_version=version)

        def click(pk: int = pk, digest: str = digest) -> object:
            return drafts.confirm(Draft.objects.get(pk=pk), typed=3, plan_digest=digest, by=admin)

        saved, receipt = together(save, click)
        assert isinstance(saved, DraftRefused) != isinstance(receipt, DraftRefused), (turn, saved, receipt)
        if isinstance(receipt, Receipt):
            connection = Connection.objects.get(company=company)
            assert (receipt.after["filter"], connection.filter) == ({}, {})
