"""Demo people and requests for `make run`: made through the same services as everybody else's, then put into the past."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Value
from PIL import Image, ImageDraw

from integrations.provider import ItemKind, Owner
from integrations.services import drafts
from integrations.services.confirming import affected_by
from integrations.services.starts import SYNC_RUN
from portal.accounts.models import AccessLink, Company, Membership, Role, User
from portal.kit import clock, queue
from portal.sandbox import credentials
from requests_app.models import Answer, AnswerChange, Event, Item, Message, Reach, Request
from requests_app.services.answers import give_answer, postpone_answer
from requests_app.services.decisions import send_back
from requests_app.services.filing import file_request
from requests_app.services.invitations import invite_customer
from requests_app.services.moves import make_move
from requests_app.services.setting_up import begin_set_up, has_set_up
from requests_app.services.talk import write_message

PASSWORD = "integration-desk-demo"  # noqa: S105 - printed at the start, refused nowhere but in production


@dataclass(frozen=True, slots=True)
class Someone:
    name: str
    email: str
    role: Role


JAMIE = Someone("Jamie Park", "jamie.park@support.example", Role.CSM)
ROSA = Someone("Rosa Silva", "rosa.silva@support.example", Role.CSM)
MAYA = Someone("Maya Ortiz", "maya.ortiz@support.example", Role.TL)
USERS = (
    JAMIE,
    ROSA,
    MAYA,
    Someone("Anton Keller", "anton.keller@support.example", Role.TL),
    Someone("Devi Rao", "devi.rao@support.example", Role.DEVELOPER),
    Someone("Omar Haddad", "omar.haddad@support.example", Role.OPERATOR),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """`fate` is the story below that it goes through; `days` how long ago it was filed."""

    company: str
    lms_id: str
    mrr: str
    currency: str
    provider: str
    by: Someone
    fate: str
    days: int
    customer: str = "Dana Whitfield"
    color: str = ""

    @property
    def email(self) -> str:
        name = self.company.lower().split()[0]
        return f"{self.customer.lower().replace(' ', '.')}@{name}.example"


WISHES = (
    Wish("Silver Lake Dialysis", "48102", "9260.00", "USD", "microsoft_entra_id", JAMIE, "live", 24),
    Wish(
        "Granite State Cardiology",
        "48117",
        "7220.00",
        "USD",
        "adp_workforce_now",
        ROSA,
        "live",
        17,
        color="#0f766e",
    ),
    Wish("Prairie Wound Care", "48166", "1480.00", "USD", "sage_hr", ROSA, "rejected", 15),
    Wish("Harbourside Care Trust", "48203", "5990.00", "GBP", "microsoft_entra_id", JAMIE, "submitted", 9),
    Wish("Lakeshore Pediatrics", "48240", "1540.00", "USD", "adp_totalsource", ROSA, "submitted", 6),
    Wish(
        "Pflegewerk Spree",
        "48512",
        "5100.00",
        "EUR",
        "personio",
        ROSA,
        "waiting",
        12,
        "Jonas Brandt",
        "#7c2d12",
    ),
    Wish("Blue Harbor Senior Living", "48420", "7310.00", "USD", "bamboohr", JAMIE, "stuck", 5, "Kim Novak"),
    Wish("Sunrise Memory Care", "48431", "6440.00", "USD", "staffcloud", JAMIE, "sent_back", 8),
    Wish("Northgate Dental Group", "48377", "1890.00", "USD", "microsoft_entra_id", JAMIE, "draft", 2),
    Wish("Cedar Valley Hospice", "48466", "2640.00", "USD", "adp_comprehensive_services", ROSA, "draft", 1),
)

_VALUES: Mapping[str, Any] = {
    "sso.poc_name": "Sam Okafor",
    "sso.poc_email": "sam.okafor@riverside.example",
    "sso.poc_phone": "+1 555 010 0144",
    "sso.poc_timezone": "America/Chicago",
    "sso.test_username": "sso.test@riverside.example",
    "sso.test_password": "a-long-enough-Test-password-1",
    "secret_expires_on": f"{clock.now().date() + timedelta(days=170):%Y-%m-%d}",
    "hris.goal": "Keep course assignments in step with departments.",
    "hris.brand_new": "false",
    "hris.company_age": "old_customer",
    "hris.notify_employees": "false",
}
_BY_KIND: Mapping[str, Any] = {ItemKind.BOOL: "true", ItemKind.ATTEST: "true", ItemKind.DATE: "2027-05-31"}
_VENDORS = {"adp": "adp", "bamboohr": "bamboohr", "microsoft": "entra", "personio": "personio",
            "sage": "sage_hr", "staffcloud": "staffcloud"}  # fmt: skip


def load() -> tuple[Someone, ...]:
    """Creates what is missing; safe to repeat, also after half of it. Returns the users to print."""
    people = {someone: _user(someone) for someone in USERS}
    for wish in WISHES:
        if not Company.objects.filter(name=wish.company).exists():
            req = _filed(wish, people[wish.by])
            _FATES[wish.fate](wish, req, people[MAYA])
            _put_back(req, wish.days)
    return USERS


def _user(someone: Someone) -> User:
    existing = User.objects.filter(email=someone.email).first()
    return existing or User.objects.create_user(
        someone.email, PASSWORD, name=someone.name, role=someone.role, time_zone="America/Chicago"
    )


def _filed(wish: Wish, by: User) -> Request:
    company = Company.objects.create(
        name=wish.company,
        lms_id=wish.lms_id,
        mrr=Decimal(wish.mrr),
        mrr_currency=wish.currency,
        color=wish.color,
    )
    return file_request(company, wish.provider, by=by)


# --- what became of them ------------------------------------------------------------------------------------


def _draft(wish: Wish, req: Request, tl: User) -> None:
    _answer(req, Owner.CSM, req.owner, most=2)


def _waiting(wish: Wish, req: Request, tl: User) -> User:
    """Invited, opened, a part of it answered, one answer promised."""
    _answer(req, Owner.CSM, req.owner)
    language = "de" if wish.currency == "EUR" else "en"
    customer = _opened(wish, invite_customer(req, wish.email, by=req.owner, language=language), language)
    _answer(req, Owner.CUSTOMER, customer, most=2)
    if late := Item.objects.filter(req=req, owner=Owner.CUSTOMER, answer__state="missing").last():
        due = clock.now().date() + timedelta(days=4)
        postpone_answer(req, late, reason="Our security team decides on Thursday.", due_on=due, by=customer)
    return customer


def _stuck(wish: Wish, req: Request, tl: User) -> None:
    customer = _waiting(wish, req, tl)
    words = "I do not see API Keys in my account menu. Is there another right that I need?"
    write_message(req, words, by=customer, reach=Reach.CUSTOMER, is_stuck=True)
    write_message(
        req, "Probably not an account owner. @devi have you seen this?", by=req.owner, reach=Reach.INTERNAL
    )


def _submitted(wish: Wish, req: Request, tl: User) -> None:
    _answer(req, Owner.CSM, req.owner)
    customer = _opened(wish, invite_customer(req, wish.email, by=req.owner), "en")
    _answer(req, Owner.CUSTOMER, customer)
    req.refresh_from_db()
    _set_up(req, customer)
    make_move(req, "hand_back", by=customer)
    make_move(req, "submit", by=req.owner)


def _set_up(req: Request, customer: User) -> None:
    """The customer walks through the set-up, against the sandbox; the plan is made here instead of by a worker."""
    if not (settings.SANDBOX_URL and has_set_up(req)):
        return
    draft = drafts.open_draft(begin_set_up(req, by=customer))
    if draft is None:
        return
    drafts.save_consent(draft, declined=(), by=customer, expected_version=draft.version)
    drafts.authenticate(draft, {}, by=customer)
    draft.refresh_from_db()
    drafts.save_filter(draft, draft.filter, by=customer, expected_version=draft.version)
    draft.refresh_from_db()
    drafts.save_mapping(draft, draft.mapping, draft.policy, by=customer, expected_version=draft.version)
    plan = drafts.start_plan(draft, by=customer)
    queue.run_job(SYNC_RUN, plan.pk)
    plan.refresh_from_db()
    drafts.confirm(draft, typed=affected_by(plan), plan_digest=plan.plan_digest, by=customer)


def _sent_back(wish: Wish, req: Request, tl: User) -> None:
    _submitted(wish, req, tl)
    req.refresh_from_db()
    comments = {"hris.goal": "Which departments? The developers will ask."}
    send_back(req, comments, by=tl, expected_version=req.version)


def _rejected(wish: Wish, req: Request, tl: User) -> None:
    _submitted(wish, req, tl)
    make_move(
        req, "reject", by=tl, reason="They move to another HR system in January; start again with that one."
    )


def _live(wish: Wish, req: Request, tl: User) -> None:
    """The rest is done by the workers: the ticket, the connection, its first run."""
    _submitted(wish, req, tl)
    make_move(req, "approve", by=tl)


_FATES: Mapping[str, Callable[[Wish, Request, User], object]] = {
    "draft": _draft,
    "waiting": _waiting,
    "stuck": _stuck,
    "submitted": _submitted,
    "sent_back": _sent_back,
    "rejected": _rejected,
    "live": _live,
}


def _opened(wish: Wish, link: AccessLink, language: str) -> User:
    """The customer has opened their link."""
    customer = User.objects.create_user(
        wish.email, name=wish.customer, role=Role.CUSTOMER_ADMIN, language=language
    )
    Membership.objects.create(user=customer, company=link.company, link=link)
    AccessLink.objects.filter(pk=link.pk).update(
        used_at=clock.now(), last_seen_at=clock.now(), used_by=customer
    )
    return customer


def _answer(req: Request, owner: Owner, by: User, most: int = 100) -> None:
    given = {**_VALUES, **_credentials(req.provider_slug)}
    for item in Item.objects.filter(req=req, owner=owner, answer__state="missing").order_by("position")[
        :most
    ]:
        raw = given.get(item.key) or (item.options[0]["value"] if item.options else _BY_KIND.get(item.kind))
        if item.kind == ItemKind.FILE:
            raw = _screenshot(req)
        if raw:
            give_answer(req, item, raw, by=by)


def _credentials(slug: str) -> Mapping[str, str]:
    return credentials.demo()[_VENDORS[slug.partition("_")[0]]]


def _screenshot(req: Request) -> SimpleUploadedFile:
    """What a vendor's page about purchase and consent might look like."""
    picture = Image.new("RGB", (960, 540), "#f4f6fa")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 960, 64), fill="#1f3a5f")
    draw.text((32, 18), f"{req.provider.name} · Marketplace", fill="white", font_size=24)
    for row, words in enumerate(
        (f"Connector for {req.company.name}", "Purchased: yes", "Consent agreement: accepted")
    ):
        draw.text((32, 110 + 60 * row), words, fill="#1b2733", font_size=26)
    out = io.BytesIO()
    picture.save(out, format="PNG")
    return SimpleUploadedFile("consent.png", out.getvalue())


# --- into the past ------------------------------------------------------------------------------------------


def _put_back(req: Request, days: int) -> None:
    """Spreads what just happened over the days since the filing. Only here may the timeline be rewritten."""
    events = list(Event.objects.filter(req=req).order_by("pk"))
    ages = [
        timedelta(days=days * (1 - 0.8 * index / max(len(events) - 1, 1))) for index in range(len(events))
    ]
    first, last = ages[0], ages[-1]
    with transaction.atomic(), connection.cursor() as cursor:
        for table in (Event, AnswerChange):
            cursor.execute(f'ALTER TABLE "{table._meta.db_table}" DISABLE TRIGGER USER')
        for event, age in zip(events, ages, strict=True):
            Event.objects.filter(pk=event.pk).update(at=_earlier("at", age))
        AnswerChange.objects.filter(item__req=req).update(at=_earlier("at", (first + last) / 2))
        for table in (Event, AnswerChange):
            cursor.execute(f'ALTER TABLE "{table._meta.db_table}" ENABLE TRIGGER USER')
        Answer.objects.filter(item__req=req).update(provided_at=_earlier("provided_at", (first + last) / 2))
        Message.objects.filter(req=req).update(at=_earlier("at", last))
        Request.objects.filter(pk=req.pk).update(
            created_at=_earlier("created_at", first),
            updated_at=_earlier("updated_at", last),
            stage_since=_earlier("stage_since", last),
            submitted_at=_earlier("submitted_at", (first + last * 4) / 5),
            decided_at=_earlier("decided_at", last),
        )


def _earlier(field: str, age: timedelta) -> ExpressionWrapper[Any]:
    return ExpressionWrapper(F(field) - Value(age), output_field=DateTimeField())
