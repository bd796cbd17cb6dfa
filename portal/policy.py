"""The whole policy, composed from the apps. portal.middleware enforces it; tests walk the resolver against it."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.permissions import POLICY as INTEGRATIONS
from portal.accounts.models import Role
from portal.accounts.policy import EVERY_ROLE, GET, Rule, anyone, of_companies, roles
from portal.accounts.policy import POLICY as ACCOUNTS
from portal.notices.policy import POLICY as NOTICES
from requests_app.permissions import POLICY as REQUESTS

PORTAL: Mapping[str, Rule] = {
    "home": roles(EVERY_ROLE, GET),
    "search": of_companies(EVERY_ROLE, GET, guests=True),
    "audit_list": roles(frozenset({Role.TL, Role.OPERATOR, Role.DEVELOPER}), GET),
    "healthz": anyone(GET),
    "readyz": anyone(GET),
}

# What proves itself by a signature instead of a token: programs call it, no browser does.
CSRF_EXEMPT = frozenset({"jira_webhook"})

POLICY: Mapping[str, Rule] = {**ACCOUNTS, **NOTICES, **REQUESTS, **INTEGRATIONS, **PORTAL}
