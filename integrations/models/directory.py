"""The directory: per company, the people that the LMS sees and that one connection owns."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from integrations.models.connections import Connection
from portal.accounts.models import Company, User


class PersonState(models.TextChoices):
    ACTIVE = "active", "Active"
    DEACTIVATED = "deactivated", "Deactivated"


# Why an account was deactivated besides the three ways of leaving.
LEFT = ("undone", "expired", "released")


class DirectoryQuerySet(models.QuerySet["DirectoryPerson"]):
    def for_actor(self, user: User) -> DirectoryQuerySet:
        """The one way to people: those of the companies that the actor may see."""
        return self.filter(company__in=Company.objects.for_actor(user))


class DirectoryPerson(models.Model):
    """One account. `source_id` is the vendor's key within the connection that owns the person.

    `raw_digest` is 16 bytes over the vendor's record and the mapping's version, so that an unchanged record is
    skipped before it is read. Columns are the attributes of `people.ATTRIBUTES`. `protected`: no run ever deactivates
    them. `kept`: somebody rejected their removal; it lasts until the HR system lists them as before. `left_because` is a
    Leaving, or one of LEFT. `edited_at`: somebody changed them here; the next run overwrites that.
    """

    public_id = models.UUIDField(
        default=uuid.uuid4, db_default=models.Func(function="gen_random_uuid"), unique=True
    )
    # The lists and the uniqueness below begin with these columns: an index each of their own would only cost.
    # The company of a person is that of the connection: triggers see to both at once (migration 0010), for a
    # foreign key would ask about every row of a load.
    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, related_name="people", db_index=False, db_constraint=False
    )
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="people", db_index=False, db_constraint=False
    )
    source_id = models.CharField(max_length=100)
    state = models.CharField(max_length=12, choices=PersonState, db_default=PersonState.ACTIVE)
    protected = models.BooleanField(db_default=False)
    kept = models.CharField(max_length=12, blank=True, db_default="")
    left_because = models.CharField(max_length=12, blank=True, db_default="")
    edited_at = models.DateTimeField(null=True, blank=True)
    title = models.CharField(max_length=40, db_default="")
    first_name = models.CharField(max_length=120, db_default="")
    last_name = models.CharField(max_length=120, db_default="")
    email = models.CharField("e-mail", max_length=254)
    job_title = models.CharField(max_length=200, db_default="")
    department = models.CharField(max_length=200, db_default="")
    location = models.CharField(max_length=200, db_default="")
    office = models.CharField(max_length=200, db_default="")
    city = models.CharField(max_length=120, db_default="")
    country = models.CharField(max_length=120, db_default="")
    legal_entity = models.CharField("company", max_length=200, db_default="")
    phone = models.CharField(max_length=40, db_default="")
    employee_number = models.CharField(max_length=60, db_default="")
    manager_id = models.CharField("manager", max_length=100, db_default="")
    hired_on = models.CharField("hire date", max_length=10, db_default="")
    raw_digest = models.UUIDField()
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    deactivated_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = DirectoryQuerySet.as_manager()

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering: ClassVar = ["last_name", "first_name", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "source_id"], name="person_once"),
            models.CheckConstraint(condition=Q(state__in=PersonState.values), name="person_state_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["company", "state", "last_name", "first_name"], name="person_list"),
            models.Index("company", Lower("email"), name="person_email"),
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email
