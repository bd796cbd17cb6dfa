"""Sage HR (hris-apis.md 1.5): key in a header, active people only, leavers apart, 50 a page."""

import re
from collections.abc import Callable
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from portal.sandbox.company import Person
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.faults import Fault
from portal.sandbox.names import DEPARTMENTS
from portal.sandbox.staff import Population
from portal.sandbox.vendors.base import Vendor, json_response, rules, whole

PAGE: Final = 50
_FIRST_ID: Final = 41
_TITLES: Final = ("Executive Director", *(title for known in DEPARTMENTS for title in known.titles))
_TEAMS: Final = tuple(known.name for known in DEPARTMENTS)


class SageHr(Vendor):
    """{sub}.sage.hr, and its older name {sub}.cake.hr."""

    slug = "sage_hr"
    hosts = re.compile(r"[a-z0-9-]+\.(sage|cake)\.hr")
    urls = rules(
        ("GET", "/api/employees", "employees"),
        ("GET", "/api/employees/<int:number>", "one_employee"),
        ("GET", "/api/terminated-employees", "terminated"),
        ("GET", "/api/teams", "teams"),
        ("GET", "/api/positions", "positions"),
    )

    def admit(self, request: Request, view: str) -> Response | None:
        """The key is in X-Auth-Token and belongs to one subdomain."""
        known = CREDENTIALS[self.slug]
        if request.host.split(".")[0] != known["subdomain"]:
            return self.error(404, "Company not found")
        if request.headers.get("X-Auth-Token", "") != known["api_key"]:
            return self.error(401, "Invalid authentication token")
        return None

    def error(self, status: int, message: str) -> Response:
        """A short JSON object."""
        return json_response({"error": message}, status)

    def refuse(self, request: Request, fault: Fault) -> Response:
        """A gateway in front refuses addresses, with a page of its own."""
        if fault.kind != "ip_blocked":
            return super().refuse(request, fault)
        page = "<html><head><title>Attention Required!</title></head><body>Sorry, you have been blocked</body></html>"
        return Response(page, 403, content_type="text/html")

    def employees(self, request: Request) -> Response:
        """Active people, those on leave included; nobody who has left or is still to come."""
        return self._list(request, Population.EMPLOYED, _employee)

    def terminated(self, request: Request) -> Response:
        """Leavers, with fewer fields."""
        return self._list(request, Population.LEFT, _leaver)

    def one_employee(self, request: Request, number: int) -> Response:
        """A single active person."""
        index = number - _FIRST_ID
        if index not in self.world.indexes(Population.EMPLOYED):
            return self.error(404, "Employee not found")
        return json_response({"data": _employee(self.world.person(index))})

    def teams(self, request: Request) -> Response:
        """Team names; who belongs to them is in the employees."""
        rows = [
            {"id": n, "name": name, "manager_ids": [], "employee_ids": []} for n, name in _numbered(_TEAMS)
        ]
        return json_response({"data": rows, "meta": _meta(1, len(rows), more=False)})

    def positions(self, request: Request) -> Response:
        """Position names."""
        rows = [{"id": n, "title": name, "description": "", "code": ""} for n, name in _numbered(_TITLES)]
        return json_response({"data": rows, "meta": _meta(1, len(rows), more=False)})

    def _list(
        self, request: Request, population: Population, record: Callable[[Person], dict[str, Any]]
    ) -> Response:
        number = whole(request.args.get("page"), 1)
        if number < 1:
            return self.error(400, "page must be a positive number")
        page = self.page(request, population, (number - 1) * PAGE, PAGE)
        data = [record(person) for person in page.people]
        return json_response({"data": data, "meta": _meta(number, page.total, more=page.more)})


def _numbered(names: tuple[str, ...]) -> list[tuple[int, str]]:
    return list(enumerate(names, start=1))


def _meta(number: int, total: int, *, more: bool) -> dict[str, int | None]:
    return {
        "current_page": number,
        "next_page": number + 1 if more else None,
        "previous_page": number - 1 if number > 1 else None,
        "total_pages": max(1, -(-total // PAGE)),
        "per_page": PAGE,
        "total_entries": total,
    }


def _employee(person: Person) -> dict[str, Any]:
    """The address is the person's home; there is no field for the place of work."""
    return {
        **_leaver(person, termination=False),
        "employment_start_date": (person.rehired_on or person.hired_on).isoformat(),
        "team": person.department,
        "team_id": 1 + _TEAMS.index(person.department),
        "position_id": 1 + _TITLES.index(person.job_title),
        "reports_to_employee_id": None if person.manager is None else _FIRST_ID + person.manager,
        "work_phone": "",
        "home_phone": person.private.home_phone,
        "mobile_phone": "",
        "gender": person.private.gender,
        "street_first": person.private.home_address,
        "street_second": "",
        "city": person.location.city,
        "post_code": 89501,
        "country": "US",
        "employment_status": "Full-time",
    }


def _leaver(person: Person, *, termination: bool = True) -> dict[str, Any]:
    ended = person.terminated_on.isoformat() if person.terminated_on else None
    return {
        "id": _FIRST_ID + person.index,
        "email": person.work_email,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "picture_url": "",
        "employment_start_date": person.hired_on.isoformat(),
        "date_of_birth": person.private.birth_date.isoformat(),
        "position": person.job_title,
        "employee_number": person.employee_number,
        **({"termination_date": ended} if termination else {}),
    }
