"""Two people at the same moment, each on a connection of their own: exactly one of them decides."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from portal.accounts.models import User
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request
from requests_app.services.answers import EditRefused, give_answer, lock
from requests_app.services.decisions import send_back
from requests_app.services.moves import MoveRefused, make_move
from tests.requests_app.factories import a_tl, answer_of, item_of, put_in_stage, submitted
from tests.support.together import together

# The longer run is for `make test-all`: reliability-security.md T4 asks for 200.
ROUNDS = [3, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
# Threads, kills and a flush after each: in `make test-all`.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def afresh(req: Request, stage: Stage = Stage.SUBMITTED) -> Request:
    """The same complete request, before the next round."""
    Request.objects.filter(pk=req.pk).update(decided_by=None, decided_at=None)
    return put_in_stage(req, stage)


def moves_since(pk: int, *names: str) -> int:
    return Event.objects.filter(pk__gt=pk, move__in=names).count()


def last_event() -> int:
    return Event.objects.values_list("pk", flat=True).order_by("-pk").first() or 0


def mover(req: Request, name: str, by: User, version: int, reason: str = "") -> Callable[[], Request]:
    return lambda: make_move(req, name, by=by, expected_version=version, reason=reason)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_of_two_team_leads_who_approve_at_once_exactly_one_does(rounds: int) -> None:
    req, leads = submitted(), (a_tl("First Lead"), a_tl("Second Lead"))
    for _ in range(rounds):
        version, before = afresh(req).version, last_event()
        results = together(*(mover(req, "approve", lead, version) for lead in leads))
        won = [result for result in results if isinstance(result, Request)]
        lost = [result for result in results if isinstance(result, MoveRefused)]
        assert (len(won), [error.code for error in lost]) == (1, ["already_done"]), results
        assert moves_since(before, "approve") == 1
    assert Effect.objects.filter(kind="jira.create_issue").count() == 1


@pytest.mark.parametrize("other", ["withdraw", "reject", "cancel"])
@pytest.mark.parametrize("rounds", ROUNDS)
def test_of_an_approval_and_another_way_out_at_once_exactly_one_happens(rounds: int, other: str) -> None:
    req, lead, second = submitted(), a_tl(), a_tl("Second Lead")
    for _ in range(rounds):
        version, before = afresh(req).version, last_event()
        by = second if other == "reject" else req.owner
        results = together(
            mover(req, "approve", lead, version), mover(req, other, by, version, reason="Because")
        )
        assert sum(isinstance(result, Request) for result in results) == 1, results
        assert sum(isinstance(result, MoveRefused) for result in results) == 1, results
        assert moves_since(before, "approve", other) == 1


@pytest.mark.parametrize("rounds", ROUNDS)
def test_an_approval_never_holds_for_an_edit_that_came_at_the_same_moment(rounds: int) -> None:
    """Either the edit was too late and the approval stands, or the request waits for a decision on the edit."""
    req, lead = submitted(), a_tl()
    item = item_of(req, "hris.goal")
    for attempt in range(rounds):
        version, words = afresh(req).version, f"Edited meanwhile {attempt}"
        results = together(
            mover(req, "approve", lead, version),
            lambda words=words: give_answer(req, item, words, by=req.owner),  # type: ignore[misc]
        )
        stage = Request.objects.get(pk=req.pk).stage
        edited = answer_of(req, "hris.goal").value == words
        assert stage == (Stage.SUBMITTED if edited else Stage.APPROVED), results
        assert isinstance(results[0], Request | MoveRefused), results
        assert not isinstance(results[1], Exception) or isinstance(results[1], EditRefused), results


@pytest.mark.parametrize("rounds", ROUNDS)
def test_of_an_edit_and_a_cancellation_at_once_exactly_one_happens(rounds: int) -> None:
    req = submitted()
    item = item_of(req, "hris.goal")
    for attempt in range(rounds):
        version, words = afresh(req).version, f"Edited meanwhile {attempt}"
        results = together(
            mover(req, "cancel", req.owner, version, reason="Because"),
            lambda words=words: give_answer(req, item, words, by=req.owner),  # type: ignore[misc]
        )
        cancelled = Request.objects.get(pk=req.pk).stage == Stage.CANCELLED
        assert cancelled != (answer_of(req, "hris.goal").value == words), results


def test_an_edit_that_was_allowed_a_moment_ago_is_refused_once_the_stage_has_changed() -> None:
    req = submitted()
    with transaction.atomic(), pytest.raises(EditRefused):
        lock(req, Stage.DRAFT)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_an_edit_and_a_submission_at_once_never_submit_unseen_contents(rounds: int) -> None:
    req = submitted()
    item, owner = item_of(req, "hris.goal"), req.owner
    for attempt in range(rounds):
        version, words = afresh(req, Stage.DRAFT).version, f"Edited meanwhile {attempt}"
        before = last_event()
        results = together(
            mover(req, "submit", owner, version),
            lambda words=words: give_answer(req, item, words, by=owner),  # type: ignore[misc]
        )
        fresh = Request.objects.get(pk=req.pk)
        edited = answer_of(req, "hris.goal").value == words
        if edited and fresh.stage == Stage.SUBMITTED:
            # The edit came after the submission: whoever looked before is refused, for the version has risen.
            assert fresh.version == version + 2, results
        else:
            assert (fresh.stage == Stage.SUBMITTED) != edited, results
        assert moves_since(before, "submit") == (fresh.stage == Stage.SUBMITTED)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_sending_back_and_an_edit_at_once_leave_neither_half_done_nor_stuck(rounds: int) -> None:
    req, lead = submitted(), a_tl()
    item = item_of(req, "hris.goal")
    for attempt in range(rounds):
        version, words = afresh(req).version, f"Edited meanwhile {attempt}"
        results = together(
            lambda version=version: send_back(  # type: ignore[misc]
                req, {"client_id": "Look again"}, by=lead, expected_version=version
            ),
            lambda words=words: give_answer(req, item, words, by=req.owner),  # type: ignore[misc]
        )
        sent = isinstance(results[0], Request)
        assert sent or isinstance(results[0], MoveRefused), results
        assert sent == (Request.objects.get(pk=req.pk).stage == Stage.CHANGES_REQUESTED)
        assert sent == (answer_of(req, "client_id").state == "change_requested")
        answer = answer_of(req, "client_id")
        answer.state = "provided"
        answer.save()
