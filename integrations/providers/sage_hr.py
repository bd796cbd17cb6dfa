"""Sage HR: active people in one list, leavers in another (hris-apis.md 1.5)."""

from datetime import date as day

from integrations import checklists
from integrations.checklists import credential
from integrations.people import Status
from integrations.provider import Kind, Provider, Step
from integrations.sources.asking import Ask
from integrations.sources.auth import HeaderKey
from integrations.sources.fields import At, Words, date, email, key
from integrations.sources.pages import PageNumber
from integrations.sources.rest import LIST, Listing, RestSource

_PAGES = PageNumber(next="meta.next_page", total="meta.total_entries")

# The answers always carry birth dates, genders and home addresses, and there is no way to ask for less. Fields
# that customers made need one more question per person, so they are not read.
_SOURCE = RestSource(
    system="Sage HR",
    base_url="https://{subdomain}.sage.hr/api",
    auth=HeaderKey("X-Auth-Token", "{api_key}"),
    people=Listing(Ask("/employees"), people="data", pages=_PAGES, stamp="employed"),
    then=(Listing(Ask("/terminated-employees"), people="data", pages=_PAGES, stamp="left"),),
    check_ask=Ask("/employees", query=(("page", "1"),)),
    id=At("id", key),
    status=Words(At(LIST), {"employed": Status.ACTIVE, "left": Status.TERMINATED}),
    fields={
        "employee_number": At("employee_number", key),
        "first_name": At("first_name"),
        "last_name": At("last_name"),
        "work_email": At("email", email),
        "work_phone": At("work_phone"),
        "job_title": At("position"),
        "team": At("team"),
        "employment_type": At("employment_status"),
        "manager_id": At("reports_to_employee_id", key),
        "hired_on": At("employment_start_date", date),
    },
    private=frozenset({"city", "country"}),  # of the home; there is no place of work
    sentences={
        "wrong_credentials": "Sage HR does not accept this API key. It changes when API access is switched "
        "off and on, and dies when its owner stops being an administrator. Copy it again.",
        "missing_right": "The owner of this API key may not see all employees. Have an administrator make the key.",
        "not_found": "Sage HR has no company at this subdomain. It is the word before .sage.hr.",
    },
)

PROVIDER = Provider(
    slug="sage_hr",
    name="Sage HR",
    kind=Kind.HRIS,
    items=(
        *checklists.hris_items("Sage HR", both_addresses=False),
        *checklists.CONSENT_OPTIONAL,
    ),
    credentials=(
        credential(
            "subdomain",
            "Subdomain",
            "The word before .sage.hr in the address you sign in at.",
            secret=False,
        ),
        credential(
            "api_key", "API key", "Settings, Integrations, API. Switch API access on and copy the key."
        ),
    ),
    source=_SOURCE,
    mapping={
        "first_name": "first_name",
        "last_name": "last_name",
        "email": "work_email",
        "phone": "work_phone",
        "job_title": "job_title",
        "department": "team",
        "employee_number": "employee_number",
        "manager_id": "manager_id",
        "hired_on": "hired_on",
    },
    guide=(
        Step(
            "Note the subdomain",
            "Look at the address of the page: the word before .sage.hr is your subdomain.",
        ),
        Step(
            "Switch API access on",
            "As an administrator open Settings, Integrations, API. Leave the switch alone afterwards: off and "
            "on again makes a new key, and the old one stops working.",
        ),
        Step(
            "Copy the key here",
            "The key belongs to the administrator who made it and ends when they are no longer one. Take an "
            "account that will stay.",
        ),
        checklists.IF_ASKED,
    ),
    prerequisites=("An administrator of Sage HR can switch API access on.",),
    docs_url="https://support.sage.hr/",
    verified_on=day(2026, 11, 21),
)
