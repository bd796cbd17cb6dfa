"""The page on which the desk takes over a newer version of the checklist."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from requests_app.services.answers import EditRefused
from requests_app.services.versions import adopt_card, diff_with_card
from requests_app.views.shared import DeskRequest, staff_req


@require_http_methods(["GET", "HEAD", "POST"])
def request_card(request: DeskRequest, number: int) -> HttpResponse:
    req = staff_req(request.user, number)
    if request.method == "POST":
        try:
            adopt_card(req, by=request.user)
        except EditRefused as refused:
            messages.warning(request, str(refused))
        else:
            messages.success(request, f"The checklist is now version {req.card_version}.")
        return redirect("request_detail", number)
    context = {"req": req, "diff": diff_with_card(req), "can_adopt": req.current_stage.is_in_preparation}
    return render(request, "requests_app/card.html", context)
