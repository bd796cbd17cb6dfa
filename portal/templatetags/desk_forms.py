"""How a Django form field becomes markup: its kind, its css class, its place in the error summary."""

from collections.abc import Iterator
from dataclasses import dataclass

from django import forms, template
from django.forms import BaseForm, BoundField
from django.utils.safestring import SafeString

register = template.Library()

# The first match wins. A widget attribute `data-kind` overrules: switch, attest, choices, secret.
KINDS: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.HiddenInput, "hidden"),
    (forms.CheckboxSelectMultiple, "checkboxes"),
    (forms.RadioSelect, "segments"),
    (forms.CheckboxInput, "checkbox"),
    (forms.Select, "select"),
    (forms.FileInput, "file"),
    (forms.Textarea, "textarea"),
    (forms.PasswordInput, "password"),
)
CSS = {
    "select": "form-select",
    "checkbox": "form-check-input",
    "switch": "form-check-input",
    "attest": "form-check-input",
}


@dataclass(frozen=True)
class Trouble:
    """One line of the error summary; `anchor` is the id to jump to, empty for the form as a whole."""

    label: str
    anchor: str
    message: str


@register.filter
def kind(field: BoundField) -> str:
    """Which markup a field gets in `_partials/_field.html`."""
    widget = field.field.widget
    by_type = next((name for widget_type, name in KINDS if isinstance(widget, widget_type)), "text")
    return str(widget.attrs.get("data-kind", by_type))


@register.filter
def anchor(field: BoundField) -> str:
    """The id of the first control: a group of radio buttons has none of its own."""
    return field.id_for_label or f"{field.auto_id}_0"


@register.simple_tag
def widget(field: BoundField) -> SafeString:
    """The control itself with the kit's css class; a placeholder that only repeats the label is dropped."""
    own = field.field.widget.attrs
    attrs: dict[str, str | bool] = {
        "class": f"{CSS.get(kind(field), 'form-control')} {own.get('class', '')}".strip()
    }
    if str(field.label).lower() in str(own.get("placeholder", "")).lower():
        attrs["placeholder"] = False
    return field.as_widget(attrs=attrs)


@register.filter
def troubles(form: BaseForm) -> Iterator[Trouble]:
    """Every error of a form in the order of its fields, the form's own errors first."""
    for message in form.non_field_errors():
        yield Trouble(label="", anchor="", message=str(message))
    for field in form:
        for message in field.errors:
            yield Trouble(label=str(field.label).rstrip(".?:"), anchor=anchor(field), message=str(message))
