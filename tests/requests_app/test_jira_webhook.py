"""The webhook: only what is signed is looked at, and then only as a hint (reliability-security.md T21)."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from portal.kit import queue
from portal.kit.leases import JobState
from portal.outbox.models import Effect
from portal.sandbox.actions import ACTIONS
from portal.sandbox.server import Running, serve
from portal.sandbox.world import World
from requests_app.models import Request
from requests_app.services.hooks import MAX_BODY, is_signed
from tests.requests_app.factories import a_request

SECRET, OLD = "a-new-secret-of-the-webhook", "the-one-before"
HELLO = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"


@pytest.fixture(autouse=True)
def _signed(settings: Settings) -> None:
    settings.JIRA_WEBHOOK_SECRETS = f"{SECRET}, {OLD}"


@pytest.fixture
def req(db: None) -> Request:
    req = a_request()
    Request.objects.filter(pk=req.pk).update(jira_key="INT-7")
    return req


def event(key: Any = "INT-7", **more: Any) -> bytes:
    return json.dumps({"webhookEvent": "jira:issue_updated", "issue": {"key": key}, **more}).encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def post(body: bytes, signature: str | None = None, identifier: str = "one", **headers: str) -> HttpResponse:
    given = {"X-Atlassian-Webhook-Identifier": identifier, **headers}
    if signature != "":
        given["X-Hub-Signature"] = sign(body) if signature is None else signature
    return Client(enforce_csrf_checks=True).post(  # type: ignore[return-value]
        reverse("jira_webhook"), body, content_type="application/json", headers=given
    )


def looks() -> int:
    return Effect.objects.filter(kind="jira.refresh").count()


def test_the_signature_is_the_documented_one(settings: Settings) -> None:
    settings.JIRA_WEBHOOK_SECRETS = "It's a Secret to Everybody"
    assert is_signed(b"Hello World!", f"sha256={HELLO}")


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_a_signed_event_about_our_issue_asks_for_one_look(req: Request, secret: str) -> None:
    body = event()
    assert post(body, sign(body, secret)).status_code == 202
    (effect,) = Effect.objects.filter(kind="jira.refresh")
    assert effect.payload == {"request": str(req.public_id)}


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256",
        sign(event())[:-1],
        sign(event()) + "0",
        sign(event()).removeprefix("sha256="),
        sign(event()).replace("sha256", "sha1"),
        sign(event(), "another secret"),
        sign(event(), ""),
        sign(event() + b" "),
        "sha256=" + "é" * 64,
        "sha256=" + "0" * 64,
        HELLO,
    ],
)
def test_what_is_not_signed_by_us_is_refused_and_leaves_nothing(req: Request, signature: str) -> None:
    given = signature.encode().decode("latin-1")
    assert post(event(), given).status_code == 401
    assert looks() == 0


def test_a_changed_byte_breaks_the_signature(req: Request) -> None:
    assert post(event(), sign(event("INT-8"))).status_code == 401


def test_the_same_delivery_again_is_one_look(req: Request) -> None:
    for _ in range(3):
        assert post(event()).status_code == 202
    Effect.objects.update(job_state=JobState.DONE)
    assert post(event()).status_code == 202
    assert looks() == 1


def test_many_events_while_a_look_waits_are_one_look(req: Request) -> None:
    for number in range(10):
        post(event(number=number), identifier=str(number))
    assert looks() == 1


def test_an_event_after_a_look_is_a_new_look(req: Request) -> None:
    post(event(), identifier="one")
    Effect.objects.update(job_state=JobState.DONE)
    post(event(), identifier="two")
    assert looks() == 2


def test_without_an_identifier_the_body_is_the_identity(req: Request) -> None:
    post(event(), identifier="")
    Effect.objects.update(job_state=JobState.DONE)
    post(event(), identifier="")
    assert looks() == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'"x"',
        b"{}",
        b'{"webhookEvent": 7}',
        b'{"webhookEvent": "x", "issue": ',
        b"[" * 100_000,
    ],
)
def test_what_is_signed_and_no_event_is_refused(req: Request, body: bytes) -> None:
    assert post(body).status_code == 400
    assert looks() == 0


@pytest.mark.parametrize("key", ["INT-8", "../INT-7", "INT-7?x", "int-7", "", None, 7, {}, "X" * 500])
def test_an_event_about_nothing_of_ours_is_taken_and_forgotten(req: Request, key: Any) -> None:
    assert post(event(key)).status_code == 204
    assert looks() == 0


@pytest.mark.parametrize("size", [MAX_BODY + 1, 10 * MAX_BODY])
def test_a_body_that_is_too_large_is_refused_unread(req: Request, size: int) -> None:
    body = event(padding="x" * size)
    assert post(body).status_code == 413


def test_without_a_secret_there_is_no_such_address(req: Request, settings: Settings) -> None:
    settings.JIRA_WEBHOOK_SECRETS = " , "
    assert post(event()).status_code == 404


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_only_a_post_is_taken(req: Request, method: str) -> None:
    assert getattr(Client(), method)(reverse("jira_webhook")).status_code == 405


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_fifty_deliveries_at_once_are_one_look(req: Request) -> None:
    answers: list[int] = []

    def deliver() -> None:
        answers.append(post(event()).status_code)
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) == {202}
    assert looks() == 1


@pytest.mark.django_db(transaction=True)
def test_the_sandbox_tells_the_portal_and_the_portal_reads_the_issue_itself(
    live_server: LiveServer, world: World, sandbox: Running, settings: Settings
) -> None:
    req = a_request()
    url = f"{live_server.url}{reverse('jira_webhook')}"
    with serve(world, "127.0.0.1", 0, 0, webhook=url) as told:
        settings.JIRA_WEBHOOK_SECRETS = told.hooks.secret
        world.issues["INT-1"] = _issue(world)
        Request.objects.filter(pk=req.pk).update(jira_key="INT-1", jira_status="To Do")
        ACTIONS["move_issue"](world, {"key": "INT-1", "status": "In Progress"})
        _until(lambda: bool(told.hooks.deliveries))
        assert told.hooks.deliveries[0].status == 202
    (effect,) = Effect.objects.filter(kind="jira.refresh")
    queue.run_job("outbox.deliver", effect.pk)
    req.refresh_from_db()
    assert req.jira_status == "In Progress"


def _issue(world: World) -> dict[str, Any]:
    moment = world.clock().isoformat()
    return {
        "id": "10101",
        "key": "INT-1",
        "created": moment,
        "updated": moment,
        "status": "To Do",
        "fields": {"labels": [], "description": None, "summary": "x", "issuetype": "Task"},
        "comments": [],
        "attachments": [],
        "remote_links": [],
        "properties": {},
    }


def _until(holds: Any) -> None:
    waited = threading.Event()
    for _ in range(200):
        if holds():
            return
        waited.wait(0.05)
    raise AssertionError("it did not happen")
