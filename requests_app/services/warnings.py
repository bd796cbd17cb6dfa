"""What is worth a second look before a decision. None of it forbids anything (jira-salesforce-intake.md §5.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import CharField, Count, F, Func, Q, Value
from django.db.models.functions import Lower

from integrations.models import DirectoryPerson
from portal.kit import clock
from portal.kit.addresses import FREE_MAIL, is_free_mail
from requests_app.models import AnswerState, Request
from requests_app.queries import Line, lines_of
from requests_app.services.filing import find_duplicates
from requests_app.services.wishes import unheard

EXPIRES_SOON = timedelta(days=60)
_EXPIRY = "expires_on"


@dataclass(frozen=True, slots=True)
class Warning:
    """A sentence, and the keys of the items that it is about."""

    sentence: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    """What the rules look at: the settled answers by key, and every line that applies."""

    req: Request
    given: Mapping[str, Any]
    lines: tuple[Line, ...]

    def text(self, key: str) -> str:
        return str(self.given.get(key) or "").strip().lower()


def warnings_of(req: Request) -> list[Warning]:
    """Contradictions first, then risks, then what is promised. At most seven queries."""
    lines = tuple(line for line in lines_of(req) if line.applies)
    given = {line.item.key: line.answer.value for line in lines if line.is_settled}
    look = _Look(req, given, lines)
    return [warning for rule in _RULES for warning in rule(look)]


def _contradictions(look: _Look) -> Iterator[Warning]:
    given = look.given
    if given.get("hris.brand_new") is True and given.get("hris.company_age") == "old_customer":
        yield Warning(
            "A brand-new customer, and yet an old one in the LMS: one of the two answers is wrong.",
            ("hris.brand_new", "hris.company_age"),
        )
    if look.text("application_id") and look.text("application_id") == look.text("tenant_id"):
        yield Warning(
            "The Application ID is the same as the tenant ID: one of them was copied into the wrong place.",
            ("application_id", "tenant_id"),
        )
    test_user, domain = look.text("sso.test_username"), look.text("tenant_domain")
    if "@" in test_user and domain and test_user.rpartition("@")[2] != domain:
        yield Warning(f"The test user is not in the domain {domain}.", ("sso.test_username", "tenant_domain"))


def _unheard(look: _Look) -> Iterator[Warning]:
    for item in unheard(look.req):
        yield Warning(
            f"The answer differs from the confirmed plan: “{item.label}” Go on setting up, or ask the customer to.",
            (item.key,),
        )


def _risks(look: _Look) -> Iterator[Warning]:
    given = look.given
    if given.get("hris.employees_exist") is True and given.get("hris.notify_employees") is True:
        yield Warning(
            "Employees exist already and notifications are on: each new account gets a mail.",
            ("hris.employees_exist", "hris.notify_employees"),
        )
    if is_free_mail(look.text("sso.poc_email").rpartition("@")[2]):
        yield Warning("The IT contact uses a free mail address instead of the company's.", ("sso.poc_email",))
    if given.get("hris.email_source") == "personal_email":
        yield Warning(
            "Accounts will use personal addresses: whoever has none in the HR system is skipped."
            + _work_addresses(look.req),
            ("hris.email_source",),
        )


def _company(look: _Look) -> Iterator[Warning]:
    req = look.req
    if not req.company.salesforce_id:
        yield Warning(
            "The company was typed in by hand and is not verified in Salesforce.", ("company.name",)
        )
    if other := find_duplicates(req.company, req.provider_slug).exclude(pk=req.pk).first():
        why = f" Reason given: {req.duplicate_reason}" if req.duplicate_reason else ""
        yield Warning(
            f"{other}, for the same company and system, is {other.current_stage.label.lower()}.{why}"
        )


def _expiries(look: _Look) -> Iterator[Warning]:
    today = clock.now().date()
    for key, value in look.given.items():
        if not key.endswith(_EXPIRY) or not value:
            continue
        day = date.fromisoformat(str(value))
        if day < today:
            yield Warning(f"The secret expired on {_said(day)}. A new one is needed.", (key,))
        elif day - today <= EXPIRES_SOON:
            yield Warning(f"The secret expires soon, on {_said(day)}.", (key,))


def _promises(look: _Look) -> Iterator[Warning]:
    for line in look.lines:
        answer = line.answer
        if answer.state == AnswerState.POSTPONED and answer.due_on:
            yield Warning(
                f"“{line.item.label}” is promised for {_said(answer.due_on)}: {answer.comment}",
                (line.item.key,),
            )


_RULES: tuple[Callable[[_Look], Iterator[Warning]], ...] = (
    _contradictions,
    _unheard,
    _risks,
    _company,
    _expiries,
    _promises,
)


def _work_addresses(req: Request) -> str:
    """Whether most people whom we know of this company have an address that is not a free one."""
    domain = Func(Lower(F("email")), Value("@"), Value(2), function="split_part", output_field=CharField())
    people = DirectoryPerson.objects.filter(company=req.company).annotate(domain=domain)
    counts = people.aggregate(
        every=Count("pk"), work=Count("pk", filter=~Q(domain__in=FREE_MAIL) & ~Q(domain=""))
    )
    if counts["work"] * 2 <= counts["every"]:
        return ""
    return f" Of {counts['every']} people whom we know already, {counts['work']} have a work address."


def _said(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
