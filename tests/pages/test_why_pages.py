""" "Why is … (not) here?": from stored facts, and by one look at the HR system's own list."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.engine.explain import Trace
from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Held,
    Inquiry,
    PersonState,
    Problem,
    Run,
)
from integrations.services.inquiring import LEASE, ask, perform_inquiry
from portal.accounts.limits import RateLimited
from portal.accounts.models import Role, User
from portal.audit.models import Entry
from portal.kit.errors import NeedsPerson
from portal.kit.leases import JobState, claim
from tests.integrations.sources import ListSource, record, records
from tests.support.pages import HTMX, Side, a_side, page, queries_of, some_people
from tests.support.people import a_user

pytestmark = pytest.mark.django_db
CARE = {"include": [[{"field": "department", "op": "is", "values": ["Care"]}]]}


def asked(side: Side, query: str, source: ListSource, **parts: object) -> Inquiry:
    """An inquiry as a worker answers it."""
    inquiry = claim(Inquiry, ask(side.connection, query, by=side.customer).pk, lease=LEASE)
    assert inquiry is not None
    perform_inquiry(inquiry, source=source, settings={"key": "value"}, events=None, **parts)
    inquiry.refresh_from_db()
    return inquiry


def shown(side: Side, inquiry: Inquiry, user: User | None = None) -> str:
    Inquiry.objects.filter(pk=inquiry.pk).update(job_state=JobState.DONE)
    return page(user or side.customer, "inquiry_detail", inquiry.public_id)


# --- from stored facts --------------------------------------------------------------------------------------


def test_somebody_who_is_here_is_explained_in_five_steps(side: Side) -> None:
    Connection.objects.update(filter=CARE)
    html = page(side.customer, "why", side.connection.public_id, query="?q=amber person0000")
    for number in range(1, 6):
        assert f"{number}. " in html
    assert "Belongs in" in html
    assert "The smallest change that alters it:" in html


def test_a_day_in_the_rules_is_written_as_the_reader_writes_it(side: Side) -> None:
    rule = [{"field": "hired_on", "op": "before", "values": ["2030-03-01"]}]
    Connection.objects.update(filter={"include": [rule]})
    DirectoryPerson.objects.update(hired_on="2015-11-29")
    html = page(side.customer, "why", side.connection.public_id, query="?q=amber person0000")
    assert "2030-03-01" not in html
    assert "1 March 2030" in html


@pytest.mark.parametrize(
    ("because", "said"),
    [
        ("terminated", "says that they have left"),
        ("absent", "does not list them"),
        ("outside", "did not match the filter any more"),
    ],
)
def test_somebody_deactivated_is_told_by_the_way_they_left(side: Side, because: str, said: str) -> None:
    DirectoryPerson.objects.update(state=PersonState.DEACTIVATED, left_because=because)
    html = page(side.customer, "why", side.connection.public_id, query=f"?person={side.person.public_id}")
    assert said in html
    assert "Does not belong in" in html


def test_whoever_a_changed_filter_let_go_is_told_by_which_condition(side: Side) -> None:
    Connection.objects.update(
        filter={"include": [[{"field": "department", "op": "is", "values": ["Surgery"]}]]}
    )
    DirectoryPerson.objects.update(state=PersonState.DEACTIVATED, left_because="outside")
    html = page(side.customer, "why", side.connection.public_id, query="?q=amber")
    assert "Rule 1 asks: Department is “Surgery” (they have “Care”)" in html
    assert "They come in as soon as Department is “Surgery” in the HR system, not “Care”" in html
    DirectoryPerson.objects.update(edited_at=timezone.now())
    html = page(side.customer, "why", side.connection.public_id, query="?q=amber")
    assert "did not match the filter any more" in html


def test_somebody_whose_removal_is_held_is_still_here(side: Side) -> None:
    Held.objects.create(run=side.run, person=side.person, why="outside")
    html = page(side.customer, "why", side.connection.public_id, query="?q=amber")
    assert "their removal is held" in html


def test_of_a_disconnected_connection_nothing_is_promised(side: Side) -> None:
    DirectoryPerson.objects.update(state=PersonState.DEACTIVATED, left_because="released")
    query = f"?person={side.person.public_id}"
    assert "The next run brings them back." in page(
        side.customer, "why", side.connection.public_id, query=query
    )
    Connection.objects.update(state=ConnectionState.DISCONNECTED)
    html = page(side.customer, "why", side.connection.public_id, query=query)
    assert "Nothing runs, so nothing changes anybody." in html
    assert "They are not in the directory any more." in html
    assert "The smallest change that alters it:" not in html
    assert "The next run" not in html


def test_of_a_paused_connection_the_page_says_that_nothing_happens_before_it_is_resumed(side: Side) -> None:
    Connection.objects.update(state=ConnectionState.PAUSED)
    html = page(side.customer, "why", side.connection.public_id, query="?q=amber")
    assert "Nothing changes anybody before it is resumed." in html


def test_a_filter_over_what_is_not_stored_is_not_guessed(side: Side) -> None:
    Connection.objects.update(
        filter={"include": [[{"field": "employment_type", "op": "is", "values": ["Full time"]}]]}
    )
    html = page(side.customer, "why", side.connection.public_id, query="?q=amber")
    assert "They matched the filter when it was last looked at." in html


def test_a_name_among_the_last_problems_comes_with_the_remedy(side: Side) -> None:
    html = page(side.customer, "why", side.connection.public_id, query="?q=nomail")
    assert "Amber Nomail" in html
    assert "Enter the work e-mail address in the HR system" in html
    assert "Remarks of the last run" not in html
    Problem.objects.create(run=side.run, person_name="Amber Nomail", code="manager_unknown")
    html = page(side.customer, "why", side.connection.public_id, query="?q=nomail")
    skipped, remarks = html.split("Remarks of the last run")
    assert "Manager is not here" not in skipped
    assert "Manager is not here" in remarks
    assert "could not be handled" not in remarks


def test_several_of_a_name_are_offered_and_a_stranger_may_be_asked_about(side: Side) -> None:
    some_people(side.connection, 3, start=5)
    html = page(side.customer, "why", side.connection.public_id, query="?q=fern")
    assert "Whom do you mean?" in html
    assert html.count("?person=") == 3
    html = page(side.customer, "why", side.connection.public_id, query="?q=zebra")
    assert "Nobody called “zebra”" in html
    assert reverse("why_ask", args=[side.connection.public_id]) in html


def test_of_many_of_a_name_the_page_says_how_many_there_are(side: Side) -> None:
    some_people(side.connection, 12, start=5)
    html = page(side.customer, "why", side.connection.public_id, query="?q=fern")
    assert html.count("?person=") == 10
    assert "The first 10 of 12. Type more of the name" in html
    html = page(side.customer, "why", side.connection.public_id, query="?q=fern person001")
    assert html.count("?person=") == 7
    assert "The first" not in html


@pytest.mark.parametrize("query", ["f", "f,", ","])
def test_a_single_letter_is_not_looked_for_and_the_page_says_so(side: Side, query: str) -> None:
    html = page(side.customer, "why", side.connection.public_id, query=f"?q={query}")
    assert "Type at least two characters" in html
    assert "Nobody called" not in html
    assert reverse("why_ask", args=[side.connection.public_id]) not in html


def test_a_name_may_be_typed_with_the_last_name_and_a_comma_first(side: Side) -> None:
    html = page(side.customer, "why", side.connection.public_id, query="?q=Person0000, Amber")
    assert "Belongs in" in html
    html = page(side.customer, "why", side.connection.public_id, query="?q=Nomail, Amber")
    assert "Enter the work e-mail address in the HR system" in html
    people = [record("z1", first="Zoe", last_name="Unal")]
    assert len(asked(side, "Unal, Zoe", ListSource(people)).answers) == 1


def test_a_manager_is_told_by_name_where_the_directory_knows_them(side: Side) -> None:
    boss = some_people(side.connection, 1, mark="Boss")[0]
    for key, told in ((boss.source_id, "Manager: Boss Person0000"), ("k99", "Manager: k99")):
        DirectoryPerson.objects.filter(pk=side.person.pk).update(manager_id=key)
        assert told in page(side.customer, "why", side.connection.public_id, query="?q=amber")
        people = [record("z1", first="Zoe", manager_id=key)]
        assert told in shown(side, asked(side, "zoe", ListSource(people)))


def test_a_person_of_another_company_is_nobody_here(side: Side) -> None:
    birch = a_side("Birch")
    for query in ("?q=birch", f"?person={birch.person.public_id}"):
        html = page(side.customer, "why", side.connection.public_id, query=query)
        assert "Birch Person" not in html
    page(side.customer, "why", birch.connection.public_id, status=404)


def test_only_developers_see_the_stored_rules(side: Side) -> None:
    Connection.objects.update(filter=CARE)
    query = "?q=amber"
    developer = a_user(Role.DEVELOPER, "Dev Eloper")
    assert "&quot;digest&quot;" in page(developer, "why", side.connection.public_id, query=query)
    assert "&quot;digest&quot;" not in page(side.customer, "why", side.connection.public_id, query=query)


# --- asked of the HR system ---------------------------------------------------------------------------------


def test_the_list_is_read_and_the_filter_named_with_the_smallest_change(side: Side) -> None:
    Connection.objects.update(filter=CARE)
    side.connection.refresh_from_db()
    people = [*records(25), record("z1", first="Zoë", last_name="Ünal", department="Surgery")]
    inquiry = asked(side, "zoe unal", ListSource(people))
    assert inquiry.read == 26
    (answer,) = inquiry.answers
    assert [step["ok"] for step in answer["steps"][:3]] == [True, True, False]
    assert "Care" in Trace.from_data(answer).fix
    assert "Does not belong in" in shown(side, inquiry)


def test_a_german_customer_reads_the_way_and_the_smallest_change_in_german(side: Side) -> None:
    Connection.objects.update(filter=CARE)
    side.connection.refresh_from_db()
    inquiry = asked(side, "zoe", ListSource([record("z1", first="Zoe", department="Surgery")]))
    side.customer.language = "de"
    side.customer.save(update_fields=["language"])
    html = shown(side, inquiry)
    assert "Die Person entspricht dem Filter nicht." in html
    assert "Abteilung ist „Care“ (bei der Person steht: „Surgery“)" in html
    assert "sobald gilt: Abteilung ist „Care“ im HR-System, nicht „Surgery“" in html
    assert "They" not in html


def test_asked_about_somebody_whose_removal_is_held_the_decision_is_named(side: Side) -> None:
    Held.objects.create(run=side.run, person=side.person, why="terminated")
    listed = record("Amber-0", first="Amber", status="terminated")
    (answer,) = asked(side, "amber", ListSource([listed])).answers
    found = Trace.from_data(answer)
    assert "their removal is held" in found.steps[-1].words
    assert "as soon as somebody releases their removal" in found.fix
    assert found.is_here
    (answer,) = asked(side, "first", ListSource([record("Amber-0")])).answers
    assert Trace.from_data(answer).steps[-1].words == "They are in the directory."


def test_an_answer_has_no_field_that_the_rules_do_not_use(side: Side) -> None:
    people = [record("z1", first="Zoe", business_unit="Hidden unit", personal_email="zoe@home.example")]
    inquiry = asked(side, "zoe", ListSource(people))
    assert "Hidden unit" not in str(inquiry.answers)
    assert "zoe@home.example" not in str(inquiry.answers)


def test_what_was_declined_is_not_even_looked_at(side: Side) -> None:
    Connection.objects.update(declined=["personal_email"])
    side.connection.refresh_from_db()
    people = [record("z1", first="Zoe", personal_email="zoe@home.example")]
    assert asked(side, "zoe@home.example", ListSource(people)).answers == []


def test_the_look_ends_at_the_fifth_match(side: Side) -> None:
    people = [*records(40), *[record(f"z{n}", first="Zoe") for n in range(20)]]
    inquiry = asked(side, "first", ListSource(people))
    assert len(inquiry.answers) == 5
    assert inquiry.read == 0


def test_a_list_that_is_too_long_says_so_and_keeps_what_was_found(side: Side) -> None:
    ticks = iter(range(0, 10_000, 150))
    inquiry = claim(Inquiry, ask(side.connection, "k00003", by=side.customer).pk, lease=LEASE)
    assert inquiry is not None
    with pytest.raises(NeedsPerson) as told:
        perform_inquiry(
            inquiry,
            source=ListSource(records(60)),
            settings={"key": "value"},
            events=None,
            clock=lambda: float(next(ticks)),
        )
    assert told.value.code == "list_too_long"
    inquiry.refresh_from_db()
    assert len(inquiry.answers) == 1


def test_nobody_of_that_name_is_an_answer_too(side: Side) -> None:
    html = shown(side, asked(side, "zebra", ListSource(records(12))))
    assert "lists nobody called “zebra”" in html
    assert "12 people were looked at." in html


def test_the_page_follows_the_reading_and_loads_afresh_at_its_end(side: Side) -> None:
    inquiry = ask(side.connection, "zoe", by=side.customer)
    Inquiry.objects.filter(pk=inquiry.pk).update(read=1200, job_state=JobState.RUNNING)
    client = Client()
    client.force_login(side.customer)
    address = reverse("inquiry_status", args=[inquiry.public_id])
    answer = client.get(address, headers=HTMX)
    assert "1,200 people read so far" in answer.content.decode()
    assert "HX-Refresh" not in answer
    Inquiry.objects.filter(pk=inquiry.pk).update(job_state=JobState.DONE)
    assert client.get(address, headers=HTMX)["HX-Refresh"] == "true"


def test_asking_is_recorded_without_the_name_and_twice_is_once(side: Side) -> None:
    client = Client()
    client.force_login(side.customer)
    address = reverse("why_ask", args=[side.connection.public_id])
    first, second = (client.post(address, {"q": "Jane Secretive"}) for _ in range(2))
    inquiry = Inquiry.objects.get(query="Jane Secretive")
    assert first["Location"] == second["Location"] == reverse("inquiry_detail", args=[inquiry.public_id])
    entry = Entry.objects.get(action="connection.asked_about_a_person")
    assert "Secretive" not in str(entry.details) + entry.subject
    assert timedelta(hours=23) < inquiry.expires_at - timezone.now() <= timedelta(days=1)


def test_an_eleventh_question_within_an_hour_waits(side: Side) -> None:
    for number in range(10):
        ask(side.connection, f"person {number}", by=side.customer)
    with pytest.raises(RateLimited):
        ask(side.connection, "one more", by=side.customer)
    client = Client()
    client.force_login(side.customer)
    answer = client.post(reverse("why_ask", args=[side.connection.public_id]), {"q": "one more"}, follow=True)
    assert "Too many tries." in answer.content.decode()
    assert 'value="one more"' in answer.content.decode()


def test_operators_look_but_do_not_ask(side: Side) -> None:
    operator = a_user(Role.OPERATOR, "Op Erator")
    address = reverse("why_ask", args=[side.connection.public_id])
    assert address not in page(operator, "why", side.connection.public_id, query="?q=zebra")
    client = Client()
    client.force_login(operator)
    assert client.post(address, {"q": "zebra"}).status_code == 403


def test_why_takes_as_many_queries_for_many_people_as_for_two(side: Side) -> None:
    some_people(side.connection, 2, start=5)
    few = queries_of(side.customer, "why", side.connection.public_id, query="?q=fern")
    some_people(side.connection, 30, start=50)
    assert queries_of(side.customer, "why", side.connection.public_id, query="?q=fern") == few
    assert Run.objects.count() == 1
