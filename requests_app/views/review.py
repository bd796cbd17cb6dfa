"""The page on which a team lead decides: everything at once, and two people never on different contents."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from integrations.provider import Audience, Owner
from requests_app import queries
from requests_app.lifecycle import Stage
from requests_app.models import Request
from requests_app.queries import Line, TopicState
from requests_app.services.filing import find_duplicates
from requests_app.views.buttons import decision
from requests_app.views.detail import preview
from requests_app.views.shared import DeskRequest, staff_req

_FREE_MAIL = frozenset(
    {"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "yahoo.com", "gmx.net", "icloud.com"}
)


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as the team lead reads it."""

    line: Line

    @property
    def words(self) -> str:
        return queries.shown_value(self.line.answer)

    @property
    def is_asked(self) -> bool:
        return self.line.required or self.line.is_settled

    @property
    def on_behalf(self) -> bool:
        """The desk answered what the customer was asked."""
        by = self.line.answer.provided_by
        return by is not None and by.is_desk_staff and self.line.item.owner == Owner.CUSTOMER


@require_safe
def request_review(request: DeskRequest, number: int) -> HttpResponse:
    req = staff_req(request.user, number)
    states = queries.checklist(req, Audience.TL)
    missing = [line.item for state in states for line in state.lines if line.is_open]
    ticket, trouble = preview(req)
    own = request.user.pk in queries.editors(req)
    open_for_decision = req.current_stage == Stage.SUBMITTED
    context = {
        "req": req,
        "own": own,
        "open": open_for_decision,
        "missing": missing,
        "warnings": warnings_of(req, states),
        "sections": [(state.topic, [Told(line) for line in state.lines]) for state in states],
        "ticket": ticket,
        "ticket_trouble": trouble,
        "evidence": queries.held_evidence(req).order_by("pk"),
        "buttons": [
            decision(req, "send_back", "Send back", ""),
            decision(req, "reject", "Reject", "danger"),
        ],
        "can_approve": open_for_decision and not own and not missing and not trouble,
    }
    return render(request, "requests_app/review.html", context)


def warnings_of(req: Request, states: list[TopicState]) -> list[str]:
    """What is worth a second look, in sentences; none forbids anything (jira-salesforce-intake.md §5.5)."""
    given = {line.item.key: line.answer.value for state in states for line in state.lines if line.is_settled}
    mail, domain = str(given.get("sso.poc_email", "")), str(given.get("tenant_domain", ""))
    test_user = str(given.get("sso.test_username", ""))
    found = [
        (
            not req.company.salesforce_id,
            "The company was typed in by hand and is not verified in Salesforce.",
        ),
        (
            given.get("hris.brand_new") is True and given.get("hris.company_age") == "old_customer",
            "A brand-new customer, and yet an old one in the LMS: one of the two answers is wrong.",
        ),
        (
            given.get("hris.employees_exist") is True and given.get("hris.notify_employees") is True,
            "Employees exist already and notifications are on: each new account gets a mail.",
        ),
        (
            bool("@" in test_user and domain) and not test_user.lower().endswith(f"@{domain}"),
            f"The test user is not in the domain {domain}.",
        ),
        (
            mail.rpartition("@")[2].lower() in _FREE_MAIL,
            "The IT contact uses a free mail address instead of the company's.",
        ),
        (
            given.get("hris.email_source") == "personal_email",
            "Accounts will use personal addresses: whoever has none in the HR system is skipped.",
        ),
        (
            find_duplicates(req.company, req.provider_slug).exclude(pk=req.pk).exists(),
            "This company has another open or live request for the same system."
            + (f" Reason given: {req.duplicate_reason}" if req.duplicate_reason else ""),
        ),
    ]
    return [sentence for applies, sentence in found if applies]
