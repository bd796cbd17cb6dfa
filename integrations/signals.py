"""News that travels up: whoever needs to know listens; nobody here knows who that is."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with `connection`, `news` (CONNECTED or FAILED) and `reason` (a sentence, "" for good news), inside the
# transaction that writes the state: once when a connection works for the first time, and each time that its
# activation fails.
connection_news = Signal()

CONNECTED = "connected"
FAILED = "failed"
