"""One topic of a request, one short page: each change is saved by itself, the button saves the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.forms import BoundField
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from integrations.provider import ItemKind, Owner, Topic
from portal.accounts.models import User
from requests_app.forms import TopicForm
from requests_app.models import Answer, AnswerState, Evidence, Item, Request
from requests_app.queries import Line, audience_of, checklist, shown_value
from requests_app.views.detail import topics_of
from requests_app.views.shared import DeskRequest, staff_req
from requests_app.views.tasklist import TopicRow, next_topic

_OPTIONAL = {"always": False}


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One item of the page: a control, or what is shown to somebody who may not change it."""

    line: Line
    field: BoundField | None
    reader: User

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
    def evidence(self) -> Evidence | None:
        return self.answer.evidence

    @property
    def shown(self) -> str:
        return shown_value(self.answer)

    @property
    def note(self) -> str:
        """Why there is nothing yet, or that nobody insists."""
        if self.field is None and self.reader.is_desk_staff and self.item.kind == ItemKind.SECRET:
            return "Only the customer can enter this. It is on their page."
        if self.field is not None and self.reader.is_desk_staff and self.item.owner == Owner.CUSTOMER:
            return "The customer is asked for this. If you answer for them, that is recorded."
        return "" if self.line.required else "Optional"


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
    name = _field_of(req, topic, request.user, request.GET.get("item", ""))
    form = TopicForm(req, topic, by=request.user, data=request.POST, files=request.FILES, only=name)
    form.save()
    rows = field_rows(req, topic, request.user, TopicForm(req, topic, by=request.user))
    changed = next(row for row in rows if row.item.key == name)
    if form.errors:
        # What was typed stays in the field beside the sentence. A refusal of the whole form stands there too.
        for message in form.non_field_errors() if name in form.fields else ():
            form.add_error(name, message)
        changed = FieldRow(changed.line, form[name] if name in form.fields else None, request.user)
    hanging = [row for row in rows if f"'{changed.item.key}'" in str(row.item.required)]
    context = {"row": changed, "hanging": hanging, "topics": topics(), "here": request.path, "req": req}
    return render(request, "requests_app/_autosaved.html", context)


def field_rows(req: Request, topic: Topic, user: User, form: TopicForm) -> list[FieldRow]:
    """The topic's items in order, read after saving, with the form's controls where there are any."""
    states = [state for state in checklist(req, audience_of(user)) if state.topic == topic]
    lines = [line for state in states for line in state.lines]
    return [
        FieldRow(line, form[line.item.key] if line.item.key in form.fields else None, user) for line in lines
    ]


def _field_of(req: Request, topic: Topic, user: User, item: str) -> str:
    """The key of the field that an autosave sends. Raises Http404 for an item not on this person's page."""
    states = [state for state in checklist(req, audience_of(user)) if state.topic == topic]
    keys: dict[str, str] = {str(line.item.pk): line.item.key for state in states for line in state.lines}
    if item not in keys:
        raise Http404
    return keys[item]
