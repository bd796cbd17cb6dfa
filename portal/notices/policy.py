"""Who may call the pages of notices: the staff. Customers get mails about their request and nothing else."""

from __future__ import annotations

from portal.accounts.policy import GET, POST, STAFF, Rule, personal

POLICY: dict[str, Rule] = {
    "notice_list": personal(STAFF, GET),
    "notice_open": personal(STAFF, GET),
    "notices_read": personal(STAFF, POST),
    "notice_preferences": personal(STAFF, GET, POST),
}
