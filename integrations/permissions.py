"""Who may call the pages of connections and the directory."""

from __future__ import annotations

from portal.accounts.models import SECRET_GIVERS
from portal.accounts.policy import EVERY_ROLE, GET, POST, Rule, roles

POLICY: dict[str, Rule] = {
    "connection_list": roles(EVERY_ROLE, GET),
    "connection_detail": roles(EVERY_ROLE, GET),
    "connection_status": roles(EVERY_ROLE, GET),
    "connection_sync": roles(EVERY_ROLE, POST),
    "connection_credentials": roles(SECRET_GIVERS, GET, POST),
    "run_detail": roles(EVERY_ROLE, GET),
    "run_progress": roles(EVERY_ROLE, GET),
    "directory": roles(EVERY_ROLE, GET),
    "person_detail": roles(EVERY_ROLE, GET),
    "api_connection_list": roles(EVERY_ROLE, GET),
    "api_connection_detail": roles(EVERY_ROLE, GET),
    "api_run_detail": roles(EVERY_ROLE, GET),
}
