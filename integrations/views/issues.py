"""The inbox: what is wrong with whose connection, and putting it aside for a while."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from integrations.models import Issue
from integrations.permissions import SETTERS
from integrations.services import issues
from integrations.views.shared import DeskRequest, company_of, do_and_say, page_of
from integrations.views.words import issue_amount

PER_PAGE = 25
OPEN, ASIDE, OVER = "", "aside", "over"


@require_safe
def issue_list(request: DeskRequest) -> HttpResponse:
    """Of all companies that the reader may see, or of the one in `?company=`; `?show=` aside or over."""
    company = company_of(request.user, request.GET["company"]) if request.GET.get("company") else None
    found = issues.issues_for(request.user, company)
    show = request.GET.get("show", OPEN)
    show = show if show in (ASIDE, OVER) else OPEN
    if show == OVER:
        rows = found.exclude(resolved_at=None).order_by("-resolved_at", "-pk")
    elif show == ASIDE:
        rows = found.filter(resolved_at=None, snoozed_until__gt=Now())
    else:
        rows = found.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=Now()), resolved_at=None)
    page = page_of(request, rows, PER_PAGE)
    context = {
        "page": page,
        "rows": [(issue, issue_amount(issue)) for issue in page],
        "company": company,
        "show": show,
        "tabs": [(OPEN, _("Open")), (ASIDE, _("Put aside")), (OVER, _("Over"))],
        "many_companies": request.user.is_desk_staff,
        "may_set": request.user.role in SETTERS,
        "snoozes": issues.SNOOZES,
    }
    return render(request, "integrations/issues.html", context)


@require_POST
def issue_snooze(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Puts it aside for `days`; 0 brings it back."""
    issue: Issue = get_object_or_404(Issue.objects.for_actor(request.user), public_id=public_id)
    try:
        days = int(request.POST.get("days", "3")[:3])
    except ValueError:
        days = -1
    done = _("Put aside. It comes back by itself.") if days else _("It is among the open ones again.")
    do_and_say(request, lambda: issues.snooze(issue, days, by=request.user), done)
    return redirect(_back(request))


def _back(request: HttpRequest) -> str:
    """The list as it was; an address of somebody else's is not followed."""
    asked = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    return asked if safe else reverse("issue_list")
