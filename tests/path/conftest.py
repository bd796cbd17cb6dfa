"""Who walks the path."""

from __future__ import annotations

import pytest
from django.test import Client

from portal.accounts.models import Role
from tests.path import people
from tests.support.people import a_user


@pytest.fixture
def csm() -> Client:
    return people.sign_in(a_user())


@pytest.fixture
def lead() -> Client:
    return people.sign_in(a_user(Role.TL, "Maya Ortiz"))
