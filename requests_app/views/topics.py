"""One topic of a request, one short page: each change is saved by itself, the button saves the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.forms import BoundField
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from integrations.provider import ItemKind, Owner, Topic
from portal.accounts.models import User
from requests_app.forms import MessageForm, PostponeForm, TopicForm
from requests_app.models import Answer, AnswerState, Evidence, Item, Request
from requests_app.queries import Line, checklist_for, shown_value
from requests_app.services.delegation import Held, held_by_colleagues
from requests_app.services.kinds import phone_words
from requests_app.views.detail import topics_of
from requests_app.views.shared import DeskRequest, staff_req
from requests_app.views.tasklist import TopicRow, next_topic

_OPTIONAL = {"always": False}


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One item of the page: a control, or what is shown to somebody who may not change it.

    `asked` are the colleagues who were asked for it.
    """

    line: Line
    field: BoundField | None
    reader: User
    asked: tuple[Held, ...] = ()

    @property
    def item(self) -> Item:
        return self.line.item

    @property
    def answer(self) -> Answer:
        return self.line.answer

    @property
    def is_hidden(self) -> bool:
        """Asked only under a condition that does not hold."""
        return not self.line.required and self.item.required != _OPTIONAL

    @property
    def saved(self) -> bool:
        failed = self.field is not None and bool(self.field.errors)
        return self.line.is_settled and not failed and self.answer.provided_at is not None

    @property
    def comment(self) -> str:
        return self.answer.comment if self.answer.state == AnswerState.CHANGE_REQUESTED else ""

    @property
    def is_postponed(self) -> bool:
        return self.answer.state == AnswerState.POSTPONED

    @property
    def can_wait(self) -> bool:
        """Whether it is open and this person might say that they cannot answer it now."""
        return self.field is not None and self.line.is_open

    @property
    def outside(self) -> str:
        """The id of the small form beside the page's own one to which "not now" belongs."""
        return f"later-{self.item.pk}"

    @property
    def postpone_form(self) -> PostponeForm:
        kept = {"reason": self.answer.comment, "due_on": self.answer.due_on} if self.is_postponed else {}
        return PostponeForm(prefix=str(self.item.pk), initial=kept, outside=self.outside)

    @property
    def stuck_form(self) -> MessageForm:
        form = MessageForm(prefix=f"stuck{self.item.pk}")
        form.fields["text"].label = _("Where are you stuck?")
        form.fields["text"].widget.attrs |= {"form": self.outside, "rows": 2}
        return form

    @property
    def evidence(self) -> Evidence | None:
        return self.answer.evidence

    @property
    def shown(self) -> str:
        """The answer in words. What somebody typed stays as it is; our own words are in the reader's language."""
        answer, kind = self.answer, self.item.kind
        if answer.sealed:
            return (
                gettext("held, ends in %(hint)s") % {"hint": answer.hint} if answer.hint else gettext("held")
            )
        if kind == ItemKind.PHONE and answer.value:
            return phone_words(str(answer.value))
        if kind == ItemKind.ATTEST and isinstance(answer.value, dict):
            day = date_format(datetime.fromisoformat(answer.value["at"]), gettext("j F Y"))
            return gettext("Confirmed by %(who)s on %(day)s") % {"who": answer.value["by"], "day": day}
        text = shown_value(answer)
        return gettext(text) if text and kind in (ItemKind.BOOL, ItemKind.CHOICE) else text

    @property
    def note(self) -> str | Promise:
        """Why there is nothing yet, or that nobody insists."""
        if self.field is None and self.reader.is_desk_staff and self.item.kind == ItemKind.SECRET:
            return "Only the customer can enter this. It is on their page."
        if self.field is not None and self.reader.is_desk_staff and self.item.owner == Owner.CUSTOMER:
            return "The customer is asked for this. If you answer for them, that is recorded."
        return "" if self.line.required else _("Optional")


def topic_or_404(text: str) -> Topic:
    try:
        return Topic(text)
    except ValueError:
        raise Http404 from None


@require_http_methods(["GET", "HEAD", "POST"])
def request_topic(request: DeskRequest, number: int, topic: str) -> HttpResponse:
    req, wanted = staff_req(request.user, number), topic_or_404(topic)
    if request.method == "POST" and request.htmx:
        return autosave(request, req, wanted, lambda: topics_of(req, request.user))
    form, saved = answered(request, req, wanted)
    rows = topics_of(req, request.user)
    if saved:
        following = next_topic(rows, wanted, Owner.CSM)
        return redirect(following.url if following else reverse("request_detail", args=[number]))
    context = {"req": req, **page(request, req, wanted, form, rows)}
    return render(request, "requests_app/topic.html", context, status=422 if form.errors else 200)


def answered(request: DeskRequest, req: Request, topic: Topic) -> tuple[TopicForm, bool]:
    """The form of this person for this topic, and whether everything that was sent is kept."""
    if request.method != "POST":
        return TopicForm(req, topic, by=request.user), False
    form = TopicForm(req, topic, by=request.user, data=request.POST, files=request.FILES)
    return form, form.save()


def page(
    request: DeskRequest, req: Request, topic: Topic, form: TopicForm, topics: tuple[TopicRow, ...]
) -> dict[str, Any]:
    """What both topic pages show. Raises Http404 for a topic in which this person has nothing to see."""
    rows = field_rows(req, topic, request.user, form)
    if not rows:
        raise Http404
    return {
        "topic": topic,
        "topics": topics,
        "form": form,
        "rows": rows,
        "here": request.path,
        "can_save": any(row.field for row in rows),
    }


def autosave(
    request: DeskRequest, req: Request, topic: Topic, topics: Callable[[], tuple[TopicRow, ...]] = tuple
) -> HttpResponse:
    """Saves the one field that changed; answers with it, what hangs on it, and the list."""
    name = item_of(req, request.user, request.GET.get("item", ""), topic).key
    form = TopicForm(req, topic, by=request.user, data=request.POST, files=request.FILES, only=name)
    form.save()
    rows = field_rows(req, topic, request.user, TopicForm(req, topic, by=request.user))
    changed = next(row for row in rows if row.item.key == name)
    if form.errors:
        # What was typed stays in the field beside the sentence. A refusal of the whole form stands there too.
        for message in form.non_field_errors() if name in form.fields else ():
            form.add_error(name, message)
        field = form[name] if name in form.fields else None
        changed = FieldRow(changed.line, field, request.user, changed.asked)
    hanging = [row for row in rows if f"'{changed.item.key}'" in str(row.item.required)]
    context = {"row": changed, "hanging": hanging, "topics": topics(), "here": request.path, "req": req}
    return render(request, "requests_app/_autosaved.html", context)


def field_rows(req: Request, topic: Topic, user: User, form: TopicForm) -> list[FieldRow]:
    """The topic's items in order, read after saving, with the form's controls where there are any."""
    states = [state for state in checklist_for(req, user) if state.topic == topic]
    lines = [line for state in states for line in state.lines]
    held = [each for each in held_by_colleagues(req) if each.keys and each.email != user.email.lower()]
    return [
        FieldRow(
            line,
            form[line.item.key] if line.item.key in form.fields else None,
            user,
            tuple(each for each in held if each.holds(line.item.key)),
        )
        for line in lines
    ]


def item_of(req: Request, user: User, pk: str, topic: Topic | None = None) -> Item:
    """The item that a small form or an autosave is about. Raises Http404 for one not on this person's pages."""
    states = [state for state in checklist_for(req, user) if topic in (None, state.topic)]
    for state in states:
        for line in state.lines:
            if str(line.item.pk) == pk:
                return line.item
    raise Http404
