"""What a person may choose for a draft: fields that the source can send, rules that can be, nothing sensitive."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext as _

from integrations.engine.filtering import Filter
from integrations.engine.mapping import Origin, Spec
from integrations.engine.policy import BY_EVENT, NoAddress, Policy
from integrations.engine.rules import Rules
from integrations.models import Draft
from integrations.people import ATTRIBUTES, COMPUTED, CUSTOM, FIELDS, field_label
from integrations.provider import Provider
from integrations.services.draft_rows import DraftRefused
from integrations.sources.blocking import is_sensitive


def sendable(provider: Provider) -> frozenset[str]:
    """The fields that the card reads; custom ones come on top of them."""
    read = frozenset(getattr(provider.source, "fields", ()) or FIELDS)
    return read | frozenset(name for origin in _origins(provider.mapping) for name in origin.fields)


def can_come(draft: Draft, field: str) -> bool:
    """Whether this connection could ever have a value in that field. A rehearsal's file may have any."""
    if field.startswith(CUSTOM):
        return len(field) > len(CUSTOM)
    return field in (FIELDS if draft.rehearses else sendable(draft.connection.provider))


def usable_filter(draft: Draft, data: Mapping[str, Any]) -> dict[str, Any]:
    """The filter as it is stored. Raises DraftRefused."""
    try:
        found = Filter.from_data(data)
    except ValueError:
        raise _invalid(
            _(
                "This filter cannot be used. Every rule needs at least one condition, and every condition a field "
                "and a value of at most 200 characters; a date is written as 2026-01-31."
            )
        ) from None
    for field in sorted(found.fields - set(COMPUTED)):
        _must_come(draft, field)
    return found.as_data()


def usable_mapping(draft: Draft, mapping: Mapping[str, Spec]) -> dict[str, Spec]:
    """What differs from the card's mapping, as it is stored. Raises DraftRefused."""
    card = draft.connection.provider.mapping
    chosen: dict[str, Spec] = {}
    for attribute, spec in mapping.items():
        if attribute not in ATTRIBUTES:
            raise _invalid(_("There is no attribute called “%(name)s”.") % {"name": attribute}, attribute)
        origin = _origin(attribute, spec)
        for field in origin.fields:
            _must_come(draft, field, attribute)
        if origin != Origin.of(attribute, card.get(attribute, "")):
            chosen[attribute] = "" if origin.is_empty else origin.as_data()
    return chosen


def usable_policy(draft: Draft, policy: Mapping[str, Any]) -> dict[str, Any]:
    """What differs from the card's policy, as it is stored. Raises DraftRefused."""
    provider = draft.connection.provider
    try:
        usual = Policy.from_data(provider.policy)
        chosen = Policy.from_data({**provider.policy, **policy})
    except ValueError:
        raise _invalid(_("One of the choices cannot be. Choose again.")) from None
    if chosen.group_by == BY_EVENT and provider.events is None:
        told = {"name": provider.name}
        raise _invalid(_("%(name)s has no events to make groups from.") % told, "group_by")
    if chosen.no_address is NoAddress.PERSONAL and usual.no_address is not NoAddress.PERSONAL:
        _must_come(draft, "personal_email", "no_address")
    plain, before = asdict(chosen), asdict(usual)
    differs = {name: value for name, value in plain.items() if value != before[name]}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in differs.items()}


def usable_declined(draft: Draft, declined: Collection[str]) -> list[str]:
    """Raises DraftRefused for a field that the filter needs, or that can neither come nor was declined before."""
    asked = Filter.from_data(draft.filter).fields
    for field in sorted(set(declined)):
        if field in asked:
            told = {"field": _(field_label(field))}
            raise _invalid(
                _("The filter asks about “%(field)s”. Change the filter first, or allow the field.") % told,
                field,
            )
        if field not in draft.declined and not can_come(draft, field):
            raise _unknown(draft, field, field)
    return sorted(set(declined))


def must_make_rules(draft: Draft) -> Rules:
    """All of it together. Raises DraftRefused when nobody could come in by it."""
    try:
        return draft.rules
    except ValueError:
        raise _invalid(
            _("Nobody can come in without an e-mail address: keep a field for it."), "email"
        ) from None


def prune(draft: Draft) -> tuple[dict[str, Any], dict[str, Spec]]:
    """Filter and mapping of a rehearsal with what the real source cannot send taken out."""

    def comes(fields: Iterable[str]) -> bool:
        return all(field in COMPUTED or can_come(draft, field) for field in fields)

    kept = Filter.from_data(draft.filter)
    include = tuple(rule for rule in kept.include if comes(clause.field for clause in rule))
    exclude = tuple(rule for rule in kept.exclude if comes(clause.field for clause in rule))
    mapping = {name: spec for name, spec in draft.mapping.items() if comes(Origin.of(name, spec).fields)}
    return Filter(include, exclude).as_data(), mapping


def _origins(mapping: Mapping[str, Spec]) -> tuple[Origin, ...]:
    return tuple(Origin.of(name, spec) for name, spec in mapping.items())


def _origin(attribute: str, spec: Spec) -> Origin:
    try:
        return Origin.of(attribute, spec)
    except ValueError:
        told = {"attribute": _(ATTRIBUTES[attribute])}
        raise _invalid(
            _("The steps for “%(attribute)s” cannot be used. Look at them again.") % told, attribute
        ) from None


def _must_come(draft: Draft, field: str, about: str = "") -> None:
    if is_sensitive(field.removeprefix(CUSTOM)):
        told = {"field": _(field_label(field))}
        raise _invalid(
            _("“%(field)s” is sensitive and never read. Choose another field.") % told, about or field
        )
    if field in draft.declined:
        told = {"field": _(field_label(field))}
        raise _invalid(
            _("“%(field)s” was declined when the reading was agreed to. Allow it there first.") % told,
            about or field,
        )
    if not can_come(draft, field):
        raise _unknown(draft, field, about or field)


def _unknown(draft: Draft, field: str, about: str) -> DraftRefused:
    told = {"name": draft.connection.provider.name, "field": _(field_label(field))}
    return _invalid(_("%(name)s does not send “%(field)s”. Choose another field.") % told, about)


def _invalid(sentence: str, field: str = "") -> DraftRefused:
    return DraftRefused(sentence, "invalid", field)
