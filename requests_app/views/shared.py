"""What the pages of requests share: who asks, which request they may see, and what they may do with it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django_htmx.middleware import HtmxDetails

from portal.accounts.models import User
from requests_app.lifecycle import Actor
from requests_app.models import Request


class DeskRequest(HttpRequest):
    """Behind the policy there is always a user; the middleware of django-htmx adds its details."""

    user: User
    htmx: HtmxDetails


def actor_of(user: User) -> Actor | None:
    """The role as the life of a request knows it; None for those who only read."""
    return Actor(user.role) if user.role in set(Actor) else None


def staff_req(user: User, number: int) -> Request:
    """Raises Http404 alike for a request that is missing and for one that is not this person's."""
    return _found(user, number=number)


def customer_req(user: User, public_id: UUID) -> Request:
    """Raises Http404 alike for a request that is missing, foreign, or whose link was revoked."""
    return _found(user, public_id=public_id)


def _found(user: User, **which: Any) -> Request:
    rows = Request.objects.for_actor(user)
    req: Request = get_object_or_404(
        rows.select_related("company", "owner", "filed_by", "connection"), **which
    )
    return req
