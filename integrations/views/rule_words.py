"""A connection's rules in words: who comes in, where each attribute comes from, what happens where there is a choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from integrations.engine.filtering import Clause, Filter, Op, Rule
from integrations.engine.mapping import AttributeMapping, Origin
from integrations.engine.policy import BY_EVENT, OnLeave, Policy
from integrations.engine.rules import Rules
from integrations.models import Connection
from integrations.people import ATTRIBUTES, EVENT_FIELD
from integrations.provider import Kind
from integrations.queries import managers_named
from integrations.services import wording


@dataclass(frozen=True, slots=True)
class FilterWords:
    """One line per rule. Nothing in either means that everybody comes in."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OriginWords:
    """`fields` is "Work e-mail, else Personal e-mail"; `steps` what is done with the value; `when` "" for always."""

    attribute: str
    label: str
    fields: str
    steps: tuple[str, ...]
    when: str


def filter_words(found: Filter, connection: Connection) -> FilterWords:
    """The directory of the connection tells what managers are called."""
    names = managers_named(connection, found)
    include, exclude = (
        (rule_words(rule, names) for rule in rules) for rules in (found.include, found.exclude)
    )
    return FilterWords(tuple(include), tuple(exclude))


def rule_words(rule: Rule, names: Mapping[str, str]) -> str:
    """ "Department is one of “Care”, “Surgery” and has a present or future event"."""
    return wording.rule_words(rule, names, _clause)


def _clause(clause: Clause, names: Mapping[str, str]) -> str:
    if clause.field == EVENT_FIELD and clause.op in (Op.PRESENT, Op.IS):
        return _("has a present or future event")
    return wording.clause_words(clause, names)


def origin_words(origin: Origin) -> OriginWords:
    return OriginWords(
        origin.attribute,
        _(ATTRIBUTES[origin.attribute]),
        wording.fields_words(origin),
        tuple(wording.steps_words(origin)),
        wording.when_words(origin),
    )


def origins_of(connection: Connection) -> Mapping[str, OriginWords]:
    """By attribute, in the order of the directory; empty for a connection that reads nobody."""
    if connection.kind != Kind.HRIS:
        return {}
    return {origin.attribute: origin_words(origin) for origin in connection.rules.mapping.origins}


def policy_lines(rules: Rules) -> list[str]:
    """What happens where there is a choice, one sentence each."""
    policy = rules.policy
    keeps = {
        OnLeave.KEEP: _("%(who)s stay as they are."),
        OnLeave.DEACTIVATE: _("%(who)s are deactivated at once."),
    }
    lines = [
        keeps[choice] % {"who": who}
        for choice, who in (
            (policy.terminated, _("People whom the HR system says have left")),
            (policy.absent, _("People whom the HR system no longer lists")),
            (policy.outside, _("People whom the filter no longer lets in")),
        )
    ]
    return [
        *lines,
        _without_address(rules.mapping),
        no_groups_line(rules.groups_from_nothing) or group_line(policy),
        *([_invites(policy)] if policy.invites else []),
    ]


def _without_address(mapping: AttributeMapping) -> str:
    """By the field that the address comes from, which need not be the one of work."""
    email = mapping.origin("email")
    told = {"field": wording.fields_words(email) if email else ""}
    if mapping.instead_of_email and not (email and mapping.instead_of_email in email.fields):
        return _("Without “%(field)s”, the personal e-mail is used.") % told
    return _("Without “%(field)s”, a person is skipped and named among the problems.") % told


def group_line(policy: Policy) -> str:
    """Where groups come from."""
    if policy.group_by == BY_EVENT:
        return _("Groups are the events of the HR system.")
    if not policy.group_by:
        return _("No groups are made.")
    return _("Groups come from “%(attribute)s”.") % {"attribute": _(ATTRIBUTES[policy.group_by])}


def no_groups_line(attribute: str) -> str:
    """That groups are made from an attribute that comes from nothing; "" without one."""
    if not attribute:
        return ""
    told = {"attribute": _(ATTRIBUTES[attribute])}
    return (
        _("Groups come from “%(attribute)s”, but no field is mapped to it: nobody is in a group by it.")
        % told
    )


def _invites(policy: Policy) -> str:
    if policy.mails:
        return _("New people are invited to the LMS by mail.")
    return _("New people are invited to the LMS, without a mail.")
