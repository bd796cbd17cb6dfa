"""Secrets and certificates that end are in the inbox in time, and out of it once newer ones are there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from integrations.models import Connection, ConnectionState, Credential, Draft, Issue, Purpose
from integrations.services import issues
from integrations.services.credentials import store_credentials, take_over
from integrations.services.expiring import note_missing_ends, watch_expiry
from integrations.services.states import set_connected
from portal.accounts.models import Role, User
from portal.kit.retold import retold
from tests.kit.doubles import Authority
from tests.support.pages import a_connection, a_side, page
from tests.support.people import a_company, a_user

pytestmark = pytest.mark.django_db
ENDS = date(2027, 5, 31)
ENTRA, ADP = "microsoft_entra_id", "adp_workforce_now"


def at(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=9)


def watch(before: int, end: date = ENDS) -> list[tuple[str, bool]]:
    """What the inbox has so many days before the end: code, and whether it is an error."""
    watch_expiry(now=lambda: at(end - timedelta(days=before)))
    return [(issue.code, issue.is_error) for issue in Issue.objects.open()]


@pytest.fixture
def admin() -> User:
    return a_user(Role.CUSTOMER_ADMIN, "Dana Whitfield", "dana@riverside.example")


@pytest.fixture
def entra(admin: User) -> Connection:
    connection = a_connection(a_company("Riverside"), provider=ENTRA, kind="sso", by=admin)
    store_credentials(connection, {"client_secret": "old", "secret_expires_on": ENDS.isoformat()}, admin)
    return connection


@pytest.mark.parametrize(
    ("before", "found"),
    [
        (31, []),
        (30, [("expiring", False)]),
        (1, [("expiring", False)]),
        (0, [("expired", True)]),
        (-400, [("expired", True)]),
    ],
)
def test_a_warning_30_days_before_and_an_error_from_the_day_itself(
    entra: Connection, before: int, found: list[tuple[str, bool]]
) -> None:
    assert watch(before) == found


def test_the_warning_gives_way_to_the_error(entra: Connection) -> None:
    watch(20)
    assert watch(0) == [("expired", True)]
    assert list(Issue.objects.values_list("code", flat=True).order_by("pk")) == ["expiring", "expired"]


def test_it_says_what_ends_when_and_what_to_do_in_the_readers_language(entra: Connection) -> None:
    watch(20)
    words = Issue.objects.get().words
    assert words == "The client secret expires on 31 May 2027. Replace it before that day."
    with translation.override("de"):
        assert retold(words) == (
            "Der geheime Clientschlüssel läuft am 31. Mai 2027 ab. Bitte vor diesem Tag ersetzen."
        )


def test_a_later_date_closes_it_and_an_earlier_one_does_not(entra: Connection, admin: User) -> None:
    watch(0)
    store_credentials(entra, {"client_secret": "new"}, admin)
    assert watch(0) == [("expired", True)]
    store_credentials(entra, {"secret_expires_on": "2027-06-10"}, admin)
    assert watch(0) == [("expiring", False)]
    store_credentials(entra, {"secret_expires_on": "2029-05-31"}, admin)
    assert watch(0) == []


def test_what_is_only_tried_counts_once_it_is_taken_over(entra: Connection, admin: User) -> None:
    draft = Draft.objects.create(connection=entra, purpose=Purpose.CHANGE, created_by=admin)
    store_credentials(entra, {"secret_expires_on": "2029-05-31"}, admin, draft=draft)
    assert watch(0) == [("expired", True)]
    take_over(entra, draft)
    assert watch(0) == []


def test_a_certificate_tells_its_end_itself(admin: User) -> None:
    connection = a_connection(a_company("Riverside"), provider=ADP, by=admin)
    certificate, _key = Authority.new().issue("client", days=10)
    store_credentials(connection, {"certificate": certificate}, admin)
    end = Credential.objects.get(key="certificate").expires_on
    assert end is not None
    assert watch(9, end) == [("expiring", False)]
    assert Issue.objects.get().words.startswith("The certificate expires on ")
    store_credentials(connection, {"certificate": Authority.new().issue("client", days=400)[0]}, admin)
    assert watch(9, end) == []


def test_a_certificate_stored_before_ends_were_noted_is_opened_once_and_watched_from_then_on(
    admin: User, entra: Connection
) -> None:
    connection = a_connection(a_company("Lakeside"), provider=ADP, by=admin)
    certificate, key = Authority.new().issue("client", days=10)
    store_credentials(
        connection, {"client_secret": "s", "certificate": certificate, "private_key": key}, admin
    )
    end = Credential.objects.get(key="certificate").expires_on
    assert end is not None
    Credential.objects.exclude(sealed=None).update(expires_on=None)
    Credential.objects.filter(connection=entra, key="client_secret").update(sealed=b"unreadable")
    for _ in range(2):
        note_missing_ends(most=2)
    assert list(Credential.objects.filter(expires_on=end).values_list("key", flat=True)) == ["certificate"]
    assert ("expiring", False) in watch(9, end)
    note_missing_ends()
    Credential.objects.update(expires_on=None)
    note_missing_ends()
    assert not Credential.objects.exclude(expires_on=None).exists()


@pytest.mark.parametrize("value", ["soon", "2027-02-30", ""])
def test_what_is_no_day_is_watched_by_nobody(entra: Connection, admin: User, value: str) -> None:
    store_credentials(entra, {"secret_expires_on": value}, admin)
    assert watch(0) == []


def test_a_success_meanwhile_closes_nothing_and_an_end_of_the_connection_everything(
    entra: Connection,
) -> None:
    watch(5)
    set_connected(entra)
    assert watch(5) == [("expiring", False)]
    Connection.objects.update(state=ConnectionState.DISCONNECTED)
    assert watch(5) == []


def test_an_issue_that_was_put_aside_stays_aside_until_it_is_an_error(entra: Connection, admin: User) -> None:
    watch(20)
    issues.snooze(Issue.objects.get(), 30, by=admin)
    watch(19)
    assert issues.issues_of(entra) == []
    watch(0)
    assert [issue.code for issue in issues.issues_of(entra)] == ["expired"]


def test_what_is_as_it_should_be_is_not_written_again(entra: Connection) -> None:
    watch(20)
    with CaptureQueriesContext(
        database,
    ) as asked:
        watch_expiry(now=lambda: at(ENDS - timedelta(days=19)))
    assert [query["sql"][:6] for query in asked] == ["SELECT", "SELECT"]


def test_the_inbox_of_the_company_shows_it_as_warning_or_error() -> None:
    side = a_side("Alder")
    Credential.objects.filter(key="client_secret").update(expires_on=ENDS)
    watch(3)
    html = page(side.customer, "issue_list")
    assert "expires on 31 May 2027" in html
    assert "Warning" in html
    watch(0)
    assert "Error" in page(side.customer, "issue_list")
