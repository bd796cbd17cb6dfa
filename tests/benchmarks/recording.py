"""Pages of the sandbox's generator in a file, and a source that reads them with a card's own fields."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from integrations.people import Person
from integrations.provider import Cursor, Page, Record, Settings, Source
from portal.kit.http import Http

_PAGE = 100
_PERSON = (
    '{"associateOID":"G%(n)012d","workerID":{"idValue":"N%(n)d"},"workerStatus":{"statusCode":{"codeValue":"Active"}},'
    '"workerDates":{"originalHireDate":"2019-04-01"},"person":{"legalName":{"givenName":"Given%(n)d","familyName1":'
    '"Family%(n)d"}},"businessCommunication":{"emails":[{"emailUri":"person.%(n)d@numbered.example"}]},'
    '"workAssignments":[{"primaryIndicator":true,"assignmentStatus":{"statusCode":{"codeValue":"A"}},"jobTitle":"Nurse",'
    '"jobCode":{"codeValue":"NRS","shortName":"Nurse"},"homeOrganizationalUnits":[{"typeCode":{"codeValue":"Department"},'
    '"nameCode":{"codeValue":"D%(d)d","shortName":"Department %(d)d"}}],"homeWorkLocation":{"nameCode":{"codeValue":"CL1",'
    '"shortName":"Main Clinic"},"address":{"cityName":"Reno","countryCode":"US"}}}]}'
)
_LENGTH = struct.Struct("<Q")


def numbered_pages(people: int) -> Iterator[bytes]:
    """People who differ in nothing but their numbers, in no memory."""
    for start in range(0, people, _PAGE):
        page = (_PERSON % {"n": n, "d": n % 40} for n in range(start, min(start + _PAGE, people)))
        yield f'{{"workers":[{",".join(page)}]}}'.encode()


def record_pages(path: Path, pages: Iterable[bytes]) -> None:
    """Each page behind its length, so that it can be read without holding the others."""
    with path.open("wb") as file:
        for page in pages:
            file.write(_LENGTH.pack(len(page)) + page)


def bodies(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while head := file.read(_LENGTH.size):
            yield file.read(_LENGTH.unpack(head)[0])


@dataclass(frozen=True)
class Recorded:
    """The answers are made by `bodies`; what is in a record is the card's business. `people` names the list."""

    bodies: Callable[[], Iterable[bytes]]
    card: Source
    people: str

    def check(self, http: Http, settings: Settings) -> None:
        return None

    def pages(self, http: Http, settings: Settings, cursor: Cursor | None = None) -> Iterator[Page]:
        for number, body in enumerate(self.bodies(), 1):
            yield Page(tuple(orjson.loads(body)[self.people]), {"page": number})
        yield Page((), None)

    def source_id(self, record: Record) -> str:
        return self.card.source_id(record)

    def read(self, record: Record) -> Person:
        return self.card.read(record)


@dataclass(frozen=True)
class Noting:
    """A source that notes on the clock when each page was asked for; the last entry is the end of the list."""

    inner: Recorded
    asked_at: list[float]

    def check(self, http: Http, settings: Settings) -> None:
        return None

    def pages(self, http: Http, settings: Settings, cursor: Cursor | None = None) -> Iterator[Page]:
        for page in self.inner.pages(http, settings, cursor):
            self.asked_at.append(time.perf_counter())
            yield page

    def source_id(self, record: Record) -> str:
        return self.inner.source_id(record)

    def read(self, record: Record) -> Person:
        return self.inner.read(record)
