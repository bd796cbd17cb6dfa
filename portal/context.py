"""What the frame around every page shows: navigation, the person signed in, where search goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext, gettext_lazy

from integrations.services.issues import count_for_customer, issue_count
from portal.accounts.models import Role, User
from portal.accounts.policy import DESK, GET
from portal.notices.models import Notice
from portal.policy import POLICY
from portal.templatetags.desk import initials
from portal.views import open_request_of
from requests_app.lifecycle import Stage
from requests_app.models import Request

_STAFF_SEARCH = "Search company, request or Jira key"
_CUSTOMER_SEARCH = gettext_lazy("Search your requests and people")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the side navigation. `count` is what waits there; 0 shows nothing."""

    url: str
    label: str
    icon: str
    active: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    name: str
    role_label: str
    initials: str


def frame(request: HttpRequest) -> dict[str, Any]:
    """Nothing for strangers. The navigation asks the database only when a page draws it: fragments do not."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_authenticated:
        return {}
    navigation = _for_staff if user.is_desk_staff else _for_customer
    return {
        "nav": SimpleLazyObject(lambda: navigation(request, user)),
        "desk_user": Shown(str(user), gettext(user.get_role_display()), initials(str(user))),
        "search_url": reverse("search"),
        "search_hint": _STAFF_SEARCH if user.is_desk_staff else _CUSTOMER_SEARCH,
        **(_bell(user) if user.is_desk_staff else {}),
    }


def _bell(user: User) -> dict[str, Any]:
    """One query, over the index of what is unread, when the frame draws the bell."""
    unread = Notice.objects.filter(user=user, read_at=None)
    return {"bell_count": SimpleLazyObject(unread.count), "bell_url": reverse("notice_list")}


def _for_staff(request: HttpRequest, user: User) -> list[Entry]:
    """Two queries: how much waits for this person, and how many connections need a look."""
    lines = [
        ("my_work", "My work", "home", ("my_work",)),
        ("request_list", "Requests", "list-check", ("request_", "saved_view")),
        ("request_new", "New request", "square-rounded-plus", ("request_new",)),
        ("connection_list", "Connections", "plug", ("connection_", "run_", "why", "inquiry_")),
        ("issue_list", "Issues", "alert-circle", ("issue_",)),
        ("directory", "Directory", "users", ("directory", "person_", "group_")),
    ]
    if user.role in (Role.TL, Role.OPERATOR):
        lines.append(("dashboard", "Dashboard", "chart-bar", ("dashboard",)))
    if POLICY["audit_list"].allows(GET, user):
        lines.append(("audit_list", "Audit log", "history", ("audit_",)))
    if user.role not in DESK:
        lines = [line for line in lines if line[0] != "request_new"]
    active = _active(request, [line[3] for line in lines])
    counts = {"my_work": _waiting, "issue_list": issue_count}
    return [
        Entry(reverse(name), label, icon, index == active, counts[name](user) if name in counts else 0)
        for index, (name, label, icon, _) in enumerate(lines)
    ]


def _for_customer(request: HttpRequest, user: User) -> list[Entry]:
    """Two queries: the request that is open for them, if any, and how many connections need a look.

    Whoever was asked for single answers only has their request and nothing else.
    """
    here = request.path
    entries = []
    if req := open_request_of(user):
        url = reverse("customer_request", args=[req.public_id])
        entries.append(Entry(url, gettext("Your request"), "list-check", here.startswith(url)))
    waiting = issues_waiting(request, user)
    if waiting is None:
        return entries
    active = _active(
        request, [("connection_", "run_", "why", "inquiry_"), ("directory", "person_", "group_"), ("issue_",)]
    )
    entries.append(Entry(reverse("connection_list"), gettext("Connections"), "plug", active == 0))
    issues_url = reverse("issue_list")
    entries.append(Entry(issues_url, gettext("Issues"), "alert-circle", active == 2, waiting))
    entries.append(Entry(reverse("directory"), gettext("Directory"), "users", active == 1))
    return entries


def issues_waiting(request: HttpRequest, user: User) -> int | None:
    """As `count_for_customer`, asked once a request: the policy wants to know as well whether there is a company."""
    kept = vars(request)
    if "issues_waiting" not in kept:
        kept["issues_waiting"] = count_for_customer(user)
    found: int | None = kept["issues_waiting"]
    return found


def _active(request: HttpRequest, beginnings: list[tuple[str, ...]]) -> int | None:
    """The line whose pages this one belongs to: the longest beginning of the URL's name wins."""
    name = request.resolver_match.view_name if request.resolver_match else ""
    matches = [
        (len(start), index)
        for index, starts in enumerate(beginnings)
        for start in starts
        if name.startswith(start)
    ]
    return max(matches)[1] if matches else None


def _waiting(user: User) -> int:
    """What My work shows and this person can move on: not what waits for somebody else."""
    mine = Q(owner=user, stage__in=(Stage.DRAFT.value, Stage.CHANGES_REQUESTED.value, Stage.FAILED.value))
    if user.role == Role.TL:
        mine |= Q(stage=Stage.SUBMITTED.value) & ~Q(filed_by=user)
    return int(Request.objects.for_actor(user).filter(mine).count())
