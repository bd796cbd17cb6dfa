"""Requests as far along as a test needs them, made by the services that people use."""

from __future__ import annotations

import hashlib
import io
import os
from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from integrations.models import Draft, DraftState, Purpose, Receipt, SetupStep
from integrations.provider import ItemKind, Owner
from integrations.signals import draft_confirmed
from portal.accounts.models import AccessLink, Company, Role, User
from portal.kit import clock
from requests_app.lifecycle import Stage
from requests_app.models import Answer, Evidence, Item, Request
from requests_app.services.answers import give_answer
from requests_app.services.filing import file_request
from requests_app.services.moves import make_move
from requests_app.services.setting_up import begin_set_up
from tests.support.people import a_company, a_customer, a_user

ADP, PERSONIO, ENTRA = "adp_workforce_now", "personio", "microsoft_entra_id"

VALUES: dict[str, Any] = {
    "sso.poc_name": "Jane Roe",
    "sso.poc_email": "jane.roe@acme.test",
    "sso.poc_phone": "+1 555 010 0100",
    "sso.poc_timezone": "America/Chicago",
    "sso.test_username": "sso.test@acme.test",
    "sso.test_password": "pa55-word-of-the-test-user",
    "tenant_domain": "acme.test",
    "application_id": "11111111-2222-3333-4444-555555555555",
    "client_secret": "Rv8Q~sandbox7hT2kLm.W4xZp9dY_c3NfJb6GqUa",
    "hris.brand_new": "false",
    "hris.company_exists": "true",
    "hris.company_age": "old_customer",
    "hris.goal": "Keep employees in step with payroll",
    "hris.employees_exist": "true",
    "hris.location_source": "home_work_location",
    "hris.position_source": "primary_position",
    "hris.email_source": "work_email",
}
_BY_KIND: dict[str, Any] = {
    ItemKind.TEXT: "some text",
    ItemKind.LONGTEXT: "Some longer text",
    ItemKind.EMAIL: "jane.roe@acme.test",
    ItemKind.PHONE: "+1 555 010 0100",
    ItemKind.TIMEZONE: "America/Chicago",
    ItemKind.DOMAIN: "acme.test",
    ItemKind.UUID_OR_TEXT: "11111111-2222-3333-4444-555555555555",
    ItemKind.MONEY: "4250.00 USD",
    ItemKind.SECRET: "s3cret-value-nobody-may-see",
    ItemKind.BOOL: "true",
    ItemKind.ATTEST: "true",
    ItemKind.DATE: "2027-05-31",
}


def picture(width: int = 40, height: int = 30, form: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (12, 120, 80)).save(out, format=form, **options)
    return out.getvalue()


def an_upload(content: bytes | None = None, name: str = "consent acme.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture() if content is None else content)


def a_csm(name: str = "Jamie Park") -> User:
    return a_user(Role.CSM, name)


def a_tl(name: str = "Ben Ortiz") -> User:
    return a_user(Role.TL, name)


def a_request(slug: str = PERSONIO, *, by: User | None = None, company: Company | None = None) -> Request:
    return file_request(company or a_company(), slug, by=by or a_csm())


def let_in(req: Request, customer: User) -> AccessLink:
    """The customer has opened a link to this request."""
    token = os.urandom(8).hex()
    return AccessLink.objects.create(
        company=req.company,
        request_id=req.public_id,
        email=customer.email,
        nonce=os.urandom(32),
        token_hash=AccessLink.hash_of(token),
        expires_at=clock.now() + timedelta(days=7),
        used_at=clock.now(),
        used_by=customer,
    )


def customer_of(req: Request) -> User:
    """A customer admin with a live link; the same one when asked again."""
    link = AccessLink.objects.filter(request_id=req.public_id).exclude(used_by=None).first()
    if link and link.used_by:
        return link.used_by
    customer = a_customer(req.company)
    let_in(req, customer)
    return customer


def item_of(req: Request, key: str) -> Item:
    return Item.objects.select_related("req").get(req=req, key=key)


def answer_of(req: Request, key: str) -> Answer:
    return Answer.objects.select_related("item__req").get(item__req=req, item__key=key)


def a_file(req: Request) -> Evidence:
    """The picture as store_evidence would keep it, without the child process that draws it."""
    content = picture()
    evidence = Evidence(
        req=req,
        sha256=hashlib.sha256(content).hexdigest(),
        name="consent acme.png",
        content_type="image/png",
        size=len(content),
        uploaded_by=req.owner,
    )
    evidence.file.save("consent.png", ContentFile(content), save=False)
    evidence.save()
    return evidence


def value_for(item: Item) -> Any:
    if item.key in VALUES:
        return VALUES[item.key]
    if item.kind == ItemKind.FILE:
        return a_file(item.req)
    return item.options[0]["value"] if item.kind == ItemKind.CHOICE else _BY_KIND[ItemKind(item.kind)]


def give(req: Request, key: str, raw: Any, by: User) -> Answer:
    return give_answer(req, item_of(req, key), raw, by=by)


def complete(req: Request, **values: Any) -> Request:
    """Everything answered: the desk's part by the owner, the customer's part by the customer."""
    customer = customer_of(req)
    for item in Item.objects.filter(req=req).exclude(owner=Owner.CUSTOMER):
        if item.answer.value is None:
            give_answer(req, item, values[item.key] if item.key in values else value_for(item), by=req.owner)
    make_move(req, "send_to_customer", by=req.owner)
    for item in Item.objects.filter(req=req, owner=Owner.CUSTOMER):
        give_answer(req, item, values[item.key] if item.key in values else value_for(item), by=customer)
    return make_move(req, "hand_back", by=customer)


def submitted(slug: str = PERSONIO, *, by: User | None = None) -> Request:
    req = complete(a_request(slug, by=by))
    return make_move(req, "submit", by=req.owner)


def approved(slug: str = PERSONIO, *, tl: User | None = None) -> Request:
    return make_move(submitted(slug), "approve", by=tl or a_tl())


def put_in_stage(req: Request, stage: Stage) -> Request:
    """Straight into a stage, past the rules: only to test what may be done from there."""
    Request.objects.filter(pk=req.pk).update(stage=stage)
    req.refresh_from_db()
    return req


def confirmed(req: Request, by: User, affected: int = 7) -> Receipt:
    """As drafts.confirm leaves it, without a vendor to read."""
    connection = begin_set_up(req, by=by)
    draft = Draft.objects.get(connection=connection, state=DraftState.OPEN)
    Draft.objects.filter(pk=draft.pk).update(state=DraftState.CONFIRMED, step=SetupStep.DONE)
    receipt = Receipt.objects.create(
        connection=connection,
        draft=draft,
        purpose=Purpose.SETUP,
        counts={"added": affected},
        affected=affected,
        rules_digest="0" * 32,
        plan_digest="0" * 32,
        digest="ab" * 32,
        confirmed_by=by,
    )
    connection.confirmed_at = receipt.confirmed_at
    connection.save(update_fields=["confirmed_at"])
    draft_confirmed.send(type(receipt), connection=connection, receipt=receipt)
    return receipt
