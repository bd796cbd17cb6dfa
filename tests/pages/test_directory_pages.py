"""The staff list at any size, its export, and the groups: what is filtered is what is shown, counted and written."""

from __future__ import annotations

import csv
import io
from typing import Any, cast

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Group,
    Membership,
    MembershipChange,
    PersonState,
)
from portal.accounts.models import User
from portal.audit.models import Entry
from tests.support.pages import HTMX, Side, a_connection, a_side, page, queries_of, some_people
from tests.support.people import signed_in

pytestmark = pytest.mark.django_db


def named(html: str) -> list[str]:
    """The people of a page, in its order."""
    return [
        part.split("<")[0].strip() for part in html.split("/people/")[1:] for part in [part.split(">", 1)[1]]
    ]


def walk(user: User, query: str) -> list[list[str]]:
    """The names of every page, by following "Next" as a person does."""
    client, address, found = signed_in(user), reverse("directory") + query, list[list[str]]()
    for _ in range(10):
        html = client.get(address, headers=HTMX).content.decode()
        table = html.split("</table>")[0]
        found.append(named(table))
        if 'rel="next"' not in html:
            return found
        tail = html.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
        address = reverse("directory") + tail
    raise AssertionError("the list has no end")


def test_every_person_is_on_exactly_one_page_also_among_namesakes(side: Side) -> None:
    some_people(side.connection, 119, start=1)
    DirectoryPerson.objects.filter(employee_number__in=["E40", "E41", "E42", "E60"]).update(
        first_name="Same", last_name="Person0050"
    )
    DirectoryPerson.objects.filter(employee_number__in=["E3", "E4"]).update(state=PersonState.DEACTIVATED)
    for query, number in (("", 118), ("&state=all", 120), ("&state=deactivated", 2)):
        pages = walk(side.customer, f"?company={side.company.public_id}{query}")
        assert sum(map(len, pages)) == number
        assert all(len(names) <= 50 for names in pages)


def test_going_back_shows_the_page_that_came_before(side: Side) -> None:
    some_people(side.connection, 119, start=1)
    client, address = signed_in(side.customer), reverse("directory")
    first = client.get(f"{address}?company={side.company.public_id}", headers=HTMX).content.decode()
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = client.get(address + following, headers=HTMX).content.decode()
    assert "51–100 of 120" in second
    back = second.split('rel="prev" href="')[1].split('"')[0].replace("&amp;", "&")
    again = client.get(address + back, headers=HTMX).content.decode()
    assert named(again.split("</table>")[0]) == named(first.split("</table>")[0])
    assert "1–50 of 120" in again


def test_a_place_that_is_gone_is_the_first_page_and_a_foreign_one_tells_nothing(side: Side) -> None:
    birch = a_side("Birch")
    for mark in ("00000000-0000-4000-8000-000000000000", birch.person.public_id, "nonsense"):
        html = page(side.customer, "directory", query=f"?company={side.company.public_id}&after={mark}")
        assert "Amber Person0000" in html
        assert "Birch" not in html


def test_the_list_takes_eight_queries_on_any_page_of_any_size(side: Side, lead: User) -> None:
    """performance.md P11."""
    query = f"?company={side.company.public_id}"
    assert queries_of(lead, "directory", query=query) <= 8
    people = some_people(side.connection, 119, start=1)
    assert queries_of(lead, "directory", query=query) <= 8
    assert queries_of(lead, "directory", query=f"{query}&after={people[70].public_id}&from=51") <= 8


def test_each_filter_leaves_exactly_those_who_match(side: Side) -> None:
    people = some_people(side.connection, 5, mark="Cedar", start=10)
    boss, surgeon, joiner, member, other = people
    rows = DirectoryPerson.objects
    rows.filter(pk=surgeon.pk).update(department="Surgery", location="Berlin", manager_id=boss.source_id)
    rows.filter(pk=joiner.pk).update(hired_on="2026-11-01")
    second = a_connection(side.company, provider="bamboohr")
    rows.filter(pk=other.pk).update(connection=second)
    group = Group.objects.create(
        company=side.company, connection=side.connection, source="department", key="x", name="Night shift"
    )
    Membership.objects.create(group=group, person=member)
    for query, wanted in (
        ("department=surgery", surgeon),
        ("location=Berlin", surgeon),
        ("manager=cedar person0010", surgeon),
        ("since=2026-10-15", joiner),
        ("group=night shift", member),
        (f"connection={second.public_id}", other),
    ):
        html = page(side.customer, "directory", query=f"?company={side.company.public_id}&{query}", htmx=True)
        assert named(html.split("</table>")[0]) == [str(wanted)], query
        assert "1 person" in html


def test_whom_a_decision_keeps_is_found_by_the_state(side: Side) -> None:
    kept, protected, _other = some_people(side.connection, 3, mark="Cedar", start=10)
    DirectoryPerson.objects.filter(pk=kept.pk).update(kept="absent")
    DirectoryPerson.objects.filter(pk=protected.pk).update(protected=True)
    for state, wanted in (("kept", kept), ("protected", protected)):
        query = f"?company={side.company.public_id}&state={state}"
        html = page(side.customer, "directory", query=query)
        assert f'<option value="{state}" selected>' in html
        assert named(html.split("</table>")[0]) == [str(wanted)]
        assert [row["E-mail"] for row in exported(side.customer, query)] == [wanted.email]


def test_values_are_suggested_with_their_numbers_for_the_own_company_only(side: Side) -> None:
    birch = a_side("Birch")
    query = f"?company={side.company.public_id}&field="
    assert '<option value="Care">1</option>' in page(
        side.customer, "directory_options", query=f"{query}department"
    )
    assert '<option value="Amber Care">1</option>' in page(
        side.customer, "directory_options", query=f"{query}group"
    )
    page(side.customer, "directory_options", query=f"{query}email", status=404)
    foreign = f"?company={birch.company.public_id}&field=group"
    page(side.customer, "directory_options", query=foreign, status=404)


# --- export -------------------------------------------------------------------------------------------------


def exported(user: User, query: str) -> list[dict[str, str]]:
    answer = signed_in(user).get(reverse("directory_export") + query)
    assert answer.status_code == 200
    text = b"".join(cast(Any, answer)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_export_is_exactly_what_is_filtered_and_is_recorded_without_names(side: Side) -> None:
    some_people(side.connection, 4, mark="Cedar", start=10)
    rows = exported(side.customer, f"?company={side.company.public_id}&q=cedar")
    assert [row["E-mail"] for row in rows] == [f"cedar.{n}@people.example" for n in range(10, 14)]
    entry = Entry.objects.get(action="people.exported")
    assert entry.details["count"] == 4
    assert "cedar" not in str(entry.details).lower()


def test_export_names_manager_system_and_groups_with_as_many_queries_for_many_as_for_one(side: Side) -> None:
    query = f"?company={side.company.public_id}"
    exported(side.customer, query)  # the first one fills caches
    with CaptureQueriesContext(database) as one:
        exported(side.customer, query)
    boss = some_people(side.connection, 4, mark="Cedar", start=10)[0]
    DirectoryPerson.objects.filter(pk=side.person.pk).update(manager_id=boss.source_id)
    made = {"company": side.company, "connection": side.connection, "source": "team"}
    for name in ("Zeal", "Aces"):
        group = Group.objects.create(**made, key=name, name=name)
        Membership.objects.create(group=group, person=side.person)
    with CaptureQueriesContext(database) as many:
        rows = {row["E-mail"]: row for row in exported(side.customer, query)}
    told = rows[side.person.email]
    assert (told["Manager"], told["HR system"]) == (str(boss), "Personio")
    assert told["Groups"] == "Aces; Amber Care; Zeal"
    assert rows[boss.email]["Groups"] == ""
    assert len(many) == len(one) + 1  # the managers of a thousand, where anybody has one


def test_a_value_that_is_a_formula_is_only_text_in_the_file(side: Side) -> None:
    """reliability-security.md T20."""
    DirectoryPerson.objects.update(job_title="=HYPERLINK(1)", department="@SUM(1)")
    (row,) = exported(side.customer, f"?company={side.company.public_id}")
    assert (row["Job title"], row["Department"]) == ("'=HYPERLINK(1)", "'@SUM(1)")
    assert row["Groups"] == "Amber Care"


def test_the_sixth_export_within_an_hour_is_refused_with_a_way_back(side: Side) -> None:
    client, address = signed_in(side.customer), reverse("directory_export")
    query = f"?company={side.company.public_id}"
    assert [client.get(address + query).status_code for _ in range(6)] == [200] * 5 + [429]
    assert "5 times an hour" in client.get(address + query).content.decode()


# --- groups -------------------------------------------------------------------------------------------------


def test_groups_say_where_they_come_from_and_who_is_in_them(side: Side) -> None:
    group = Group.objects.get(company=side.company)
    html = page(side.customer, "group_list", query=f"?company={side.company.public_id}")
    assert reverse("group_detail", args=[group.public_id]) in html
    assert "Department in Personio" in html
    html = page(side.customer, "group_detail", group.public_id)
    assert "source of truth" in html
    assert reverse("person_detail", args=[side.person.public_id]) in html


def test_a_group_of_a_disconnected_connection_is_not_said_to_be_worked_out_anew(side: Side) -> None:
    Connection.objects.update(state=ConnectionState.DISCONNECTED)
    html = page(side.customer, "group_detail", Group.objects.get(company=side.company).public_id)
    assert "is disconnected: no run changes any more who is in this group." in html
    assert "works out anew" not in html


def test_foreign_groups_are_not_there(side: Side) -> None:
    birch = a_side("Birch")
    page(side.customer, "group_detail", Group.objects.get(company=birch.company).public_id, status=404)
    page(side.customer, "group_list", query=f"?company={birch.company.public_id}", status=404)


def test_group_pages_take_as_many_queries_for_many_as_for_one(side: Side, lead: User) -> None:
    group, query = Group.objects.get(company=side.company), f"?company={side.company.public_id}"
    few = queries_of(lead, "group_list", query=query), queries_of(lead, "group_detail", group.public_id)
    for person in some_people(side.connection, 30, start=50):
        Membership.objects.create(group=group, person=person)
    for number in range(10):
        Group.objects.create(
            company=side.company,
            connection=side.connection,
            source="event",
            key=str(number),
            name=f"Event {number}",
        )
    many = queries_of(lead, "group_list", query=query), queries_of(lead, "group_detail", group.public_id)
    assert many == few


def test_person_shows_groups_and_what_runs_did_to_them(side: Side) -> None:
    group = Group.objects.get(company=side.company)
    MembershipChange.objects.create(run=side.run, group=group, person=side.person, joined=True, by_hand=True)
    html = page(side.customer, "person_detail", side.person.public_id)
    assert "Joined the group Amber Care" in html
    assert "It undid what somebody had done here." in html


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"state": PersonState.DEACTIVATED, "left_because": "absent"}, "The HR system no longer lists them."),
        ({"state": PersonState.DEACTIVATED, "left_because": "outside"}, "The filter no longer lets them in."),
        (
            {"state": PersonState.DEACTIVATED, "left_because": "expired"},
            "did not accept their invitation in time.",
        ),
        ({"protected": True}, "Protected: no run ever deactivates them."),
        ({"kept": "absent"}, "Somebody decided that they stay"),
    ],
)
def test_person_says_why_they_are_as_they_are(side: Side, values: dict[str, Any], said: str) -> None:
    DirectoryPerson.objects.update(**values)
    assert said in page(side.customer, "person_detail", side.person.public_id)
