"""Receipts: what somebody confirmed, sealed by a digest over all of it, and told as lines of before and after."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import orjson
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.engine.filtering import Filter
from integrations.engine.mapping import Origin, Spec
from integrations.engine.plan import REGROUPED
from integrations.engine.policy import BY_EVENT, NoAddress, OnLeave, Policy
from integrations.engine.rules import undeclined
from integrations.models import ChangeKind, Connection, Draft, Receipt
from integrations.people import ATTRIBUTES
from integrations.provider import Provider
from integrations.queries import managers_named
from integrations.services.credentials import EMPTY
from integrations.services.wording import (
    NOBODY,
    field_label,
    fields_words,
    rule_words,
    steps_words,
    when_words,
)

_VERSION = 1
# What a receipt counts, in this order: people by kind of change, then what follows for groups and invitations.
_COUNTED = {
    **{kind.value: str(kind.label) for kind in ChangeKind},
    REGROUPED: gettext_noop("Moves group"),
    "groups_made": gettext_noop("Groups made"),
    "joined": gettext_noop("Memberships begun"),
    "left_groups": gettext_noop("Memberships ended"),
    "invited": gettext_noop("Invited"),
    "mailed": gettext_noop("Invited by mail"),
}
CREDENTIALS = "credentials"  # in `after`, next to the four settings: the keys of what was given anew


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting by its name, before and after in words; "" is nothing. `part` is filter, mapping, policy …"""

    part: str
    label: str
    before: str
    after: str


def canonical(receipt: Receipt) -> bytes:
    """The bytes under the digest: JSON with sorted keys and no white space, instants in UTC."""
    told = {
        "version": _VERSION,
        "receipt": str(receipt.public_id),
        "connection": str(receipt.connection.public_id),
        "draft": str(receipt.draft.public_id),
        "purpose": str(receipt.purpose),
        "before": receipt.before,
        "after": receipt.after,
        "counts": receipt.counts,
        "affected": receipt.affected,
        "rules_digest": receipt.rules_digest,
        "plan_digest": receipt.plan_digest,
        "confirmed_by": receipt.confirmed_by_id,
        "confirmed_at": receipt.confirmed_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


def digest_of(receipt: Receipt) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(canonical(receipt)).hexdigest()


def verify(receipt: Receipt) -> bool:
    """Whether the receipt still says what was confirmed."""
    return digest_of(receipt) == receipt.digest


def counted(receipt: Receipt) -> list[tuple[str, str, int]]:
    """What the plan came to: the name of each count that is not 0, its label, and the number."""
    found = ((name, label, receipt.counts.get(name, 0)) for name, label in _COUNTED.items())
    return [(name, _(label), number) for name, label, number in found if number]


def difference(receipt: Receipt) -> tuple[Difference, ...]:
    """What was confirmed, setting by setting; a set-up is told against nothing."""
    return _between(receipt.connection, receipt.before, receipt.after)


def pending(draft: Draft) -> tuple[Difference, ...]:
    """As `difference`, of what would be confirmed now."""
    return _between(draft.connection, before_of(draft), after_of(draft))


def _between(
    connection: Connection, before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[Difference, ...]:
    return compare(connection.provider, before, after, managers_named(connection, *_filters(before, after)))


def before_of(draft: Draft) -> dict[str, Any]:
    """The settings of the connection; {} while it has none that somebody confirmed."""
    connection = draft.connection
    if connection.confirmed_at is None:
        return {}
    return connection.settings


def after_of(draft: Draft) -> dict[str, Any]:
    fresh = sorted(draft.credentials.exclude(EMPTY).values_list("key", flat=True))
    return {**draft.settings, **({CREDENTIALS: fresh} if fresh else {})}


def compare(
    provider: Provider,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    names: Mapping[str, str] = NOBODY,
) -> tuple[Difference, ...]:
    """Only what differs. `names` are what managers are called.

    Settings that no page of ours would have stored raise ValueError.
    """
    found = (
        *_rules(before, after, names),
        *_mappings(provider, before, after),
        *_policies(provider, before, after),
        *_fields(before, after),
    )
    items = {item.key: item.label for item in provider.credentials}
    fresh = ", ".join(_(items.get(key, key)) for key in after.get(CREDENTIALS, ()))
    given = (Difference(CREDENTIALS, _("Credentials"), "", _("New: %(keys)s") % {"keys": fresh}),)
    return (*found, *(given if fresh else ()))


# --- in words -----------------------------------------------------------------------------------------------


def _origin_words(origin: Origin) -> str:
    """ "Work e-mail, else Personal e-mail; in small letters"."""
    if origin.is_empty:
        return ""
    return "; ".join(filter(None, (fields_words(origin), *steps_words(origin), when_words(origin))))


def _filters(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Filter, Filter]:
    return Filter.from_data(before.get("filter", {})), Filter.from_data(after.get("filter", {}))


def _rules(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[Difference]:
    """Rule by rule: one that is new, or one that is gone."""
    old, new = _filters(before, after)
    everybody = [
        _("Everybody who works there") if "filter" in said and not found.include else ""
        for said, found in ((before, old), (after, new))
    ]
    if everybody[0] != everybody[1]:
        yield Difference("filter", _("Who comes in"), *everybody)
    for label, had, has in (
        (_("Let in"), old.include, new.include),
        (_("Leave out"), old.exclude, new.exclude),
    ):
        yield from (Difference("filter", label, rule_words(one, names), "") for one in had if one not in has)
        yield from (Difference("filter", label, "", rule_words(one, names)) for one in has if one not in had)


def _mappings(
    provider: Provider, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Difference]:
    old: dict[str, Spec] = {**provider.mapping, **before["mapping"]} if "mapping" in before else {}
    new: dict[str, Spec] = {**provider.mapping, **after.get("mapping", {})}
    for attribute, label in ATTRIBUTES.items():
        had, has = (
            Origin.of(attribute, undeclined(specs.get(attribute, ""), said.get("declined", ())))
            for specs, said in ((old, before), (new, after))
        )
        if had != has:
            yield Difference("mapping", _(label), _origin_words(had), _origin_words(has))


def _policies(
    provider: Provider, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Difference]:
    old = _policy_words(provider, before["policy"]) if "policy" in before else {}
    for label, words in _policy_words(provider, after.get("policy", {})).items():
        if old.get(label, "") != words:
            yield Difference("policy", label, old.get(label, ""), words)


def _policy_words(provider: Provider, data: Mapping[str, Any]) -> dict[str, str]:
    policy = Policy.from_data({**provider.policy, **data})
    leave = {OnLeave.DEACTIVATE: _("deactivated at once"), OnLeave.KEEP: _("kept as they are")}
    address = {NoAddress.SKIP: _("skipped"), NoAddress.PERSONAL: _("in by their personal address")}
    groups = _("the HR system's events") if policy.group_by == BY_EVENT else _("none")
    told = _(ATTRIBUTES[policy.group_by]) if policy.group_by in ATTRIBUTES else groups
    invited = _("invited by mail") if policy.mails else _("invited without a mail")
    matched = {"email": _("E-mail"), "employee_number": _("Employee number")}
    return {
        _("People who have left"): leave[policy.terminated],
        _("People who are no longer listed"): leave[policy.absent],
        _("People whom the filter lets go"): leave[policy.outside],
        _("People without an e-mail address"): address[policy.no_address],
        _("Groups"): told,
        _("People who are here already are recognised by"): ", ".join(matched[one] for one in policy.match_by)
        or _("nothing"),
        _("New people"): invited if policy.invites else _("not invited"),
    }


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    old, new = (", ".join(map(field_label, said.get("declined", ()))) for said in (before, after))
    if old != new:
        yield Difference("declined", _("Never kept or shown, because you declined it"), old, new)
