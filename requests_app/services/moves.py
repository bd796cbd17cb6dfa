"""The only writer of `stage`: check, compare-and-swap, event, effects, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from integrations.models import ConnectionState
from integrations.provider import Kind
from integrations.services.connections import activate_connection
from integrations.services.entitlement import earlier_connection, locked_company
from integrations.services.lifecycle import end_set_up
from integrations.services.locks import busy_is_told
from portal.accounts.models import Role, User
from portal.accounts.services import scope_of
from portal.audit.services import record
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.outbox.services import request_effect
from requests_app.lifecycle import BY_NAME, Actor, Move, Stage
from requests_app.models import Event, Item, Request
from requests_app.queries import editors, missing_items
from requests_app.services.changes import changes_in_ticket
from requests_app.services.secrets import credential_givers, credential_settings
from requests_app.services.tickets import attachments_of, render_ticket
from requests_app.services.wishes import chosen_by

_ACTORS = {Role.CSM: Actor.CSM, Role.TL: Actor.TL, Role.CUSTOMER_ADMIN: Actor.CUSTOMER_ADMIN}
_WORKS = (ConnectionState.CONNECTED, ConnectionState.DEGRADED)
_FOR_CUSTOMER = frozenset({"send_to_customer", "hand_back", "take_back", "submit", "go_live"})
_ENDS = frozenset({Stage.APPROVED, Stage.REJECTED, Stage.LIVE, Stage.FAILED, Stage.CANCELLED, Stage.CLOSED})


class MoveRefused(Exception):
    """A sentence for the page. `code` is one of already_done, changed, not_allowed, wrong_stage, four_eyes,
    needs_reason, missing, ticket, connection.
    """

    def __init__(self, sentence: str, code: str = "not_allowed") -> None:
        super().__init__(sentence)
        self.sentence, self.code = sentence, code


class Incomplete(MoveRefused):
    """Something required is missing; `items` are the rows of the checklist."""

    def __init__(self, items: list[Item]) -> None:
        count = f"{len(items)} answers are" if len(items) > 1 else "One answer is"
        super().__init__(f"{count} still missing.", code="missing")
        self.items = items


def make_move(
    req: Request, name: str, *, by: User | None, expected_version: int | None = None, reason: str = ""
) -> Request:
    """One step in a request's life. `by` None is the system. Raises Incomplete and MoveRefused.

    `expected_version` is what the person was looking at: contents that changed since are not decided on.
    Returns the request as it is afterwards.
    """
    move, reason = BY_NAME[name], reason.strip()[:2000]
    fresh = Request.objects.select_related("company").get(pk=req.pk)
    _check(fresh, move, by, expected_version, reason)
    with transaction.atomic():
        effects = _EFFECTS.get(move.name) if by else None
        if effects in (_approved, _given_up):
            _lock_connection(fresh)
        _step(fresh, move, by, reason)
        if by and effects:
            effects(fresh, by)
    return Request.objects.select_related("company", "owner", "filed_by", "connection").get(pk=fresh.pk)


def reopen(req: Request, *, by: User) -> None:
    """What an edit by `by` does to a request that is approved: back into review, decided by nobody.

    Belongs into the transaction of the edit, which checks who may edit. Raises MoveRefused.
    """
    fresh, move = Request.objects.get(pk=req.pk), BY_NAME["reopen"]
    if fresh.current_stage not in move.frm:
        raise _lost(fresh, move, by)
    with transaction.atomic():
        _step(fresh, move, by, "")
        Request.objects.filter(pk=fresh.pk).update(decided_by=None, decided_at=None)


def _step(fresh: Request, move: Move, by: User | None, reason: str) -> None:
    """The compare-and-swap with its event and its entry in the audit log. Raises MoveRefused."""
    rows = Request.objects.filter(pk=fresh.pk, stage=fresh.stage, version=fresh.version).order_by()
    if not rows.update(stage=move.to, version=F("version") + 1, stage_since=Now(), updated_at=Now()):
        raise _lost(Request.objects.get(pk=fresh.pk), move, by)
    Event.objects.create(
        req=fresh,
        by=by,
        move=move.name,
        stage_before=fresh.stage,
        stage_after=move.to,
        words=f"{by} {move.words}" if by else move.words,
        reason=reason,
        for_customer=move.name in _FOR_CUSTOMER,
    )
    record(
        f"request.{move.name}",
        by=by,
        company_id=fresh.company_id,
        subject=str(fresh),
        details={"from": fresh.stage, "to": move.to.value, "reason": reason},
    )


def _check(req: Request, move: Move, by: User | None, expected_version: int | None, reason: str) -> None:
    if _actor(by) not in move.actors or (by and not Request.objects.for_actor(by).filter(pk=req.pk).exists()):
        raise MoveRefused(_("You cannot do this with this request."))
    if by and by.role == Role.CUSTOMER_ADMIN and scope_of(by, req.public_id) is not None:
        raise MoveRefused(_("You were asked for a few answers only. Whoever asked you hands the rest back."))
    if req.current_stage not in move.frm:
        raise _lost(req, move, by)
    if expected_version is not None and expected_version != req.version:
        raise MoveRefused(
            "The request was changed while you were looking at it. Look at it again, then decide.", "changed"
        )
    if move.four_eyes and by and by.pk in editors(req):
        raise MoveRefused(
            "You filed, answered or submitted this request, so another team lead must approve it.",
            "four_eyes",
        )
    if move.needs_reason and not reason:
        raise MoveRefused("Say why, in a sentence that the others will understand.", "needs_reason")
    if move.needs_all:
        _check_contents(req)


def _check_contents(req: Request) -> None:
    if missing := missing_items(req):
        raise Incomplete(missing)
    try:
        render_ticket(req)
    except NeedsPerson as error:
        raise MoveRefused(error.sentence, "ticket") from None


def _actor(by: User | None) -> Actor | None:
    if by is None:
        return Actor.SYSTEM
    return _ACTORS.get(Role(by.role)) if by.is_active else None


def _lost(req: Request, move: Move, by: User | None) -> MoveRefused:
    """Somebody was faster, perhaps the same person with a second click."""
    stage = req.current_stage
    last = Event.objects.filter(req=req, move=move.name, stage_after=stage).select_related("by").first()
    if stage == move.to and last:
        at = last.at.astimezone(ZoneInfo(by.time_zone if by else "UTC"))
        who = str(last.by) if last.by else "Integration Desk"
        done = f"Already {stage.label.lower()}" if stage in _ENDS else _("Already done")
        told = {"done": done, "who": who, "time": f"{at:%H:%M}", "day": date_format(at, _("j F"))}
        return MoveRefused(_("%(done)s by %(who)s at %(time)s on %(day)s.") % told, "already_done")
    if stage in move.frm:
        return MoveRefused(
            _("The request was changed while you were looking at it. Look at it again, then decide."),
            "changed",
        )
    told = {"stage": _(stage.label)}
    return MoveRefused(
        _("This is not possible now: the request is in the stage “%(stage)s”.") % told, "wrong_stage"
    )


def _submitted(req: Request, by: User) -> None:
    Request.objects.filter(pk=req.pk).update(submitted_at=Now())


def _approved(req: Request, by: User) -> None:
    """The decision, the ticket and the connection: all or nothing. After a reopening, the issue is told instead."""
    request_effect(
        "jira.create_issue",
        marker=marker_of(req),
        subject=str(req.public_id),
        payload={"request": str(req.public_id)},
    )
    card = req.provider
    connection = None
    if card.source is not None or card.sign_in is not None:
        chosen = chosen_by(req)
        try:
            connection = activate_connection(
                req.company,
                req.provider_slug,
                settings=credential_settings(req),
                mapping=chosen.mapping,
                policy=chosen.policy,
                by=by,
                request_number=str(req),
                given=credential_givers(req),
            )
        except NeedsPerson as error:
            raise MoveRefused(error.sentence, "connection") from None
    Request.objects.filter(pk=req.pk).update(decided_by=by, decided_at=clock.now(), connection=connection)
    _tell_issue(req)
    if connection is not None and connection.kind == Kind.HRIS and connection.state in _WORKS:
        # It runs already, by settings that were confirmed: no news will come that this request could wait for.
        make_move(req, "go_live", by=None)


def _lock_connection(req: Request) -> None:
    """The company and its connection before the request and the audit log, as whoever sets a connection up or steers it
    locks them. Raises MoveRefused."""
    try:
        with busy_is_told():
            earlier_connection(locked_company(req.company), req.provider_slug)
    except NeedsPerson as error:
        raise MoveRefused(_(error.sentence), "connection") from None


def _given_up(req: Request, by: User) -> None:
    """Nobody will approve what was set up for it, so nothing of that is kept, unless another request has it too."""
    others = Request.objects.filter(connection=req.connection_id).exclude(pk=req.pk)
    if req.connection is None or any(other.current_stage.is_open for other in others):
        return
    try:
        end_set_up(req.connection, by=by)
    except NeedsPerson as error:
        raise MoveRefused(_(error.sentence), "connection") from None


def _tell_issue(req: Request) -> None:
    """An approval after an approval: what changed in between, as one comment, and the files that came."""
    approvals = Event.objects.filter(req=req, move="approve").order_by("-pk")
    if (before := approvals[1:2].first()) is None:
        return
    request_effect(
        "jira.comment",
        marker=f"jira:reapproved:{req.pk}:{req.version}",
        subject=str(req.public_id),
        payload={
            "request": str(req.public_id),
            "text": changes_in_ticket(req, since=before.at),
            "version": req.version,
        },
    )
    # Without a key yet, the files go along when the issue is created.
    for attachment in attachments_of(req) if req.jira_key else ():
        request_effect(
            "jira.attach",
            marker=f"jira.attach:{attachment.evidence}",
            subject=str(req.public_id),
            payload={
                "request": str(req.public_id),
                "key": req.jira_key,
                "evidence": attachment.evidence,
            },
        )


def marker_of(req: Request) -> str:
    """The label by which the issue is found again; unique, and harmless in a query of Jira."""
    return f"intreq-{req.public_id.hex}"


_EFFECTS: dict[str, Callable[[Request, User], None]] = {
    "submit": _submitted,
    "approve": _approved,
    "reject": _given_up,
    "cancel": _given_up,
}
