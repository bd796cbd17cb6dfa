"""Jira Cloud, API v3: the only importer of the library `jira`. It never retries a write; the outbox does.

Facts: jira-salesforce-intake.md §1. The library's own retries would create issues twice (§1.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from jira import JIRA
from jira.exceptions import JIRAError

from portal.kit import clock
from portal.kit.answers import lost, retry_after
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Egress
from portal.kit.outbound import egress
from portal.kit.redact import one_line, redact
from requests_app.clients.adf import text_of
from requests_app.clients.ticket import Ticket, as_adf, blocks_of

_MARKER = re.compile(r"[a-z0-9-]{1,60}")
_KEY = re.compile(r"[A-Z][A-Z0-9_]{1,20}-\d{1,9}")
_TIME_LIMITS = (3.05, 15)  # seconds to connect and to answer


@dataclass(frozen=True, slots=True)
class IssueStatus:
    """`category` is Jira's own: "new", "indeterminate" or "done"; the names differ from site to site."""

    key: str
    name: str
    category: str
    updated: str


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote in Jira, as plain text; `id` and `author_id` are Jira's."""

    id: str
    author_id: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class File:
    """An attachment of an issue, without its content. `size` in bytes."""

    id: str
    author_id: str
    author: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class IssueNews:
    """An issue as it is now: its status, the latest comments (oldest first) and the attachments."""

    status: IssueStatus
    comments: tuple[Comment, ...] = ()
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class JiraSettings:
    """Where the tickets go. The token stays out of reprs."""

    url: str
    email: str
    token: str = field(repr=False)
    project: str
    issue_type: str

    @classmethod
    def configured(cls) -> JiraSettings:
        """Raises NeedsPerson when the operator has not configured Jira."""
        found = cls(
            settings.JIRA_URL,
            settings.JIRA_EMAIL,
            settings.JIRA_TOKEN,
            settings.JIRA_PROJECT,
            settings.JIRA_ISSUE_TYPE,
        )
        if not (found.url and found.email and found.token and found.project):
            raise NeedsPerson(
                "Jira is not configured. An operator must set its address, account and project.",
                code="jira_not_configured",
            )
        return found


class JiraDesk:
    """What we do in Jira. Every method raises RetryLater or NeedsPerson, with no secret in their words.

    Not kept, not pickled, not passed to a task: the library's object holds the token.
    """

    def __init__(self, to: JiraSettings | None = None, through: Egress | None = None) -> None:
        self._to = to or JiraSettings.configured()
        self._host = urlsplit(self._to.url).hostname or "Jira"
        self._client = JIRA(
            server=self._to.url,
            basic_auth=(self._to.email, self._to.token),
            options={"rest_api_version": "3"},
            get_server_info=False,
            max_retries=0,
            timeout=_TIME_LIMITS,
            logging=False,
        )
        self._client.deploymentType = "Cloud"  # else searches go to the removed /search (§1.5)
        session = self._client._session
        session.trust_env, session.max_redirects = False, 0
        adapter = (through or egress()).adapter()
        session.mount("https://", adapter)
        session.mount("http://", adapter)

    def find_by_marker(self, marker: str) -> str | None:
        """The key of the issue that carries the label; the oldest if there are twins. The index may lag."""
        _must_match(_MARKER, marker)
        query = f'project = "{self._to.project}" AND labels = "{marker}" ORDER BY created ASC'
        with self._answers():
            found = self._client.enhanced_search_issues(query, maxResults=2, fields="status")
            return str(found[0].key) if found else None

    def create(self, ticket: Ticket, marker: str) -> str:
        """One POST, never repeated here. RetryLater.unclear says that the issue may exist nevertheless."""
        _must_match(_MARKER, marker)
        fields = {
            "project": {"key": self._to.project},
            "issuetype": {"name": self._to.issue_type},
            "summary": ticket.title,
            "description": as_adf(ticket),
            "labels": [marker],
        }
        with self._answers(writes=True):
            return str(self._client.create_issue(fields=fields, prefetch=False).key)

    def attach(self, key: str, name: str, content: bytes) -> None:
        """Uploads once: a file of the same name and size is ours already, from a lost answer."""
        _must_match(_KEY, key)
        with self._answers():
            there = self._client.issue(key, fields="attachment").raw["fields"].get("attachment") or []
        if any(file.get("filename") == name and file.get("size") == len(content) for file in there):
            return
        with self._answers(writes=True):
            # A file object and never a str: the library would open a str as a path (§1.8).
            self._client.add_attachment(key, BytesIO(content), filename=name)

    def link_back(self, key: str, *, url: str, title: str, global_id: str) -> None:
        """A remote link to our page. The same `global_id` replaces it, so repeating is harmless."""
        _must_match(_KEY, key)
        link = {"globalId": global_id, "object": {"url": url, "title": title}}
        # Not add_remote_link: it first asks for application links, which only administrators may (§1.2).
        with self._answers():
            self._client._session.post(self._client._get_url(f"issue/{key}/remotelink"), json=link)

    def status(self, key: str) -> IssueStatus:
        """By key, not by search: the search index lags behind."""
        _must_match(_KEY, key)
        with self._answers():
            return _status(self._client.issue(key, fields="status,updated").raw)

    def news(self, key: str) -> IssueNews:
        """Status, attachments and the last hundred comments, in two requests."""
        _must_match(_KEY, key)
        with self._answers():
            raw: dict[str, Any] = self._client.issue(key, fields="status,updated,attachment").raw
            said = self._comments(key)
            files = tuple(
                File(str(file["id"]), *_author(file), str(file["filename"]), int(file["size"]))
                for file in raw["fields"].get("attachment") or ()
            )
            return IssueNews(_status(raw), said, files)

    def comment(self, key: str, text: str, *, heading: str, look_first: bool) -> str:
        """Adds a comment under `heading`, which is unique, and returns its id.

        With `look_first` one that is there already, from a lost answer, is taken instead. RetryLater.unclear as in create.
        """
        _must_match(_KEY, key)
        if look_first:
            with self._answers():
                twin = next((said for said in self._comments(key) if said.text.startswith(heading)), None)
            if twin:
                return twin.id
        body = as_adf(Ticket("", blocks_of(f"{heading}\n\n{text}", links=[])))
        with self._answers(writes=True):
            return str(self._client.add_comment(key, body).id)

    def own_account(self) -> str:
        """The id of the account that our token belongs to: what it wrote comes from us."""
        with self._answers():
            return str(self._client._get_json("myself")["accountId"])

    def _comments(self, key: str) -> tuple[Comment, ...]:
        """The newest hundred, put back into the order in which they were said."""
        found = self._client._get_json(f"issue/{key}/comment", {"orderBy": "-created", "maxResults": 100})
        said = (
            Comment(str(each["id"]), *_author(each), text_of(each.get("body"))) for each in found["comments"]
        )
        return tuple(said)[::-1]

    @contextmanager
    def _answers(self, *, writes: bool = False) -> Iterator[None]:
        """The library's errors become ours. `from None`: its exceptions carry our token (§1.1)."""
        try:
            yield
        except JIRAError as error:
            raise self._classified(error, clock.now(), writes) from None
        except requests.RequestException as error:
            raise lost(error, host=self._host, writes=writes) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RetryLater("Jira sent an answer that we cannot read.", unclear=writes) from None

    def _classified(self, error: JIRAError, at: datetime, writes: bool) -> RetryLater | NeedsPerson:
        status = error.status_code or 0
        if status == 429:
            return RetryLater("Jira asks us to slow down.", after=_after(error, at))
        if status >= 500 or status in (0, 408):
            words = (
                f"Jira is away (status {status})." if status else "Jira sent an answer that we cannot read."
            )
            return RetryLater(words, after=_after(error, at), unclear=writes)
        if status in _REFUSALS:
            code, sentence = _REFUSALS[status]
            return NeedsPerson(sentence, code=code, detail=f"HTTP {status}")
        said = one_line(redact(error.text or "", secrets=(self._to.token,)), 240)
        return NeedsPerson(
            f"Jira refused the ticket: {said or f'status {status}'} Correct it and try again.",
            code="jira_refused",
            detail=f"HTTP {status}",
        )


_REFUSALS = {
    401: (
        "jira_credentials",
        "Jira does not accept our account. An operator must renew its API token; then try again.",
    ),
    403: (
        "jira_rights",
        "Our Jira account may not do this. An operator must give it the right; then try again.",
    ),
    404: (
        "jira_not_found",
        "Jira does not know this project or issue. Check the project's key and whether the issue is gone.",
    ),
    413: ("jira_too_large", "Jira does not accept a file of this size. Attach it to the issue by hand."),
}


def _status(raw: dict[str, Any]) -> IssueStatus:
    status = raw["fields"]["status"]
    category = (status.get("statusCategory") or {}).get("key", "")
    return IssueStatus(raw["key"], str(status["name"])[:80], category, raw["fields"].get("updated", ""))


def _author(raw: dict[str, Any]) -> tuple[str, str]:
    """Id and name; Data Center has a key where Cloud has an account."""
    author = raw.get("author") or {}
    return str(author.get("accountId") or author.get("key") or ""), str(
        author.get("displayName") or "Somebody"
    )


def is_issue_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None


def _after(error: JIRAError, at: datetime) -> timedelta | None:
    return retry_after(error.response, at) if error.response is not None else None


def _must_match(pattern: re.Pattern[str], text: str) -> None:
    """Keys and labels go into paths and queries as they are, so they must be our own."""
    if not pattern.fullmatch(text):
        raise ValueError("not a Jira key or label of ours")
