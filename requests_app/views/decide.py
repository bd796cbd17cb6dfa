"""What the buttons of the review page do. A refusal gives the page back with everything that was typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from requests_app.models import Item, Request
from requests_app.services.answers import EditRefused
from requests_app.services.decisions import accept_items, send_back, unwaive_item, waive_item
from requests_app.services.moves import MoveRefused, make_move
from requests_app.services.news import tell
from requests_app.views.moves import DONE
from requests_app.views.review import Typed, review_page
from requests_app.views.shared import DeskRequest, staff_req

_LONGEST = 2000
_COMMENTED = (
    "You wrote a comment, which nobody would read. Send the request back, or clear the comment and approve."
)


@require_http_methods(["GET", "HEAD", "POST"])
def review_decide(request: DeskRequest, number: int) -> HttpResponse:
    """POST `version`, what was typed, and one button.

    `do` is approve, send_back or reject; `accept`, `waive` and `unwaive` name an item by its number, `accept_topic`
    a topic. Raises Http404 for anything else.
    """
    req, data = staff_req(request.user, number), request.POST
    if request.method != "POST":
        return redirect("request_review", number)
    name = next((name for name in _BUTTONS if name in data), "")
    if not name:
        raise Http404
    typed = _typed(data)
    try:
        with transaction.atomic():
            _BUTTONS[name](request, req, typed)
    except MoveRefused as error:
        if error.code == "already_done":
            messages.info(request, error.sentence)
            return redirect("request_detail", number)
        return _again(request, number, typed, error.sentence)
    except EditRefused as error:
        return _again(request, number, typed, str(error))
    if name == "do":
        return redirect("request_detail", number)
    rest = _without(typed, name, data[name])
    return _again(request, number, rest, "") if rest else redirect("request_review", number)


def _decide(request: DeskRequest, req: Request, typed: Typed) -> None:
    name, version = request.POST["do"], _version(request.POST)
    if name == "send_back":
        keys = dict(Item.objects.filter(req=req, pk__in=typed.comments).values_list("pk", "key"))
        comments = {keys[pk]: text for pk, text in typed.comments.items() if pk in keys}
        moved = send_back(req, comments, by=request.user, expected_version=version, reason=typed.reason)
        event = moved.events.filter(move=name).first()
        reason = event.reason if event else ""
    elif name in ("approve", "reject"):
        if name == "approve" and (typed.comments or typed.reason):
            raise MoveRefused(_COMMENTED)
        reason = typed.rejection if name == "reject" else ""
        moved = make_move(req, name, by=request.user, expected_version=version, reason=reason)
    else:
        raise Http404
    tell(moved, name, by=request.user, reason=reason.strip())
    messages.success(request, DONE[name].format(owner=moved.owner))


def _accept(request: DeskRequest, req: Request, typed: Typed) -> None:
    item = _item(req, request.POST["accept"])
    accept_items(req, [item.key], by=request.user, expected_version=_version(request.POST))


def _accept_topic(request: DeskRequest, req: Request, typed: Typed) -> None:
    items = Item.objects.filter(req=req, topic=request.POST["accept_topic"]).exclude(pk__in=typed.comments)
    keys = list(items.values_list("key", flat=True))
    accept_items(req, keys, by=request.user, expected_version=_version(request.POST))


def _waive(request: DeskRequest, req: Request, typed: Typed) -> None:
    item = _item(req, request.POST["waive"])
    reason = typed.waivers.get(item.pk, "")
    waive_item(req, item, reason=reason, by=request.user, expected_version=_version(request.POST))
    messages.success(request, f"Waived: {item.label}")


def _unwaive(request: DeskRequest, req: Request, typed: Typed) -> None:
    item = _item(req, request.POST["unwaive"])
    unwaive_item(req, item, by=request.user, expected_version=_version(request.POST))


_BUTTONS: Mapping[str, Callable[[DeskRequest, Request, Typed], None]] = {
    "do": _decide,
    "accept": _accept,
    "accept_topic": _accept_topic,
    "waive": _waive,
    "unwaive": _unwaive,
}


def _again(request: DeskRequest, number: int, typed: Typed, trouble: str) -> HttpResponse:
    req = staff_req(request.user, number)
    return review_page(request, req, typed, trouble, status=422 if trouble else 200)


def _typed(data: QueryDict) -> Typed:
    return Typed(
        _by_item(data, "comment"), _by_item(data, "waiver"), _text(data, "reason"), _text(data, "rejection")
    )


def _by_item(data: QueryDict, name: str) -> dict[int, str]:
    """The fields "comment-17", those that are not empty."""
    found = {}
    for field in data:
        start, _, number = field.partition("-")
        if start == name and number.isascii() and number.isdecimal() and (text := _text(data, field)):
            found[int(number)] = text
    return found


def _text(data: QueryDict, name: str) -> str:
    return data.get(name, "").replace("\x00", "").strip()[:_LONGEST]


def _version(data: QueryDict) -> int:
    """What the person looked at. A page that does not say so decides on nothing."""
    version = data.get("version", "")
    return int(version) if version.isascii() and version.isdecimal() else 0


def _item(req: Request, number: str) -> Item:
    items = Item.objects.filter(req=req)
    found = items.filter(pk=int(number)).first() if number.isascii() and number.isdecimal() else None
    if found is None:
        raise Http404
    return found


def _without(typed: Typed, name: str, value: str) -> Typed:
    """What is left to do: a waiver that was just made is not typed any more."""
    waivers = {pk: text for pk, text in typed.waivers.items() if name != "waive" or str(pk) != value}
    return Typed(typed.comments, waivers, typed.reason, typed.rejection)
