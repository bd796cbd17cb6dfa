"""What every stand-in shares: routing inside one vendor, JSON answers, tokens, faults in its own words."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, ClassVar, Final

import orjson
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from portal.sandbox import tokens
from portal.sandbox.faults import Dropped as Dropped
from portal.sandbox.faults import Fault
from portal.sandbox.staff import Population
from portal.sandbox.world import Page, World

FAULT: Final = "sandbox.fault"  # where the application leaves the fault of this request in the environment
_UNAVAILABLE: Final = "<html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>"


def rules(*routes: tuple[str, str, str]) -> Map:
    """A routing map from (methods, path, name of the view); a trailing slash does not matter."""
    return Map(
        [Rule(path, methods=methods.split(), endpoint=view) for methods, path, view in routes],
        strict_slashes=False,
        merge_slashes=False,
    )


def json_response(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`data` as JSON."""
    return Response(orjson.dumps(data), status, headers, content_type="application/json;charset=utf-8")


def array_response(items: Iterable[object]) -> Response:
    """A bare JSON array that is written as it is made, so that a long one costs no memory."""

    def chunks() -> Iterable[bytes]:
        separator = b"["
        for item in items:
            yield separator + orjson.dumps(item)
            separator = b","
        yield b"]" if separator == b"," else b"[]"

    return Response(chunks(), content_type="application/json")


def bearer(request: Request) -> str:
    """The text after `Bearer `, or an empty string."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""


def oauth_error(status: int, code: str, description: str) -> Response:
    """An error of an OAuth 2.0 token endpoint."""
    return json_response({"error": code, "error_description": description}, status)


def basic(request: Request) -> tuple[str, str]:
    """User and password of Basic authentication, or two empty strings."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def body(request: Request) -> Any:
    """The parsed JSON body, or None if it is no JSON."""
    try:
        return orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        return None


def whole(text: str | None, default: int) -> int:
    """A whole number from a query parameter; -1 stands for something that is none."""
    if text is None or text == "":
        return default
    return int(text) if text.isascii() and text.isdigit() else -1


class Vendor:
    """One outside system. Subclasses set the class variables and write one method per route."""

    slug: ClassVar[str]
    hosts: ClassVar[re.Pattern[str]]
    urls: ClassVar[Map]
    # Paths that only fetch a token: faults of content do not touch them.
    sign_in: ClassVar[tuple[str, ...]] = ()
    token_lifetime: ClassVar[float] = 3_600.0

    def __init__(self, world: World) -> None:
        self.world = world

    def handle(self, request: Request) -> Response:
        """Answer one request in this vendor's protocol."""
        adapter = self.urls.bind(request.host, path_info=request.path, default_method=request.method)
        try:
            view, arguments = adapter.match()
        except HTTPException as error:
            return self.error(error.code or 404, error.name)
        refusal = self.admit(request, view)
        return refusal or getattr(self, view)(request, **arguments)

    def admit(self, request: Request, view: str) -> Response | None:
        """Authentication, before any view: an answer that refuses, or None to go on."""
        raise TypeError(f"{type(self).__name__} does not say who may call {view} for {request.path}")

    def error(self, status: int, message: str) -> Response:
        """An error in the shape this vendor gives errors."""
        return json_response({"message": message}, status)

    def sign_in_error(self, status: int, message: str) -> Response:
        """An error of the token call, where that differs."""
        return self.error(status, message)

    def refuse(self, request: Request, fault: Fault) -> Response:
        """The answer of a switched-on fault."""
        status = fault.status or 500
        error = self.sign_in_error if request.path in self.sign_in else self.error
        answer = (
            Response(_UNAVAILABLE, 503, content_type="text/html")
            if status == 503
            else error(status, fault.message or _MESSAGES[status])
        )
        if status in (429, 503) and fault.retry_after is not None:
            answer.headers["Retry-After"] = self._retry_after(fault)
        return answer

    def page(self, request: Request, population: Population, offset: int, limit: int) -> Page:
        """People for one page of a list, this request's fault applied."""
        return self.world.page(population, offset, limit, fault=request.environ.get(FAULT))

    def new_token(self) -> str:
        """A fresh access token."""
        return tokens.issue(self.slug, self.world.clock().timestamp())

    def token_ok(self, token: str) -> bool:
        """Whether the token was issued here and has neither expired nor been withdrawn."""
        return tokens.valid(
            self.slug,
            token,
            now=self.world.clock().timestamp(),
            lifetime=self.token_lifetime,
            not_before=self.world.knobs.tokens_not_before.get(self.slug, 0.0),
        )

    def _retry_after(self, fault: Fault) -> str:
        seconds = fault.retry_after or 0
        if not fault.as_date:
            return str(seconds)
        return format_datetime(self.world.clock() + timedelta(seconds=seconds), usegmt=True)


_MESSAGES: Final = {
    401: "The credentials were not accepted.",
    403: "You do not have permission to do this.",
    429: "Too many requests.",
    500: "Internal server error.",
}
