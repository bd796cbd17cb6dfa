"""What the answers of a request choose for its connection, and how they reach a set-up that has begun already."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from django.db import models

from integrations.engine.mapping import Origin, Spec, When
from integrations.models import DraftState, Receipt
from integrations.services.draft_answers import WHEN, Parts, parts_of, take_over, to_follow
from integrations.services.draft_rows import DraftRefused
from integrations.services.drafts import open_draft
from portal.accounts.models import User
from requests_app.models import AnswerState, Item, Request

NOTIFY, UPDATE_ORG = "hris.notify_employees", "hris.update_org"
# What stays as it is in the LMS where UPDATE_ORG is answered with No.
ORG = ("location", "department", "job_title")

# What was sent back is the last word until it is answered anew.
_GIVEN = (AnswerState.PROVIDED, AnswerState.ACCEPTED, AnswerState.CHANGE_REQUESTED)


class Chosen(NamedTuple):
    """As a draft stores them: where each attribute comes from, and the policy."""

    mapping: Mapping[str, Spec]
    policy: Mapping[str, Any]


def chosen_by(req: Request) -> Chosen:
    """Only what an answer says; everything else is as the card has it."""
    items = list(_items(req))
    given = {item.key: item.answer.value for item in items}
    mapping: dict[str, Spec] = {item.maps: str(item.answer.value) for item in items if item.maps}
    if given.get(UPDATE_ORG) is False:
        mapping |= _only_when_new({**req.provider.mapping, **mapping})
    return Chosen(mapping, _policy(given.get(NOTIFY)))


def asks_the_set_up(item: Item) -> bool:
    """Whether its answer chooses something that is set up."""
    return bool(item.maps) or item.key in (NOTIFY, UPDATE_ORG)


def parts_asked(req: Request) -> Parts:
    return parts_of(req.provider, *chosen_by(req))


def follow(req: Request, before: Parts, *, by: User) -> None:
    """The set-up that is being worked on takes over what is answered otherwise now. In the answer's transaction."""
    draft = open_draft(req.connection) if req.connection else None
    if draft is not None:
        with suppress(DraftRefused):  # confirmed a moment ago: from then on `unheard` tells it
            take_over(draft, to_follow(draft, before, parts_asked(req)), by=by)


def unheard(req: Request) -> list[Item]:
    """Answers that were given after the plan was confirmed and are not as it has them. Four queries at most."""
    receipt = _confirmed(req)
    if receipt is None:
        return []
    after = receipt.after
    has = parts_of(req.provider, after.get("mapping", {}), after.get("policy", {}))
    now = parts_asked(req)
    later = _items(req).filter(answer__provided_at__gt=receipt.confirmed_at)
    return [item for item in later if any(has[part] != now[part] for part in _parts(item))]


def parts_unheard(req: Request) -> Parts:
    """What the answers of `unheard` ask for."""
    asked = parts_asked(req)
    return {part: asked[part] for item in unheard(req) for part in _parts(item)}


def _confirmed(req: Request) -> Receipt | None:
    """The plan that goes or will go; None while somebody works on another one."""
    connection = req.connection
    if connection is None or open_draft(connection) is not None:
        return None
    states = (DraftState.CONFIRMED, DraftState.APPLIED)
    found: Receipt | None = connection.receipts.filter(draft__state__in=states).first()
    return found


def _items(req: Request) -> models.QuerySet[Item]:
    """With a value: what was taken away or postponed has none."""
    rows = Item.objects.filter(req=req, answer__state__in=_GIVEN, answer__value__isnull=False)
    rows = rows.filter(models.Q(maps__gt="") | models.Q(key__in=(NOTIFY, UPDATE_ORG)))
    return rows.select_related("answer").order_by("position")


def _parts(item: Item) -> tuple[str, ...]:
    if item.key == NOTIFY:
        return ("invites", "mails")
    return tuple(f"{name}{WHEN}" for name in ORG) if item.key == UPDATE_ORG else (item.maps,)


def _only_when_new(specs: Mapping[str, Spec]) -> dict[str, Spec]:
    origins = (Origin.of(name, specs.get(name, "")) for name in ORG)
    return {one.attribute: replace(one, when=When.NEW).as_data() for one in origins if not one.is_empty}


def _policy(notify: object) -> dict[str, Any]:
    """Without an invitation nobody gets a mail; No leaves it to the card whether people are invited without one."""
    if notify is True:
        return {"invites": True, "mails": True}
    return {} if notify is None else {"mails": False}
