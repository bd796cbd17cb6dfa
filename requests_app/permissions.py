"""Who may call the pages of requests."""

from __future__ import annotations

from portal.accounts.models import Role
from portal.accounts.policy import CUSTOMER, DESK, EVERY_ROLE, GET, POST, STAFF, Rule, roles

POLICY: dict[str, Rule] = {
    "my_work": roles(STAFF, GET),
    "request_list": roles(STAFF, GET),
    "request_new": roles(DESK, GET, POST),
    "company_search": roles(DESK, GET),
    "request_detail": roles(STAFF, GET),
    "request_topic": roles(DESK, GET, POST),
    "request_ticket": roles(STAFF, GET),
    "request_status": roles(STAFF, GET),
    "request_review": roles(frozenset({Role.TL}), GET),
    "request_move": roles(DESK, POST),
    "request_invite": roles(DESK, GET, POST),
    "request_link_revoke": roles(DESK, POST),
    "request_retry": roles(DESK, POST),
    "evidence": roles(EVERY_ROLE, GET),
    "customer_request": roles(CUSTOMER, GET),
    "customer_topic": roles(CUSTOMER, GET, POST),
    "customer_hand_back": roles(CUSTOMER, POST),
    "api_request_list": roles(STAFF, GET),
    "api_request_detail": roles(STAFF, GET),
}
