"""News from connections: a request goes live when its connection works, and fails when it does not."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from integrations.models import Connection
from integrations.signals import connection_news
from requests_app.lifecycle import BY_NAME
from requests_app.models import Request
from requests_app.services.moves import MoveRefused, make_move

_MOVES = {"connected": "go_live", "failed": "fail"}
_UNTOLD = {"fail": "No reason was given."}


@receiver(connection_news, dispatch_uid="requests_app.connection_news")
def tell_requests(sender: object, *, connection: Connection, news: str, reason: str = "", **_: Any) -> None:
    """Makes the move for every request that waits for this news; a request that is past it stays as it is."""
    name = _MOVES.get(news)
    if name is None:
        return
    for req in Request.objects.filter(connection=connection, stage__in=BY_NAME[name].frm):
        try:
            make_move(req, name, by=None, reason=reason or _UNTOLD.get(name, ""))
        except MoveRefused as refused:
            if refused.code not in ("already_done", "wrong_stage", "changed"):
                raise
