"""Any order of moves and edits by anybody: nobody approves their own work, and no step is skipped."""

from __future__ import annotations

from contextlib import suppress

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

from portal.accounts.models import Role
from requests_app.lifecycle import BY_NAME, MOVES, Stage
from requests_app.models import AnswerChange, Event, Request
from requests_app.services.answers import EditRefused
from requests_app.services.moves import MoveRefused, make_move
from tests.requests_app.factories import PERSONIO, a_csm, a_request, a_tl, complete, customer_of, give
from tests.support.people import a_user

PEOPLE = ("filer", "csm", "lead", "second lead", "customer", "developer", "system")


class Life(RuleBasedStateMachine):
    """One request in the hands of seven people."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        filer = a_tl("The Filer")
        self.req = complete(a_request(PERSONIO, by=filer))
        self.people = {
            "filer": filer,
            "csm": a_csm(),
            "lead": a_tl("First Lead"),
            "second lead": a_tl("Second Lead"),
            "customer": customer_of(self.req),
            "developer": a_user(Role.DEVELOPER, "Dev Eloper"),
            "system": None,
        }
        self.before = self.stage
        self.edits = 0

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.outer.__exit__(None, None, None)

    @property
    def stage(self) -> Stage:
        return Stage(Request.objects.values_list("stage", flat=True).get(pk=self.req.pk))

    @rule(
        who=st.sampled_from(PEOPLE),
        name=st.sampled_from(sorted(BY_NAME)),
        why=st.sampled_from(["", "Because"]),
    )
    def somebody_moves(self, who: str, name: str, why: str) -> None:
        self.before = self.stage
        try:
            make_move(self.req, name, by=self.people[who], reason=why)
        except MoveRefused:
            assert self.stage == self.before
        else:
            assert (self.before in BY_NAME[name].frm, self.stage) == (True, BY_NAME[name].to)
            assert why or not BY_NAME[name].needs_reason

    @precondition(lambda self: self.stage not in (Stage.SUBMITTED, Stage.APPROVED))
    @rule(who=st.sampled_from(("filer", "lead")))
    def the_desk_hurries_to_review(self, who: str) -> None:
        """Else almost every example would stay a draft."""
        with suppress(MoveRefused):
            make_move(self.req, "submit", by=self.people[who])

    @precondition(lambda self: self.stage == Stage.SUBMITTED)
    @rule(who=st.sampled_from(("filer", "lead", "second lead")))
    def a_team_lead_tries_to_approve(self, who: str) -> None:
        with suppress(MoveRefused):
            make_move(self.req, "approve", by=self.people[who])

    @rule(who=st.sampled_from(PEOPLE[:-1]))
    def somebody_edits(self, who: str) -> None:
        stage = self.stage
        by = self.people[who]
        assert by is not None
        self.edits += 1
        try:
            give(self.req, "hris.notify_employees", "yes" if self.edits % 2 else "no", by)
        except EditRefused:
            return
        assert stage.can_be_edited

    @invariant()
    def nobody_approves_what_they_filed_or_edited(self) -> None:
        for event in Event.objects.filter(req=self.req, move="approve"):
            edited = AnswerChange.objects.filter(item__req=self.req, by=event.by, at__lte=event.at)
            assert event.by_id != self.req.filed_by_id
            assert not edited.exists()

    @invariant()
    def every_step_is_in_the_table_and_follows_the_one_before(self) -> None:
        steps = Event.objects.filter(req=self.req).exclude(move="").order_by("pk")
        at: str = Stage.DRAFT
        for step in steps.values_list("move", "stage_before", "stage_after"):
            name, before, after = step
            assert before == at
            assert (Stage(before) in BY_NAME[name].frm, after) == (True, BY_NAME[name].to)
            at = after
        assert at == self.stage


@pytest.mark.django_db
def test_no_order_of_moves_and_edits_approves_ones_own_work_or_skips_a_step() -> None:
    assert len(MOVES) == len(BY_NAME)
    run_state_machine_as_test(
        Life,
        settings=hypothesis_settings(
            max_examples=10,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
