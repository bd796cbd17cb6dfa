"""BambooHR, read through the employee dataset with an API key (hris-apis.md 1.2)."""

from datetime import date as day

from integrations import checklists
from integrations.checklists import credential
from integrations.people import Status
from integrations.provider import Kind, Provider
from integrations.providers._bamboohr_guide import BY_APP, BY_KEY, GUIDE, METHODS
from integrations.sources.asking import Ask, Named
from integrations.sources.auth import Basic, Either, Refreshed
from integrations.sources.changes import SinceByIds
from integrations.sources.custom import Listed
from integrations.sources.fields import At, Clean, First, Words, date, email, key, text
from integrations.sources.pages import PageNumber
from integrations.sources.rest import Listing, RestSource

_NAMES = {
    "employee_number": "employeeNumber",
    "first_name": "firstName",
    "last_name": "lastName",
    "preferred_name": "preferredName",
    "work_email": "workEmail",
    "personal_email": "homeEmail",
    "job_title": "jobTitle",
    "department": "department",
    "business_unit": "division",
    "location": "location",
    "manager_id": "supervisorEId",
    "hired_on": "hireDate",
    "left_on": "terminationDate",
    "employment_type": "employmentHistoryStatus",
}
_CLEAN = {
    **{"employee_number": key, "manager_id": key, "hired_on": date, "left_on": date},
    **{"work_email": email, "personal_email": email},
}


def _at(name: str, clean: Clean = text) -> First:
    """A row has its values in `fields` by the vendor's specification, and flat in its examples."""
    return First(At(f"fields.{name}", clean), At(name, clean))


_SOURCE = RestSource(
    system="BambooHR",
    base_url="https://{subdomain}.bamboohr.com/api",
    auth=Either(
        "refresh_token",
        Refreshed("https://{subdomain}.bamboohr.com/token.php?request=token"),
        Basic("{api_key}", "x"),
    ),
    people=Listing(
        Ask("/v2/datasets/employee/data", "POST"),
        people="data",
        pages=PageNumber(next="links.next", size=500, in_body=True, total="meta.totalItems"),
    ),
    check_ask=Ask("/v1/meta/fields"),
    id=_at("employeeId", key),
    status=Words(_at("status"), {"Active": Status.ACTIVE, "Inactive": Status.TERMINATED}),
    future_hires=frozenset({Status.ACTIVE, Status.TERMINATED}),  # inactive until the first day
    fields={field: _at(name, _CLEAN.get(field, text)) for field, name in _NAMES.items()},
    custom=Listed(
        Ask("/v1/meta/fields"),
        at="",
        only=r"custom\w*",
        adds="body:fields",
        key="alias",
        label="name",
        also=("type",),
        place="fields",
    ),
    named=Named("body:fields", "employeeId status", _NAMES),
    sentences={
        "wrong_credentials": "BambooHR does not accept this API key. Create a new one under your name, "
        "API keys, and paste it here.",
        "missing_right": "The person who made this API key may not see all employees. Have an administrator "
        "make the key.",
        "not_found": "BambooHR has no company at this subdomain. It is the word before .bamboohr.com.",
    },
)

_CHANGES = SinceByIds(
    _SOURCE,
    Ask("/v1/employees/changed"),
    at="employees",
    name="since",
    listing=_SOURCE.people,
    filter="employeeId in ({ids})",
    gone="Deleted",
)

PROVIDER = Provider(
    slug="bamboohr",
    name="BambooHR",
    kind=Kind.HRIS,
    items=(
        *checklists.hris_items("BambooHR", both_addresses=True),
        *checklists.CONSENT_OPTIONAL,
        checklists.access_method("BambooHR", METHODS),
    ),
    credentials=(
        credential(
            "subdomain",
            "Subdomain",
            "The word before .bamboohr.com in the address you sign in at.",
            secret=False,
        ),
        credential(
            "api_key",
            "API key",
            "Click your name at the lower left, then API keys. The key sees what its maker sees, so an "
            "administrator should make it.",
            required=BY_KEY,
        ),
        credential("client_id", "Client ID", "On the page of your app.", secret=False, required=BY_APP),
        credential("client_secret", "Client secret", "Beside the client ID.", required=BY_APP),
        credential(
            "refresh_token",
            "Refresh token",
            "What the app got when an administrator agreed to it, scope offline_access included.",
            required=BY_APP,
        ),
    ),
    source=_SOURCE,
    incremental=_CHANGES,
    methods=METHODS,
    mapping={
        "first_name": "first_name",
        "last_name": "last_name",
        "email": "work_email",
        "job_title": "job_title",
        "department": "department",
        "location": "location",
        "employee_number": "employee_number",
        "manager_id": "manager_id",
        "hired_on": "hired_on",
    },
    guide=GUIDE,
    prerequisites=("An administrator of BambooHR can create an API key.",),
    version=2,
    docs_url="https://documentation.bamboohr.com/docs",
    verified_on=day(2026, 11, 21),
)
