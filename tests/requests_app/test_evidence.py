"""Evidence: a picture that we drew for people, a sealed original for nobody. The attacks are in test_hostile_uploads."""

from __future__ import annotations

import hashlib
import io
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as conf
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from pytest_django.fixtures import Settings

from portal.accounts import limits
from portal.accounts.models import Role, User
from portal.audit.models import Entry
from portal.kit.errors import RetryLater
from portal.kit.vault import SecretUnreadable
from requests_app.models import Evidence, Request
from requests_app.services.evidence import UPLOADS_AN_HOUR, open_original, store_evidence, words_of
from requests_app.services.kinds import InvalidAnswer
from requests_app.services.uploads import safe_name
from tests.requests_app import hostile
from tests.requests_app.factories import ADP, a_csm, a_request, an_upload, customer_of, picture
from tests.support.people import a_company, signed_in


@pytest.fixture
def req(db: None) -> Request:
    return a_request(ADP)


def stored(req: Request, content: bytes, name: str = "x.png") -> tuple[Evidence, bytes]:
    evidence = store_evidence(req, SimpleUploadedFile(name, content), by=req.owner)
    with evidence.file.open("rb") as file:
        return evidence, file.read()


def files() -> list[Path]:
    return sorted(path for path in Path(conf.MEDIA_ROOT).rglob("*") if path.is_file())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_pictures_of_the_three_kinds_are_kept_as_png(req: Request, form: str) -> None:
    evidence, kept = stored(req, picture(form=form))
    assert kept.startswith(b"\x89PNG")
    assert Image.open(io.BytesIO(kept)).size == (40, 30)
    assert (evidence.content_type, evidence.size) == ("image/png", len(kept))
    assert evidence.sha256 == hashlib.sha256(kept).hexdigest()
    assert evidence.original_type == f"image/{form.lower()}"


def test_of_a_pdf_the_first_five_pages_are_seen_and_the_page_says_so(req: Request) -> None:
    long, _ = stored(req, hostile.pages(12), "terms.pdf")
    short, _ = stored(req, hostile.pages(4), "short.pdf")
    assert (long.pages, long.name, words_of(long)) == (12, "terms.png", "The first 5 of 12 pages are shown.")
    assert (short.pages, words_of(short)) == (4, "")


def test_beside_the_picture_stands_that_more_pages_exist(req: Request) -> None:
    long, _ = stored(req, hostile.pages(12), "terms.pdf")
    words = "The first 5 of 12 pages are shown."
    assert words in render_to_string("requests_app/_evidence.html", {"file": long})
    long.pages = 5
    assert words not in render_to_string("requests_app/_evidence.html", {"file": long})


def test_a_picture_that_grows_as_png_is_kept_within_the_limit(req: Request, settings: Settings) -> None:
    settings.UPLOAD_MAX_BYTES = 100_000
    content = hostile.noise("WEBP", (400, 400))
    assert len(content) < 100_000
    evidence, _ = stored(req, content)
    assert evidence.size <= 100_000


# --- the original -------------------------------------------------------------------------------------------
def test_the_original_lies_sealed_and_opens_byte_by_byte_with_a_line_in_the_audit_log(req: Request) -> None:
    content = picture(form="JPEG", comment=b"jane was here")
    evidence, _ = stored(req, content)
    assert all(b"jane was here" not in path.read_bytes() for path in files())
    assert open_original(evidence, by=req.owner) == content
    entry = Entry.objects.get(action="evidence.original_opened")
    assert (entry.actor, entry.subject) == (req.owner.email, str(req))
    assert entry.details == {"evidence": str(evidence.public_id), "name": "x.png"}


def test_an_original_moved_to_another_file_or_request_does_not_open(req: Request) -> None:
    ours, _ = stored(req, picture())
    other = a_request(ADP, by=req.owner, company=a_company("Other Clinic"))
    theirs, _ = stored(other, picture(50))
    beside, _ = stored(req, picture(60))
    for thief in (theirs, beside):
        thief.original = ours.original
        with pytest.raises(SecretUnreadable):
            open_original(thief)


def test_evidence_from_before_originals_were_kept_has_none(req: Request) -> None:
    evidence, _ = stored(req, picture())
    evidence.original = ""
    assert open_original(evidence) == b""
    assert not Entry.objects.filter(action="evidence.original_opened").exists()


# --- what stays and what goes -------------------------------------------------------------------------------
def test_the_same_picture_again_is_the_one_that_is_held(req: Request) -> None:
    first, second = (store_evidence(req, an_upload(picture()), by=req.filed_by) for _ in range(2))
    assert first == second
    assert len(files()) == 2
    assert store_evidence(req, an_upload(picture(width=50)), by=req.filed_by) != first


@pytest.mark.django_db(transaction=True)
def test_one_picture_uploaded_twice_at_the_same_moment_is_kept_once() -> None:
    req = a_request(ADP)
    start, found = threading.Barrier(2), []

    def upload() -> None:
        start.wait()
        found.append(store_evidence(req, an_upload(picture()), by=req.owner).pk)
        connection.close()

    both = [threading.Thread(target=upload) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert len(found) == 2
    assert len(set(found)) == 1
    assert len(files()) == 2


@pytest.mark.django_db(transaction=True)
def test_no_file_stays_behind_a_row_that_could_not_be_written() -> None:
    nobody = User(pk=99_999, email="gone@desk.example", role=Role.TL)
    with pytest.raises(IntegrityError):
        store_evidence(a_request(ADP), an_upload(), by=nobody)
    assert not Evidence.objects.exists()
    assert files() == []


class FullFolder(FileSystemStorage):
    """Takes the picture and has no room for the original."""

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        if str(name).startswith("originals"):
            raise RetryLater("no room")
        return super().save(name, content, max_length)


def test_a_store_that_is_away_is_a_sentence_and_leaves_nothing(req: Request, settings: Settings) -> None:
    settings.STORAGES = {
        **conf.STORAGES,
        "default": {"BACKEND": "tests.requests_app.test_evidence.FullFolder"},
    }
    with pytest.raises(InvalidAnswer, match="cannot be kept just now"):
        store_evidence(req, an_upload(), by=req.owner)
    assert not Evidence.objects.exists()
    assert files() == []


@pytest.mark.django_db(transaction=True)
def test_uploading_inside_a_transaction_is_refused_because_its_rollback_would_leave_the_files() -> None:
    req = a_request(ADP)
    with pytest.raises(RuntimeError), transaction.atomic():
        store_evidence(req, an_upload(), by=req.owner)
    assert files() == []


# --- who, how often, and how it is served --------------------------------------------------------------------
def test_only_who_sees_the_request_adds_files(req: Request) -> None:
    with pytest.raises(InvalidAnswer):
        store_evidence(req, an_upload(), by=a_csm("Other Person"))


def test_a_company_uploads_thirty_files_an_hour(req: Request) -> None:
    for _ in range(UPLOADS_AN_HOUR):
        limits.take("upload", str(req.company_id), most=UPLOADS_AN_HOUR, per=timedelta(hours=1))
    with pytest.raises(InvalidAnswer, match="too many files within an hour"):
        store_evidence(req, an_upload(), by=req.owner)
    other = a_request(ADP, by=req.owner, company=a_company("Other Clinic"))
    assert store_evidence(other, an_upload(), by=req.owner)


def test_what_our_people_download_is_recorded_and_what_they_look_at_is_not(req: Request) -> None:
    evidence, kept = stored(req, picture())
    Evidence.objects.filter(pk=evidence.pk).update(uploaded_by=customer_of(req))
    url = f"/evidence/{evidence.public_id}/"
    staff, customer = signed_in(req.owner), signed_in(customer_of(req))
    assert staff.get(url).getvalue() == kept
    assert customer.get(f"{url}?download").getvalue() == kept
    assert staff.head(f"{url}?download").status_code == 200
    assert not Entry.objects.filter(action="evidence.downloaded").exists()
    assert staff.get(f"{url}?download").getvalue() == kept
    entry = Entry.objects.get(action="evidence.downloaded")
    assert (entry.actor, entry.subject) == (req.owner.email, str(req))


def test_no_address_leads_to_the_original(req: Request) -> None:
    evidence, kept = stored(req, picture(form="JPEG"))
    client = signed_in(req.owner)
    for path in (
        evidence.original.name,
        f"media/{evidence.original.name}",
        f"evidence/{evidence.public_id}/original/",
    ):
        assert client.get(f"/{path}").status_code == 404
    assert client.get(f"/evidence/{evidence.public_id}/?original").getvalue() == kept


def test_a_lost_file_is_as_missing_as_a_foreign_one(req: Request) -> None:
    evidence, _ = stored(req, picture())
    evidence.file.storage.delete(str(evidence.file.name))
    assert signed_in(req.owner).get(f"/evidence/{evidence.public_id}/").status_code == 404


# --- names --------------------------------------------------------------------------------------------------
def test_the_stored_name_is_random_and_the_shown_one_is_readable(req: Request) -> None:
    evidence, _ = stored(req, picture(), "../../etc/Zustimmung März.jpg")
    assert evidence.name == "Zustimmung März.png"
    assert "Zustimmung" not in str(evidence.file.name)
    assert str(evidence.file.name).endswith(".png")


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
