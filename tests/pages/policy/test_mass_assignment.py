"""Whoever posts more than a form asks for changes no more than the form declares (reliability-security.md T2)."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction

from integrations.forms_decisions import EDITABLE
from portal.accounts.models import Role
from portal.accounts.policy import POST
from portal.policy import POLICY
from tests.database import ROOT
from tests.pages.policy.matrix import Report, call, relation_of
from tests.pages.policy.rows import Rows, args_of, query_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet")]
OURS = ("accounts", "notices", "integrations", "requests_app")
# Counted, and not said by anybody: how often, when, how far.
ASIDE = {"last_login", "updated_at", "version", "last_seen_at", "count", "started_at"}
# The columns that an address may change of a row that is there already. All others may change none.
DECLARED: dict[str, set[str]] = {
    "request_link_revoke": {"AccessLink.revoked_at"},
    "message_resolve": {"Message.resolved_at", "Message.resolved_by_id"},
    "customer_solved": {"Message.resolved_at", "Message.resolved_by_id"},
    "customer_take_back": {"AccessLink.revoked_at"},
    "request_move": {"Request.stage", "Request.stage_since"},
    "customer_hand_back": {"Request.stage", "Request.stage_since"},
    "request_snooze": {"Request.reminders_snoozed_until"},
    "company_edit": {"Company.color"},
    "request_topic": {f"Answer.{name}" for name in ("value", "state", "provided_by_id", "provided_at")},
    # An answer about the directory is followed by the set-up that is open (requests_app.services.wishes).
    "customer_topic": {
        *(f"Answer.{name}" for name in ("value", "state", "provided_by_id", "provided_at")),
        *("Draft.mapping", "Draft.policy"),
    },
    "person_edit": {f"DirectoryPerson.{name}" for name in (*EDITABLE, "edited_at", "raw_digest")},
    "person_protect": {"DirectoryPerson.protected"},
    "person_take_back": {"DirectoryPerson.kept", "DirectoryPerson.raw_digest"},
    "match_decide": {"Match.decided_at", "Match.decided_by_id"},
    "connection_pause": {"Connection.state"},
    "connection_disconnect": {
        *("Connection.state", "Connection.disconnected_at", "Draft.state", "Issue.resolved_at"),
    },
    "connection_schedule": {"Connection.schedule", "Connection.next_run_at"},
    "invitation_reissue": {f"Invitation.{name}" for name in ("expires_at", "made_at", "mails", "public_id")},
    "issue_snooze": {"Issue.snoozed_until", "Issue.snoozed_by_id"},
    "company_entitlement": {
        *("Company.hris_entitled", "Connection.state", "Connection.reason", "Connection.reason_code"),
    },
    "setup_withdraw": {"Draft.state"},
}
# What makes the form itself a good one, so that it is saved beside the catch.
GOOD = {
    "request_move": {"move": "take_back", "version": ""},
    "company_edit": {"color": "#0054a6"},
    "person_edit": {"email": "new@example.com", "hired_on": ""},
    "person_protect": {"on": "1"},
    "match_decide": {"person": "new"},
    "saved_view_save": {"name": "A view", "query": "tab=all"},
    "request_topic": {"hris.goal": "Keep in step"},
    "customer_topic": {"hris.notify_employees": "true"},
    "customer_message": {"text": "Where do I find it?"},
}


def rows_now() -> dict[tuple[str, Any], dict[str, Any]]:
    return {
        (model.__name__, row["pk"]): row
        for label in OURS
        for model in apps.get_app_config(label).get_models()
        for row in model._default_manager.values(
            "pk", *(field.attname for field in model._meta.concrete_fields)
        )
    }


def everything_there_is(other: Rows) -> dict[str, str]:
    """Every column of ours with a value that would be a catch, ids being those of another company."""
    names = {
        name
        for label in OURS
        for model in apps.get_app_config(label).get_models()
        for field in model._meta.concrete_fields
        for name in (field.name, field.attname)
    }
    catches = {
        "stage": "approved",
        "role": "tl",
        "state": "accepted",
        "is_active": "false",
        "company": str(other.side.company.pk),
        "company_id": str(other.side.company.pk),
        "owner": str(other.side.csm.pk),
        "owner_id": str(other.side.csm.pk),
        "req": str(other.side.req.pk),
        "req_id": str(other.side.req.pk),
        "mrr": "1",
        "id": "1",
        "language": "de",
    }
    return {name: catches.get(name, "hijacked") for name in sorted(names)}


def is_of(other: Rows, row: dict[str, Any]) -> bool:
    """Whether a row belongs to the other company, its requests or its people."""
    theirs = {
        "company_id": other.side.company.pk,
        "req_id": other.side.req.pk,
        "owner_id": other.side.csm.pk,
        "user_id": other.side.csm.pk,
    }
    return any(row.get(column) == pk for column, pk in theirs.items())


@pytest.mark.slow
def test_only_declared_columns_change(alder: Rows, birch: Rows) -> None:
    before = rows_now()
    report, body, saved = Report(), everything_there_is(birch), set[str]()
    for name, rule in POLICY.items():
        if not rule.knows(POST):
            continue
        for role in Role:
            if not relation_of(name, POST, role):
                continue
            report.asked += 1
            args, path = args_of(name, alder, role), query_of(name, alder)
            sent = {**body, **GOOD.get(name, {})}
            with transaction.atomic():
                call(alder.people[role], POST, name, args, query=path, body=sent, keep=True)
                after = rows_now()
                transaction.set_rollback(True)
            for key, row in after.items():
                report.note(row.get("stage") == "approved", name, role, "moved to where the post said")
                if key not in before:
                    report.note(is_of(birch, row), name, role, "made", key, "of the other company")
                    saved.add(name)
                changed = {column for column in row if before.get(key, row)[column] != row[column]} - ASIDE
                columns = {f"{key[0]}.{column}" for column in changed}
                saved |= {name} if columns else set()
                report.note(bool(columns - DECLARED.get(name, set())), name, role, sorted(columns))
    assert report.all_right(at_least=50)
    assert set(GOOD) <= saved


def test_no_form_and_no_serializer_takes_all_fields() -> None:
    wrong = []
    for path in (
        path for top in ("portal", "integrations", "requests_app") for path in (ROOT / top).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_fields = (
                isinstance(node, ast.Assign | ast.AnnAssign) and "fields" in ast.unparse(node).split("=")[0]
            )
            if is_fields and "__all__" in ast.unparse(node):
                wrong.append(str(Path(path).relative_to(ROOT)))
    assert wrong == []
