"""The sandbox's Jira tells the portal what happened: signed and retried, as jira-salesforce-intake.md 2 has it."""

import hashlib
import hmac
import http.client
import queue
import threading
import time
import uuid
from collections import deque
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import orjson

from portal.sandbox.vendors import jira_issues as issues

_RETRIED: Final = frozenset({408, 409, 425, 429, *range(500, 600)})
_WAITS: Final = (0.2, 0.5, 1.0, 2.0, 4.0)  # Jira takes minutes; nobody here wants to wait for them
_CONNECT_SECONDS: Final = 5


class Delivery(NamedTuple):
    """One try. Status 0: nobody answered."""

    identifier: str
    event: str
    retry: int
    status: int


class Webhooks:
    """An admin webhook with a secret. Without an address nothing is sent; deliveries are kept for the tests."""

    def __init__(self, url: str = "", secret: str = "") -> None:
        self.url, self.secret = url, secret
        self.deliveries: deque[Delivery] = deque(maxlen=200)
        self._waiting: queue.SimpleQueue[tuple[str, str, bytes]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def emit(self, payload: dict[str, Any]) -> None:
        """Puts one event into the line; a thread of its own delivers, in order."""
        if not self.url:
            return
        self._waiting.put((str(uuid.uuid4()), str(payload["webhookEvent"]), orjson.dumps(payload)))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def send(self, identifier: str, event: str, body: bytes, retry: int = 0) -> int:
        """One POST; the answer's status, or 0."""
        status = _post(self.url, body, self._headers(identifier, body, retry))
        self.deliveries.append(Delivery(identifier, event, retry, status))
        return status

    def _headers(self, identifier: str, body: bytes, retry: int) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json; charset=UTF-8",
            "User-Agent": "Atlassian Webhook HTTP Client",
            "X-Atlassian-Webhook-Identifier": identifier,
            "X-Atlassian-Webhook-Flow": "Primary",
        }
        if self.secret:
            digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Hub-Signature"] = f"sha256={digest}"
        return headers | ({"X-Atlassian-Webhook-Retry": str(retry)} if retry else {})

    def _work(self) -> None:
        while True:
            identifier, event, body = self._waiting.get()
            for retry, wait in enumerate((0.0, *_WAITS)):
                time.sleep(wait)
                status = self.send(identifier, event, body, retry)
                if status and status not in _RETRIED:
                    break


def issue_updated(
    issue: issues.Issue, timestamp: int, *, changes: list[dict[str, Any]], kind: str = "issue_generic"
) -> dict[str, Any]:
    """The body of `jira:issue_updated`."""
    return {
        "timestamp": timestamp,
        "webhookEvent": "jira:issue_updated",
        "issue_event_type_name": kind,
        "user": issues.somebody(),
        "issue": issues.shown(issue, "2", None),
        "changelog": {"id": str(timestamp), "items": changes},
    }


def comment_created(issue: issues.Issue, comment: dict[str, Any], timestamp: int) -> dict[str, Any]:
    """The body of `comment_created`: the comment, and the issue in short."""
    return {
        "timestamp": timestamp,
        "webhookEvent": "comment_created",
        "comment": issues.comment_shown(issue, comment, "2"),
        "issue": issues.shown(issue, "2", ["summary", "issuetype", "project", "priority", "status"]),
    }


def status_change(before: str, after: str) -> dict[str, Any]:
    """A line of the changelog."""
    return {
        "field": "status",
        "fieldtype": "jira",
        "fieldId": "status",
        "from": issues.STATUSES[before][0],
        "fromString": before,
        "to": issues.STATUSES[after][0],
        "toString": after,
    }


def attachment_change(attachment: dict[str, Any]) -> dict[str, Any]:
    """A line of the changelog."""
    return {
        "field": "Attachment",
        "fieldtype": "jira",
        "fieldId": "attachment",
        "from": None,
        "fromString": None,
        "to": attachment["id"],
        "toString": attachment["filename"],
    }


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    address = urlsplit(url)
    link = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_CONNECT_SECONDS)
    try:
        link.request("POST", address.path or "/", body, headers)
        return link.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        link.close()
