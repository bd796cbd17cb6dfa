"""What may be uploaded, and the sentence for whatever may not: from the browser's file to a picture that we drew."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Protocol

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.kit.pictures import Kind, Picture, PictureRefused, Refusal, redrawn
from requests_app.services.kinds import InvalidAnswer


class Upload(Protocol):
    """As Django gives it."""

    @property
    def name(self) -> str | None: ...
    @property
    def size(self) -> int | None: ...
    @property
    def file(self) -> IO[bytes] | None: ...
    def read(self, num_bytes: int = ..., /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Read:
    """What was uploaded, as it came. `name` is safe to show."""

    name: str
    kind: Kind
    content: bytes = field(repr=False)

    def picture(self) -> Picture:
        """Drawn afresh in a child process. Raises InvalidAnswer."""
        try:
            return redrawn(self.content, self.kind, most_bytes=settings.UPLOAD_MAX_BYTES)
        except PictureRefused as refused:
            raise InvalidAnswer(str(_SENTENCES[refused.why])) from None


def read_upload(upload: Upload) -> Read:
    """The bytes of a file that may be a picture or a PDF. Raises InvalidAnswer with a sentence."""
    most = settings.UPLOAD_MAX_BYTES
    # The size that was announced is believed only when it is too large.
    content = b"" if (upload.size or 0) > most else upload.read(most + 1)
    if (upload.size or 0) > most or len(content) > most:
        words = _("This file is larger than %(most)d MB. %(ask)s")
        raise InvalidAnswer(words % {"most": most // 1024 // 1024, "ask": _ask()})
    if not content:
        raise InvalidAnswer(_("This file is empty. %(ask)s") % {"ask": _ask()})
    kind = Kind.of(content)
    if kind is None:
        raise InvalidAnswer(_("This is %(what)s. %(ask)s") % {"what": _described(content), "ask": _ask()})
    return Read(safe_name(upload.name or ""), kind, content)


def safe_name(name: str) -> str:
    """A name for people to read, never a path: letters, digits, spaces and `._-`, always ending in .png."""
    last = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    stem = re.sub(r"\s+", " ", last.rpartition(".")[0] or last)
    kept = re.sub(r"[^\w .-]|[.](?=[.])", "", stem).strip(" .-_")
    return f"{kept[:80] or 'screenshot'}.png"


def _ask() -> str:
    return _("Please upload a screenshot as PNG, JPEG or WebP, or a PDF.")


def _described(content: bytes) -> str:
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, words in _KNOWN:
        if start.startswith(magic):
            return str(words)
    if content[4:8] == b"ftyp":
        return _("a HEIC or AVIF photo, or a video")
    if b"<svg" in start:
        return _("an SVG drawing")
    if b"%pdf-" in start:
        return _("a PDF with something else before it")
    return _("not a file that we can read")


_KNOWN: tuple[tuple[bytes, Promise], ...] = (
    (b"gif8", gettext_lazy("a GIF")),
    (b"<svg", gettext_lazy("an SVG drawing")),
    (b"<!doctype html", gettext_lazy("a web page")),
    (b"<html", gettext_lazy("a web page")),
    (b"pk\x03\x04", gettext_lazy("a ZIP archive or an Office document")),
    (b"\xd0\xcf\x11\xe0", gettext_lazy("an Office document")),
    (b"bm", gettext_lazy("a BMP picture")),
    (b"ii*\x00", gettext_lazy("a TIFF picture")),
    (b"mm\x00*", gettext_lazy("a TIFF picture")),
    (b"8bps", gettext_lazy("a Photoshop document")),
    (b"%!ps", gettext_lazy("a PostScript drawing")),
    (b"\x00\x00\x01\x00", gettext_lazy("an icon")),
    (b"mz", gettext_lazy("a program")),
    (b"\x7felf", gettext_lazy("a program")),
)
_SENTENCES: Mapping[Refusal, Promise] = {
    Refusal.DAMAGED: gettext_lazy(
        "This file is damaged or incomplete. Take the screenshot again, or save the PDF again, and upload that."
    ),
    Refusal.TOO_MANY_PIXELS: gettext_lazy(
        "This picture has more than 40 million pixels. Please upload a smaller screenshot."
    ),
    Refusal.TOO_LARGE: gettext_lazy(
        "This picture is too large to be opened. Please upload a smaller screenshot."
    ),
    Refusal.PROTECTED: gettext_lazy(
        "This PDF is protected. Save it without a password or restrictions, or upload a screenshot of it."
    ),
    Refusal.NO_PAGES: gettext_lazy("This PDF has no pages. Please upload another one, or a screenshot."),
    Refusal.PAGE_SIZE: gettext_lazy(
        "A page of this PDF is too small or too large to be shown. Please upload a screenshot of it."
    ),
    Refusal.DYNAMIC_FORM: gettext_lazy(
        "This PDF is a form that only Adobe's programs show. Print it to a new PDF, or upload a screenshot."
    ),
    Refusal.TOO_LONG: gettext_lazy(
        "This file takes too long to open. Please upload a screenshot of what it shows."
    ),
    Refusal.BUSY: gettext_lazy("Many files are arriving just now. Please upload this one again in a minute."),
}
