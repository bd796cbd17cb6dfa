"""The hostile uploads of reliability-security.md T15: refused with a sentence, or kept as nothing but a picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from requests_app.models import Evidence, Request
from requests_app.services.evidence import open_original, store_evidence
from requests_app.services.kinds import InvalidAnswer
from tests.requests_app import hostile as make
from tests.requests_app.factories import ADP, a_request

pytestmark = pytest.mark.slow

DAMAGED = "This file is damaged or incomplete."
SMALL_PAGE = (500, 250)


class Sent(SimpleUploadedFile):
    """An upload whose name is what an attacker writes: Django would clean it before we see it."""

    name = ""


@dataclass(frozen=True)
class Case:
    """`refusal` is a part of the sentence; without one the file is kept, `size` pixels large."""

    name: str
    content: Callable[[], bytes]
    refusal: str = ""
    size: tuple[int, int] = (40, 30)
    pages: int = 1
    named: str = "consent.png"
    shown: str = "consent.png"
    content_type: str = "image/png"
    announced: int | None = None
    colour: tuple[int, ...] | None = None  # of the pixel in the middle


def fixed(content: bytes) -> Callable[[], bytes]:
    return lambda: content


PNG, JPEG, WEBP = make.image(), make.image("JPEG"), make.image("WEBP")
PDF = make.pdf()

POLYGLOTS = [
    Case("png and a web page", fixed(PNG + make.HTML)),
    Case("png and a jar", fixed(PNG + make.archive())),
    Case("png and its end twice", fixed(PNG + PNG)),
    Case("jpeg, script and the end of a pdf", fixed(JPEG + make.SCRIPT + b"%PDF-1.7\n%%EOF")),
    Case("jpeg with a script as its comment", lambda: make.image("JPEG", comment=make.SCRIPT)),
    Case("jpeg that only begins as one", fixed(b"\xff\xd8\xff/*" + make.SCRIPT * 9), DAMAGED),
    Case("webp and a script", fixed(WEBP + make.SCRIPT)),
    Case("gif and a jar", lambda: make.image("GIF") + make.archive(), "This is a GIF."),
    Case("gif that is a script", fixed(b"GIF89a/*" + make.SCRIPT), "This is a GIF."),
    Case("pdf and a zip", fixed(PDF + make.archive()), size=SMALL_PAGE),
    Case("pdf and a web page", fixed(PDF + make.HTML), size=SMALL_PAGE),
    Case("web page before a pdf", fixed(make.HTML + PDF), "This is a web page."),
    Case("junk before a pdf", fixed(b"\x00junk\n" + PDF), "a PDF with something else before it"),
]
DISGUISED = [
    Case("svg with onload", fixed(make.SVG), "an SVG drawing", named="x.svg", content_type="image/svg+xml"),
    Case("svg named png", fixed(b"<?xml version='1.0'?>" + make.SVG), "an SVG drawing"),
    Case("html named png", fixed(make.HTML), "This is a web page."),
    Case("html behind a mark and blanks", fixed(b"\xef\xbb\xbf \n" + make.HTML), "This is a web page."),
    Case("program named png", fixed(b"MZ\x90\x00" + bytes(99)), "This is a program."),
    Case(
        "picture said to be a web page", fixed(PNG), named="x.html", shown="x.png", content_type="text/html"
    ),
    Case("web page said to be a pdf", fixed(make.HTML), "a web page", content_type="application/pdf"),
    Case("jpeg said to be a png", fixed(JPEG)),
    Case("pdf named png", fixed(PDF), size=SMALL_PAGE),
    Case(
        "wave file in webp's wrapping", fixed(b"RIFF\x00\x00\x00\x00WAVEfmt "), "not a file that we can read"
    ),
]
OTHERS = [
    Case("tiff", lambda: make.image("TIFF"), "a TIFF"),
    Case("bmp", lambda: make.image("BMP"), "a BMP"),
    Case("icon", lambda: make.image("ICO"), "an icon"),
    Case("heic", fixed(b"\x00\x00\x00\x18ftypheic" + bytes(99)), "a HEIC or AVIF photo"),
    Case("avif", fixed(b"\x00\x00\x00\x1cftypavif" + bytes(99)), "a HEIC or AVIF photo"),
    Case("psd", fixed(b"8BPS\x00\x01" + bytes(99)), "a Photoshop document"),
    Case("eps", fixed(b"%!PS-Adobe-3.0 EPSF-3.0\n(x) run"), "a PostScript drawing"),
    Case("pcx", lambda: make.image("PCX"), "not a file that we can read"),
    Case("zip", lambda: make.archive(), "a ZIP archive"),
    Case("zip bomb", lambda: make.archive(megabytes=100), "a ZIP archive"),
]
BOMBS = [
    Case(
        "20,000 × 20,000 with one row", lambda: make.png(20_000, 20_000, make.zeros(1)), "40 million pixels"
    ),
    Case(
        "144 million pixels in 18 kB", lambda: make.png(12_000, 12_000, make.zeros(18)), "40 million pixels"
    ),
    Case("48 million pixels", lambda: make.png(8_000, 6_000, make.zeros(7)), "40 million pixels"),
    Case("one pixel high", lambda: make.png(40_000_001, 1, make.zeros(6)), "40 million pixels"),
    Case("two billion wide", lambda: make.png(2_000_000_000, 2, make.zeros(1)), "40 million pixels"),
    Case(
        "40 million in colour",
        lambda: make.png(8_000, 5_000, make.zeros(121), depth=8, colour=2),
        size=(3_200, 2_000),
    ),
    Case(
        "40 million with transparency",
        lambda: make.png(8_000, 5_000, make.zeros(161), depth=8, colour=6),
        "too large to be opened",
    ),
    Case(
        "webp of 200 million pixels",
        fixed(WEBP[:12] + b"VP8X" + b"\n\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2),
        "too large",
    ),
    Case("pixels behind the picture", lambda: make.png(80, 30, make.zeros(200)), size=(80, 30)),
    Case(
        "text that unfolds",
        lambda: make.png(8, 8, make.zeros(1), make.chunk(b"zTXt", b"a\0\0" + make.zeros(200))),
        DAMAGED,
    ),
    Case(
        "profile that unfolds",
        lambda: make.png(80, 30, make.zeros(1), make.chunk(b"iCCP", b"a\0\0" + make.zeros(200))),
        DAMAGED,
    ),
    Case(
        "pdf page that unfolds",
        lambda: make.pdf(
            make.page_with(b""),
            make.stream(make.zeros(1_000), b"/Filter /FlateDecode"),
        ),
        DAMAGED,
    ),
    Case(
        "pdf picture that unfolds",
        lambda: make.pdf(
            make.page_with(b"/XObject << /I 5 0 R >>"),
            make.stream(b"/I Do"),
            make.stream(
                make.zeros(1_000),
                b"/Filter /FlateDecode /Type /XObject /Subtype /Image /Width 30000 /Height 30000 "
                b"/BitsPerComponent 8 /ColorSpace /DeviceGray",
            ),
        ),
        size=SMALL_PAGE,
    ),
    Case(
        "pdf object stream that unfolds",
        lambda: make.pdf(
            b"3:<< /Type /ObjStm /N 1 /First 4 >>",
            make.stream(make.zeros(1_000), b"/Type /ObjStm /N 9 /First 60 /Filter /FlateDecode"),
        ),
        DAMAGED,
    ),
]
BROKEN = [
    Case("empty", fixed(b""), "This file is empty."),
    Case("one byte", fixed(b"\x89"), "not a file that we can read"),
    Case("png cut in its header", fixed(PNG[:20]), DAMAGED),
    Case("png cut in its pixels", fixed(make.noise("PNG", (40, 30))[:700]), DAMAGED),
    Case("jpeg cut in its tables", fixed(JPEG[:200]), DAMAGED),
    Case("jpeg cut in its pixels", fixed(make.noise("JPEG", (200, 200))[:5_000]), DAMAGED),
    Case("webp cut", fixed(make.noise("WEBP", (200, 200))[:900]), DAMAGED),
    Case("wrong checksum", fixed(make.wrong_sum(PNG)), DAMAGED),
    Case("pdf of its header alone", fixed(b"%PDF-1.7\n"), DAMAGED),
    Case("pdf cut in its objects", fixed(PDF[:90]), DAMAGED),
    Case("larger than 10 MB", lambda: PNG + bytes(10 * 1024 * 1024), "larger than 10 MB"),
    Case("larger than it says", lambda: PNG + bytes(10 * 1024 * 1024), "larger than 10 MB", announced=10),
    Case("said to be larger than it is", fixed(PNG), "larger than 10 MB", announced=99_000_000),
]
ODD = [
    Case("animated png shows its first frame", lambda: make.frames("PNG"), colour=(0xD0, 0, 0)),
    Case("animated webp shows its first frame", lambda: make.frames("WEBP")),
    Case("cmyk", lambda: make.image("JPEG", "CMYK")),
    Case("16 bits of grey", lambda: make.image(mode="I;16")),
    Case("palette with transparency", lambda: make.image(mode="P", transparency=7)),
    Case("one bit", lambda: make.image(mode="1")),
    Case("jpeg that tells where Jane stood", lambda: make.image("JPEG", exif=make.exif())),
    Case("jpeg lying on its side", lambda: make.image("JPEG", exif=make.exif(6)), size=(30, 40)),
    Case("jpeg with damaged exif", lambda: make.image("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")),
    Case("webp with exif and xmp", lambda: make.image("WEBP", exif=make.exif(), xmp=make.SCRIPT)),
    Case("png with exif", lambda: make.image(exif=make.exif())),
    Case("png with a script as text", lambda: make.with_text(make.SCRIPT.decode())),
]
PDFS = [
    Case(
        "runs a script",
        lambda: make.pdf(make.catalog(b"/OpenAction << /S /JavaScript /JS (app.alert(1)) >>")),
        size=SMALL_PAGE,
    ),
    Case(
        "starts a program",
        lambda: make.pdf(make.catalog(b"/OpenAction << /S /Launch /F (cmd.exe) >>")),
        size=SMALL_PAGE,
    ),
    Case(
        "carries a file",
        lambda: make.pdf(
            make.catalog(b"/Names << /EmbeddedFiles << /Names [(evil.exe) 4 0 R] >> >>"),
            b"<< /Type /Filespec /F (evil.exe) /EF << /F 5 0 R >> >>",
            make.stream(b"MZ\x90\x00evil", b"/Type /EmbeddedFile"),
        ),
        size=SMALL_PAGE,
    ),
    Case(
        "fetches from outside",
        lambda: make.pdf(make.catalog(b"/OpenAction << /S /URI /URI (http://127.0.0.1/x) >>")),
        size=SMALL_PAGE,
    ),
    Case("needs a password", lambda: make.encrypted(b"secret"), "This PDF is protected."),
    Case("forbids printing", lambda: make.encrypted(b""), "This PDF is protected."),
    Case("10,000 pages", lambda: make.pages(10_000), size=(500, 1_282), pages=10_000),
    Case("page of ten kilometres", lambda: make.pdf(box="0 0 30000000 30000000"), "too small or too large"),
    Case("page of a pixel", lambda: make.pdf(box="0 0 1 1"), "too small or too large"),
    Case("page as thin as a hair", lambda: make.pdf(box="0 0 14000 2"), "too small or too large"),
    Case(
        "pages that hold themselves",
        lambda: make.pdf(b"2:<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>"),
        DAMAGED,
    ),
    Case("no pages", lambda: make.pdf(b"2:<< /Type /Pages /Kids [] /Count 0 >>"), "no pages"),
    Case(
        "form for one program only",
        lambda: make.pdf(
            make.catalog(b"/AcroForm << /Fields [] /XFA 4 0 R >> /NeedsRendering true"),
            make.stream(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>"),
        ),
        "only Adobe's programs show",
    ),
]
NAMES = [
    Case("a path", fixed(PNG), named="../../x", shown="x.png"),
    Case("a path of another system", fixed(PNG), named="..\\..\\boot.ini", shown="boot.png"),
    Case("dots that are none", fixed(PNG), named="\u2024\u2024\u2215x.png", shown="x.png"),
    Case("written from right to left", fixed(PNG), named="a\u202egnp.exe", shown="agnp.png"),
    Case("a header", fixed(PNG), named="x\r\nSet-Cookie: a=b.png", shown="x Set-Cookie ab.png"),
    Case("a zero byte", fixed(PNG), named="x.php\x00.png", shown="x.php.png"),
    Case("two endings", fixed(PNG), named="x.php.png", shown="x.php.png"),
    Case("300 characters", fixed(PNG), named="n" * 300 + ".png", shown="n" * 80 + ".png"),
    Case("a tag", fixed(PNG), named="<img src=x onerror=alert(1)>.png", shown="img srcx onerroralert1.png"),
]
ALL = [*POLYGLOTS, *DISGUISED, *OTHERS, *BOMBS, *BROKEN, *ODD, *PDFS, *NAMES]


def files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def upload(case: Case, req: Request) -> Evidence:
    sent = Sent(case.named, case.content(), content_type=case.content_type)
    assert sent.name == case.named
    if case.announced is not None:
        sent.size = case.announced
    return store_evidence(req, sent, by=req.owner)


def test_there_are_at_least_sixty() -> None:
    assert len({case.name for case in ALL}) == len(ALL) >= 60


@pytest.mark.parametrize("case", [case for case in ALL if case.refusal], ids=lambda case: case.name)
def test_it_is_refused_with_a_sentence_and_nothing_is_kept(db: None, case: Case) -> None:
    with pytest.raises(InvalidAnswer) as refused:
        upload(case, a_request(ADP))
    assert case.refusal in refused.value.message
    assert "upload" in refused.value.message  # what to do instead
    assert not Evidence.objects.exists()
    assert files() == []


@pytest.mark.parametrize("case", [case for case in ALL if not case.refusal], ids=lambda case: case.name)
def test_it_is_kept_as_a_picture_alone(db: None, case: Case) -> None:
    evidence = upload(case, a_request(ADP))
    with evidence.file.open("rb") as file:
        kept = file.read()
    # Neither text nor profile nor EXIF nor frames, and nothing behind the end.
    assert set(make.chunks_of(kept)) == {b"IHDR", b"IDAT", b"IEND"}
    assert (evidence.content_type, evidence.size, evidence.name) == ("image/png", len(kept), case.shown)
    assert evidence.pages == case.pages
    drawn = Image.open(io.BytesIO(kept))
    assert drawn.size == case.size
    if case.colour:
        assert drawn.getpixel((drawn.width // 2, drawn.height // 2)) == case.colour
    assert len(files()) == 2
    assert all(path.stem.isalnum() and len(path.stem) == 32 for path in files())
    assert open_original(evidence) == case.content()
