"""How ADP words one worker (hris-apis.md 1.1), with the traps of its own samples."""

from typing import Any, Final

from portal.sandbox.company import Person, Status
from portal.sandbox.names import BUSINESS_UNITS, DEPARTMENTS

_WORKER_STATUS: Final = {Status.TERMINATED: "Terminated"}
_ASSIGNMENT: Final = {
    Status.ACTIVE: {"codeValue": "A", "shortName": "Active"},
    Status.PREHIRE: {"codeValue": "A", "shortName": "Active"},
    Status.LEAVE: {"codeValue": "L", "longName": "Leave of Absence"},
    Status.TERMINATED: {"codeValue": "T", "shortName": "Terminated"},
}


def worker(
    person: Person, *, masked: bool = True, manager: Person | None = None, custom: bool = True
) -> dict[str, Any]:
    """One element of `workers`, traps included: labels in shortName, longName or neither, primary not first.

    `masked=False` gives the full SSN, as ADP does for `Accept: application/json;masked=false`. `custom` adds the
    fields that this customer made.
    """
    assignments = [_assignment(person, primary=True)]
    if manager is not None:
        assignments[0]["reportsTo"] = [_reports_to(manager)]
    if person.index % 61 == 7:
        assignments.insert(0, _former_assignment(person))
    data: dict[str, Any] = {
        "associateOID": person.adp_id,
        "workerID": {"idValue": person.employee_number},
        "person": _person(person, masked=masked),
        "workerDates": {"originalHireDate": person.hired_on.isoformat()},
        "workerStatus": {"statusCode": {"codeValue": _WORKER_STATUS.get(person.status, "Active")}},
        "workAssignments": assignments,
    }
    if custom:
        data["customFieldGroup"] = _custom(person)
    if person.preferred_name:
        data["person"]["preferredName"] = {"givenName": person.preferred_name}
    if person.work_email:
        data["businessCommunication"] = {"emails": [_email("Work E-mail", person.work_email)]}
    if person.rehired_on:
        data["workerDates"]["rehireDate"] = person.rehired_on.isoformat()
    if person.terminated_on:
        data["workerDates"]["terminationDate"] = person.terminated_on.isoformat()
    return data


def _person(person: Person, *, masked: bool) -> dict[str, Any]:
    """Who it is, with all that ADP knows and nobody else should."""
    private = person.private
    return {
        "governmentIDs": [{"idValue": f"XXX-XX-{private.ssn[-4:]}" if masked else private.ssn}],
        "legalName": {
            "givenName": person.first_name,
            "familyName1": person.last_name,
            "formattedName": f"{person.last_name}, {person.first_name}",
        },
        "birthDate": private.birth_date.isoformat(),
        "genderCode": {"codeValue": private.gender[0], "longName": private.gender},
        "maritalStatusCode": {
            "codeValue": private.marital_status[0],
            "shortName": private.marital_status,
        },
        "legalAddress": {"lineOne": private.home_address, "cityName": person.location.city},
        "birthPlace": {"cityName": private.birth_place},
        "ethnicityCode": {"codeValue": private.ethnicity},
        "religionCode": {"codeValue": private.religion},
        "citizenshipCountryCodes": [{"codeValue": private.nationality}],
        "disabilityTypeCodes": [{"codeValue": private.disability}],
        "passports": [{"passportID": {"idValue": private.passport}}],
        "communication": {
            "emails": [_email("Personal E-mail", person.personal_email)],
            "mobiles": [{"formattedNumber": private.home_phone}],
        },
    }


def _assignment(person: Person, *, primary: bool) -> dict[str, Any]:
    place = person.location
    data: dict[str, Any] = {
        "itemID": f"{person.index}A",
        "primaryIndicator": primary,
        "hireDate": (person.rehired_on or person.hired_on).isoformat(),
        "assignmentStatus": {"statusCode": _ASSIGNMENT[person.status]},
        "jobCode": _code("JC" + person.job_title[:3].upper(), person.job_title, person.index),
        "jobTitle": person.job_title,
        "positionID": f"RC{person.index:07d}",
        "homeWorkLocation": {
            "nameCode": _code(place.code, place.name, person.index + 1),
            "address": {"lineOne": place.street, "cityName": place.city, "countryCode": place.country},
        },
        "homeOrganizationalUnits": _units(person),
        "baseRemuneration": {
            "annualRateAmount": {"amountValue": person.private.salary, "currencyCode": "USD"}
        },
        "laborUnion": {"laborUnionCode": {"codeValue": person.private.union}},
    }
    if person.terminated_on:
        data["terminationDate"] = person.terminated_on.isoformat()
    return data


def _custom(person: Person) -> dict[str, Any]:
    """What this customer added, harmless and not; every list of ADP's groups names its entries."""
    private = person.private
    return {
        "stringFields": [
            {"nameCode": {"codeValue": "Cost Center"}, "stringValue": person.cost_center},
            {"nameCode": {"codeValue": "IBAN"}, "stringValue": private.iban},
            {"nameCode": {"codeValue": "X7", "shortName": "Religion"}, "stringValue": private.religion},
        ],
        "codeFields": [
            {
                "nameCode": {"codeValue": "T-Shirt Size"},
                "codeValue": "S1",
                "shortName": person.shirt_size,
            },
            {"nameCode": {"codeValue": "Ethnic group"}, "codeValue": private.ethnicity},
        ],
        "dateFields": [
            {"nameCode": {"codeValue": "Date of Birth"}, "dateValue": private.birth_date.isoformat()}
        ],
        "numberFields": [{"nameCode": {"codeValue": "Annual salary"}, "numberValue": private.salary}],
    }


def _former_assignment(person: Person) -> dict[str, Any]:
    """An ended assignment, listed before the primary one."""
    department = DEPARTMENTS[person.index % len(DEPARTMENTS)]
    return {
        **_assignment(person, primary=False),
        "itemID": f"{person.index}B",
        "assignmentStatus": {"statusCode": _ASSIGNMENT[Status.TERMINATED]},
        "jobCode": {"codeValue": "JCTRN", "longName": "Trainee, earlier position"},
        "jobTitle": "Trainee",
        "homeOrganizationalUnits": [
            {
                "typeCode": {"codeValue": "Department"},
                "nameCode": {"codeValue": department.code, "shortName": department.name},
            }
        ],
    }


def _units(person: Person) -> list[dict[str, Any]]:
    code = next(known.code for known in DEPARTMENTS if known.name == person.department)
    unit = f"BU{BUSINESS_UNITS.index(person.business_unit) + 1}"
    return [
        {
            "typeCode": {"codeValue": "Business Unit"},
            "nameCode": {"codeValue": unit, "shortName": person.business_unit},
        },
        {"typeCode": {"codeValue": "Department"}, "nameCode": _code(code, person.department, person.index)},
    ]


def _code(code: str, label: str, turn: int) -> dict[str, str]:
    """A code object: shortName for most, longName for some, and now and then the bare code value."""
    if turn % 83 == 5:
        return {"codeValue": label}
    return {"codeValue": code, "longName" if turn % 9 == 3 else "shortName": label}


def _email(kind: str, address: str) -> dict[str, Any]:
    return {"nameCode": {"codeValue": kind}, "emailUri": address}


def _reports_to(manager: Person) -> dict[str, Any]:
    name = f"{manager.last_name}, {manager.first_name}"
    return {"associateOID": manager.adp_id, "reportsToWorkerName": {"formattedName": name}}
