"""Comments and files between a request and its Jira issue, against the sandbox over HTTP: each once, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from portal.kit import queue
from portal.kit.leases import JobState
from portal.notices.models import Notice
from portal.outbox.models import Effect
from portal.sandbox.actions import ACTIONS
from portal.sandbox.server import Running
from portal.sandbox.world import World
from requests_app.clients.adf import text_of
from requests_app.models import Message, Origin, Reach, Request
from requests_app.services.evidence import store_evidence
from requests_app.services.jira import refresh_jira_status
from requests_app.services.talk import write_message
from tests.requests_app.factories import VALUES, an_upload, approved, picture

NODES = st.recursive(
    st.one_of(st.none(), st.text(), st.integers(), st.just({"type": "text", "text": "x"})),
    lambda child: st.dictionaries(
        st.sampled_from(["type", "text", "content", "marks", "attrs", "href"]),
        st.one_of(child, st.lists(child)),
    ),
)


@pytest.fixture
def jira(db: None, sandbox: Running, world: World, settings: Settings) -> World:
    settings.JIRA_UNCLEAR_WAIT_SECONDS = 0
    settings.JIRA_COMMENTS = "both"
    return world


@pytest.fixture
def req(jira: World) -> Request:
    """Approved, with its issue."""
    found = approved()
    deliver("jira.create_issue")
    found.refresh_from_db()
    assert found.jira_key
    return found


def deliver(kind: str) -> list[Effect]:
    for effect in Effect.objects.filter(kind=kind, job_state=JobState.QUEUED):
        Effect.objects.filter(pk=effect.pk).update(due_at=Now())
        queue.run_job("outbox.deliver", effect.pk)
    return list(Effect.objects.filter(kind=kind).order_by("pk"))


def said_in(world: World, req: Request) -> list[str]:
    return [text_of(comment["body"]) for comment in world.issues[req.jira_key]["comments"]]


def a_developer_says(world: World, req: Request, text: str) -> None:
    ACTIONS["comment"](world, {"key": req.jira_key, "text": text})


def test_what_a_developer_says_in_jira_is_a_note_here_once_and_its_owner_hears_of_it(
    jira: World, req: Request
) -> None:
    a_developer_says(jira, req, "Which tenant is it?\nThe domain has two.")
    refresh_jira_status(req)
    refresh_jira_status(req)
    (note,) = Message.objects.filter(req=req)
    assert (note.author, note.reach, note.origin) == ("Rosa Lind", Reach.INTERNAL, Origin.JIRA)
    assert note.text == "Which tenant is it?\nThe domain has two."
    (notice,) = Notice.objects.filter(user=req.owner, kind="jira_comment")
    assert notice.url.endswith(f"/requests/{req.number}/#message-{note.pk}")


def test_a_file_that_a_developer_attaches_is_told_and_ours_are_not(jira: World, req: Request) -> None:
    issue = jira.issues[req.jira_key]
    own = {
        "id": "10050",
        "filename": "ours.png",
        "type": "image/png",
        "content": "",
        "created": issue["created"],
    }
    theirs = {
        **own,
        "id": "10051",
        "filename": "trace.log",
        "author": {"accountId": "1", "displayName": "Rosa"},
    }
    issue["attachments"] += [own, theirs]
    refresh_jira_status(req)
    assert [note.text for note in Message.objects.filter(req=req)] == ["Attached trace.log in Jira (1 kB)."]


def test_an_internal_note_becomes_one_comment_and_does_not_come_back(jira: World, req: Request) -> None:
    write_message(req, "They bought the connector today.", by=req.owner, reach=Reach.INTERNAL)
    (effect,) = deliver("jira.comment")
    assert effect.job_state == JobState.DONE
    (text,) = said_in(jira, req)
    assert text.endswith("They bought the connector today.")
    assert str(req.owner) in text
    refresh_jira_status(req)
    assert Message.objects.filter(req=req).count() == 1


def test_a_comment_whose_answer_was_lost_is_not_made_again(jira: World, req: Request) -> None:
    write_message(req, "Only once, please.", by=req.owner, reach=Reach.INTERNAL)
    jira.fault("jira", "drop_after", path="/comment", method="POST", times=1)
    (effect,) = deliver("jira.comment")
    assert effect.job_state == JobState.QUEUED
    (effect,) = deliver("jira.comment")
    assert effect.job_state == JobState.DONE
    assert len(said_in(jira, req)) == 1


def test_a_message_to_the_customer_does_not_go_to_jira(jira: World, req: Request) -> None:
    write_message(req, "Dear customer", by=req.owner, reach=Reach.CUSTOMER)
    assert deliver("jira.comment") == []


@pytest.mark.parametrize(("setting", "comes_in", "goes_out"), [("in", 1, 0), ("out", 0, 1), ("off", 0, 0)])
def test_the_operator_chooses_the_direction(
    jira: World, req: Request, settings: Settings, setting: str, comes_in: int, goes_out: int
) -> None:
    settings.JIRA_COMMENTS = setting
    a_developer_says(jira, req, "Hello")
    write_message(req, "A note", by=req.owner, reach=Reach.INTERNAL)
    refresh_jira_status(req)
    assert Message.objects.filter(req=req, origin=Origin.JIRA).count() == comes_in
    assert len(deliver("jira.comment")) == goes_out


def test_a_note_that_repeats_a_secret_stays_here_and_its_author_is_told(jira: World) -> None:
    from_entra = approved("microsoft_entra_id")
    deliver("jira.create_issue")
    from_entra.refresh_from_db()
    write_message(from_entra, f"Use {VALUES['client_secret']}", by=from_entra.owner, reach=Reach.INTERNAL)
    (effect,) = deliver("jira.comment")
    assert effect.job_state == JobState.FAILED
    assert said_in(jira, from_entra) == []
    assert Notice.objects.filter(user=from_entra.owner, marker__startswith="unsent:").exists()


def test_files_of_a_note_go_with_it(jira: World, req: Request) -> None:
    file = store_evidence(req, an_upload(picture(60), name="screen.png"), by=req.owner)
    write_message(req, "See the picture.", by=req.owner, reach=Reach.INTERNAL, files=[file])
    deliver("jira.attach")
    assert "screen.png" in [each["filename"] for each in jira.issues[req.jira_key]["attachments"]]


def test_a_gone_issue_is_a_status_and_no_error(jira: World, req: Request) -> None:
    del jira.issues[req.jira_key]
    assert refresh_jira_status(req).jira_status == "Not found in Jira"


@given(NODES)
def test_any_document_is_read_as_text(document: Any) -> None:
    assert isinstance(text_of({"type": "doc", "content": [document]}), str)


def test_a_link_shows_where_it_leads() -> None:
    link = {
        "type": "text",
        "text": "our wiki",
        "marks": [{"type": "link", "attrs": {"href": "https://x.example"}}],
    }
    paragraph = {"type": "paragraph", "content": [link]}
    assert text_of({"type": "doc", "content": [paragraph]}) == "our wiki (https://x.example)"
