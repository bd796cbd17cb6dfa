"""News that travels up: whoever needs to know listens; nobody here knows who that is."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with `connection`, `news` (CONNECTED or FAILED) and `reason` (a sentence, "" for good news), inside the
# transaction that writes the state: once when a connection works for the first time, and each time that its
# activation fails.
connection_news = Signal()

CONNECTED = "connected"
FAILED = "failed"

# Sent with `connection`, `settings` (by key, opened) and `by`, in the transaction that stores them and after they were
# tried: a checklist that asks for the same values need not ask again.
credentials_given = Signal()

# Sent with `connection` and `receipt`, in the transaction that confirms a draft.
draft_confirmed = Signal()

# Sent with `connection`, `draft` and `by` whenever a draft's settings are saved: what a request's approver saw is no
# longer what will happen.
draft_saved = Signal()
