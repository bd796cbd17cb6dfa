"""The portal's own pages: home, search, health, errors, the frame's navigation, and the JSON API."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError
from django.db import connection as database
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import Task

from integrations.models import Run
from portal.accounts.models import AccessLink, Role, User
from portal.context import frame
from portal.kit.leases import JobState
from requests_app.api import RequestSerializer
from requests_app.lifecycle import Stage
from requests_app.models import Request
from tests.support.pages import SECRET, Side, a_connection, a_side, an_open_run
from tests.support.people import a_company, a_customer, a_user, signed_in

pytestmark = pytest.mark.django_db


def home_of(user: User) -> str:
    return str(signed_in(user).get("/")["Location"])


# --- home ---------------------------------------------------------------------------------------------------


def test_home_of_staff_is_their_work(side: Side) -> None:
    assert home_of(side.csm) == reverse("my_work")
    assert home_of(a_user(Role.OPERATOR, "Olu Adeyemi")) == reverse("my_work")


def test_home_of_a_customer_is_the_open_request(side: Side) -> None:
    assert home_of(side.customer) == reverse("customer_request", args=[side.req.public_id])


def test_home_of_a_customer_is_their_connection_once_it_is_live(side: Side) -> None:
    Request.objects.update(stage=Stage.LIVE)
    assert home_of(side.customer) == reverse("connection_detail", args=[side.connection.public_id])
    a_connection(side.company, provider="bamboohr")
    assert home_of(side.customer) == reverse("connection_list")


def test_home_of_a_customer_with_nothing_is_the_empty_list() -> None:
    assert home_of(a_customer(a_company())) == reverse("connection_list")


def test_home_of_a_customer_with_a_revoked_link_is_the_empty_list(side: Side) -> None:
    AccessLink.objects.update(revoked_at=timezone.now())
    assert home_of(side.customer) == reverse("connection_list")


# --- the frame ----------------------------------------------------------------------------------------------


def frame_of(user: Any, path: str = "/") -> dict[str, Any]:
    request = RequestFactory().get(path)
    request.user = user
    return frame(request)


def labels(user: User) -> list[str]:
    return [entry.label for entry in frame_of(user)["nav"]]


def test_navigation_is_that_of_the_role(side: Side) -> None:
    assert labels(side.csm) == ["My work", "Requests", "New request", "Connections", "Issues", "Directory"]
    developer = a_user(Role.DEVELOPER, "Dev Person")
    assert labels(developer) == ["My work", "Requests", "Connections", "Issues", "Directory", "Audit log"]
    assert labels(side.customer) == ["Your request", "Connections", "Issues", "Directory"]


def test_every_line_of_the_navigation_leads_to_a_page_that_opens(side: Side) -> None:
    for user in (
        side.csm,
        side.customer,
        a_user(Role.TL, "Maya Ortiz"),
        a_user(Role.OPERATOR, "Olu Adeyemi"),
    ):
        for entry in frame_of(user)["nav"]:
            assert signed_in(user).get(entry.url).status_code == 200, entry


def test_my_work_counts_what_waits_for_this_person(side: Side) -> None:
    lead = a_user(Role.TL, "Maya Ortiz")

    def count(user: User) -> int:
        return int(frame_of(user)["nav"][0].count)

    assert (count(side.csm), count(lead)) == (0, 0)
    Request.objects.update(stage=Stage.SUBMITTED)
    assert (count(side.csm), count(lead)) == (0, 1)
    Request.objects.update(stage=Stage.CHANGES_REQUESTED)
    assert (count(side.csm), count(lead)) == (1, 0)


def test_nobody_counts_their_own_request_as_one_to_approve(side: Side) -> None:
    lead = a_user(Role.TL, "Maya Ortiz")
    Request.objects.update(stage=Stage.SUBMITTED, filed_by=lead)
    assert frame_of(lead)["nav"][0].count == 0


def test_the_page_that_is_open_is_marked(side: Side) -> None:
    html = signed_in(side.csm).get(reverse("run_detail", args=[side.run.public_id])).content.decode()
    assert html.count('aria-current="page"') == 1
    assert f'href="{reverse("connection_list")}" aria-current="page"' in html


def test_frame_costs_strangers_nothing_and_people_two_queries(side: Side) -> None:
    with CaptureQueriesContext(database) as captured:
        assert frame_of(AnonymousUser()) == {}
    assert len(captured) == 0
    for user in (side.csm, side.customer):
        with CaptureQueriesContext(database) as captured:
            list(frame_of(user)["nav"])
        assert len(captured) == 2


def test_fragment_does_not_pay_for_the_frame(side: Side) -> None:
    run = an_open_run(side.connection)
    client = signed_in(side.csm)
    address = reverse("run_progress", args=[run.public_id])
    with CaptureQueriesContext(database) as captured:
        client.get(address, headers={"HX-Request": "true"})
    assert not [query for query in captured if "requests_app_request" in query["sql"]]


# --- health -------------------------------------------------------------------------------------------------


def ready() -> tuple[int, dict[str, Any]]:
    answer = Client().get(reverse("readyz"))
    return answer.status_code, json.loads(answer.content)


def a_canary(cluster: str, *, age: timedelta) -> None:
    """What the queue leaves behind when a worker of this cluster has done a task."""
    at = timezone.now() - age
    Task.objects.update_or_create(
        id=f"canary{cluster}".ljust(32, "0"),
        defaults={
            "name": cluster,
            "func": "canary",
            "cluster": cluster,
            "success": True,
            "started": at,
            "stopped": at,
        },
    )


@pytest.fixture
def workers() -> None:
    for cluster in ("short", "sync"):
        a_canary(cluster, age=timedelta(seconds=3))


def test_health_asks_nothing() -> None:
    with CaptureQueriesContext(database) as captured:
        answer = Client().get(reverse("healthz"))
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert len(captured) == 0
    assert "no-store" in answer["Cache-Control"]


def test_ready_when_database_workers_and_jobs_are(workers: None) -> None:
    status, said = ready()
    assert status == 200
    assert set(said["checks"]) == {"database", "migrations", "worker short", "worker sync", "jobs"}


def test_not_ready_without_a_living_worker(workers: None) -> None:
    a_canary("sync", age=timedelta(seconds=301))
    status, said = ready()
    assert status == 503
    assert [name for name, check in said["checks"].items() if not check["ok"]] == ["worker sync"]
    Task.objects.all().delete()
    assert ready()[1]["checks"]["worker short"] == {"ok": False, "seconds_since_canary": None}


def test_not_ready_while_a_due_job_waits_too_long(workers: None, side: Side) -> None:
    run = an_open_run(side.connection, job_state=JobState.QUEUED)
    Run.objects.filter(pk=run.pk).update(due_at=timezone.now() - timedelta(hours=1))
    status, said = ready()
    assert status == 503
    assert said["checks"]["jobs"]["oldest_due_seconds"] >= 3600
    Run.objects.filter(pk=run.pk).update(due_at=timezone.now() + timedelta(hours=1))
    assert ready()[0] == 200


def test_not_ready_with_migrations_missing(workers: None) -> None:
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'outbox'")
    status, said = ready()
    assert status == 503
    assert said["checks"]["migrations"]["missing"] >= 1


def broken_by(error: Exception) -> Any:
    """Every statement fails as it would with a broken server."""

    def refuse(*_: object) -> None:
        raise error

    return database.execute_wrapper(refuse)


def test_not_ready_without_a_database_and_says_no_more() -> None:
    with broken_by(OperationalError("connection to 10.0.0.7 as portal failed")):
        status, said = ready()
    assert (status, said["checks"]) == (503, {"database": {"ok": False}})
    assert "10.0.0.7" not in json.dumps(said)


# --- errors -------------------------------------------------------------------------------------------------


def test_errors_are_pages_for_people_and_json_for_programs(side: Side) -> None:
    client = signed_in(side.csm)
    assert "There is nothing here" in client.get("/nowhere/").content.decode()
    assert client.get("/api/nowhere/").json() == {"detail": "There is nothing here."}
    customer = signed_in(side.customer)
    assert customer.get(reverse("request_list")).status_code == 403
    assert customer.get(reverse("api_request_list")).json() == {"detail": "This is not for your role."}


def test_our_own_error_is_a_page_without_details_and_without_the_database() -> None:
    client = Client(raise_request_exception=False)
    with broken_by(OperationalError("the password is hunter2")):
        client.cookies["sessionid"] = "some-session"
        answer = client.get(reverse("connection_list"))
    assert answer.status_code == 500
    assert "hunter2" not in answer.content.decode()
    assert "<h1>" in answer.content.decode()


# --- the API ------------------------------------------------------------------------------------------------


def api(user: User, name: str, *args: object) -> Any:
    answer = signed_in(user).get(reverse(name, args=args))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert SECRET not in answer.content.decode()
    assert "papi-42" not in answer.content.decode()
    return answer.json()


def test_api_tells_staff_of_requests_with_their_money(side: Side) -> None:
    listed = api(side.csm, "api_request_list")["results"][0]
    assert listed == api(side.csm, "api_request_detail", side.req.number)
    assert (listed["number"], listed["mrr"], listed["mrr_currency"]) == (side.req.number, "4250.00", "USD")
    assert (listed["company"], listed["stage"]) == ("Amber Clinic", "waiting_on_customer")


def test_api_never_tells_a_customer_what_the_company_pays(side: Side) -> None:
    request = RequestFactory().get("/")
    request.user = side.customer
    shown = RequestSerializer(side.req, context={"request": request}).data
    assert not {"mrr", "mrr_currency"} & set(shown)
    for name, args in (
        ("api_connection_list", ()),
        ("api_connection_detail", (side.connection.public_id,)),
        ("api_run_detail", (side.run.public_id,)),
    ):
        assert "mrr" not in json.dumps(api(side.customer, name, *args))


def test_api_lists_only_what_the_customer_may_see(side: Side) -> None:
    other = a_side("Birch")
    listed = api(side.customer, "api_connection_list")["results"]
    assert [entry["id"] for entry in listed] == [str(side.connection.public_id)]
    assert str(other.connection.public_id) in json.dumps(api(side.csm, "api_connection_list"))


def test_api_tells_of_a_run_in_numbers(side: Side) -> None:
    said = api(side.customer, "api_run_detail", side.run.public_id)
    assert (said["added"], said["outcome"], said["connection"]) == (
        1,
        "applied",
        str(side.connection.public_id),
    )


def test_api_lists_take_as_many_queries_for_many(side: Side) -> None:
    client = signed_in(side.csm)

    def count() -> int:
        with CaptureQueriesContext(database) as captured:
            assert client.get(reverse("api_connection_list")).status_code == 200
        return len(captured)

    few = count()
    for number in range(12):
        a_connection(a_company(f"Company {number}", f"x{number}"))
    assert count() == few


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_api_only_reads(side: Side, method: str) -> None:
    answer = getattr(signed_in(side.csm), method)(
        reverse("api_connection_detail", args=[side.connection.public_id])
    )
    assert answer.status_code == 405


def test_times_are_shown_where_the_device_is_and_that_is_remembered_for_mails(side: Side) -> None:
    client = signed_in(side.csm)
    client.cookies["zone"] = "Asia%2FKolkata"
    client.get("/my-work/")
    side.csm.refresh_from_db()
    assert side.csm.time_zone == "Asia/Kolkata"


@pytest.mark.parametrize("said", ["", "Nowhere", "../../etc/passwd", "Europe/Berlin\x00", "a" * 5_000])
def test_a_zone_that_nobody_knows_counts_for_nothing(side: Side, said: str) -> None:
    client = signed_in(side.csm)
    client.cookies["zone"] = said
    assert client.get("/my-work/").status_code == 200
    side.csm.refresh_from_db()
    assert side.csm.time_zone == "UTC"
