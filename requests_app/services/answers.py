"""Giving and postponing an answer: who may, when, what is kept of it, and its line in the history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.provider import Audience, ItemKind, Owner
from portal.accounts.models import Role, User
from portal.accounts.services import scope_of
from portal.audit.services import record
from portal.kit import clock
from requests_app.lifecycle import Stage
from requests_app.models import Answer, AnswerChange, AnswerState, ChangeOf, Item, Request
from requests_app.services.given import Given, holds_something, is_same, parsed, words_of
from requests_app.services.kinds import InvalidAnswer
from requests_app.services.moves import MoveRefused, reopen
from requests_app.services.secrets import seal
from requests_app.services.wishes import asks_the_set_up, follow, parts_asked

__all__ = ["EditRefused", "InvalidAnswer", "give_answer", "lock", "may_give", "postpone_answer", "rise"]

LONGEST_REASON = 500
LATEST = timedelta(days=366)
_STAFF = {Role.CSM: Audience.CSM, Role.TL: Audience.TL}
_MOVED_ON = gettext_lazy("The request moved on a moment ago, so nothing was changed. Look at it again.")


class EditRefused(Exception):
    """This person, or nobody, may change this answer now. The sentence is for the page."""


def may_give(item: Item, by: User, stage: Stage, *, scope: frozenset[str] | None = None) -> bool:
    """Whether this person may answer this item now.

    A customer admin: the customer's items, or those of `scope` that were handed on to them, while the request
    is with them. CSM and TL: everything but secrets, which only the customer enters. Nobody else.
    """
    if not by.is_active:
        return False
    if by.role == Role.CUSTOMER_ADMIN:
        mine = item.owner == Owner.CUSTOMER and item.is_visible_to(Audience.CUSTOMER)
        return mine and (scope is None or item.key in scope) and stage.can_be_edited_by_customer
    audience = _STAFF.get(Role(by.role))
    seen = audience is not None and item.is_visible_to(audience)
    return seen and item.kind != ItemKind.SECRET and stage.can_be_edited


def give_answer(req: Request, item: Item, raw: Any, *, by: User) -> Answer:
    """Keeps what was given; None or "" makes the answer missing again. The same value changes nothing.

    `raw` is text for most kinds, an Evidence or an upload for files. An edit after the approval reopens the
    request. Raises InvalidAnswer and EditRefused.
    """
    stage = _stage_for(req, item, by)
    given = parsed(req, item, raw, by)

    def keep(answer: Answer) -> None:
        answer.value, answer.sealed, answer.hint, answer.evidence = given.value, None, "", given.evidence
        if given.secret:
            seal(answer, given.secret)
        answer.state = AnswerState.MISSING if given.is_empty else AnswerState.PROVIDED
        answer.comment, answer.due_on = "", None

    return _change(req, item, stage, by, given, keep)


def postpone_answer(req: Request, item: Item, *, reason: str, due_on: date | None, by: User) -> Answer:
    """ "I don't have this yet": the item stays open, with a reason (at most 500 characters) and a day.

    The day is from today, where `by` is, to a year from now. What was given before is taken away; its words
    stay in the history. Raises InvalidAnswer and EditRefused.
    """
    stage = _stage_for(req, item, by)
    reason = " ".join(reason.replace("\x00", "").split())
    _check_promise(reason, due_on, by)

    def keep(answer: Answer) -> None:
        answer.value, answer.sealed, answer.hint, answer.evidence = None, None, "", None
        answer.state, answer.comment, answer.due_on = AnswerState.POSTPONED, reason, due_on

    return _change(req, item, stage, by, None, keep)


def lock(req: Request, stage: Stage) -> Request:
    """The request's row, held until the transaction ends: whoever writes its answers takes it first.

    Raises EditRefused when the stage is no longer the one that was looked at.
    """
    fresh = Request.objects.select_for_update(no_key=True).get(pk=req.pk)
    if fresh.current_stage != stage:
        raise EditRefused(str(_MOVED_ON))
    return fresh


def rise(fresh: Request, by: User) -> None:
    """A new version of a locked request; one that is approved goes back into review."""
    if fresh.current_stage.is_reopened_by_edits:
        try:
            reopen(fresh, by=by)
        except MoveRefused as refused:
            raise EditRefused(refused.sentence) from None
        return
    Request.objects.filter(pk=fresh.pk).update(version=F("version") + 1, updated_at=Now())


def _stage_for(req: Request, item: Item, by: User) -> Stage:
    """The stage in which this person may change this item. Raises EditRefused."""
    if item.req_id != req.pk or not Request.objects.for_actor(by).filter(pk=req.pk).exists():
        raise EditRefused(_("You cannot change this request."))
    stage = Stage(Request.objects.values_list("stage", flat=True).get(pk=req.pk))
    scope = scope_of(by, req.public_id) if by.role == Role.CUSTOMER_ADMIN else None
    if not may_give(item, by, stage, scope=scope):
        raise EditRefused(_refusal(item, by, stage))
    return stage


def _refusal(item: Item, by: User, stage: Stage) -> str:
    editable = stage.can_be_edited_by_customer if by.role == Role.CUSTOMER_ADMIN else stage.can_be_edited
    if not editable:
        return _("This request is %(stage)s, so its answers can no longer be changed.") % {
            "stage": _(stage.label.lower())
        }
    if item.kind == ItemKind.SECRET and by.is_desk_staff:
        return "Only the customer enters secrets. Send them the link."
    return _("You cannot change this answer now.")


def _check_promise(reason: str, due_on: date | None, by: User) -> None:
    if not reason:
        raise InvalidAnswer(_("Say in a few words why you don't have it yet."))
    if len(reason) > LONGEST_REASON:
        raise InvalidAnswer(_("Say it in at most %(most)d characters.") % {"most": LONGEST_REASON})
    today = clock.now().astimezone(ZoneInfo(by.time_zone)).date()
    if due_on is None or not today <= due_on <= today + LATEST:
        raise InvalidAnswer(_("Choose the day by which you will have it: from today to a year from now."))


def _change(
    req: Request, item: Item, stage: Stage, by: User, given: Given | None, keep: Callable[[Answer], None]
) -> Answer:
    """One change of one answer with its line, version and audit entry. `given` None is a postponement."""
    with transaction.atomic():
        fresh = lock(req, stage)
        answer = Answer.objects.select_related("item__req", "evidence").get(item=item)
        if given is not None and is_same(answer, given):
            return answer
        asked = parts_asked(fresh) if fresh.connection_id and asks_the_set_up(item) else None
        rise(fresh, by)
        before = words_of(answer)
        keep(answer)
        is_there = holds_something(answer)
        answer.provided_by, answer.provided_at = (by, clock.now()) if is_there else (None, None)
        answer.decided_by = answer.decided_at = None
        answer.save()
        _write_line(answer, by, before, what=ChangeOf.GIVEN if given is not None else ChangeOf.POSTPONED)
        if asked is not None:
            follow(fresh, asked, by=by)
    req.refresh_from_db(fields=["stage", "version", "updated_at", "decided_by", "decided_at"])
    return answer


def _write_line(answer: Answer, by: User, before: str, *, what: ChangeOf) -> None:
    item = answer.item
    AnswerChange.objects.create(
        item=item,
        by=by,
        what=what,
        before=before,
        after=words_of(answer, new=True),
        reason=answer.comment,
        on_behalf=by.is_desk_staff and item.owner == Owner.CUSTOMER,
    )
    record(
        f"answer.{what.value}",
        by=by,
        company_id=item.req.company_id,
        subject=str(item.req),
        details={"item": item.key},
    )
