"""Reads the cards. A card is found because its file is there; nothing registers itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from integrations import providers as cards
from integrations.people import plain
from integrations.provider import Kind, Provider


@cache
def load() -> Mapping[str, Provider]:
    """Slug -> card, by name. Raises TypeError for a file without one, ValueError for a wrong slug."""
    found = [_card(module.name) for module in pkgutil.iter_modules(cards.__path__) if module.name[0] != "_"]
    return MappingProxyType({card.slug: card for card in sorted(found, key=lambda card: plain(card.name))})


def get(slug: str) -> Provider:
    """Raises KeyError."""
    return load()[slug]


def providers(kind: Kind | None = None) -> tuple[Provider, ...]:
    """By name."""
    return tuple(card for card in load().values() if kind in (None, card.kind))


def search(text: str) -> tuple[Provider, ...]:
    """Cards whose name has every word of `text`, those that begin with it first. "" finds all."""
    words = plain(text).split()
    found = [card for card in providers() if all(word in plain(card.name) for word in words)]
    return tuple(sorted(found, key=lambda card: not plain(card.name).startswith(plain(text))))


def _card(name: str) -> Provider:
    card = getattr(importlib.import_module(f"{cards.__name__}.{name}"), "PROVIDER", None)
    if not isinstance(card, Provider):
        raise TypeError(f"{cards.__name__}.{name} has no PROVIDER")
    if card.slug != name:
        raise ValueError(f"the card in {name}.py calls itself {card.slug}")
    return card
