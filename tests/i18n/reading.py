"""Reading a page as a person does: its words, without markup, and which of them are still English."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

from babel.messages.catalog import Message

from tests.i18n import messages

_SAID_BY = frozenset({"alt", "aria-label", "placeholder", "title"})
_SILENT = frozenset({"script", "style"})
_LONG = 12
# Words that hardly a German sentence has; data of the tests has none of them.
_ENGLISH = re.compile(r"\b(?:the|and|you|your|of|is|are|this|with|from|not|has|have|it|to)\b", re.IGNORECASE)


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        for name, value in attrs:
            if value and (name in _SAID_BY or (name.startswith("data-") and " " in value)):
                self._say(value)

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._say(data)

    def _say(self, text: str) -> None:
        if words := " ".join(text.split()):
            self.said.append(words)


def words_of(html: str) -> list[str]:
    """Every piece of text of a page, and what its attributes say, in order."""
    reader = _Words()
    reader.feed(html)
    return reader.said


def english_in(html: str) -> list[str]:
    """What a German reader would see in English: ids of the catalogue, and pieces with English little words."""
    said = words_of(html)
    text = " ".join(said)
    left = [english for english, pattern in _patterns() if pattern.search(text)]
    left += [piece for piece in said if piece in _short_ids()]
    left += [piece for piece in said if len(_ENGLISH.findall(piece)) > 1]
    return left


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    found = []
    for english, german in _pairs():
        fixed = re.sub(r"%\(\w+\)[sd]", "", english)
        if len(fixed) > _LONG and english != german:
            plain = re.sub(r"<[^>]*>", "", english)
            pieces = (re.escape(piece) for piece in re.split(r"%\(\w+\)[sd]", plain))
            found.append((english, re.compile(rf"(?<!\w){'.{1,60}?'.join(pieces)}(?!\w)")))
    return tuple(found)


@cache
def _short_ids() -> frozenset[str]:
    """A piece that is nothing but one of these was not translated, unless the German word is the same."""
    german = {text for _, text in _pairs()}
    return frozenset(english for english, _ in _pairs() if english not in german and "%" not in english)


@cache
def _pairs() -> tuple[tuple[str, str], ...]:
    return tuple(
        (english.strip(), text.strip())
        for message in messages.committed()
        if message.id
        for english, text in zip(_ids(message), messages.german_of(message), strict=True)
    )


def _ids(message: Message) -> tuple[str, ...]:
    return tuple(message.id) if isinstance(message.id, (tuple, list)) else (message.id,)
