"""Whom the end of an invitation takes with it: nobody who was never mailed, nobody while too many would go at once."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Invitation,
    InvitationState,
    Issue,
    PersonState,
)
from integrations.services import issues
from integrations.services.explaining import explain_person
from integrations.services.invitation_ends import LASTS, expire_invitations
from portal.accounts.models import User
from portal.audit.models import Entry
from portal.kit import clock
from portal.notices.models import Notice

pytestmark = pytest.mark.django_db

WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def connected(connection: Connection, admin: User) -> Connection:
    connection.state, connection.created_by = ConnectionState.CONNECTED, admin
    connection.save(update_fields=["state", "created_by"])
    return connection


def people(connection: Connection, number: int) -> list[DirectoryPerson]:
    return list(
        DirectoryPerson.objects.bulk_create(
            DirectoryPerson(
                company=connection.company,
                connection=connection,
                source_id=f"k{place}",
                email=f"k{place}@example.com",
                raw_digest=uuid.uuid4(),
            )
            for place in range(number)
        )
    )


def over(invited: list[DirectoryPerson], *, is_mailed: bool = True) -> None:
    """Their invitations, which ended a moment ago."""
    ended = clock.now() - timedelta(seconds=1)
    Invitation.objects.bulk_create(
        Invitation(
            person=one, mails=is_mailed, sent_at=ended - LASTS if is_mailed else None, expires_at=ended
        )
        for one in invited
    )


def left() -> int:
    return DirectoryPerson.objects.filter(state=PersonState.DEACTIVATED, left_because="expired").count()


def test_whoever_was_never_mailed_does_not_leave_and_theirs_goes_on(connection: Connection) -> None:
    over(people(connection, 3), is_mailed=False)
    now = clock.now()
    assert expire_invitations(now) == 0
    assert left() == 0
    assert set(Invitation.objects.values_list("state", "expires_at")) == {("pending", now + LASTS)}


@pytest.mark.parametrize(("of", "number"), [(6, 5), (100, 20)])
def test_as_many_as_a_run_may_deactivate_unasked_leave_at_once(
    connection: Connection, of: int, number: int
) -> None:
    over(people(connection, of)[:number])
    assert expire_invitations(clock.now()) == number
    assert left() == number
    assert not Issue.objects.exists()


@pytest.mark.parametrize(("of", "number"), [(6, 6), (100, 21)])
def test_where_more_would_leave_at_once_nobody_does_for_a_week_and_people_are_told(
    connection: Connection, admin: User, of: int, number: int
) -> None:
    over(people(connection, of)[:number])
    now = clock.now()
    assert expire_invitations(now) == 0
    assert left() == 0
    assert set(Invitation.objects.values_list("state", "expires_at")) == {("pending", now + WEEK)}
    issue = Issue.objects.get(connection=connection, resolved_at=None)
    assert (issue.code, issue.count) == (issues.INVITATIONS, number)
    assert Notice.objects.get(user=admin).url == issue.url


def test_people_are_told_once_however_often_it_is_put_off(connection: Connection) -> None:
    over(people(connection, 10))
    now = clock.now()
    for week in range(3):
        assert expire_invitations(now + 1.1 * week * WEEK) == 0
    assert (Issue.objects.count(), Notice.objects.count()) == (1, 1)


def test_protected_people_are_not_among_those_who_would_leave(connection: Connection) -> None:
    invited = people(connection, 6)
    DirectoryPerson.objects.filter(pk=invited[0].pk).update(protected=True)
    over(invited)
    assert expire_invitations(clock.now()) == 6
    assert left() == 5


def test_too_many_of_one_connection_keep_nobody_of_another(connection: Connection) -> None:
    other = Connection.objects.create(
        company=connection.company, provider_slug="bamboohr", kind="hris", state=ConnectionState.CONNECTED
    )
    over(people(connection, 10))
    over(people(other, 3))
    assert expire_invitations(clock.now()) == 3
    assert set(
        DirectoryPerson.objects.filter(left_because="expired").values_list("connection", flat=True)
    ) == {other.pk}


def test_a_week_later_so_few_are_left_that_they_go_and_the_issue_is_over(connection: Connection) -> None:
    over(people(connection, 10))
    now = clock.now()
    expire_invitations(now)
    some = Invitation.objects.order_by("pk").values("pk")[:7]
    Invitation.objects.filter(pk__in=some).update(state=InvitationState.ACCEPTED)
    assert expire_invitations(now + 1.1 * WEEK) == 3
    assert not Issue.objects.open().exists()


def test_whoever_else_leaves_in_that_week_does_not_end_the_issue(connection: Connection, admin: User) -> None:
    everybody = people(connection, 50)
    over(everybody[:20])
    now = clock.now()
    expire_invitations(now)
    over(everybody[20:22])
    assert expire_invitations(now + timedelta(days=1)) == 2
    assert Issue.objects.open().get().code == issues.INVITATIONS
    assert expire_invitations(now + 1.1 * WEEK) == 0
    assert (Issue.objects.count(), Notice.objects.count()) == (1, 1)


def test_the_issue_is_over_when_none_of_them_is_about_to_end(connection: Connection) -> None:
    over(people(connection, 10))
    expire_invitations(clock.now())
    issues.close_settled()
    assert Issue.objects.open().exists()
    Invitation.objects.update(state=InvitationState.ACCEPTED)
    issues.close_settled()
    assert not Issue.objects.open().exists()


def test_whoever_leaves_is_counted_in_the_audit_log(connection: Connection) -> None:
    over(people(connection, 4))
    expire_invitations(clock.now())
    entry = Entry.objects.get(action="invitation.expired")
    assert (entry.subject, entry.details) == (str(connection), {"people": 4})


def test_why_somebody_is_not_here_says_that_their_invitation_expired(connection: Connection) -> None:
    [person] = people(connection, 1)
    over([person])
    expire_invitations(clock.now())
    person.refresh_from_db()
    assert "They did not accept their invitation in time." in explain_person(person).trace.steps[-1].details
