"""The pages of runs, the directory and one person, as each role sees them."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.engine.guard import Answer, Effect, objections
from integrations.models import (
    Asked,
    Change,
    ChangeKind,
    Connection,
    ConnectionState,
    DirectoryPerson,
    MembershipChange,
    PersonState,
    Planned,
    Problem,
    Run,
    RunKind,
    RunOutcome,
)
from portal.accounts.models import User
from portal.kit.leases import JobState
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.server import Running
from portal.sandbox.staff import Population
from portal.sandbox.world import World
from tests.support.pages import (
    HTMX,
    Side,
    a_connection,
    a_run,
    a_side,
    an_open_run,
    page,
    queries_of,
    some_people,
)
from tests.support.people import a_company
from tests.support.queue import drain

pytestmark = pytest.mark.django_db


# --- runs ---------------------------------------------------------------------------------------------------


def test_open_run_shows_its_phases_and_polls(side: Side, lead: User) -> None:
    run = an_open_run(side.connection, pages=4)
    html = page(lead, "run_detail", run.public_id)
    assert "93 of 250 people read" in html
    assert "93 people on 4 pages so far" in html
    assert reverse("run_progress", args=[run.public_id]) in html


def test_progress_stops_polling_when_the_run_ends(side: Side, lead: User) -> None:
    client = Client()
    client.force_login(lead)
    answer = client.get(reverse("run_progress", args=[side.run.public_id]), headers=HTMX)
    assert b"hx-get" not in answer.content
    assert answer["HX-Refresh"] == "true"


def test_changes_are_shown_with_before_and_after_and_can_be_filtered(side: Side, lead: User) -> None:
    run = a_run(side.connection, changed=1, deactivated=1)
    Change.objects.create(
        run=run,
        source_id=side.person.source_id,
        person_name="Amber Person",
        kind=ChangeKind.CHANGED,
        before={"department": "Care"},
        after={"department": "Surgery"},
    )
    Change.objects.create(run=run, source_id="gone", person_name="Left Longago", kind=ChangeKind.DEACTIVATED)
    html = page(lead, "run_detail", run.public_id)
    assert html.index("<del") < html.index("Care</del>") < html.index("Surgery</ins>")
    assert reverse("person_detail", args=[side.person.public_id]) in html
    only = page(lead, "run_detail", run.public_id, query="?kind=deactivated")
    assert "Left Longago" in only
    assert "Surgery" not in only


def test_problems_are_grouped_with_meaning_remedy_and_people(side: Side, lead: User) -> None:
    Problem.objects.bulk_create(
        Problem(run=side.run, source_id=f"p{n}", person_name=f"Nomail {n}", code="missing_work_email")
        for n in range(30)
    )
    html = page(lead, "run_detail", side.run.public_id)
    assert html.count("No work e-mail") == 1
    assert "Enter the work e-mail address in the HR system" in html
    assert "Amber Nomail" in html
    assert "and 11 more" in html


def test_held_run_says_why_and_what_to_do(side: Side, lead: User) -> None:
    said = "60 of 250 people would be deactivated."
    run = a_run(side.connection, outcome=RunOutcome.HELD, objections=[said])
    html = page(lead, "run_detail", run.public_id)
    assert "Held" in html
    assert "60 of 250 people would be deactivated." in html
    assert "Look at the people in the HR system." in html


def test_a_german_customer_reads_in_german_why_a_run_was_held(side: Side) -> None:
    effect = Effect(250, absent=60)
    said = [one.words for one in objections(Answer(True, 1_190, unidentified=1), effect)]
    run = a_run(side.connection, outcome=RunOutcome.HELD, objections=said)
    side.customer.language = "de"
    side.customer.save(update_fields=["language"])
    html = page(side.customer, "run_detail", run.public_id)
    assert "1 Datensatz kam ohne verwendbare ID, daher lässt sich nicht sagen, wer fehlt." in html
    assert "60 von 250 Personen würden deaktiviert: zu viele, um es ungefragt zu tun." in html
    assert "60 Personen wurden behalten; alles andere wurde übernommen." in html
    assert "would be" not in html


def test_failed_run_says_why_and_offers_another_try(side: Side, lead: User) -> None:
    run = a_run(
        side.connection,
        job_state=JobState.FAILED,
        outcome=RunOutcome.FAILED,
        failure="The secret has expired.",
    )
    html = page(lead, "run_detail", run.public_id)
    assert "The secret has expired." in html
    assert "Nobody was changed." in html
    assert reverse("connection_sync", args=[side.connection.public_id]) in html


def test_a_csm_may_try_a_failed_run_again_though_not_replace_its_credentials(side: Side) -> None:
    run = a_run(
        side.connection, outcome=RunOutcome.FAILED, job_state=JobState.FAILED, failure="The key was refused."
    )
    html = page(side.csm, "run_detail", run.public_id)
    assert reverse("connection_sync", args=[side.connection.public_id]) in html
    assert reverse("connection_credentials", args=[side.connection.public_id]) not in html


def test_run_that_changed_nobody_says_so(side: Side, lead: User) -> None:
    run = a_run(side.connection, unchanged=250, seen=250)
    html = page(lead, "run_detail", run.public_id)
    assert "Everything was up to date." in html
    assert "Nobody was changed." in html


def test_whoever_came_in_is_among_the_remarks_and_not_among_the_problems(side: Side, lead: User) -> None:
    for code in ("missing_work_email", "manager_unknown", "shortened"):
        Problem.objects.create(run=side.run, source_id="p1", person_name="Rosa Remark", code=code)
    skipped, remarks = page(lead, "run_detail", side.run.public_id).split(
        "Nobody was skipped because of these."
    )
    assert ("No work e-mail" in skipped, "Manager is not here" in skipped) == (True, False)
    assert ("No work e-mail" in remarks, "Manager is not here" in remarks) == (False, True)
    Run.objects.filter(pk=side.run.pk).update(problem_count=4)
    html = page(lead, "run_detail", side.run.public_id)
    assert '<dt>Problems</dt><dd>2</dd><dd class="tile-note">Explained below, 2 remarks</dd>' in html
    Problem.objects.exclude(code="shortened").delete()
    assert "could not be handled" not in page(lead, "run_detail", side.run.public_id)


def test_run_takes_as_many_queries_for_many_changes_and_problems(side: Side, lead: User) -> None:
    few = queries_of(lead, "run_detail", side.run.public_id)
    people = some_people(side.connection, 40, start=100)
    Change.objects.bulk_create(
        Change(run=side.run, source_id=p.source_id, person_name=str(p), kind=ChangeKind.ADDED) for p in people
    )
    Problem.objects.bulk_create(
        Problem(run=side.run, source_id=p.source_id, person_name=str(p), code="invalid_email") for p in people
    )
    assert queries_of(lead, "run_detail", side.run.public_id) == few


def test_an_open_run_says_how_fast_it_reads_and_how_long_it_takes(side: Side, lead: User) -> None:
    run = an_open_run(side.connection, seen=6000, expected=12_000)
    Run.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(seconds=60))
    html = page(lead, "run_progress", run.public_id)
    assert re.search(r"(98|99|100) people a second, about 1 minute left", html)
    Run.objects.filter(pk=run.pk).update(expected=None)
    html = page(lead, "run_progress", run.public_id)
    assert "people a second" in html
    assert "left" not in html


def test_a_plan_shows_what_would_happen_as_changes_do(side: Side, lead: User) -> None:
    run = a_run(side.connection, kind=RunKind.DRY, outcome=RunOutcome.PLANNED, deactivated=1)
    Planned.objects.create(
        run=run,
        source_id=side.person.source_id,
        person_name="Amber Person",
        kind=ChangeKind.DEACTIVATED,
        before={"status": "active"},
        after={"status": "absent"},
    )
    html = page(lead, "run_detail", run.public_id)
    assert "This is a plan. Nobody was changed." in html
    assert "no longer listed by the HR system" in html
    assert reverse("person_detail", args=[side.person.public_id]) in html


def test_memberships_have_a_tab_of_their_own(side: Side, lead: User) -> None:
    run = a_run(side.connection, joined=1)
    group = side.connection.groups.get()
    MembershipChange.objects.create(run=run, group=group, person=side.person, joined=True)
    html = page(lead, "run_detail", run.public_id, query="?kind=groups")
    assert reverse("group_detail", args=[group.public_id]) in html
    assert "Joined" in html


def test_requests_are_for_those_who_look_into_faults_and_say_no_secret(side: Side, lead: User) -> None:
    Asked.objects.create(run=side.run, method="GET", address="https://hr.example/people?page=…", status=429)
    assert "https://hr.example/people?page=…" in page(lead, "run_requests", side.run.public_id)
    address = reverse("run_requests", args=[side.run.public_id])
    assert address in page(lead, "run_detail", side.run.public_id)
    assert address not in page(side.customer, "run_detail", side.run.public_id)
    client = Client()
    client.force_login(side.customer)
    assert client.get(address).status_code == 403
    deed = a_run(side.connection, kind=RunKind.RELEASE)
    assert "/requests/" not in page(lead, "run_detail", deed.public_id).split("<main")[1]


def test_undo_is_offered_for_thirty_days_and_only_once(side: Side) -> None:
    address = reverse("run_undo", args=[side.run.public_id])
    assert address in page(side.customer, "run_detail", side.run.public_id)
    Run.objects.filter(pk=side.run.pk).update(finished_at=timezone.now() - timedelta(days=31))
    assert address not in page(side.customer, "run_detail", side.run.public_id)
    Run.objects.filter(pk=side.run.pk).update(finished_at=timezone.now())
    undone = a_run(side.connection, kind=RunKind.UNDO, undoes=side.run)
    html = page(side.customer, "run_detail", side.run.public_id)
    assert address not in html
    assert reverse("run_detail", args=[undone.public_id]) in html


def test_undoing_a_run_of_a_disconnected_connection_pauses_nothing(side: Side) -> None:
    text = page(side.csm, "run_undo", side.run.public_id)
    assert "Undo and pause" in text
    Connection.objects.update(state=ConnectionState.DISCONNECTED)
    text = page(side.csm, "run_undo", side.run.public_id)
    assert 'name="typed"' in text
    assert ("pause" in text, "resume" in text) == (False, False)


def test_held_removals_and_stages_are_told_with_their_numbers(side: Side) -> None:
    run = a_run(side.connection, outcome=RunOutcome.HELD, held=12, timings={"reading": 12.25, "groups": 0.5})
    html = page(side.customer, "run_detail", run.public_id)
    assert "12 removals were held" in html
    assert reverse("holds_detail", args=[side.connection.public_id]) in html
    assert "Where the time went" in html
    assert "12.2" in html


# --- the directory ------------------------------------------------------------------------------------------


def test_staff_choose_a_company_first(side: Side, lead: User) -> None:
    a_side("Birch")
    html = page(lead, "directory")
    assert f"?company={side.company.public_id}" in html
    assert "Birch Clinic" in html
    assert "Birch Clinic" not in page(lead, "directory", query="?q=amber", htmx=True)


def test_customer_of_one_company_sees_its_people_at_once(side: Side) -> None:
    a_side("Birch")
    html = page(side.customer, "directory")
    assert "Amber Person0000" in html
    assert "Birch" not in html


def test_people_can_be_found_by_name_email_and_number(side: Side) -> None:
    some_people(side.connection, 3, mark="Cedar", start=5)
    for text in ("cedar", "CEDAR.5@", "E5", "person0005 ced"):
        html = page(side.customer, "directory", query=f"?q={text}", htmx=True)
        assert "Cedar Person0005" in html
        assert "Amber Person0000" not in html
    assert "Nobody matches." in page(side.customer, "directory", query="?q=%00zebra%25", htmx=True)


def test_deactivated_people_are_shown_when_asked_for(side: Side) -> None:
    DirectoryPerson.objects.update(state=PersonState.DEACTIVATED)
    assert "Amber Person0000" not in page(side.customer, "directory")
    assert "Amber Person0000" in page(side.customer, "directory", query="?state=deactivated")
    assert "Amber Person0000" in page(side.customer, "directory", query="?state=all")


def test_directory_without_people_says_when_they_come(lead: User) -> None:
    assert "Nobody is in the directory yet." in page(lead, "directory")


def test_nonsense_missing_and_foreign_companies_answer_alike(side: Side) -> None:
    other = a_side("Birch")
    for company in ("nonsense", uuid.uuid4(), other.company.public_id):
        html = page(side.customer, "directory", query=f"?company={company}", status=404)
        assert "Birch" not in html


def test_directory_takes_as_many_queries_for_a_full_page(side: Side, lead: User) -> None:
    address = f"?company={side.company.public_id}"
    few = queries_of(lead, "directory", query=address)
    some_people(side.connection, 120, start=10)
    assert queries_of(lead, "directory", query=address) == few
    a_side("Birch")
    companies = queries_of(lead, "directory")
    for number in range(10):
        some_people(a_connection(a_company(f"Company {number}", str(number))), 1)
    assert queries_of(lead, "directory") == companies


def test_person_shows_origin_history_and_manager(side: Side, lead: User) -> None:
    boss = some_people(side.connection, 1, mark="Oak", start=7)[0]
    DirectoryPerson.objects.filter(pk=side.person.pk).update(manager_id=boss.source_id)
    html = page(lead, "person_detail", side.person.public_id)
    assert reverse("person_detail", args=[boss.public_id]) in html
    assert "Work e-mail" in html
    assert reverse("run_detail", args=[side.run.public_id]) in html
    assert "Added" in html


def test_person_takes_as_many_queries_for_a_long_history(side: Side, lead: User) -> None:
    few = queries_of(lead, "person_detail", side.person.public_id)
    for number in range(10):
        run = a_run(side.connection)
        Change.objects.create(
            run=run,
            source_id=side.person.source_id,
            person_name="Amber",
            kind=ChangeKind.CHANGED,
            before={"city": str(number)},
            after={"city": str(number + 1)},
        )
    assert queries_of(lead, "person_detail", side.person.public_id) == few


def test_what_a_vendor_sent_is_escaped(side: Side, lead: User) -> None:
    DirectoryPerson.objects.update(job_title="<script>alert(1)</script>")
    for name, args, query in (
        ("person_detail", [side.person.public_id], ""),
        ("directory", [], f"?company={side.company.public_id}"),
    ):
        html = page(lead, name, *args, query=query)
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert" in html


# --- from the button to the page ----------------------------------------------------------------------------


def test_sync_now_shows_exactly_who_left_and_who_was_renamed(
    side: Side, sandbox: Running, world: World
) -> None:
    """Credentials by form, sync by button, with a worker and the sandbox's HTTP in between."""
    DirectoryPerson.objects.all().delete()
    Connection.objects.update(state=ConnectionState.QUARANTINED)
    client = Client()
    client.force_login(side.customer)
    address = reverse("connection_sync", args=[side.connection.public_id])
    client.post(reverse("connection_credentials", args=[side.connection.public_id]), CREDENTIALS["personio"])
    drain()
    assert DirectoryPerson.objects.filter(state=PersonState.ACTIVE).count() == len(
        world.indexes(Population.EMPLOYED)
    )
    first = client.post(address)["Location"]
    drain()
    assert "Everything was up to date." in client.get(first).content.decode()
    renamed, left = list(world.indexes(Population.EMPLOYED))[:2]
    world.rename(renamed, "Zora", "Newname")
    world.let_go(left)
    second = client.post(address)["Location"]
    drain()
    html = client.get(second).content.decode()
    assert "Newname</ins>" in html
    assert sorted(
        Change.objects.filter(run__public_id=second.split("/")[2]).values_list("kind", flat=True)
    ) == [
        ChangeKind.CHANGED,
        ChangeKind.DEACTIVATED,
    ]
    assert "All 2" in html
