"""Bad input and absent neighbours on the path: a friendly outcome each, and nothing that was entered is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.test import Client

from integrations.models import DirectoryPerson, RunKind
from portal.accounts.models import Company
from portal.kit.leases import JobState
from portal.outbox.models import Effect
from portal.sandbox.world import World
from requests_app.models import Request
from tests.path import people
from tests.support import PEOPLE
from tests.support.people import a_user
from tests.support.pressing import press, pressed
from tests.support.queue import drain, time_passes

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]
ADP = "adp_workforce_now"


def ready(csm: Client, world: World, **changed: str) -> Request:
    req = people.file_request(csm, "river", ADP)
    people.fill_in_adp(csm, req, world, **changed)
    people.move(csm, req, "submit")
    req.refresh_from_db()
    assert req.stage == "submitted"
    return req


def test_a_wrong_password_is_said_beside_the_form_and_the_address_stays() -> None:
    user = a_user()
    answer = Client().post("/accounts/sign-in/", {"login": user.email, "password": "wrong"})
    page = answer.content.decode()
    assert answer.status_code in (200, 422)
    assert user.email in page
    assert 'role="alert"' in page


def test_a_company_that_nobody_picked_is_refused_and_kept(csm: Client) -> None:
    answer = csm.post("/requests/new/", {"company": "Nowhere Clinic", "provider": ADP})
    assert answer.status_code == 422
    assert "Nowhere Clinic" in answer.content.decode()
    assert not Company.objects.exists()


def test_without_salesforce_the_company_is_typed_in_by_hand_and_marked(csm: Client, world: World) -> None:
    world.fault("salesforce", "down")
    options = csm.get("/requests/companies/", {"company": "river"}, headers={"HX-Request": "true"})
    assert "Salesforce" in options.content.decode()
    page = csm.get("/requests/new/", {"by_hand": "1"}).content.decode()
    assert "not verified" in page
    by_hand = {
        "by_hand": "1",
        "company": "Riverside Community Health",
        "lms_id": "48213",
        "mrr": "4250.00 USD",
    }
    answer = csm.post("/requests/new/", {**by_hand, "provider": ADP})
    assert answer.status_code == 302, answer.content.decode()
    company = Company.objects.get()
    assert (company.salesforce_id, company.verified_at, str(company.mrr)) == ("", None, "4250.00")
    assert "not verified" in csm.get(answer["Location"]).content.decode()


def test_a_wrong_adp_secret_is_told_and_a_right_one_brings_the_request_to_life(
    csm: Client, lead: Client, world: World
) -> None:
    req = ready(csm, world, client_secret="wrong-secret-0000-0000")
    people.move(lead, req, "approve")
    drain()
    req.refresh_from_db()
    assert (req.stage, DirectoryPerson.objects.count()) == ("approved", 0), "nobody has confirmed a plan"
    here = people.connect(lead, f"/requests/{req.number}/", "Set it up beside them")
    refused = pressed(lead, here, "Test and continue")
    assert refused.status_code == 422
    assert "does not accept" in refused.content.decode()
    people.choose_and_confirm(lead, press(lead, here, "Test and continue", **people.adp_credentials()), req)
    drain()
    req.refresh_from_db()
    assert req.stage == "live"
    assert DirectoryPerson.objects.count() == PEOPLE


def test_a_certificate_that_does_not_belong_to_the_key_is_said_in_a_sentence(
    csm: Client, lead: Client, world: World
) -> None:
    req = ready(
        csm, world, certificate="-----BEGIN CERTIFICATE-----\nnot a certificate\n-----END CERTIFICATE-----"
    )
    here = people.connect(lead, f"/requests/{req.number}/", "Set it up beside them")
    refused = pressed(lead, here, "Test and continue")
    assert refused.status_code == 422
    assert "certificate" in refused.content.decode().lower()


def test_an_upload_that_is_no_picture_is_refused_beside_the_field(csm: Client, world: World) -> None:
    req = people.file_request(csm, "river", ADP)
    customer = people.open_link(people.invite(csm, req, world))
    bad = SimpleUploadedFile("consent.png", b"%PDF-1.7 not a picture", "image/png")
    answer = customer.post(f"/your/{req.public_id}/consent/", {"hris.consent_file": bad})
    assert answer.status_code == 422
    assert "PDF" in answer.content.decode()


def test_a_foreign_link_opens_nothing_of_this_company(csm: Client, world: World) -> None:
    req = people.file_request(csm, "river", ADP)
    other = people.file_request(csm, "northgate", ADP)
    customer = people.open_link(people.invite(csm, other, world, email="it@northgate.example"))
    foreign = customer.get(f"/your/{req.public_id}/")
    missing = customer.get("/your/6c9b1f0e-0000-4000-8000-000000000009/")
    assert foreign.status_code == missing.status_code == 404
    assert "Riverside" not in foreign.content.decode()


def test_a_double_click_on_approve_makes_one_ticket_and_one_connection(
    csm: Client, lead: Client, world: World
) -> None:
    req = ready(csm, world)
    people.move(lead, req, "approve", version=str(req.version))
    second = people.move(lead, req, "approve", version=str(req.version))
    assert "Already approved by Maya Ortiz" in second
    drain()
    assert len(world.issues) == 1
    assert DirectoryPerson.objects.count() == PEOPLE


def test_jira_away_for_an_hour_delays_the_ticket_and_nothing_else(
    csm: Client, lead: Client, world: World
) -> None:
    req = ready(csm, world)
    world.fault("jira", "503")
    people.move(lead, req, "approve")
    for _ in range(6):
        drain()
        time_passes()
    req.refresh_from_db()
    assert (req.stage, req.jira_key) == ("live", "")
    effect = Effect.objects.get(kind="jira.create_issue")
    assert effect.job_state == JobState.QUEUED
    assert "Jira" in lead.get(f"/requests/{req.number}/").content.decode()
    world.clear_faults()
    Effect.objects.exclude(unclear_at=None).update(unclear_at=Now() - timedelta(hours=1))
    for _ in range(3):
        time_passes()
        drain()
    req.refresh_from_db()
    assert req.jira_key == "INT-1"
    assert len(world.issues) == 1


def test_a_worker_killed_in_mid_run_leaves_a_run_that_another_one_finishes(
    csm: Client, lead: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    req = ready(csm, world)
    people.move(lead, req, "approve")
    connection = Request.objects.get(pk=req.pk).connection
    assert connection is not None
    run = connection.runs.get(kind=RunKind.FIRST)
    # The first worker claims the run and vanishes: its lease ends, nobody tells.
    type(run).objects.filter(pk=run.pk).update(
        job_state=JobState.RUNNING,
        epoch=1,
        attempts=1,
        lease_until=Now() - timedelta(seconds=1),
        woken_at=None,
    )
    drain()
    run.refresh_from_db()
    assert (run.job_state, run.epoch) == (JobState.DONE, 2)
    assert DirectoryPerson.objects.count() == PEOPLE


def test_what_is_missing_is_listed_and_nothing_is_submitted(csm: Client, world: World) -> None:
    req = people.file_request(csm, "river", ADP)
    page = people.move(csm, req, "submit")
    req.refresh_from_db()
    assert req.stage == "draft"
    for label in ("What does the customer want to achieve", "Client secret", "Screenshot of the connector"):
        assert label in page
