"""Personio v1 (hris-apis.md 1.3): token from id and secret, labelled values, offset with a total."""

import re
from datetime import UTC, date, datetime
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from portal.sandbox.company import Person, Status
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.names import BUSINESS_UNITS, DEPARTMENTS, LOCATIONS
from portal.sandbox.staff import Population
from portal.sandbox.vendors.base import Vendor, bearer, body, json_response, rules, whole

MAX_PAGE: Final = 100
_FIRST_ID: Final = 501
_DEFAULT_PAGE: Final = 50
_STATUS: Final = {
    Status.ACTIVE: "active",
    Status.LEAVE: "leave",
    Status.PREHIRE: "onboarding",
    Status.TERMINATED: "inactive",
}

# Attribute -> (label, type). Custom attributes are `dynamic_<n>`; only their label tells what they are.
_ATTRIBUTES: Final[dict[str, tuple[str, str]]] = {
    "id": ("ID", "integer"),
    "first_name": ("First name", "standard"),
    "last_name": ("Last name", "standard"),
    "preferred_name": ("Name (preferred)", "standard"),
    "email": ("Email", "standard"),
    "gender": ("Gender", "standard"),
    "status": ("Status", "standard"),
    "position": ("Position", "standard"),
    "supervisor": ("Supervisor", "standard"),
    "employment_type": ("Employment type", "standard"),
    "hire_date": ("Hire date", "date"),
    "contract_end_date": ("Contract ends", "date"),
    "termination_date": ("Termination date", "date"),
    "last_working_day": ("Last day of work", "date"),
    "last_modified_at": ("Last modified", "date"),
    "subcompany": ("Subcompany", "standard"),
    "office": ("Office", "standard"),
    "department": ("Department", "standard"),
    "team": ("Team", "standard"),
    "cost_centers": ("Cost center", "standard"),
    "fix_salary": ("Fix salary", "decimal"),
    "dynamic_991": ("Personal e-mail", "standard"),
    "dynamic_992": ("Personnel number", "standard"),
    "dynamic_993": ("Birthday", "date"),
    "dynamic_994": ("Social security number", "standard"),
    "dynamic_995": ("Marital status", "list"),
    "dynamic_996": ("Home address", "standard"),
    "dynamic_997": ("T-shirt size", "list"),
    "dynamic_998": ("Cost centre", "standard"),
    "dynamic_999": ("Konto für Spesen", "standard"),
    "dynamic_1000": ("Konfession", "list"),
    "dynamic_1001": ("Staatsangehörigkeit", "list"),
    "dynamic_1002": ("Language skills", "tags"),
    "dynamic_1003": ("Payee reference", "standard"),
}
# What Personio itself knows some custom attributes to be.
_KNOWN_AS: Final = {"dynamic_1003": "iban"}


class Personio(Vendor):
    """api.personio.de."""

    slug = "personio"
    hosts = re.compile(r"api\.personio\.de")
    sign_in = ("/v1/auth",)
    token_lifetime = 86_400.0
    urls = rules(
        ("POST", "/v1/auth", "auth"),
        ("GET", "/v1/company/employees", "employees"),
        ("GET", "/v1/company/employees/attributes", "attributes"),
        ("GET", "/v1/company/employees/<int:number>", "one_employee"),
    )

    def admit(self, request: Request, view: str) -> Response | None:
        """Everything but the token call needs the bearer token."""
        if view != "auth" and not self.token_ok(bearer(request).removeprefix("papi-")):
            return self.error(401, "Unauthorized")
        return None

    def error(self, status: int, message: str) -> Response:
        """Personio's `{success: false, error}`."""
        return json_response({"success": False, "error": {"code": status, "message": message}}, status)

    def auth(self, request: Request) -> Response:
        """Exchange id and secret (JSON or form) for a token of 24 hours."""
        given = body(request) if request.is_json else request.form
        known = CREDENTIALS[self.slug]
        if not given or not all(isinstance(given.get(name), str) for name in known):
            return self.error(400, "client_id and client_secret are required")
        if {name: given[name] for name in known} != known:
            return self.error(403, "Wrong credentials")
        data = {"token": f"papi-{self.new_token()}", "expires_in": 86_400, "scope": "employees:read"}
        return json_response({"success": True, "data": data})

    def employees(self, request: Request) -> Response:
        """One page. With `updated_since` the paging parameters are ignored and every change comes at once."""
        limit = whole(request.args.get("limit"), _DEFAULT_PAGE)
        offset = whole(request.args.get("offset"), 0)
        if limit < 1 or offset < 0:
            return self.error(400, "limit must be at least 1 and offset must not be negative")
        limit = min(limit, MAX_PAGE)
        if since := request.args.get("updated_since"):
            day = _day(since)
            if day is None:
                return self.error(400, "updated_since must be a date or an ISO 8601 instant")
            people = [person for person in self.world.people() if person.updated_on >= day]
            limit, offset, total = max(len(people), 1), 0, len(people)
        elif address := request.args.get("email"):
            people = [person for person in self.world.people() if person.work_email == address]
            people, total = people[offset : offset + limit], len(people)
        else:
            page = self.page(request, Population.EVERYONE, offset, limit)
            people, total = page.people, page.total
        metadata = {
            "total_elements": total,
            "current_page": offset // limit,
            "total_pages": -(-total // limit),
        }
        data = [self._employee(request, person) for person in people]
        paging = {"metadata": metadata, "offset": offset, "limit": limit}
        return json_response({"success": True, **paging, "data": data})

    def one_employee(self, request: Request, number: int) -> Response:
        """A single person."""
        try:
            person = self.world.person(number - _FIRST_ID)
        except LookupError:
            return self.error(404, "Employee not found")
        return json_response({"success": True, "data": self._employee(request, person)})

    def attributes(self, request: Request) -> Response:
        """What the credential may read, custom attributes included."""
        found: list[dict[str, Any]] = [
            {"key": key, "label": label, "type": kind, "universal_id": _universal(key), "options": []}
            for key, (label, kind) in _ATTRIBUTES.items()
            if key not in self.world.knobs.personio_hidden
        ]
        return json_response({"success": True, "data": found})

    def _employee(self, request: Request, person: Person) -> dict[str, Any]:
        asked = request.args.getlist("attributes[]")
        hidden = self.world.knobs.personio_hidden
        values = _values(person)
        wanted = ["id", *(key for key in asked if key != "id")] if asked else list(_ATTRIBUTES)
        attributes = {
            key: _labelled(key, values[key]) for key in wanted if key in values and key not in hidden
        }
        return {"type": "Employee", "attributes": attributes}


def _labelled(key: str, value: object) -> dict[str, Any]:
    label, kind = _ATTRIBUTES[key]
    extra = {"currency": "EUR"} if key == "fix_salary" else {}
    return {"label": label, "value": value, "type": kind, "universal_id": _universal(key), **extra}


def _universal(key: str) -> str | None:
    return _KNOWN_AS.get(key) if key.startswith("dynamic_") else key


def _values(person: Person) -> dict[str, Any]:
    ended = _instant(person.terminated_on)
    department = [known.name for known in DEPARTMENTS].index(person.department)
    return {
        "id": _FIRST_ID + person.index,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "preferred_name": person.preferred_name or None,
        "email": person.work_email or None,
        "gender": person.private.gender.lower(),
        "status": _STATUS[person.status],
        "position": person.job_title,
        "supervisor": _supervisor(person),
        "employment_type": "internal",
        "hire_date": _instant(person.rehired_on or person.hired_on),
        "contract_end_date": None,
        "termination_date": ended,
        "last_working_day": ended,
        "last_modified_at": _instant(person.updated_on),
        "subcompany": _relation("Subcompany", 7033, "Riverside Community Health"),
        "office": _relation("Office", 1 + LOCATIONS.index(person.location), person.location.name),
        "department": _relation("Department", 7 + department, person.department),
        "team": _relation("Team", 30 + BUSINESS_UNITS.index(person.business_unit), person.business_unit),
        "cost_centers": [_relation("CostCenter", 82_957, "Clinical", percentage=100)],
        "fix_salary": person.private.salary,
        "dynamic_991": person.personal_email,
        "dynamic_992": person.employee_number,
        "dynamic_993": person.private.birth_date.isoformat(),
        "dynamic_994": person.private.ssn,
        "dynamic_995": person.private.marital_status,
        "dynamic_996": person.private.home_address,
        "dynamic_997": person.shirt_size,
        "dynamic_998": person.cost_center,
        "dynamic_999": person.private.iban,
        "dynamic_1000": person.private.religion,
        "dynamic_1001": person.private.nationality,
        "dynamic_1002": ["English", "Spanish"],
        "dynamic_1003": person.private.iban,
    }


def _relation(kind: str, number: int, name: str, **extra: object) -> dict[str, Any]:
    """A related object; its attributes are plain, unlike a supervisor's."""
    return {"type": kind, "attributes": {"id": number, "name": name, **extra}}


def _supervisor(person: Person) -> dict[str, Any] | None:
    if person.manager is None:
        return None
    return {"type": "Employee", "attributes": {"id": _labelled("id", _FIRST_ID + person.manager)}}


def _instant(day: date | None) -> str | None:
    return f"{day.isoformat()}T00:00:00+00:00" if day else None


def _day(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).date()
    except ValueError:
        return None
