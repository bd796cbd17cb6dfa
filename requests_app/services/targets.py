"""Requests over the target of their stage: their owner hears of it, once per stage."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from portal.notices.services import notify
from requests_app.models import Reminder, Request, RequestQuerySet
from requests_app.services.clocks import overdue
from requests_app.services.news import page_of, what

_RUNG = "target"


def late_requests(now: datetime) -> RequestQuerySet:
    """Over their target and not told of yet, the longest in their stage first."""
    told = Reminder.objects.filter(req=OuterRef("pk"), rung=_RUNG, since=OuterRef("stage_since"))
    found: RequestQuerySet = Request.objects.filter(overdue(now), ~Exists(told))
    return found.order_by("stage_since", "pk")


def tell_late(pk: int, *, now: datetime) -> bool:
    """Tells the owner that this request is late. False when it is not, or somebody was faster."""
    with transaction.atomic():
        found = late_requests(now).filter(pk=pk).select_related("company", "owner")
        req = found.select_for_update(skip_locked=True, of=("self",)).first()
        if req is None:
            return False
        Reminder.objects.create(req=req, rung=_RUNG, since=req.stage_since, sent_at=now)
        stage = req.current_stage.label.lower()
        notify(
            [req.owner],
            "overdue",
            words=f"{req} is over its target in the stage “{stage}”: {what(req)}",
            url=page_of(req),
            marker=f"{_RUNG}:{req.pk}:{req.stage_since:%Y%m%d%H%M%S}",
        )
    return True
