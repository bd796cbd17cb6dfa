"""The page of a receipt: who confirmed what, in words, and whether it still says so. Made to be printed."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from integrations.models import DraftState, Purpose, Receipt
from integrations.services import receipts
from integrations.services.receipts import Difference
from integrations.views.shared import DeskRequest
from integrations.views.words import KIND_TONES

_TITLES = {
    Purpose.SETUP: gettext_noop("Set-up confirmed"),
    Purpose.CHANGE: gettext_noop("Change of settings confirmed"),
}
_PARTS = {
    "filter": gettext_noop("Who comes in"),
    "mapping": gettext_noop("What is shown, and where it comes from"),
    "policy": gettext_noop("Where there is a choice"),
    "declined": gettext_noop("What is read"),
    receipts.CREDENTIALS: gettext_noop("Credentials"),
}
_BECAME = {
    DraftState.CONFIRMED: gettext_noop("Waits for the run that carries it out"),
    DraftState.APPLIED: gettext_noop("In use"),
    DraftState.WITHDRAWN: gettext_noop("Not carried out: the connection was ended"),
    DraftState.REFUSED: gettext_noop("Not carried out: the plan had changed, or the run failed"),
}


@require_safe
def receipt_detail(request: DeskRequest, public_id: UUID) -> HttpResponse:
    rows = Receipt.objects.for_actor(request.user)
    receipt = get_object_or_404(
        rows.select_related("connection__company", "draft", "confirmed_by"), public_id=public_id
    )
    differences = receipts.difference(receipt)
    context = {
        "receipt": receipt,
        "connection": receipt.connection,
        "title": _(_TITLES[Purpose(receipt.purpose)]),
        "verified": receipts.verify(receipt),
        "counts": _counts(receipt),
        "parts": _parts(differences),
        "run": receipt.runs.order_by("-pk").first(),
        "became": _(_BECAME.get(DraftState(receipt.draft.state), "")) or receipt.draft.get_state_display(),
    }
    return render(request, "integrations/receipt_detail.html", context)


def _counts(receipt: Receipt) -> list[dict[str, Any]]:
    """People by kind of change, in the order of the change log, then groups and invitations."""
    return [
        {"label": label, "tone": KIND_TONES.get(name, "neutral"), "number": intcomma(number)}
        for name, label, number in receipts.counted(receipt)
    ]


def _parts(differences: tuple[Difference, ...]) -> list[tuple[str, list[Difference]]]:
    return [(_(_PARTS[part]), list(lines)) for part, lines in groupby(differences, lambda one: one.part)]
