"""A person's own notices: the list, the way to what each is about, and how they are mailed."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.models import User
from portal.notices.forms import WishesForm
from portal.notices.models import Notice
from portal.notices.services import address_of, mark_read

PER_PAGE = 50


class ReaderRequest(HttpRequest):
    """Behind the policy there is always a user."""

    user: User


@require_safe
def notice_list(request: ReaderRequest) -> HttpResponse:
    """Newest first. The template groups them by day of the reader's."""
    mine = Notice.objects.filter(user=request.user)
    page = Paginator(mine, PER_PAGE).get_page(request.GET.get("page"))
    newest = page.object_list[0].pk if page.number == 1 and page.object_list else 0
    context = {"page": page, "newest": newest, "has_unread": mine.filter(read_at=None).exists()}
    return render(request, "notices/notice_list.html", context)


@require_safe
def notice_open(request: ReaderRequest, pk: int) -> HttpResponse:
    """Marks the notice read and leads to what it is about. A look ahead (HEAD) marks nothing."""
    notice = get_object_or_404(Notice, user=request.user, pk=pk)
    if request.method == "GET":
        Notice.objects.filter(pk=notice.pk, read_at=None).update(read_at=Now())
    return redirect(address_of(notice))


@require_POST
def notices_read(request: ReaderRequest) -> HttpResponse:
    """POST `upto`, the newest notice that the page showed. What came later stays unread."""
    upto = request.POST.get("upto", "")
    if upto.isascii() and upto.isdecimal() and len(upto) < 19 and mark_read(request.user, upto=int(upto)):
        messages.success(request, "All marked as read.")
    return redirect("notice_list")


@require_http_methods(["GET", "HEAD", "POST"])
def notice_preferences(request: ReaderRequest) -> HttpResponse:
    form = WishesForm(request.POST if request.method == "POST" else None, user=request.user)
    if form.is_valid():
        form.save()
        messages.success(request, "Saved. It holds for what happens from now on.")
        return redirect("notice_preferences")
    return render(request, "notices/preferences.html", {"form": form}, status=422 if form.errors else 200)
