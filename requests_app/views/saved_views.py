"""Saved views of the queue: kept, renamed, shared, opened by their address, deleted."""

from __future__ import annotations

from urllib.parse import parse_qsl

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.kit.errors import NeedsPerson
from requests_app.models import SavedView
from requests_app.services.saved_views import delete_view, save_view, views_for
from requests_app.views.shared import DeskRequest


class SavedViewForm(forms.Form):
    """`view` is the key of one's own view that is changed; empty for a new one."""

    name = forms.CharField(label="Name", max_length=60)
    shared = forms.BooleanField(
        label="Share it with the desk",
        required=False,
        help_text="Everybody sees the filters, and through them only the requests that they may see.",
    )
    query = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)
    view = forms.IntegerField(required=False, widget=forms.HiddenInput)


@require_safe
def saved_view(request: DeskRequest, pk: int) -> HttpResponse:
    """The short address of a view leads to its filters. A colleague's private view is as if it were missing."""
    view = get_object_or_404(views_for(request.user), pk=pk)
    return redirect(f"{reverse('request_list')}?{view.query}")


@require_http_methods(["GET", "HEAD", "POST"])
def saved_view_save(request: DeskRequest) -> HttpResponse:
    """A refusal stands at this address; whoever looks at it comes back to the queue."""
    if request.method != "POST":
        return redirect("request_list")
    form = SavedViewForm(request.POST)
    if form.is_valid():
        own, given = None, form.cleaned_data
        if given["view"]:
            own = get_object_or_404(SavedView, owner=request.user, pk=given["view"])
        tab = dict(parse_qsl(given["query"])).get("tab", "")[:20]
        try:
            view = save_view(
                request.user, given["name"], query=given["query"], shared=given["shared"], view=own, tab=tab
            )
        except NeedsPerson as error:
            form.add_error("name", error.sentence)
        else:
            who = "for the whole desk" if view.shared else "for you"
            messages.success(request, f"The view “{view.name}” is saved {who}.")
            return redirect(f"{reverse('request_list')}?{view.query}")
    return render(request, "requests_app/saved_view.html", {"form": form}, status=422)


@require_POST
def saved_view_delete(request: DeskRequest, pk: int) -> HttpResponse:
    view = get_object_or_404(SavedView, owner=request.user, pk=pk)
    query = view.query
    delete_view(view, by=request.user)
    messages.success(request, f"The view “{view.name}” is deleted. The requests are as they were.")
    return redirect(f"{reverse('request_list')}?{query}")
