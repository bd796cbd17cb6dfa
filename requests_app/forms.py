"""Forms of requests. A topic's form is built from its items; what is valid is decided by the services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict

from integrations.provider import ItemKind, Topic
from portal.accounts.models import User
from requests_app.models import Request
from requests_app.queries import Line, audience_of, checklist
from requests_app.services.answers import EditRefused, InvalidAnswer, give_answer, may_give
from requests_app.services.kinds import LONGEST_LONGTEXT, LONGEST_TEXT, zones

_YES_NO = (("true", "Yes"), ("false", "No"))


class SecretTextarea(forms.Textarea):
    """For secrets of several lines: what was typed is never written back into the page."""

    def format_value(self, value: Any) -> str:
        return ""


class AnswerField(forms.Field):
    """The control of one item. `required` marks it; saving incomplete answers is always possible."""

    def __init__(self, line: Line) -> None:
        self.line, self.item = line, line.item
        self.held, self.hint = bool(line.answer.sealed), line.answer.hint
        super().__init__(
            required=line.required,
            label=line.item.label,
            help_text=line.item.help,
            widget=_widget(line),
            initial=_initial(line),
        )

    def validate(self, value: Any) -> None:
        """Left to give_answer, which knows the kind and keeps what is valid beside what is not."""


class TopicForm(forms.Form):
    """One topic of a checklist, as `by` may answer it. A field is named by its item's key.

    `only` is the key of the one field that an autosave sends.

    `save()` keeps every valid answer, even if another one is not, and returns whether all were valid.
    `shown` are the lines that `by` may see but not change.
    """

    use_required_attribute = False

    def __init__(
        self,
        req: Request,
        topic: Topic,
        *,
        by: User,
        data: Mapping[str, Any] | None = None,
        files: MultiValueDict[str, Any] | None = None,
        only: str = "",
    ) -> None:
        super().__init__(data=data, files=files)
        self.req, self.topic, self.by = req, topic, by
        stage = req.current_stage
        states = [state for state in checklist(req, audience_of(by)) if state.topic == topic]
        lines = [line for state in states for line in state.lines]
        self.shown = [line for line in lines if not may_give(line.item, by, stage)]
        for line in lines:
            name = line.item.key
            if line not in self.shown and only in ("", name):
                self.fields[name] = AnswerField(line)

    def save(self) -> bool:
        """Gives what was sent. Raises nothing: refusals stand in the form's errors."""
        if not self.is_valid():
            return False
        for name, field in self._answer_fields():
            raw = self.cleaned_data.get(name)
            if not self._was_sent(name, field, raw):
                continue
            try:
                give_answer(self.req, field.item, raw, by=self.by)
            except InvalidAnswer as invalid:
                self.add_error(name, invalid.message)
            except EditRefused as refused:
                self.add_error(None, str(refused))
                break
        return not self.errors

    def _answer_fields(self) -> Iterator[tuple[str, AnswerField]]:
        return ((name, field) for name, field in self.fields.items() if isinstance(field, AnswerField))

    def _was_sent(self, name: str, field: AnswerField, raw: Any) -> bool:
        """An empty secret keeps the held one, and no file keeps the uploaded one; a box may be unticked."""
        if field.item.kind in (ItemKind.SECRET, ItemKind.FILE):
            return bool(raw)
        return field.item.kind == ItemKind.ATTEST or name in self.data


def _initial(line: Line) -> Any:
    """What the control shows. Nothing of a secret or a file."""
    value = line.answer.value
    if line.item.kind in (ItemKind.SECRET, ItemKind.FILE) or value is None:
        return None
    if line.item.kind == ItemKind.BOOL:
        return "true" if value else "false"
    return True if line.item.kind == ItemKind.ATTEST else value


def _widget(line: Line) -> forms.Widget:
    kind, item = ItemKind(line.item.kind), line.item
    if kind == ItemKind.SECRET and item.multiline:
        return SecretTextarea(
            attrs={"rows": 6, "data-kind": "secret", "autocomplete": "off", "spellcheck": "false"}
        )
    if kind == ItemKind.CHOICE:
        options = [(option["value"], option["label"]) for option in item.options]
        return forms.RadioSelect(choices=options, attrs={"data-kind": "choices"})
    if kind == ItemKind.TIMEZONE:
        names = sorted(name for name in zones().values() if "/" in name and not name.startswith("Etc/"))
        return forms.Select(choices=[("", "Choose"), *((name, name.replace("_", " ")) for name in names)])
    return _WIDGETS[kind]()


_WIDGETS: Mapping[ItemKind, Callable[[], forms.Widget]] = {
    ItemKind.TEXT: lambda: forms.TextInput(attrs={"maxlength": LONGEST_TEXT}),
    ItemKind.LONGTEXT: lambda: forms.Textarea(attrs={"rows": 4, "maxlength": LONGEST_LONGTEXT}),
    ItemKind.EMAIL: lambda: forms.EmailInput(attrs={"autocomplete": "off"}),
    ItemKind.PHONE: lambda: forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    ItemKind.DOMAIN: lambda: forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    ItemKind.UUID_OR_TEXT: lambda: forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    ItemKind.MONEY: lambda: forms.TextInput(attrs={"autocomplete": "off"}),
    ItemKind.SECRET: lambda: forms.PasswordInput(
        attrs={"data-kind": "secret", "autocomplete": "new-password"}
    ),
    ItemKind.BOOL: lambda: forms.RadioSelect(choices=_YES_NO),
    ItemKind.ATTEST: lambda: forms.CheckboxInput(attrs={"data-kind": "attest"}),
    ItemKind.FILE: lambda: forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    ItemKind.DATE: lambda: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
}
