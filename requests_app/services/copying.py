"""A request for another provider of the same company, with the answers that fit copied over."""

from __future__ import annotations

from django.db import transaction

from integrations.provider import ItemKind, Owner
from portal.accounts.models import User
from portal.audit.services import record
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from requests_app.models import Answer, AnswerChange, AnswerState, Event, Item, Request
from requests_app.queries import shown_value
from requests_app.services.filing import file_request

# A secret is never copied; a file proves one purchase, and an attestation is somebody's word for one request.
_NEVER = (ItemKind.SECRET, ItemKind.FILE, ItemKind.ATTEST)
_GIVEN = (AnswerState.PROVIDED, AnswerState.ACCEPTED)


def copy_request(
    req: Request,
    provider_slug: str,
    *,
    by: User,
    duplicate_reason: str = "",
    related_to: Request | None = None,
) -> Request:
    """A new draft of `by` with what was answered for the same questions, and `copied_from` set.

    The history of each copied answer names the copier and the request it came from. Raises NeedsPerson.
    """
    if not Request.objects.for_actor(by).filter(pk=req.pk).exists():
        raise NeedsPerson("You cannot copy this request.", code="not_yours")
    if provider_slug == req.provider_slug:
        raise NeedsPerson(f"Choose another system than {req.provider.name}.", code="unknown_provider")
    with transaction.atomic():
        made = file_request(
            req.company,
            provider_slug,
            by=by,
            duplicate_reason=duplicate_reason,
            related_to=related_to,
            copied_from=req,
        )
        count = _copy_answers(req, made, by)
        words = f"{by} copied {count} answer{'' if count == 1 else 's'} from {req}"
        Event.objects.create(req=made, by=by, move="copy", words=words)
        details = {"from": str(req), "answers": count}
        record("request.copy", by=by, company_id=req.company_id, subject=str(made), details=details)
    return made


def copyable(req: Request, provider_keys: dict[str, str]) -> list[Answer]:
    """The answers of `req` that a checklist with these keys and kinds can take over."""
    given = Answer.objects.filter(item__req=req, state__in=_GIVEN, item__key__in=provider_keys)
    given = given.exclude(item__kind__in=_NEVER).exclude(value=None).select_related("item")
    return [answer for answer in given if provider_keys[answer.item.key] == answer.item.kind]


def _copy_answers(source: Request, made: Request, by: User) -> int:
    fresh = {item.key: item for item in Item.objects.filter(req=made).select_related("answer")}
    now, reason, copied = clock.now(), f"copied from {source}", 0
    for given in copyable(source, {item.key: item.kind for item in fresh.values()}):
        item = fresh[given.item.key]
        if item.answer.state != AnswerState.MISSING or not _fits(item, given):
            continue
        Answer.objects.filter(item=item).update(
            value=given.value, state=AnswerState.PROVIDED, provided_by=by, provided_at=now
        )
        AnswerChange.objects.create(
            item=item,
            by=by,
            after=shown_value(given)[:500],
            reason=reason,
            on_behalf=item.owner == Owner.CUSTOMER,
        )
        copied += 1
    return copied


def _fits(item: Item, given: Answer) -> bool:
    """The options of a choice differ from vendor to vendor."""
    if item.kind != ItemKind.CHOICE:
        return True
    return given.value in [option["value"] for option in item.options]
