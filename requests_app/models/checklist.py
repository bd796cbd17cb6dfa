"""A request's checklist: its items, what was given for them, and the append-only history of that."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from integrations.conditions import from_data
from integrations.provider import Audience, InTicket, ItemKind, Owner, Topic
from portal.kit.vault import Place
from requests_app.models.evidence import Evidence
from requests_app.models.requests import Request


class AnswerState(models.TextChoices):
    MISSING = "missing", "Missing"
    POSTPONED = "postponed", "Not there yet"
    PROVIDED = "provided", "Provided"
    ACCEPTED = "accepted", "Accepted"
    CHANGE_REQUESTED = "change_requested", "Change requested"
    WAIVED = "waived", "Waived"
    NOT_APPLICABLE = "not_applicable", "Not applicable"


class Item(models.Model):
    """One line of a request's checklist, copied from the card's version when the request was made."""

    req = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=300)
    help = models.CharField(max_length=600, blank=True)
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in ItemKind])
    owner = models.CharField(max_length=10, choices=[(owner.value, owner.value) for owner in Owner])
    topic = models.CharField(max_length=12, choices=[(topic.value, topic.label) for topic in Topic])
    options = models.JSONField(default=list, blank=True)
    required = models.JSONField(default=dict)
    visible_to = models.JSONField(default=list)
    ticket = models.CharField(max_length=10, choices=[(value.value, value.value) for value in InTicket])
    maps = models.CharField(max_length=40, blank=True)
    multiline = models.BooleanField(default=False)
    is_credential = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [models.UniqueConstraint("req", "key", name="item_once")]

    def __str__(self) -> str:
        return self.label

    def is_required(self, answers: dict[str, Any]) -> bool:
        return from_data(self.required).holds(answers)

    def is_visible_to(self, audience: Audience) -> bool:
        return audience.value in self.visible_to


class Answer(models.Model):
    """What was given for an item. A secret is sealed here until the connection takes it over; it is never shown."""

    item = models.OneToOneField(Item, on_delete=models.CASCADE, related_name="answer")
    state = models.CharField(max_length=16, choices=AnswerState, default=AnswerState.MISSING)
    value = models.JSONField(null=True, blank=True)
    sealed = models.BinaryField(null=True, blank=True)
    hint = models.CharField(max_length=8, blank=True)
    evidence = models.ForeignKey(Evidence, on_delete=models.SET_NULL, null=True, blank=True)
    # Why it was sent back, waived or postponed; `due_on` is when a postponed answer is promised.
    comment = models.CharField(max_length=500, blank=True)
    due_on = models.DateField(null=True, blank=True)
    provided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    provided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=AnswerState.values), name="answer_state_known"),
            models.CheckConstraint(
                condition=~Q(state="postponed") | Q(due_on__isnull=False), name="answer_postponed_until_when"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item.key}: {self.state}"

    def place(self) -> Place:
        req = self.item.req
        return Place(str(req.company_id), "answer", str(req.public_id), self.item.key)


class ChangeOf(models.TextChoices):
    """What a line of the history tells. Who wrote a GIVEN or POSTPONED line may not approve (four eyes)."""

    GIVEN = "given", "Given"
    POSTPONED = "postponed", "Postponed"
    ACCEPTED = "accepted", "Accepted"
    SENT_BACK = "sent_back", "Sent back"
    WAIVED = "waived", "Waived"


class AnswerChange(models.Model):
    """The history of an answer, append-only. Secrets appear as "a new value", never as a value."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="history")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now())
    what = models.CharField(max_length=10, choices=ChangeOf, default=ChangeOf.GIVEN)
    before = models.CharField(max_length=500, blank=True)
    after = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    on_behalf = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.item.key} at {self.at:%Y-%m-%d %H:%M}"
