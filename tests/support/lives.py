"""Requests with a past: rows as they would stand after the given steps, each at its own instant."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations import catalog
from portal.accounts.models import Company, User
from portal.kit import clock
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request
from requests_app.services import filing

_NUMBERS = itertools.count(500_000)
_MOVES = {
    Stage.WAITING_ON_CUSTOMER: "send_to_customer",
    Stage.SUBMITTED: "submit",
    Stage.CHANGES_REQUESTED: "send_back",
    Stage.APPROVED: "approve",
    Stage.REJECTED: "reject",
    Stage.LIVE: "go_live",
    Stage.FAILED: "fail",
    Stage.CANCELLED: "cancel",
    Stage.CLOSED: "close",
}


def ago(*, days: float = 0, hours: float = 0) -> datetime:
    return clock.now() - timedelta(days=days, hours=hours)


def a_life(
    company: Company,
    steps: Sequence[tuple[datetime, Stage]],
    *,
    owner: User,
    slug: str = "personio",
    checklist: bool = False,
) -> Request:
    """A request that entered these stages at these instants, oldest first; the first is its filing as a draft."""
    card = catalog.get(slug)
    req = Request.objects.create(
        number=next(_NUMBERS),
        company=company,
        provider_slug=card.slug,
        kind=card.kind,
        stage=steps[-1][1],
        owner=owner,
        filed_by=owner,
        created_at=steps[0][0],
        updated_at=steps[-1][0],
        stage_since=steps[-1][0],
    )
    before = ""
    for at, stage in steps:
        move = _MOVES.get(stage, "hand_back") if before else ""
        Event.objects.create(
            req=req, at=at, by=owner, move=move, stage_before=before, stage_after=stage, words=f"{stage}"
        )
        before = stage
    if checklist:
        filing._copy_checklist(req, card, owner)
    return req
