"""The conversation about a request: internal notes, messages to and from the customer, and blockers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from integrations.provider import Audience
from portal.accounts.models import STAFF_ROLES, AccessLink, Role, User
from portal.audit.services import record
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from portal.notices.services import notify
from portal.outbox.services import request_effect
from requests_app.models import Event, Evidence, Item, Message, Origin, Reach, Request
from requests_app.signals import message_written

LONGEST_MESSAGE = 4000  # characters
# Not inside a word: "dana@riverside.example" mentions nobody.
_MENTION = re.compile(r"(?<![\w.@+-])@([\w+-]+(?:\.[\w+-]+)*)")
_MAY_WRITE: dict[Role, frozenset[Reach]] = {
    Role.CSM: frozenset(Reach),
    Role.TL: frozenset(Reach),
    Role.DEVELOPER: frozenset({Reach.INTERNAL}),
    Role.OPERATOR: frozenset({Reach.INTERNAL}),
    Role.CUSTOMER_ADMIN: frozenset({Reach.CUSTOMER}),
}


def may_write(user: User, reach: Reach) -> bool:
    """What is for the customer is written by the desk and by the customer; notes by all of the staff."""
    return user.is_active and reach in _MAY_WRITE[Role(user.role)]


def write_message(
    req: Request,
    text: str,
    *,
    by: User | None,
    reach: Reach,
    item: Item | None = None,
    is_stuck: bool = False,
    files: Sequence[Evidence] = (),
    author: str = "",
    origin: Origin = Origin.PORTAL,
    jira_id: str = "",
) -> Message:
    """Keeps what somebody said and tells whom it is for. Raises NeedsPerson with a sentence for the page.

    `by` None is for what came from Jira; `author` then names the person there, and the same `jira_id` again is
    the message that we have. A blocker (`is_stuck`) is always for the customer's conversation.
    """
    reach, words = Reach(reach), text.replace("\x00", "").replace("\r\n", "\n").strip()
    _check(req, words, by, reach, item, is_stuck, files, origin)
    with transaction.atomic():
        # The row of the request is the queue: the same comment of Jira cannot be written twice.
        Request.objects.select_for_update(of=("self",)).get(pk=req.pk)
        if jira_id and (known := Message.objects.filter(req=req, jira_id=jira_id).first()):
            return known
        message = Message.objects.create(
            req=req,
            by=by,
            author=author[:120],
            reach=reach,
            origin=origin,
            text=words,
            item=item,
            is_stuck=is_stuck,
            jira_id=jira_id,
        )
        message.files.set(files)
        message.refresh_from_db(fields=["at"])
        _tell(message)
        record(
            f"message.{reach.value}",
            by=by,
            company_id=req.company_id,
            subject=str(req),
            details={"message": message.pk, "item": item.key if item else "", "stuck": is_stuck},
        )
        message_written.send(sender=Message, message=message)
    return message


def resolve_stuck(message: Message, *, by: User) -> Message:
    """Ends a blocker; twice is once. The desk and whoever was stuck may. Raises NeedsPerson."""
    own = by.is_active and message.by_id == by.pk
    if not message.is_stuck or not (own or by.role in (Role.CSM, Role.TL)) or not _may_see(message.req, by):
        raise NeedsPerson(_("You cannot resolve this."), code="not_yours")
    with transaction.atomic():
        open_ones = Message.objects.filter(pk=message.pk, is_stuck=True, resolved_at=None)
        if open_ones.update(resolved_at=Now(), resolved_by=by):
            _event(
                message, by, "unstuck", f"{by} resolved what {_author(message)} was stuck on{_about(message)}"
            )
            record(
                "message.resolve",
                by=by,
                company_id=message.req.company_id,
                subject=str(message.req),
                details={"message": message.pk},
            )
    message.refresh_from_db()
    return message


def mentionable(req: Request) -> QuerySet[User]:
    """The staff who may see this request, and thus be mentioned in a note about it."""
    theirs = Q(pk__in=[req.owner_id, req.filed_by_id]) | ~Q(role=Role.CSM)
    return User.objects.filter(theirs, is_active=True, role__in=STAFF_ROLES).order_by("name")


def mentioned_in(text: str, people: Iterable[User]) -> list[User]:
    """Who is meant by @maya, @maya.ortiz or @mortiz (the e-mail's name). A first name that two have is nobody."""
    wanted = {found.lower() for found in _MENTION.findall(text)}
    by_word: dict[str, set[User]] = {}
    for person in people:
        for word in _names(person):
            by_word.setdefault(word, set()).add(person)
    found = {next(iter(by_word[word])) for word in wanted if len(by_word.get(word, ())) == 1}
    return sorted(found, key=lambda person: person.pk)


def readers_of(req: Request) -> list[AccessLink]:
    """The customer's side that a message reaches: the newest live link of each address."""
    usable = Q(used_at__isnull=False) | Q(expires_at__gt=clock.now())
    links = AccessLink.objects.filter(usable, request_id=req.public_id, revoked_at=None)
    newest: dict[str, AccessLink] = {}
    for link in links.select_related("used_by").order_by("created_at"):
        if link.used_by is None or link.used_by.is_active:
            newest[link.email] = link
    return list(newest.values())


def _check(
    req: Request,
    words: str,
    by: User | None,
    reach: Reach,
    item: Item | None,
    is_stuck: bool,
    files: Sequence[Evidence],
    origin: Origin,
) -> None:
    system = by is None and origin == Origin.JIRA and reach == Reach.INTERNAL
    if not system and not (by and may_write(by, reach) and _may_see(req, by)):
        raise NeedsPerson(_("You cannot write this here."), code="not_yours")
    if not words:
        raise NeedsPerson(_("Write something first."), code="text")
    if len(words) > LONGEST_MESSAGE and not system:
        raise NeedsPerson(
            _("This has %(count)s characters; %(most)s fit. Shorten it, or attach a file.")
            % {"count": intcomma(len(words)), "most": intcomma(LONGEST_MESSAGE)},
            code="text",
        )
    if is_stuck and reach != Reach.CUSTOMER:
        raise NeedsPerson("A blocker belongs to the conversation with the customer.", code="reach")
    foreign = any(file.req_id != req.pk for file in files) or (item is not None and item.req_id != req.pk)
    hidden = item is not None and reach == Reach.CUSTOMER and not item.is_visible_to(Audience.CUSTOMER)
    if foreign or hidden:
        raise NeedsPerson(_("This belongs to another request."), code="not_yours")


def _may_see(req: Request, by: User) -> bool:
    return Request.objects.for_actor(by).filter(pk=req.pk).exists()


def _tell(message: Message) -> None:
    by, req = message.by, message.req
    if message.reach == Reach.INTERNAL:
        _tell_mentioned(message)
    elif by is not None and by.role == Role.CUSTOMER_ADMIN:
        if message.is_stuck:
            _event(message, by, "stuck", f"{by} is stuck{_about(message, ' on')}")
        words = f"{by} is stuck{_about(message, ' on')}" if message.is_stuck else f"{by} wrote"
        notify(
            [req.owner],
            "stuck" if message.is_stuck else "customer_message",
            words=f"{req} {req.company.name}: {words}",
            url=address_of(message),
            marker=f"message:{message.pk}",
            detail=message.text,
        )
    else:
        _mail_customer(message)


def _tell_mentioned(message: Message) -> None:
    people = mentioned_in(message.text, mentionable(message.req)) if "@" in message.text else []
    if not people:
        return
    message.mentions.set(people)
    notify(
        [person for person in people if person.pk != message.by_id],
        "mentioned",
        words=f"{_author(message)} mentioned you on {message.req} {message.req.company.name}",
        url=address_of(message),
        marker=f"message:{message.pk}",
        detail=message.text,
    )


def _mail_customer(message: Message) -> None:
    """One mail per address that a live link lets in; it links to their own page, never with a token."""
    req = message.req
    context = {
        "company": req.company.name,
        "provider": req.provider.name,
        "who": _author(message),
        "text": message.text,
        "url": f"{settings.SITE_URL}{reverse('customer_request', args=[req.public_id])}",
    }
    for link in readers_of(req):
        payload = {"template": "message", "to": [link.email], "language": link.language, "context": context}
        request_effect(
            "mail.send",
            marker=f"mail:message:{message.pk}:{link.pk}",
            subject=str(req.public_id),
            payload=payload,
        )


def _event(message: Message, by: User, move: str, words: str) -> None:
    reason = message.text if move == "stuck" else ""
    Event.objects.create(
        req=message.req, by=by, move=move, words=words[:500], reason=reason, for_customer=True
    )


def _about(message: Message, joined: str = ":") -> str:
    return f"{joined} “{message.item.label}”" if message.item else ""


def _author(message: Message) -> str:
    return str(message.by) if message.by else message.author or "Somebody in Jira"


def address_of(message: Message) -> str:
    """Where the desk reads it."""
    return f"{reverse('request_detail', args=[message.req.number])}#message-{message.pk}"


def _names(person: User) -> set[str]:
    words = re.findall(r"[\w-]+", person.name.lower())
    full = {".".join(words), words[0]} if words else set()
    return {person.email.partition("@")[0].lower(), *full}
