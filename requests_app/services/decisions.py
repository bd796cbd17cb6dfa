"""Decisions on single items: a team lead accepts, sends back or waives. None of these is an edit of the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import QuerySet

from portal.accounts.models import Role, User
from portal.audit.services import record
from portal.kit import clock
from requests_app.lifecycle import Stage
from requests_app.models import Answer, AnswerChange, AnswerState, ChangeOf, Event, Item, Request
from requests_app.queries import lines_of
from requests_app.services.answers import LONGEST_REASON, EditRefused, lock, rise
from requests_app.services.given import holds_something, words_of
from requests_app.services.moves import MoveRefused, make_move

_CHANGED = "The request was changed while you were looking at it. Look at it again, then decide."


def accept_items(
    req: Request, keys: Iterable[str], *, by: User, expected_version: int | None = None
) -> list[str]:
    """Marks given answers as accepted and returns their keys; one's own are left for somebody else.

    In review only. Raises EditRefused.
    """
    _team_lead(by)
    with transaction.atomic():
        fresh = lock(req, _stage_of(req))
        if fresh.current_stage != Stage.SUBMITTED:
            raise EditRefused("Answers are accepted while the request is in review.")
        _same_version(fresh, expected_version)
        return _accept(fresh, Answer.objects.filter(item__key__in=list(keys)), by)


def send_back(
    req: Request,
    comments: Mapping[str, str],
    *,
    by: User,
    expected_version: int | None,
    reason: str = "",
) -> Request:
    """Sends the request back with a comment on each item that needs another look; the rest is accepted.

    `comments` by key; empty ones do not count. Without `reason` one is made of them. Raises MoveRefused.
    """
    wanted = {key: " ".join(text.replace("\x00", "").split()) for key, text in comments.items()}
    wanted = {key: text for key, text in wanted.items() if text}
    with transaction.atomic():
        lines = {line.item.key: line for line in lines_of(req) if line.applies}
        _check_comments(wanted, lines)
        labels = {key: lines[key].item.label for key in lines if key in wanted}
        moved = make_move(
            req,
            "send_back",
            by=by,
            expected_version=expected_version,
            reason=reason.strip() or _composed(labels, wanted),
        )
        _ask_again(moved, wanted, by)
        _accept(moved, Answer.objects.exclude(item__key__in=wanted), by)
    return moved


def waive_item(
    req: Request, item: Item, *, reason: str, by: User, expected_version: int | None = None
) -> Answer:
    """Nobody waits for the item any more; the ticket says who waived it and why. Raises EditRefused."""
    reason = " ".join(reason.replace("\x00", "").split())
    if not reason:
        raise EditRefused("Say why this is not needed; the ticket repeats it.")
    _check_length(reason)
    with transaction.atomic():
        answer = _to_waive(req, item, by, expected_version)
        before = words_of(answer)
        answer.state, answer.comment, answer.due_on = AnswerState.WAIVED, reason, None
        answer.decided_by, answer.decided_at = by, clock.now()
        answer.save()
        _tell(answer, by, f"{by} waived “{item.label}”", reason, before=before)
    req.refresh_from_db(fields=["version", "updated_at"])
    return answer


def unwaive_item(req: Request, item: Item, *, by: User, expected_version: int | None = None) -> Answer:
    """Asks for the item again; what was given before counts again. Raises EditRefused."""
    with transaction.atomic():
        answer = _to_waive(req, item, by, expected_version)
        if answer.state != AnswerState.WAIVED:
            raise EditRefused("This is not waived.")
        answer.state = AnswerState.PROVIDED if holds_something(answer) else AnswerState.MISSING
        answer.comment, answer.decided_by, answer.decided_at = "", None, None
        answer.save()
        _tell(answer, by, f"{by} asks for “{item.label}” again", "", before="waived")
    req.refresh_from_db(fields=["version", "updated_at"])
    return answer


def _team_lead(by: User) -> None:
    if not by.is_active or by.role != Role.TL:
        raise EditRefused("Only a team lead decides on answers.")


def _stage_of(req: Request) -> Stage:
    return Stage(Request.objects.values_list("stage", flat=True).get(pk=req.pk))


def _same_version(fresh: Request, expected_version: int | None) -> None:
    if expected_version is not None and expected_version != fresh.version:
        raise EditRefused(_CHANGED)


def _check_length(text: str) -> None:
    if len(text) > LONGEST_REASON:
        raise EditRefused(f"Say it in at most {LONGEST_REASON} characters.")


def _check_comments(comments: Mapping[str, str], lines: Mapping[str, object]) -> None:
    if any(len(text) > LONGEST_REASON for text in comments.values()):
        raise MoveRefused(f"A comment has at most {LONGEST_REASON} characters.", "needs_reason")
    if any(key not in lines for key in comments):
        raise MoveRefused(_CHANGED, "changed")


def _composed(labels: Mapping[str, str], comments: Mapping[str, str]) -> str:
    if not labels:
        return ""
    count = f"{len(labels)} answers need" if len(labels) > 1 else "One answer needs"
    return f"{count} another look: " + "; ".join(f"{labels[key]} – {comments[key]}" for key in labels)


def _ask_again(req: Request, comments: Mapping[str, str], by: User) -> None:
    found = Answer.objects.filter(item__req=req, item__key__in=comments).select_related("item", "evidence")
    lines = []
    for answer in found:
        words = words_of(answer)
        answer.state, answer.comment = AnswerState.CHANGE_REQUESTED, comments[answer.item.key]
        answer.due_on, answer.decided_by, answer.decided_at = None, by, clock.now()
        answer.save()
        what, why = ChangeOf.SENT_BACK, answer.comment
        lines.append(AnswerChange(item=answer.item, by=by, what=what, before=words, after=words, reason=why))
    AnswerChange.objects.bulk_create(lines)


def _accept(req: Request, answers: QuerySet[Answer], by: User) -> list[str]:
    """Those that are given, and not by this person."""
    found = answers.filter(item__req=req, state=AnswerState.PROVIDED).exclude(provided_by=by)
    items = [answer.item for answer in found.select_related("item").order_by("item__position")]
    now = clock.now()
    Answer.objects.filter(item__in=items).update(state=AnswerState.ACCEPTED, decided_by=by, decided_at=now)
    AnswerChange.objects.bulk_create(AnswerChange(item=item, by=by, what=ChangeOf.ACCEPTED) for item in items)
    if items:
        keys = [item.key for item in items]
        record("answer.accepted", by=by, company_id=req.company_id, subject=str(req), details={"items": keys})
    return [item.key for item in items]


def _to_waive(req: Request, item: Item, by: User, expected_version: int | None) -> Answer:
    """The answer of a locked request whose version has risen. Raises EditRefused."""
    _team_lead(by)
    if item.req_id != req.pk:
        raise EditRefused("This item belongs to another request.")
    stage = _stage_of(req)
    if not (stage.is_in_preparation or stage == Stage.SUBMITTED):
        raise EditRefused(f"This request is {stage.label.lower()}, so nothing can be waived now.")
    fresh = lock(req, stage)
    _same_version(fresh, expected_version)
    rise(fresh, by)
    return Answer.objects.select_related("item__req", "evidence").get(item=item)


def _tell(answer: Answer, by: User, words: str, reason: str, *, before: str) -> None:
    """The line in the history, the one in the timeline, and the entry in the audit log."""
    item = answer.item
    is_waived = answer.state == AnswerState.WAIVED
    after = "waived" if is_waived else words_of(answer)
    AnswerChange.objects.create(
        item=item, by=by, what=ChangeOf.WAIVED, before=before, after=after, reason=reason
    )
    Event.objects.create(req=item.req, by=by, words=words[:500], reason=reason)
    action = "answer.waived" if is_waived else "answer.unwaived"
    details = {"item": item.key}
    record(action, by=by, company_id=item.req.company_id, subject=str(item.req), details=details)
