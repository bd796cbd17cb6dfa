"""News about a request for the people of the desk: one sentence each, in the transaction of what happened."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from portal.accounts.models import Role, User
from portal.notices.services import notify
from requests_app.models import Request


@dataclass(frozen=True, slots=True)
class _News:
    """What a move is as news. In `words` and `detail`: {who}, {req}, {what} ("Example HR for Acme"), {reason}."""

    kind: str
    words: str
    detail: str = ""
    to_leads: bool = False


_OF_MOVES = {
    "submit": _News(
        "submitted", "{who} submitted {req} for approval: {what}", "It needs your decision.", to_leads=True
    ),
    "hand_back": _News(
        "handed_back",
        "{who} has completed the customer’s part of {req}: {what}",
        "Next: look at the answers and the ticket, then submit the request for approval.",
    ),
    "approve": _News(
        "approved",
        "{who} approved {req}: {what}",
        "The Jira ticket is being created. The connection starts as soon as its plan is confirmed; where nobody has done "
        "that yet, the request’s page says whom it waits for.",
    ),
    "send_back": _News(
        "sent_back",
        "{who} sent {req} back to you: {what}",
        "What to change:\n{reason}\n\nThen submit the request again.",
    ),
    "reject": _News(
        "rejected",
        "{who} rejected {req}: {what}",
        "The reason:\n{reason}\n\nEverything that was entered stays on the request.",
    ),
    "go_live": _News(
        "live", "{req} is live: {what}", "The connection works. There is nothing for you to do."
    ),
    "fail": _News(
        "failed",
        "The connection of {req} could not be activated: {what}",
        "{reason}\n\nThe request’s page shows what to do next.",
    ),
}


def tell(req: Request, move: str, *, by: User | None, reason: str = "") -> None:
    """Tells whom a move concerns; moves that nobody waits for are no news. Nobody hears of what they did themselves.

    A submission goes to the team leads who may decide on it, everything else to the owner. Once per move: its
    marker names the version that the move made.
    """
    news = _OF_MOVES.get(move)
    if news is None:
        return
    people = leads() if news.to_leads else [req.owner]
    who = str(by) if by else "Integration Desk"
    names = {"who": who, "req": str(req), "what": what(req), "reason": reason}
    notify(
        [person for person in people if by is None or person.pk != by.pk],
        news.kind,
        words=news.words.format(**names),
        detail=news.detail.format(**names).strip(),
        url=page_of(req),
        marker=f"{news.kind}:{req.pk}:{req.version}",
    )


def leads() -> list[User]:
    return list(User.objects.filter(role=Role.TL, is_active=True).order_by("pk"))


def what(req: Request) -> str:
    """ "Example HR for Acme Health": what a request is about, in every sentence about it."""
    return f"{req.provider.name} for {req.company.name}"


def page_of(req: Request) -> str:
    """The path of the request's page."""
    return reverse("request_detail", args=[req.number])
