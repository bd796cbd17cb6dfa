"""Who may call the pages of connections and the directory."""

from __future__ import annotations

from dataclasses import replace

from portal.accounts.models import SECRET_GIVERS, Role
from portal.accounts.policy import DESK, EVERY_ROLE, GET, POST, Rule, anyone, of_companies

# Who sets a connection up and changes its settings; a developer may look.
SETTERS = DESK | {Role.CUSTOMER_ADMIN}
_LOOKS = of_companies(SETTERS | {Role.DEVELOPER}, GET)
_SETS = of_companies(SETTERS, POST)
_LOOKS_AND_SETS = replace(_LOOKS, methods={**_LOOKS.methods, **_SETS.methods})
# Beside the forms of filter and mapping, which are long: what was typed there stays.
_LIVE = ".setup-live > .card-body"

POLICY: dict[str, Rule] = {
    "connection_list": of_companies(EVERY_ROLE, GET),
    "connection_new": of_companies(EVERY_ROLE, GET),
    "connection_detail": of_companies(EVERY_ROLE, GET),
    "connection_status": of_companies(EVERY_ROLE, GET),
    "connection_sync": of_companies(EVERY_ROLE, POST),
    "connection_credentials": of_companies(SECRET_GIVERS, GET, POST),
    "connection_manage": of_companies(EVERY_ROLE, GET),
    "connection_pause": of_companies(SETTERS, POST),
    "connection_resume": of_companies(SETTERS, POST),
    "connection_disconnect": of_companies(SETTERS, GET, POST),
    "connection_schedule": of_companies(SETTERS, GET, POST),
    "invitation_list": of_companies(EVERY_ROLE, GET),
    "invitation_reissue": of_companies(SETTERS, POST),
    "invitation_accept": anyone(GET, POST),
    "issue_list": of_companies(EVERY_ROLE, GET),
    "issue_snooze": of_companies(SETTERS, POST),
    "company_entitlement": of_companies(frozenset({Role.TL, Role.OPERATOR}), GET, POST),
    "setup": _LOOKS_AND_SETS,
    "setup_step": replace(_LOOKS_AND_SETS, says_ended_at=_LIVE),
    "setup_preview": _LOOKS_AND_SETS,
    "setup_plan": _LOOKS_AND_SETS,
    "setup_person": replace(_LOOKS_AND_SETS, says_ended_at=_LIVE),
    "setup_options": replace(_LOOKS, says_ended_at=_LIVE),
    "setup_matches": replace(_SETS, says_ended_at=_LIVE),
    "setup_rehearse": _LOOKS_AND_SETS,
    "setup_confirm": _LOOKS_AND_SETS,
    "setup_withdraw": _SETS,
    "settings_change": _SETS,
    "connection_plan": _SETS,
    "why": of_companies(EVERY_ROLE, GET),
    "why_ask": of_companies(SETTERS | {Role.DEVELOPER}, POST),
    "inquiry_detail": of_companies(EVERY_ROLE, GET),
    "inquiry_status": of_companies(EVERY_ROLE, GET),
    "receipt_detail": of_companies(EVERY_ROLE, GET),
    "run_detail": of_companies(EVERY_ROLE, GET),
    "run_progress": of_companies(EVERY_ROLE, GET),
    "run_requests": of_companies(DESK | {Role.DEVELOPER}, GET),
    "directory": of_companies(EVERY_ROLE, GET),
    "directory_options": of_companies(EVERY_ROLE, GET),
    "directory_export": of_companies(EVERY_ROLE, GET),
    "group_list": of_companies(EVERY_ROLE, GET),
    "group_detail": of_companies(EVERY_ROLE, GET),
    "person_detail": of_companies(EVERY_ROLE, GET),
    "holds_detail": _LOOKS,
    "holds_decide": _LOOKS_AND_SETS,
    "matches_list": _LOOKS,
    "match_decide": _SETS,
    "run_undo": _LOOKS_AND_SETS,
    "person_edit": _LOOKS_AND_SETS,
    "person_protect": _SETS,
    "person_take_back": _SETS,
    "group_join": _LOOKS_AND_SETS,
    "group_leave": _SETS,
    "api_connection_list": of_companies(EVERY_ROLE, GET),
    "api_connection_detail": of_companies(EVERY_ROLE, GET),
    "api_run_detail": of_companies(EVERY_ROLE, GET),
}
