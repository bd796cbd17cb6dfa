"""News of a move that a page made; the words and the readers are services.news'."""

from __future__ import annotations

from portal.accounts.models import User
from requests_app.models import Request
from requests_app.services.news import tell


def tell_owner(req: Request, move: str, *, by: User, reason: str = "") -> None:
    """In the caller's transaction; see services.news.tell."""
    tell(req, move, by=by, reason=reason)
