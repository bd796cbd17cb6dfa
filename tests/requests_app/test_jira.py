"""Tickets in Jira, against the sandbox over HTTP: exactly one issue, whatever fails on the way."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from portal.kit import queue
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.leases import JobState
from portal.outbox.models import Effect
from portal.sandbox.server import Running
from portal.sandbox.world import World
from requests_app import tasks
from requests_app.clients.jira import JiraDesk, JiraSettings
from requests_app.clients.ticket import Span, Ticket, blocks_of
from requests_app.models import Event, Request
from requests_app.services.jira import due_for_check, link_existing_issue, refresh_jira_status
from requests_app.services.moves import make_move, marker_of
from tests.requests_app.factories import ADP, ENTRA, PERSONIO, a_tl, approved, customer_of, give

pytestmark = pytest.mark.slow

TICKET = Ticket("Enable HRIS X Integration for Y", blocks_of("Hello team!\nSecond line", links=[]))


@pytest.fixture
def jira(db: None, sandbox: Running, world: World, settings: Settings) -> World:
    settings.JIRA_UNCLEAR_WAIT_SECONDS = 0
    return world


def deliver(kind: str = "jira.create_issue") -> Effect:
    """One try at each open effect of this kind, as if its time had come."""
    for effect in Effect.objects.filter(kind=kind, job_state=JobState.QUEUED):
        Effect.objects.filter(pk=effect.pk).update(due_at=Now())
        queue.run_job("outbox.deliver", effect.pk)
    return Effect.objects.filter(kind=kind).latest("pk")


def issues(world: World) -> list[dict[str, Any]]:
    return list(world.issues.values())


def test_an_approval_becomes_one_issue_with_the_standard_title_body_and_label(jira: World) -> None:
    req = approved(ENTRA)
    assert deliver().job_state == JobState.DONE
    (issue,) = issues(jira)
    req.refresh_from_db()
    assert req.jira_key == issue["key"]
    assert (
        issue["fields"]["summary"]
        == "Enable SSO Microsoft Entra ID Integration for Riverside Community Health"
    )
    assert issue["fields"]["labels"] == [marker_of(req)]
    assert "Hello team!" in str(issue["fields"]["description"])
    assert "Rv8Q~" not in str(issue)
    assert "pa55-word" not in str(issue)
    words = Event.objects.filter(req=req, move="ticket").values_list("words", flat=True)
    assert list(words) == [f"Jira issue {issue['key']} was created"]


def test_the_screenshot_and_the_link_back_follow_once_each(jira: World) -> None:
    req = approved(ADP)
    deliver()
    assert deliver("jira.attach").job_state == JobState.DONE
    assert deliver("jira.link").job_state == JobState.DONE
    Effect.objects.exclude(kind="jira.create_issue").update(job_state=JobState.QUEUED)
    deliver("jira.attach")
    deliver("jira.link")
    (issue,) = issues(jira)
    assert [file["filename"] for file in issue["attachments"]] == ["consent acme.png"]
    (link,) = issue["remote_links"]
    assert link["object"]["url"].endswith(f"/requests/{req.number}/")


def test_delivering_again_makes_no_second_issue(jira: World) -> None:
    approved()
    deliver()
    Effect.objects.filter(kind="jira.create_issue").update(job_state=JobState.QUEUED)
    deliver()
    assert len(issues(jira)) == 1


def test_a_lost_answer_is_looked_for_and_the_issue_adopted(jira: World) -> None:
    req = approved()
    jira.fault("jira", "drop_after", times=1, path="/issue")
    row = deliver()
    assert (row.job_state, row.unclear_at is not None) == (JobState.QUEUED, True)
    assert deliver().job_state == JobState.DONE
    req.refresh_from_db()
    assert [req.jira_key] == [issue["key"] for issue in issues(jira)]


def test_the_index_is_given_time_before_anything_is_searched_or_created(
    jira: World, settings: Settings
) -> None:
    settings.JIRA_UNCLEAR_WAIT_SECONDS = 300
    approved()
    jira.fault("jira", "drop_after", times=1, path="/issue")
    deliver()
    asked = len(jira.requests)
    row = deliver()
    assert len(jira.requests) == asked
    assert row.job_state == JobState.QUEUED
    assert (row.due_at - row.created_at).total_seconds() > 200


def test_a_lost_answer_and_a_lagging_index_still_end_in_one_issue(jira: World, settings: Settings) -> None:
    settings.JIRA_UNCLEAR_WAIT_SECONDS = 1
    jira.knobs.jira_index_lag = 0.5
    approved()
    jira.fault("jira", "drop_after", times=1, path="/issue")
    deliver()
    for _ in range(20):
        if deliver().job_state == JobState.DONE:
            break
        time.sleep(0.15)
    assert len(issues(jira)) == 1
    assert Effect.objects.get(kind="jira.create_issue").job_state == JobState.DONE


def test_a_worker_killed_after_the_post_does_not_lead_to_a_second_issue(jira: World) -> None:
    req = approved()
    row = Effect.objects.get(marker=marker_of(req))
    JiraDesk().create(TICKET, row.marker)  # the POST got through, then the worker died
    Effect.objects.filter(pk=row.pk).update(
        job_state=JobState.RUNNING, attempts=2, failure_code="retry", lease_until=Now(), unclear_at=Now()
    )
    queue.run_job("outbox.deliver", row.pk)
    assert len(issues(jira)) == 1


def test_a_killed_try_is_marked_before_the_post_and_not_after(jira: World) -> None:
    req = approved()
    row = Effect.objects.get(marker=marker_of(req))
    Effect.objects.filter(pk=row.pk).update(job_state=JobState.RUNNING, attempts=1, epoch=1)
    row.refresh_from_db()

    class Killed(BaseException):
        pass

    class Desk(JiraDesk):
        def create(self, ticket: Ticket, marker: str) -> str:
            raise Killed

    with pytest.raises(Killed):
        tasks._create(row, Desk(), req)
    row.refresh_from_db()
    assert row.unclear_at is not None
    assert row.result == {"creates": 1}


def test_two_unclear_tries_without_a_trace_ask_a_person_and_not_a_third_issue(jira: World) -> None:
    approved()
    jira.fault("jira", "500", path="/issue", method="POST")
    deliver()
    deliver()
    row = deliver()
    assert (row.job_state, row.failure_code) == (JobState.FAILED, "jira_unclear")
    assert "Look on Jira's board" in row.failure
    jira.clear_faults()
    queue.retry_now(row, "outbox.deliver")
    assert deliver().job_state == JobState.DONE
    assert len(issues(jira)) == 1


def test_being_asked_to_slow_down_is_waited_for_and_is_not_unclear(jira: World) -> None:
    approved()
    jira.fault("jira", "429", times=1, retry_after=120)
    row = deliver()
    assert (row.job_state, row.unclear_at) == (JobState.QUEUED, None)
    assert 100 < (row.due_at - row.created_at).total_seconds() < 140
    assert deliver().job_state == JobState.DONE
    assert len(issues(jira)) == 1


@pytest.mark.parametrize(("fault", "code"), [("401", "jira_credentials"), ("403", "jira_rights")])
def test_a_refusal_is_told_to_a_person_and_tried_again_when_they_say_so(
    jira: World, fault: str, code: str
) -> None:
    approved()
    jira.fault("jira", fault)
    row = deliver()
    assert (row.job_state, row.failure_code, row.unclear_at) == (JobState.FAILED, code, None)
    jira.clear_faults()
    queue.retry_now(row, "outbox.deliver")
    assert deliver().job_state == JobState.DONE
    assert len(issues(jira)) == 1


def test_jira_down_for_an_hour_ends_in_one_issue(jira: World) -> None:
    approved()
    jira.fault("jira", "down")
    for _ in range(8):
        assert deliver().job_state == JobState.QUEUED
    jira.clear_faults()
    for _ in range(3):
        deliver()
    assert Effect.objects.get(kind="jira.create_issue").job_state == JobState.DONE
    assert len(issues(jira)) == 1


def test_what_jira_refuses_is_told_in_its_own_words_without_our_token(
    jira: World, settings: Settings
) -> None:
    settings.JIRA_ISSUE_TYPE = "Nonsense"
    approved()
    row = deliver()
    assert row.job_state == JobState.FAILED
    assert settings.JIRA_TOKEN not in row.failure
    assert "Jira refused" in row.failure


def test_errors_carry_no_token_and_no_cause(jira: World, settings: Settings) -> None:
    jira.fault("jira", "500")
    with pytest.raises(RetryLater) as raised:
        JiraDesk().status("INT-1")
    assert settings.JIRA_TOKEN not in repr(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert settings.JIRA_TOKEN not in repr(JiraSettings.configured())


def test_jira_without_settings_is_a_sentence(settings: Settings) -> None:
    settings.JIRA_TOKEN = ""
    with pytest.raises(NeedsPerson, match="not configured"):
        JiraDesk()


@pytest.mark.parametrize("key", ["../myself", "INT-1?x#", "int-1", "", "INT-1/../../x", "INT-1\n"])
def test_only_keys_of_issues_go_into_paths(jira: World, key: str) -> None:
    with pytest.raises(ValueError, match="not a Jira key"):
        JiraDesk().status(key)


@pytest.mark.parametrize("marker", ['x" OR project = "SECRET', "UPPER", "a b", "", "x" * 61])
def test_only_our_own_markers_go_into_queries(jira: World, marker: str) -> None:
    with pytest.raises(ValueError, match="label of ours"):
        JiraDesk().find_by_marker(marker)


def test_the_marker_finds_its_issue_and_no_other(jira: World) -> None:
    desk = JiraDesk()
    key = desk.create(TICKET, "intreq-1")
    desk.create(TICKET, "intreq-2")
    assert desk.find_by_marker("intreq-1") == key
    assert desk.find_by_marker("intreq-3") is None


def test_the_status_and_its_changes_are_kept(jira: World) -> None:
    req = approved()
    deliver()
    req = refresh_jira_status(Request.objects.get(pk=req.pk))
    assert (req.jira_status, req.jira_checked_at is not None) == ("To Do", True)
    (issue,) = issues(jira)
    issue["status"] = "In Progress"
    assert refresh_jira_status(req).jira_status == "In Progress"
    last = Event.objects.filter(req=req).first()
    assert last is not None
    assert last.words == f"{req.jira_key} went from To Do to In Progress in Jira"


def test_an_issue_that_was_deleted_is_a_status_too(jira: World) -> None:
    req = approved()
    deliver()
    jira.issues.clear()
    assert refresh_jira_status(Request.objects.get(pk=req.pk)).jira_status == "Not found in Jira"


def test_the_poll_looks_at_what_is_due_and_then_leaves_it_alone(jira: World) -> None:
    approved()
    deliver()
    tasks.wake_jira_poll()
    tasks.wake_jira_poll()
    assert Effect.objects.filter(kind="jira.poll").count() == 1
    assert deliver("jira.poll").result == {"checked": 1}
    assert not due_for_check().exists()
    tasks.wake_jira_poll()
    assert not Effect.objects.filter(kind="jira.poll", job_state=JobState.QUEUED).exists()


def test_a_poll_that_finds_jira_away_waits_five_minutes(jira: World) -> None:
    approved()
    deliver()
    jira.fault("jira", "503")
    tasks.wake_jira_poll()
    assert deliver("jira.poll").job_state == JobState.DONE
    assert not due_for_check().exists()


def test_old_polls_are_swept_away(jira: World) -> None:
    old = Effect.objects.create(kind="jira.poll", marker="jira.poll:old", job_state=JobState.FAILED)
    Effect.objects.filter(pk=old.pk).update(created_at="2020-01-01T00:00:00Z")
    tasks.wake_jira_poll()
    assert not Effect.objects.filter(pk=old.pk).exists()


def test_an_issue_found_by_a_person_is_linked_and_the_effect_rests(jira: World) -> None:
    req = approved(PERSONIO)
    key = JiraDesk().create(TICKET, "by-hand")
    link_existing_issue(req, f" {key.lower()} ", by=req.owner)
    req.refresh_from_db()
    assert req.jira_key == key
    assert Effect.objects.get(marker=marker_of(req)).job_state == JobState.DONE
    deliver()
    assert len(issues(jira)) == 1


@pytest.mark.parametrize("key", ["nonsense", "INT-999"])
def test_an_issue_that_is_not_there_is_not_linked(jira: World, key: str) -> None:
    req = approved(PERSONIO)
    with pytest.raises(NeedsPerson):
        link_existing_issue(req, key, by=req.owner)
    with pytest.raises(NeedsPerson):
        link_existing_issue(req, "INT-1", by=customer_of(req))
    req.refresh_from_db()
    assert req.jira_key == ""


def test_a_link_span_is_only_our_own_address() -> None:
    (block,) = blocks_of("see http://a/ and http://b/", links=["http://a/"])
    assert block.lines == ((Span("see "), Span("http://a/", "http://a/"), Span(" and http://b/")),)


def test_what_was_reopened_before_jira_answered_waits_for_the_next_approval(jira: World) -> None:
    req = approved(PERSONIO)
    give(req, "hris.goal", "Something that nobody has approved", req.owner)
    effect = deliver()
    assert effect.job_state == JobState.QUEUED
    assert issues(jira) == []
    req.refresh_from_db()
    make_move(req, "approve", by=a_tl("Third Eye"))
    assert deliver().job_state == JobState.DONE
    assert "nobody has approved" in str(issues(jira))
