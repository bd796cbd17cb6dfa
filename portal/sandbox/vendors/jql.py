"""The part of JQL that a portal sends: clauses joined by AND or OR, IN lists, dates, ORDER BY."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from portal.sandbox.vendors import adf

Issue = Mapping[str, Any]
Test = Callable[[Issue], bool]

_ORDER: Final = re.compile(r"\border\s+by\s+(?P<field>\w+)(?:\s+(?P<direction>asc|desc))?\s*$", re.IGNORECASE)
_VALUE: Final = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s\"'(),]+"
_CLAUSE: Final = re.compile(
    rf"\s*(?P<field>issue\.property\[[^\]]+\][\w.]*|\w+)\s*"
    rf"(?:(?P<op>!=|>=|<=|=|>|<|~)\s*(?P<value>{_VALUE})"
    rf"|(?P<inop>in|not\s+in)\s*\((?P<values>[^)]*)\)|(?P<empty>is(?:\s+not)?\s+empty))\s*",
    re.IGNORECASE,
)
_SPLIT: Final = r"\s+{}\s+(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)"
_RELATIVE: Final = re.compile(r"-(\d+)([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_READ: Final[dict[str, Callable[[Issue], Any]]] = {
    "project": lambda issue: [issue["key"].rpartition("-")[0]],
    "labels": lambda issue: issue["fields"].get("labels", []),
    "key": lambda issue: [issue["key"]],
    "issuekey": lambda issue: [issue["key"]],
    "id": lambda issue: [issue["id"], issue["key"]],
    "status": lambda issue: [issue["status"]],
    "statuscategory": lambda issue: [issue["status"]],
    "issuetype": lambda issue: [issue["fields"]["issuetype"]],
    "summary": lambda issue: issue["fields"]["summary"],
    "description": lambda issue: adf.to_text(issue["fields"].get("description")),
    "text": lambda i: f"{i['fields']['summary']} {adf.to_text(i['fields'].get('description'))}",
    "created": lambda issue: issue["created"],
    "updated": lambda issue: issue["updated"],
}
_WORDS: Final = ("summary", "description", "text")
_DATES: Final = ("created", "updated")


class JqlError(ValueError):
    """The query is refused; the text is what Jira would say."""


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query."""

    test: Test
    order: str
    descending: bool

    def run(self, issues: list[Issue]) -> list[Issue]:
        """The matching issues in the order that was asked for (default: newest first)."""
        found = [issue for issue in issues if self.test(issue)]
        return sorted(found, key=self._key, reverse=self.descending)

    def _key(self, issue: Issue) -> Any:
        return int(issue["id"]) if self.order in ("key", "issuekey", "id") else str(_READ[self.order](issue))


def parse(text: str, *, projects: tuple[str, ...], now: datetime) -> Query:
    """Parse a query. Raises JqlError for what Jira refuses, an unbounded query included."""
    order, descending = "created", True
    if match := _ORDER.search(text):
        order, descending = match["field"].lower(), (match["direction"] or "asc").lower() == "desc"
        text = text[: match.start()]
        if order not in _READ:
            raise JqlError(_unknown(match["field"]))
    if not text.strip():
        raise JqlError(
            "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
        )
    either = [
        [_clause(part, projects, now) for part in re.split(_SPLIT.format("and"), group, flags=re.IGNORECASE)]
        for group in re.split(_SPLIT.format("or"), text, flags=re.IGNORECASE)
    ]
    return Query(lambda issue: any(all(test(issue) for test in group) for group in either), order, descending)


def _clause(text: str, projects: tuple[str, ...], now: datetime) -> Test:
    match = _CLAUSE.fullmatch(text)
    if match is None:
        raise JqlError(f"Error in the JQL Query: '{text.strip()}' could not be understood.")
    name = match["field"].lower()
    if name.startswith("issue.property["):
        return lambda issue: False  # only an installed app can have a property indexed
    if name not in _READ:
        raise JqlError(_unknown(match["field"]))
    read = _READ[name]
    if match["empty"]:
        wanted = "not" not in match["empty"].lower()
        return lambda issue: (not read(issue)) is wanted
    if match["inop"]:
        values = [_unquote(value) for value in re.findall(_VALUE, match["values"])]
        return _membership(name, read, values, "not" in match["inop"].lower(), projects)
    value = _unquote(match["value"])
    if name in _DATES:
        return _dated(read, match["op"], _moment(value, now))
    if name in _WORDS:
        if match["op"] != "~":
            raise JqlError(f"The operator '{match['op']}' is not supported by the '{name}' field.")
        return lambda issue: value.strip("*").lower() in read(issue).lower()
    if match["op"] not in ("=", "!="):
        raise JqlError(f"The operator '{match['op']}' is not supported by the '{name}' field.")
    return _membership(name, read, [value], match["op"] == "!=", projects)


def _membership(
    name: str, read: Callable[[Issue], Any], values: list[str], negated: bool, projects: tuple[str, ...]
) -> Test:
    wanted = {value.lower() for value in values}
    if name == "project" and (unknown := wanted - {project.lower() for project in projects}):
        raise JqlError(f"The value '{unknown.pop().upper()}' does not exist for the field 'project'.")
    return lambda issue: any(value.lower() in wanted for value in read(issue)) is not negated


def _dated(read: Callable[[Issue], Any], operator: str, wanted: datetime) -> Test:
    compare: dict[str, Callable[[datetime], bool]] = {
        ">=": lambda actual: actual >= wanted,
        "<=": lambda actual: actual <= wanted,
        ">": lambda actual: actual > wanted,
        "<": lambda actual: actual < wanted,
    }
    if operator not in compare:
        raise JqlError(f"The operator '{operator}' is not supported for dates here.")
    return lambda issue: compare[operator](datetime.fromisoformat(read(issue)))


def _moment(value: str, now: datetime) -> datetime:
    if match := _RELATIVE.fullmatch(value):
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        return datetime.fromisoformat(value.replace("/", "-")).replace(tzinfo=UTC)
    except ValueError:
        raise JqlError(
            f"Date value '{value}' is invalid. Valid formats include 'yyyy-MM-dd', '-5d'."
        ) from None


def _unknown(name: str) -> str:
    return f"Field '{name}' does not exist or you do not have permission to view it."


def _unquote(text: str) -> str:
    if text[:1] in ("'", '"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
