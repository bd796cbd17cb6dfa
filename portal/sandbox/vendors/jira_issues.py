"""How the sandbox's Jira checks what is written to an issue and how it shows one; issues are plain JSON."""

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.vendors import adf

Issue = dict[str, Any]

SITE: Final = CREDENTIALS["jira"]["site"]
PROJECT: Final = CREDENTIALS["jira"]["project"]
BASE: Final = f"https://{SITE}"
ISSUE_TYPES: Final = {"Task": "10001", "Bug": "10002", "Story": "10003"}
PRIORITIES: Final = ("Highest", "High", "Medium", "Low", "Lowest")
STATUSES: Final = {  # name -> (id, id and key and name of its category)
    "To Do": ("10000", 2, "new", "To Do"),
    "In Progress": ("10001", 4, "indeterminate", "In Progress"),
    "Done": ("10002", 3, "done", "Done"),
}
TRANSITIONS: Final = {  # from -> (id, name, to)
    "To Do": (("21", "Start progress", "In Progress"), ("31", "Done", "Done")),
    "In Progress": (("11", "Stop progress", "To Do"), ("31", "Done", "Done")),
    "Done": (("11", "Reopen", "To Do"),),
}
_MAX_SUMMARY: Final = 255
_MAX_TEXT: Final = 32_767
_SETTABLE: Final = (
    *("project", "issuetype", "summary", "description", "labels", "priority", "assignee", "duedate"),
    *("reporter", "resolution"),
)
_NOT_ADF: Final = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
_BAD_ADF: Final = "INVALID_INPUT"


def problems(fields: Mapping[str, Any], version: str, *, creating: bool) -> dict[str, str]:
    """What is wrong with the fields of a create or an update: field name -> message."""
    found = {
        name: f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
        for name in fields
        if name not in _SETTABLE
    }
    if creating:
        if (fields.get("project") or {}).get("key", PROJECT) != PROJECT or not fields.get("project"):
            found["project"] = "valid project is required"
        if _type_name(fields.get("issuetype")) is None:
            found["issuetype"] = "Specify a valid issue type"
    if creating or "summary" in fields:
        found |= _summary_problem(fields.get("summary"))
    if fields.get("description") is not None:
        found |= text_problem("description", fields["description"], version)
    for label in fields.get("labels") or []:
        if " " in label:
            found["labels"] = f"The label '{label}' contains spaces which is invalid."
    if (priority := fields.get("priority")) and priority.get("name", "Medium") not in PRIORITIES:
        found["priority"] = "The priority selected is invalid."
    return found


def text_problem(name: str, value: object, version: str) -> dict[str, str]:
    """Rich text: a document in v3, a string in v2."""
    if version == "3" and not adf.is_document(value):
        return {name: _NOT_ADF}
    if version == "3" and not adf.is_valid(value):
        return {name: _BAD_ADF}
    if version != "3" and not isinstance(value, str):
        return {name: "Operation value must be a string"}
    if len(adf.to_text(value)) > _MAX_TEXT:
        return {name: "The entered text is too long. It exceeds the allowed limit of 32,767 characters."}
    return {}


def new_issue(number: int, fields: Mapping[str, Any], properties: Iterable[Any], now: datetime) -> Issue:
    """A new issue from fields that passed `problems`."""
    moment = now.isoformat()
    kept = {name: fields[name] for name in _SETTABLE if name in fields and name != "project"}
    kept["issuetype"] = _type_name(fields["issuetype"])
    return {
        "id": str(10_100 + number),
        "key": f"{PROJECT}-{number}",
        "created": moment,
        "updated": moment,
        "status": "To Do",
        "fields": {"labels": [], "description": None, **kept},
        "comments": [],
        "attachments": [],
        "remote_links": [],
        "properties": {item["key"]: item["value"] for item in properties},
    }


def apply_update(issue: Issue, fields: Mapping[str, Any], operations: Mapping[str, Any]) -> None:
    """Set fields and run `add`, `remove` and `set` on labels."""
    issue["fields"].update({name: value for name, value in fields.items() if name != "project"})
    labels = list(issue["fields"]["labels"])
    for operation in operations.get("labels", []):
        if "add" in operation and operation["add"] not in labels:
            labels.append(operation["add"])
        if "set" in operation:
            labels = list(operation["set"])
        labels = [label for label in labels if label != operation.get("remove")]
    issue["fields"]["labels"] = labels


def move(issue: Issue, status: str, now: datetime) -> None:
    """Put an issue into a status; Done brings a resolution, leaving it takes it away."""
    issue["status"] = status
    issue["fields"]["resolution"] = {"name": "Done"} if status == "Done" else None
    issue["updated"] = now.isoformat()


def shown(issue: Issue, version: str, names: list[str] | None) -> dict[str, Any]:
    """An issue as the API gives it; `names` None means every field."""
    everything = _fields(issue, version)
    wanted = everything if names is None or "*all" in names or "*navigable" in names else names
    return {
        "expand": "renderedFields,names,schema,operations,editmeta,changelog",
        "id": issue["id"],
        "self": f"{BASE}/rest/api/{version}/issue/{issue['id']}",
        "key": issue["key"],
        "fields": {name: everything[name] for name in wanted if name in everything},
    }


def rich_text(value: object, version: str) -> object:
    """Stored text in the form of the API version: a document in v3, a string in v2."""
    if value is None:
        return None
    if version == "3":
        return value if isinstance(value, dict) else adf.from_text(str(value))
    return adf.to_text(value)


def comment_shown(issue: Issue, comment: Mapping[str, Any], version: str) -> dict[str, Any]:
    """One comment."""
    return {
        "self": f"{BASE}/rest/api/{version}/issue/{issue['id']}/comment/{comment['id']}",
        "id": comment["id"],
        "author": comment.get("author") or me(),
        "updateAuthor": comment.get("author") or me(),
        "body": rich_text(comment["body"], version),
        "created": instant(comment["created"]),
        "updated": instant(comment["created"]),
        "jsdPublic": True,
    }


def attachment_shown(attachment: Mapping[str, Any], version: str) -> dict[str, Any]:
    """One attachment, without its content."""
    return {
        "self": f"{BASE}/rest/api/{version}/attachment/{attachment['id']}",
        "id": attachment["id"],
        "filename": attachment["filename"],
        "author": attachment.get("author") or me(),
        "created": instant(attachment["created"]),
        "size": len(base64.b64decode(attachment["content"])),
        "mimeType": attachment["type"],
        "content": f"{BASE}/rest/api/{version}/attachment/content/{attachment['id']}",
    }


def status_shown(name: str) -> dict[str, Any]:
    """A status with its category."""
    number, category, key, label = STATUSES[name]
    return {
        "self": f"{BASE}/rest/api/3/status/{number}",
        "name": name,
        "id": number,
        "statusCategory": {"id": category, "key": key, "name": label, "colorName": "blue-gray"},
    }


def type_shown(name: str) -> dict[str, Any]:
    """An issue type."""
    number = ISSUE_TYPES[name]
    url = f"{BASE}/rest/api/3/issuetype/{number}"
    return {"self": url, "id": number, "name": name, "subtask": False, "description": "", "hierarchyLevel": 0}


def project_shown() -> dict[str, Any]:
    """The one project."""
    types = [type_shown(name) for name in ISSUE_TYPES]
    return {
        "self": f"{BASE}/rest/api/3/project/10000",
        "id": "10000",
        "key": PROJECT,
        "name": "Integrations",
        "projectTypeKey": "software",
        "simplified": False,
        "style": "classic",
        "isPrivate": False,
        "issueTypes": types,
    }


def me() -> dict[str, Any]:
    """The user whose token it is."""
    return {
        "self": f"{BASE}/rest/api/3/user?accountId=712020-sandbox",
        "accountId": "712020-sandbox",
        "accountType": "atlassian",
        "emailAddress": CREDENTIALS["jira"]["email"],
        "displayName": "Integration Desk",
        "active": True,
        "timeZone": "Etc/UTC",
    }


def somebody() -> dict[str, Any]:
    """A developer who works in Jira. Cloud hides addresses from other accounts."""
    return {
        "self": f"{BASE}/rest/api/3/user?accountId=557058-developer",
        "accountId": "557058-developer",
        "accountType": "atlassian",
        "displayName": "Rosa Lind",
        "active": True,
        "timeZone": "Etc/UTC",
    }


def instant(text: str) -> str:
    """An ISO instant in Jira's spelling."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _fields(issue: Issue, version: str) -> dict[str, Any]:
    fields = issue["fields"]
    comments = [comment_shown(issue, comment, version) for comment in issue["comments"]]
    return {
        "summary": fields["summary"],
        "description": rich_text(fields["description"], version),
        "labels": fields["labels"],
        "status": status_shown(issue["status"]),
        "issuetype": type_shown(fields["issuetype"]),
        "project": {name: project_shown()[name] for name in ("self", "id", "key", "name")},
        "priority": fields.get("priority") or {"name": "Medium", "id": "3"},
        "resolution": fields.get("resolution"),
        "assignee": fields.get("assignee"),
        "reporter": me(),
        "creator": me(),
        "duedate": fields.get("duedate"),
        "created": instant(issue["created"]),
        "updated": instant(issue["updated"]),
        "attachment": [attachment_shown(item, version) for item in issue["attachments"]],
        "comment": {"comments": comments, "maxResults": len(comments), "total": len(comments), "startAt": 0},
    }


def _summary_problem(value: object) -> dict[str, str]:
    if not isinstance(value, str) or not value.strip():
        return {"summary": "You must specify a summary of the issue."}
    if "\n" in value or "\r" in value:
        return {"summary": "The summary is invalid because it contains newline characters."}
    if len(value) > _MAX_SUMMARY:
        return {"summary": f"Summary must be less than or equal to {_MAX_SUMMARY} characters."}
    return {}


def _type_name(value: object) -> str | None:
    if not isinstance(value, dict):
        return None
    for name, number in ISSUE_TYPES.items():
        if value.get("name") == name or str(value.get("id")) == number:
            return name
    return None
