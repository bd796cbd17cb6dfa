"""Handing on: a colleague sees what they were asked for and nothing else, until it is taken back."""

from __future__ import annotations

import pytest
from django.core import mail
from pytest_django.fixtures import Settings

from portal.accounts.models import AccessLink, Company, Membership, Role, User
from portal.accounts.services import scope_of
from portal.audit.models import Entry
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.notices.models import Notice
from requests_app.models import Request
from requests_app.queries import checklist_for
from requests_app.services.answers import EditRefused
from requests_app.services.delegation import MOST_OPEN, delegate, held_by_colleagues, open_links, take_back
from requests_app.services.moves import make_move
from tests.requests_app.factories import ADP, PERSONIO, a_request, a_tl, customer_of, give
from tests.support.people import a_company, a_customer
from tests.support.queue import drain

pytestmark = pytest.mark.django_db
SAM = "sam.lee@riverside.example"


@pytest.fixture(autouse=True)
def _mails_stay_here(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def req() -> Request:
    made = a_request(ADP)
    customer_of(made)
    return make_move(made, "send_to_customer", by=made.owner)


@pytest.fixture
def dana(req: Request) -> User:
    return customer_of(req)


def come_in(link: AccessLink) -> User:
    """As the door does it, once the code was right."""
    user = User.objects.filter(email=link.email).first() or User.objects.create_user(
        link.email, name=link.email, role=Role.CUSTOMER_ADMIN
    )
    AccessLink.objects.filter(pk=link.pk).update(used_at=clock.now(), used_by=user)
    Membership.objects.get_or_create(user=user, company=link.company, defaults={"link": link})
    return user


def seen_by(req: Request, user: User) -> set[str]:
    return {line.item.key for state in checklist_for(req, user) for line in state.lines}


def test_a_colleague_sees_and_answers_only_what_was_handed_on(req: Request, dana: User) -> None:
    sam = come_in(delegate(req, SAM, by=dana, item_keys=["client_secret"]))
    assert seen_by(req, sam) == {"client_secret"}
    give(req, "client_secret", "a-secret-from-sam", sam)
    with pytest.raises(EditRefused):
        give(req, "client_id", "not-asked", sam)


def test_whoever_hands_on_can_still_answer(req: Request, dana: User) -> None:
    delegate(req, SAM, by=dana, item_keys=["client_id"])
    assert give(req, "client_id", "mine", dana).value == "mine"


def test_without_items_the_whole_part_is_handed_on(req: Request, dana: User) -> None:
    sam = come_in(delegate(req, SAM, by=dana))
    assert scope_of(sam, req.public_id) is None
    assert seen_by(req, sam) == seen_by(req, dana)


def test_nobody_hands_on_more_than_they_hold(req: Request, dana: User) -> None:
    sam = come_in(delegate(req, SAM, by=dana, item_keys=["client_id", "client_secret"]))
    with pytest.raises(NeedsPerson):
        delegate(req, "kim@riverside.example", by=sam, item_keys=["certificate"])
    everything = delegate(req, "kim@riverside.example", by=sam)
    assert everything.item_keys == ["client_id", "client_secret"]


@pytest.mark.parametrize("key", ["hris.goal", "company.mrr", "made-up"])
def test_what_is_the_desks_cannot_be_handed_on_by_anybody(req: Request, dana: User, key: str) -> None:
    for by in (dana, req.owner):
        with pytest.raises(NeedsPerson):
            delegate(req, SAM, by=by, item_keys=[key])
    assert not open_links(req).exists()


def test_strangers_colleagues_of_ours_and_nonsense_are_refused(req: Request, dana: User) -> None:
    stranger = a_customer(a_company("Other Clinic"), "kim@other.example")
    for by, email in (
        (stranger, SAM),
        (dana, req.owner.email),
        (dana, dana.email.upper()),
        (dana, "nobody"),
        (dana, "a@b.example\nBcc: c@d.example"),
    ):
        with pytest.raises(NeedsPerson):
            delegate(req, email, by=by)
    assert not open_links(req).exists()


def test_nothing_is_handed_on_once_the_part_is_handed_back(req: Request, dana: User) -> None:
    make_move(req, "hand_back", by=dana)
    with pytest.raises(NeedsPerson):
        delegate(req, SAM, by=dana)


def test_ten_colleagues_are_enough_and_the_same_one_again_counts_once(req: Request, dana: User) -> None:
    for number in range(MOST_OPEN):
        delegate(req, f"colleague{number}@riverside.example", by=dana, item_keys=["client_id"])
    delegate(req, "colleague1@riverside.example", by=dana, item_keys=["client_secret"])
    with pytest.raises(NeedsPerson, match="Take one back"):
        delegate(req, SAM, by=dana)


def test_taken_back_it_is_gone_at_the_next_click_with_all_that_hung_on_it(req: Request, dana: User) -> None:
    link = delegate(req, SAM, by=dana, item_keys=["client_id"])
    sam = come_in(link)
    kim = come_in(delegate(req, "kim@riverside.example", by=sam))
    take_back(req, link, by=dana)
    for user in (sam, kim):
        assert not Request.objects.for_actor(user).exists()
    assert Request.objects.for_actor(dana).exists()
    assert held_by_colleagues(req) == []


def test_only_whoever_asked_or_the_desk_takes_back(req: Request, dana: User) -> None:
    link = delegate(req, SAM, by=dana, item_keys=["client_id"])
    sam = come_in(link)
    with pytest.raises(NeedsPerson):
        take_back(req, link, by=sam)
    own = AccessLink.objects.get(used_by=dana)
    with pytest.raises(NeedsPerson):
        take_back(req, own, by=dana)
    take_back(req, link, by=req.owner)
    assert not Request.objects.for_actor(sam).exists()


def test_an_invitation_of_the_same_person_by_the_desk_stays(req: Request, dana: User) -> None:
    link = delegate(req, dana.email.replace("dana", "sam"), by=dana, item_keys=["client_id"])
    sam = come_in(link)
    AccessLink.objects.create(
        company=req.company,
        request_id=req.public_id,
        email=sam.email,
        nonce=b"1" * 32,
        token_hash=b"2" * 32,
        expires_at=clock.now(),
        used_at=clock.now(),
        used_by=sam,
    )
    take_back(req, link, by=dana)
    assert Request.objects.for_actor(sam).exists()


def test_a_link_of_another_request_is_not_taken_back(req: Request, dana: User) -> None:
    other = a_request(PERSONIO, by=req.owner, company=Company.objects.get())
    link = delegate(req, SAM, by=dana)
    with pytest.raises(NeedsPerson):
        take_back(other, link, by=a_tl())


def test_the_colleague_the_owner_the_timeline_and_the_audit_log_are_told(req: Request, dana: User) -> None:
    delegate(req, SAM, by=dana, item_keys=["client_secret"], note="You made the app.\nRight?")
    drain()
    sent = next(message for message in mail.outbox if message.to == [SAM])
    assert "- Client secret" in sent.body
    assert '"You made the app. Right?"' in sent.body
    assert "/accounts/link/" in sent.body
    notice = Notice.objects.get(kind="delegated")
    assert notice.user == req.owner
    assert SAM in notice.words
    assert req.events.filter(move="delegate", for_customer=True, words__contains=SAM).exists()
    assert Entry.objects.get(action="request.delegate").details == {"email": SAM, "items": ["client_secret"]}


def test_an_address_outside_the_customers_domain_is_said_to_the_owner(req: Request, dana: User) -> None:
    delegate(req, "sam@consultants.example", by=dana)
    assert "another domain" in Notice.objects.get(kind="delegated").words
