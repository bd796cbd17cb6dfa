"""BambooHR (hris-apis.md 1.2): API key as Basic user, dataset v2 with page/pageSize, reasons in a header.

The vendor's own description wraps each row of a dataset in `fields`; its values are all text.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from portal.sandbox.company import Person, Status
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.staff import Population
from portal.sandbox.vendors.base import Vendor, basic, bearer, body, json_response, oauth_error, rules

_FIRST_ID: Final = 101
_UNSET_DATE: Final = "0000-00-00"
_REASON: Final = "X-BambooHR-Error-Message"

# Alias -> (display name, type, value). The order is that of /meta/fields.
FIELDS: Final[dict[str, tuple[str, str, Callable[[Person], str]]]] = {
    "employeeId": ("Employee ID", "text", lambda p: str(_FIRST_ID + p.index)),
    "employeeNumber": ("Employee #", "employee_number", lambda p: p.employee_number),
    "firstName": ("First Name", "text", lambda p: p.first_name),
    "lastName": ("Last Name", "text", lambda p: p.last_name),
    "preferredName": ("Preferred Name", "text", lambda p: p.preferred_name),
    "displayName": ("Display name", "text", lambda p: f"{p.preferred_name or p.first_name} {p.last_name}"),
    "workEmail": ("Work Email", "email", lambda p: p.work_email),
    "homeEmail": ("Home Email", "email", lambda p: p.personal_email),
    "status": ("Status", "status", lambda p: _status(p)),
    "employmentHistoryStatus": ("Employment Status", "list", lambda p: _employment(p)),
    "hireDate": ("Hire Date", "date", lambda p: (p.rehired_on or p.hired_on).isoformat()),
    "terminationDate": ("Termination Date", "date", lambda p: _date(p)),
    "department": ("Department", "list", lambda p: p.department),
    "division": ("Division", "list", lambda p: p.business_unit),
    "location": ("Location", "list", lambda p: p.location.name),
    "jobTitle": ("Job Title", "list", lambda p: p.job_title),
    "supervisorEId": ("Supervisor EID", "text", lambda p: _supervisor(p)),
    "city": ("City", "text", lambda p: p.location.city),
    "country": ("Country", "country", lambda p: "United States"),
    "ssn": ("SSN", "ssn", lambda p: p.private.ssn),
    "dateOfBirth": ("Birth Date", "date", lambda p: p.private.birth_date.isoformat()),
    "gender": ("Gender", "gender", lambda p: p.private.gender),
    "maritalStatus": ("Marital Status", "marital_status", lambda p: p.private.marital_status),
    "address1": ("Address Line 1", "text", lambda p: p.private.home_address),
    "payRate": ("Pay rate", "currency", lambda p: f"{p.private.salary:.2f} USD"),
    "ethnicity": ("Ethnicity", "list", lambda p: p.private.ethnicity),
    "nationality": ("Nationality", "list", lambda p: p.private.nationality),
    "homePhone": ("Home Phone", "phone", lambda p: p.private.home_phone),
    "customCostCenter": ("Cost Center", "list", lambda p: p.cost_center),
    "customTShirtSize": ("T-Shirt Size", "list", lambda p: p.shirt_size),
    "customField7": ("Religion", "text", lambda p: p.private.religion),
    "customIBAN": ("Account for expenses", "text", lambda p: p.private.iban),
    "customPassportNumber": ("Passport Number", "text", lambda p: p.private.passport),
    "customTaxpayer": ("Registered as", "ssn", lambda p: p.private.ssn),
}
_DIRECTORY: Final = (
    *("displayName", "firstName", "lastName", "preferredName", "jobTitle", "workEmail"),
    *("department", "location", "division"),
)
_CLAUSE: Final = re.compile(
    r"\s*(?P<field>\w+)\s+(?:(?P<op>eq|ne|lt|le|gt|ge)\s+'(?P<value>[^']*)'"
    r"|in\s*\((?P<values>\s*'[^']*'\s*(?:,\s*'[^']*'\s*)*)\))\s*"
)
_COMPARE: Final[dict[str, Callable[[str, str], bool]]] = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
}  # fmt: skip


class BambooHr(Vendor):
    """{sub}.bamboohr.com."""

    slug = "bamboohr"
    hosts = re.compile(r"[a-z0-9-]+\.bamboohr\.com")
    urls = rules(
        ("GET", "/api/v1/meta/fields", "meta_fields"),
        ("GET", "/api/v1/employees/directory", "directory"),
        ("GET", "/api/v1/employees/<int:number>", "one_employee"),
        ("GET", "/api/v1/employees/changed", "changed"),
        ("POST", "/api/v2/datasets/<dataset>/data", "data"),
        ("POST", "/token.php", "token"),
    )
    sign_in = ("/token.php",)

    def admit(self, request: Request, view: str) -> Response | None:
        """The API key is the Basic user; the password may be anything."""
        known = CREDENTIALS[self.slug]
        if request.host.split(".")[0] != known["subdomain"]:
            return self.error(404, "Company not found")
        if view == "token" or self.token_ok(bearer(request)):
            return None
        if basic(request)[0] != known["api_key"]:
            return self.error(401, "Invalid API key")
        return None

    def token(self, request: Request) -> Response:
        """The second half of OAuth: an access token of an hour for the refresh token of an app."""
        known = CREDENTIALS["bamboohr_oauth"]
        if request.args.get("request") != "token" or request.form.get("grant_type") != "refresh_token":
            return oauth_error(400, "unsupported_grant_type", "The grant type is not supported")
        if any(request.form.get(name) != known[name] for name in ("client_id", "client_secret")):
            return oauth_error(401, "invalid_client", "Client authentication failed")
        if request.form.get("refresh_token") != known["refresh_token"]:
            return oauth_error(400, "invalid_grant", "The refresh token is invalid or was revoked")
        token = {"access_token": self.new_token(), "token_type": "Bearer", "scope": "report field"}
        return json_response({**token, "expires_in": 3_600, "refresh_token": known["refresh_token"]})

    def changed(self, request: Request) -> Response:
        """Who changed since an instant: ids only, as the vendor does it."""
        try:
            since = datetime.fromisoformat(request.args.get("since", ""))
        except ValueError:
            return self.error(400, "since is not a valid ISO 8601 date")
        found = {
            number: {"id": number, "action": "Updated", "lastChanged": f"{person.updated_on}T09:00:00+00:00"}
            for person in self.world.people()
            if person.updated_on >= since.date()
            for number in [str(_FIRST_ID + person.index)]
        }
        latest = max((entry["lastChanged"] for entry in found.values()), default=since.isoformat())
        return json_response({"latest": latest, "employees": found})

    def error(self, status: int, message: str) -> Response:
        """The reason is in a header and the body empty; datasets answer with a problem instead."""
        return Response(b"", status, {_REASON: message}, content_type="text/html")

    def meta_fields(self, request: Request) -> Response:
        """Every field with its type and alias."""
        found = enumerate(FIELDS.items(), start=1)
        return json_response(
            [{"id": number, "name": f[0], "type": f[1], "alias": alias} for number, (alias, f) in found]
        )

    def directory(self, request: Request) -> Response:
        """Active people only, one answer, no termination data."""
        fields = [{"id": name, "type": FIELDS[name][1], "name": FIELDS[name][0]} for name in _DIRECTORY]
        page = self.page(request, Population.EMPLOYED, 0, self.world.staff.count)
        rows = [{"id": str(_FIRST_ID + p.index), **_row(p, list(_DIRECTORY))} for p in page.people]
        return json_response({"fields": fields, "employees": rows})

    def one_employee(self, request: Request, number: int) -> Response:
        """One person; 0 is the owner of the key. Unknown fields are left out."""
        wanted = [
            name for name in request.args.get("fields", "firstName,lastName").split(",") if name in FIELDS
        ]
        try:
            person = self.world.person(number - _FIRST_ID if number else 0)
        except LookupError:
            return self.error(404, "Employee not found")
        return json_response({"id": str(_FIRST_ID + person.index), **_row(person, wanted)})

    def data(self, request: Request, dataset: str) -> Response:
        """One page of the employee dataset."""
        asked = body(request)
        if dataset != "employee":
            return _problem(404, f"Dataset {dataset} does not exist")
        if not isinstance(asked, dict) or not isinstance(asked.get("fields"), list) or not asked["fields"]:
            return _problem(400, "fields must be a list of field names")
        if unknown := [name for name in asked["fields"] if name not in FIELDS]:
            return _problem(400, f"Unknown field: {unknown[0]}")
        number, size = asked.get("page", 1), asked.get("pageSize", 100)
        if not isinstance(number, int) or not isinstance(size, int) or number < 1 or not 1 <= size <= 1_000:
            return _problem(422, "page must be at least 1 and pageSize between 1 and 1000")
        try:
            people, total, more = self._select(request, asked.get("filter") or "", (number - 1) * size, size)
        except ValueError as error:
            return _problem(422, str(error))
        rows = [{"fields": _row(person, asked["fields"])} for person in people]
        return json_response({"data": rows, **_paging(request, number, size, total, more=more)})

    def _select(self, request: Request, text: str, start: int, size: int) -> tuple[list[Person], int, bool]:
        simple = {"": Population.EVERYONE, "status eq 'Active'": Population.EMPLOYED}
        if text in simple:
            page = self.page(request, simple[text], start, size)
            return page.people, page.total, page.more
        matches = _predicate(text)
        found = [person for person in self.world.people() if matches(person)]
        return found[start : start + size], len(found), start + size < len(found)


def _predicate(text: str) -> Callable[[Person], bool]:
    """An OData-like filter: clauses joined by `and`, or by `or`. Raises ValueError."""
    joiner = " or " if " or " in text else " and "
    tests = [_clause(part) for part in text.split(joiner)]
    join = any if joiner == " or " else all
    return lambda person: join(test(person) for test in tests)


def _clause(text: str) -> Callable[[Person], bool]:
    match = _CLAUSE.fullmatch(text)
    if match is None or match["field"] not in FIELDS:
        raise ValueError(f"Invalid filter expression: {text.strip()}")
    value = FIELDS[match["field"]][2]
    if match["values"]:
        allowed = set(re.findall(r"'([^']*)'", match["values"]))
        return lambda person: value(person) in allowed
    compare, wanted = _COMPARE[match["op"]], match["value"]
    return lambda person: compare(value(person), wanted)


def _row(person: Person, fields: list[str]) -> dict[str, str]:
    return {name: FIELDS[name][2](person) for name in fields}


def _paging(request: Request, number: int, size: int, total: int, *, more: bool) -> dict[str, Any]:
    url = f"https://{request.host}{request.path}?page="
    return {
        "links": {
            "next": f"{url}{number + 1}" if more else None,
            "prev": f"{url}{number - 1}" if number > 1 else None,
        },
        "meta": {"page": number, "pageSize": size, "totalPages": -(-total // size), "totalItems": total},
    }


def _problem(status: int, detail: str) -> Response:
    answer = json_response(
        {"type": "about:blank", "title": detail, "status": status, "detail": detail}, status
    )
    answer.headers[_REASON] = detail
    answer.content_type = "application/problem+json"
    return answer


def _status(person: Person) -> str:
    return "Active" if person.status in (Status.ACTIVE, Status.LEAVE) else "Inactive"


def _employment(person: Person) -> str:
    words = {Status.TERMINATED: "Terminated", Status.LEAVE: "Leave of Absence"}
    return words.get(person.status, "Full-Time")


def _date(person: Person) -> str:
    return person.terminated_on.isoformat() if person.terminated_on else _UNSET_DATE


def _supervisor(person: Person) -> str:
    return "" if person.manager is None else str(_FIRST_ID + person.manager)
