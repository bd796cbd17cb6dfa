"""ADP Workforce Now (hris-apis.md 1.1): token and API with a client certificate, workers until HTTP 204."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from werkzeug.wrappers import Request, Response

from portal.sandbox.company import Person
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.staff import Population
from portal.sandbox.vendors.adp_records import worker
from portal.sandbox.vendors.base import (
    Dropped,
    Vendor,
    basic,
    bearer,
    json_response,
    oauth_error,
    rules,
    whole,
)
from portal.sandbox.world import World

MAX_PAGE: Final = 100
CERTIFICATE_HEADER: Final = "X-Sandbox-Client-Cert"
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_TERM: Final = re.compile(r"\s*(?P<path>[\w/]+)\s+eq\s+'(?P<value>[^']*)'\s*")


class Adp(Vendor):
    """accounts.adp.com and api.adp.com, with their EU and UAT siblings."""

    slug = "adp"
    hosts = re.compile(r"(uat-)?(accounts|api)(\.eu)?\.adp\.com")
    sign_in = ("/auth/oauth/v2/token",)
    urls = rules(
        ("POST", "/auth/oauth/v2/token", "token"),
        ("GET", "/hr/v2/workers", "workers"),
        ("GET", "/hr/v2/worker-demographics", "demographics"),
        ("GET", "/hr/v2/workers/meta", "meta"),
        ("GET", "/hr/v2/workers/<adp_id>", "one_worker"),
    )

    def admit(self, request: Request, view: str) -> Response | None:
        """Without a certificate there is no TLS connection, hence no HTTP answer either."""
        if not _FINGERPRINT.fullmatch(request.headers.get(CERTIFICATE_HEADER, "")):
            raise Dropped("no client certificate")
        if ("accounts" in request.host.split(".")[0]) is not (view == "token"):
            return self.error(404, "The requested resource could not be found.")
        if view != "token" and not self.token_ok(bearer(request)):
            return self.error(401, "The access token is missing, invalid or expired.")
        return None

    def error(self, status: int, message: str) -> Response:
        """ADP's envelope; the gateway in front uses it too here."""
        text = {"messageTypeCode": {"codeValue": "error"}, "userMessage": {"messageTxt": message}}
        return json_response(
            {
                "confirmMessage": {
                    "protocolStatusCode": {"codeValue": str(status)},
                    "requestStatusCode": {"codeValue": "failed"},
                    "resourceMessages": [
                        {"processMessages": [{"processMessageID": {"idValue": f"SANDBOX-{status}"}, **text}]}
                    ],
                }
            },
            status,
        )

    def sign_in_error(self, status: int, message: str) -> Response:
        """The token endpoint speaks OAuth."""
        return oauth_error(status, "invalid_client" if status == 401 else "server_error", message)

    def token(self, request: Request) -> Response:
        """Client credentials, in the form or as Basic."""
        if request.form.get("grant_type") != "client_credentials":
            return oauth_error(400, "unsupported_grant_type", "grant_type must be client_credentials")
        user, password = basic(request)
        given = (user or request.form.get("client_id", ""), password or request.form.get("client_secret", ""))
        known = CREDENTIALS[self.slug]
        if given != (known["client_id"], known["client_secret"]):
            return oauth_error(401, "invalid_client", "The given client credentials are invalid")
        token = {"access_token": self.new_token(), "token_type": "Bearer", "scope": "api"}
        return json_response({**token, "expires_in": int(self.token_lifetime)})

    def workers(self, request: Request) -> Response:
        """One page; 204 with an empty body after the last."""
        return self._list(request, pay=True)

    def demographics(self, request: Request) -> Response:
        """The same people without pay data."""
        return self._list(request, pay=False)

    def one_worker(self, request: Request, adp_id: str) -> Response:
        """A single worker by associateOID."""
        found = next((person for person in self.world.people() if person.adp_id == adp_id), None)
        if found is None:
            return self.error(404, "No worker has this associateOID.")
        return json_response({"workers": [self._worker(request, found, pay=True)]})

    def meta(self, request: Request) -> Response:
        """Which filters the list takes; far shorter than the real one."""
        filters = [{"path": path} for path in _FILTERS]
        return json_response({"meta": {"/workers": {"queryCriteria": {"filters": filters}}}})

    def _list(self, request: Request, *, pay: bool) -> Response:
        top, skip = whole(request.args.get("$top"), 50), whole(request.args.get("$skip"), 0)
        if not 1 <= top <= MAX_PAGE or skip < 0:
            return self.error(400, f"$top must be 1 to {MAX_PAGE} and $skip must not be negative.")
        wanted = _conditions(request.args.get("$filter", ""))
        if wanted is None:
            return self.error(400, "The $filter expression is not supported.")
        if wanted:
            everyone = (self._worker(request, person, pay=pay) for person in self.world.people())
            matching = [worker for worker in everyone if _matches(worker, wanted)]
            found, total = matching[skip : skip + top], len(matching)
        else:
            page = self.page(request, Population.EVERYONE, skip, top)
            found, total = [self._worker(request, person, pay=pay) for person in page.people], page.total
        if not found:
            return Response(status=204)
        if selected := request.args.get("$select"):
            found = [_project(worker, selected) for worker in found]
        meta = {"totalNumber": total} if request.args.get("count") == "true" else None
        return json_response({"workers": found, "meta": meta, "confirmMessage": None})

    def _worker(self, request: Request, person: Person, *, pay: bool) -> dict[str, Any]:
        manager = self.world.person(person.manager) if person.manager is not None else None
        masked = "masked=false" not in request.headers.get("Accept", "")
        data = worker(person, masked=masked, manager=manager)
        if not pay:
            for assignment in data["workAssignments"]:
                assignment.pop("baseRemuneration", None)
        return data


def adp_pages(
    world: World, page_size: int = MAX_PAGE, selected: str = "", *, custom: bool = False
) -> Iterator[bytes]:
    """The bodies of all pages of `/hr/v2/workers`, one at a time, without HTTP; for benchmarks.

    `selected` is the $select of the question, "" for everything; `custom` adds the fields that a customer made.
    """
    members = world.indexes(Population.EVERYONE)
    manager_of = lru_cache(maxsize=64)(world.person)  # neighbours share a manager
    for start in range(0, len(members), page_size):
        people = (world.person(index) for index in members[start : start + page_size])
        workers = [
            worker(
                person,
                manager=manager_of(person.manager) if person.manager is not None else None,
                custom=custom,
            )
            for person in people
        ]
        if selected:
            workers = [_project(each, selected) for each in workers]
        yield orjson.dumps({"workers": workers, "meta": None, "confirmMessage": None})


_FILTERS: Final = (
    "workers/workAssignments/assignmentStatus/statusCode/codeValue",
    "workers/workAssignments/homeOrganizationalUnits/nameCode/codeValue",
    "workers/workAssignments/homeOrganizationalUnits/typeCode/codeValue",
    "workers/workAssignments/reportsTo/positionID",
    "workers/workerStatus/statusCode/codeValue",
)


def _conditions(expression: str) -> list[tuple[str, str]] | None:
    """Parsed `path eq 'value' and …`; None for what ADP would not take."""
    if not expression:
        return []
    matches = [_TERM.fullmatch(part) for part in re.split(r"\band\b", expression)]
    found = [(match["path"], match["value"]) for match in matches if match]
    return found if len(found) == len(matches) and all(path in _FILTERS for path, _ in found) else None


def _matches(data: Mapping[str, Any], conditions: list[tuple[str, str]]) -> bool:
    return all(value in _values(data, path.split("/")[1:]) for path, value in conditions)


def _values(node: Any, path: list[str]) -> list[Any]:
    if isinstance(node, list):
        return [value for item in node for value in _values(item, path)]
    if not path:
        return [node]
    return _values(node[path[0]], path[1:]) if isinstance(node, dict) and path[0] in node else []


def _project(data: dict[str, Any], selected: str) -> dict[str, Any]:
    """Only the selected branches, plus the associateOID."""
    result: dict[str, Any] = {"associateOID": data["associateOID"]}
    for path in selected.split(","):
        _graft(data, result, path.strip().split("/")[1:])
    return result


def _graft(source: Any, result: dict[str, Any], path: list[str]) -> None:
    if not path or path[0] not in source:
        return
    head, rest = path[0], path[1:]
    value = source[head]
    if not rest:
        result[head] = value
    elif isinstance(value, list):
        known = result.setdefault(head, [{} for _ in value])
        for item, target in zip(value, known, strict=True):
            _graft(item, target, rest)
    elif isinstance(value, dict):
        _graft(value, result.setdefault(head, {}), rest)


__all__ = ["CERTIFICATE_HEADER", "MAX_PAGE", "Adp", "adp_pages", "worker"]
