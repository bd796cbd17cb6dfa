"""The rows that the matrix calls addresses with. A new kind of argument is taught here, in one line of a table."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from integrations.models import Draft, DraftState, Inquiry, Invitation, Issue, Purpose, Receipt, SetupStep
from portal.accounts.models import AccessLink, Role, User
from portal.notices.models import Notice
from requests_app.models import Item, Message, Reach, SavedView
from tests.pages.policy.addresses import PARAMETERS
from tests.support.pages import Side, a_side
from tests.support.people import a_user

NOBODY = uuid.UUID("00000000-0000-4000-8000-000000000000")
NOTHING = 999_999


@dataclass(frozen=True)
class Rows:
    """One company with one of everything that an address can name, and its people by role."""

    side: Side
    media: Path
    people: dict[Role, User]
    message: Message
    handed_on: AccessLink
    secret: Item
    asked: Item
    notices: dict[Role, Notice]
    views: dict[Role, SavedView]

    @property
    def mark(self) -> str:
        return self.side.mark


# What `pk`, `item_pk` and `public_id` mean, by the address's name; the last of PUBLIC is for all others.
PKS: dict[str, Callable[[Rows, Role], int]] = {
    "request_link_revoke": lambda rows, role: rows.side.link.pk,
    "customer_take_back": lambda rows, role: rows.handed_on.pk,
    "message_resolve": lambda rows, role: rows.message.pk,
    "customer_solved": lambda rows, role: rows.message.pk,
    "saved_view": lambda rows, role: rows.views[role].pk,
    "saved_view_delete": lambda rows, role: rows.views[role].pk,
    "notice_open": lambda rows, role: rows.notices[role].pk,
    "match_decide": lambda rows, role: rows.side.connection.matches.get().pk,
}
PUBLIC: dict[str, Callable[[Side], Any]] = {
    "invitation_list": lambda side: side.connection,
    "invitation": lambda side: Invitation.objects.get(person=side.person),
    "issue": lambda side: side.connection.issues.get(),
    "why": lambda side: side.connection,
    "inquiry": lambda side: side.connection.inquiries.get(),
    "company_entitlement": lambda side: side.company,
    "connection": lambda side: side.connection,
    "holds": lambda side: side.connection,
    "match": lambda side: side.connection,
    "group": lambda side: side.connection.groups.get(),
    "setup": lambda side: side.connection,
    "settings_change": lambda side: side.connection,
    "receipt": lambda side: side.connection.receipts.get(),
    "run": lambda side: side.run,
    "person": lambda side: side.person,
    "evidence": lambda side: side.evidence,
    "company_detail": lambda side: side.company,
    "company_edit": lambda side: side.company,
    "": lambda side: side.req,
}
# What an address needs after its question mark.
ASKED: dict[str, Callable[[Rows], str]] = {
    "directory_options": lambda rows: f"?company={rows.side.company.public_id}&field=group",
    "directory_export": lambda rows: f"?company={rows.side.company.public_id}",
    "group_list": lambda rows: f"?company={rows.side.company.public_id}",
    "customer_postpone": lambda rows: f"?item={rows.asked.pk}",
    "request_postpone": lambda rows: f"?item={rows.asked.pk}",
}
TOPICS = {"customer_topic": "preferences", "request_topic": "company"}
ANYTHING = {"topic": "details", "token": "made-up-token", "uidb36": "1", "key": "made-up", "step": "filter"}
IDS = {"number", "public_id", "pk", "item_pk"}  # what names a row
CHILDREN = {"pk", "item_pk"}
MISSING = {"number": NOTHING, "public_id": NOBODY, "pk": NOTHING, "item_pk": NOTHING}


def args_of(name: str, rows: Rows | None, role: Role = Role.CSM) -> dict[str, Any]:
    """The arguments of an address that names a row of this company, or without one a row that nobody has."""
    return {key: _value(name, key, rows, role) for key in PARAMETERS[name]}


def query_of(name: str, rows: Rows) -> str:
    return ASKED[name](rows) if name in ASKED else ""


def _value(name: str, key: str, rows: Rows | None, role: Role) -> Any:
    if key in ANYTHING:
        return TOPICS.get(name, ANYTHING[key]) if key == "topic" else ANYTHING[key]
    if rows is None:
        return MISSING[key]
    if key == "number":
        return rows.side.req.number
    if key == "item_pk":
        return rows.secret.pk
    if key == "pk":
        return PKS[name](rows, role)
    bare = name.removeprefix("api_")
    kind = next(kind for kind in PUBLIC if bare.startswith(kind) and (kind != "company" or bare == kind))
    return PUBLIC[kind](rows.side).public_id


def some_rows(mark: str, media: Path) -> Rows:
    """Everything of it has `mark` in its words."""
    side = a_side(mark)
    people = {
        Role.CSM: side.csm,
        Role.CUSTOMER_ADMIN: side.customer,
        **{role: a_user(role, f"{mark} {role.label}") for role in (Role.TL, Role.DEVELOPER, Role.OPERATOR)},
    }
    message = Message.objects.create(
        req=side.req, by=side.customer, text=f"{mark} is stuck", reach=Reach.CUSTOMER, is_stuck=True
    )
    Message.objects.create(req=side.req, by=side.csm, text=f"{mark} note", reach=Reach.INTERNAL)
    handed_on = AccessLink.objects.create(
        company=side.company,
        request_id=side.req.public_id,
        email=f"colleague@{mark.lower()}.example",
        nonce=uuid.uuid4().bytes * 2,
        token_hash=uuid.uuid4().bytes * 2,
        expires_at=timezone.now() + timedelta(days=7),
        item_keys=["hris.goal"],
        delegated_by=side.customer,
    )
    tomorrow = timezone.now() + timedelta(days=1)
    Inquiry.objects.create(connection=side.connection, query=f"{mark} Person", expires_at=tomorrow)
    Issue.objects.create(connection=side.connection, code="failing", words=f"{mark} fails")
    draft = Draft.objects.create(
        connection=side.connection, purpose=Purpose.CHANGE, state=DraftState.APPLIED, created_by=side.customer
    )
    Draft.objects.create(
        connection=side.connection,
        purpose=Purpose.CHANGE,
        step=SetupStep.FILTER,
        filter={"include": [[{"field": "department", "op": "is", "values": [f"{mark} Care"]}]]},
        consented_at=timezone.now(),
        authenticated_at=timezone.now(),
        created_by=side.csm,
    )
    Receipt.objects.create(
        connection=side.connection,
        draft=draft,
        purpose=Purpose.CHANGE,
        affected=1,
        digest="0" * 64,
        confirmed_by=side.customer,
    )
    Invitation.objects.create(person=side.person, expires_at=timezone.now() + timedelta(days=7))
    return Rows(
        side=side,
        media=media,
        people=people,
        message=message,
        handed_on=handed_on,
        secret=Item.objects.filter(req=side.req, kind="secret")[0],
        asked=Item.objects.filter(req=side.req, owner="customer").exclude(kind__in=("secret", "file"))[0],
        notices={role: _notice(person, mark) for role, person in people.items()},
        views={
            role: SavedView.objects.create(owner=person, name=f"{mark} view", query="tab=all")
            for role, person in people.items()
        },
    )


def _notice(person: User, mark: str) -> Notice:
    return Notice.objects.create(
        user=person,
        kind="approved",
        words=f"{mark} was approved",
        url="/my-work/",
        marker=f"{mark}:{person.pk}",
    )
