"""Salesforce (jira-salesforce-intake.md 3): client credentials, SOQL, SOSL, describe, limits."""

import re
import secrets
from collections import OrderedDict
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from portal.sandbox.accounts import Account
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.faults import Fault
from portal.sandbox.vendors import soql, sosl
from portal.sandbox.vendors.base import FAULT, Vendor, basic, bearer, json_response, oauth_error, rules

_DATA: Final = "/services/data/v<version>"
_DAILY: Final = 15_000
_KEPT_CURSORS: Final = 50
_LOCATOR: Final = re.compile(r"(?P<cursor>01g[0-9a-f]{12})-(?P<start>\d+)")

# Name -> (label, type, extra facts), the way a describe tells them.
_ACCOUNT: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "Id": ("Account ID", "id", {"length": 18, "nillable": False}),
    "Name": ("Account Name", "string", {"length": 255, "nillable": False, "nameField": True}),
    "LMS_ID__c": ("LMS ID", "string", {"length": 20, "custom": True, "externalId": True}),
    "MRR__c": ("MRR", "currency", {"precision": 12, "scale": 2, "custom": True}),
    "CurrencyIsoCode": ("Account Currency", "picklist", {"length": 3, "restrictedPicklist": True}),
    "OwnerId": (
        "Owner ID",
        "reference",
        {"length": 18, "referenceTo": ["User"]},
    ),
}
_USER: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "Id": ("User ID", "id", {"length": 18, "nillable": False}),
    "Name": ("Full Name", "string", {"length": 121, "nillable": False, "nameField": True}),
}
_OBJECTS: Final = {"Account": _ACCOUNT, "User": _USER}
_SCHEMA: Final[soql.Schema] = {
    "Account": frozenset((*_ACCOUNT, "Owner.Name", "Owner.Id")),
    "User": frozenset(_USER),
}


class Salesforce(Vendor):
    """{domain}.salesforce.com of one organisation with several currencies."""

    slug = "salesforce"
    hosts = re.compile(r"[a-z0-9.-]+\.salesforce\.com")
    sign_in = ("/services/oauth2/token",)
    urls = rules(
        ("POST", "/services/oauth2/token", "token"),
        ("GET", "/services/data", "versions"),
        ("GET", f"{_DATA}/query", "query"),
        ("GET", f"{_DATA}/queryAll", "query"),
        ("GET", f"{_DATA}/query/<locator>", "more"),
        ("GET", f"{_DATA}/search", "search"),
        ("GET", f"{_DATA}/limits", "limits"),
        ("GET", f"{_DATA}/sobjects", "objects"),
        ("GET", f"{_DATA}/sobjects/<name>/describe", "describe"),
        ("GET", f"{_DATA}/sobjects/<name>/<number>", "record"),
        ("GET", f"{_DATA}/sobjects/Account/LMS_ID__c/<path:value>", "by_lms_id"),
    )

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self._cursors: OrderedDict[str, tuple[soql.Query, list[soql.Row]]] = OrderedDict()
        self._calls = 0

    def handle(self, request: Request) -> Response:
        """As everywhere; every answer of the API says how much of the daily allowance is used."""
        answer = super().handle(request)
        if request.path.startswith("/services/data/"):
            self._calls += 1
            answer.headers["Sforce-Limit-Info"] = f"api-usage={self._calls}/{_DAILY}"
        return answer

    def admit(self, request: Request, view: str) -> Response | None:
        """The session is the access token; another domain is not there at all."""
        if request.host.partition(":")[0] != f"{CREDENTIALS[self.slug]['domain']}.salesforce.com":
            return Response(
                "<html><body>This domain does not exist.</body></html>", 404, content_type="text/html"
            )
        if view not in ("token", "versions") and not self.token_ok(bearer(request).rpartition("!")[2]):
            return self.error(401, "Session expired or invalid")
        return None

    def error(self, status: int, message: str) -> Response:
        """A list with one message; a 403 is the daily limit."""
        codes = {401: "INVALID_SESSION_ID", 403: "REQUEST_LIMIT_EXCEEDED", 404: "NOT_FOUND"}
        return _errors(status, codes.get(status, "UNKNOWN_EXCEPTION"), message)

    def sign_in_error(self, status: int, message: str) -> Response:
        """The token endpoint speaks OAuth."""
        return oauth_error(status, "invalid_client" if status == 401 else "server_error", message)

    def token(self, request: Request) -> Response:
        """Client credentials as Basic or in the form; a wrong grant has no description, as happens."""
        known = CREDENTIALS[self.slug]
        user, password = basic(request)
        key = user or request.form.get("client_id", "")
        if request.form.get("grant_type") != "client_credentials":
            return json_response({"error": "unsupported_grant_type"}, 400)
        if key != known["consumer_key"]:
            return oauth_error(400, "invalid_client_id", "client identifier invalid")
        if (password or request.form.get("client_secret")) != known["consumer_secret"]:
            return oauth_error(400, "invalid_client", "invalid client credentials")
        instance = f"https://{known['domain']}.salesforce.com"
        return json_response(
            {
                "access_token": f"00D5e000000Rv01!{self.new_token()}",
                "signature": secrets.token_hex(16),
                "scope": "api",
                "instance_url": instance,
                "id": f"{instance}/id/00D5e000000Rv01EAC/0055e00000Ow000AAA",
                "token_type": "Bearer",
                "issued_at": str(int(self.world.clock().timestamp() * 1000)),
            }
        )

    def versions(self, request: Request) -> Response:
        """API versions on offer."""
        found = [
            {"label": f"Release {n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"}
            for n in range(55, 66)
        ]
        return json_response(found)

    def query(self, request: Request, version: str) -> Response:
        """The first page; more is behind `nextRecordsUrl`."""
        try:
            query = soql.parse(request.args.get("q", ""), _SCHEMA)
        except soql.QueryError as refused:
            return _errors(400, refused.code, str(refused))
        rows = _with_fault(request, query.run(self._rows(query.source)))
        if not query.fields:
            return json_response({"totalSize": len(rows), "done": True, "records": []})
        cursor = f"01g{secrets.token_hex(6)}"
        self._cursors[cursor] = (query, rows)
        while len(self._cursors) > _KEPT_CURSORS:
            self._cursors.popitem(last=False)
        return self._page(version, cursor, 0)

    def more(self, request: Request, version: str, locator: str) -> Response:
        """A later page."""
        match = _LOCATOR.fullmatch(locator)
        if match is None or match["cursor"] not in self._cursors:
            return _errors(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(version, match["cursor"], int(match["start"]))

    def search(self, request: Request, version: str) -> Response:
        """SOSL over names."""
        try:
            query, matches = sosl.parse(request.args.get("q", ""), _SCHEMA)
        except soql.QueryError as refused:
            return _errors(400, refused.code, str(refused))
        rows = [row for row in self._rows(query.source) if matches(row["Name"])]
        found = _with_fault(request, query.run(rows))
        return json_response({"searchRecords": [_shown(row, query, version) for row in found]})

    def limits(self, request: Request, version: str) -> Response:
        """The daily allowance."""
        return json_response({"DailyApiRequests": {"Max": _DAILY, "Remaining": _DAILY - self._calls}})

    def objects(self, request: Request, version: str) -> Response:
        """Every object the user may see."""
        found = [_object(name, version) for name in _OBJECTS]
        return json_response({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found})

    def describe(self, request: Request, version: str, name: str) -> Response:
        """Fields of one object."""
        if name not in _OBJECTS:
            return self.error(404, "The requested resource does not exist")
        fields = [_field(field, *facts) for field, facts in _OBJECTS[name].items()]
        return json_response({**_object(name, version), "fields": fields, "childRelationships": []})

    def record(self, request: Request, version: str, name: str, number: str) -> Response:
        """One record with all fields, or those asked for."""
        rows = [row for row in self._rows(name) if row["Id"][:15] == number[:15]] if name in _OBJECTS else []
        return self._one(request, version, name, rows)

    def by_lms_id(self, request: Request, version: str, value: str) -> Response:
        """By external id; 300 when several records have it."""
        rows = [row for row in self._rows("Account") if row["LMS_ID__c"] == value]
        if len(rows) > 1:
            url = f"/services/data/v{version}/sobjects/Account/"
            return json_response([url + row["Id"] for row in rows], 300)
        return self._one(request, version, "Account", rows)

    def _one(self, request: Request, version: str, name: str, rows: list[soql.Row]) -> Response:
        if not rows:
            return self.error(404, "The requested resource does not exist")
        wanted = request.args.get("fields", ",".join(_OBJECTS[name]))
        try:
            query = soql.parse(f"SELECT {wanted} FROM {name}", _SCHEMA)  # noqa: S608 - it is SOQL, and parsed here
        except soql.QueryError as refused:
            return _errors(400, refused.code, str(refused))
        return json_response(_shown(rows[0], query, version))

    def _page(self, version: str, cursor: str, start: int) -> Response:
        query, rows = self._cursors[cursor]
        stop = start + self.world.knobs.salesforce_page_size
        records = [_shown(row, query, version) for row in rows[start:stop]]
        answer: dict[str, Any] = {"totalSize": len(rows), "done": stop >= len(rows), "records": records}
        if not answer["done"]:
            answer["nextRecordsUrl"] = f"/services/data/v{version}/query/{cursor}-{stop}"
        return json_response(answer)

    def _rows(self, source: str) -> list[soql.Row]:
        accounts = self.world.accounts
        if source == "User":
            return [{"Id": n, "Name": name} for n, name in sorted({(a.owner_id, a.owner) for a in accounts})]
        return [_row(account) for account in accounts]


def _row(account: Account) -> dict[str, Any]:
    return {
        "Id": account.id,
        "Name": account.name,
        "LMS_ID__c": account.lms_id,
        "MRR__c": account.mrr,
        "CurrencyIsoCode": account.currency,
        "OwnerId": account.owner_id,
        "Owner": {"Id": account.owner_id, "Name": account.owner},
    }


def _with_fault(request: Request, rows: list[soql.Row]) -> list[soql.Row]:
    fault: Fault | None = request.environ.get(FAULT)
    kind = fault.kind if fault else ""
    return rows[: {"empty": 0, "half": len(rows) // 2}.get(kind, len(rows))]


def _shown(row: soql.Row, query: soql.Query, version: str) -> dict[str, Any]:
    """A record with its `attributes`, selected fields only; a relation is a record of its own."""
    record: dict[str, Any] = {"attributes": _attributes(query.source, row["Id"], version)}
    for name in query.fields:
        relation, _, inner = name.rpartition(".")
        value = soql.value_of(row, name)
        if relation:
            related = record.setdefault(
                relation, {"attributes": _attributes("User", row["OwnerId"], version)}
            )
            related[inner] = value
        else:
            record[name] = float(value) if name == "MRR__c" and value is not None else value
    return record


def _attributes(kind: str, number: str, version: str) -> dict[str, str]:
    return {"type": kind, "url": f"/services/data/v{version}/sobjects/{kind}/{number}"}


def _object(name: str, version: str) -> dict[str, Any]:
    url = f"/services/data/v{version}/sobjects/{name}"
    return {
        "name": name,
        "label": name,
        "queryable": True,
        "searchable": True,
        "custom": False,
        "keyPrefix": {"Account": "001", "User": "005"}[name],
        "urls": {"sobject": url, "describe": f"{url}/describe", "rowTemplate": url + "/{ID}"},
    }


def _field(name: str, label: str, kind: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": kind,
        "length": 0,
        "precision": 0,
        "scale": 0,
        "nillable": True,
        "filterable": True,
        "sortable": True,
        "custom": False,
        "externalId": False,
        "nameField": False,
        "referenceTo": [],
        "relationshipName": None,
        "picklistValues": _currencies() if name == "CurrencyIsoCode" else [],
        **facts,
    }


def _currencies() -> list[dict[str, Any]]:
    return [
        {"active": True, "defaultValue": code == "USD", "label": code, "value": code}
        for code in ("USD", "EUR")
    ]


def _errors(status: int, code: str, message: str) -> Response:
    return json_response([{"message": message, "errorCode": code}], status)
