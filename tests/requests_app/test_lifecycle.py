"""The life of a request as a table: complete, without dead ends, and drawn in the README as it is."""

from __future__ import annotations

from requests_app.lifecycle import BY_NAME, MOVES, Actor, Stage, drawing, moves_from
from tests.database import ROOT


def test_the_readme_draws_the_table_as_it_is() -> None:
    assert f"```mermaid\n{drawing()}\n```" in (ROOT / "README.md").read_text()


def test_every_stage_can_be_reached_from_a_draft() -> None:
    reached = {Stage.DRAFT}
    for _ in Stage:
        reached |= {move.to for move in MOVES if move.frm & reached}
    assert reached == set(Stage)


def test_only_what_has_ended_has_no_way_on() -> None:
    ends = {stage for stage in Stage if not any(stage in move.frm for move in MOVES)}
    assert ends == {Stage.REJECTED, Stage.CANCELLED, Stage.CLOSED}


def test_nobody_but_a_team_lead_decides_and_the_system_alone_reports() -> None:
    for name in ("approve", "reject", "send_back"):
        assert BY_NAME[name].actors == {Actor.TL}
    assert {move.name for move in moves_from(Stage.APPROVED, Actor.SYSTEM)} == {"go_live", "fail", "reopen"}


def test_approval_needs_everything_and_four_eyes() -> None:
    assert (BY_NAME["approve"].needs_all, BY_NAME["approve"].four_eyes) == (True, True)
    assert BY_NAME["submit"].needs_all
    assert [move.name for move in MOVES if move.to == Stage.APPROVED] == ["approve"]


def test_only_the_way_back_into_review_is_open_to_edits_after_an_approval() -> None:
    edited = {stage for stage in Stage if stage.can_be_edited}
    assert edited == {stage for stage in Stage if stage.is_in_preparation} | {
        Stage.SUBMITTED,
        Stage.APPROVED,
        Stage.FAILED,
    }
    assert {stage for stage in Stage if stage.is_reopened_by_edits} == BY_NAME["reopen"].frm
    assert {stage for stage in Stage if stage.can_be_edited_by_customer} == {Stage.WAITING_ON_CUSTOMER}
