"""Filing a request: its number, its checklist copied from the card, and what is known of the company."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from integrations import catalog
from integrations import provider as vocabulary
from portal.accounts.models import Company, Role, User
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from requests_app.lifecycle import Stage
from requests_app.models import Answer, AnswerChange, AnswerState, Event, Item, Request, RequestQuerySet
from requests_app.services.kinds import money_text

_OVER = (Stage.REJECTED, Stage.CANCELLED, Stage.CLOSED)
_RECENT = timedelta(days=365)
LINKED = "linked"


def find_duplicates(company: Company, provider_slug: str) -> RequestQuerySet:
    """Requests of this company for this provider that are open or live, newest first."""
    same: RequestQuerySet = Request.objects.filter(company=company, provider_slug=provider_slug)
    return same.exclude(stage__in=_OVER).select_related("owner")


def find_recently_closed(company: Company, provider_slug: str) -> RequestQuerySet:
    """Those that were closed less than a year ago: worth knowing of, in nobody's way (§4.3, lesson 11)."""
    same: RequestQuerySet = Request.objects.filter(company=company, provider_slug=provider_slug)
    recent = same.filter(stage=Stage.CLOSED, stage_since__gte=clock.now() - _RECENT)
    return recent.select_related("owner")


def file_request(
    company: Company,
    provider_slug: str,
    *,
    by: User,
    duplicate_reason: str = "",
    related_to: Request | None = None,
    copied_from: Request | None = None,
) -> Request:
    """A new draft that `by` files and owns. Raises NeedsPerson.

    A second request beside an open or live one needs a reason, or the one that it is `related_to`; the page shows
    the others first.
    """
    if related_to is not None and not duplicate_reason.strip():
        duplicate_reason = LINKED
    if by.role not in (Role.CSM, Role.TL):
        raise NeedsPerson("Only a CSM or a team lead can file a request.", code="not_yours")
    card = _card(provider_slug)
    with transaction.atomic():
        # The company's row is the queue for filing, so that two people cannot file the same thing unseen.
        company = Company.objects.select_for_update().get(pk=company.pk)
        _refuse(company, card, duplicate_reason)
        if any(other and other.company_id != company.pk for other in (related_to, copied_from)):
            raise NeedsPerson("That request belongs to another company.", code="duplicate")
        req = Request.objects.create(
            number=_next_number(),
            company=company,
            provider_slug=card.slug,
            kind=card.kind,
            card_version=card.version,
            owner=by,
            filed_by=by,
            duplicate_reason=duplicate_reason.strip()[:300],
            related_to=related_to,
            copied_from=copied_from,
        )
        _copy_checklist(req, card, by)
        Event.objects.create(
            req=req,
            by=by,
            stage_after=Stage.DRAFT,
            words=f"{by} filed the request for {card.name}{_beside(related_to)}",
            reason="" if related_to else req.duplicate_reason,
        )
    req.refresh_from_db()
    return req


def _card(slug: str) -> vocabulary.Provider:
    try:
        return catalog.get(slug)
    except KeyError:
        raise NeedsPerson(
            "We do not know this provider. Pick one from the list.", code="unknown_provider"
        ) from None


def _beside(related_to: Request | None) -> str:
    return f", linked to {related_to}" if related_to else ""


def _refuse(company: Company, card: vocabulary.Provider, duplicate_reason: str) -> None:
    entitled = company.hris_entitled if card.kind == vocabulary.Kind.HRIS else company.sso_entitled
    if not entitled:
        raise NeedsPerson(
            f"{company}'s plan does not include {card.kind.label} integrations. It must be upgraded first.",
            code="not_entitled",
        )
    if not duplicate_reason.strip() and (same := find_duplicates(company, card.slug).first()):
        raise NeedsPerson(
            f"{same} for {card.name} is already {same.current_stage.label.lower()}. Open it, or say why "
            "another one is needed.",
            code="duplicate",
        )


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('requests_app_number')")
        return int(cursor.fetchone()[0])


def fields_of(card: vocabulary.Provider) -> list[dict[str, Any]]:
    """The columns of each line of the card's checklist, in order."""
    credentials = {item.key for item in card.credentials}
    return [
        {
            "key": item.key,
            "position": position,
            "label": item.label,
            "help": item.help,
            "kind": item.kind.value,
            "owner": item.owner.value,
            "topic": item.topic.value,
            "options": [{"value": option.value, "label": option.label} for option in item.options],
            "required": item.required.as_data(),
            "visible_to": sorted(item.visible_to),
            "ticket": item.ticket.value,
            "maps": item.maps,
            "multiline": item.multiline,
            "is_credential": item.key in credentials,
        }
        for position, item in enumerate(card.checklist)
    ]


def _copy_checklist(req: Request, card: vocabulary.Provider, by: User) -> None:
    items = Item.objects.bulk_create(Item(req=req, **fields) for fields in fields_of(card))
    known = _known(req.company)
    given = {item.pk: known[item.key] for item in items if known.get(item.key)}
    now = clock.now()
    Answer.objects.bulk_create(
        [
            Answer(
                item=item, state=AnswerState.PROVIDED, value=given[item.pk], provided_by=by, provided_at=now
            )
            if item.pk in given
            else Answer(item=item)
            for item in items
        ]
    )
    AnswerChange.objects.bulk_create(
        [AnswerChange(item=item, by=by, after=given[item.pk]) for item in items if item.pk in given]
    )


# What `_known` may answer by itself, so that nobody is asked for it while filing.
PREFILLED = frozenset(
    {"company.name", "company.lms_id", "company.mrr", "hris.mt_company_name", "hris.mt_company_id"}
)


def _known(company: Company) -> dict[str, str]:
    """What the company's record answers. The LMS' own name and ID are a first guess (§5.3, 6)."""
    money = money_text(company.mrr, company.mrr_currency) if company.mrr is not None else ""
    return {
        "company.name": company.name,
        "company.lms_id": company.lms_id,
        "company.mrr": money,
        "hris.mt_company_name": company.name,
        "hris.mt_company_id": company.lms_id,
    }
