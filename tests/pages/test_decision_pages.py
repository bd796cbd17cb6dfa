"""The pages on which people decide about runs and people: held removals, undoing, matches, and changes by hand."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import (
    Change,
    ChangeKind,
    Connection,
    ConnectionState,
    DirectoryPerson,
    Group,
    Held,
    HeldState,
    Match,
    PersonState,
    Run,
    RunKind,
    RunOutcome,
)
from portal.accounts.models import Role, User
from tests.support.pages import (
    Side,
    a_connection,
    a_run,
    a_side,
    an_open_run,
    page,
    post,
    queries_of,
    said,
    some_people,
)
from tests.support.people import a_company, a_user
from tests.support.queue import drain

pytestmark = pytest.mark.django_db


def held(connection: Connection, count: int = 3, *, why: str = "absent", mark: str = "Fern") -> list[Held]:
    """A run that held the removal of so many new people."""
    run = a_run(connection, outcome=RunOutcome.HELD, held=count)
    people = some_people(connection, count, mark=mark)
    connection.state, connection.reason_code = ConnectionState.DEGRADED, "too_many_removals"
    connection.save()
    return Held.objects.bulk_create([Held(run=run, person=person, why=why) for person in people])


def state_of(person: DirectoryPerson) -> str:
    return DirectoryPerson.objects.get(pk=person.pk).state


# --- held removals ------------------------------------------------------------------------------------------


def test_whoever_waits_is_listed_by_name_with_why_and_since_when(side: Side) -> None:
    held(side.connection, 2)
    held(side.connection, 1, why="terminated", mark="Gorse")
    text = page(side.customer, "holds_detail", side.connection.public_id)
    assert "3 people wait for a decision" in text
    assert "Fern Person0000" in text
    assert "The HR system no longer lists them" in text
    assert "The HR system says that they have left" in text
    assert reverse("run_detail", args=[Held.objects.all()[0].run.public_id]) in text


def test_the_list_is_searched_and_filtered_and_its_rows_are_a_fragment(side: Side) -> None:
    held(side.connection, 2)
    held(side.connection, 1, why="terminated", mark="Gorse")
    found = page(side.csm, "holds_detail", side.connection.public_id, query="?q=gorse", htmx=True)
    assert "Gorse Person0000" in found
    assert "Fern" not in found
    assert "<html" not in found
    assert "Fern" not in page(side.csm, "holds_detail", side.connection.public_id, query="?why=terminated")
    empty = page(side.csm, "holds_detail", side.connection.public_id, query="?q=nobody")
    assert "Nobody who waits matches this." in empty


def test_where_nothing_waits_the_page_says_so_and_what_was_decided(side: Side) -> None:
    empty = page(side.csm, "holds_detail", side.connection.public_id)
    assert "Nothing waits for a decision." in empty
    assert 'name="reason"' not in empty
    held(side.connection)
    post(side.csm, "holds_decide", side.connection.public_id, do="reject", which="all", reason="A fault.")
    text = page(side.csm, "holds_detail", side.connection.public_id)
    assert "3 people kept: A fault." in text
    assert side.csm.name in text


def test_while_a_run_is_going_on_nobody_decides(side: Side) -> None:
    rows = held(side.connection)
    an_open_run(side.connection)
    text = page(side.csm, "holds_detail", side.connection.public_id)
    assert "A run is going on." in text
    assert 'name="reason"' not in text
    answer = post(
        side.csm,
        "holds_decide",
        side.connection.public_id,
        do="reject",
        which="all",
        reason="No.",
        status=422,
    )
    assert "A run of this connection is going on" in said(answer)
    assert state_of(rows[0].person) == PersonState.ACTIVE


def test_a_developer_looks_and_a_csm_decides(side: Side, developer: User) -> None:
    held(side.connection)
    assert 'name="reason"' not in page(developer, "holds_detail", side.connection.public_id)
    assert 'name="reason"' in page(side.csm, "holds_detail", side.connection.public_id)
    post(
        developer, "holds_decide", side.connection.public_id, do="reject", which="all", reason="x", status=403
    )


def test_releasing_is_shown_once_more_and_confirmed_by_the_number(side: Side) -> None:
    rows = held(side.connection)
    body: dict[str, Any] = {
        "do": "release",
        "reason": "They left.",
        "pick": [rows[0].person.public_id, rows[1].person.public_id],
    }
    shown = said(post(side.customer, "holds_decide", side.connection.public_id, status=200, **body))
    assert "2 people will be deactivated" in shown
    assert "Fern Person0000" in shown
    assert "Fern Person0002" not in shown
    assert "Type 2 to confirm." in shown
    assert state_of(rows[0].person) == PersonState.ACTIVE
    wrong = said(
        post(side.customer, "holds_decide", side.connection.public_id, status=422, typed="3", **body)
    )
    assert "That is not the number of people that this is about." in wrong
    assert "They left." in wrong
    assert state_of(rows[0].person) == PersonState.ACTIVE
    answer = post(side.customer, "holds_decide", side.connection.public_id, typed="2", **body)
    run = Run.objects.get(kind=RunKind.RELEASE)
    going = page(side.customer, "run_detail", run.public_id)
    assert "Applying the changes" in going
    assert "Reading people" not in going
    drain()
    done = page(side.customer, "run_detail", run.public_id)
    assert "Their accounts are kept" in done
    assert answer["Location"] == reverse("run_detail", args=[run.public_id])
    assert [state_of(row.person) for row in rows] == ["deactivated", "deactivated", "active"]
    assert run.asked_by == side.customer


def test_everybody_is_released_with_one_number_also_those_on_other_pages(side: Side) -> None:
    held(side.connection, 60)
    body: dict[str, Any] = {"do": "release", "reason": "They left.", "which": "all"}
    post(side.csm, "holds_decide", side.connection.public_id, typed="60", **body)
    drain()
    assert Run.objects.get(kind=RunKind.RELEASE).deactivated == 60


def test_without_a_choice_or_a_reason_nothing_is_decided_and_nothing_entered_is_lost(side: Side) -> None:
    rows = held(side.connection)
    picked = rows[1].person.public_id
    missing = said(
        post(side.csm, "holds_decide", side.connection.public_id, do="reject", pick=picked, status=422)
    )
    assert "Say why" in missing
    assert f'value="{picked}" checked' in missing
    nobody = said(
        post(
            side.csm, "holds_decide", side.connection.public_id, do="reject", reason="Stays here.", status=422
        )
    )
    assert "Choose the people first" in nobody
    assert "Stays here." in nobody
    assert set(Held.objects.values_list("state", flat=True)) == {HeldState.WAITING}


def test_people_of_another_company_cannot_be_picked(side: Side) -> None:
    birch = a_side("Birch")
    theirs = held(birch.connection, mark="Birchwood")
    held(side.connection)
    picked = theirs[0].person.public_id
    answer = post(
        side.customer,
        "holds_decide",
        side.connection.public_id,
        do="reject",
        reason="x",
        pick=picked,
        status=422,
    )
    assert "Birch" not in said(answer)
    assert Held.objects.get(pk=theirs[0].pk).state == HeldState.WAITING


def test_the_number_of_queries_does_not_grow_with_those_who_wait(side: Side) -> None:
    held(side.connection, 2)
    few = queries_of(side.csm, "holds_detail", side.connection.public_id)
    held(side.connection, 40, mark="Gorse")
    assert queries_of(side.csm, "holds_detail", side.connection.public_id) == few


# --- undoing ------------------------------------------------------------------------------------------------


def changed_run(
    connection: Connection, count: int = 2, *, mark: str = "Fern"
) -> tuple[Run, list[DirectoryPerson]]:
    """A run that moved so many people from Hull to Leeds."""
    run = a_run(connection, changed=count)
    people = some_people(connection, count, mark=mark)
    Change.objects.bulk_create(
        [
            Change(
                run=run,
                source_id=person.source_id,
                person_name=str(person),
                kind=ChangeKind.CHANGED,
                before={"location": "Hull"},
                after={"location": "Leeds"},
            )
            for person in people
        ]
    )
    return run, people


def digest_in(text: str) -> str:
    return text.split('name="digest" value="')[1].split('"')[0]


def test_the_plan_is_shown_with_what_is_left_alone_and_changes_nothing(side: Side) -> None:
    run, people = changed_run(side.connection)
    DirectoryPerson.objects.filter(pk=people[1].pk).update(location="York")
    text = unescape(page(side.customer, "run_undo", run.public_id))
    assert "Hull" in text
    assert "It is “York” now and was “Hull” before." in text
    assert "The connection is paused" in text
    assert "Invitations go with the people" in text
    assert "Type 1 to confirm." in text
    assert DirectoryPerson.objects.get(pk=people[0].pk).location == "Leeds"


def test_a_run_is_undone_with_the_number_and_only_as_it_was_looked_at(side: Side) -> None:
    run, people = changed_run(side.connection)
    digest = digest_in(page(side.csm, "run_undo", run.public_id))
    wrong = said(post(side.csm, "run_undo", run.public_id, typed="1", digest=digest, status=422))
    assert "That is not the number of people" in wrong
    DirectoryPerson.objects.filter(pk=people[1].pk).update(location="York")
    late = said(post(side.csm, "run_undo", run.public_id, typed="2", digest=digest, status=422))
    assert "Something has changed since you looked" in late
    answer = post(side.csm, "run_undo", run.public_id, typed="1", digest=digest_in(late))
    undoing = run.undone_by.get()
    assert answer.url == reverse("run_detail", args=[undoing.public_id])
    assert f'hx-get="{reverse("run_progress", args=[undoing.public_id])}"' in page(
        side.csm, "run_detail", undoing.public_id
    )
    twice = post(side.csm, "run_undo", run.public_id, typed="1", digest=digest_in(late))
    assert (twice.url, run.undone_by.count()) == (answer.url, 1)
    drain()
    done = page(side.csm, "run_detail", undoing.public_id)
    assert "Whoever is back has their open invitation back" in done
    assert DirectoryPerson.objects.get(pk=people[0].pk).location == "Hull"
    assert Connection.objects.get(pk=side.connection.pk).state == ConnectionState.PAUSED
    again = page(side.csm, "run_undo", run.public_id)
    assert "The run was undone already." in again
    assert reverse("run_detail", args=[run.undone_by.get().public_id]) in again


def test_an_undoing_that_failed_offers_its_plan_again_and_no_sync(side: Side) -> None:
    run, _ = changed_run(side.connection)
    failed = a_run(
        side.connection, kind=RunKind.UNDO, undoes=run, outcome=RunOutcome.FAILED, job_state="failed"
    )
    text = page(side.csm, "run_detail", failed.public_id)
    assert f'href="{reverse("run_undo", args=[run.public_id])}"' in text
    assert reverse("connection_sync", args=[side.connection.public_id]) not in text
    assert 'name="typed"' in page(side.csm, "run_undo", run.public_id)


def test_what_cannot_be_undone_says_why_and_has_no_form(side: Side, developer: User) -> None:
    run, _ = changed_run(side.connection)
    assert 'name="typed"' not in page(developer, "run_undo", run.public_id)
    post(developer, "run_undo", run.public_id, typed="2", digest="x", status=403)
    open_run = an_open_run(side.connection)
    text = page(side.csm, "run_undo", run.public_id)
    assert "Another run is going on." in text
    assert 'name="typed"' not in text
    assert "The run is still going on." in page(side.csm, "run_undo", open_run.public_id)
    nothing = a_run(a_connection(side.company, provider="sage_hr"))
    assert "There is nothing left to undo." in page(side.csm, "run_undo", nothing.public_id)


def test_another_page_of_the_plan_reads_its_own_people_and_leaves_the_number_to_confirm_alone(
    side: Side,
) -> None:
    run, people = changed_run(side.connection, 30)
    DirectoryPerson.objects.filter(pk=people[29].pk).update(location="York")
    first = page(side.csm, "run_undo", run.public_id)
    assert first.count('<td class="align-top"><a class="fw-medium"') == 25
    assert "1–25 of 30" in first
    second = page(side.csm, "run_undo", run.public_id, query="?page=2", htmx=True)
    assert second.count('<td class="align-top"><a class="fw-medium"') == 5
    assert "It was changed since." in second
    assert 'name="digest"' not in second


def test_the_number_of_queries_does_not_grow_with_the_plan(side: Side) -> None:
    few, _ = changed_run(side.connection, 26)
    many, _ = changed_run(side.connection, 60, mark="Gorse")
    assert queries_of(side.csm, "run_undo", many.public_id) == queries_of(side.csm, "run_undo", few.public_id)


# --- matches ------------------------------------------------------------------------------------------------


@pytest.fixture
def match(side: Side) -> Match:
    people = some_people(side.connection, 2)
    match = side.connection.matches.get()
    match.candidates = [str(person.public_id) for person in people]
    match.save()
    return match


def test_both_sides_of_a_match_are_shown_and_one_of_them_is_chosen(side: Side, match: Match) -> None:
    text = page(side.customer, "matches_list", side.connection.public_id)
    for known in ("Amber Lookalike", "under m1", "fern.0@people.example", "Nurse", "E1", "Somebody new"):
        assert known in text
    post(side.customer, "match_decide", side.connection.public_id, match.pk, person=match.candidates[1])
    match.refresh_from_db()
    assert match.chosen
    assert str(match.chosen.public_id) == match.candidates[1]
    text = page(side.customer, "matches_list", side.connection.public_id)
    assert "Decided, waits for the next run" in text
    post(side.customer, "match_decide", side.connection.public_id, match.pk, person="new")
    match.refresh_from_db()
    assert match.chosen_id is None
    assert match.decided_by == side.customer


@pytest.mark.parametrize("chosen", ["", "nonsense", "3814cdbb-f07e-4842-8017-e841308961b1"])
def test_nobody_is_decided_on_by_nonsense(side: Side, match: Match, chosen: str) -> None:
    post(side.csm, "match_decide", side.connection.public_id, match.pk, person=chosen)
    match.refresh_from_db()
    assert match.decided_at is None
    assert "Choose who it is" in page_after_post(side, match, chosen)


def page_after_post(side: Side, match: Match, chosen: str) -> str:
    client = Client()
    client.force_login(side.csm)
    url = reverse("match_decide", args=[side.connection.public_id, match.pk])
    return unescape(client.post(url, {"person": chosen}, follow=True).content.decode())


def test_where_nobody_is_doubtful_the_page_says_so(side: Side) -> None:
    side.connection.matches.all().delete()
    assert "Nobody waits for a decision." in page(side.csm, "matches_list", side.connection.public_id)


def test_the_number_of_queries_does_not_grow_with_the_matches(side: Side, match: Match) -> None:
    few = queries_of(side.csm, "matches_list", side.connection.public_id)
    Match.objects.bulk_create(
        [
            Match(
                connection=side.connection,
                source_id=f"n{n}",
                person_name=f"N{n}",
                candidates=match.candidates,
            )
            for n in range(10)
        ]
    )
    assert queries_of(side.csm, "matches_list", side.connection.public_id) == few


def test_a_stranger_company_has_no_such_pages(side: Side) -> None:
    stranger = a_user(Role.CUSTOMER_ADMIN, "Sam Far", "sam@far.example")
    a_company("Far Away", lms_id="9")
    run, _ = changed_run(side.connection)
    group = Group.objects.get(connection=side.connection)
    for name, key in (
        ("holds_detail", side.connection.public_id),
        ("matches_list", side.connection.public_id),
        ("run_undo", run.public_id),
        ("person_edit", side.person.public_id),
        ("group_join", group.public_id),
    ):
        page(stranger, name, key, status=404)
