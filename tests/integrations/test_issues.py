"""The inbox: the same trouble is one row, it can be put aside, and what comes back is a new one."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from integrations.models import Connection, ConnectionState, DirectoryPerson, Held, Issue, Run
from integrations.services import issues
from integrations.services.issues import raise_issue, resolve, snooze
from portal.accounts.models import User
from portal.audit.models import Entry
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from tests.support.people import a_company, a_customer
from tests.support.together import together

pytestmark = pytest.mark.django_db

WORDS = "Something is wrong."


def test_the_same_trouble_is_one_row_with_the_latest_words_and_count(connection: Connection) -> None:
    first = raise_issue(connection, "failing", WORDS)
    again = raise_issue(connection, "failing", "Still wrong.", count=7, url="/runs/")
    assert again.pk == first.pk
    kept = Issue.objects.get()
    assert (kept.words, kept.count, kept.url) == ("Still wrong.", 7, "/runs/")
    assert kept.opened_at == first.opened_at < kept.seen_at


@pytest.mark.django_db(transaction=True)
def test_raised_at_the_same_moment_it_is_one_row(connection: Connection) -> None:
    found = together(*[lambda: raise_issue(connection, "failing", WORDS)] * 4)
    assert {type(one) for one in found} == {Issue}
    assert Issue.objects.count() == 1


def test_what_comes_back_is_a_new_row(connection: Connection) -> None:
    raise_issue(connection, "failing", WORDS)
    assert resolve(connection, "failing") == 1
    assert resolve(connection, "failing") == 0
    raise_issue(connection, "failing", WORDS)
    assert (Issue.objects.count(), Issue.objects.open().count()) == (2, 1)


def test_resolving_all_of_a_connection_leaves_the_others_alone(connection: Connection) -> None:
    other = Connection.objects.create(company=connection.company, provider_slug="bamboohr", kind="hris")
    for each in (connection, other):
        for code in ("failing", "held_removals"):
            raise_issue(each, code, WORDS)
    assert resolve(connection) == 2
    assert {one.connection for one in Issue.objects.open()} == {other}


def test_what_is_put_aside_comes_back_by_itself_and_is_recorded(connection: Connection, admin: User) -> None:
    issue = raise_issue(connection, "failing", WORDS)
    snooze(issue, 3, by=admin)
    assert (issues.issue_count(admin), issues.issues_of(connection)) == (0, [])
    raise_issue(connection, "failing", "Again.")
    assert issues.issue_count(admin) == 0, "the same trouble stays aside"
    Issue.objects.update(snoozed_until=clock.now() - timedelta(seconds=1))
    assert issues.issue_count(admin) == 1
    entry = Entry.objects.get(action="issue.snoozed")
    assert (entry.actor, entry.details) == (admin.email, {"days": 3})


def test_it_can_be_taken_back(connection: Connection, admin: User) -> None:
    issue = snooze(raise_issue(connection, "failing", WORDS), 7, by=admin)
    assert snooze(issue, 0, by=admin).snoozed_until is None
    assert issues.issue_count(admin) == 1


@pytest.mark.parametrize("days", [-1, 2, 365])
def test_only_the_offered_spans_are_taken(connection: Connection, admin: User, days: int) -> None:
    with pytest.raises(NeedsPerson):
        snooze(raise_issue(connection, "failing", WORDS), days, by=admin)


def test_what_is_over_cannot_be_put_aside(connection: Connection, admin: User) -> None:
    issue = raise_issue(connection, "failing", WORDS)
    resolve(connection)
    with pytest.raises(NeedsPerson, match="over"):
        snooze(issue, 3, by=admin)


def test_a_customer_counts_their_own_company_only(connection: Connection) -> None:
    raise_issue(connection, "failing", WORDS)
    stranger = a_customer(a_company("Other", "1"))
    assert issues.issue_count(stranger) == 0
    assert issues.issue_count(a_customer(connection.company, "own@riverside.example")) == 1


def test_the_duty_closes_what_people_have_settled(connection: Connection) -> None:
    person = DirectoryPerson.objects.create(
        company=connection.company,
        connection=connection,
        source_id="k1",
        email="k1@example.com",
        raw_digest=uuid.uuid4(),
    )
    run = Run.objects.create(connection=connection, kind="scheduled", job_state="done")
    held = Held.objects.create(run=run, person=person, why="absent")
    raise_issue(connection, issues.HELD, WORDS)
    issues.close_settled()
    assert Issue.objects.open().count() == 1
    Held.objects.filter(pk=held.pk).update(state="rejected")
    issues.close_settled()
    assert Issue.objects.open().count() == 0
    raise_issue(connection, "failing", WORDS)
    Connection.objects.update(state=ConnectionState.DISCONNECTED)
    issues.close_settled()
    assert Issue.objects.open().count() == 0
