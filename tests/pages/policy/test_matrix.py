"""Every address × role × own, foreign, missing × method, as the policy declares (reliability-security.md §5.4).

Each test walks all of it and reports every answer that is wrong: one set of rows serves them all.
"""

from __future__ import annotations

import pytest

from integrations.models.connections import ConnectionQuerySet
from integrations.models.directory import DirectoryQuerySet
from integrations.models.runs import RunQuerySet
from portal.accounts.models import CompanyQuerySet, Role
from portal.accounts.policy import ANY, GET
from portal.policy import POLICY
from requests_app.models import RequestQuerySet
from tests.pages.policy.addresses import SAFE
from tests.pages.policy.matrix import (
    HTMX,
    SIGN_IN,
    Report,
    call,
    cells,
    has_a_child,
    judge_foreign,
    judge_mixed,
    judge_own,
    judge_refusal,
    judge_role,
    names_a_row,
    relation_of,
    tells_of,
)
from tests.pages.policy.rows import Rows, args_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet")]


def foreign_cells(alder: Rows, birch: Rows) -> Report:
    """The cells that a missing scope would spoil."""
    report = Report()
    for name, method in cells():
        if not names_a_row(name):
            continue
        for role in Role:
            if relation_of(name, method, role):
                judge_foreign(report, alder, birch, role, name, method)
    return report


def test_strangers_are_sent_to_sign_in_and_change_nothing(alder: Rows) -> None:
    report = Report()
    for name, method in cells():
        if relation_of(name, method, Role.TL) is None:
            continue
        report.asked += 2
        plain, fragment = (
            call(None, method, name, args_of(name, alder), headers=sent) for sent in ({}, HTMX)
        )
        cell = (name, method, plain.status)
        if name.startswith("api_"):
            report.note(plain.status != 401, *cell)
        else:
            way_in = f"{SIGN_IN}?next=/" if method in SAFE else SIGN_IN
            report.note(not plain.response.get("Location", "").startswith(way_in), *cell)
            leads = None if POLICY[name].says_ended_at else SIGN_IN
            report.note((fragment.status, fragment.response.get("HX-Redirect")) != (401, leads), *cell)
        for seen in (plain, fragment):
            judge_refusal(report, seen, cell, method, "Alder Clinic")
    assert report.all_right(at_least=120)


def test_a_role_that_may_not_is_refused(alder: Rows) -> None:
    report = Report()
    for name, method in cells():
        for role in Role:
            if relation_of(name, method, role) is False:
                judge_role(report, alder, role, name, method)
    assert report.all_right(at_least=80)


@pytest.mark.slow
def test_a_method_that_is_not_meant_is_refused(alder: Rows) -> None:
    report, people = Report(), list(alder.people.values())
    for name, method in cells(undeclared=True):
        # The role does not matter any more than the row does: each takes its turn.
        for user in (None, people[report.asked % len(people)]):
            report.asked += 1
            role = Role(user.role) if user else Role.CSM
            seen = call(user, method, name, args_of(name, alder, role))
            report.note(seen.status != 405, name, method, role, seen.status)
            judge_refusal(report, seen, (name, method, role), method, "Alder Clinic")
    assert report.all_right(at_least=600)


@pytest.mark.slow
def test_whoever_may_gets_their_own_and_nothing_of_others(alder: Rows, birch: Rows) -> None:
    report = Report()
    for name, method in cells():
        for role in Role:
            if relation_of(name, method, role):
                judge_own(report, alder, birch, role, name, method)
    assert report.all_right(at_least=200)


@pytest.mark.slow
def test_foreign_and_missing_answer_alike_and_change_nothing(alder: Rows, birch: Rows) -> None:
    report = foreign_cells(alder, birch)
    assert report.all_right(at_least=300)


def test_a_foreign_child_under_ones_own_parent_is_nobodys(alder: Rows, birch: Rows) -> None:
    report = Report()
    for name, method in cells():
        if not has_a_child(name):
            continue
        for role in Role:
            if relation_of(name, method, role):
                judge_mixed(report, alder, birch, role, name, method)
    assert report.all_right(at_least=8)


@pytest.mark.slow
def test_every_look_may_be_taken_twice_and_changes_nothing(alder: Rows) -> None:
    report = Report()
    for name, rule in POLICY.items():
        if not rule.knows(GET):
            continue
        for role in [role for role in Role if relation_of(name, GET, role) is not False][-1:]:
            for time in ("once", "twice"):
                report.asked += 1
                seen = call(alder.people[role], GET, name, args_of(name, alder, role), keep=True)
                report.note(bool(seen.changed(name)), name, role, time, sorted(seen.changed(name)))
    assert report.all_right(at_least=60)


# What is looked for, chosen or sorted by must not open another company's rows either.
QUERIES = {
    "search": ("q=birch", "q=REQ-{number}", "q=person0000"),
    "request_list": (
        "q=birch",
        "q={number}",
        "owner={csm}",
        "tab=all&page=1",
        "provider=personio",
        "sort=mrr",
    ),
    "request_export": ("q=birch", "owner={csm}", "tab=all"),
    "my_work": ("q=birch",),
    "saved_view": ("tab=all",),
    "connection_list": ("q=birch", "company={company}"),
    "directory": ("q=birch", "company={company}", "company={company}&q=birch&state=all"),
    "directory_options": ("company={company}&field=group",),
    "directory_export": ("company={company}", "company={company}&state=all"),
    "group_list": ("company={company}", "company={company}&q=birch"),
    "why": ("q=birch", "person={person}"),
    "api_request_list": ("cursor=x", "search=birch", "company={company}"),
    "api_connection_list": ("company={company}", "search=birch", "ordering=company"),
    "staff_search": ("q=birch",),
    "request_new": ("company={company}", "from={number}"),
    "request_copy": ("provider=personio",),
    "dashboard": ("owner={csm}",),
}


def test_no_list_search_filter_or_export_names_another_company(alder: Rows, birch: Rows) -> None:
    values = {
        "number": birch.side.req.number,
        "csm": birch.side.csm.pk,
        "company": birch.side.company.public_id,
        "person": birch.side.person.public_id,
    }
    report = Report()
    for name, queries in QUERIES.items():
        for role in Role:
            if not relation_of(name, GET, role) or relation_of(name, GET, role) == ANY:
                continue
            for query in queries:
                for headers in ({}, HTMX):
                    report.asked += 1
                    args = args_of(name, alder, role)
                    asked = "?" + query.format(**values)
                    seen = call(alder.people[role], GET, name, args, query=asked, headers=headers)
                    report.note(tells_of(birch, seen, role), name, role, query, "names", birch.mark)
                    report.note(seen.status >= 500, name, role, query, seen.status)
    assert report.all_right(at_least=40)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scope", "spoiled"),
    [
        (
            RequestQuerySet,
            {"request_detail", "request_move", "customer_request", "evidence", "api_request_detail"},
        ),
        (ConnectionQuerySet, {"connection_detail", "connection_sync", "api_connection_detail"}),
        (RunQuerySet, {"run_detail", "api_run_detail"}),
        (DirectoryQuerySet, {"person_detail"}),
        (CompanyQuerySet, {"connection_detail", "run_detail", "person_detail"}),
    ],
)
def test_the_matrix_notices_a_scope_that_was_forgotten(
    alder: Rows, birch: Rows, monkeypatch: pytest.MonkeyPatch, scope: type, spoiled: set[str]
) -> None:
    monkeypatch.setattr(scope, "for_actor", lambda self, user: self)
    assert spoiled <= {wrong[0] for wrong in foreign_cells(alder, birch).wrong}
