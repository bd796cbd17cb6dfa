"""Bulk deeds: nothing that was not shown, nobody else's requests, nothing on changed contents."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.accounts.models import AccessLink, Role, User
from portal.audit.models import Entry
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.notices.models import Notice
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request
from requests_app.services import bulk
from requests_app.services.moves import make_move
from tests.requests_app.factories import a_csm, a_request, a_tl, let_in
from tests.support.lives import a_life, ago
from tests.support.people import a_company, a_customer, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def jamie() -> User:
    return a_csm("Jamie Park")


@pytest.fixture
def rosa() -> User:
    return a_csm("Rosa Silva")


@pytest.fixture
def lead() -> User:
    return a_tl()


def some(owner: User, count: int = 2, stage: Stage = Stage.DRAFT) -> list[Request]:
    return [a_life(a_company(f"Clinic {n}"), [(ago(days=3), stage)], owner=owner) for n in range(count)]


def numbers(requests: list[Request]) -> list[int]:
    return [req.number for req in requests]


# --- reassigning --------------------------------------------------------------------------------------------


def test_what_was_shown_is_done_recorded_and_told_once(jamie: User, rosa: User, lead: User) -> None:
    requests = some(jamie)
    plan = bulk.plan_reassign(numbers(requests), rosa, by=lead)
    assert [step.words for step in plan.doable] == ["From Jamie Park to Rosa Silva"] * 2
    bulk.apply_reassign(numbers(requests), rosa, by=lead, digest=plan.digest)
    assert set(Request.objects.values_list("owner__name", flat=True)) == {"Rosa Silva"}
    assert Event.objects.filter(words="Ben Ortiz gave the request from Jamie Park to Rosa Silva").count() == 2
    assert Entry.objects.filter(action="request.reassigned").count() == 2
    notice = Notice.objects.get()
    assert (notice.user, notice.kind, notice.words) == (rosa, "assigned", "Ben Ortiz gave you 2 requests")


def test_what_cannot_be_given_away_is_named_with_its_reason(jamie: User, rosa: User, lead: User) -> None:
    requests = [*some(jamie, 1), *some(rosa, 1), *some(jamie, 1, Stage.CANCELLED)]
    plan = bulk.plan_reassign([*numbers(requests), 999_999_999], rosa, by=lead)
    assert [step.refusal for step in plan.steps] == [
        "",
        "Rosa Silva has it already.",
        "It is cancelled: there is nothing left to do.",
    ]
    assert plan.missing == (999_999_999,)
    bulk.apply_reassign([*numbers(requests), 999_999_999], rosa, by=lead, digest=plan.digest)
    requests[2].refresh_from_db()
    assert requests[2].owner == jamie


@pytest.mark.parametrize("change", [{"version": 7}, {"stage": Stage.SUBMITTED}, {"owner": "lead"}])
def test_nothing_is_done_when_a_request_changed_meanwhile(
    change: dict[str, object], jamie: User, rosa: User, lead: User
) -> None:
    requests = some(jamie)
    plan = bulk.plan_reassign(numbers(requests), rosa, by=lead)
    values = {name: lead if value == "lead" else value for name, value in change.items()}
    Request.objects.filter(pk=requests[0].pk).update(**values)
    with pytest.raises(bulk.PlanChanged) as caught:
        bulk.apply_reassign(numbers(requests), rosa, by=lead, digest=plan.digest)
    assert caught.value.plan.digest != plan.digest
    assert not Request.objects.filter(owner=rosa).exists()
    assert not Notice.objects.exists()


def test_a_plan_for_one_owner_does_not_serve_for_another(jamie: User, rosa: User, lead: User) -> None:
    requests = some(jamie)
    plan = bulk.plan_reassign(numbers(requests), rosa, by=lead)
    with pytest.raises(bulk.PlanChanged):
        bulk.apply_reassign(numbers(requests), lead, by=lead, digest=plan.digest)
    with pytest.raises(bulk.PlanChanged):
        bulk.apply_reassign(numbers(requests[:1]), rosa, by=lead, digest=plan.digest)


def test_only_a_team_lead_reassigns_and_only_to_the_desk(jamie: User, rosa: User, lead: User) -> None:
    chosen = numbers(some(jamie))
    with pytest.raises(NeedsPerson, match="Only a team lead"):
        bulk.plan_reassign(chosen, rosa, by=jamie)
    for nobody in (a_user(Role.OPERATOR, "Olu Adeyemi"), a_user(Role.CUSTOMER_ADMIN, "Dana Whitfield")):
        with pytest.raises(NeedsPerson, match="cannot own"):
            bulk.plan_reassign(chosen, nobody, by=lead)
    User.objects.filter(pk=rosa.pk).update(is_active=False)
    rosa.refresh_from_db()
    with pytest.raises(NeedsPerson, match="cannot own"):
        bulk.plan_reassign(chosen, rosa, by=lead)


def test_none_and_too_many_are_refused(rosa: User, lead: User) -> None:
    with pytest.raises(NeedsPerson, match="at least one"):
        bulk.plan_reassign([], rosa, by=lead)
    with pytest.raises(NeedsPerson, match="at most 200"):
        bulk.plan_remind(range(201), by=lead)


# --- reminding ----------------------------------------------------------------------------------------------


def waiting(owner: User, name: str) -> Request:
    req = a_request(by=owner, company=a_company(name))
    let_in(req, a_customer(req.company, f"admin@{name.lower()}.example"))
    return make_move(req, "send_to_customer", by=owner)


def test_who_can_be_reminded_is_and_the_others_are_named(jamie: User, lead: User) -> None:
    ready, draft = waiting(jamie, "Ready"), some(jamie, 1)[0]
    revoked = a_life(a_company("Revoked"), [(ago(days=3), Stage.WAITING_ON_CUSTOMER)], owner=jamie)
    chosen = numbers([ready, draft, revoked])
    plan = bulk.plan_remind(chosen, by=lead)
    refusals = {step.req.number: step.refusal for step in plan.steps}
    assert refusals[ready.number] == ""
    assert refusals[draft.number] == "It does not wait on the customer."
    assert "no link" in refusals[revoked.number]
    done = bulk.apply_remind(chosen, by=lead, digest=plan.digest)
    assert [step.req for step in done.doable] == [ready]
    assert Event.objects.filter(req=ready, move="remind", by=lead).count() == 1


def test_a_reminder_that_could_not_be_sent_holds_up_no_other(jamie: User, lead: User) -> None:
    first, second = waiting(jamie, "First"), waiting(jamie, "Second")
    one = bulk.plan_remind([first.number], by=lead)
    bulk.apply_remind([first.number], by=lead, digest=one.digest)
    both = bulk.plan_remind(numbers([first, second]), by=lead)
    done = bulk.apply_remind(numbers([first, second]), by=lead, digest=both.digest)
    assert {step.req.number: step.has_failed for step in done.steps} == {
        first.number: True,
        second.number: False,
    }


def test_a_csm_reminds_of_their_own_and_sees_no_others(jamie: User, rosa: User) -> None:
    mine, foreign = waiting(jamie, "Mine"), waiting(rosa, "Foreign")
    given = waiting(jamie, "Given")
    Request.objects.filter(pk=given.pk).update(owner=rosa)
    plan = bulk.plan_remind(numbers([mine, foreign, given]), by=jamie)
    assert [step.req for step in plan.doable] == [mine]
    assert "Only its owner" in next(step.refusal for step in plan.steps if step.req == given)
    assert plan.missing == (foreign.number,)


def test_a_link_that_ran_out_unused_reaches_nobody(jamie: User, lead: User) -> None:
    req = waiting(jamie, "Late")
    AccessLink.objects.update(used_at=None, used_by=None, expires_at=clock.now() - timedelta(days=1))
    assert bulk.plan_remind([req.number], by=lead).doable == ()
