"""Who may call the pages of connections and the directory."""

from __future__ import annotations

from portal.accounts.models import SECRET_GIVERS
from portal.accounts.policy import EVERY_ROLE, GET, POST, Rule, of_companies

POLICY: dict[str, Rule] = {
    "connection_list": of_companies(EVERY_ROLE, GET),
    "connection_detail": of_companies(EVERY_ROLE, GET),
    "connection_status": of_companies(EVERY_ROLE, GET),
    "connection_sync": of_companies(EVERY_ROLE, POST),
    "connection_credentials": of_companies(SECRET_GIVERS, GET, POST),
    "run_detail": of_companies(EVERY_ROLE, GET),
    "run_progress": of_companies(EVERY_ROLE, GET),
    "directory": of_companies(EVERY_ROLE, GET),
    "person_detail": of_companies(EVERY_ROLE, GET),
    "api_connection_list": of_companies(EVERY_ROLE, GET),
    "api_connection_detail": of_companies(EVERY_ROLE, GET),
    "api_run_detail": of_companies(EVERY_ROLE, GET),
}
