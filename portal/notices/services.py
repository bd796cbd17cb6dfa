"""Telling people. Called in the transaction of what happened; mails go through the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.http import url_has_allowed_host_and_scheme

from portal.accounts.models import Role, User
from portal.notices.kinds import KINDS, Kind
from portal.notices.models import By, Digest, Notice, Preference
from portal.outbox.services import request_effect

__all__ = ["KINDS", "Kind", "kinds_for", "mark_read", "notify", "set_wishes", "wants_mail", "wishes_of"]

_LONGEST_DETAIL = 1000


def notify(
    people: Iterable[User], kind: str, *, words: str, url: str, marker: str, detail: str = ""
) -> list[Notice]:
    """One notice each, for those of the staff who are active and have not had this marker.

    `words` is one sentence, `url` a path of the portal. Whoever wants this kind at once gets a mail with the same
    words; for the digest it is collected. Raises KeyError for an unknown kind.
    """
    known = KINDS[kind]
    reached = {person.pk: person for person in people if person.is_active and person.is_desk_staff}
    wishes = dict(Preference.objects.filter(user__in=reached, kind=kind).values_list("user", "by"))
    made = []
    with transaction.atomic():
        for user in reached.values():
            values = {
                "kind": known.name,
                "words": _cut(words, 300),
                "detail": _cut(detail, _LONGEST_DETAIL),
                "url": url,
                "by": By(wishes.get(user.pk, known.mailed)),
            }
            notice, created = Notice.objects.get_or_create(user=user, marker=marker[:160], defaults=values)
            if created:
                made.append(notice)
                if notice.by == By.NOW:
                    _mail(notice, user)
    return made


def _mail(notice: Notice, user: User) -> None:
    context = {
        "to_name": user.name,
        "words": notice.words,
        "detail": notice.detail,
        "url": f"{settings.SITE_URL}{notice.url}",
    }
    request_effect(
        "mail.send",
        marker=f"notice:{notice.pk}",
        subject=f"notice:{notice.kind}",
        payload={"template": "notice", "to": [user.email], "context": context},
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def address_of(notice: Notice) -> str:
    """Where the notice leads: a path of this site, whatever was stored."""
    ours = notice.url.startswith("/") and url_has_allowed_host_and_scheme(notice.url, allowed_hosts=None)
    return notice.url if ours else "/"


def mark_read(user: User, *, upto: int) -> int:
    """Everything unread up to that notice, so that news which came meanwhile stays new. Returns how many."""
    return Notice.objects.filter(user=user, read_at=None, pk__lte=upto).update(read_at=Now())


# --- preferences --------------------------------------------------------------------------------------------


def kinds_for(user: User) -> list[Kind]:
    """The kinds of news that concern this person's role."""
    return [kind for kind in KINDS.values() if Role(user.role) in kind.roles]


def wishes_of(user: User) -> dict[str, By]:
    """How each kind that concerns this person is mailed to them."""
    chosen = dict(Preference.objects.filter(user=user).values_list("kind", "by"))
    return {kind.name: By(chosen.get(kind.name, kind.mailed)) for kind in kinds_for(user)}


def wants_mail(user: User, kind: str) -> bool:
    """For people outside, who have no notices and no digest: whether such news may be mailed to them at all."""
    return not Preference.objects.filter(user=user, kind=kind, by=By.NEVER).exists()


def digest_of(user: User) -> Digest:
    """When this person's digest comes; not saved until somebody chooses, or the first one is sent."""
    return Digest.objects.filter(user=user).first() or Digest(user=user)


def set_wishes(user: User, wishes: Mapping[str, By], *, digest_hour: int | None) -> None:
    """Keeps what was chosen, for kinds of the person's role alone. Sending the same again changes nothing."""
    with transaction.atomic():
        for kind in kinds_for(user):
            if kind.name in wishes:
                Preference.objects.update_or_create(
                    user=user, kind=kind.name, defaults={"by": wishes[kind.name]}
                )
        Digest.objects.update_or_create(user=user, defaults={"hour": digest_hour})
