"""Uploads: only pictures, decoded and drawn afresh, so that nothing but the picture is kept (T15)."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import unicodedata
import uuid
import zlib
from pathlib import PurePosixPath
from typing import IO, Protocol

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from PIL import Image, ImageOps

from portal.accounts.models import User
from requests_app.models import Evidence, Request
from requests_app.services.kinds import InvalidAnswer

Image.MAX_IMAGE_PIXELS = 40_000_000
_LONGEST_SIDE = 3_200  # pixels kept: a screenshot of two large screens, or a photo that one can read
_ASK = "Please upload a screenshot as PNG, JPEG or WebP."
_FORMATS = ("PNG", "JPEG", "WEBP")
# What the decoders raise for files that are broken or made to break them.
_BROKEN = (OSError, ValueError, SyntaxError, IndexError, TypeError, KeyError, EOFError, OverflowError,
           struct.error, zlib.error)  # fmt: skip


class Upload(Protocol):
    """As Django gives it."""

    @property
    def name(self) -> str | None: ...
    @property
    def size(self) -> int | None: ...
    @property
    def file(self) -> IO[bytes] | None: ...
    def read(self, num_bytes: int = ..., /) -> bytes: ...


def store_evidence(req: Request, upload: Upload, *, by: User) -> Evidence:
    """Keeps the picture as a new PNG under a random name; the same picture again is the one we have.

    Raises InvalidAnswer with a sentence.
    `by` must be allowed to see the request; whether they may answer the item is for give_answer.
    """
    if not Request.objects.for_actor(by).filter(pk=req.pk).exists():
        raise InvalidAnswer("You cannot add files to this request.")
    content = _read(upload)
    picture = _redrawn(content)
    with transaction.atomic():
        kept, _ = Evidence.objects.get_or_create(
            req=req,
            sha256=hashlib.sha256(picture).hexdigest(),
            defaults={
                "file": ContentFile(picture, name=f"{uuid.uuid4().hex}.png"),
                "name": safe_name(upload.name or ""),
                "content_type": "image/png",
                "size": len(picture),
                "uploaded_by": by,
            },
        )
    return kept


def safe_name(name: str) -> str:
    """A name for people to read, never a path: letters, digits, spaces and `._-`, always ending in .png."""
    last = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    stem = re.sub(r"\s+", " ", last.rpartition(".")[0] or last)
    kept = re.sub(r"[^\w .-]|[.](?=[.])", "", stem).strip(" .-_")
    return f"{kept[:80] or 'screenshot'}.png"


def _read(upload: Upload) -> bytes:
    most = settings.UPLOAD_MAX_BYTES
    too_large = InvalidAnswer(f"This file is larger than {most // 1024 // 1024} MB. {_ASK}")
    if (upload.size or 0) > most:
        raise too_large
    content = upload.read(most + 1)  # the size that was announced is not believed
    if len(content) > most:
        raise too_large
    if not content:
        raise InvalidAnswer(f"This file is empty. {_ASK}")
    return content


def _redrawn(content: bytes) -> bytes:
    if not _is_picture(content):
        raise InvalidAnswer(f"This is {_described(content)}. {_ASK}")
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            # Only the header has been read: a small file that unfolds into a huge picture stops here.
            if opened.width * opened.height > (Image.MAX_IMAGE_PIXELS or 0):
                raise Image.DecompressionBombError
            drawn = _fresh(opened)
    except Image.DecompressionBombError:
        raise InvalidAnswer(
            "This picture has more than 40 million pixels. Please upload a smaller screenshot."
        ) from None
    except _BROKEN:
        raise InvalidAnswer(
            f"This picture is damaged or incomplete. Take the screenshot again. {_ASK}"
        ) from None
    return _as_png(drawn)


def _fresh(opened: Image.Image) -> Image.Image:
    """The pixels alone, upright: EXIF, comments, profiles, further frames and trailing bytes stay behind."""
    opened.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))  # first, and in place: less memory
    ImageOps.exif_transpose(opened, in_place=True)
    drawn = Image.new("RGBA" if opened.has_transparency_data else "RGB", opened.size)
    drawn.paste(opened.convert(drawn.mode))
    return drawn


def _as_png(drawn: Image.Image) -> bytes:
    """As PNG, made smaller until it is within the limit: a photo grows when it becomes a PNG."""
    while True:
        out = io.BytesIO()
        drawn.save(out, format="PNG")
        if out.tell() <= settings.UPLOAD_MAX_BYTES:
            return out.getvalue()
        drawn = drawn.resize((max(drawn.width * 2 // 3, 1), max(drawn.height * 2 // 3, 1)))


def _is_picture(content: bytes) -> bool:
    return (
        content.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))
        or (content[:4] == b"RIFF" and content[8:12] == b"WEBP")
    )  # fmt: skip


def _described(content: bytes) -> str:
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, words in _KNOWN:
        if start.startswith(magic):
            return words
    if content[4:8] == b"ftyp":
        return "a HEIC photo or a video"
    if b"<svg" in start:
        return "an SVG drawing"
    return "not a picture that we can read"


_KNOWN = (
    (b"%pdf", "a PDF"),
    (b"gif8", "a GIF"),
    (b"<svg", "an SVG drawing"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"pk\x03\x04", "a ZIP archive or an Office document"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"bm", "a BMP picture"),
    (b"ii*\x00", "a TIFF picture"),
    (b"mm\x00*", "a TIFF picture"),
    (b"mz", "a program"),
    (b"\x7felf", "a program"),
)
