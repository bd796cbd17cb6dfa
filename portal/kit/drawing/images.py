"""Draws a PNG, JPEG or WebP afresh. Run by portal.kit.pictures in a child of its own."""

from __future__ import annotations

import io

# Pillow imports some of these while it reads a file, when nothing can be opened any more.
from PIL import (
    Image,
    ImageColor,  # noqa: F401
    ImageOps,
    ImagePalette,  # noqa: F401
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from portal.kit.drawing.child import MOST_PIXELS, Drawn, Refused, serve

LONGEST_SIDE = 3_200  # pixels kept: a screenshot of two large screens, or a photo that one can read
_FORMATS = ("PNG", "JPEG", "WEBP")
# Its decoder holds five copies of four bytes, so the limit on memory would stop it somewhere above.
_MOST_WEBP_PIXELS = 13_000_000


def draw(content: bytes) -> Drawn:
    """The pixels of the first frame, upright: EXIF, comments, profiles, frames and trailing bytes stay behind."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    if _webp_pixels(content) > _MOST_WEBP_PIXELS:
        raise Refused("too_large")
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            # Only the header has been read: a small file that unfolds into a huge picture stops here.
            if opened.width * opened.height > MOST_PIXELS:
                raise Refused("too_many_pixels")
            opened.thumbnail((LONGEST_SIDE, LONGEST_SIDE))  # first, and in place: less memory
            ImageOps.exif_transpose(opened, in_place=True)
            drawn = Image.new("RGBA" if opened.has_transparency_data else "RGB", opened.size)
            drawn.paste(opened.convert(drawn.mode))
    except Image.DecompressionBombError:
        raise Refused("too_many_pixels") from None
    return Drawn(drawn)


def _webp_pixels(content: bytes) -> int:
    """As its header says, before Pillow asks for memory by it; 0 for other files and other headers."""
    if content[:4] != b"RIFF":
        return 0
    if content[12:16] == b"VP8X":
        return (1 + _number(content[24:27])) * (1 + _number(content[27:30]))
    if content[12:16] == b"VP8L":
        bits = _number(content[21:25])
        return (1 + (bits & 0x3FFF)) * (1 + (bits >> 14 & 0x3FFF))
    return (_number(content[26:28]) & 0x3FFF) * (_number(content[28:30]) & 0x3FFF)


def _number(little_endian: bytes) -> int:
    return int.from_bytes(little_endian, "little")


if __name__ == "__main__":
    serve(draw)
