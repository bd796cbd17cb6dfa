"""The same deed for many requests: a plan is made and looked at first, then carried out only if it is still true."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from portal.accounts.models import AccessLink, Role, User
from portal.accounts.policy import DESK
from portal.audit.services import record
from portal.kit.errors import NeedsPerson
from portal.notices.services import notify
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request, RequestQuerySet
from requests_app.services.reminders import remind_now

MOST = 200
_OVER = frozenset({Stage.REJECTED, Stage.CANCELLED, Stage.CLOSED})


class PlanChanged(Exception):
    """Something is not as it was when the person looked. `plan` is what would happen now; nothing was done."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("The requests have changed since you looked.")
        self.plan = plan


@dataclass(frozen=True, slots=True)
class Step:
    """What would happen to one request, in words; or, when `refusal` says why, that nothing would.

    `has_failed`: it was tried, and `refusal` is what came of it.
    """

    req: Request
    words: str
    refusal: str = ""
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """`deed` is "reassign" or "remind"; `missing` are numbers that are no request of this person's."""

    deed: str
    steps: tuple[Step, ...]
    missing: tuple[int, ...] = ()
    owner: User | None = None

    @property
    def doable(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if not step.refusal)

    @property
    def digest(self) -> str:
        """Of all that was shown and of each request's version: the same plan later means nothing has changed."""
        facts = [
            [step.req.pk, step.req.version, step.req.owner_id, step.req.stage, step.words, step.refusal]
            for step in self.steps
        ]
        shown = json.dumps([self.deed, self.owner.pk if self.owner else None, self.missing, facts])
        return hashlib.sha256(shown.encode()).hexdigest()


def may_be_given(user: User) -> bool:
    """Who can own a request."""
    return user.is_active and user.role in DESK


def plan_reassign(numbers: Iterable[int], owner: User, *, by: User) -> Plan:
    """What giving these requests to `owner` would do. Raises NeedsPerson."""
    if by.role != Role.TL:
        raise NeedsPerson("Only a team lead can reassign requests.", code="not_yours")
    if not may_be_given(owner):
        raise NeedsPerson(f"{owner} cannot own requests. Choose a CSM or a team lead.", code="not_an_owner")
    return _plan("reassign", numbers, by, lambda req: _reassignment(req, owner), owner)


def plan_remind(numbers: Iterable[int], *, by: User) -> Plan:
    """What reminding the customers of these requests would do. Raises NeedsPerson."""
    if by.role not in DESK:
        raise NeedsPerson("Only a CSM or a team lead can remind customers.", code="not_yours")
    chosen = list(numbers)
    reachable = _with_a_link(chosen)
    return _plan("remind", chosen, by, lambda req: _reminder(req, by, req.public_id in reachable))


def apply_reassign(numbers: Iterable[int], owner: User, *, by: User, digest: str) -> Plan:
    """Gives them away and tells the new owner once. Raises PlanChanged and NeedsPerson; then nothing was done."""
    kept = list(numbers)
    with transaction.atomic():
        _lock(kept)
        plan = _unchanged(plan_reassign(kept, owner, by=by), digest)
        events = [_give(step.req, owner, by) for step in plan.doable]
        if events and owner != by:
            _tell(owner, plan, by, events[0])
    return plan


def apply_remind(numbers: Iterable[int], *, by: User, digest: str) -> Plan:
    """Sends the reminders; one that could not be sent is refused in what comes back, and holds up no other.

    Raises PlanChanged and NeedsPerson; then nothing was done.
    """
    kept = list(numbers)
    with transaction.atomic():
        _lock(kept)
        plan = _unchanged(plan_remind(kept, by=by), digest)
        return replace(plan, steps=tuple(_remind(step, by) for step in plan.steps))


def _remind(step: Step, by: User) -> Step:
    if step.refusal:
        return step
    try:
        with transaction.atomic():
            mails = remind_now(step.req, by=by)
    except NeedsPerson as error:
        return replace(step, refusal=error.sentence, has_failed=True)
    if not mails:
        return replace(step, refusal="Nothing is open, or nobody can be reached.", has_failed=True)
    return step


def _plan(
    deed: str, numbers: Iterable[int], by: User, look: Callable[[Request], Step], owner: User | None = None
) -> Plan:
    chosen = sorted(set(numbers))
    if not chosen:
        raise NeedsPerson("Choose at least one request.", code="none")
    if len(chosen) > MOST:
        raise NeedsPerson(f"Choose at most {MOST} requests at a time.", code="too_many")
    rows: RequestQuerySet = Request.objects.for_actor(by).filter(number__in=chosen)
    found = {req.number: req for req in rows.select_related("company", "owner", "filed_by")}
    steps = tuple(look(found[number]) for number in chosen if number in found)
    return Plan(deed, steps, tuple(number for number in chosen if number not in found), owner)


def _lock(numbers: list[int]) -> None:
    """In one order, so that two people who choose the same requests wait for each other and do not lock up."""
    list(Request.objects.select_for_update().filter(number__in=numbers[:MOST]).order_by("pk").values("pk"))


def _unchanged(plan: Plan, digest: str) -> Plan:
    if plan.digest != digest:
        raise PlanChanged(plan)
    return plan


def _reassignment(req: Request, owner: User) -> Step:
    words = f"From {req.owner} to {owner}"
    if req.current_stage in _OVER:
        return Step(req, words, f"It is {req.current_stage.label.lower()}: there is nothing left to do.")
    if req.owner_id == owner.pk:
        return Step(req, words, f"{owner} has it already.")
    return Step(req, words)


def _give(req: Request, owner: User, by: User) -> Event:
    before = str(req.owner)
    Request.objects.filter(pk=req.pk).update(owner=owner)
    record(
        "request.reassigned",
        by=by,
        company_id=req.company_id,
        subject=str(req),
        details={"from": req.owner.email, "to": owner.email},
    )
    return Event.objects.create(req=req, by=by, words=f"{by} gave the request from {before} to {owner}")


def _tell(owner: User, plan: Plan, by: User, event: Event) -> None:
    given = [step.req for step in plan.doable]
    if len(given) == 1:
        words, url = (
            f"{by} gave you {given[0]}, {given[0].company}",
            reverse("request_detail", args=[given[0].number]),
        )
    else:
        words = f"{by} gave you {len(given)} requests"
        url = f"{reverse('request_list')}?{urlencode({'owner': owner.pk, 'tab': 'all'})}"
    detail = ", ".join(f"{req} {req.company}" for req in given)
    notify([owner], "assigned", words=words, url=url, marker=f"assigned:{event.pk}", detail=detail)


def _with_a_link(numbers: list[int]) -> set[UUID]:
    """The requests whose customer has a link that works or was used: the others can be invited, not reminded."""
    requests = Request.objects.filter(number__in=numbers[:MOST]).values("public_id")
    works = Q(expires_at__gt=Now()) | Q(used_at__isnull=False)
    links = AccessLink.objects.filter(works, request_id__in=requests, revoked_at=None)
    return set(links.values_list("request_id", flat=True))


def _reminder(req: Request, by: User, has_link: bool) -> Step:
    words = "The customer gets a reminder now"
    if by.role == Role.CSM and req.owner_id != by.pk:
        return Step(req, words, "Only its owner or a team lead can remind the customer.")
    if req.current_stage != Stage.WAITING_ON_CUSTOMER:
        return Step(req, words, "It does not wait on the customer.")
    if not has_link:
        return Step(req, words, "The customer has no link that works. Invite them again.")
    return Step(req, words)
