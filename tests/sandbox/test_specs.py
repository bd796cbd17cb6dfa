"""Answers of the sandbox against the vendors' own API descriptions, where those lie beside the checkout."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests

from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.vendors.adf import from_text
from portal.sandbox.world import World

ROOT = Path(__file__).resolve().parents[2]
SPECS = Path(os.environ.get("SHARED_DIR", ROOT.parent / "shared")) / "specs"
JIRA = CREDENTIALS["jira"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SPECS.is_dir(), reason="the API descriptions are not here"),
]


@cache
def spec(name: str) -> dict[str, Any]:
    """A description; YAML needs a package that the project does not require."""
    path = SPECS / name
    if path.suffix == ".json":
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return loaded
    yaml = pytest.importorskip("yaml")
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def resolve(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = resolve(document, schema["$ref"])
    return schema


TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def mistakes(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str = "$") -> list[str]:
    """Where a value departs from a schema: type, required or surplus properties, a small part of JSON Schema.

    Null passes: the descriptions leave `nullable` out nearly everywhere.
    """
    if "$ref" in schema:
        return mistakes(value, resolve(document, schema["$ref"]), document, at)
    found = [wrong for part in schema.get("allOf", []) for wrong in mistakes(value, part, document, at)]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if value is None:
        return found
    if kinds and not any(isinstance(value, TYPES[kind]) for kind in kinds):
        return [*found, f"{at}: {type(value).__name__} instead of {kinds}"]
    if isinstance(value, list):
        items = schema.get("items", {})
        found += [w for i, item in enumerate(value) for w in mistakes(item, items, document, f"{at}[{i}]")]
    if isinstance(value, dict):
        found += _object_mistakes(value, schema, document, at)
    return found


def _object_mistakes(value: dict[str, Any], schema: dict[str, Any], document: Any, at: str) -> list[str]:
    properties = schema.get("properties", {})
    found = [f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value]
    if schema.get("additionalProperties") is False:
        found += [f"{at}: {name} is not described" for name in value if name not in properties]
    extra = schema.get("additionalProperties")
    for name, item in value.items():
        inner = properties.get(name, extra if isinstance(extra, dict) else {})
        found += mistakes(item, inner, document, f"{at}.{name}")
    return found


def answer_schema(document: dict[str, Any], path: str, method: str, status: str = "200") -> dict[str, Any]:
    content = document["paths"][path][method]["responses"][status]["content"]
    schema: dict[str, Any] = content["application/json"]["schema"]
    return schema


def test_the_checker_sees_wrong_types_missing_and_surplus_properties() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"b": {"type": "integer"}},
        "additionalProperties": False,
    }
    assert len(mistakes({"b": "x", "c": 1}, schema, {})) == 3


@pytest.fixture
def jira(http: requests.Session) -> requests.Session:
    http.auth = (JIRA["email"], JIRA["api_token"])
    return http


@pytest.fixture
def created(jira: requests.Session) -> Any:
    fields = {
        "project": {"key": "INT"},
        "issuetype": {"name": "Task"},
        "summary": "S",
        "description": from_text("D"),
        "labels": ["intreq-1"],
    }
    return jira.post(f"https://{JIRA['site']}/rest/api/3/issue", json={"fields": fields}).json()


class TestJira:
    def check(self, value: Any, name: str) -> None:
        document = spec("jira-cloud-platform-v3.openapi.json")
        assert mistakes(value, {"$ref": f"#/components/schemas/{name}"}, document) == []

    def test_created_issue(self, created: Any) -> None:
        self.check(created, "CreatedIssue")

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("serverInfo", "ServerInformation"),
            ("myself", "User"),
            ("project/INT", "Project"),
            ("issue/INT-1", "IssueBean"),
            ("issue/INT-1/transitions", "Transitions"),
            ("issue/INT-1/comment", "PageOfComments"),
            ("issue/createmeta/INT/issuetypes", "PageOfCreateMetaIssueTypes"),
            ("search/jql?jql=project=INT&fields=summary", "SearchAndReconcileResults"),
            ("attachment/meta", "AttachmentSettings"),
            ("issue/INT-1/properties", "PropertyKeys"),
            ("issue/INT-99", "ErrorCollection"),
        ],
    )
    def test_answers(self, jira: requests.Session, created: Any, path: str, name: str) -> None:
        self.check(jira.get(f"https://{JIRA['site']}/rest/api/3/{path}").json(), name)

    def test_what_writing_answers(self, jira: requests.Session, created: Any) -> None:
        url = f"https://{JIRA['site']}/rest/api/3/issue"
        link = {"globalId": "g", "object": {"url": "https://portal.test", "title": "T"}}
        self.check(jira.post(f"{url}/INT-1/remotelink", json=link).json(), "RemoteIssueLinkIdentifies")
        self.check(jira.post(f"{url}/INT-1/comment", json={"body": from_text("C")}).json(), "Comment")
        self.check(jira.post(url, json={"fields": {}}).json(), "ErrorCollection")
        upload = {"file": ("a.png", b"x")}
        headers = {"X-Atlassian-Token": "no-check"}
        answer = jira.post(f"{url}/INT-1/attachments", files=upload, headers=headers).json()
        self.check(answer[0], "Attachment")


def test_bamboohrs_dataset(http: requests.Session) -> None:
    document = spec("bamboohr.yaml")
    path = "/api/v2/datasets/{datasetName}/data"
    asked = {"fields": ["employeeId", "firstName", "supervisorEId", "terminationDate"]}
    auth = (CREDENTIALS["bamboohr"]["api_key"], "x")
    url = "https://riverside.bamboohr.com/api/v2/datasets/employee/data"
    answer = http.post(url, json=asked, auth=auth).json()
    assert mistakes(answer, answer_schema(document, path, "post"), document) == []
    assert answer["data"][0]["fields"]
    fields = http.get("https://riverside.bamboohr.com/api/v1/meta/fields", auth=auth).json()
    assert mistakes(fields, answer_schema(document, "/api/v1/meta/fields", "get"), document) == []
    since = "https://riverside.bamboohr.com/api/v1/employees/changed?since=2001-01-01T00:00:00Z"
    changes = http.get(since, auth=auth).json()
    assert len(changes["employees"]) == 125
    assert mistakes(changes, answer_schema(document, "/api/v1/employees/changed", "get"), document) == []


def test_personios_employees(http: requests.Session) -> None:
    token = http.post("https://api.personio.de/v1/auth", json=CREDENTIALS["personio"]).json()
    document = spec("personio_v1_auth.yaml")
    assert mistakes(token, answer_schema(document, "/auth", "post"), document) == []
    document = spec("personio_v1_personnel.yaml")
    # The first part says that `data` is an object, against the vendor's own example: the second part counts.
    described = resolved(answer_schema(document, "/company/employees", "get"), document)["allOf"][1]
    headers = {"Authorization": f"Bearer {token['data']['token']}"}
    answer = http.get("https://api.personio.de/v1/company/employees?limit=100", headers=headers).json()
    assert mistakes(answer, described, document) == []


@pytest.mark.parametrize("path", ["/employees", "/terminated-employees", "/teams", "/positions"])
def test_sage_hrs_lists(http: requests.Session, world: World, path: str) -> None:
    document = spec("sage_hr.yaml")
    headers = {"X-Auth-Token": CREDENTIALS["sage_hr"]["api_key"]}
    answer = http.get(f"https://riverside.sage.hr/api{path}", headers=headers).json()
    described = answer_schema(document, path, "get")
    assert mistakes(answer, described, document) == []
    row = resolved(resolved(described, document)["properties"]["data"]["items"], document)
    assert set(answer["data"][0]) <= set(row["properties"])
