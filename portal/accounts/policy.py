"""Who may call what. Every URL name has a rule; what has none is refused (portal.middleware) and fails the suite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from portal.accounts.models import Role, User

GET, POST = "GET", "POST"


class Relation(StrEnum):
    """Whose rows a role reaches by an address. What is not reached answers as if it did not exist."""

    OWN = "own"  # what they own, filed or were sent themselves
    OWN_COMPANY = "own company"
    ANY = "any"


# The usual case, an address of requests: a CSM reaches their own, a customer admin those of their company.
OWN, OWN_COMPANY, ANY = Relation.OWN, Relation.OWN_COMPANY, Relation.ANY
_USUAL = {Role.CSM: OWN, Role.CUSTOMER_ADMIN: OWN_COMPANY}


@dataclass(frozen=True, slots=True)
class Rule:
    """Per method the roles that may call it, each with whose rows it reaches; None: anybody, signed in or not.

    HEAD follows GET. The roles are enforced by portal.middleware, the relation by the querysets' `for_actor`; the
    tests call every address by every method with rows of one's own, of others and of nobody, and hold both to this.
    """

    methods: Mapping[str, Mapping[Role, Relation] | None]
    # Not for a customer admin who was asked for single answers only: to them it answers as if it did not exist.
    whole_company: bool = False
    # Where on its page a fragment says that the session has ended, so that what somebody typed there stays. Without
    # it the whole browser goes to sign in.
    says_ended_at: str = ""

    def allows(self, method: str, user: User | None) -> bool:
        roles = self.methods[method]
        return roles is None or (user is not None and user.is_active and user.role in roles)

    def admits(self, role: Role) -> bool:
        """Whether people of this role may call it by any method."""
        return any(who is None or role in who for who in self.methods.values())

    def knows(self, method: str) -> bool:
        return method in self.methods


EVERY_ROLE = frozenset(Role)
DESK = frozenset({Role.CSM, Role.TL})
STAFF = frozenset({Role.CSM, Role.TL, Role.DEVELOPER, Role.OPERATOR})
CUSTOMER = frozenset({Role.CUSTOMER_ADMIN})


def anyone(*methods: str) -> Rule:
    return Rule(dict.fromkeys(methods))


def roles(allowed: frozenset[Role], *methods: str) -> Rule:
    """Requests and what belongs to them."""
    return _related(allowed, methods, {role: _USUAL.get(role, ANY) for role in Role})


def of_companies(allowed: frozenset[Role], *methods: str, guests: bool = False) -> Rule:
    """Companies, their connections and people: all of the staff reach every company's.

    With `guests` also for whoever was asked for single answers only.
    """
    rule = _related(allowed, methods, {**dict.fromkeys(Role, ANY), Role.CUSTOMER_ADMIN: OWN_COMPANY})
    return replace(rule, whole_company=not guests)


def personal(allowed: frozenset[Role], *methods: str) -> Rule:
    """What belongs to one person, whatever their role: notices, views."""
    return _related(allowed, methods, dict.fromkeys(Role, OWN))


def _related(allowed: frozenset[Role], methods: Iterable[str], relations: Mapping[Role, Relation]) -> Rule:
    reached = {role: relations[role] for role in Role if role in allowed}
    return Rule(dict.fromkeys(methods, reached))


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
    "language": anyone(POST),
    "session_ended": anyone(GET, POST),
    "access_link": anyone(GET, POST),
    "access_link_renew": anyone(GET, POST),
}
