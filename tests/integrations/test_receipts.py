"""Receipts: what was confirmed stays what was confirmed, and is told in words."""

from __future__ import annotations

import copy

import pytest
from django.db import DatabaseError, transaction
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from integrations import catalog
from integrations.models import Connection, DirectoryPerson, Receipt
from integrations.services import drafts, receipts
from portal.accounts.models import Company, User
from tests.integrations.conftest import CARD, Syncer
from tests.integrations.sources import ListSource, record
from tests.support.confirmed import confirmed
from tests.support.pages import page, queries_of
from tests.support.people import a_customer

pytestmark = pytest.mark.django_db(transaction=True)

CARE = {"include": [[{"field": "department", "op": "is", "values": ["Care"]}]], "exclude": []}
STAFF = [record("a", department="Care"), record("b", department="Surgery")]


@pytest.fixture
def receipt(company: Company, admin: User) -> Receipt:
    draft = drafts.begin_setup(company, CARD, settings={}, mapping={}, by=admin, request_number="REQ-1")
    made = confirmed(draft, by=admin, source=ListSource(STAFF), filter=CARE, mapping={"title": "job_title"})
    return Receipt.objects.get(pk=made.pk)


def test_a_receipt_is_verified_from_what_is_stored(receipt: Receipt) -> None:
    assert (len(receipt.digest), receipts.verify(receipt)) == (64, True)
    assert receipts.canonical(receipt) == receipts.canonical(Receipt.objects.get())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("after", {}),
        ("before", {"filter": {}}),
        ("counts", {"added": 2}),
        ("affected", 2),
        ("plan_digest", "0" * 32),
        ("rules_digest", "0" * 32),
        ("confirmed_by_id", 999),
        ("purpose", "change"),
    ],
)
def test_whatever_is_changed_in_a_receipt_shows(receipt: Receipt, name: str, value: object) -> None:
    forged = copy.copy(receipt)
    setattr(forged, name, value)
    assert not receipts.verify(forged)


def test_the_database_refuses_to_change_or_delete_a_receipt(receipt: Receipt) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Receipt.objects.update(affected=7)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Receipt.objects.all().delete()


def test_a_set_up_is_told_against_nothing(receipt: Receipt) -> None:
    told = {(one.label, one.before, one.after) for one in receipts.difference(receipt)}
    assert ("Let in", "", "Department is “Care”") in told
    assert not any(label == "Who comes in" for label, _, _ in told)
    assert ("Title", "", "Job title") in told
    assert ("E-mail", "", "Work e-mail") in told
    assert ("People who have left", "", "deactivated at once") in told


def test_a_change_names_only_what_differs(sync: Syncer, connection: Connection, admin: User) -> None:
    Connection.objects.update(confirmed_at="2026-01-01T00:00Z", filter=CARE)
    connection.refresh_from_db()
    sync(ListSource(STAFF))
    made = confirmed(
        connection,
        by=admin,
        source=ListSource(STAFF),
        filter={"include": [], "exclude": []},
        mapping={"location": {"from": ["office", "location"], "steps": [{"do": "case", "how": "upper"}]}},
        policy={"absent": "keep", "invites": True},
    )
    told = {(one.label, one.before, one.after) for one in receipts.difference(made)}
    location = next(one for one in told if one[0] == "Location")
    assert told - {location} == {
        ("Who comes in", "", "Everybody who works there"),
        ("Let in", "Department is “Care”", ""),
        ("People who are no longer listed", "deactivated at once", "kept as they are"),
        ("New people", "not invited", "invited without a mail"),
    }
    assert location[2] == "Office, else Location; in capital letters"


def test_a_receipt_names_the_managers_whom_the_directory_knows(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    Connection.objects.update(confirmed_at="2026-01-01T00:00Z")
    connection.refresh_from_db()
    sync(ListSource(STAFF))
    clause = {"field": "manager_id", "op": "one_of", "values": ["a", "gone"]}
    chosen = {"include": [], "exclude": [[clause]]}
    made = confirmed(connection, by=admin, source=ListSource(STAFF), filter=chosen)
    told = {one.after for one in receipts.difference(made)}
    boss = DirectoryPerson.objects.get(source_id="a")
    assert f"Manager is one of “{boss}”, “gone”" in told


@pytest.mark.parametrize(
    ("step", "english", "german"),
    [
        ({"by": "-", "part": 1}, "part 2 between “-”", "Teil 2 zwischen „-“"),
        ({"by": "-", "part": -1}, "the last part between “-”", "der letzte Teil zwischen „-“"),
        (
            {"by": " ", "part": -2},
            "part 2 from the end between “spaces”",
            "Teil 2 vom Ende her zwischen „Leerzeichen“",
        ),
    ],
)
def test_a_receipt_says_which_part_of_a_value_is_taken(
    step: dict[str, object], english: str, german: str
) -> None:
    after = {"mapping": {"location": {"from": ["office"], "steps": [{"do": "split", **step}]}}}
    for language, words in (("en", english), ("de", german)):
        with translation.override(language):
            [told] = [
                one.after for one in receipts.compare(catalog.get(CARD), {}, after) if "; " in one.after
            ]
            assert told.split("; ")[1] == words


@given(
    st.lists(st.sampled_from(["department", "location", "status", "custom.ward"]), max_size=4),
    st.sampled_from(["", "department", "job_title"]),
    st.sampled_from([True, False]),
)
def test_equal_settings_have_no_difference_and_others_have_one(
    fields: list[str], group_by: str, invites: bool
) -> None:
    rules = [[{"field": name, "op": "present", "values": []}] for name in dict.fromkeys(fields)]
    before = {
        "filter": {"include": rules, "exclude": []} if rules else {},
        "mapping": {},
        "policy": {"group_by": group_by, "invites": invites},
        "declined": [],
    }
    card = catalog.get(CARD)
    assert receipts.compare(card, before, copy.deepcopy(before)) == ()
    assert receipts.compare(card, before, {**before, "declined": ["department"]})
    assert receipts.compare(
        card, before, {**before, "policy": {"group_by": group_by, "invites": not invites}}
    )
    one_more = [*rules, [{"field": "office", "op": "empty", "values": []}]]
    assert receipts.compare(card, before, {**before, "filter": {"include": one_more, "exclude": []}})


def look(receipt: Receipt, by: User, status: int = 200) -> str:
    return page(by, "receipt_detail", receipt.public_id, status=status)


def test_the_page_tells_who_confirmed_what_and_that_it_still_says_so(receipt: Receipt, admin: User) -> None:
    seen = look(receipt, admin)
    for words in ("Set-up confirmed", "Casey", "Verified.", "Department is “Care”", receipt.digest):
        assert words in seen
    assert "Waits for the run" in seen


def test_a_receipt_that_was_tampered_with_says_so(receipt: Receipt, admin: User) -> None:
    values = {name: getattr(receipt, name) for name in ("connection", "draft", "purpose", "after", "counts")}
    forged = Receipt.objects.create(
        **values, affected=0, digest=receipt.digest, confirmed_by=admin, confirmed_at=receipt.confirmed_at
    )
    assert "Not verified." in look(forged, admin)


def test_nobody_of_another_company_sees_a_receipt(receipt: Receipt) -> None:
    stranger = a_customer(Company.objects.create(name="Other"))
    look(receipt, stranger, status=404)


def test_the_page_takes_as_many_queries_whatever_was_confirmed(
    receipt: Receipt, company: Company, admin: User
) -> None:
    few = queries_of(admin, "receipt_detail", receipt.public_id)
    connection = receipt.connection
    policy = {"absent": "keep", "outside": "keep", "group_by": "", "invites": True}
    made = confirmed(
        drafts.begin_change(connection, by=admin),
        by=admin,
        source=ListSource(STAFF),
        filter={"include": CARE["include"] * 9, "exclude": []},
        policy=policy,
    )
    assert queries_of(admin, "receipt_detail", made.public_id) == few
