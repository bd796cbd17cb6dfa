"""Groups of the directory, who is in them, and the invitations of people who are new."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from integrations.models.connections import Connection
from integrations.models.directory import DirectoryPerson
from integrations.models.runs import Run
from portal.accounts.models import Company, User


class GroupQuerySet(models.QuerySet["Group"]):
    def for_actor(self, user: User) -> GroupQuerySet:
        """The one way to groups: those of the companies that the actor may see."""
        return self.filter(company__in=Company.objects.for_actor(user))


class Group(models.Model):
    """`key` is the value of the attribute, or the vendor's id of the event. A group without people stays, empty."""

    public_id = models.UUIDField(
        default=uuid.uuid4, db_default=models.Func(function="gen_random_uuid"), unique=True
    )
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="groups")
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="groups", db_index=False
    )
    source = models.CharField(max_length=20)  # an attribute, or "event"
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar = GroupQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "source", "key"], name="group_once")
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """`by_hand`: somebody added it here; the next run overwrites that."""

    # Both are checked once for each statement (migration 0009), as a load writes a row for everybody.
    group = models.ForeignKey(
        Group, on_delete=models.CASCADE, related_name="memberships", db_index=False, db_constraint=False
    )
    person = models.ForeignKey(
        DirectoryPerson, on_delete=models.CASCADE, related_name="memberships", db_constraint=False
    )
    by_hand = models.BooleanField(db_default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group", "person"], name="group_membership_once")
        ]

    def __str__(self) -> str:
        return f"{self.person} in {self.group}"


class MembershipChange(models.Model):
    """What one run did to one membership."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="membership_changes")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+", db_index=False)
    person = models.ForeignKey(DirectoryPerson, on_delete=models.CASCADE, related_name="membership_changes")
    joined = models.BooleanField()
    by_hand = models.BooleanField(db_default=False)  # it undid what somebody had done here

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.person} {'joined' if self.joined else 'left'} {self.group}"


class InvitationState(models.TextChoices):
    PENDING = "pending", "Not accepted yet"
    ACCEPTED = "accepted", "Accepted"
    EXPIRED = "expired", "Expired"
    REMOVED = "removed", "Removed with the person"


class Invitation(models.Model):
    """A person's pending invitation to the LMS. `sent_at` stays empty where the customer wants no mails."""

    public_id = models.UUIDField(
        default=uuid.uuid4, db_default=models.Func(function="gen_random_uuid"), unique=True
    )
    person = models.ForeignKey(DirectoryPerson, on_delete=models.CASCADE, related_name="invitations")
    state = models.CharField(max_length=10, choices=InvitationState, db_default=InvitationState.PENDING)
    mails = models.BooleanField(db_default=False)
    made_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person"], name="invitation_open_once", condition=Q(state=InvitationState.PENDING)
            ),
            models.CheckConstraint(
                condition=Q(state__in=InvitationState.values), name="invitation_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"invitation of {self.person}"
