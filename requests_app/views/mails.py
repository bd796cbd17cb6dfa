"""Mails about a request: their words are in templates/emails/, the outbox delivers them."""

from __future__ import annotations

from portal.accounts.models import User
from portal.outbox.services import request_effect
from requests_app.models import Request
from requests_app.queries import request_url

# Moves that somebody else made and the owner wants to hear of.
_NEWS = {"hand_back": "handed_back", "approve": "approved", "send_back": "sent_back", "reject": "rejected"}


def tell_owner(req: Request, move: str, *, by: User, reason: str = "") -> None:
    """One mail per move, in the caller's transaction. Nobody gets a mail about what they did themselves."""
    template = _NEWS.get(move)
    if template is None or req.owner_id == by.pk or not req.owner.is_active:
        return
    context = {
        "number": str(req.number),
        "company": req.company.name,
        "provider": req.provider.name,
        "to_name": req.owner.name,
        "who": str(by),
        "reason": reason,
        "url": request_url(req),
    }
    request_effect(
        "mail.send",
        marker=f"mail:{template}:{req.pk}:{req.version}",
        subject=str(req.public_id),
        payload={"template": template, "to": [req.owner.email], "context": context},
    )
