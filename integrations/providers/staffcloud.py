"""StaffCloud: flexible staff, one e-mail each, everybody in one answer (hris-apis.md 1.7)."""

from datetime import date as day

from integrations import checklists
from integrations.checklists import credential
from integrations.people import EVENT_FIELD, Status
from integrations.provider import Kind, Provider, Step
from integrations.sources.asking import Ask, Named
from integrations.sources.auth import Bearer
from integrations.sources.custom import Listed
from integrations.sources.events import EventGroups
from integrations.sources.fields import At, First, Words, date, email, key
from integrations.sources.rest import Listing, RestSource

# 4 active, 5 inactive, 6 deleted; applicants and candidates (0 to 3) are not asked for.
_PEOPLE = Ask("/employees", query=(("status", "4,5,6"),))

_SOURCE = RestSource(
    system="StaffCloud",
    base_url="https://{tenant}.staff.cloud/api/v1",
    auth=Bearer("{token}"),
    people=Listing(_PEOPLE, people=""),
    check_ask=Ask("/settings"),
    id=At("id", key),
    status=Words(
        At("status"),
        {
            "0": Status.PREHIRE,
            "1": Status.PREHIRE,
            "2": Status.PREHIRE,
            "3": Status.PREHIRE,
            "4": Status.ACTIVE,
            "5": Status.TERMINATED,
            "6": Status.TERMINATED,
        },
    ),
    fields={
        "first_name": At("firstname"),
        "last_name": At("lastname"),
        "personal_email": At("email", email),
    },
    # The numbers of /attributes are those of dynamic_field_N as far as one client shows; without it there are none.
    custom=Listed(
        Ask("/attributes"),
        at="",
        only=r"dynamic_field_\d+",
        adds="fields,",
        key="id",
        label="name",
        template="dynamic_field_{}",
    ),
    named=Named(
        "fields,",
        "id status",
        {"first_name": "firstname", "last_name": "lastname", "personal_email": "email"},
    ),
    sentences={
        "wrong_credentials": "StaffCloud does not accept this token. Copy it again from Settings, API, "
        "Security token.",
        "missing_right": "This token may not read employees, events and assignments. Have an administrator of "
        "StaffCloud make it.",
        "refused": "StaffCloud does not understand this token. Copy the whole token again, without the word "
        "Bearer in front.",
        "not_found": "StaffCloud has no tenant of this name. It is the word before .staff.cloud.",
    },
)

# Event 2 is active, 5 aborted; of the assignments only 7, confirmed, counts.
_EVENTS = EventGroups(
    _SOURCE,
    events=Listing(
        Ask("/events", query=(("status", "2"), ("fields", "id,name,status,start,end"))), people=""
    ),
    event_id=At("id", key),
    name=At("name"),
    ends=First(At("end", date), At("start", date)),
    is_on=("status", "2"),
    assignments=Listing(
        Ask("/assignments", query=(("status", "7"), ("fields", "id,employee_id,event_id,status"))), people=""
    ),
    chosen="event_id",
    person=At("employee_id", key),
    event=At("event_id", key),
    is_confirmed=("status", "7"),
)

PROVIDER = Provider(
    slug="staffcloud",
    name="StaffCloud",
    kind=Kind.HRIS,
    items=(
        *checklists.hris_items("StaffCloud", both_addresses=False),
        *checklists.CONSENT_OPTIONAL,
    ),
    credentials=(
        credential(
            "tenant",
            "API tenant",
            "The word before .staff.cloud in the address you sign in at.",
            secret=False,
        ),
        credential("token", "Bearer token", "Settings, API, Security token."),
    ),
    source=_SOURCE,
    mapping={"first_name": "first_name", "last_name": "last_name", "email": "personal_email"},
    events=_EVENTS,
    filter={"include": [[{"field": EVENT_FIELD, "op": "present", "values": []}]]},
    # Whoever has no event any more is skipped, not deactivated.
    policy={"outside": "keep", "group_by": "event", "invites": True},
    schedule=("02:00", "14:00"),
    guide=(
        Step(
            "Note the API tenant",
            "Look at the address of the page: the word before .staff.cloud is your API tenant.",
        ),
        Step("Make a token", "As an administrator open Settings, API, Security token."),
        Step(
            "Copy the token here",
            "Copy all of it, without the word Bearer in front.",
        ),
        checklists.IF_ASKED,
    ),
    prerequisites=("An administrator of StaffCloud can create a security token.",),
    docs_url="https://www.staff.cloud/",
    verified_on=day(2026, 11, 21),
)
