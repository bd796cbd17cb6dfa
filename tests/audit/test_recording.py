"""Every unsafe request leaves an entry, whatever became of it, and never what was typed."""

from __future__ import annotations

import json
import uuid

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from portal.accounts.models import User
from portal.audit.models import Entry
from portal.audit.services import record
from portal.recording import STRANGERS_A_MINUTE, RecordingMiddleware
from tests.support.pages import Side, a_side

pytestmark = pytest.mark.django_db
TYPED = "what-somebody-typed"


@pytest.fixture
def side() -> Side:
    return a_side("Amber")


def signed_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def the_entry(subject: str) -> Entry:
    return Entry.objects.get(action__startswith="http.", subject=subject)


def test_a_refused_post_is_recorded_with_who_what_and_from_where(side: Side) -> None:
    client = signed_in(side.csm)
    client.post(
        reverse("request_invite", args=[999_999]), {"email": TYPED}, REMOTE_ADDR="192.0.2.7",
        headers={"X-Request-ID": "abcdef-123456"},
    )  # fmt: skip
    entry = the_entry("request_invite")
    assert (entry.action, entry.actor, entry.actor_id) == ("http.post", side.csm.email, side.csm.pk)
    assert (entry.address, entry.request_id) == ("192.0.2.7", "abcdef-123456")
    assert entry.details == {"method": "POST", "status": 404, "of": {"number": 999_999}}
    assert TYPED not in json.dumps([entry.details, entry.subject])


@pytest.mark.parametrize(
    ("method", "status"), [("put", 405), ("delete", 405), ("patch", 405)]
)  # fmt: skip
def test_a_method_that_is_not_meant_is_recorded(side: Side, method: str, status: int) -> None:
    getattr(signed_in(side.csm), method)(reverse("directory"))
    entry = the_entry("directory")
    assert (entry.action, entry.details["status"]) == ("http.other", status)


def test_looking_is_not_recorded(side: Side) -> None:
    client = signed_in(side.csm)
    for method in ("get", "head", "options"):
        getattr(client, method)(reverse("directory"))
    assert Entry.objects.count() == 0


def test_no_token_of_a_link_and_no_key_of_a_reset_is_recorded(side: Side) -> None:
    for name, args in (
        ("access_link", ["secret-token"]),
        ("account_reset_password_from_key", ["1", "secret-key"]),
    ):
        Client().post(reverse(name, args=args), {"password1": TYPED})
        assert "of" not in the_entry(name).details
    told = json.dumps(list(Entry.objects.values_list("details", "subject", "action")))
    assert "secret" not in told
    assert TYPED not in told


def test_whoever_signs_out_is_still_known(side: Side) -> None:
    signed_in(side.csm).post(reverse("account_logout"))
    assert the_entry("account_logout").actor == side.csm.email


def test_an_address_that_is_none_is_recorded_without_a_name(side: Side) -> None:
    signed_in(side.csm).post(f"/nothing/{uuid.uuid4()}/")
    assert the_entry("").details == {"method": "POST", "status": 404}


def asked(view: object) -> list[str]:
    """What is recorded of a POST that this view answers."""
    request = RequestFactory().post("/")
    request.user = AnonymousUser()
    request.resolver_match = None
    RecordingMiddleware(view)(request)  # type: ignore[arg-type]
    return list(Entry.objects.order_by("pk").values_list("action", flat=True))


def test_what_a_view_records_itself_is_enough() -> None:
    def view(_request: object) -> HttpResponse:
        record("test.deed", by=None)
        return HttpResponse()

    assert asked(view) == ["test.deed"]


def test_what_was_undone_does_not_count_as_recorded() -> None:
    def view(_request: object) -> HttpResponse:
        with transaction.atomic():
            record("test.deed", by=None)
            transaction.set_rollback(True)
        return HttpResponse()

    assert asked(view) == ["http.post"]


def test_a_programs_hint_is_no_entry_signed_or_not(db: None) -> None:
    for _ in range(3):
        Client().post(reverse("jira_webhook"), b"{}", content_type="application/json")
    assert not Entry.objects.filter(subject="jira_webhook").exists()


def test_strangers_cannot_fill_the_log_and_their_limit_is_per_network(db: None) -> None:
    for _ in range(STRANGERS_A_MINUTE + 5):
        Client().post(reverse("healthz"), REMOTE_ADDR="192.0.2.7")
    assert Entry.objects.filter(subject="healthz").count() == STRANGERS_A_MINUTE
    Client().post(reverse("healthz"), REMOTE_ADDR="198.51.100.9")
    assert Entry.objects.filter(subject="healthz").count() == STRANGERS_A_MINUTE + 1


def test_who_is_signed_in_is_always_recorded(side: Side) -> None:
    client = signed_in(side.csm)
    for _ in range(STRANGERS_A_MINUTE + 5):
        client.post(reverse("healthz"), REMOTE_ADDR="192.0.2.7")
    assert Entry.objects.filter(subject="healthz").count() == STRANGERS_A_MINUTE + 5
