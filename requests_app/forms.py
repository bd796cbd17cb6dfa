"""Forms of requests. A topic's form is built from its items; what is valid is decided by the services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.provider import ItemKind, Kind, Topic
from portal.accounts.models import User
from portal.kit import pictures
from requests_app.models import Request
from requests_app.queries import Line, checklist_for
from requests_app.services.answers import EditRefused, InvalidAnswer, give_answer, may_give
from requests_app.services.delegation import LONGEST_NOTE
from requests_app.services.kinds import LONGEST_LONGTEXT, LONGEST_TEXT, SECRET_ID, phone_words, zones
from requests_app.services.talk import LONGEST_MESSAGE

_YES_NO = (("true", _("Yes")), ("false", _("No")))
ACCEPTED = ",".join(pictures.Kind)
SET_UP = "set-up"  # beside the keys of items, which have no hyphen


class SecretTextarea(forms.Textarea):
    """For secrets of several lines: what was typed is never written back into the page."""

    def format_value(self, value: Any) -> str:
        return ""


class AnswerField(forms.Field):
    """The control of one item. `required` marks it; saving incomplete answers is always possible."""

    def __init__(self, line: Line, *, kind: Kind) -> None:
        self.line, self.item = line, line.item
        self.held, self.hint = bool(line.answer.sealed), line.answer.hint
        super().__init__(
            required=line.required,
            label=gettext(line.item.label),
            help_text=gettext(line.item.help) if line.item.help else "",
            widget=_widget(line),
            initial=_initial(line),
        )
        # The page says so while it is typed; the server refuses it by the same rule (services.given).
        if kind == Kind.SSO and line.item.key.endswith("client_secret"):
            self.widget.attrs["data-secret-id"] = SECRET_ID

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
        states = [state for state in checklist_for(req, by) if state.topic == topic]
        lines = [line for state in states for line in state.lines]
        self.shown = [line for line in lines if not may_give(line.item, by, stage)]
        for line in lines:
            name = line.item.key
            if line not in self.shown and only in ("", name):
                self.fields[name] = AnswerField(line, kind=Kind(req.kind))

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
    if line.item.kind == ItemKind.PHONE:
        return phone_words(str(value))
    return True if line.item.kind == ItemKind.ATTEST else value


def _widget(line: Line) -> forms.Widget:
    kind, item = ItemKind(line.item.kind), line.item
    if kind == ItemKind.SECRET and item.multiline:
        return SecretTextarea(
            attrs={"rows": 6, "data-kind": "secret", "autocomplete": "off", "spellcheck": "false"}
        )
    if kind == ItemKind.CHOICE:
        options = [(option["value"], gettext(option["label"])) for option in item.options]
        return forms.RadioSelect(choices=options, attrs={"data-kind": "choices"})
    if kind == ItemKind.TIMEZONE:
        names = sorted(name for name in zones().values() if "/" in name and not name.startswith("Etc/"))
        choices = [("", gettext("Choose")), *((name, name.replace("_", " ")) for name in names)]
        return forms.Select(
            choices=choices, attrs={"data-suggest-zone": gettext("Use %(zone)s, as on this device")}
        )
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
    ItemKind.FILE: lambda: forms.FileInput(attrs={"accept": ACCEPTED}),
    ItemKind.DATE: lambda: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
}


class PostponeForm(forms.Form):
    """ "I don't have this yet": why, and by when. What is allowed is decided by `postpone_answer`.

    `outside` is the id of the form that its controls belong to, where they stand inside another one.
    """

    use_required_attribute = False
    reason = forms.CharField(
        label=_("What are you waiting for?"),
        max_length=500,
        help_text=_("Such as: our security team approves the app first."),
        error_messages={"required": _("Say in a few words why you don't have it yet.")},
    )
    due_on = forms.DateField(
        label=_("When will you have it?"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={
            "required": _("Choose the day by which you will have it."),
            "invalid": _("Enter the date as year-month-day, such as 2027-05-31."),
        },
    )

    def __init__(self, *args: Any, outside: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if outside:
            for field in self.fields.values():
                field.widget.attrs["form"] = outside


class MessageForm(forms.Form):
    """What the customer writes to the desk. A blocker asks "where are you stuck?"."""

    use_required_attribute = False
    text = forms.CharField(
        label=_("Your message"),
        max_length=LONGEST_MESSAGE,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": LONGEST_MESSAGE}),
        error_messages={"required": _("Write something first.")},
    )


class DelegateForm(forms.Form):
    """Whom to ask, for which of the items that one holds or for the whole set-up, with what words."""

    use_required_attribute = False
    email = forms.EmailField(
        label=_("Your colleague's e-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text=_("They get a link of their own, and see only what you choose here."),
        error_messages={
            "required": _("Enter your colleague's e-mail address."),
            "invalid": _("Enter one e-mail address, such as jane.roe@example.com."),
        },
    )
    items = forms.MultipleChoiceField(
        label=_("What do you need from them?"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one answer.")},
    )
    note = forms.CharField(
        label=_("A note to them"),
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": LONGEST_NOTE}),
        help_text=_("It is in the mail, as you write it. Never put a password or a key here."),
    )

    def __init__(self, *args: Any, lines: list[Line], offers_set_up: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        items = self.fields["items"]
        choices = [(line.item.key, gettext(line.item.label)) for line in lines]
        if offers_set_up:
            choices.insert(0, (SET_UP, gettext("Set the connection up (all steps)")))
            items.help_text = gettext(
                "Whoever sets the connection up sees your whole part, every answer of it."
            )
        items.choices = choices  # type: ignore[attr-defined]

    @property
    def sets_up(self) -> bool:
        return SET_UP in self.cleaned_data["items"]
