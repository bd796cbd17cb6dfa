"""Every address that the resolver knows, by name, with its parameters."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE = {"GET", "HEAD", "OPTIONS"}


def patterns(found: list[URLPattern | URLResolver] | None = None) -> Iterator[URLPattern]:
    for entry in get_resolver().url_patterns if found is None else found:
        if isinstance(entry, URLResolver):
            yield from patterns(entry.url_patterns)
        else:
            yield entry


NAMES = sorted({str(pattern.name) for pattern in patterns()})
PARAMETERS = {str(pattern.name): frozenset(pattern.pattern.regex.groupindex) for pattern in patterns()}
