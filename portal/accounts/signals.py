"""News about access links, for whoever knows the request that a link opens. Sent in the transaction of what happened."""

from __future__ import annotations

from django.dispatch import Signal

# `link`, `user`: a customer admin came in.
link_opened = Signal()
# `link` was made because somebody who had `original` gave another address of the same company.
link_forwarded = Signal()
