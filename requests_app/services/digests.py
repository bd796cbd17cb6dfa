"""One mail a day to each of the staff: the news that they chose for it, and what waits for them."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from portal.accounts.models import STAFF_ROLES, User
from portal.notices.models import By, Digest, Notice
from portal.outbox.services import request_effect
from requests_app.queries import my_work
from requests_app.services.ladder import works_on

MOST_NEWS = 30
# Groups of My work in which somebody else has to act.
OF_OTHERS = frozenset({"Waiting on the customer", "In review"})


def due_people(now: datetime) -> list[User]:
    """Whose digest hour has come today, where they are, on a business day, and is not done with. One query."""
    staff = User.objects.filter(role__in=STAFF_ROLES, is_active=True).select_related("digest").order_by("pk")
    return [person for person in staff if _is_due(person, getattr(person, "digest", None), now)]


def send_digest(pk: int, *, now: datetime) -> bool:
    """Sends this person's digest of today, or notes that there was nothing to say. True if there is a mail.

    The day, the notices in it and the mail are one transaction under the lock of the person's row of digests.
    """
    with transaction.atomic():
        person = User.objects.get(pk=pk)
        Digest.objects.get_or_create(user=person)
        digest = Digest.objects.select_for_update(skip_locked=True).filter(user=person).first()
        if digest is None or not _is_due(person, digest, now):
            return False
        digest.last_on = today_of(person, now)
        digest.save(update_fields=["last_on"])
        collected = Notice.objects.filter(user=person, by=By.DIGEST, digest_at=None)
        news = list(collected.filter(read_at=None).order_by("-pk").values_list("words", flat=True))
        collected.update(digest_at=now)
        waiting = waiting_for(person)
        if not news and not waiting:
            return False
        context = {
            "to_name": person.name,
            "waiting": waiting,
            "news": news[:MOST_NEWS],
            "news_count": len(news),
            "more": max(0, len(news) - MOST_NEWS),
        }
        request_effect(
            "mail.send",
            marker=f"digest:{person.pk}:{digest.last_on}",
            subject="digest",
            payload={"template": "digest", "to": [person.email], "context": context},
        )
    return True


def waiting_for(person: User) -> list[str]:
    """ "Changes requested: 2", of what this person can move on themselves."""
    most = 20
    groups = [group for group in my_work(person, most=most) if group.title not in OF_OTHERS]
    return [
        f"{group.title}: {len(group.rows)}{' or more' if len(group.rows) == most else ''}" for group in groups
    ]


def today_of(person: User, now: datetime) -> date:
    return _there(person, now).date()


def _is_due(person: User, digest: Digest | None, now: datetime) -> bool:
    local, chosen = _there(person, now), digest or Digest(user=person)
    if chosen.hour is None or local.hour < chosen.hour or not works_on(local.date()):
        return False
    return chosen.last_on is None or chosen.last_on < local.date()


def _there(person: User, now: datetime) -> datetime:
    """The instant on this person's clock; a zone that nobody knows is UTC."""
    try:
        return now.astimezone(ZoneInfo(person.time_zone))
    except (ZoneInfoNotFoundError, ValueError):
        return now
