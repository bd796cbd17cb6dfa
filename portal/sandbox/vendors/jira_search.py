"""Search of the sandbox's Jira: token paging, no total, a lagging index (jira-salesforce-intake.md 1.5)."""

import base64
from datetime import timedelta
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from portal.sandbox.vendors import jira_issues as issues
from portal.sandbox.vendors import jql
from portal.sandbox.vendors.base import Vendor, body, json_response, whole
from portal.sandbox.vendors.jira_issues import PROJECT

_MAX_SEARCH: Final = 5_000
_MAX_RECONCILE: Final = 50
_REMOVED: Final = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)


class SearchViews(Vendor):
    """The two search endpoints, the living one and the removed one."""

    def error(self, status: int, message: str) -> Response:
        """An ErrorCollection with one message."""
        return json_response({"errorMessages": [message], "errors": {}}, status)

    def removed_search(self, request: Request, version: str) -> Response:
        """Gone since 2025."""
        return self.error(410, _REMOVED)

    def search(self, request: Request, version: str) -> Response:
        """Ids only unless fields are asked for; no total; the index may lag behind."""
        asked = body(request) if request.method == "POST" else _search_arguments(request)
        if not isinstance(asked, dict):
            return self.error(400, "The request body is not valid JSON.")
        reconcile = [str(number) for number in asked.get("reconcileIssues") or []]
        size = asked.get("maxResults") or 50
        if len(reconcile) > _MAX_RECONCILE:
            return self.error(400, f"reconcileIssues must not contain more than {_MAX_RECONCILE} ids.")
        if not isinstance(size, int) or not 1 <= size <= _MAX_SEARCH:
            return self.error(400, f"maxResults must be between 1 and {_MAX_SEARCH}.")
        start = _position(asked.get("nextPageToken"))
        if start < 0:
            return self.error(400, "The provided next page token is invalid.")
        try:
            query = jql.parse(asked.get("jql") or "", projects=(PROJECT,), now=self.world.clock())
        except jql.JqlError as refused:
            return self.error(400, str(refused))
        found = query.run(self._indexed(reconcile))
        return json_response(_results(found, start, size, version, asked.get("fields") or []))

    def _indexed(self, reconcile: list[str]) -> list[jql.Issue]:
        """What the search index knows: issues older than the lag, and those named for reconciliation."""
        limit = self.world.clock() - timedelta(seconds=self.world.knobs.jira_index_lag)
        with self.world.lock:
            every = list(self.world.issues.values())
        return [i for i in every if i["created"] <= limit.isoformat() or i["id"] in reconcile]


def _search_arguments(request: Request) -> dict[str, Any]:
    fields = [name for part in request.args.getlist("fields") for name in part.split(",") if name]
    return {
        "jql": request.args.get("jql"),
        "fields": fields,
        "maxResults": whole(request.args.get("maxResults"), 50),
        "nextPageToken": request.args.get("nextPageToken"),
        "reconcileIssues": request.args.getlist("reconcileIssues"),
    }


def _results(
    found: list[jql.Issue], start: int, size: int, version: str, fields: list[str]
) -> dict[str, Any]:
    rows = found[start : start + size]
    if not fields or fields == ["id"]:
        shown: list[dict[str, Any]] = [{"id": issue["id"]} for issue in rows]
    else:
        shown = [issues.shown(dict(issue), version, fields) for issue in rows]
    last = start + size >= len(found)
    token = {} if last else {"nextPageToken": base64.urlsafe_b64encode(b"at:%d" % (start + size)).decode()}
    return {"issues": shown, "isLast": last, **token}


def _position(token: str | None) -> int:
    """Where a page begins; -1 for a token that was never given out."""
    if not token:
        return 0
    try:
        kind, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
    except ValueError:
        return -1
    return int(number) if kind == "at" and number.isdigit() else -1
