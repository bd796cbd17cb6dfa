"""What a request's answers ask of a set-up, part by part: compared with a draft or a receipt, and taken over.

A part is one thing that a person may choose: "location" is its fields and steps, "location.when" when it is written,
"mails" a line of the policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from integrations.engine.mapping import Origin, Spec
from integrations.engine.policy import Policy
from integrations.models import Draft
from integrations.people import ATTRIBUTES
from integrations.provider import Provider
from integrations.services.draft_choices import usable_mapping, usable_policy
from integrations.services.draft_rows import DraftRefused, save, tell_saved, writing
from portal.accounts.models import User

Parts = Mapping[str, Any]
WHEN = ".when"


def parts_of(card: Provider, mapping: Mapping[str, Spec], policy: Mapping[str, Any]) -> dict[str, Any]:
    """All of them; what is not named is as the card has it."""
    specs: dict[str, Spec] = {**card.mapping, **mapping}
    found: dict[str, Any] = {}
    for name in ATTRIBUTES:
        origin = Origin.of(name, specs.get(name, ""))
        found |= {name: (origin.fields, origin.steps), f"{name}{WHEN}": origin.when}
    return found | asdict(Policy.from_data({**card.policy, **policy}))


def to_follow(draft: Draft, before: Parts, now: Parts) -> dict[str, Any]:
    """What is asked otherwise now, without what a person has chosen otherwise in the draft."""
    has = parts_of(draft.provider, draft.mapping, draft.policy)
    return {part: value for part, value in now.items() if has[part] == before[part] != value}


def take_over(draft: Draft, parts: Parts, *, by: User) -> None:
    """The draft takes these parts, except for what cannot come. Raises DraftRefused (gone)."""
    if not parts:
        return
    with writing(draft) as locked:
        mapping = dict(locked.mapping)
        for name, chosen in _mappings(locked, parts):
            mapping.pop(name, None)
            mapping |= chosen
        lines = {name: value for name, value in parts.items() if name in asdict(Policy())}
        policy = usable_policy(locked, {**locked.policy, **lines})
        save(locked, mapping=mapping, policy=policy)
        tell_saved(locked, "answers", by)


def _mappings(draft: Draft, parts: Parts) -> Iterator[tuple[str, dict[str, Spec]]]:
    """Attribute by attribute what is stored of it: nothing where it is as the card has it."""
    now = {**parts_of(draft.provider, draft.mapping, draft.policy), **parts}
    for name in ATTRIBUTES:
        if name not in parts and f"{name}{WHEN}" not in parts:
            continue
        (fields, steps), when = now[name], now[f"{name}{WHEN}"]
        try:
            yield name, usable_mapping(draft, {name: Origin(name, fields, steps, when).as_data()})
        except (
            DraftRefused
        ):  # its field was declined: that was said to the set-up, and later than most answers
            continue
