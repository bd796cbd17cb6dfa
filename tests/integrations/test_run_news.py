"""Who at the customer hears how a sync ended: the first one, and what became of a change that somebody confirmed."""

from __future__ import annotations

import pytest
from django.core import mail

from integrations.models import Connection, ConnectionState, Run, RunKind, RunOutcome
from integrations.services.connections import sync_now
from integrations.services.run_news import tell_of_end
from integrations.services.starts import SYNC_RUN
from portal.accounts.models import Company, User
from portal.kit import queue
from portal.kit.errors import NeedsPerson
from portal.outbox.models import Effect
from tests.integrations.conftest import CARD
from tests.integrations.setting_up import CARE, STAFF
from tests.integrations.sources import ListSource, record
from tests.support.confirmed import confirmed, connected, people_from
from tests.support.pages import page
from tests.support.people import a_company, a_customer
from tests.support.queue import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def dana(company: Company) -> User:
    return a_customer(company)


def ended(connection: Connection, source: ListSource) -> Run:
    """The latest run, once a worker has had it."""
    run = connection.runs.exclude(kind=RunKind.DRY).latest("pk")
    with people_from(source):
        queue.run_job(SYNC_RUN, run.pk)
    run.refresh_from_db()
    connection.refresh_from_db()
    return run


def asked_for() -> list[tuple[str, str]]:
    """The mails to come: template and reader."""
    rows = Effect.objects.filter(kind="mail.send").exclude(payload__template="notice").order_by("pk")
    return [(row.payload["template"], row.payload["to"][0]) for row in rows]


def running(company: Company, by: User) -> Connection:
    source = ListSource(STAFF)
    connection = connected(company, CARD, by=by, source=source)
    assert ended(connection, source).outcome == RunOutcome.APPLIED
    Effect.objects.all().delete()
    return connection


def test_the_customers_admins_and_whoever_confirmed_hear_once_that_the_first_sync_is_done(
    company: Company, admin: User, dana: User
) -> None:
    a_customer(a_company("Northgate"), "kim@northgate.example")
    source = ListSource([*STAFF, record("x", work_email=None)])
    connection = connected(company, CARD, by=admin, source=source)
    assert asked_for() == []
    run = ended(connection, source)
    assert sorted(asked_for()) == [("synced", admin.email), ("synced", dana.email)]
    drain()
    [message] = [one for one in mail.outbox if one.to == [dana.email]]
    assert message.subject == "Riverside: the first sync with Personio is done"
    assert "3 people came into the learning platform of Riverside" in str(message.body)
    assert f"{run.problem_count} problems are worth a look" in str(message.body), run.problem_count
    assert f"/runs/{run.public_id}/" in str(message.body)
    tell_of_end(run, connection, first=True)
    sync_now(connection, admin)
    ended(connection, source)
    assert len(asked_for()) == 2


def test_a_first_sync_that_fails_is_told_with_its_reason_and_again_when_it_works(
    company: Company, dana: User
) -> None:
    connection = connected(company, CARD, by=dana, source=ListSource(STAFF))
    refused = NeedsPerson("Personio does not accept the client ID.", code="wrong_credentials")
    ended(connection, ListSource(STAFF, refuses=refused))
    assert asked_for() == [("not_done", dana.email)]
    sync_now(connection, dana)
    ended(connection, ListSource(STAFF, refuses=refused))
    assert asked_for() == [("not_done", dana.email)]
    sync_now(connection, dana)
    assert ended(connection, ListSource(STAFF)).outcome == RunOutcome.APPLIED
    assert asked_for() == [("not_done", dana.email), ("synced", dana.email)]
    drain()
    body = str(mail.outbox[0].body)
    assert "did not go through" in body
    assert "Personio does not accept the client ID." in body


def test_whoever_confirmed_a_change_hears_what_it_changed(company: Company, admin: User, dana: User) -> None:
    connection = running(company, admin)
    confirmed(connection, by=dana, source=ListSource(STAFF), filter=CARE)
    said = "{} a mail that says what was changed, or why nothing was."
    assert said.format("You get") in page(dana, "setup_step", connection.public_id, "done")
    assert said.format("Dana Whitfield gets") in page(admin, "setup_step", connection.public_id, "done")
    assert ended(connection, ListSource(STAFF)).outcome == RunOutcome.APPLIED
    assert asked_for() == [("changed", dana.email)]
    drain()
    body = str(mail.outbox[-1].body)
    assert "- Let in: Department is “Care” (before: nothing)" in body
    assert "0 new, 0 changed, 1 deactivated" in body


def test_a_change_that_was_refused_says_why(company: Company, admin: User, dana: User) -> None:
    connection = running(company, admin)
    confirmed(connection, by=dana, source=ListSource(STAFF), filter=CARE)
    later = ListSource([*STAFF, record("d", department="Care")])
    assert ended(connection, later).outcome == RunOutcome.HELD
    assert connection.state == ConnectionState.CONNECTED
    assert asked_for() == [("not_done", dana.email)]
    drain()
    body = str(mail.outbox[-1].body)
    assert "was not carried out. Everything stays as it was" in body
    assert "The plan is not the one that was confirmed any more: it differs for 1 person." in body


def test_a_change_that_could_not_be_read_says_why(company: Company, admin: User, dana: User) -> None:
    connection = running(company, admin)
    confirmed(connection, by=dana, source=ListSource(STAFF), filter=CARE)
    refused = NeedsPerson("Personio does not accept the client ID.", code="wrong_credentials")
    ended(connection, ListSource(STAFF, refuses=refused))
    assert asked_for() == [("not_done", dana.email)]


def test_whoever_may_not_see_the_connection_any_more_hears_nothing(
    company: Company, admin: User, dana: User
) -> None:
    connection = running(company, admin)
    confirmed(connection, by=dana, source=ListSource(STAFF), filter=CARE)
    dana.memberships.all().delete()
    ended(connection, ListSource(STAFF))
    assert asked_for() == []


def test_the_page_of_a_set_up_says_who_gets_the_mail(company: Company, admin: User, dana: User) -> None:
    connection = connected(company, CARD, by=dana, source=ListSource(STAFF))
    said = "{} and the admins of Riverside get a mail when the first sync is done."
    assert said.format("You") in page(dana, "setup_step", connection.public_id, "done")
    assert said.format("Dana Whitfield") in page(admin, "setup_step", connection.public_id, "done")
