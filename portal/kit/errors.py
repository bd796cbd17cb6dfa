"""The three kinds of failure. Whatever is neither of the two classes here is our own bug and is left to rise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


# Not frozen: contextlib assigns `__traceback__` to what passes through a context manager.
@dataclass(unsafe_hash=True)
class RetryLater(Exception):
    """The other side is away or busy. `after` is how long it asked us to wait, None for the usual ladder.

    `unclear` means that the effect may have happened although no answer came back.
    """

    reason: str
    after: timedelta | None = None
    unclear: bool = False

    def __str__(self) -> str:
        return self.reason


@dataclass(unsafe_hash=True)
class NeedsPerson(Exception):
    """Somebody must act. `sentence` is shown on the page as it is: what is wrong and what to do.

    `code` is stable and machine-readable ("wrong_credentials"); `detail` is for developers, already redacted.
    `about` is what it is about where the other side named it, such as a field.
    """

    sentence: str
    code: str = "needs_person"
    detail: str = ""
    about: str = ""

    def __str__(self) -> str:
        return self.sentence


def gettext_noop(sentence: str) -> str:
    """Marks a sentence for the German catalogue as Django's does, for modules that run without Django: it is stored
    or shown in English here and told in the reader's language where there is a reader."""
    return sentence
