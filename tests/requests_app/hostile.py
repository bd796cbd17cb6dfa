"""Files made to do harm, built byte by byte: no such file lies in this repository."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from typing import Any

from PIL import Image, PngImagePlugin

SCRIPT = b"<script>alert(1)</script>"
HTML = b"<!DOCTYPE html><html><body>" + SCRIPT + b"</body></html>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'></svg>"


def image(form: str = "PNG", mode: str = "RGB", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 7 if mode in ("P", "I;16", "1") else None).save(out, format=form, **options)
    return out.getvalue()


def frames(form: str) -> bytes:
    """An animation of three frames, red first."""
    colours = [Image.new("RGB", (40, 30), colour) for colour in ("#d00000", "#00d000", "#0000d0")]
    out = io.BytesIO()
    colours[0].save(out, format=form, save_all=True, append_images=colours[1:], duration=100)
    return out.getvalue()


def noise(form: str, size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(out, format=form)
    return out.getvalue()


def exif(orientation: int = 1) -> bytes:
    """Where Jane stood, and how she held the camera."""
    tags = Image.Exif()
    tags[0x010F] = "CameraOfJane"
    tags[0x0112] = orientation
    tags.get_ifd(0x8825)[1] = "N"
    tags.get_ifd(0x8825)[2] = (48.0, 8.0, 14.0)
    return tags.tobytes()


def with_text(text: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", text)
    info.add_itxt("XML:com.adobe.xmp", text)
    return image(pnginfo=info)


# --- PNG by hand --------------------------------------------------------------------------------------------
def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes, *extra: bytes, depth: int = 1, colour: int = 0) -> bytes:
    """`pixels` is deflated already; `extra` are whole chunks before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def chunks_of(content: bytes) -> list[bytes]:
    """The kinds of all chunks, and b"trailing" for bytes behind the last."""
    kinds: list[bytes] = []
    at = 8
    while at < len(content) and kinds[-1:] != [b"IEND"]:
        kinds.append(content[at + 4 : at + 8])
        at += 12 + int.from_bytes(content[at : at + 4], "big")
    return kinds if at == len(content) else [*kinds, b"trailing"]


def zeros(megabytes: int) -> bytes:
    """So many megabytes of zeros, deflated to a thousandth, without ever holding them."""
    million, deflate, check = bytes(1_000_000), zlib.compressobj(9, zlib.DEFLATED, -15), 1
    first = deflate.compress(million) + deflate.flush(zlib.Z_FULL_FLUSH)
    again = deflate.compress(million) + deflate.flush(zlib.Z_FULL_FLUSH)
    end = deflate.flush(zlib.Z_FINISH)
    for _ in range(megabytes):
        check = zlib.adler32(million, check)
    return b"\x78\xda" + first + again * (megabytes - 1) + end + struct.pack(">I", check)


def wrong_sum(content: bytes) -> bytes:
    """The header's checksum does not fit."""
    return content[:29] + bytes([content[29] ^ 0xFF]) + content[30:]


# --- PDF by hand --------------------------------------------------------------------------------------------
def pdf(*objects: bytes, trailer: bytes = b"", count: int | None = None, box: str = "0 0 200 100") -> bytes:
    """One page of 200 × 100 points (object 3). Further objects start at 4; `trailer` is more of its entries.

    An object that starts with "n:" replaces object n.
    """
    kept = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count %d >>" % (1 if count is None else count),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] >>" % box.encode(),
    ]
    for each in objects:
        number, _, body = each.partition(b":") if each[1:2] == b":" else (b"", b"", each)
        if number:
            kept[int(number) - 1] = body
        else:
            kept.append(body)
    out, places = b"%PDF-1.7\n", []
    for place, body in enumerate(kept, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (place, body)
    table = b"".join(b"%010d 00000 n \n" % at for at in places)
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(kept) + 1, table, len(kept) + 1, trailer, len(out))
    )


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def catalog(entries: bytes) -> bytes:
    return b"1:<< /Type /Catalog /Pages 2 0 R %s >>" % entries


def pages(number: int) -> bytes:
    """So many pages, all of them the same object but the last."""
    kids = b"3 0 R " * (number - 1) + b"4 0 R"
    return pdf(
        b"2:<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, number),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] >>",
    )


def page_with(resources: bytes) -> bytes:
    """The page draws object 4, which may use these."""
    return (
        b"3:<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R /Resources << %s >> >>"
        % resources
    )


def drawing_itself_over_and_over() -> bytes:
    """Two forms, each drawing the next ten times, and a hundred squares over all of the page in each of the last.

    Few enough for the child's memory, so that it is time that runs out.
    """
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 999 999] "
    forms = [
        stream(b"/F Do " * 10, form + b"/Resources << /XObject << /F %d 0 R >> >>" % (number + 1))
        for number in range(5, 7)
    ]
    last = stream(b"0 0 999 999 re f " * 100, form)
    return pdf(page_with(b"/XObject << /F 5 0 R >>"), stream(b"/F Do " * 10), *forms, last)


def encrypted(user_password: bytes) -> bytes:
    """RC4 with 40 bits (PDF 1.7, algorithms 2 to 4); opens by itself when the password is empty."""
    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    owner, rights, ident = bytes(range(32)), -4, b"0123456789abcdef"
    padded = (user_password + padding)[:32]
    key = hashlib.md5(padded + owner + struct.pack("<i", rights) + ident, usedforsecurity=False).digest()[:5]
    entries = b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P %d >>" % (
        owner.hex().encode(),
        _rc4(key, padding).hex().encode(),
        rights,
    )
    hexed = ident.hex().encode()
    return pdf(entries, trailer=b"/Encrypt 4 0 R /ID [<%s> <%s>]" % (hexed, hexed))


def _rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def archive(megabytes: int = 0) -> bytes:
    """A ZIP with a class in it, or with so many megabytes of zeros."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("Evil.class", b"\xca\xfe\xba\xbe" + bytes(megabytes * 1_000_000))
    return out.getvalue()
