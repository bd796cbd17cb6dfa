"""Two at the same moment: runs of two connections of a company, and a run and a person who decides."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import DatabaseError
from django.db import connection as database
from django.db.models.functions import Now

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Invitation,
    InvitationState,
    Match,
    Problem,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.services import local, matches
from integrations.services.invitations import reissue
from integrations.services.runs import perform_run
from integrations.services.starts import start_run
from integrations.targets.directory import Directory
from portal.accounts.models import Company, User
from portal.kit.errors import NeedsPerson
from portal.kit.leases import claim
from tests.integrations.conftest import LEASE, Syncer
from tests.integrations.sources import ListSource, record, records

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 20.0  # seconds; neither test takes one


class Beside(threading.Thread):
    """What somebody else does meanwhile, with a connection to the database of its own. `error` is what came of it."""

    def __init__(self, does: Callable[[], object]) -> None:
        super().__init__()
        self.does, self.error = does, ""

    def run(self) -> None:
        try:
            self.does()
        except (DatabaseError, NeedsPerson) as error:
            self.error = repr(error)
        finally:
            database.close()

    def start_and_wait(self) -> None:
        """Until it waits for a lock of ours, or is over."""
        self.start()
        until = time.monotonic() + PATIENCE
        while self.is_alive() and time.monotonic() < until and not _somebody_waits():
            time.sleep(0.01)


def _somebody_waits() -> bool:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks "
            "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        (found,) = cursor.fetchone()
    return bool(found)


@dataclass(frozen=True)
class Meeting(Directory):
    """Lets `beside` begin while the run has its connection locked: before the matching, or before the writes."""

    beside: Beside
    at: str

    def owned(self) -> tuple[int, bool]:
        self._meet("owned")
        return super().owned()

    def apply(self, counts: Mapping[Any, int]) -> None:
        self._meet("apply")
        super().apply(counts)

    def _meet(self, call: str) -> None:
        if call == self.at:
            self.beside.start_and_wait()


def claimed(connection: Connection, kind: RunKind) -> Run:
    run = claim(Run, start_run(connection, kind=kind).pk, lease=LEASE)
    assert run is not None
    return run


def meets(run: Run, source: ListSource, does: Callable[[], object], at: str) -> Beside:
    """Performs the run; `does` happens meanwhile. Both are over afterwards."""
    beside = Beside(does)
    directory = Meeting(run.pk, run.connection_id, run.connection.company_id, beside, at)
    perform_run(run, source=source, directory=directory)
    beside.join(PATIENCE)
    run.refresh_from_db()
    assert not beside.is_alive()
    return beside


def test_two_connections_of_a_company_never_bring_in_the_same_address(
    connection: Connection, company: Company
) -> None:
    other = Connection.objects.create(
        company=company, provider_slug="bamboohr", kind="hris", state=ConnectionState.CONNECTING
    )
    one, two = claimed(connection, RunKind.FIRST), claimed(other, RunKind.FIRST)
    same = record("theirs", work_email="k00000@example.com")
    theirs = ListSource([same, *records(3, start=10)])
    beside = meets(one, ListSource(records(3)), lambda: perform_run(two, source=theirs), "apply")
    assert beside.error == ""
    assert DirectoryPerson.objects.filter(email="k00000@example.com").count() == 1
    assert Problem.objects.get(run=two, source_id="theirs").code == "owned_elsewhere"


def test_a_person_who_decides_about_a_match_waits_for_the_run_that_writes(
    sync: Syncer, connection: Connection, company: Company, admin: User
) -> None:
    former = Connection.objects.create(
        company=company, provider_slug="bamboohr", kind="hris", state=ConnectionState.DISCONNECTED
    )
    for key in ("one", "two"):
        DirectoryPerson.objects.create(
            company=company, connection=former, source_id=key, email="a@example.com", raw_digest="0" * 32
        )
    source = ListSource([record("new", work_email="a@example.com"), *records(3)])
    sync(source)
    match, chosen = Match.objects.get(), DirectoryPerson.objects.get(source_id="one")
    run = claimed(connection, RunKind.MANUAL)
    beside = meets(run, source, lambda: matches.decide(match, person=chosen, by=admin), "owned")
    assert (beside.error, run.outcome) == ("", RunOutcome.APPLIED)
    assert Match.objects.get().chosen == chosen


@pytest.fixture
def beside_it(sync: Syncer, connection: Connection, company: Company) -> tuple[Run, ListSource]:
    """A run of another connection, which gives "theirs" the address x@example.com; the first has "k00000"."""
    sync(ListSource(records(3)))
    other = Connection.objects.create(
        company=company, provider_slug="bamboohr", kind="hris", state=ConnectionState.CONNECTED
    )
    DirectoryPerson.objects.create(
        company=company, connection=other, source_id="theirs", email="y@example.com", raw_digest="0" * 32
    )
    return claimed(other, RunKind.MANUAL), ListSource([record("theirs", work_email="x@example.com")])


def test_nobody_is_given_by_hand_the_address_that_a_run_beside_it_brings_in(
    beside_it: tuple[Run, ListSource], admin: User
) -> None:
    ours = DirectoryPerson.objects.get(source_id="k00000")
    theirs = {"email": "x@example.com"}
    beside = meets(*beside_it, lambda: local.edit_person(ours, theirs, by=admin), "apply")
    assert "Somebody else of this company has this e-mail address." in beside.error
    assert DirectoryPerson.objects.get(email="x@example.com").source_id == "theirs"


def test_nobody_comes_back_by_an_invitation_with_the_address_that_a_run_beside_it_brings_in(
    beside_it: tuple[Run, ListSource], admin: User
) -> None:
    ours = DirectoryPerson.objects.filter(source_id="k00000")
    ours.update(email="x@example.com", state="deactivated", left_because="expired", deactivated_at=Now())
    over = {"state": InvitationState.EXPIRED, "expires_at": Now()}
    invitation = Invitation.objects.create(person=ours.get(), **over)
    beside = meets(*beside_it, lambda: reissue(invitation, by=admin), "apply")
    assert "Somebody else of this company has their e-mail address by now" in beside.error
    assert DirectoryPerson.objects.get(email="x@example.com", state="active").source_id == "theirs"


def test_what_is_edited_besides_addresses_waits_for_no_other_connection(
    beside_it: tuple[Run, ListSource], admin: User
) -> None:
    ours = DirectoryPerson.objects.get(source_id="k00000")
    same = {"email": ours.email, "city": "Hull"}
    seen = []

    def edit() -> None:
        local.edit_person(ours, same, by=admin)
        seen.append(DirectoryPerson.objects.filter(email="x@example.com").exists())

    assert meets(*beside_it, edit, "apply").error == ""
    assert seen == [False]
