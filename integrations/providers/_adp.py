"""What the products of ADP share: API Central, one host, the same list of workers (hris-apis.md 1.1).

That TotalSource and Comprehensive Services answer like Workforce Now is the procedure's word, not ADP's.
"""

from datetime import date as day

from integrations import checklists
from integrations.checklists import credential
from integrations.people import Status
from integrations.provider import Kind, Provider
from integrations.providers._adp_guide import GUIDE, PREREQUISITES, QUESTIONS
from integrations.sources.asking import Ask, Named
from integrations.sources.auth import Certificate, ClientCredentials
from integrations.sources.custom import Grouped
from integrations.sources.fields import At, First, Label, Where, Words, date, email, key
from integrations.sources.pages import SkipTop
from integrations.sources.rest import Listing, RestSource

_WORKERS = "/hr/v2/workers"
_JOB = "workAssignments[primaryIndicator]"
_UNITS = f"{_JOB}.homeOrganizationalUnits"
_AT = "workAssignments/homeWorkLocation"
# By name, so that pay, birth dates and ids never leave ADP; masking stays on. Custom fields are cut on arrival.
_NAMED = Named(
    "$select,",
    always="associateOID workerStatus workAssignments/primaryIndicator workAssignments/assignmentStatus",
    of={
        "employee_number": "workerID",
        "first_name": "person/legalName",
        "last_name": "person/legalName",
        "preferred_name": "person/preferredName",
        "work_email": "businessCommunication/emails",
        "personal_email": "person/communication/emails",
        "department": "workAssignments/homeOrganizationalUnits",
        "business_unit": "workAssignments/homeOrganizationalUnits",
        "home_work_location": f"{_AT}/nameCode",
        "city": f"{_AT}/address/cityName",
        "country": f"{_AT}/address/countryCode",
        "first_position": "workAssignments/jobCode",
        "primary_position": "workAssignments/jobCode",
        "current_title": "workAssignments/jobTitle",
        "manager_id": "workAssignments/reportsTo",
        "hired_on": "workerDates/originalHireDate workerDates/rehireDate",
    },
    custom="customFieldGroup",
    root="workers/",
)

_SOURCE = RestSource(
    system="ADP",
    base_url="https://api.adp.com",
    auth=ClientCredentials("https://accounts.adp.com/auth/oauth/v2/token", certificate=Certificate()),
    people=Listing(
        Ask(_WORKERS, query=(("count", "true"),)),
        people="workers",
        pages=SkipTop(size=100, total="meta.totalNumber"),
    ),
    check_ask=Ask(_WORKERS, query=(("$top", "1"), ("$select", "workers/associateOID"))),
    id=At("associateOID", key),
    status=Words(
        At("workerStatus.statusCode.codeValue"),
        {"Active": Status.ACTIVE, "Inactive": Status.TERMINATED, "Terminated": Status.TERMINATED},
        detail=Words(
            At(f"{_JOB}.assignmentStatus.statusCode.codeValue"),
            {"A": Status.ACTIVE, "L": Status.LEAVE, "T": Status.TERMINATED, "D": Status.TERMINATED},
        ),
    ),
    custom=Grouped("customFieldGroup"),
    named=_NAMED,
    future_hires=frozenset({Status.ACTIVE}),  # ADP calls them active before their first day
    fields={
        "employee_number": At("workerID.idValue", key),
        "first_name": At("person.legalName.givenName"),
        "last_name": At("person.legalName.familyName1"),
        "preferred_name": At("person.preferredName.givenName"),
        "work_email": At("businessCommunication.emails[0].emailUri", email),
        "personal_email": At("person.communication.emails[0].emailUri", email),
        "department": Where(_UNITS, "typeCode.codeValue", "Department", Label("nameCode")),
        "business_unit": Where(_UNITS, "typeCode.codeValue", "Business Unit", Label("nameCode")),
        "home_work_location": Label(f"{_JOB}.homeWorkLocation.nameCode"),
        "city": At(f"{_JOB}.homeWorkLocation.address.cityName"),
        "country": At(f"{_JOB}.homeWorkLocation.address.countryCode"),
        "first_position": Label("workAssignments[0].jobCode"),
        "primary_position": Label(f"{_JOB}.jobCode"),
        "current_title": At(f"{_JOB}.jobTitle"),
        "manager_id": At(f"{_JOB}.reportsTo[0].associateOID", key),
        "hired_on": First(At("workerDates.rehireDate", date), At("workerDates.originalHireDate", date)),
    },
    sentences={
        "wrong_credentials": "ADP does not accept the client ID and secret. Copy both again from API Central "
        "and check that they belong to the project of the certificate.",
        "missing_right": "ADP does not let this project read workers. In API Central, add the API for worker "
        "information to the project and accept the consent.",
    },
)
_MAPPING = {
    **{name: name for name in ("first_name", "last_name", "department", "city", "country")},
    **{name: name for name in ("employee_number", "manager_id", "hired_on")},
    "email": "work_email",
    "job_title": "primary_position",
    "location": "home_work_location",
}
_CREDENTIALS = (
    credential("client_id", "Client ID", "In API Central, on your project's page.", secret=False),
    credential("client_secret", "Client secret", "In API Central, next to the client ID."),
    credential(
        "certificate",
        "Certificate",
        "What ADP made of your signing request, from BEGIN CERTIFICATE to END CERTIFICATE.",
        multiline=True,
    ),
    credential(
        "private_key",
        "Private key",
        "The key that the signing request was made with, from BEGIN PRIVATE KEY to END PRIVATE KEY.",
        multiline=True,
    ),
    credential("passphrase", "Passphrase", "Only if the key is protected by one.", optional=True),
)


def adp(slug: str, product: str) -> Provider:
    """The card of one ADP product."""
    return Provider(
        slug=slug,
        name=product,
        kind=Kind.HRIS,
        items=(*checklists.hris_items(product, both_addresses=True), *QUESTIONS),
        credentials=_CREDENTIALS,
        source=_SOURCE,
        mapping=_MAPPING,
        prerequisites=PREREQUISITES,
        guide=GUIDE,
        docs_url="https://developers.adp.com/",
        verified_on=day(2026, 11, 21),
    )
