"""A held secret is shown to one person, once, with a reason and a fresh password; and everybody concerned hears of it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from portal.accounts.limits import LONGEST, RateLimited
from portal.accounts.models import Allowance, Role, User
from portal.audit.models import Entry
from portal.kit.errors import NeedsPerson
from portal.notices.models import Notice
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import Answer, Event, Item, Request, Reveal
from requests_app.services.reveals import reveal_secret
from tests.requests_app.factories import (
    ENTRA,
    VALUES,
    a_request,
    a_tl,
    customer_of,
    item_of,
    put_in_stage,
    submitted,
)
from tests.support.people import PASSWORD, a_user
from tests.support.queue import drain

pytestmark = pytest.mark.django_db
SECRET = str(VALUES["client_secret"])
WHY = "The test sign-in fails with this value"


@pytest.fixture
def req() -> Request:
    return submitted(ENTRA)


@pytest.fixture
def item(req: Request) -> Item:
    return item_of(req, "client_secret")


@pytest.fixture
def lead() -> User:
    return a_tl()


@pytest.fixture
def client(lead: User) -> Client:
    client = Client()
    client.force_login(lead)
    return client


def page_of(item: Item) -> str:
    return f"/requests/{item.req.number}/reveal/{item.pk}/"


def asks(client: Client, item: Item, **fields: str) -> HttpResponse:
    """Fills in the form as the page shows it."""
    page = client.get(page_of(item)).content.decode()
    asked = re.findall(r'name="asked" value="([^"]+)"', page)[-1]
    values = {"reason": WHY, "password": PASSWORD, "asked": asked, **fields}
    return client.post(page_of(item), values)  # type: ignore[return-value]


def text_of(answer: HttpResponse) -> str:
    return answer.content.decode()


def test_with_a_reason_and_the_password_it_is_shown_in_that_answer_alone(client: Client, item: Item) -> None:
    answer = asks(client, item)
    assert answer.status_code == 200
    assert text_of(answer).count(SECRET) == 1
    assert "no-store" in answer["Cache-Control"]
    for _ in range(2):
        assert SECRET not in client.get(page_of(item)).content.decode()


def test_everybody_concerned_hears_of_it(client: Client, item: Item, lead: User) -> None:
    asks(client, item)
    row = Reveal.objects.get()
    assert (row.item, row.by, row.reason) == (item, lead, WHY)
    entry = Entry.objects.get(action="secret.revealed")
    assert (entry.subject, entry.actor, entry.details["reason"]) == (str(item.req), lead.email, WHY)
    event = Event.objects.filter(req=item.req).first()
    assert event is not None
    assert (event.words, event.reason) == (f"{lead} looked at “{item.label}”", WHY)
    assert not event.for_customer
    drain()
    sent = next(each for each in mail.outbox if each.to == [customer_of(item.req).email])
    assert WHY in sent.body and str(lead) in sent.body  # noqa: PT018
    assert sent.reply_to == [item.req.owner.email]


def test_a_giver_of_the_desk_gets_a_notice(item: Item, lead: User) -> None:
    giver = a_user(Role.CSM, "Rosa Silva")
    Answer.objects.filter(item=item).update(provided_by=giver)
    reveal_secret(item, by=lead, reason=WHY)
    assert Notice.objects.get(kind="revealed").user == giver


def test_the_secret_is_written_nowhere(client: Client, item: Item, caplog: pytest.LogCaptureFixture) -> None:
    asks(client, item)
    drain()
    rows = [
        *Effect.objects.values(),
        *Event.objects.values(),
        *Entry.objects.values(),
        *Notice.objects.values(),
    ]
    assert SECRET not in str(rows) + caplog.text + "".join(str(each.message()) for each in mail.outbox)
    assert SECRET not in str(dict(client.session))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"reason": "why not"}, "at least 10 characters"),
        ({"reason": "          ."}, "at least 10 characters"),
        ({"reason": ""}, "This field is required"),
        ({"password": "wrong"}, "This is not your password"),
        ({"password": ""}, "This field is required"),
        ({"asked": "made-up"}, "Say once more why"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_shown(
    client: Client, item: Item, fields: dict[str, str], says: str
) -> None:
    answer = asks(client, item, **fields)
    assert answer.status_code == 422
    assert says in text_of(answer)
    assert SECRET not in text_of(answer)
    assert not Reveal.objects.exists()


def test_a_password_that_was_confirmed_within_five_minutes_counts(client: Client, item: Item) -> None:
    client.post("/accounts/confirm/", {"password": PASSWORD})
    assert 'name="password"' not in client.get(page_of(item)).content.decode()
    assert SECRET in text_of(asks(client, item, password=""))
    session = client.session
    session["confirmed_at"] -= timedelta(minutes=6).total_seconds()
    session.save()
    assert SECRET not in text_of(asks(client, item, password=""))


def test_the_same_answer_sent_again_shows_nothing_and_asks_for_a_reason_again(
    client: Client, item: Item
) -> None:
    page = client.get(page_of(item)).content.decode()
    asked = re.findall(r'name="asked" value="([^"]+)"', page)[-1]
    again = {"reason": WHY, "password": PASSWORD, "asked": asked}
    assert SECRET in text_of(client.post(page_of(item), again))  # type: ignore[arg-type]
    answer = client.post(page_of(item), again)
    assert SECRET not in answer.content.decode()
    assert WHY not in answer.content.decode()
    assert Reveal.objects.count() == 1


def test_wrong_passwords_are_limited_like_those_at_sign_in(client: Client, item: Item) -> None:
    for _ in range(5):
        asks(client, item, password="wrong")
    assert "Too many tries" in text_of(asks(client, item))
    assert not Reveal.objects.exists()


def test_ten_an_hour_are_enough_for_a_person(item: Item, lead: User) -> None:
    for _ in range(10):
        reveal_secret(item, by=lead, reason=WHY)
    with pytest.raises(RateLimited):
        reveal_secret(item, by=lead, reason=WHY)
    assert Reveal.objects.count() == 10
    reveal_secret(item, by=a_user(Role.DEVELOPER, "Ada Byron"), reason=WHY)
    Allowance.objects.update(started_at=timezone.now() - LONGEST)
    reveal_secret(item, by=lead, reason=WHY)


@pytest.mark.parametrize("stage", [Stage.CLOSED, Stage.CANCELLED, Stage.REJECTED])
def test_what_is_over_is_not_opened_again(req: Request, lead: User, stage: Stage) -> None:
    put_in_stage(req, stage)
    with pytest.raises(NeedsPerson, match="no longer shown"):
        reveal_secret(item_of(req, "client_secret"), by=lead, reason=WHY)


@pytest.mark.parametrize("role", [Role.CSM, Role.OPERATOR, Role.CUSTOMER_ADMIN])
def test_other_roles_are_refused_by_the_page_and_by_the_service(item: Item, role: Role) -> None:
    person = a_user(role, "Ola Nordmann")
    client = Client()
    client.force_login(person)
    assert client.get(page_of(item)).status_code == 403
    assert client.post(page_of(item), {"reason": WHY, "password": PASSWORD}).status_code == 403
    with pytest.raises(NeedsPerson):
        reveal_secret(item, by=person, reason=WHY)


def test_what_is_no_secret_of_this_request_is_not_found(client: Client, item: Item, req: Request) -> None:
    public = item_of(req, "application_id")
    assert client.get(f"/requests/{req.number}/reveal/{public.pk}/").status_code == 404
    other = a_request(ENTRA, by=a_user(Role.CSM, "Rosa Silva"))
    assert client.get(f"/requests/{other.number}/reveal/{item.pk}/").status_code == 404
    assert client.get(f"/requests/{req.number}/reveal/999999/").status_code == 404


def test_where_nothing_is_held_nothing_is_recorded(item: Item, lead: User) -> None:
    Answer.objects.filter(item=item).update(sealed=None)
    with pytest.raises(NeedsPerson, match="No value is held"):
        reveal_secret(item, by=lead, reason=WHY)
    assert not Reveal.objects.exists()


def test_a_secret_that_cannot_be_read_says_so_and_records_nothing(item: Item, lead: User) -> None:
    Answer.objects.filter(item=item).update(sealed=b"\x01" + b"x" * 60)
    with pytest.raises(NeedsPerson, match="no longer be read"):
        reveal_secret(item, by=lead, reason=WHY)
    assert not Reveal.objects.exists()
    assert not Entry.objects.filter(action="secret.revealed").exists()
