"""Two companies with one of everything, for tests of pages: whatever names one must never reach the other."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from typing import Any

from django.core.files.base import ContentFile
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations.models import (
    Change,
    ChangeKind,
    Connection,
    ConnectionState,
    Credential,
    DirectoryPerson,
    Group,
    Match,
    Phase,
    Problem,
    Run,
    RunKind,
    RunOutcome,
)
from integrations.models import Membership as GroupMembership
from portal.accounts.models import AccessLink, Company, Membership, Role, User
from portal.kit.leases import JobState
from requests_app.lifecycle import Stage
from requests_app.models import Evidence, Request
from requests_app.services.filing import file_request
from tests.support.people import a_company, a_user, signed_in

PROVIDER = "personio"
HTMX = {"HX-Request": "true"}
SECRET = "s3cret-value-nobody-sees"


@dataclass
class Side:
    """One company and what belongs to it. `mark` is in the names of all of it."""

    mark: str
    company: Company
    csm: User
    customer: User
    req: Request
    link: AccessLink
    connection: Connection
    run: Run
    person: DirectoryPerson
    evidence: Evidence


def a_side(mark: str) -> Side:
    company = a_company(f"{mark} Clinic", lms_id=f"{mark}-1")
    csm = a_user(Role.CSM, f"{mark} Manager")
    customer = a_user(Role.CUSTOMER_ADMIN, f"{mark} Admin", f"admin@{mark.lower()}.example")
    req = file_request(company, PROVIDER, by=csm)
    Request.objects.filter(pk=req.pk).update(stage=Stage.WAITING_ON_CUSTOMER)
    link = AccessLink.objects.create(
        company=company,
        request_id=req.public_id,
        email=customer.email,
        nonce=uuid.uuid4().bytes * 2,
        token_hash=uuid.uuid4().bytes * 2,
        expires_at=timezone.now() + timedelta(days=7),
        used_at=timezone.now(),
        used_by=customer,
    )
    Membership.objects.create(user=customer, company=company, link=link)
    connection = a_connection(company, by=csm)
    run = a_run(connection, added=1)
    person = some_people(connection, 1, mark=mark)[0]
    Change.objects.create(
        run=run,
        source_id=person.source_id,
        person_name=str(person),
        kind=ChangeKind.ADDED,
        after={"city": mark},
    )
    group = Group.objects.create(
        company=company, connection=connection, source="department", key=mark, name=f"{mark} Care"
    )
    GroupMembership.objects.create(group=group, person=person)
    Match.objects.create(connection=connection, source_id="m1", person_name=f"{mark} Lookalike")
    Problem.objects.create(run=run, source_id="x1", person_name=f"{mark} Nomail", code="missing_work_email")
    evidence = Evidence(req=req, name=f"{mark}.png", content_type="image/png", size=3, uploaded_by=customer)
    evidence.file.save(f"{mark}.png", ContentFile(b"png"))
    req.refresh_from_db()
    Request.objects.filter(pk=req.pk).update(connection=connection)
    req.refresh_from_db()
    return Side(mark, company, csm, customer, req, link, connection, run, person, evidence)


def a_connection(
    company: Company, *, provider: str = PROVIDER, kind: str = "hris", by: User | None = None, **fields: Any
) -> Connection:
    """Connected, with credentials of which one is a secret (ends in t-99)."""
    values = {"state": ConnectionState.CONNECTED, "last_success_at": timezone.now(), **fields}
    connection = Connection.objects.create(
        company=company, provider_slug=provider, kind=kind, created_by=by, **values
    )
    if kind == "hris":
        Credential.objects.create(connection=connection, key="client_id", value="papi-42", given_by=by)
        Credential.objects.create(
            connection=connection, key="client_secret", sealed=SECRET.encode(), hint="t-99", given_by=by
        )
    return connection


def a_run(connection: Connection, **fields: Any) -> Run:
    """A finished one unless told otherwise."""
    values: dict[str, Any] = {
        "kind": RunKind.MANUAL,
        "phase": Phase.FINISHED,
        "outcome": RunOutcome.APPLIED,
        "job_state": JobState.DONE,
        "pages": 1,
        "seen": 1,
        "started_at": timezone.now(),
        "finished_at": timezone.now(),
        **fields,
    }
    return Run.objects.create(connection=connection, **values)


def an_open_run(connection: Connection, **fields: Any) -> Run:
    values = {
        "job_state": JobState.RUNNING,
        "phase": Phase.READING,
        "outcome": RunOutcome.NONE,
        "finished_at": None,
        "seen": 93,
        "expected": 250,
        **fields,
    }
    return a_run(connection, **values)


def some_people(
    connection: Connection, count: int, *, mark: str = "Fern", start: int = 0
) -> list[DirectoryPerson]:
    people = [
        DirectoryPerson(
            company=connection.company,
            connection=connection,
            source_id=f"{mark}-{number}",
            first_name=mark,
            last_name=f"Person{number:04}",
            email=f"{mark.lower()}.{number}@people.example",
            job_title="Nurse",
            department="Care",
            location="Leeds",
            employee_number=f"E{number}",
            raw_digest=uuid.uuid4(),
        )
        for number in range(start, start + count)
    ]
    DirectoryPerson.objects.bulk_create(people)
    return list(
        DirectoryPerson.objects.filter(connection=connection, source_id__in=[p.source_id for p in people])
    )


def page(user: User, name: str, *args: object, query: str = "", htmx: bool = False, status: int = 200) -> str:
    """The HTML of a page as this person gets it, or of its fragment."""
    answer = signed_in(user).get(reverse(name, args=args) + query, headers=HTMX if htmx else {})
    assert answer.status_code == status
    return answer.content.decode()


def names_amount(html: str, amount: int) -> bool:
    """Whether it is written out, with or without its comma, and not by chance in a token or an id."""
    return re.search(rf"(?<![\w-])(?:{amount}|{amount:,})(?![\w-])", html) is not None


def post(user: User, name: str, *args: object, status: int = 302, **body: Any) -> Any:
    """The answer to a form that this person sends."""
    answer = signed_in(user).post(reverse(name, args=args), body)
    assert answer.status_code == status
    return answer


def said(answer: Any) -> str:
    return unescape(answer.content.decode())


def queries_of(user: User, name: str, *args: object, query: str = "") -> int:
    """How many queries a second look at the page takes."""
    client = signed_in(user)
    client.get(reverse(name, args=args) + query)
    with CaptureQueriesContext(
        database,
    ) as captured:
        assert client.get(reverse(name, args=args) + query).status_code == 200
    return len(captured)
