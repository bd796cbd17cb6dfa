"""News inside requests: what others react to without the writer knowing them."""

from __future__ import annotations

from django.dispatch import Signal

# Sent by services.talk in the transaction of the writing, with `message` (a requests_app.models.Message).
message_written = Signal()
