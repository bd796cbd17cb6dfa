"""What was said about a request, as its page shows it, and the two forms to say more: never one for both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from portal.accounts.models import AccessLink, Role, User
from requests_app.models import Message, Origin, Reach, Request
from requests_app.services.talk import LONGEST_MESSAGE, may_write, readers_of

_NOTE = ("note", "lock", "Internal note")
_FROM_JIRA = ("note", "ticket", "From Jira")
_TO_CUSTOMER = ("to", "send", "To the customer")
_FROM_CUSTOMER = ("from", "message", "From the customer")


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the conversation: its side in colour, icon and words, so that no single one has to carry it."""

    message: Message

    @property
    def _side(self) -> tuple[str, str, str]:
        message = self.message
        if message.reach == Reach.INTERNAL:
            return _FROM_JIRA if message.origin == Origin.JIRA else _NOTE
        return _FROM_CUSTOMER if message.by and message.by.role == Role.CUSTOMER_ADMIN else _TO_CUSTOMER

    @property
    def css(self) -> str:
        return self._side[0]

    @property
    def icon(self) -> str:
        return self._side[1]

    @property
    def words(self) -> str:
        return self._side[2]

    @property
    def who(self) -> str:
        return str(self.message.by) if self.message.by else self.message.author or "Jira"

    @property
    def is_blocking(self) -> bool:
        return self.message.is_stuck and self.message.resolved_at is None


class MessageForm(forms.Form):
    """The text alone: its reach is the form that it was typed into, its files are read beside it."""

    use_required_attribute = False
    text = forms.CharField(max_length=LONGEST_MESSAGE)

    def __init__(self, reach: Reach, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data=data, auto_id=f"{reach.value}-%s")
        self.reach = reach
        attrs = {"rows": 4, "maxlength": LONGEST_MESSAGE, "autocomplete": "off"}
        self.fields["text"].widget = forms.Textarea(attrs=attrs)
        self.fields["text"].label = reach.label
        self.fields["text"].error_messages["required"] = "Write something first."


@dataclass(frozen=True, slots=True)
class Conversation:
    """`note` and `to_customer` are None for those who may not write there."""

    said: tuple[Said, ...]
    readers: tuple[AccessLink, ...]
    note: MessageForm | None
    to_customer: MessageForm | None

    @property
    def blockers(self) -> tuple[Said, ...]:
        return tuple(line for line in self.said if line.is_blocking)


def conversation_of(req: Request, user: User, refused: MessageForm | None = None) -> Conversation:
    """Four queries, however long it is. `refused` is the form that comes back with what was typed."""
    rows = (
        Message.objects.filter(req=req).select_related("by", "item", "resolved_by").prefetch_related("files")
    )
    note = MessageForm(Reach.INTERNAL) if may_write(user, Reach.INTERNAL) else None
    to_customer = MessageForm(Reach.CUSTOMER) if may_write(user, Reach.CUSTOMER) else None
    if refused is not None and refused.reach == Reach.INTERNAL:
        note = refused
    elif refused is not None:
        to_customer = refused
    return Conversation(tuple(Said(row) for row in rows), tuple(readers_of(req)), note, to_customer)
