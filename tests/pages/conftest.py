"""Who looks at the pages, and what they look at."""

from __future__ import annotations

import pytest

from integrations.models import Connection
from portal.accounts.models import Company, Role, User
from tests.support.pages import Side, a_side
from tests.support.people import a_company, a_customer, a_user
from tests.support.wizard import Wizard, a_connection_to_set_up


@pytest.fixture
def side() -> Side:
    return a_side("Amber")


@pytest.fixture
def csm() -> User:
    return a_user(Role.CSM, "Jamie Park")


@pytest.fixture
def lead(db: None) -> User:
    return a_user(Role.TL, "Maya Ortiz")


@pytest.fixture
def developer() -> User:
    return a_user(Role.DEVELOPER, "Devi Singh")


# --- somebody sets a connection up ------------------------------------------------------------------------------


@pytest.fixture
def company() -> Company:
    return a_company("Amber Clinic")


@pytest.fixture
def customer(company: Company) -> User:
    return a_customer(company)


@pytest.fixture
def connection(company: Company) -> Connection:
    return a_connection_to_set_up(company)


@pytest.fixture
def wizard(customer: User, connection: Connection) -> Wizard:
    return Wizard(customer, connection)
