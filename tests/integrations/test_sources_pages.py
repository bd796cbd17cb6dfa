"""Ways of paging against a scripted server: ends, loops, broken answers."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.people import Status
from integrations.provider import Cursor, Page
from integrations.sources.asking import Ask
from integrations.sources.auth import HeaderKey
from integrations.sources.fields import At, Words, key
from integrations.sources.pages import (
    CursorToken,
    LinkHeader,
    OffsetTotal,
    PageNumber,
    Pages,
    SingleList,
    SkipTop,
)
from integrations.sources.rest import Listing, RestSource
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Egress
from tests.kit.doubles import Answer, Double, answer, serving

SETTINGS = {"subdomain": "river", "api_key": "k"}


def source(pages: Pages, *then: Listing, people: str = "people", ask: Ask | None = None) -> RestSource:
    return RestSource(
        system="Vendor",
        base_url="https://{subdomain}.vendor.example/api",
        auth=HeaderKey("X-Key", "{api_key}"),
        people=Listing(ask or Ask("/people"), people, pages),
        then=then,
        id=At("id", key),
        status=Words(At("_list"), {"left": Status.TERMINATED}),
        fields={"first_name": At("name")},
        check_ask=Ask("/people"),
    )


def read(pages: Pages, *answers: Answer, people: str = "people", cursor: Cursor | None = None) -> list[Page]:
    with serving(*answers) as double:
        return list(source(pages, people=people).pages(_egress(double).session(), SETTINGS, cursor))


def body(*ids: int, **more: Any) -> Answer:
    return answer(200, json.dumps({"people": [{"id": number} for number in ids], **more}).encode())


def ids(pages: list[Page]) -> list[int]:
    return [record["id"] for page in pages for record in page.records]


def test_skip_and_top_go_on_until_204_over_short_pages() -> None:
    assert ids(read(SkipTop(), body(1, 2), body(3), answer(204, b""))) == [1, 2, 3]


def test_skip_and_top_take_an_empty_page_for_broken() -> None:
    with pytest.raises(RetryLater, match="broken"):
        read(SkipTop(), body(1), body(), answer(204, b""))


def test_page_numbers_end_where_next_is_null() -> None:
    assert ids(
        read(PageNumber(next="meta.next"), body(1, meta={"next": 2}), body(2, meta={"next": None}))
    ) == [1, 2]


def test_a_missing_next_is_broken_and_not_the_end() -> None:
    with pytest.raises(RetryLater, match="it has no next"):
        read(PageNumber(next="meta.next"), body(1, meta={}))


def test_an_offset_ends_at_the_total_even_if_the_vendor_s_pages_are_smaller() -> None:
    assert ids(read(OffsetTotal("n"), body(1, 2, n=3), body(3, n=3))) == [1, 2, 3]


@pytest.mark.parametrize("total", [None, "3", -1, True, [], {}, 10**12])
def test_a_total_that_is_none_is_broken(total: Any) -> None:
    with pytest.raises(RetryLater, match="does not tell how many"):
        read(OffsetTotal("n"), body(1, n=total))


@pytest.mark.parametrize(
    ("told", "expected"), [(3, 3), (2**31 - 1, 2**31 - 1), (2**31, None), (-1, None), ("3", None)]
)
def test_a_total_that_is_only_information_is_ignored_where_it_is_absurd(
    told: Any, expected: int | None
) -> None:
    (page,) = read(CursorToken("c", total="n"), body(1, c=None, n=told))
    assert (ids([page]), page.expected) == ([1], expected)


def test_an_offset_that_stops_short_of_the_total_is_broken() -> None:
    with pytest.raises(RetryLater, match="more people"):
        read(OffsetTotal("n"), body(1, n=3), body(n=3))


def test_a_cursor_is_followed_until_it_is_null() -> None:
    assert ids(read(CursorToken("c"), body(1, c="x"), body(2, c="y"), body(3, c=None))) == [1, 2, 3]


def test_a_cursor_that_comes_again_stops_the_reading() -> None:
    with pytest.raises(RetryLater, match="leads back"):
        read(CursorToken("c"), body(1, c="x"), body(2, c="y"), body(3, c="x"))


def test_the_same_page_twice_stops_the_reading_also_after_a_resume() -> None:
    pages = CursorToken("c")
    with serving(body(1, c="x")) as double:
        first = next(source(pages).pages(_egress(double).session(), SETTINGS))
    with pytest.raises(RetryLater, match="same page"):
        read(pages, body(1, c="y"), cursor=json.loads(json.dumps(first.cursor)))


def test_a_list_that_begins_again_under_new_tokens_is_stopped() -> None:
    circle = [body(number % 30, c=f"c{number}") for number in range(40)]
    with serving(*circle) as double:
        with pytest.raises(RetryLater, match="same page"):
            list(source(CursorToken("c")).pages(_egress(double).session(), SETTINGS))
        assert len(double.seen) == 31


def test_a_short_circle_is_also_known_after_a_resume() -> None:
    pages = CursorToken("c")
    with serving(*(body(number, c=f"c{number}") for number in range(50))) as double:
        last = list(islice(source(pages).pages(_egress(double).session(), SETTINGS), 50))[-1]
    cursor = json.loads(json.dumps(last.cursor))
    assert len(json.dumps(cursor)) < 1_000
    with pytest.raises(RetryLater, match="same page"):
        read(pages, body(31, c=None), cursor=cursor)
    assert ids(read(pages, body(50, c=None), cursor=cursor)) == [50]


def test_a_run_that_was_under_way_with_one_digest_goes_on() -> None:
    pages = CursorToken("c")
    with serving(body(1, c="x")) as double:
        first = next(source(pages).pages(_egress(double).session(), SETTINGS))
    assert first.cursor is not None
    before = {**first.cursor, "seen": first.cursor["seen"][0]}
    assert ids(read(pages, body(2, c=None), cursor=before)) == [2]
    assert ids(read(pages, body(2, c=None), cursor={**before, "seen": ""})) == [2]
    with pytest.raises(RetryLater, match="same page"):
        read(pages, body(1, c=None), cursor=before)


def test_a_list_that_never_ends_is_stopped() -> None:
    endless = replace(source(CursorToken("c")), max_pages=5)
    with (
        serving(*(body(number, c=f"c{number}") for number in range(9))) as double,
        pytest.raises(RetryLater, match="does not end"),
    ):
        list(endless.pages(_egress(double).session(), SETTINGS))
    assert len(double.seen) == 5


def test_a_link_is_followed_by_its_query_alone() -> None:
    link = '<https://169.254.169.254/api/people?after=7>; rel="next"'
    with serving(answer(200, b'[{"id": 1}]', Link=link), answer(200, b'[{"id": 2}]')) as double:
        found = list(source(LinkHeader(), people="").pages(_egress(double).session(), SETTINGS))
    assert ids(found) == [1, 2]
    asked = [(headers["Host"], urlsplit(path)) for _, path, headers in double.seen]
    assert [host for host, _ in asked] == ["river.vendor.example"] * 2
    assert parse_qs(asked[1][1].query) == {"after": ["7"]}


def test_a_single_list_is_one_page() -> None:
    assert ids(read(SingleList(), answer(200, b'[{"id": 1}]'), people="")) == [1]


def test_a_second_list_follows_and_tells_where_its_people_came_from() -> None:
    left = Listing(Ask("/left"), "people", stamp="left")
    with serving(body(1), body(2)) as double:
        vendor = source(SingleList(), left)
        pages = list(vendor.pages(_egress(double).session(), SETTINGS))
    assert [path for _, path, _ in double.seen] == ["/api/people", "/api/left"]
    assert vendor.read(pages[1].records[0]).status is Status.TERMINATED
    assert [page.cursor is None for page in pages] == [False, True]


@pytest.mark.parametrize(
    "broken",
    [b"", b"{", b"[1, 2", b"<html>sign in</html>", b"null", b"7", b'"x"', b"{}", b'{"people": null}',
     b'{"people": {}}', b'{"people": [1]}', b'{"people": [null]}', b'{"people": [NaN]}', b"[" * 3_000],
)  # fmt: skip
@pytest.mark.parametrize("pages", [SkipTop(), SingleList()])
def test_a_broken_answer_is_never_an_empty_page(pages: Pages, broken: bytes) -> None:
    with pytest.raises(RetryLater, match="broken"):
        read(pages, answer(200, broken))


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (r"Ada\ud83d", "Ada\ufffd"),
        (r"\uDE00Ada", "\ufffdAda"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\\ud83d \ud83d", r"\ud83d" + " \ufffd"),
    ],
)
@pytest.mark.parametrize("pages", [PageNumber("next"), SingleList()])
def test_half_a_sign_spoils_one_name_and_not_the_page(pages: Pages, sent: str, name: str) -> None:
    content = b'{"next": null, "people": [{"name": "Bea"}, {"name": "%s"}]}' % sent.encode()
    (page,) = read(pages, answer(200, content))
    assert [record["name"] for record in page.records] == ["Bea", name]


def test_a_page_that_is_cut_off_is_broken_also_with_half_a_sign_in_it() -> None:
    with pytest.raises(RetryLater, match="broken"):
        read(PageNumber("next"), answer(200, rb'{"next": null, "people": [{"name": "\ud83d"}'))


WILD = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["people", "c", "n", "id"]), inner)
    ),
    max_leaves=8,
)
WAYS = [SkipTop(), CursorToken("c"), OffsetTotal("n"), PageNumber("c"), SingleList(), LinkHeader()]


@given(st.binary(max_size=60) | WILD.map(lambda data: json.dumps(data).encode()), st.sampled_from(WAYS))
@settings(max_examples=60, deadline=None)
def test_any_answer_ends_in_pages_or_in_one_of_our_errors(data: bytes, pages: Pages) -> None:
    with suppress(RetryLater, NeedsPerson):
        read(pages, answer(200, data), answer(204, b""))


NOT_LABELS = ["", "river.vendor", "river/../x", "a@b", "a:1", "river#", "ä", "x" * 64, "a b", "{api_key}"]


@pytest.mark.parametrize("given_", NOT_LABELS)
def test_only_one_label_fits_into_an_address(given_: str) -> None:
    with serving(answer()) as double:
        with pytest.raises(NeedsPerson) as caught:
            source(SingleList()).check(_egress(double).session(), {**SETTINGS, "subdomain": given_})
        assert caught.value.code == "bad_subdomain"
        assert double.seen == []


def test_the_numbers_of_pages_go_into_the_body_where_the_vendor_wants_them() -> None:
    way = PageNumber(next="n", size=50, in_body=True)
    asked = way.ask(Ask("/x", "POST", body={"fields": ["a"]}), {"page": 3})
    assert asked.body == {"fields": ["a"], "page": 3, "pageSize": 50}


def _egress(double: Double) -> Egress:
    return Egress(sandbox_url=double.url, wait=lambda _: None)
