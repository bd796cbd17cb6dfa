"""The conversation: who may say what to whom, who hears of it, and what stops being a blocker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.dispatch import receiver

from portal.accounts.models import AccessLink, Role, User
from portal.audit.models import Entry
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.notices.models import Notice
from portal.outbox.models import Effect
from requests_app.models import AnswerChange, Event, Message, Origin, Reach, Request
from requests_app.services.evidence import store_evidence
from requests_app.services.talk import LONGEST_MESSAGE, mentioned_in, resolve_stuck, write_message
from requests_app.signals import message_written
from tests.requests_app.factories import a_request, an_upload, customer_of, item_of, let_in
from tests.support.people import a_company, a_customer, a_user
from tests.support.queue import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def req() -> Request:
    return a_request("personio")


@pytest.fixture
def lead() -> User:
    return a_user(Role.TL, "Maya Ortiz")


def mails() -> list[Effect]:
    return list(Effect.objects.filter(kind="mail.send", payload__template="message"))


@pytest.mark.parametrize(
    ("role", "reach", "may"),
    [
        (Role.CSM, Reach.INTERNAL, True),
        (Role.CSM, Reach.CUSTOMER, True),
        (Role.TL, Reach.CUSTOMER, True),
        (Role.DEVELOPER, Reach.INTERNAL, True),
        (Role.DEVELOPER, Reach.CUSTOMER, False),
        (Role.OPERATOR, Reach.CUSTOMER, False),
        (Role.CUSTOMER_ADMIN, Reach.CUSTOMER, True),
        (Role.CUSTOMER_ADMIN, Reach.INTERNAL, False),
    ],
)
def test_who_may_write_to_whom(req: Request, role: Role, reach: Reach, *, may: bool) -> None:
    writers = {Role.CSM: req.owner, Role.CUSTOMER_ADMIN: customer_of(req)}
    by = writers.get(role) or a_user(role, "Some Body")
    if may:
        assert write_message(req, "Hello", by=by, reach=reach).reach == reach
    else:
        with pytest.raises(NeedsPerson):
            write_message(req, "Hello", by=by, reach=reach)
        assert not Message.objects.exists()


def test_whoever_may_not_see_the_request_writes_nothing(req: Request) -> None:
    for stranger in (a_user(Role.CSM, "Rosa Silva"), a_customer(a_company("Other"), "kim@other.example")):
        with pytest.raises(NeedsPerson):
            write_message(req, "Hello", by=stranger, reach=Reach.CUSTOMER)


@pytest.mark.parametrize("text", ["", "  \n ", "\x00", "x" * (LONGEST_MESSAGE + 1)])
def test_nothing_and_too_much_are_refused(req: Request, text: str) -> None:
    with pytest.raises(NeedsPerson):
        write_message(req, text, by=req.owner, reach=Reach.INTERNAL)


def test_the_character_that_the_database_refuses_is_left_out(req: Request) -> None:
    assert write_message(req, "a\x00b", by=req.owner, reach=Reach.INTERNAL).text == "ab"


def test_a_note_is_mailed_to_nobody_at_the_customer(req: Request) -> None:
    customer_of(req)
    write_message(req, "They are slow", by=req.owner, reach=Reach.INTERNAL)
    assert mails() == []


def test_a_message_reaches_every_live_address_once_without_a_token(req: Request) -> None:
    dana = customer_of(req)
    let_in(req, dana)  # the same person came in by two links
    let_in(req, a_user(Role.CUSTOMER_ADMIN, "Kim Lee", "kim@riverside.example"))
    gone = let_in(req, a_user(Role.CUSTOMER_ADMIN, "Lou Old", "lou@riverside.example"))
    late = let_in(req, a_user(Role.CUSTOMER_ADMIN, "Ann New", "ann@riverside.example"))
    AccessLink.objects.filter(pk=gone.pk).update(revoked_at=clock.now())
    AccessLink.objects.filter(pk=late.pk).update(used_at=None, expires_at=clock.now() - timedelta(days=1))
    write_message(req, "Which tenant is it? {{ 7 }}", by=req.owner, reach=Reach.CUSTOMER)
    assert sorted(row.payload["to"][0] for row in mails()) == [dana.email, "kim@riverside.example"]
    drain()
    body = mail.outbox[0].body
    assert "Which tenant is it? {{ 7 }}" in body
    assert "reply in the portal" in body
    assert f"/your/{req.public_id}/" in body
    assert "/accounts/link/" not in body


def test_the_owner_hears_of_what_the_customer_wrote(req: Request) -> None:
    write_message(req, "It is acme", by=customer_of(req), reach=Reach.CUSTOMER)
    notice = Notice.objects.get()
    assert (notice.user, notice.kind, notice.detail) == (req.owner, "customer_message", "It is acme")
    assert notice.words == f"{req} Riverside Community Health: Dana Whitfield wrote"


def test_stuck_is_a_blocker_until_somebody_resolves_it_once(req: Request) -> None:
    dana, item = customer_of(req), item_of(req, "client_secret")
    message = write_message(req, "Where is it?", by=dana, reach=Reach.CUSTOMER, item=item, is_stuck=True)
    assert Notice.objects.get().kind == "stuck"
    assert Event.objects.get(move="stuck").words == f"Dana Whitfield is stuck on “{item.label}”"
    resolve_stuck(message, by=req.owner)
    first = Message.objects.get().resolved_at
    resolve_stuck(message, by=req.owner)
    assert Message.objects.get().resolved_at == first
    assert Message.objects.get().resolved_by == req.owner
    assert Event.objects.filter(move="unstuck").count() == 1


def test_only_the_desk_and_whoever_was_stuck_resolve(req: Request) -> None:
    dana = customer_of(req)
    message = write_message(req, "Help", by=dana, reach=Reach.CUSTOMER, is_stuck=True)
    kim = a_user(Role.CUSTOMER_ADMIN, "Kim Lee", "kim@riverside.example")
    let_in(req, kim)
    for other in (kim, a_user(Role.DEVELOPER, "Dev Eloper"), a_user(Role.CSM, "Rosa Silva")):
        with pytest.raises(NeedsPerson):
            resolve_stuck(message, by=other)
    assert resolve_stuck(message, by=dana).resolved_at is not None


def test_staff_are_mentioned_in_notes_and_told_once(req: Request, lead: User) -> None:
    outsider = a_user(Role.CSM, "Rosa Silva")
    text = "@maya.ortiz and @Maya, @rosa, @nobody: write to dana@maya.example"
    note = write_message(req, text, by=req.owner, reach=Reach.INTERNAL)
    assert list(note.mentions.all()) == [lead]
    assert [(notice.user, notice.kind) for notice in Notice.objects.all()] == [(lead, "mentioned")]
    assert outsider not in note.mentions.all()


def test_nobody_is_mentioned_to_the_customer(req: Request, lead: User) -> None:
    customer_of(req)
    message = write_message(req, "@maya will call you", by=req.owner, reach=Reach.CUSTOMER)
    assert not message.mentions.exists()
    assert not Notice.objects.exists()


def test_a_first_name_that_two_have_means_nobody(lead: User) -> None:
    other = a_user(Role.DEVELOPER, "Maya Lind")
    assert mentioned_in("@maya", [lead, other]) == []
    assert mentioned_in("@maya.lind.", [lead, other]) == [other]


def test_files_and_items_of_another_request_are_refused(req: Request) -> None:
    other = a_request("personio", by=req.owner, company=a_company("Other"))
    file = store_evidence(other, an_upload(), by=req.owner)
    with pytest.raises(NeedsPerson):
        write_message(req, "See", by=req.owner, reach=Reach.INTERNAL, files=[file])
    with pytest.raises(NeedsPerson):
        write_message(req, "See", by=req.owner, reach=Reach.INTERNAL, item=item_of(other, "client_id"))
    with pytest.raises(NeedsPerson):  # the customer does not know of this question
        write_message(req, "See", by=req.owner, reach=Reach.CUSTOMER, item=item_of(req, "company.mrr"))


def test_a_comment_of_jira_comes_once_and_is_internal(req: Request) -> None:
    told: dict[str, Any] = {"by": None, "author": "Lin Dev", "origin": Origin.JIRA, "jira_id": "10042"}
    first = write_message(req, "Deployed", reach=Reach.INTERNAL, **told)
    assert write_message(req, "Deployed", reach=Reach.INTERNAL, **told) == first
    with pytest.raises(NeedsPerson):
        write_message(req, "Deployed", reach=Reach.CUSTOMER, **told)


def test_writing_is_recorded_told_by_signal_and_makes_no_editor(req: Request) -> None:
    heard: list[Message] = []

    @receiver(message_written)
    def hear(sender: object, *, message: Message, **_: Any) -> None:
        heard.append(message)

    before = AnswerChange.objects.count()
    note = write_message(req, "Secret thoughts", by=req.owner, reach=Reach.INTERNAL)
    message_written.disconnect(hear)
    assert heard == [note]
    entry = Entry.objects.get(action="message.internal")
    assert entry.subject == str(req)
    assert "thoughts" not in str(entry.details)
    assert AnswerChange.objects.count() == before
