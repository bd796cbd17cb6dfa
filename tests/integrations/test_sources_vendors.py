"""Every HR card against its stand-in over HTTP: who is read, how lists end, what faults become."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from integrations.people import Status
from integrations.sources.rest import without
from portal.kit.errors import NeedsPerson, RetryLater
from portal.sandbox.staff import Population
from tests.integrations.vendors import HRIS, Vendor, standing_in

pytestmark = pytest.mark.slow

PRIVATE = ("ssn", "birth", "gender", "marital", "salary", "payRate", "home_address", "street", "wage")
# What proves that a list is not only its first page; the others answer in one.
PAGED = [slug for slug in HRIS if slug not in ("bamboohr", "staffcloud")]


@pytest.fixture(params=HRIS)
def vendor(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    with standing_in(request.param) as found:
        yield found


@pytest.fixture(params=PAGED)
def paged(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    with standing_in(request.param) as found:
        yield found


def test_right_credentials_pass_the_check(vendor: Vendor) -> None:
    vendor.source.check(vendor.session(), vendor.settings)


def test_each_wrong_credential_is_a_sentence_for_a_person(vendor: Vendor) -> None:
    for item in vendor.card.credentials:
        if item.key not in vendor.settings:
            continue
        for value in ("wrong", "", "a\nb", "ü" * 40):
            with pytest.raises(NeedsPerson) as caught:
                vendor.source.check(vendor.session(), {**vendor.settings, item.key: value})
            assert caught.value.sentence.endswith(".")
            assert value not in caught.value.sentence or value in ("", "wrong")


def test_the_whole_list_is_the_company(vendor: Vendor) -> None:
    read = [vendor.source.read(record) for record in vendor.records()]
    working = {p.personal_email: p for p in vendor.world.people(Population.EMPLOYED)}
    by_mail = {p.work_email: p for p in working.values()}
    found = [person for person in read if person.status.works_here]
    assert len(found) == len(working)
    for person in found:
        mail = person.fields.get("work_email")
        known = by_mail[mail] if mail else working[person.fields["personal_email"]]
        assert (person.fields["first_name"], person.fields["last_name"]) == (
            known.first_name,
            known.last_name,
        )
        if "department" in person.fields:
            assert person.fields["department"] == known.department
    left = [person for person in read if person.status is Status.TERMINATED]
    assert len(left) == len(vendor.world.indexes(Population.LEFT))
    assert len({person.source_id for person in read}) == len(read)


def test_a_leaver_is_told_as_one(vendor: Vendor) -> None:
    before = {vendor.source.source_id(r): vendor.source.read(r).status for r in vendor.records()}
    vendor.world.let_go(17)
    after = {vendor.source.source_id(r): vendor.source.read(r).status for r in vendor.records()}
    changed = [key for key in before if before[key] is not after[key]]
    assert [after[key] for key in changed] == [Status.TERMINATED]


def test_somebody_hired_for_next_week_does_not_work_here_yet(vendor: Vendor) -> None:
    before = {vendor.source.source_id(record) for record in vendor.records()}
    vendor.world.hire(starts_in_days=7)
    read = [vendor.source.read(record) for record in vendor.records()]
    new = [person.status for person in read if person.source_id not in before]
    assert new in ([], [Status.PREHIRE])


def test_not_even_where_the_first_day_was_declined(vendor: Vendor) -> None:
    """As a run sees them: what a page shows of them before is the same."""
    vendor.world.hire(starts_in_days=7)
    records = (record for page in vendor.read() for record in page.records)
    told = {vendor.source.source_id(each): vendor.source.read(each).status for each in records}
    source = without(vendor.source, ["hired_on"])
    pages = source.pages(vendor.session(), vendor.settings)
    seen = {source.source_id(each): source.read(each).status for page in pages for each in page.records}
    assert seen == told


def test_the_vendor_s_total_is_told_where_it_is_known(vendor: Vendor) -> None:
    pages = vendor.read()
    told = {page.expected for page in pages} - {None}
    assert told in (set(), {sum(len(page.records) for page in pages)})


def test_reading_resumes_after_any_page_with_exactly_the_rest(paged: Vendor) -> None:
    pages = paged.read()
    assert len(pages) > 1
    for number, page in enumerate(pages[:-1], start=1):
        cursor = orjson.loads(orjson.dumps(page.cursor))
        rest = list(paged.source.pages(paged.session(), paged.settings, cursor))
        assert rest == pages[number:]
    assert pages[-1].cursor is None


def test_nothing_sensitive_is_asked_for_or_read(vendor: Vendor) -> None:
    records = vendor.records()
    people = [vendor.source.read(record) for record in records]
    canaries = {person.private.ssn for person in vendor.world.people()}
    shown = str(people)
    assert not [canary for canary in canaries if canary in shown]
    if vendor.name != "sage_hr":  # its answers always carry them; they end in `read`
        sent = orjson.dumps(records).decode()
        assert not [word for word in PRIVATE if word in sent]


@pytest.mark.parametrize(("kind", "code"), [("401", "wrong_credentials"), ("403", "missing_right")])
def test_a_refusal_needs_a_person(vendor: Vendor, kind: str, code: str) -> None:
    vendor.world.fault(vendor.name, kind)
    with pytest.raises(NeedsPerson) as caught:
        vendor.read()
    assert caught.value.code in (code, "wrong_credentials")


@pytest.mark.parametrize("kind", ["429", "500", "503", "drop", "truncated"])
def test_a_failure_of_the_vendor_is_for_later(vendor: Vendor, kind: str) -> None:
    vendor.world.fault(vendor.name, kind)
    with pytest.raises(RetryLater):
        vendor.read()


def test_a_short_fault_is_not_even_noticed(vendor: Vendor) -> None:
    vendor.world.fault(vendor.name, "503", times=2, retry_after=3)
    assert vendor.records()
    assert vendor.pauses == [3.0, 3.0]


def test_retry_after_as_a_date_is_honoured(vendor: Vendor) -> None:
    vendor.world.fault(vendor.name, "429", times=1, retry_after=8, as_date=True)
    assert vendor.records()
    assert [5.0 < pause <= 9.0 for pause in vendor.pauses] == [True]


def test_a_long_wait_is_handed_on(vendor: Vendor) -> None:
    vendor.world.fault(vendor.name, "429", retry_after=900)
    with pytest.raises(RetryLater) as caught:
        vendor.read()
    assert caught.value.after is not None
    assert caught.value.after.total_seconds() == 900


def test_the_same_page_again_stops_the_reading(paged: Vendor) -> None:
    paged.world.fault(paged.name, "same_page")
    with pytest.raises(RetryLater, match="same page"):
        paged.read()


def test_an_empty_list_is_an_empty_list_and_ends(vendor: Vendor) -> None:
    vendor.world.fault(vendor.name, "empty")
    assert vendor.records() == []


def test_a_token_that_ends_in_mid_run_is_renewed_once(paged: Vendor) -> None:
    whole = paged.records()
    pages = paged.source.pages(paged.session(), paged.settings)
    seen = list(next(pages).records)
    paged.world.expire_tokens(paged.name)
    for page in pages:
        seen += page.records
    assert seen == whole


def test_one_token_is_fetched_per_session() -> None:
    with standing_in("personio", size=250) as vendor:
        vendor.records()
        calls = [line.path for line in vendor.world.requests]
    assert calls.count("/v1/auth") == 1
    assert calls.count("/v1/company/employees") == 3


def test_a_pasted_bearer_word_is_dropped() -> None:
    with standing_in("staffcloud", size=40) as vendor:
        vendor.source.check(
            vendor.session(), {**vendor.settings, "token": f"Bearer {vendor.settings['token']}"}
        )
