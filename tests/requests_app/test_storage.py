"""Evidence on a server that speaks S3: the same service, page and Jira attachment, with nothing in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from django.conf import settings as conf
from django.core.checks import Error, Warning
from django.core.files.storage import default_storage
from django.test import Client
from moto.server import ThreadedMotoServer
from pytest_django.fixtures import Settings

from portal.checks import evidence_has_its_place
from portal.kit.errors import RetryLater
from portal.kit.leases import JobState
from portal.kit.s3 import EvidenceBucket
from portal.outbox.models import Effect
from portal.sandbox.server import Running
from requests_app.models import Evidence, Request
from requests_app.services.evidence import open_original, store_evidence
from requests_app.services.kinds import InvalidAnswer
from requests_app.services.moves import make_move
from tests.requests_app.factories import ADP, a_request, a_tl, an_upload, complete, picture
from tests.support.queue import drain

pytestmark = pytest.mark.slow

BUCKET = "evidence-of-the-desk"
KEY, SECRET = "AKIAOFTHETEST", "secret-of-the-test"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, settings: Settings) -> Any:
    """The bucket as its owner sees it; the portal is pointed at it as by its settings."""
    client = boto3.resource(
        "s3",
        endpoint_url=server,
        region_name="eu-central-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )
    made = client.Bucket(BUCKET)
    made.create(CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    settings.STORAGES = {**conf.STORAGES, "default": backend(server)}
    yield made
    made.objects.all().delete()
    made.delete()


def backend(endpoint_url: str) -> dict[str, Any]:
    options = {
        "bucket": BUCKET,
        "endpoint_url": endpoint_url,
        "region": "eu-central-1",
        "key": KEY,
        "secret": SECRET,
    }
    return {"BACKEND": "portal.kit.s3.EvidenceBucket", "OPTIONS": options}


@pytest.fixture
def req(db: None) -> Request:
    return a_request(ADP)


def looked_at(req: Request, evidence: Evidence) -> Any:
    client = Client()
    client.force_login(req.owner)
    return client.get(f"/evidence/{evidence.public_id}/")


def test_an_upload_is_two_private_encrypted_objects_and_the_page_shows_one(bucket: Any, req: Request) -> None:
    content = picture(form="JPEG")
    evidence = store_evidence(req, an_upload(content), by=req.owner)
    objects = {each.key: each.Object() for each in bucket.objects.all()}
    assert set(objects) == {evidence.file.name, evidence.original.name}
    assert all(each.server_side_encryption == "AES256" for each in objects.values())
    assert all(len(each.Acl().grants) == 1 for each in objects.values())
    assert content not in objects[str(evidence.original.name)].get()["Body"].read()
    answer = looked_at(req, evidence)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert answer.getvalue() == objects[str(evidence.file.name)].get()["Body"].read()
    assert open_original(evidence) == content
    assert not Path(conf.MEDIA_ROOT).exists()


def test_the_same_upload_again_makes_no_further_object(bucket: Any, req: Request) -> None:
    first, second = (store_evidence(req, an_upload(), by=req.owner) for _ in range(2))
    assert first == second
    assert len(list(bucket.objects.all())) == 2


def test_a_lost_object_is_a_missing_page(bucket: Any, req: Request) -> None:
    evidence = store_evidence(req, an_upload(), by=req.owner)
    bucket.Object(evidence.file.name).delete()
    assert looked_at(req, evidence).status_code == 404


def test_jira_gets_the_picture_from_the_bucket(bucket: Any, sandbox: Running, db: None) -> None:
    with_file = complete(a_request(ADP), **{"hris.consent_file": an_upload()})
    make_move(with_file, "submit", by=with_file.owner)
    make_move(with_file, "approve", by=a_tl())
    drain()
    assert Effect.objects.get(kind="jira.attach").job_state == JobState.DONE
    evidence = Evidence.objects.get(req=with_file)
    assert {each.key for each in bucket.objects.all()} == {evidence.file.name, evidence.original.name}


def test_a_server_that_is_away_is_a_sentence_and_a_503(bucket: Any, req: Request, settings: Settings) -> None:
    evidence = store_evidence(req, an_upload(), by=req.owner)
    settings.STORAGES = {**conf.STORAGES, "default": backend("http://127.0.0.1:9")}
    with pytest.raises(RetryLater):
        default_storage.open(str(evidence.file.name))
    with pytest.raises(InvalidAnswer, match="cannot be kept just now"):
        store_evidence(req, an_upload(picture(50)), by=req.owner)
    assert looked_at(req, Evidence.objects.get()).status_code == 503


def test_nobody_gets_an_address_of_the_bucket(bucket: Any, req: Request) -> None:
    evidence = store_evidence(req, an_upload(), by=req.owner)
    with pytest.raises(ValueError, match="no URL"):
        _ = evidence.file.url


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, []),
        ({"PRODUCTION": True}, ["desk.W002"]),
        ({"PRODUCTION": True, "EVIDENCE_S3_BUCKET": "b"}, []),
        ({"EVIDENCE_S3_BUCKET": "b", "EVIDENCE_S3_KEY": "k", "EVIDENCE_S3_SECRET": "s"}, []),
        ({"EVIDENCE_S3_BUCKET": "b", "EVIDENCE_S3_KEY": "k"}, ["desk.E010"]),
        ({"EVIDENCE_S3_BUCKET": "b", "EVIDENCE_S3_SECRET": "s"}, ["desk.E010"]),
        ({"EVIDENCE_S3_ENDPOINT_URL": "https://s3.example"}, ["desk.E010"]),
    ],
)
def test_half_a_configuration_is_an_error_and_a_folder_in_production_a_warning(
    settings: Settings, given: dict[str, Any], found: list[str]
) -> None:
    for name, value in given.items():
        setattr(settings, name, value)
    messages = evidence_has_its_place()
    assert [each.id for each in messages] == found
    assert all(isinstance(each, Warning if each.id == "desk.W002" else Error) for each in messages)


def test_the_secret_is_in_no_message(settings: Settings) -> None:
    settings.EVIDENCE_S3_SECRET = SECRET
    assert SECRET not in str(evidence_has_its_place())
    assert SECRET not in repr(EvidenceBucket(bucket="b", key=KEY, secret=SECRET))
