"""Any order of moves, edits and decisions by anybody: nobody approves their own work, and no step is skipped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from portal.accounts.models import Role, User
from portal.audit.models import Entry
from portal.kit import clock
from portal.outbox.models import Effect
from requests_app.lifecycle import BY_NAME, MOVES, Stage
from requests_app.models import Answer, AnswerChange, AnswerState, ChangeOf, Event, Request
from requests_app.queries import missing_items
from requests_app.services.answers import EditRefused, postpone_answer
from requests_app.services.decisions import accept_items, send_back, unwaive_item, waive_item
from requests_app.services.moves import MoveRefused, make_move, marker_of
from tests.requests_app.factories import (
    PERSONIO,
    a_csm,
    a_request,
    a_tl,
    complete,
    customer_of,
    give,
    item_of,
)
from tests.support.people import a_user

PEOPLE = ("filer", "csm", "lead", "second lead", "customer", "developer", "system")
LEADS = ("filer", "lead", "second lead")
WRITERS = ("filer", "lead", "customer")
KEYS = ("hris.notify_employees", "hris.goal", "client_id")
people = st.sampled_from(PEOPLE[:-1])


class Life(RuleBasedStateMachine):
    """One request in the hands of seven people."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        try:
            self.begin()
        except BaseException:
            self.teardown()  # which nobody else calls for a machine that was never made
            raise

    def begin(self) -> None:
        filer = a_tl("The Filer")
        # A file is kept in a transaction of its own, which cannot be inside this one.
        self.req = complete(a_request(PERSONIO, by=filer), **{"hris.consent_file": ""})
        self.people: dict[str, Any] = {
            "filer": filer,
            "csm": a_csm(),
            "lead": a_tl("First Lead"),
            "second lead": a_tl("Second Lead"),
            "customer": customer_of(self.req),
            "developer": a_user(Role.DEVELOPER, "Dev Eloper"),
            "system": None,
        }
        self.edits = 0
        self.approvers_were_others = True
        self.version = self.fresh.version

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.outer.__exit__(None, None, None)

    @property
    def fresh(self) -> Request:
        return Request.objects.get(pk=self.req.pk)

    @property
    def stage(self) -> Stage:
        return self.fresh.current_stage

    def everything(self) -> tuple[Any, ...]:
        return (
            Request.objects.filter(pk=self.req.pk).values().get(),
            list(Answer.objects.filter(item__req=self.req).order_by("pk").values_list("state", "value")),
            *(model.objects.count() for model in (Event, AnswerChange, Entry, Effect)),
        )

    def attempt(self, deed: Callable[[], object]) -> bool:
        """Whether it was done. A refusal leaves the database as it was."""
        before = self.everything()
        try:
            deed()
        except (MoveRefused, EditRefused):
            assert self.everything() == before
            return False
        return True

    def approve(self, by: User | None, **options: Any) -> None:
        edits = AnswerChange.objects.filter(
            item__req=self.req, by=by, what__in=(ChangeOf.GIVEN, ChangeOf.POSTPONED)
        )
        own = by is not None and (by.pk == self.req.filed_by_id or edits.exists())
        complete_before = not missing_items(self.req)
        if self.attempt(lambda: make_move(self.req, "approve", by=by, **options)):
            assert complete_before
            self.approvers_were_others &= not own

    # --- what people try ------------------------------------------------------------------------------------

    @rule(
        who=st.sampled_from(PEOPLE),
        name=st.sampled_from(sorted(BY_NAME)),
        why=st.sampled_from(["", "Because"]),
    )
    def somebody_moves(self, who: str, name: str, why: str) -> None:
        before, by = self.stage, self.people[who]
        if name == "approve":
            return self.approve(by, reason=why)
        if self.attempt(lambda: make_move(self.req, name, by=by, reason=why)):
            assert (before in BY_NAME[name].frm, self.stage) == (True, BY_NAME[name].to)
            assert why or not BY_NAME[name].needs_reason
        return None

    @precondition(lambda self: self.stage.is_in_preparation)
    @rule(who=st.sampled_from(("filer", "lead")))
    def the_desk_hurries_to_review(self, who: str) -> None:
        """Else almost every example would stay a draft."""
        with suppress(MoveRefused):
            make_move(self.req, "submit", by=self.people[who])

    @precondition(lambda self: self.stage == Stage.SUBMITTED)
    @rule(who=st.sampled_from(LEADS), late=st.booleans())
    def a_team_lead_tries_to_approve(self, who: str, late: bool) -> None:
        seen = self.fresh.version - late
        self.approve(self.people[who], expected_version=seen)
        assert not late or self.stage == Stage.SUBMITTED

    @rule(who=st.sampled_from(WRITERS) | people, key=st.sampled_from(KEYS))
    def somebody_answers(self, who: str, key: str) -> None:
        before, version, by = self.stage, self.fresh.version, self.people[who]
        self.edits += 1
        values = {"hris.notify_employees": "yes" if self.edits % 2 else "no"}
        lines = AnswerChange.objects.count()
        value = values.get(key, f"Text {self.edits}")
        if not self.attempt(lambda: give(self.req, key, value, by)) or lines == AnswerChange.objects.count():
            return
        customer = by.role == Role.CUSTOMER_ADMIN
        assert before.can_be_edited_by_customer if customer else before.can_be_edited
        assert self.fresh.version == version + 1
        reopened = before in (Stage.APPROVED, Stage.FAILED)
        assert self.stage == (Stage.SUBMITTED if reopened else before)
        assert not reopened or self.fresh.decided_by is None

    @rule(who=st.sampled_from(WRITERS) | people, key=st.sampled_from(KEYS))
    def somebody_postpones(self, who: str, key: str) -> None:
        item, by = item_of(self.req, key), self.people[who]
        day = clock.now().date() + timedelta(days=2)
        if self.attempt(lambda: postpone_answer(self.req, item, reason="Later", due_on=day, by=by)):
            assert key in {missing.key for missing in missing_items(self.req)}

    @rule(who=st.sampled_from(LEADS) | people, keys=st.sets(st.sampled_from(KEYS), max_size=2))
    def somebody_accepts(self, who: str, keys: set[str]) -> None:
        before, by = self.stage, self.people[who]
        if self.attempt(lambda: accept_items(self.req, keys, by=by)):
            assert (by.role, before, self.stage) == (Role.TL, Stage.SUBMITTED, Stage.SUBMITTED)

    @rule(who=st.sampled_from(LEADS) | people, keys=st.sets(st.sampled_from(KEYS), max_size=2))
    def somebody_sends_single_answers_back(self, who: str, keys: set[str]) -> None:
        before, by = self.stage, self.people[who]
        comments = dict.fromkeys(keys, "Look again")
        version = self.fresh.version
        if self.attempt(lambda: send_back(self.req, comments, by=by, expected_version=version)):
            assert (by.role, before, self.stage) == (Role.TL, Stage.SUBMITTED, Stage.CHANGES_REQUESTED)
            asked = Answer.objects.filter(item__req=self.req, state=AnswerState.CHANGE_REQUESTED)
            assert set(asked.values_list("item__key", flat=True)) == keys != set()

    @rule(who=st.sampled_from(LEADS) | people, key=st.sampled_from(KEYS), again=st.booleans())
    def somebody_waives(self, who: str, key: str, again: bool) -> None:
        item, before, by = item_of(self.req, key), self.stage, self.people[who]

        def deed() -> object:
            if again:
                return unwaive_item(self.req, item, by=by)
            return waive_item(self.req, item, reason="Known", by=by)

        if self.attempt(deed):
            assert by.role == Role.TL
            assert before.is_in_preparation or before == Stage.SUBMITTED

    # --- what always holds ----------------------------------------------------------------------------------

    @invariant()
    def nobody_approves_what_they_filed_or_edited(self) -> None:
        assert self.approvers_were_others
        req = self.fresh
        decided = req.stage in (Stage.APPROVED, Stage.LIVE, Stage.FAILED)
        assert (req.decided_by_id is not None) or not decided
        assert req.decided_by_id != req.filed_by_id

    @invariant()
    def the_version_never_falls(self) -> None:
        version = self.fresh.version
        assert version >= self.version
        self.version = version

    @invariant()
    def every_step_is_in_the_table_and_follows_the_one_before(self) -> None:
        steps = Event.objects.filter(req=self.req, move__in=BY_NAME).order_by("pk")
        at: str = Stage.DRAFT
        for name, before, after in steps.values_list("move", "stage_before", "stage_after"):
            assert before == at
            assert (Stage(before) in BY_NAME[name].frm, after) == (True, BY_NAME[name].to)
            at = after
        assert at == self.stage

    @invariant()
    def there_is_one_ticket_however_often_it_was_approved(self) -> None:
        approvals = Event.objects.filter(req=self.req, move="approve").count()
        assert Effect.objects.filter(marker=marker_of(self.req)).count() == min(approvals, 1)
        assert Effect.objects.filter(kind="jira.comment").count() == max(approvals - 1, 0)


def live(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Life,
        settings=hypothesis_settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


@pytest.mark.slow
@pytest.mark.django_db
def test_no_order_of_moves_edits_and_decisions_approves_ones_own_work_or_skips_a_step() -> None:
    assert len(MOVES) == len(BY_NAME)
    live(examples=5, steps=25)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.django_db
def test_no_longer_order_does_either() -> None:
    live(examples=40, steps=50)
