"""Jira through the real `jira` library, and call by call where the library hides the protocol."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from jira import JIRA, JIRAError

from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.server import Running
from portal.sandbox.vendors.adf import from_text
from portal.sandbox.world import World
from tests.sandbox.conftest import ToSandbox

KNOWN = CREDENTIALS["jira"]
BASE = f"https://{KNOWN['site']}"
API = f"{BASE}/rest/api/3"


class SandboxJira(JIRA):
    """The library with its session's https:// pointed at the sandbox before the first call."""

    def __init__(self, url: str, **options: Any) -> None:
        self._sandbox_url = url
        super().__init__(server=BASE, max_retries=0, timeout=5, **options)

    def _add_ssl_cert_verif_strategy_to_session(self) -> None:
        super()._add_ssl_cert_verif_strategy_to_session()  # type: ignore[no-untyped-call]
        self._session.mount("https://", ToSandbox(self._sandbox_url))


def client(sandbox: Running, version: str) -> JIRA:
    auth = (KNOWN["email"], KNOWN["api_token"])
    return SandboxJira(sandbox.url, basic_auth=auth, options={"rest_api_version": version})


@pytest.fixture(params=["2", "3"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def jira(sandbox: Running, version: str) -> Iterator[Any]:
    made: Any = client(sandbox, version)
    yield made
    made.close()


@pytest.fixture
def raw(http: requests.Session) -> requests.Session:
    http.auth = (KNOWN["email"], KNOWN["api_token"])
    return http


def text(version: str, words: str) -> Any:
    return from_text(words) if version == "3" else words


def fields(version: str = "3", **changes: Any) -> dict[str, Any]:
    return {
        "project": {"key": "INT"},
        "issuetype": {"name": "Task"},
        "summary": "Enable SSO",
        "description": text(version, "Hello team!\nMRR: 1"),
        "labels": ["intreq-1"],
        **changes,
    }


class TestThroughTheLibrary:
    def test_the_library_takes_the_sandbox_for_cloud(self, jira: Any) -> None:
        assert jira.deploymentType == "Cloud"
        assert jira.myself()["emailAddress"] == KNOWN["email"]

    def test_the_recorded_life_of_an_issue(self, jira: Any, version: str, world: World) -> None:
        issue = jira.create_issue(fields=fields(version), prefetch=False)
        assert (issue.key, issue.id) == ("INT-1", "10101")
        found = jira.enhanced_search_issues('project = INT AND labels = "intreq-1"', fields="summary,status")
        assert [(each.key, each.fields.status.name) for each in found] == [("INT-1", "To Do")]
        jira.transition_issue("INT-1", "Start progress", comment=text(version, "moved"))
        jira.transition_issue("INT-1", 31)
        after = jira.issue("INT-1", fields="status,resolution,comment,labels,updated")
        assert (after.fields.status.name, after.fields.resolution.name) == ("Done", "Done")
        jira.add_comment("INT-1", text(version, "Customer supplied data"))
        after.add_field_value("labels", "blocked-by-customer")
        assert world.issues["INT-1"]["fields"]["labels"] == ["intreq-1", "blocked-by-customer"]
        assert len(jira.comments("INT-1")) == 2
        jira.add_issue_property("INT-1", "integration-portal", {"requestId": "42"})
        assert jira.issue_property("INT-1", "integration-portal").value.requestId == "42"

    def test_an_attachment_arrives_with_its_name(
        self, jira: Any, version: str, raw: requests.Session
    ) -> None:
        jira.create_issue(fields=fields(version))
        attached = jira.add_attachment("INT-1", io.BytesIO(b"\x89PNG bytes"), filename="consent é.png")
        assert (attached.filename, attached.size) == ("consent é.png", 10)
        url = raw.get(f"{API}/issue/INT-1").json()["fields"]["attachment"][0]["content"]
        assert raw.get(url).content == b"\x89PNG bytes"

    def test_project_by_name_works_as_the_library_asks(self, jira: Any, version: str) -> None:
        issue = jira.create_issue(fields=fields(version, project="INT", issuetype="Task"))
        assert issue.fields.summary == "Enable SSO"

    def test_an_error_carries_the_message_of_the_field(self, jira: Any, version: str) -> None:
        with pytest.raises(JIRAError) as caught:
            jira.create_issue(fields=fields(version, summary=""))
        assert caught.value.status_code == 400
        assert "You must specify a summary" in str(caught.value)

    def test_wrong_credentials_are_401(self, sandbox: Running) -> None:
        wrong = SandboxJira(sandbox.url, basic_auth=(KNOWN["email"], "wrong"))
        with pytest.raises(JIRAError) as caught:
            wrong.myself()
        assert caught.value.status_code == 401

    def test_a_lost_answer_leaves_one_issue_behind(self, jira: Any, version: str, world: World) -> None:
        world.fault("jira", "drop_after", times=1)
        with pytest.raises(requests.ConnectionError):
            jira.create_issue(fields=fields(version))
        found = jira.enhanced_search_issues('labels = "intreq-1"', fields="summary")
        assert [issue.key for issue in found] == ["INT-1"]
        assert len(world.issues) == 1

    def test_a_429_names_its_reason(self, jira: Any, world: World) -> None:
        world.fault("jira", "429", retry_after=7)
        with pytest.raises(JIRAError) as caught:
            jira.myself()
        assert caught.value.response is not None
        assert caught.value.response.headers["Retry-After"] == "7"
        assert caught.value.response.headers["RateLimit-Reason"] == "jira-burst-based"


class TestCreate:
    @pytest.mark.parametrize(
        ("change", "field", "message"),
        [
            ({"summary": None}, "summary", "You must specify a summary of the issue."),
            ({"summary": "a\nb"}, "summary", "newline characters"),
            ({"summary": "x" * 256}, "summary", "less than or equal to 255 characters"),
            ({"labels": ["x y"]}, "labels", "The label 'x y' contains spaces which is invalid."),
            ({"description": "plain"}, "description", "Operation value must be an Atlassian Document"),
            ({"description": from_text("x" * 32_768)}, "description", "exceeds the allowed limit"),
            ({"project": {"key": "NOPE"}}, "project", "valid project is required"),
            ({"issuetype": {"name": "Nope"}}, "issuetype", "valid issue type"),
            ({"customfield_1": "x"}, "customfield_1", "cannot be set"),
        ],
    )
    def test_bad_fields_are_named(
        self, raw: requests.Session, world: World, change: dict[str, Any], field: str, message: str
    ) -> None:
        answer = raw.post(f"{API}/issue", json={"fields": fields(**change)})
        assert answer.status_code == 400
        assert message in answer.json()["errors"][field]
        assert world.issues == {}

    @pytest.mark.parametrize(
        "nodes", [[{"type": "text", "text": ""}], [{"type": "script", "text": "x"}], ["x"]]
    )
    def test_a_malformed_document_is_invalid_input(self, raw: requests.Session, nodes: list[Any]) -> None:
        bad = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": nodes}]}
        answer = raw.post(f"{API}/issue", json={"fields": fields(description=bad)})
        assert answer.json() == {"errorMessages": ["INVALID_INPUT"], "errors": {}}

    def test_summary_of_255_characters_is_fine(self, raw: requests.Session) -> None:
        assert raw.post(f"{API}/issue", json={"fields": fields(summary="x" * 255)}).status_code == 201

    def test_properties_can_be_given_at_birth(self, raw: requests.Session) -> None:
        properties = [{"key": "integration-portal", "value": {"requestId": "42"}}]
        raw.post(f"{API}/issue", json={"fields": fields(), "properties": properties})
        answer = raw.get(f"{API}/issue/INT-1/properties/integration-portal").json()
        assert answer == {"key": "integration-portal", "value": {"requestId": "42"}}

    def test_text_of_version_2_is_a_document_in_version_3(self, raw: requests.Session) -> None:
        raw.post(f"{BASE}/rest/api/2/issue", json={"fields": fields("2")})
        shown = raw.get(f"{API}/issue/INT-1").json()["fields"]["description"]
        assert shown == from_text("Hello team!\nMRR: 1")


class TestSearch:
    @pytest.fixture(autouse=True)
    def _issues(self, raw: requests.Session) -> None:
        for number in range(1, 6):
            label = f"intreq-{number}"
            raw.post(f"{API}/issue", json={"fields": fields(labels=[label], summary=f"Number {number}")})

    def search(self, raw: requests.Session, jql: str, **params: Any) -> requests.Response:
        return raw.get(f"{API}/search/jql", params={"jql": jql, **params})

    def test_only_ids_come_unless_fields_are_asked_for(self, raw: requests.Session) -> None:
        answer = self.search(raw, "labels = intreq-2").json()
        assert answer == {"issues": [{"id": "10102"}], "isLast": True}

    def test_pages_go_by_token_and_the_last_has_none(self, raw: requests.Session) -> None:
        jql = "project = INT ORDER BY key ASC"
        keys: list[str] = []
        params: dict[str, Any] = {"maxResults": 2, "fields": "summary"}
        for _ in range(3):
            answer = self.search(raw, jql, **params).json()
            keys += [issue["key"] for issue in answer["issues"]]
            assert "total" not in answer
            params["nextPageToken"] = answer.get("nextPageToken")
        assert keys == [f"INT-{number}" for number in range(1, 6)]
        assert (answer["isLast"], "nextPageToken" in answer) == (True, False)

    @pytest.mark.parametrize(
        ("jql", "count"),
        [
            ("labels in (intreq-1, 'intreq-3')", 2),
            ('summary ~ "number 4"', 1),
            ("project = INT AND status = 'To Do' AND created >= -1d", 5),
            ("key = INT-2 OR key = INT-3", 2),
            ("labels != intreq-1 AND project = INT", 4),
            ('issue.property[integration-portal].requestId = "42"', 0),
        ],
    )
    def test_queries_find_what_they_say(self, raw: requests.Session, jql: str, count: int) -> None:
        assert len(self.search(raw, jql).json()["issues"]) == count

    @pytest.mark.parametrize(
        ("jql", "message"),
        [
            ("", "Unbounded JQL"),
            ("ORDER BY created DESC", "Unbounded JQL"),
            ("project = NOPE", "does not exist for the field 'project'"),
            ("nonsense = 1", "Field 'nonsense' does not exist"),
            ("labels ~ x", "operator '~' is not supported"),
            ("labels = ", "could not be understood"),
        ],
    )
    def test_bad_queries_are_refused(self, raw: requests.Session, jql: str, message: str) -> None:
        answer = self.search(raw, jql)
        assert answer.status_code == 400
        assert message in answer.json()["errorMessages"][0]

    def test_a_lagging_index_misses_new_issues_unless_reconciled(
        self, raw: requests.Session, world: World
    ) -> None:
        world.knobs.jira_index_lag = 60
        assert self.search(raw, "labels = intreq-2").json()["issues"] == []
        found = self.search(raw, "labels = intreq-2", reconcileIssues=10102).json()["issues"]
        assert found == [{"id": "10102"}]
        assert raw.get(f"{API}/issue/INT-2").status_code == 200

    def test_limits_of_the_call(self, raw: requests.Session) -> None:
        assert self.search(raw, "project = INT", maxResults=5_001).status_code == 400
        assert self.search(raw, "project = INT", reconcileIssues=list(range(51))).status_code == 400
        assert self.search(raw, "project = INT", nextPageToken="made-up").status_code == 400

    def test_post_answers_like_get(self, raw: requests.Session) -> None:
        asked = {"jql": "labels = intreq-2", "fields": ["summary"], "expand": None, "reconcileIssues": []}
        answer = raw.post(f"{API}/search/jql", json=asked).json()
        assert answer["issues"][0]["fields"] == {"summary": "Number 2"}

    @pytest.mark.parametrize("version", ["2", "3", "latest"])
    def test_the_old_search_is_gone(self, raw: requests.Session, version: str) -> None:
        answer = raw.get(f"{BASE}/rest/api/{version}/search", params={"jql": "project = INT"})
        assert answer.status_code == 410
        assert "migrate to the /rest/api/3/search/jql API" in answer.json()["errorMessages"][0]


class TestIssue:
    @pytest.fixture(autouse=True)
    def _issue(self, raw: requests.Session) -> None:
        raw.post(f"{API}/issue", json={"fields": fields()})

    def test_only_server_info_is_public(self, http: requests.Session) -> None:
        http.auth = None
        assert http.get(f"{API}/serverInfo").json()["deploymentType"] == "Cloud"
        for path in ("myself", "issue/INT-1", "search/jql?jql=project=INT", "field"):
            assert http.get(f"{API}/{path}").status_code == 401

    def test_a_missing_issue_is_404(self, raw: requests.Session) -> None:
        answer = raw.get(f"{API}/issue/INT-999")
        assert answer.status_code == 404
        assert answer.json()["errorMessages"] == [
            "Issue does not exist or you do not have permission to see it."
        ]

    def test_updates_and_transitions_answer_204(self, raw: requests.Session) -> None:
        assert raw.put(f"{API}/issue/INT-1", json={"fields": {"summary": "New"}}).status_code == 204
        assert raw.post(f"{API}/issue/INT-1/transitions", json={"transition": {"id": 21}}).status_code == 204
        shown = raw.get(f"{API}/issue/10101?fields=summary,status").json()["fields"]
        assert (shown["summary"], shown["status"]["statusCategory"]["key"]) == ("New", "indeterminate")

    def test_a_transition_must_fit_the_status(self, raw: requests.Session) -> None:
        offered = raw.get(f"{API}/issue/INT-1/transitions").json()["transitions"]
        assert {item["id"] for item in offered} == {"21", "31"}
        assert (
            raw.post(f"{API}/issue/INT-1/transitions", json={"transition": {"id": "11"}}).status_code == 400
        )

    def test_a_label_with_a_space_cannot_be_added(self, raw: requests.Session) -> None:
        answer = raw.put(f"{API}/issue/INT-1", json={"update": {"labels": [{"add": "x y"}]}})
        assert answer.status_code == 400

    def test_a_comment_must_be_a_document(self, raw: requests.Session) -> None:
        assert raw.post(f"{API}/issue/INT-1/comment", json={"body": "plain"}).status_code == 400
        assert raw.post(f"{API}/issue/INT-1/comment", json={"body": from_text("ok")}).status_code == 201

    def test_a_remote_link_is_upserted_by_its_global_id(self, raw: requests.Session, world: World) -> None:
        link = {"globalId": "portal=1&req=42", "object": {"url": "https://portal.test/r/42", "title": "A"}}
        first = raw.post(f"{API}/issue/INT-1/remotelink", json=link)
        link["object"] = {"url": "https://portal.test/r/42", "title": "B"}
        second = raw.post(f"{API}/issue/INT-1/remotelink", json=link)
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json()["id"] == second.json()["id"]
        links = raw.get(f"{API}/issue/INT-1/remotelink").json()
        assert [item["object"]["title"] for item in links] == ["B"]

    def test_a_property_is_created_then_replaced_and_limited(self, raw: requests.Session) -> None:
        url = f"{API}/issue/INT-1/properties/key"
        assert [raw.put(url, json=1).status_code, raw.put(url, json=2).status_code] == [201, 200]
        assert raw.put(url, data=b"").status_code == 400
        assert raw.put(url, json="x" * 32_768).status_code == 400
        assert raw.get(f"{API}/issue/INT-1/properties/other").status_code == 404

    def test_attachments_need_the_header_and_fit_the_limit(self, raw: requests.Session, world: World) -> None:
        url, header = f"{API}/issue/INT-1/attachments", {"X-Atlassian-Token": "no-check"}
        assert raw.post(url, files={"file": ("a.txt", b"a")}).status_code == 403
        world.knobs.jira_upload_limit = 10
        assert raw.get(f"{API}/attachment/meta").json() == {"enabled": True, "uploadLimit": 10}
        assert raw.post(url, files={"file": ("a.txt", b"a" * 11)}, headers=header).status_code == 413
        assert raw.post(url, files={"file": ("a.txt", b"a" * 10)}, headers=header).status_code == 200

    def test_create_metadata_uses_clouds_key(self, raw: requests.Session) -> None:
        page = raw.get(f"{API}/issue/createmeta/INT/issuetypes").json()
        assert "Task" in [kind["name"] for kind in page["issueTypes"]]

    def test_another_site_is_unavailable(self, raw: requests.Session) -> None:
        assert raw.get("https://other.atlassian.net/rest/api/3/serverInfo").status_code == 404
