"""Demo people and requests for `make run`: made through the same services as everybody else's."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from portal.accounts.models import Company, Role, User
from requests_app.models import Request
from requests_app.services.answers import give_answer
from requests_app.services.filing import file_request
from requests_app.services.invitations import invite_customer

PASSWORD = "integration-desk-demo"  # noqa: S105 - printed at the start, refused nowhere but in production


@dataclass(frozen=True, slots=True)
class Someone:
    name: str
    email: str
    role: Role


USERS = (
    Someone("Jamie Park", "jamie.park@support.example", Role.CSM),
    Someone("Rosa Silva", "rosa.silva@support.example", Role.CSM),
    Someone("Maya Ortiz", "maya.ortiz@support.example", Role.TL),
    Someone("Anton Keller", "anton.keller@support.example", Role.TL),
    Someone("Devi Rao", "devi.rao@support.example", Role.DEVELOPER),
    Someone("Omar Haddad", "omar.haddad@support.example", Role.OPERATOR),
)


@dataclass(frozen=True, slots=True)
class Wish:
    company: str
    lms_id: str
    mrr: str
    currency: str
    provider: str
    filed_by: str
    answers: tuple[tuple[str, str], ...] = ()


WISHES = (
    Wish(
        "Northgate Dental Group",
        "48377",
        "1890.00",
        "USD",
        "microsoft_entra_id",
        "jamie.park@support.example",
    ),
    Wish(
        "Blue Harbor Senior Living",
        "48420",
        "7310.00",
        "USD",
        "bamboohr",
        "jamie.park@support.example",
        (("hris.brand_new", "no"), ("hris.goal", "Keep course assignments in step with departments.")),
    ),
    Wish("Cedar Valley Hospice", "48466", "2640.00", "USD", "adp_totalsource", "rosa.silva@support.example"),
    Wish("Pflegewerk Spree", "48512", "5100.00", "EUR", "personio", "rosa.silva@support.example"),
)


def load() -> tuple[Someone, ...]:
    """Creates what is missing; safe to repeat. Returns the users to print."""
    with transaction.atomic():
        people = {someone.email: _user(someone) for someone in USERS}
        if not Request.objects.exists():
            for wish in WISHES:
                _file(wish, people[wish.filed_by])
    return USERS


def _user(someone: Someone) -> User:
    existing = User.objects.filter(email=someone.email).first()
    return existing or User.objects.create_user(
        someone.email, PASSWORD, name=someone.name, role=someone.role, time_zone="America/Chicago"
    )


def _file(wish: Wish, by: User) -> None:
    company, _ = Company.objects.get_or_create(
        name=wish.company,
        defaults={"lms_id": wish.lms_id, "mrr": Decimal(wish.mrr), "mrr_currency": wish.currency},
    )
    req = file_request(company, wish.provider, by=by)
    for key, raw in wish.answers:
        give_answer(req, req.items.get(key=key), raw, by=by)
        req.refresh_from_db()
    if wish.answers:
        invite_customer(req, "it@blueharbor.example", by=by)
