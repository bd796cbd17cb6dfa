"""Jira Cloud (jira-salesforce-intake.md 1.2-1.8): one site, one project, v3 with documents, v2 with text."""

import base64
import re
from typing import Final

import orjson
from werkzeug.wrappers import Request, Response

from portal.sandbox import webhooks
from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.faults import Fault
from portal.sandbox.vendors import jira_issues as issues
from portal.sandbox.vendors.base import basic, body, json_response, rules, whole
from portal.sandbox.vendors.jira_issues import BASE, PROJECT, Issue
from portal.sandbox.vendors.jira_search import SearchViews

_API: Final = '/rest/api/<any("2", "3", latest):version>'
_MAX_PROPERTY: Final = 32_768
_FIELD_NAMES: Final = (
    *("summary", "description", "labels", "status", "issuetype", "project", "priority", "resolution"),
    *("assignee", "reporter", "creator", "duedate", "created", "updated", "attachment", "comment"),
)


class Jira(SearchViews):
    """{site}.atlassian.net."""

    slug = "jira"
    hosts = re.compile(r"[a-z0-9-]+\.atlassian\.net")
    urls = rules(
        ("GET", f"{_API}/serverInfo", "server_info"),
        ("GET", f"{_API}/myself", "myself"),
        ("GET", f"{_API}/mypermissions", "my_permissions"),
        ("GET", f"{_API}/project/<name>", "project"),
        ("GET", f"{_API}/field", "fields"),
        ("GET", f"{_API}/issue/createmeta/<name>/issuetypes", "issue_types"),
        ("POST", f"{_API}/issue", "create"),
        ("GET", f"{_API}/issue/<name>", "issue"),
        ("PUT", f"{_API}/issue/<name>", "update"),
        ("GET", f"{_API}/issue/<name>/comment", "comments"),
        ("POST", f"{_API}/issue/<name>/comment", "add_comment"),
        ("POST", f"{_API}/issue/<name>/attachments", "attach"),
        ("GET", f"{_API}/attachment/meta", "attachment_meta"),
        ("GET", f"{_API}/attachment/content/<number>", "attachment_content"),
        ("GET", f"{_API}/issue/<name>/transitions", "transitions"),
        ("POST", f"{_API}/issue/<name>/transitions", "transition"),
        ("GET", f"{_API}/issue/<name>/remotelink", "remote_links"),
        ("POST", f"{_API}/issue/<name>/remotelink", "link"),
        ("GET", f"{_API}/issue/<name>/properties", "properties"),
        ("GET", f"{_API}/issue/<name>/properties/<key>", "get_property"),
        ("PUT", f"{_API}/issue/<name>/properties/<key>", "set_property"),
        ("GET POST", f"{_API}/search/jql", "search"),
        ("GET POST", f"{_API}/search", "removed_search"),
        ("GET", "/rest/applinks/latest/listApplicationlinks", "application_links"),
    )

    def admit(self, request: Request, view: str) -> Response | None:
        """E-mail and API token as Basic; only serverInfo is public."""
        known = CREDENTIALS[self.slug]
        if request.host.partition(":")[0] != known["site"]:
            return json_response({"errorMessage": "Site temporarily unavailable", "errorCode": "OTHER"}, 404)
        if view != "server_info" and basic(request) != (known["email"], known["api_token"]):
            answer = self.error(401, "Client must be authenticated to access this resource.")
            answer.headers["WWW-Authenticate"] = 'OAuth realm="https%3A%2F%2Fsandbox.example"'
            answer.headers["X-Seraph-LoginReason"] = "AUTHENTICATED_FAILED"
            return answer
        return None

    def refuse(self, request: Request, fault: Fault) -> Response:
        """As everywhere, plus the reason header of a rate limit."""
        answer = super().refuse(request, fault)
        if fault.kind == "429":
            answer.headers["RateLimit-Reason"] = "jira-burst-based"
        return answer

    # The site

    def server_info(self, request: Request, version: str) -> Response:
        """What a client reads to tell Cloud from Data Center."""
        return json_response(
            {
                "baseUrl": BASE,
                "version": "1001.0.0-SNAPSHOT",
                "versionNumbers": [1001, 0, 0],
                "deploymentType": "Cloud",
                "buildNumber": 100_287,
                "buildDate": "2026-10-30T09:12:00.000+0000",
                "serverTime": issues.instant(self.world.clock().isoformat()),
                "serverTitle": "Jira",
            }
        )

    def myself(self, request: Request, version: str) -> Response:
        """The owner of the token."""
        return json_response(issues.me())

    def my_permissions(self, request: Request, version: str) -> Response:
        """Everything that is asked about is allowed."""
        asked = [key for key in request.args.get("permissions", "").split(",") if key]
        return json_response({"permissions": {key: {"key": key, "havePermission": True} for key in asked}})

    def project(self, request: Request, version: str, name: str) -> Response:
        """The one project, by key or id."""
        if name not in (PROJECT, "10000"):
            return self.error(404, f"No project could be found with key '{name}'.")
        return json_response(issues.project_shown())

    def fields(self, request: Request, version: str) -> Response:
        """Names of fields; the `jira` library reads them before its first search."""
        found = [
            {
                "id": n,
                "key": n,
                "name": n.capitalize(),
                "custom": False,
                "clauseNames": [n],
                "searchable": True,
            }
            for n in _FIELD_NAMES
        ]
        return json_response(found)

    def issue_types(self, request: Request, version: str, name: str) -> Response:
        """Issue types that can be created; Cloud's page key is `issueTypes`."""
        if name not in (PROJECT, "10000"):
            return self.error(404, f"No project could be found with key '{name}'.")
        types = [issues.type_shown(kind) for kind in issues.ISSUE_TYPES]
        return json_response({"issueTypes": types, "maxResults": 50, "startAt": 0, "total": len(types)})

    def application_links(self, request: Request) -> Response:
        """For administrators only."""
        return json_response({"message": "You are not authorized to perform this operation."}, 403)

    # Issues

    def create(self, request: Request, version: str) -> Response:
        """201 with id and key, or 400 with the message of each field."""
        asked = body(request)
        if not isinstance(asked, dict) or not isinstance(asked.get("fields"), dict):
            return self.error(400, "Can not deserialize instance of IssueUpdateDetails")
        if found := issues.problems(asked["fields"], version, creating=True):
            return _field_errors(found)
        with self.world.lock:
            number = len(self.world.issues) + 1
            now = self.world.clock()
            issue = issues.new_issue(number, asked["fields"], asked.get("properties") or [], now)
            self.world.issues[issue["key"]] = issue
            self.world.save()
        url = f"{BASE}/rest/api/{version}/issue/{issue['id']}"
        return json_response({"id": issue["id"], "key": issue["key"], "self": url}, 201)

    def issue(self, request: Request, version: str, name: str) -> Response:
        """One issue, all fields or those asked for."""
        issue = self._find(name)
        if issue is None:
            return self._missing()
        names = request.args.get("fields")
        return json_response(issues.shown(issue, version, names.split(",") if names else None))

    def update(self, request: Request, version: str, name: str) -> Response:
        """204, or 400 with the message of each field."""
        issue, asked = self._find(name), body(request)
        if issue is None:
            return self._missing()
        if not isinstance(asked, dict):
            return self.error(400, "Can not deserialize instance of IssueUpdateDetails")
        fields, operations = asked.get("fields") or {}, asked.get("update") or {}
        added = [step["add"] for step in operations.get("labels", []) if "add" in step]
        checked = {**fields, **({"labels": added} if added else {})}
        if found := issues.problems(checked, version, creating=False):
            return _field_errors(found)
        with self.world.lock:
            issues.apply_update(issue, fields, operations)
            self._touch(issue)
        return Response(status=204)

    def comments(self, request: Request, version: str, name: str) -> Response:
        """A page of comments, oldest first, `-created` newest first."""
        issue = self._find(name)
        if issue is None:
            return self._missing()
        found = [issues.comment_shown(issue, comment, version) for comment in issue["comments"]]
        if request.args.get("orderBy") == "-created":
            found.reverse()
        start, most = (
            whole(request.args.get("startAt"), 0),
            min(whole(request.args.get("maxResults"), 50), 100),
        )
        page = {"startAt": start, "maxResults": most, "total": len(found)}
        return json_response({"comments": found[start : start + most], **page})

    def add_comment(self, request: Request, version: str, name: str) -> Response:
        """201 with the comment."""
        issue, asked = self._find(name), body(request)
        if issue is None:
            return self._missing()
        text = asked.get("body") if isinstance(asked, dict) else None
        if found := issues.text_problem("comment", text, version):
            return _field_errors(found)
        with self.world.lock:
            comment = {
                "id": str(self._next("comments")),
                "body": text,
                "properties": asked.get("properties", []),
            }
            comment["created"] = self.world.clock().isoformat()
            issue["comments"].append(comment)
            self._touch(issue)
        self.world.tell(webhooks.comment_created(issue, comment, self.world.milliseconds))
        return json_response(issues.comment_shown(issue, comment, version), 201)

    def attach(self, request: Request, version: str, name: str) -> Response:
        """Multipart field `file`; 403 without the header that says it is no form of a browser."""
        issue = self._find(name)
        if request.headers.get("X-Atlassian-Token") != "no-check":
            return Response("XSRF check failed", 403, content_type="text/html")
        if issue is None:
            return self._missing()
        uploads = [
            (upload.filename, upload.mimetype, upload.read()) for upload in request.files.getlist("file")
        ]
        if not uploads:
            return self.error(400, "No file was sent.")
        if any(len(content) > self.world.knobs.jira_upload_limit for _, _, content in uploads):
            return self.error(413, "The attachment exceeds the maximum upload size.")
        with self.world.lock:
            added = []
            for filename, kind, content in uploads:
                number = str(self._next("attachments"))
                item = {"id": number, "filename": filename, "type": kind}
                item["content"] = base64.b64encode(content).decode()
                item["created"] = self.world.clock().isoformat()
                issue["attachments"].append(item)
                added.append(issues.attachment_shown(item, version))
            self._touch(issue)
        changes = [webhooks.attachment_change(item) for item in added]
        self.world.tell(webhooks.issue_updated(issue, self.world.milliseconds, changes=changes))
        return json_response(added)

    def attachment_meta(self, request: Request, version: str) -> Response:
        """Whether and how much may be attached."""
        return json_response({"enabled": True, "uploadLimit": self.world.knobs.jira_upload_limit})

    def attachment_content(self, request: Request, version: str, number: str) -> Response:
        """The bytes of one attachment."""
        for issue in self.world.issues.values():
            for item in issue["attachments"]:
                if item["id"] == number:
                    return Response(base64.b64decode(item["content"]), content_type=item["type"])
        return self.error(404, f"The attachment with id '{number}' does not exist")

    def transitions(self, request: Request, version: str, name: str) -> Response:
        """What can be done with the issue in its current status."""
        issue = self._find(name)
        if issue is None:
            return self._missing()
        found = [
            {"id": number, "name": label, "to": issues.status_shown(target), "hasScreen": False,
             "isGlobal": False, "isInitial": False, "isConditional": False, "isAvailable": True}
            for number, label, target in issues.TRANSITIONS[issue["status"]]
        ]  # fmt: skip
        return json_response({"expand": "transitions", "transitions": found})

    def transition(self, request: Request, version: str, name: str) -> Response:
        """204; 400 for a transition that the current status does not offer."""
        issue, asked = self._find(name), body(request)
        if issue is None:
            return self._missing()
        wanted = str(((asked or {}).get("transition") or {}).get("id", ""))
        target = {n: status for n, _, status in issues.TRANSITIONS[issue["status"]]}.get(wanted)
        if target is None:
            return self.error(400, f"Transition id '{wanted}' is not valid for this issue.")
        with self.world.lock:
            for step in (asked.get("update") or {}).get("comment", []):
                comment = {"id": str(self._next("comments")), "properties": [], **step["add"]}
                issue["comments"].append({**comment, "created": self.world.clock().isoformat()})
            change = webhooks.status_change(issue["status"], target)
            issues.move(issue, target, self.world.clock())
            self.world.save()
        self.world.tell(webhooks.issue_updated(issue, self.world.milliseconds, changes=[change]))
        return Response(status=204)

    def remote_links(self, request: Request, version: str, name: str) -> Response:
        """All remote links."""
        issue = self._find(name)
        return json_response(issue["remote_links"]) if issue else self._missing()

    def link(self, request: Request, version: str, name: str) -> Response:
        """201 for a new link, 200 when its globalId was there already and the link is replaced."""
        issue, asked = self._find(name), body(request)
        if issue is None:
            return self._missing()
        if not isinstance(asked, dict) or not {"url", "title"} <= set(asked.get("object") or {}):
            return _field_errors({"title": "'title' is required.", "url": "'url' is required."})
        with self.world.lock:
            identity = asked.get("globalId")
            known = [item for item in issue["remote_links"] if identity and item.get("globalId") == identity]
            number = known[0]["id"] if known else self._next("remote_links")
            url = f"{BASE}/rest/api/{version}/issue/{issue['id']}/remotelink/{number}"
            kept = [item for item in issue["remote_links"] if item not in known]
            issue["remote_links"] = [*kept, {**asked, "id": number, "self": url}]
            self._touch(issue)
        return json_response({"id": number, "self": url}, 200 if known else 201)

    def properties(self, request: Request, version: str, name: str) -> Response:
        """Keys of the entity properties."""
        issue = self._find(name)
        if issue is None:
            return self._missing()
        url = f"{BASE}/rest/api/{version}/issue/{issue['id']}/properties/"
        return json_response({"keys": [{"key": key, "self": url + key} for key in issue["properties"]]})

    def get_property(self, request: Request, version: str, name: str, key: str) -> Response:
        """One entity property."""
        issue = self._find(name)
        if issue is None:
            return self._missing()
        if key not in issue["properties"]:
            return self.error(404, "The property was not found.")
        return json_response({"key": key, "value": issue["properties"][key]})

    def set_property(self, request: Request, version: str, name: str, key: str) -> Response:
        """201 new, 200 replaced. The value is any JSON of at most 32,768 characters."""
        issue, raw = self._find(name), request.get_data()
        if issue is None:
            return self._missing()
        value = body(request)
        if not raw or len(raw.decode(errors="replace")) > _MAX_PROPERTY or (value is None and raw != b"null"):
            return self.error(400, "The property value must be a valid, non-empty JSON of 32,768 characters.")
        with self.world.lock:
            known = key in issue["properties"]
            issue["properties"][key] = value
            self.world.save()
        return Response(status=200 if known else 201)

    def _find(self, name: str) -> Issue | None:
        """By key or numeric id."""
        if found := self.world.issues.get(name.upper()):
            return found
        return next((issue for issue in self.world.issues.values() if issue["id"] == name), None)

    def _missing(self) -> Response:
        return self.error(404, "Issue does not exist or you do not have permission to see it.")

    def _touch(self, issue: Issue) -> None:
        issue["updated"] = self.world.clock().isoformat()
        self.world.save()

    def _next(self, collection: str) -> int:
        return 10_001 + sum(len(issue[collection]) for issue in self.world.issues.values())


def _field_errors(found: dict[str, str]) -> Response:
    """Field messages; a malformed document is reported as a message of its own."""
    general = [text for text in found.values() if text == "INVALID_INPUT"]
    named = {name: text for name, text in found.items() if text != "INVALID_INPUT"}
    return Response(
        orjson.dumps({"errorMessages": general, "errors": named}), 400, content_type="application/json"
    )
