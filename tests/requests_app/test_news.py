"""News of moves: whom each concerns, in words that make sense without opening the page."""

from __future__ import annotations

import pytest

from integrations.models import Connection
from integrations.signals import connection_news
from portal.accounts.models import Role
from portal.notices.models import Notice
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.services.moves import make_move
from requests_app.services.news import tell
from tests.requests_app.factories import a_csm, a_tl, approved, complete, customer_of, put_in_stage, submitted
from tests.requests_app.factories import a_request as filed
from tests.support.people import a_user

pytestmark = pytest.mark.django_db


def notices(kind: str) -> list[tuple[str, str, str]]:
    found = Notice.objects.filter(kind=kind).select_related("user").order_by("pk")
    return [(str(notice.user), notice.words, notice.detail) for notice in found]


def test_a_submission_tells_the_team_leads_but_not_the_one_who_submitted() -> None:
    ben, maya = a_tl(), a_tl("Maya Ortiz")
    a_user(Role.DEVELOPER, "Dev One")
    req = make_move(complete(filed(by=ben)), "submit", by=ben)
    tell(req, "submit", by=ben)
    words = f"Ben Ortiz submitted {req} for approval: Personio for Riverside Community Health"
    assert notices("submitted") == [(str(maya), words, "It needs your decision.")]


@pytest.mark.parametrize(
    ("move", "kind", "words", "detail"),
    [
        ("approve", "approved", "Ben Ortiz approved", "as soon as its plan is confirmed"),
        ("send_back", "sent_back", "Ben Ortiz sent", "What to change:\nThe screenshot is of another company"),
        ("reject", "rejected", "Ben Ortiz rejected", "The reason:\nThe screenshot is of another company"),
    ],
)
def test_a_decision_tells_the_owner_why(move: str, kind: str, words: str, detail: str) -> None:
    req, lead = submitted(), a_tl()
    reason = "" if move == "approve" else "The screenshot is of another company"
    tell(make_move(req, move, by=lead, reason=reason), move, by=lead, reason=reason)
    [(who, said, more)] = notices(kind)
    assert who == str(req.owner)
    assert said.startswith(words)
    assert detail in more
    mailed = Effect.objects.get(payload__template="notice").payload
    assert mailed["to"] == [req.owner.email]
    assert mailed["context"]["url"].endswith(f"/requests/{req.number}/")


def test_handing_back_twice_is_one_piece_of_news() -> None:
    req = complete(filed())
    for _ in range(2):
        tell(req, "hand_back", by=customer_of(req))
    assert len(notices("handed_back")) == 1


def test_nobody_hears_of_what_they_did_themselves() -> None:
    req = filed(by=a_csm())
    tell(req, "send_back", by=req.owner, reason="x")
    assert not Notice.objects.exists()


def test_a_move_that_nobody_waits_for_is_no_news() -> None:
    req = filed()
    tell(req, "withdraw", by=a_tl())
    assert not Notice.objects.exists()


def connection_of(req: Request) -> Connection:
    assert req.connection is not None
    return req.connection


def test_the_owner_hears_that_the_connection_works() -> None:
    req = approved()
    connection_news.send(Connection, connection=connection_of(req), news="connected")
    [(who, words, _)] = notices("live")
    assert (who, words) == (str(req.owner), f"{req} is live: Personio for Riverside Community Health")
    connection_news.send(Connection, connection=connection_of(req), news="connected")
    assert len(notices("live")) == 1


def test_the_owner_hears_that_it_does_not_and_why_by_mail_at_once() -> None:
    req = approved()
    connection_news.send(
        Connection, connection=connection_of(req), news="failed", reason="Personio refused the secret."
    )
    [(_, words, detail)] = notices("failed")
    assert words == f"The connection of {req} could not be activated: Personio for Riverside Community Health"
    assert detail.startswith("Personio refused the secret.")
    assert Effect.objects.filter(payload__template="notice").count() == 1


def test_a_request_that_is_past_the_news_is_no_news() -> None:
    req = put_in_stage(approved(), Stage.CLOSED)
    connection_news.send(Connection, connection=connection_of(req), news="failed", reason="x")
    assert notices("failed") == []
