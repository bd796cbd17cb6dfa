"""The customer's page in words: where their request is, what will be read, and what has happened."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.engine.rules import Rules
from integrations.models import DraftState
from integrations.people import COMPUTED, FIELDS
from integrations.provider import Kind, Provider
from integrations.services.wording import field_label
from portal.kit.retold import retold
from requests_app.lifecycle import Stage
from requests_app.models import Event, Request
from requests_app.queries import Entry
from requests_app.services.setting_up import SetUp

# The timeline keeps what was said in English; these say the same to a reader in their language.
_STORY: Mapping[str, tuple[str, str]] = {
    "send_to_customer": (gettext_noop("%(who)s asked you for a few details"), "send"),
    "hand_back": (gettext_noop("%(who)s handed your part back"), "arrow-back-up"),
    "take_back": (gettext_noop("%(who)s took the request over"), "arrow-back-up"),
    "submit": (gettext_noop("%(who)s passed it on for approval"), "flag"),
    "go_live": (gettext_noop("The connection works"), "plug-connected"),
    "delegate": (gettext_noop("%(who)s asked a colleague"), "user-plus"),
    "undelegate": (gettext_noop("%(who)s took back what a colleague was asked for"), "arrow-back-up"),
    "stuck": (gettext_noop("%(who)s was stuck and asked for help"), "message"),
    "begin_set_up": (gettext_noop("%(who)s began to set the connection up"), "plug-connected"),
    "set_up": (gettext_noop("%(who)s confirmed the plan of the connection: %(rest)s"), "circle-check"),
    "unstuck": (gettext_noop("%(who)s marked it as solved"), "circle-check"),
}
# What the words of a confirmed plan end in.
_PEOPLE = (gettext_noop("%(n1)s person"), gettext_noop("%(n1)s people"))


def story_of(req: Request) -> list[Entry]:
    """What happened, newest first, as far as it is meant for customers."""
    return [_entry(event) for event in Event.objects.filter(req=req, for_customer=True).select_related("by")]


def steps_of(req: Request, *, must_set_up: bool) -> list[dict[str, str]]:
    """Where the request is, in the customer's words. `must_set_up`: the connection waits for its plan."""
    stage = req.current_stage
    at = {Stage.WAITING_ON_CUSTOMER: 0, Stage.LIVE: 4, Stage.CLOSED: 4}.get(stage, 1)
    at = 2 if stage in (Stage.APPROVED, Stage.FAILED) else at
    connecting = _("By ourselves; nothing for you to do.")
    if must_set_up:
        connecting = _("As soon as you have set the connection up and confirmed its plan.")
    words = (
        (_("You answer"), _("Only what we cannot know.")),
        (
            _("We check"),
            _("%(owner)s looks at it, and a colleague approves it.") % {"owner": req.owner},
        ),
        (_("We connect"), connecting),
        (_("It runs"), _("You see the connection and everything it does.")),
    )
    states = ["done" if index < at else "now" if index == at else "next" for index in range(len(words))]
    return [
        {"title": title, "text": text, "state": state}
        for (title, text), state in zip(words, states, strict=True)
    ]


def reads_of(card: Provider, setup: SetUp) -> dict[str, object]:
    """What is read, in words: by the set-up as far as somebody has come with it, before that as the card brings it."""
    if card.kind == Kind.SSO:
        return {"people": False, "fields": ()}
    used = _rules_of(card, setup).fields - set(COMPUTED)
    order = list(FIELDS)
    in_order = sorted(used, key=lambda name: (order.index(name) if name in order else len(order), name))
    return {"people": True, "fields": tuple(map(field_label, in_order))}


def _rules_of(card: Provider, setup: SetUp) -> Rules:
    if setup.draft is not None and setup.draft.state == DraftState.OPEN:
        return setup.draft.rules
    if setup.connection is not None:
        return setup.connection.rules
    return Rules.of(card.mapping, filter=card.filter, policy=card.policy)


def _entry(event: Event) -> Entry:
    who = str(event.by) if event.by else "Integration Desk"
    words, icon = _STORY.get(event.move, ("", "pencil"))
    rest = retold(event.words.rpartition(": ")[2])
    return Entry(
        words=_(words) % {"who": who, "rest": rest} if words else event.words,
        detail="",
        who="",
        when=event.at,
        tone=Stage(event.stage_after).tone if event.stage_after else "neutral",
        icon=icon,
    )
