"""The pages on which somebody changes people by hand, and what they say about it: the HR system overwrites it."""

from __future__ import annotations

import uuid
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Group,
    Held,
    Membership,
    PersonState,
)
from portal.accounts.models import User
from tests.support.pages import Side, a_side, page, post, queries_of, said, some_people

pytestmark = pytest.mark.django_db


def values_of(person: DirectoryPerson, **other: str) -> dict[str, Any]:
    return {"email": person.email, "first_name": person.first_name, "last_name": person.last_name, **other}


def test_the_page_says_plainly_that_the_hr_system_overwrites_what_is_changed_here(side: Side) -> None:
    text = page(side.customer, "person_edit", side.person.public_id)
    assert "is the source of truth." in text
    assert "The next run overwrites what you change here" in text
    post(side.customer, "person_edit", side.person.public_id, **values_of(side.person, city="Hull"))
    person = DirectoryPerson.objects.get(pk=side.person.pk)
    assert (person.city, person.department) == ("Hull", "")
    assert person.edited_at
    Connection.objects.update(state=ConnectionState.DISCONNECTED)
    assert "nothing overwrites what you change here" in page(
        side.customer, "person_edit", side.person.public_id
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"email": "nonsense"}, "This is no e-mail address."),
        ({"email": ""}, "Enter an e-mail address."),
        ({"hired_on": "1st of May, 2026"}, "Ensure this value has at most 10 characters"),
        ({"hired_on": "31.12.2026"}, "Enter the date as year, month and day."),
    ],
)
def test_what_cannot_be_stands_beside_its_field_and_stays_typed(
    side: Side, wrong: dict[str, str], words: str
) -> None:
    body = values_of(side.person, city="Kept Town") | wrong
    text = said(post(side.csm, "person_edit", side.person.public_id, status=422, **body))
    assert words in text
    assert "Kept Town" in text
    assert DirectoryPerson.objects.get(pk=side.person.pk).city == ""


def test_an_address_that_somebody_else_has_stands_beside_the_field(side: Side) -> None:
    other = some_people(side.connection, 1)[0]
    body = values_of(side.person, email=other.email)
    text = said(post(side.csm, "person_edit", side.person.public_id, status=422, **body))
    assert "Somebody else of this company has this e-mail address." in text


def test_a_person_is_protected_and_taken_out_of_a_group(side: Side, developer: User) -> None:
    group = Group.objects.get(connection=side.connection)
    text = page(side.csm, "person_edit", side.person.public_id)
    assert reverse("group_leave", args=[group.public_id]) in text
    looked = page(developer, "person_edit", side.person.public_id)
    assert reverse("group_leave", args=[group.public_id]) not in looked
    assert "disabled" in looked
    post(side.csm, "person_protect", side.person.public_id, on="1")
    assert DirectoryPerson.objects.get(pk=side.person.pk).protected
    post(side.csm, "person_protect", side.person.public_id, on="0")
    assert not DirectoryPerson.objects.get(pk=side.person.pk).protected
    post(side.csm, "group_leave", group.public_id, person=side.person.public_id)
    assert not Membership.objects.filter(person=side.person).exists()


def test_the_page_of_somebody_protected_says_who_decided_that(side: Side) -> None:
    DirectoryPerson.objects.filter(pk=side.person.pk).update(protected=True)
    assert "decided so on" not in page(side.customer, "person_detail", side.person.public_id)
    DirectoryPerson.objects.filter(pk=side.person.pk).update(protected=False)
    post(side.csm, "person_protect", side.person.public_id, on="1")
    text = page(side.customer, "person_detail", side.person.public_id)
    assert "no run ever deactivates them. Amber Manager decided so on" in text


def test_the_page_of_somebody_kept_says_who_decided_that_and_why(side: Side) -> None:
    Held.objects.create(run=side.run, person=side.person, why="absent")
    reason = "On parental leave."
    post(side.csm, "holds_decide", side.connection.public_id, do="reject", which="all", reason=reason)
    text = page(side.customer, "person_detail", side.person.public_id)
    assert "Amber Manager decided on" in text
    assert "The reason: On parental leave." in text


def test_whoever_may_decide_takes_the_decision_to_keep_somebody_back(side: Side, developer: User) -> None:
    address = reverse("person_take_back", args=[side.person.public_id])
    assert address not in page(side.customer, "person_detail", side.person.public_id)
    DirectoryPerson.objects.filter(pk=side.person.pk).update(kept="absent")
    assert address not in page(developer, "person_detail", side.person.public_id)
    post(developer, "person_take_back", side.person.public_id, status=403)
    assert address in page(side.customer, "person_detail", side.person.public_id)
    post(side.customer, "person_take_back", side.person.public_id)
    assert DirectoryPerson.objects.get(pk=side.person.pk).kept == ""
    assert address not in page(side.customer, "person_detail", side.person.public_id)


def test_somebody_is_found_and_added_to_a_group(side: Side) -> None:
    group = Group.objects.get(connection=side.connection)
    fern = some_people(side.connection, 2)[0]
    text = page(side.customer, "group_join", group.public_id, query="?q=fern")
    assert "Fern Person0000" in text
    assert "source of truth" in text
    assert str(side.person) not in page(side.customer, "group_join", group.public_id)
    post(side.customer, "group_join", group.public_id, person=fern.public_id)
    assert Membership.objects.get(group=group, person=fern).by_hand
    assert "Nobody to add" in page(side.customer, "group_join", group.public_id, query="?q=zzz", htmx=True)


def test_people_of_others_are_never_added_and_not_told_from_nonsense(side: Side) -> None:
    group = Group.objects.get(connection=side.connection)
    birch = a_side("Birch")
    answers = []
    for person in (str(birch.person.public_id), str(uuid.uuid4()), "nonsense", ""):
        client = Client()
        client.force_login(side.customer)
        url = reverse("group_join", args=[group.public_id])
        answer = client.post(url, {"person": person}, follow=True)
        answers.append("Choose somebody of this connection." in unescape(answer.content.decode()))
    assert answers == [True] * 4
    assert not Membership.objects.filter(person=birch.person, group=group).exists()


def test_whoever_is_deactivated_can_only_be_looked_at(side: Side) -> None:
    DirectoryPerson.objects.filter(pk=side.person.pk).update(state=PersonState.DEACTIVATED)
    text = page(side.csm, "person_edit", side.person.public_id)
    assert "This person is deactivated" in text
    assert 'data-busy="Saving…"' not in text


def test_the_number_of_queries_does_not_grow_with_the_people_to_add(side: Side) -> None:
    group = Group.objects.get(connection=side.connection)
    some_people(side.connection, 2)
    few = queries_of(side.csm, "group_join", group.public_id)
    some_people(side.connection, 20, mark="Gorse")
    assert queries_of(side.csm, "group_join", group.public_id) == few
