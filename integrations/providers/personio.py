"""Personio, API version 1: one call has people, departments, offices and managers (hris-apis.md 1.3)."""

from datetime import date as day

from integrations import checklists
from integrations.checklists import credential
from integrations.people import Status
from integrations.provider import Kind, Provider, Step
from integrations.sources.asking import Ask, Named
from integrations.sources.auth import ClientCredentials
from integrations.sources.changes import Since
from integrations.sources.custom import Listed
from integrations.sources.fields import Labelled, Words, date, email, key
from integrations.sources.pages import OffsetTotal
from integrations.sources.rest import Granted, Listing, RestSource

_PEOPLE = "/company/employees"
_FIELDS = {
    "first_name": Labelled("first_name"),
    "last_name": Labelled("last_name"),
    "preferred_name": Labelled("preferred_name"),
    "work_email": Labelled("email", clean=email),
    "job_title": Labelled("position"),
    "department": Labelled("department", "name"),
    "team": Labelled("team", "name"),
    "location": Labelled("office", "name"),
    "office": Labelled("office", "name"),
    "employment_type": Labelled("employment_type"),
    "legal_entity": Labelled("subcompany", "name"),
    "manager_id": Labelled("supervisor", "id", key),
    "hired_on": Labelled("hire_date", clean=date),
    "left_on": Labelled("last_working_day", clean=date),
}
_ALLOWED = Ask("/company/employees/attributes")
_NEEDED = {"first_name": "first name", "last_name": "last name", "email": "e-mail", "status": "status"}

_SOURCE = RestSource(
    system="Personio",
    base_url="https://api.personio.de/v1",
    auth=ClientCredentials(
        "https://api.personio.de/v1/auth", sends="json", answer=("data.token", "data.expires_in")
    ),
    people=Listing(
        Ask(_PEOPLE),
        people="data",
        pages=OffsetTotal(total="metadata.total_elements", size=100),
    ),
    check_ask=Ask(_PEOPLE, query=(("limit", "1"), ("attributes[]", "id"))),
    id=Labelled("id", clean=key),
    status=Words(
        Labelled("status"),
        {
            "active": Status.ACTIVE,
            "leave": Status.LEAVE,
            "onboarding": Status.PREHIRE,
            "inactive": Status.TERMINATED,
        },
    ),
    fields=_FIELDS,
    custom=Listed(
        _ALLOWED,
        at="data",
        only=r"dynamic_\d+",
        adds="attributes[]",
        also=("universal_id",),
        place="attributes",
        inner="value",
    ),
    named=Named("attributes[]", "id status", {field: one.name for field, one in _FIELDS.items()}),
    granted=Granted(_ALLOWED, at="data", needs=_NEEDED),
    sentences={
        "wrong_credentials": "Personio does not accept the client ID and secret. Copy both again, or "
        "generate new ones under Settings, Integrations, API credentials.",
        "missing_right": "These Personio credentials may not read employees. Give them read access to "
        "personnel data and tick the attributes.",
    },
)

PROVIDER = Provider(
    slug="personio",
    name="Personio",
    kind=Kind.HRIS,
    items=(
        *checklists.hris_items("Personio", both_addresses=False),
        *checklists.CONSENT_OPTIONAL,
    ),
    credentials=(
        credential(
            "client_id",
            "Client ID",
            "Settings, Integrations, API credentials, Generate new credentials.",
            secret=False,
        ),
        credential("client_secret", "Client secret", "Shown once, together with the client ID."),
    ),
    source=_SOURCE,
    # The vendor then ignores limit and offset and sends every change at once.
    incremental=Since(_SOURCE, Listing(_SOURCE.people.ask, people="data"), "updated_since"),
    mapping={
        "first_name": "first_name",
        "last_name": "last_name",
        "email": "work_email",
        "job_title": "job_title",
        "department": "department",
        "location": "location",
        "legal_entity": "legal_entity",
        "manager_id": "manager_id",
        "hired_on": "hired_on",
    },
    guide=(
        Step(
            "Generate the credentials",
            "In Personio open Settings, Integrations, API credentials, and choose Generate new credentials.",
        ),
        Step(
            "Give read access to employees, and nothing else",
            "Personio hands out only the attributes that are ticked here: first, last and preferred name, "
            "e-mail, status, position, department, team, office, subcompany, supervisor, hire date and last "
            "working day.",
        ),
        Step(
            "Copy both values here",
            "The client secret is shown once, together with the client ID. If it is gone, generate new "
            "credentials.",
        ),
        checklists.IF_ASKED,
    ),
    prerequisites=(
        "An administrator of Personio can generate API credentials.",
        "They may read name, e-mail, status, position, department, office, supervisor and hire date.",
    ),
    docs_url="https://developer.personio.de/",
    verified_on=day(2026, 11, 21),
)
