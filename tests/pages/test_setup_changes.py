"""Changing what a connection reads and does after its plan was confirmed, before it runs and after."""

from __future__ import annotations

import pytest
from django.urls import reverse

from integrations.models import (
    Connection,
    ConnectionState,
    Draft,
    DraftState,
    Planned,
    Preview,
    Purpose,
    Receipt,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.services.receipts import pending
from portal.accounts.models import Company, User
from portal.kit import clock
from tests.support.pages import a_connection, an_open_run, page
from tests.support.wizard import Wizard, ticked_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(wizard: Wizard, connection: Connection) -> Wizard:
    """Somebody at a connection that works."""
    connection.state = ConnectionState.CONNECTED
    connection.confirmed_at = connection.approved_at = connection.last_success_at = clock.now()
    connection.save()
    return wizard


def test_a_change_of_settings_begins_at_the_rules_and_shows_what_it_changes(
    company: Company, customer: User
) -> None:
    connection = a_connection(company, confirmed_at="2026-01-01T00:00Z", approved_at="2026-01-01T00:00Z")
    wizard = Wizard(customer, connection)
    answer = wizard.send("settings_change")
    assert answer["Location"] == wizard.url("setup_step", "filter")
    draft = wizard.draft
    assert draft.purpose == Purpose.CHANGE
    html = wizard.html("filter")
    assert "Changing the settings" in html
    assert "Before you start" not in html
    assert "The test passed" not in wizard.html("authenticate")
    assert wizard.get("admin")["Location"] == wizard.url("setup_step", "filter")
    wizard.post("filter", wizard.rule("department", "is", "Care"))
    run = Run.objects.create(
        connection=connection,
        kind=RunKind.DRY,
        draft=draft,
        outcome=RunOutcome.PLANNED,
        job_state="done",
        plan_digest="0" * 32,
        rules_digest=Draft.objects.get().rules.digest,
        deactivated=3,
        groups_made=1,
        left_groups=1,
        joined=1,
    )
    groups = {"before": {"groups": "Radiology"}, "after": {"groups": "Northgate Clinic"}}
    Planned.objects.create(run=run, source_id="k", person_name="Jo Roe", kind="regrouped", **groups)
    Draft.objects.update(plan=run)
    html = wizard.html("plan")
    for words in ("1 person changes groups only.", "Jo Roe", "Moves group", "Radiology", "Northgate Clinic"):
        assert words in html
    assert "1 membership ends." in html
    assert "Moves group" in page(customer, "run_detail", run.public_id)
    assert "What you change" in html
    assert "Care" in html
    wizard.send("setup_withdraw")
    assert Draft.objects.get().state == DraftState.WITHDRAWN
    connection.refresh_from_db()
    assert connection.filter == {}


@pytest.fixture
def waiting(wizard: Wizard, connection: Connection, customer: User) -> Wizard:
    """Somebody who has confirmed the plan of a request that nobody has approved yet."""
    now = clock.now()
    connection.confirmed_at = now
    connection.save()
    Draft.objects.create(
        connection=connection,
        purpose=Purpose.SETUP,
        state=DraftState.CONFIRMED,
        consented_at=now,
        created_by=customer,
    )
    return wizard


def test_what_was_confirmed_can_be_changed_before_the_approval(
    waiting: Wizard, connection: Connection, customer: User
) -> None:
    manage = page(customer, "connection_manage", connection.public_id)
    assert "Go on with the set-up" not in manage
    for html in (manage, waiting.html("done")):
        assert waiting.url("settings_change") in html
        assert "what was confirmed holds until a new plan is confirmed" in html
    answer = waiting.send("settings_change")
    assert answer["Location"] == waiting.url("setup_step", "authenticate")
    assert "Go on with the set-up" in page(customer, "connection_manage", connection.public_id)
    answer = waiting.send("settings_change", {"step": "consent"})
    assert answer["Location"] == waiting.url("setup_step", "consent")


def test_the_page_after_the_confirmation_follows_the_first_run(
    waiting: Wizard, connection: Connection, customer: User
) -> None:
    draft = Draft.objects.get()
    receipt = Receipt.objects.create(
        connection=connection, draft=draft, purpose=draft.purpose, affected=3, confirmed_by=customer
    )
    run = an_open_run(connection, kind=RunKind.FIRST, receipt=receipt)
    polls = f'hx-get="{reverse("run_progress", args=[run.public_id])}"'
    assert polls in waiting.html("done")
    Run.objects.update(job_state="done", outcome=RunOutcome.APPLIED)
    html = waiting.html("done")
    assert polls not in html
    assert "The run has ended" in html


def test_what_is_read_can_be_changed_after_the_connection_runs(
    running: Wizard, connection: Connection, customer: User
) -> None:
    assert "Change what is read" in page(customer, "connection_manage", connection.public_id)
    answer = running.send("settings_change", {"step": "consent"})
    assert answer["Location"] == running.url("setup_step", "consent")
    allowed = set(ticked_of(running.html("consent"))) - {"department"}
    answer = running.post("consent", {"version": running.draft.version, "use": list(allowed)})
    assert answer["Location"] == running.url("setup_step", "filter")
    assert running.draft.declined == ["department"]
    assert connection.rules.declined == frozenset()
    told = [(line.label, line.before, line.after) for line in pending(running.draft)]
    assert ("Never kept or shown, because you declined it", "", "Department") in told
    assert ("Department", "Department", "") in told


def test_people_are_read_again_for_the_lists_of_a_change_that_allows_less(running: Wizard) -> None:
    running.send("settings_change")
    before = Preview.objects.get()
    html = running.html("consent")
    running.post("consent", {"version": running.draft.version, "use": ticked_of(html)})
    assert Preview.objects.get() == before
    running.post("consent", {"version": running.draft.version, "use": ["location"]})
    assert Preview.objects.get() != before
