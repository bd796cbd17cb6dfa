"""Saying something about a request: a note or a message, never both from one button; and ending a blocker."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.kit.errors import NeedsPerson
from requests_app.models import Message, Reach, Request
from requests_app.services.evidence import store_evidence
from requests_app.services.kinds import InvalidAnswer
from requests_app.services.talk import may_write, mentionable, readers_of, resolve_stuck, write_message
from requests_app.views.conversation import MessageForm, Said
from requests_app.views.detail import show
from requests_app.views.shared import DeskRequest, staff_req

_MOST_FILES = 5


@require_http_methods(["GET", "HEAD", "POST"])
def message_new(request: DeskRequest, number: int) -> HttpResponse:
    """POST `reach`, `text` and `files`. By htmx the answer is an empty form and the new line; without, the page."""
    req = staff_req(request.user, number)
    if request.method != "POST":
        return redirect("request_detail", number)
    if request.POST.get("reach") not in Reach.values:
        raise Http404
    form = MessageForm(Reach(request.POST["reach"]), request.POST)
    message = _written(request, req, form) if form.is_valid() else None
    if not request.htmx:
        return redirect(_place(message)) if message else show(request, req, refused=form)
    context = {
        "req": req,
        "form": form if message is None else MessageForm(form.reach),
        "readers": readers_of(req),
        "line": Said(message) if message else None,
    }
    return render(request, "requests_app/_talk_answer.html", context, status=200 if message else 422)


@require_POST
def message_resolve(request: DeskRequest, number: int, pk: int) -> HttpResponse:
    req = staff_req(request.user, number)
    message = get_object_or_404(Message.objects.select_related("req__company", "item", "by"), req=req, pk=pk)
    try:
        resolve_stuck(message, by=request.user)
    except NeedsPerson as error:
        messages.warning(request, error.sentence)
    else:
        messages.success(request, "Resolved. The customer sees that in their part.")
    return redirect("request_detail", number)


@require_safe
def staff_search(request: DeskRequest, number: int) -> HttpResponse:
    """Who can be mentioned in a note about this request and is called like `q`: lines of a listbox."""
    req = staff_req(request.user, number)
    wanted = request.GET.get("q", "").strip().lower()[:60]
    found = [person for person in mentionable(req) if wanted in f"{person.name} {person.email}".lower()]
    people = [(person, person.email.partition("@")[0]) for person in found[:8]]
    return render(request, "requests_app/_talk_people.html", {"people": people})


def _written(request: DeskRequest, req: Request, form: MessageForm) -> Message | None:
    """The message with its files; None with the refusal beside the text."""
    uploads = request.FILES.getlist("files")
    if not may_write(request.user, form.reach):
        uploads = []  # nothing is kept for a message that write_message refuses
    if len(uploads) > _MOST_FILES:
        form.add_error(
            "text", f"At most {_MOST_FILES} files go with one message. Send the others with the next."
        )
        return None
    try:
        files = [store_evidence(req, upload, by=request.user) for upload in uploads]
        return write_message(req, form.cleaned_data["text"], by=request.user, reach=form.reach, files=files)
    except InvalidAnswer as invalid:
        form.add_error("text", invalid.message)
    except NeedsPerson as error:
        form.add_error("text", error.sentence)
    return None


def _place(message: Message) -> str:
    return f"{reverse('request_detail', args=[message.req.number])}#message-{message.pk}"
