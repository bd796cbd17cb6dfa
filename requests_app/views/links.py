"""The customer's link: sent, sent again, seen, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from integrations.provider import Audience
from integrations.services.drafts import DraftRefused
from portal.accounts.models import AccessLink, Language, User
from portal.accounts.services import LINK_DAYS, revoke_link
from portal.kit import clock
from portal.kit.errors import NeedsPerson
from requests_app import queries
from requests_app.models import Request
from requests_app.services.delegation import delegate, may_hand_set_up_on
from requests_app.services.invitations import invite_customer
from requests_app.services.moves import MoveRefused
from requests_app.views.shared import DeskRequest, staff_req


class InviteForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address of the customer's admin",
        max_length=254,
        help_text="The person who looks after the system at the customer. Only they can use the link.",
    )
    language = forms.ChoiceField(
        label="Language of the mail and their pages", choices=Language.choices, required=False
    )


@dataclass(frozen=True, slots=True)
class Invited:
    """An address and what became of the links that it got; `latest` is the newest of them.

    `holds` are the items that were handed on to it; empty for the customer's whole part.
    """

    latest: AccessLink
    opened_at: datetime | None
    seen_at: datetime | None
    is_live: bool
    holds: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        if not self.is_live:
            return "Revoked" if self.latest.revoked_at else "Expired"
        return "Opened" if self.opened_at else "Not opened yet"

    @property
    def tone(self) -> str:
        return {"Opened": "good", "Not opened yet": "info", "Expired": "warn"}.get(self.words, "neutral")


def invited_to(req: Request, labels: Mapping[str, str]) -> list[Invited]:
    """Everybody who got a link, the latest first. `labels` name the items that may have been handed on."""
    by_address: dict[str, list[AccessLink]] = {}
    links = AccessLink.objects.filter(request_id=req.public_id).select_related("used_by", "delegated_by")
    for link in links.order_by("-created_at"):
        by_address.setdefault(link.email, []).append(link)
    return [_invited(links, labels) for links in by_address.values()]


def note_visit(req: Request, user: User) -> None:
    """Remembers, once a minute, that the customer looked."""
    links = AccessLink.objects.filter(request_id=req.public_id, used_by=user, revoked_at=None)
    links.filter(last_seen_at__lt=clock.now() - timedelta(minutes=1)).update(last_seen_at=Now())


def _invited(links: list[AccessLink], labels: Mapping[str, str]) -> Invited:
    live = [link for link in links if link.revoked_at is None]
    opened = [link.used_at for link in live if link.used_at]
    seen = [link.last_seen_at for link in links if link.last_seen_at]
    usable = any(link.used_at is None and link.expires_at > clock.now() for link in live)
    whole = any(not link.item_keys for link in live or links)
    keys = () if whole else sorted({key for link in live or links for key in link.item_keys})
    return Invited(
        links[0],
        max(opened, default=None),
        max(seen, default=None),
        bool(opened) or usable,
        tuple(labels.get(key, key) for key in keys),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def request_invite(request: DeskRequest, number: int) -> HttpResponse:
    """`?set_up=1` asks somebody to set the connection up, wherever the request stands."""
    req = staff_req(request.user, number)
    sets_up = bool(request.GET.get("set_up")) and may_hand_set_up_on(req, request.user)
    last = AccessLink.objects.filter(request_id=req.public_id).order_by("-created_at").first()
    initial = {"email": last.email, "language": last.language} if last else {}
    form = InviteForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            _invite(req, form.cleaned_data, by=request.user, sets_up=sets_up)
        except NeedsPerson as error:
            form.add_error("email", error.sentence)
        except (MoveRefused, DraftRefused) as error:
            form.add_error(None, error.sentence)
        else:
            messages.success(request, f"The link is on its way to {form.cleaned_data['email']}.")
            return redirect("request_detail", number)
    asked = [state for state in queries.checklist(req, Audience.CUSTOMER) if not state.is_done]
    context = {"req": req, "form": form, "asked": asked, "days": LINK_DAYS, "again": last is not None}
    context["sets_up"] = sets_up
    return render(request, "requests_app/invite.html", context, status=422 if form.errors else 200)


def _invite(req: Request, given: Mapping[str, str], *, by: User, sets_up: bool) -> AccessLink:
    language = given["language"] or Language.ENGLISH
    if sets_up:
        return delegate(req, given["email"], by=by, sets_up=True, language=language)
    return invite_customer(req, given["email"], by=by, language=language)


@require_POST
def request_link_revoke(request: DeskRequest, number: int, pk: int) -> HttpResponse:
    req = staff_req(request.user, number)
    link = get_object_or_404(AccessLink, request_id=req.public_id, pk=pk)
    with transaction.atomic():
        # Whoever opened an older link of this address came in by that one.
        for each in AccessLink.objects.filter(request_id=req.public_id, email=link.email, revoked_at=None):
            revoke_link(each)
    messages.success(request, f"{link.email} can no longer see this request.")
    return redirect("request_detail", number)
