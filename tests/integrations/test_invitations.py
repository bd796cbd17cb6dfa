"""Invitations: mailed once where the customer wants it, accepted by whoever has the address, over after six months."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from integrations.models import (
    Connection,
    ConnectionState,
    DirectoryPerson,
    Invitation,
    InvitationState,
    Membership,
    PersonState,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.services import invitations
from integrations.services.invitation_ends import LASTS, expire_invitations
from integrations.services.invitations import (
    PER_TICK,
    address_of,
    mail_invitations,
    reissue,
    token_of,
)
from integrations.services.starts import start_run
from portal.accounts.models import User
from portal.accounts.services import create_link
from portal.audit.models import Entry
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.outbox.models import Effect
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records
from tests.support.queue import drain

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _mails_stay_here(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def invited(connection: Connection, key: str = "k1", **values: object) -> Invitation:
    person = DirectoryPerson.objects.create(
        company=connection.company,
        connection=connection,
        source_id=key,
        first_name="Verena",
        email=f"{key}@example.com",
        raw_digest=uuid.uuid4(),
    )
    known = {"mails": True, "expires_at": clock.now() + LASTS, **values}
    return Invitation.objects.create(person=person, **known)


def mailed(connection: Connection, key: str = "k1", **values: object) -> Invitation:
    return invited(connection, key, sent_at=clock.now(), **values)


def test_a_mail_goes_out_once_in_two_forms_with_its_address(connection: Connection) -> None:
    invitation = invited(connection)
    now = clock.now()
    assert [mail_invitations(now), mail_invitations(now)] == [1, 0]
    drain()
    [sent] = mail.outbox
    assert sent.to == ["k1@example.com"]
    assert address_of(invitation) in str(sent.body)
    assert "employer" in str(sent.body)
    assert isinstance(sent, EmailMultiAlternatives)
    assert sent.alternatives[0][1] == "text/html"
    invitation.refresh_from_db()
    assert invitation.sent_at == now


def test_neither_address_nor_link_stands_in_the_outbox(connection: Connection) -> None:
    invitation = invited(connection)
    mail_invitations(clock.now())
    told = str(Effect.objects.values().get())
    assert "k1@example.com" not in told
    assert token_of(invitation) not in told


def test_the_mail_speaks_the_companys_language(connection: Connection) -> None:
    create_link(connection.company, uuid.uuid4(), "dana@riverside.example", by=None, language="de")
    invited(connection)
    mail_invitations(clock.now())
    drain()
    assert "Guten Tag Verena" in str(mail.outbox[0].body)


@pytest.mark.parametrize("state", [ConnectionState.PAUSED, ConnectionState.DISCONNECTED])
def test_who_wants_no_mails_and_who_stands_still_gets_none(connection: Connection, state: str) -> None:
    invited(connection, mails=False)
    assert mail_invitations(clock.now()) == 0
    invited(connection, "k2")
    Connection.objects.update(state=state)
    assert mail_invitations(clock.now()) == 0
    assert expire_invitations(clock.now() + 2 * LASTS) == 0


def test_whoever_left_before_the_mail_was_sent_gets_none(connection: Connection) -> None:
    invitation = invited(connection)
    mail_invitations(clock.now())
    Invitation.objects.filter(pk=invitation.pk).update(state=InvitationState.REMOVED)
    drain()
    assert mail.outbox == []
    assert "skipped" in Effect.objects.get().result


def test_a_tick_mails_a_bounded_number(connection: Connection) -> None:
    people = DirectoryPerson.objects.bulk_create(
        DirectoryPerson(
            company=connection.company,
            connection=connection,
            source_id=f"k{number}",
            email=f"k{number}@example.com",
            raw_digest=uuid.uuid4(),
        )
        for number in range(PER_TICK + 5)
    )
    soon = clock.now() + LASTS
    Invitation.objects.bulk_create(Invitation(person=one, mails=True, expires_at=soon) for one in people)
    assert [mail_invitations(clock.now()) for _ in range(3)] == [PER_TICK, 5, 0]


def test_a_look_changes_nothing_and_the_button_accepts(connection: Connection) -> None:
    invitation = invited(connection)
    url = reverse("invitation_accept", args=[token_of(invitation)])
    page = Client().get(url)
    assert page.status_code == 200
    assert "Welcome, Verena" in page.content.decode()
    invitation.refresh_from_db()
    assert invitation.state == InvitationState.PENDING
    for _ in range(2):
        assert Client().post(url).status_code == 302
        invitation.refresh_from_db()
        assert invitation.state == InvitationState.ACCEPTED
    assert "You are in" in Client().get(url).content.decode()


def test_the_button_needs_the_pages_own_token(connection: Connection) -> None:
    url = reverse("invitation_accept", args=[token_of(invited(connection))])
    assert Client(enforce_csrf_checks=True).post(url).status_code == 403


def test_unknown_expired_replaced_and_removed_answer_alike(connection: Connection, admin: User) -> None:
    expired = invited(connection, "k1", expires_at=clock.now() - timedelta(seconds=1))
    removed = invited(connection, "k2", state=InvitationState.REMOVED)
    left = invited(connection, "k3")
    DirectoryPerson.objects.filter(pk=left.person_id).update(state=PersonState.DEACTIVATED)
    replaced = invited(connection, "k4")
    tokens = [token_of(one) for one in (expired, removed, left, replaced)]
    reissue(replaced, by=admin)
    unknown = token_of(Invitation(public_id=uuid.uuid4()))
    answers = set()
    for token in (*tokens, unknown, tokens[0][:-3] + "xyz", "nonsense"):
        url = reverse("invitation_accept", args=[token])
        for answer in (Client().get(url), Client().post(url)):
            answers.add((answer.status_code, answer.content.decode().replace(token, "")))
    assert {status for status, _ in answers} == {410}
    assert len({text.split("<main")[1] for _, text in answers}) == 1
    assert not Invitation.objects.filter(state=InvitationState.ACCEPTED).exists()


def test_seed_002_after_six_months_it_is_removed_with_the_person_and_the_next_run_invites_again(
    sync: Syncer, connection: Connection
) -> None:
    connection.policy = {"invites": True, "mails": True}
    connection.save(update_fields=["policy"])
    sync(ListSource(records(3)))
    assert mail_invitations(clock.now()) == 3
    person = DirectoryPerson.objects.get(source_id="k00001")
    Invitation.objects.exclude(person=person).update(state=InvitationState.ACCEPTED)
    later = clock.now() + timedelta(days=185)
    assert [expire_invitations(later), expire_invitations(later)] == [1, 0]
    person.refresh_from_db()
    assert (person.state, person.left_because) == (PersonState.DEACTIVATED, "expired")
    assert Invitation.objects.get(person=person).state == InvitationState.EXPIRED
    run = sync(ListSource(records(3)))
    assert (run.returned, run.invited) == (1, 1)
    person.refresh_from_db()
    assert person.state == PersonState.ACTIVE
    assert Invitation.objects.filter(person=person, state=InvitationState.PENDING).count() == 1


def test_before_six_months_nothing_expires_and_protected_people_stay(connection: Connection) -> None:
    invitation = mailed(connection)
    assert expire_invitations(clock.now() + LASTS - timedelta(days=1)) == 0
    DirectoryPerson.objects.update(protected=True)
    assert expire_invitations(clock.now() + LASTS + timedelta(days=1)) == 1
    invitation.refresh_from_db()
    assert invitation.state == InvitationState.EXPIRED
    assert DirectoryPerson.objects.get().state == PersonState.ACTIVE


def test_while_nothing_can_be_read_no_invitation_expires(connection: Connection) -> None:
    mailed(connection)
    Connection.objects.update(state=ConnectionState.QUARANTINED)
    assert expire_invitations(clock.now() + 2 * LASTS) == 0
    Connection.objects.update(state=ConnectionState.DEGRADED)
    assert expire_invitations(clock.now() + 2 * LASTS) == 1


def test_one_issued_again_is_mailed_again_and_lasts_six_months(connection: Connection, admin: User) -> None:
    invitation = invited(connection, mails=False, expires_at=clock.now() + timedelta(days=1))
    again = reissue(invitation, by=admin)
    assert again.pk == invitation.pk
    assert again.expires_at > clock.now() + LASTS - timedelta(minutes=1)
    assert mail_invitations(clock.now()) == 1
    assert Entry.objects.get(action="invitation.reissued").actor == admin.email


def test_one_that_expired_comes_back_with_its_person(connection: Connection, admin: User) -> None:
    invitation = mailed(connection)
    expire_invitations(clock.now() + 2 * LASTS)
    invitation.refresh_from_db()
    again = reissue(invitation, by=admin)
    assert again.pk != invitation.pk
    assert DirectoryPerson.objects.get().state == PersonState.ACTIVE
    assert invitations.invitation_by(token_of(again)) == again
    with pytest.raises(NeedsPerson, match="newer"):
        reissue(invitation, by=admin)


def test_one_that_expired_comes_back_into_the_same_groups(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    connection.policy = {"invites": True}
    connection.save(update_fields=["policy"])
    team = ListSource([record(key, department="Care") for key in ("a", "b")])
    sync(team)
    Invitation.objects.update(sent_at=clock.now())
    Connection.objects.update(watermark="1")
    expire_invitations(clock.now() + 2 * LASTS)
    connection.refresh_from_db()
    assert (connection.watermark, connection.full_pass_at) == ("", None), "the next run reads everybody"
    reissue(Invitation.objects.get(person__source_id="a"), by=admin)
    sync(team)
    assert set(Membership.objects.values_list("person__source_id", flat=True)) == {"a", "b"}


def expired(connection: Connection, key: str) -> Invitation:
    """That of somebody who left for it just now."""
    person = DirectoryPerson.objects.get(connection=connection, source_id=key)
    over = clock.now() - timedelta(days=1)
    Invitation.objects.filter(person=person).update(sent_at=over - LASTS, expires_at=over)
    assert expire_invitations(clock.now()) == 1
    return Invitation.objects.get(person=person)


@pytest.fixture
def of_ten(sync: Syncer, connection: Connection) -> Invitation:
    """An invitation that expired, of one of ten people who have one."""
    connection.policy = {"invites": True}
    connection.save(update_fields=["policy"])
    sync(ListSource(records(10)))
    return expired(connection, "k00000")


def test_nobody_comes_back_by_an_invitation_whose_address_somebody_else_has_by_now(
    of_ten: Invitation, sync: Syncer, admin: User
) -> None:
    DirectoryPerson.objects.filter(source_id="k00001").update(email="K00000@example.com")
    with pytest.raises(NeedsPerson) as refused:
        reissue(of_ten, by=admin)
    assert refused.value.code == "duplicate_email"
    assert DirectoryPerson.objects.get(source_id="k00000").state == PersonState.DEACTIVATED


@pytest.mark.parametrize("said", [[record("k00000", status="terminated")], []])
def test_nobody_comes_back_by_an_invitation_whom_the_hr_system_did_not_bring_back_since(
    of_ten: Invitation, sync: Syncer, admin: User, said: list[dict[str, object]]
) -> None:
    sync(ListSource([*said, *records(9, start=1)]))
    with pytest.raises(NeedsPerson) as refused:
        reissue(of_ten, by=admin)
    assert refused.value.code == "left"
    assert DirectoryPerson.objects.get(source_id="k00000").state == PersonState.DEACTIVATED


def test_a_run_whose_answer_was_refused_says_nothing_about_who_may_come_back(
    of_ten: Invitation, sync: Syncer, admin: User
) -> None:
    assert sync(ListSource([])).outcome == RunOutcome.HELD
    assert reissue(of_ten, by=admin).state == InvitationState.PENDING


def test_nobody_leaves_for_an_invitation_while_a_run_goes_on(connection: Connection) -> None:
    mailed(connection)
    run = start_run(connection, kind=RunKind.MANUAL)
    assert expire_invitations(clock.now() + 2 * LASTS) == 0
    Run.objects.filter(pk=run.pk).update(job_state="done")
    assert expire_invitations(clock.now() + 2 * LASTS) == 1


@pytest.mark.parametrize("state", [InvitationState.ACCEPTED, InvitationState.REMOVED])
def test_what_is_over_is_not_issued_again(connection: Connection, admin: User, state: str) -> None:
    invitation = invited(connection, state=state)
    if state == InvitationState.REMOVED:
        DirectoryPerson.objects.update(state=PersonState.DEACTIVATED, left_because="absent")
    with pytest.raises(NeedsPerson):
        reissue(invitation, by=admin)


def test_whoever_is_here_may_be_invited_again_whatever_became_of_the_last_one(
    connection: Connection, admin: User
) -> None:
    invitation = invited(connection, state=InvitationState.REMOVED)
    assert reissue(invitation, by=admin).state == InvitationState.PENDING


def test_nobody_is_invited_endlessly(connection: Connection, admin: User) -> None:
    invitation = invited(connection)
    for _ in range(3):
        reissue(invitation, by=admin)
    with pytest.raises(NeedsPerson, match="several times"):
        reissue(invitation, by=admin)
