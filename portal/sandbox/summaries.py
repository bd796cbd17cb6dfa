"""What the control page shows, as plain values; the sensitive part of a person is left out."""

import base64
import re
from collections.abc import Sequence
from dataclasses import asdict
from html import unescape
from typing import Any, Final

from portal.sandbox.company import Person
from portal.sandbox.faults import Fault
from portal.sandbox.staff import Population
from portal.sandbox.vendors import adf, jira_issues
from portal.sandbox.vendors.jira_issues import STATUSES
from portal.sandbox.world import Mail, World

_LINK: Final = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")


def find_people(world: World, query: str) -> Sequence[int]:
    """Indexes of people whose name, address or number contains every word of the query."""
    words = query.lower().split()
    if not words:
        return world.indexes(Population.EVERYONE)
    return [known.index for known in world.people() if all(word in _searched(known) for word in words)]


def _searched(known: Person) -> str:
    texts = (known.full_name, known.work_email, known.employee_number, known.department)
    return " ".join(texts).lower()


def person(world: World, index: int) -> dict[str, Any]:
    """One person for the list and for JSON."""
    known = world.person(index)
    return {
        "index": known.index,
        "employee_number": known.employee_number,
        "adp_id": known.adp_id,
        "first_name": known.first_name,
        "last_name": known.last_name,
        "preferred_name": known.preferred_name,
        "work_email": known.work_email,
        "personal_email": known.personal_email,
        "job_title": known.job_title,
        "department": known.department,
        "business_unit": known.business_unit,
        "location": known.location.name,
        "city": known.location.city,
        "manager": known.manager,
        "hired_on": known.hired_on.isoformat(),
        "status": known.status.value,
        "terminated_on": known.terminated_on.isoformat() if known.terminated_on else None,
    }


def fault(known: Fault) -> dict[str, Any]:
    """One fault."""
    return asdict(known)


def mail(known: Mail) -> dict[str, Any]:
    """One mail, with the addresses found in its text."""
    return {**asdict(known), "links": _LINK.findall(known.text or visible(known.html))}


def issues(world: World) -> list[dict[str, Any]]:
    """All issues, newest first."""
    with world.lock:
        keys = list(world.issues)
    return [found for key in reversed(keys) if (found := issue(world, key))]


def issue(world: World, key: str) -> dict[str, Any] | None:
    """One issue as a reader sees it."""
    with world.lock:
        known = world.issues.get(key)
        if known is None:
            return None
        text = adf.to_text(known["fields"].get("description"))
        return {
            "key": key,
            "id": known["id"],
            "summary": known["fields"]["summary"],
            "description": text,
            "links": adf.links(known["fields"].get("description")),
            "labels": list(known["fields"]["labels"]),
            "status": known["status"],
            "next": [status for status in STATUSES if status != known["status"]],
            "created": known["created"],
            "updated": known["updated"],
            "comments": [
                {
                    "text": adf.to_text(item["body"]),
                    "created": item["created"],
                    "author": (item.get("author") or jira_issues.me())["displayName"],
                }
                for item in known["comments"]
            ],
            "attachments": [
                {"filename": item["filename"], "size": len(base64.b64decode(item["content"]))}
                for item in known["attachments"]
            ],
            "remote_links": [
                {"title": item["object"]["title"], "url": item["object"]["url"]}
                for item in known["remote_links"]
            ],
            "properties": dict(known["properties"]),
        }


def pieces(text: str) -> list[dict[str, str]]:
    """Text cut into plain pieces and addresses, so that a template can make links without trusting markup."""
    found, at = [], 0
    for match in _LINK.finditer(text):
        found.append({"text": text[at : match.start()], "url": ""})
        found.append({"text": match[0], "url": match[0]})
        at = match.end()
    return [*found, {"text": text[at:], "url": ""}]


def visible(html: str) -> str:
    """A rough reading of an HTML mail that came without a text part; targets of links stay visible."""
    kept = re.sub(r"(?s)<(style|script|head).*?</\1>", "", html)
    kept = re.sub(r"<a[^>]*href=\"([^\"]*)\"[^>]*>", r"\1 ", kept)
    return unescape(re.sub(r"<[^>]+>", "", kept)).strip()
