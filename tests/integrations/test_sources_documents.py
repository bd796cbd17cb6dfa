"""Lists that come as one document: the same values as ever, whole or not at all, resumable, and in little memory."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from typing import Any

import orjson
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.models import Connection, DirectoryPerson, Run, RunKind, RunOutcome
from integrations.people import Status
from integrations.provider import Cursor, ListMoved, Page
from integrations.services.runs import MOST_RESTARTS, perform_run
from integrations.services.starts import start_run
from integrations.sources.asking import Ask
from integrations.sources.auth import HeaderKey
from integrations.sources.documents import AT_ONCE, MOST_BETWEEN, Nesting, Part, parts
from integrations.sources.fields import At, Words, key
from integrations.sources.rest import Listing, RestSource
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Egress, Http
from portal.kit.leases import claim
from tests.integrations.conftest import LEASE, Syncer
from tests.kit.doubles import Answer, Double, answer, serving

SETTINGS = {"key": "k"}
SOURCE = RestSource(
    system="Vendor",
    base_url="https://api.vendor.example",
    auth=HeaderKey("X-Key", "{key}"),
    people=Listing(Ask("/people"), "people"),
    id=At("id", key),
    status=Words(At("status"), {"in": Status.ACTIVE}),
    fields={name: At(name) for name in ("first_name", "work_email")},
    check_ask=Ask("/check"),
)


def person(number: int, **more: Any) -> dict[str, Any]:
    name = f"k{number:05}"
    return {
        "id": name,
        "status": "in",
        "first_name": name,
        "work_email": f"{name}@example.com",
        "n": 1.5,
        **more,
    }


def document(people: list[Any], **around: Any) -> bytes:
    return json.dumps({"before": [[{}]], "people": people, **around}).encode()


def read(content: bytes, path: str = "people", cursor: Cursor | None = None) -> list[Part]:
    response = requests.Response()
    response.status_code, response.raw = 200, io.BytesIO(content)
    return list(parts(response, path, "Vendor", cursor))


def entries(found: list[Part]) -> list[dict[str, Any]]:
    return [entry for part in found for entry in part.entries]


# --- values -------------------------------------------------------------------------------------------------

NUMBERS = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)
RECORDS = st.lists(st.dictionaries(st.sampled_from(["id", "item", "people", "[", '"', "\\"]), VALUES))


@pytest.mark.slow
@given(RECORDS, st.sampled_from(["", "people", "data.people"]), st.booleans())
@settings(deadline=None)
def test_the_values_are_those_of_orjson(people: list[Any], path: str, ascii_only: bool) -> None:
    data: Any = people
    for name in reversed(path.split(".") if path else []):
        data = {"first": [{"x": 1}], name: data, "last": {"item": [1]}}
    content = json.dumps(data, ensure_ascii=ascii_only, allow_nan=False).encode("utf-8", "surrogatepass")
    (part,) = read(content, path)
    wanted = orjson.loads(content)
    for name in filter(None, path.split(".")):
        wanted = wanted[name]
    assert repr(part.entries) == repr(wanted)  # 1 and 1.0, 0.0 and -0.0 are not the same
    assert part.cursor is None


@given(VALUES, st.lists(st.integers(1, 9), min_size=1), st.booleans())
@settings(max_examples=50, deadline=None)
def test_no_piece_hides_how_deep_it_goes(value: Any, sizes: list[int], ascii_only: bool) -> None:
    content, nesting, deepest, number = (
        json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"), Nesting(), 0, 0,
    )  # fmt: skip
    while content:
        size, number = sizes[number % len(sizes)], number + 1
        deepest, content = max(deepest, nesting.deepest_after(content[:size])), content[size:]
    assert nesting.depth == 0
    assert deepest >= _depth(value)


# --- whole or not at all ------------------------------------------------------------------------------------


def test_a_document_that_breaks_off_anywhere_never_gives_its_last_part() -> None:
    content = document([person(1), person(2, name='a"b\\')], total=2)
    for end in range(len(content)):
        with pytest.raises(RetryLater, match="broken"):
            read(content[:end])
    assert len(entries(read(content))) == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"{}", b"[]", b'{"people": null}', b'{"people": {}}', b'{"people": {"item": {"id": 1}}}',
     b'{"people": [1]}', b'{"people": [{"id": 1}, null]}', b'{"people": []} x', b'{"people": [{"id": 1}]',
     b'{"people": [{"id": 01}]}', b'{"people": [{"id": "\xff"}]}',
     b'{"people": [{"id": NaN}]}', b'{"people": [{"id": 1e999}]}', b"<html>sign in</html>",
     b'{"people": [{"id": ' + b"9" * 5_000 + b"}]}",
     b'{"people": [' + b"[" * 300_000,
     b'{"people": [{"id": ' + b'{"a":' * 150 + b"1" + b"}" * 150 + b"}]}",
     b'{"people": [{"id": "' + b"x" * (MOST_BETWEEN + 200_000) + b'"}]}',
     b'{"before": "' + b"x" * (MOST_BETWEEN + 200_000) + b'", "people": []}'],
)  # fmt: skip
def test_anything_else_is_broken_and_costs_no_memory(content: bytes) -> None:
    with pytest.raises(RetryLater, match="broken"):
        read(content)


def test_an_empty_list_is_one_last_part_with_nobody() -> None:
    assert read(document([])) == [Part([], None)]


@pytest.mark.slow
def test_without_its_c_part_ijson_is_not_used_at_all() -> None:
    words = "import sys; sys.modules['ijson.backends._yajl2'] = None; import integrations.sources.documents"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "yajl2_c" in done.stderr.splitlines()[-1]


class Dripping(io.BytesIO):
    """Gives a few bytes at a time, as a slow network does."""

    def __init__(self, content: bytes, drop: int) -> None:
        super().__init__(content)
        self.drop = drop

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self.drop)


@pytest.mark.parametrize("drop", [*range(1, 14), 64])
def test_half_a_sign_spoils_one_name_wherever_the_pieces_end(drop: int) -> None:
    names = [
        r"Ada\ud83d",
        r"\uDE00Ada",
        r"\ud83d\ud83d\ude00",
        r"\\ud83d",
        r"\\\ud83d",
        r"\ud83d\n",
        r"\u00e4\"",
        "ab",
    ]
    content = b'{"people": [%s]}' % ", ".join(f'{{"name": "{name}"}}' for name in names).encode()
    response = requests.Response()
    response.status_code, response.raw = 200, Dripping(content, drop)
    found = [entry["name"] for entry in entries(list(parts(response, "people", "Vendor")))]
    assert found == ["Ada\ufffd", "\ufffdAda", "\ufffd😀", r"\ud83d", "\\\ufffd", "\ufffd\n", 'ä"', "ab"]


# --- part by part -------------------------------------------------------------------------------------------


def test_every_part_but_the_last_can_be_resumed_after() -> None:
    people = [person(number) for number in range(2 * AT_ONCE)]
    for content in (document(people), document([*people, person(9_999)])):
        found = read(content)
        assert {len(part.entries) for part in found[:-1]} == {AT_ONCE}
        assert entries(found) == orjson.loads(content)["people"]
        for number, part in enumerate(found[:-1], 1):
            assert read(content, cursor=orjson.loads(orjson.dumps(part.cursor))) == found[number:]
        assert found[-1].cursor is None


def test_a_list_that_begins_otherwise_than_before_is_not_resumed() -> None:
    people = [person(number) for number in range(3 * AT_ONCE)]
    cursor = read(document(people))[0].cursor
    for other in (people[1:], people[: AT_ONCE - 1], [], [person(0, first_name="Other"), *people[1:]]):
        with pytest.raises(ListMoved):
            read(document(other), cursor=cursor)
    assert entries(read(document(people[: AT_ONCE + 1]), cursor=cursor)) == people[AT_ONCE : AT_ONCE + 1]


# --- over HTTP ----------------------------------------------------------------------------------------------

MANY = [person(number) for number in range(3 * AT_ONCE)]


def pages(*answers: Answer, cursor: Cursor | None = None) -> list[Page]:
    with serving(*answers) as double:
        return list(SOURCE.pages(session(double), SETTINGS, cursor))


def session(double: Double) -> Http:
    return Egress(sandbox_url=double.url, wait=lambda _: None).session()


def breaking(content: bytes, at: int) -> Answer:
    """The connection breaks after so many bytes."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        handler.wfile.write(head + content[:at])
        handler.close_connection = True

    return send


def after_people(count: int, people: list[dict[str, Any]] = MANY) -> Answer:
    content = document(people)
    return breaking(content, content.index(people[count]["id"].encode()) + 20_000)


def test_a_compressed_document_is_pages_of_some_hundred_people_with_one_end() -> None:
    body = gzip.compress(document(MANY))
    found = pages(answer(200, body, Content_Encoding="gzip"))
    assert [len(page.records) for page in found] == [AT_ONCE] * 3
    assert [page.cursor is None for page in found] == [False, False, True]
    assert pages(answer(200, document(MANY)), cursor=found[1].cursor) == found[2:]


def test_no_content_is_nobody_and_the_end() -> None:
    assert pages(answer(204, b"")) == [Page((), None)]


def test_a_break_in_the_middle_gives_what_came_and_no_end() -> None:
    with serving(after_people(2 * AT_ONCE)) as double:
        found = SOURCE.pages(session(double), SETTINGS)
        assert next(found).cursor is not None
        with pytest.raises(RetryLater):
            next(found)


# --- in a run -----------------------------------------------------------------------------------------------


@pytest.fixture
def half_read(sync: Syncer, connection: Connection) -> Run:
    """Everybody is there; the next run's answer breaks off after a third of them."""
    with serving(answer(200, document(MANY))) as double:
        first = sync(SOURCE, http=session(double), settings=SETTINGS)
    assert first.outcome == RunOutcome.APPLIED
    run = claim(Run, start_run(connection, kind=RunKind.MANUAL).pk, lease=LEASE)
    assert run is not None
    with serving(answer(200, b"{}"), after_people(2 * AT_ONCE)) as double, pytest.raises(RetryLater):
        perform_run(run, source=SOURCE, http=session(double), settings=SETTINGS)
    run.refresh_from_db()
    assert (run.outcome, run.read_all, run.seen) == ("", False, AT_ONCE)
    return run


def read_again(run: Run, people: list[dict[str, Any]]) -> None:
    with serving(answer(200, document(people))) as double:
        perform_run(run, source=SOURCE, http=session(double), settings=SETTINGS)
    run.refresh_from_db()


@pytest.mark.django_db(transaction=True)
def test_half_a_document_removes_nobody_and_the_rest_is_read_later(half_read: Run) -> None:
    assert DirectoryPerson.objects.filter(state="active").count() == len(MANY)
    read_again(half_read, MANY[:-1])
    assert (half_read.outcome, half_read.seen) == (RunOutcome.APPLIED, len(MANY) - 1)
    assert half_read.problem_count == 0
    assert DirectoryPerson.objects.exclude(state="active").get().source_id == MANY[-1]["id"]


@pytest.mark.django_db(transaction=True)
def test_a_document_that_changed_meanwhile_is_read_from_its_start(half_read: Run) -> None:
    with pytest.raises(ListMoved):
        read_again(half_read, MANY[1:])
    assert half_read.restarts == 1
    read_again(half_read, MANY[1:])
    assert (half_read.outcome, half_read.seen) == (RunOutcome.APPLIED, len(MANY) - 1)
    assert DirectoryPerson.objects.exclude(state="active").get().source_id == MANY[0]["id"]


@pytest.mark.django_db(transaction=True)
def test_a_document_that_is_another_one_each_time_is_not_read_for_ever(half_read: Run) -> None:
    half_read.restarts = MOST_RESTARTS
    half_read.save(update_fields=["restarts"])
    with pytest.raises(NeedsPerson) as caught:
        read_again(half_read, MANY[1:])
    assert caught.value.code == "list_moves"


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)
