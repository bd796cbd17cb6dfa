"""The whole policy, composed from the apps. portal.middleware enforces it; tests walk the resolver against it."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.permissions import POLICY as INTEGRATIONS
from portal.accounts.policy import EVERY_ROLE, GET, STAFF, Rule, anyone, roles
from portal.accounts.policy import POLICY as ACCOUNTS
from requests_app.permissions import POLICY as REQUESTS

PORTAL: Mapping[str, Rule] = {
    "home": roles(EVERY_ROLE, GET),
    "search": roles(STAFF, GET),
    "healthz": anyone(GET),
    "readyz": anyone(GET),
}

POLICY: Mapping[str, Rule] = {**ACCOUNTS, **REQUESTS, **INTEGRATIONS, **PORTAL}
