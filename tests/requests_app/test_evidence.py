"""Uploads: what is kept is a picture that we drew, whatever came in."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from pytest_django.fixtures import Settings

from requests_app.models import Evidence, Request
from requests_app.services.evidence import safe_name, store_evidence
from requests_app.services.kinds import InvalidAnswer
from tests.requests_app.factories import ADP, a_csm, a_request, an_upload, picture

SCRIPT = b"<script>alert(1)</script>"


@pytest.fixture
def req(db: None) -> Request:
    return a_request(ADP)


def stored(req: Request, content: bytes, name: str = "x.png") -> tuple[Evidence, bytes]:
    evidence = store_evidence(req, SimpleUploadedFile(name, content), by=req.owner)
    with evidence.file.open("rb") as file:
        return evidence, file.read()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that unfolds into width × height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "CameraOfJane"
    exif[0x0112] = 6  # turned by a quarter
    return picture(40, 20, "JPEG", exif=exif.tobytes())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_pictures_of_the_three_kinds_are_kept_as_png(req: Request, form: str) -> None:
    evidence, kept = stored(req, picture(form=form))
    assert kept.startswith(b"\x89PNG")
    assert Image.open(io.BytesIO(kept)).size == (40, 30)
    assert (evidence.content_type, evidence.size) == ("image/png", len(kept))
    assert evidence.sha256 == hashlib.sha256(kept).hexdigest()


@pytest.mark.parametrize(
    "content",
    [
        picture() + SCRIPT,
        picture(form="JPEG") + SCRIPT + b"%PDF-1.7",
        picture(form="JPEG", comment=SCRIPT),
        picture(form="WEBP", xmp=SCRIPT),
        picture() + b"PK\x03\x04 a jar",
    ],
)
def test_what_hides_behind_a_picture_is_gone(req: Request, content: bytes) -> None:
    _, kept = stored(req, content)
    assert SCRIPT not in kept
    assert b"%PDF" not in kept
    assert b"PK\x03\x04" not in kept


def test_exif_is_gone_and_the_picture_stands_upright(req: Request) -> None:
    _, kept = stored(req, with_exif())
    image = Image.open(io.BytesIO(kept))
    assert b"CameraOfJane" not in kept
    assert not image.getexif()
    assert image.size == (20, 40)


def test_text_and_profiles_inside_a_png_are_gone(req: Request) -> None:
    profile = b"not really a colour profile " + SCRIPT
    _, kept = stored(req, picture(icc_profile=profile))
    assert b"iCCP" not in kept


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "This is a PDF. Please upload a screenshot as PNG, JPEG or WebP."),
        (b"GIF89a/*" + SCRIPT, "a GIF"),
        (b"<svg onload='alert(1)'>", "an SVG drawing"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", "an SVG drawing"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"<html>" + SCRIPT, "a web page"),
        (b"PK\x03\x04" + b"\x00" * 40, "a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
        (b"BM" + b"\x00" * 60, "a BMP"),
        (b"II*\x00" + b"\x00" * 60, "a TIFF"),
        (b"\x00\x00\x00\x18ftypheic" + b"\x00" * 20, "a HEIC photo"),
        (b"MZ\x90\x00", "a program"),
        (b"\x7fELF", "a program"),
        (b"hello", "not a picture"),
        (b"\x00" * 2000, "not a picture"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "not a picture"),
        (b"", "empty"),
        (picture()[:60], "damaged"),
        (picture(form="JPEG")[:200], "damaged"),
        (b"\x89PNG\r\n\x1a\n" + SCRIPT, "damaged"),
        (b"\xff\xd8\xff" + SCRIPT * 5, "damaged"),
        (b"RIFF\xff\xff\xff\x7fWEBPVP8 " + b"\x00" * 40, "damaged"),
        (b"\xff\xd8\xff\xe0" + b"GIFAR PK\x03\x04" * 9, "damaged"),
        (bomb(20_000, 20_000), "pixels"),
        (bomb(8_000, 6_000), "pixels"),
        (bomb(2_000_000_000, 2), "pixels"),
        (bomb(3_000, 3_000), "damaged"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_everything_else_is_refused_with_a_sentence(req: Request, content: bytes, words: str) -> None:
    with pytest.raises(InvalidAnswer, match=words):
        stored(req, content)
    assert not Evidence.objects.exists()


def test_a_wrong_name_or_type_does_not_make_a_web_page_a_picture(req: Request) -> None:
    page = SimpleUploadedFile("consent.png", b"<html>" + SCRIPT, content_type="image/png")
    with pytest.raises(InvalidAnswer, match="a web page"):
        store_evidence(req, page, by=req.owner)


def test_a_picture_may_have_40_million_pixels_and_is_kept_smaller(req: Request) -> None:
    _, kept = stored(req, picture(8_000, 5_000, "PNG"))
    assert Image.open(io.BytesIO(kept)).size == (3_200, 2_000)


def test_a_file_over_the_limit_is_refused_even_if_it_lies_about_its_size(
    req: Request, settings: Settings
) -> None:
    settings.UPLOAD_MAX_BYTES = 1_000_000
    large = an_upload(picture() + b"\x00" * 1_000_000)
    large.size = 10
    with pytest.raises(InvalidAnswer, match="larger than"):
        store_evidence(req, large, by=req.owner)


def test_a_picture_that_grows_as_png_is_kept_within_the_limit(req: Request, settings: Settings) -> None:
    noise = Image.effect_noise((400, 400), 90).convert("RGB")
    out = io.BytesIO()
    noise.save(out, format="JPEG", quality=60)
    settings.UPLOAD_MAX_BYTES = 100_000
    assert len(out.getvalue()) < 100_000
    evidence, _ = stored(req, out.getvalue())
    assert evidence.size <= 100_000


def test_the_stored_name_is_random_and_the_shown_one_is_readable(req: Request) -> None:
    evidence, _ = stored(req, picture(), "../../etc/Zustimmung März.jpg")
    assert evidence.name == "Zustimmung März.png"
    assert "Zustimmung" not in str(evidence.file.name)
    assert str(evidence.file.name).endswith(".png")


def test_only_who_sees_the_request_adds_files(req: Request) -> None:
    with pytest.raises(InvalidAnswer):
        store_evidence(req, an_upload(), by=a_csm("Other Person"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("consent.png", "consent.png"),
        ("..\\..\\boot.ini.jpg", "boot.ini.png"),
        ("a\u202egnp.exe", "agnp.png"),
        ("x\r\nSet-Cookie: a=b.png", "x Set-Cookie ab.png"),
        ("<script>.png", "script.png"),
        (".png", "png.png"),
        ("", "screenshot.png"),
        ("..", "screenshot.png"),
        ("n" * 300 + ".png", "n" * 80 + ".png"),
    ],
)
def test_names_are_made_safe(name: str, shown: str) -> None:
    assert safe_name(name) == shown


@hypothesis_settings(max_examples=200)
@given(st.text(max_size=60))
def test_no_name_is_ever_a_path_or_a_header(name: str) -> None:
    shown = safe_name(name)
    assert shown.endswith(".png")
    assert not set(shown) & set('/\\\r\n"<>:;\x00')
    assert not shown.startswith(".")


def test_the_same_picture_again_is_the_one_that_is_held(db: None) -> None:
    req = a_request(ADP)
    by = req.filed_by
    first, second = (store_evidence(req, an_upload(picture()), by=by) for _ in range(2))
    assert first == second
    assert store_evidence(req, an_upload(picture(width=50)), by=by) != first
