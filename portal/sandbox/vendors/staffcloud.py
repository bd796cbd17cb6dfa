"""StaffCloud (hris-apis.md 1.7): a JWT as bearer, bare arrays, filters as prefixes of values, events."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from portal.sandbox.company import Person, Status
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.faults import Dropped, Fault
from portal.sandbox.names import DEPARTMENTS, LOCATIONS
from portal.sandbox.vendors.base import FAULT, Vendor, array_response, json_response, rules

Row = Mapping[str, Any]

_FIRST_ID: Final = 9_001
_STATUS: Final = {Status.ACTIVE: 4, Status.LEAVE: 4, Status.PREHIRE: 3, Status.TERMINATED: 5}
_NOT_FILTERS: Final = ("fields", "sort", "embed", "limit")
_EVENTS: Final = 12  # one a week, five of them in the past
_CONFIRMED: Final = 7
_LONG: Final = 4  # the number of an event that began a week ago and ends tomorrow
# 3 archived, 5 cancelled (one of each side of today), 1 still a draft; all others are active.
_EVENT_STATUS: Final = {0: 3, 3: 5, 8: 5, 10: 1}
_OWN_FIELDS: Final[dict[str, Callable[[Person], str]]] = {
    "Staff number": lambda p: p.employee_number,
    "Shirt size": lambda p: p.shirt_size,
    "Geburtsort": lambda p: p.private.birth_place,
    "Krankenkasse": lambda p: p.private.disability,
}


class StaffCloud(Vendor):
    """{tenant}.staff.cloud."""

    slug = "staffcloud"
    hosts = re.compile(r"[a-z0-9-]+\.staff\.cloud")
    urls = rules(
        ("GET", "/api/v1/settings", "settings"),
        ("GET", "/api/v1/employees", "employees"),
        ("GET", "/api/v1/events", "events"),
        ("GET", "/api/v1/assignments", "assignments"),
        ("GET", "/api/v1/locations", "locations"),
        ("GET", "/api/v1/functions", "functions"),
        ("GET", "/api/v1/attributes", "attributes"),
    )

    def admit(self, request: Request, view: str) -> Response | None:
        """A token pasted together with its own `Bearer ` is malformed, a wrong one is refused."""
        known = CREDENTIALS[self.slug]
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if request.host.split(".")[0] != known["tenant"]:
            return self.error(404, "Tenant not found")
        if kind != "Bearer" or not token:
            return self.error(401, "Authentication required")
        if not re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", token):
            return self.error(400, "Invalid security token structure")
        if token != known["token"]:
            return self.error(401, "Invalid security token")
        return None

    def error(self, status: int, message: str) -> Response:
        """StaffCloud's four fields."""
        return json_response(
            {"code": status, "message": message, "description": message, "validationErrors": []}, status
        )

    def settings(self, request: Request) -> Response:
        """A cheap call that proves the token."""
        return json_response({"tenant": CREDENTIALS[self.slug]["tenant"], "timezone": "Europe/Zurich"})

    def employees(self, request: Request) -> Response:
        """Everybody who passes the filters, in one array: no pagination is known."""
        return self._answer(request, (_employee(person) for person in self._people(request)))

    def events(self, request: Request) -> Response:
        """Weekly events around today."""
        return self._answer(request, self._events())

    def assignments(self, request: Request) -> Response:
        """Who is invited, applied, confirmed or denied for which event."""
        rows = (row for person in self._people(request) for row in _assignments(person))
        return self._answer(request, rows)

    def locations(self, request: Request) -> Response:
        """Places of events."""
        rows = (
            {"id": n, "name": place.name, "city": place.city} for n, place in enumerate(LOCATIONS, start=1)
        )
        return self._answer(request, rows)

    def functions(self, request: Request) -> Response:
        """What people are booked as."""
        return self._answer(request, ({"id": n, "name": d.name} for n, d in enumerate(DEPARTMENTS, start=1)))

    def attributes(self, request: Request) -> Response:
        """The labels of the free fields, by number."""
        return self._answer(request, ({"id": n, "name": name} for n, name in enumerate(_OWN_FIELDS, start=1)))

    def _people(self, request: Request) -> Iterator[Person]:
        fault: Fault | None = request.environ.get(FAULT)
        kind = fault.kind if fault else ""
        count = self.world.staff.count
        if kind == "break_off":
            raise Dropped(kind)
        stop = {"empty": 0, "half": count // 2}.get(kind, count)
        return (person for person in self.world.people() if person.index < stop)

    def _events(self) -> Iterator[Row]:
        today = datetime.combine(self.world.today, time(8))
        for number in range(_EVENTS):
            start = today + timedelta(days=7 * (number - 5))
            yield {
                "id": 301 + number,
                "name": f"{LOCATIONS[number % len(LOCATIONS)].name} shift week {number + 1}",
                "status": _EVENT_STATUS.get(number, 2),
                "project_id": 20 + number % 3,
                "location_id": 1 + number % len(LOCATIONS),
                "start": _instant(start),
                "end": _instant(start + timedelta(days=8 if number == _LONG else 0, hours=9)),
            }

    def _answer(self, request: Request, rows: Iterable[Row]) -> Response:
        tests = [(name, _test(value)) for name, value in request.args.items() if name not in _NOT_FILTERS]
        found: Iterable[Row] = (row for row in rows if all(test(row.get(name)) for name, test in tests))
        if order := request.args.get("sort"):
            name = order.removeprefix("-")
            found = sorted(found, key=lambda row: str(row.get(name, "")), reverse=order.startswith("-"))
        if wanted := request.args.get("fields"):
            names = wanted.split(",")
            found = ({name: row[name] for name in names if name in row} for row in found)
        answer = array_response(found)
        answer.headers.update({"X-Rate-Limit-Limit": "600", "X-Rate-Limit-Remaining": "599"})
        answer.headers["X-Rate-Limit-Reset"] = "60"
        return answer


def _test(value: str) -> Callable[[object], bool]:
    """`v`, `-v` not, `>v`, `<v`, `~v` like, `null`, `-null`; a comma means one of several."""
    tests = [_single(part) for part in value.split(",")]
    return lambda actual: any(test(actual) for test in tests)


def _single(value: str) -> Callable[[object], bool]:
    if value in ("null", "-null"):
        return lambda actual: (actual is None) is (value == "null")
    operator, rest = (value[0], value[1:]) if value[:1] in "-><~" and value else ("", value)
    if operator == "-":
        return lambda actual: str(actual) != rest
    if operator in ("<", ">"):
        return lambda actual: actual is not None and _ordered(operator, str(actual), rest)
    if operator == "~":
        return lambda actual: rest.strip("%").lower() in str(actual).lower()
    return lambda actual: str(actual) == rest


def _ordered(operator: str, actual: str, wanted: str) -> bool:
    pair: tuple[Any, Any] = (actual, wanted)
    if actual.isdigit() and wanted.isdigit():
        pair = (int(actual), int(wanted))
    return bool(pair[0] < pair[1] if operator == "<" else pair[0] > pair[1])


def _employee(person: Person) -> Row:
    """One e-mail only, usually a private one; a free field carries the staff number."""
    private = person.private
    return {
        "id": _FIRST_ID + person.index,
        "status": _STATUS[person.status],
        "firstname": person.first_name,
        "lastname": person.last_name,
        "email": person.personal_email,
        "mobile": f"+1775555{person.index % 10_000:04d}",
        "gender": private.gender[0].lower(),
        "birthday": private.birth_date.isoformat(),
        "address": private.home_address,
        "ahv_number": private.ssn,
        "marital_status": private.marital_status,
        "hourly_wage": private.salary,
        "nationality": private.nationality,
        "iban": private.iban,
        **{f"dynamic_field_{n}": value(person) for n, value in enumerate(_OWN_FIELDS.values(), start=1)},
        "updated_at": _instant(datetime.combine(person.updated_on, time(9, 12))),
    }


def _assignments(person: Person) -> Iterator[Row]:
    """One for everybody, for two of three confirmed; every tenth person has a second one, two weeks later."""
    status = _CONFIRMED if person.index % 3 else 1 + person.index % 8
    yield _assignment(person, 0, person.index % _EVENTS, status)
    if person.index % 10 == 1:
        yield _assignment(person, 1, (person.index + 2) % _EVENTS, _CONFIRMED)


def _assignment(person: Person, turn: int, event: int, status: int) -> Row:
    return {
        "id": 70_001 + person.index + turn * 1_000_000,
        "employee_id": _FIRST_ID + person.index,
        "event_id": 301 + event,
        "function_id": 1 + person.index % len(DEPARTMENTS),
        "status": status,
    }


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
