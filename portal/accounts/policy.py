"""Who may call what. Every URL name has a rule; what has none is refused (portal.middleware) and fails the suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portal.accounts.models import Role, User

GET, POST = "GET", "POST"


@dataclass(frozen=True, slots=True)
class Rule:
    """`roles` per method; None means anybody, signed in or not. HEAD follows GET.

    Which rows a role may reach is decided by the querysets' `for_actor`, not here.
    """

    methods: Mapping[str, frozenset[Role] | None]

    def allows(self, method: str, user: User | None) -> bool:
        roles = self.methods[method]
        return roles is None or (user is not None and user.is_active and user.role in roles)

    def knows(self, method: str) -> bool:
        return method in self.methods


EVERY_ROLE = frozenset(Role)
DESK = frozenset({Role.CSM, Role.TL})
STAFF = frozenset({Role.CSM, Role.TL, Role.DEVELOPER, Role.OPERATOR})
CUSTOMER = frozenset({Role.CUSTOMER_ADMIN})


def anyone(*methods: str) -> Rule:
    return Rule(dict.fromkeys(methods))


def roles(allowed: frozenset[Role], *methods: str) -> Rule:
    return Rule(dict.fromkeys(methods, allowed))


POLICY: dict[str, Rule] = {
    "account_login": anyone(GET, POST),
    "account_logout": anyone(GET, POST),
    "account_signup": anyone(GET),
    "account_inactive": anyone(GET),
    "account_reauthenticate": roles(STAFF, GET, POST),
    "account_change_password": roles(STAFF, GET, POST),
    "account_set_password": roles(EVERY_ROLE, GET, POST),
    "account_reset_password": anyone(GET, POST),
    "account_reset_password_done": anyone(GET),
    "account_reset_password_from_key": anyone(GET, POST),
    "account_reset_password_from_key_done": anyone(GET),
    "access_link": anyone(GET, POST),
    "access_link_renew": anyone(POST),
}
