"""A set-up as the tests of drafts begin it, and the code with which something is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integrations.models import Draft
from integrations.services import drafts
from integrations.services.drafts import DraftRefused
from portal.accounts.models import Company, User
from portal.kit.errors import NeedsPerson
from tests.integrations.conftest import CARD
from tests.integrations.sources import record

GIVEN = {"client_id": "papi-1234", "client_secret": "a-very-secret-value-77aa"}
CARE = {"include": [[{"field": "department", "op": "is", "values": ["Care"]}]], "exclude": []}
STAFF = [record("a", department="Care"), record("b", department="Care"), record("c", department="Surgery")]


def setup(company: Company, by: User, slug: str = CARD, **parts: Any) -> Draft:
    return drafts.begin_setup(
        company, slug, **{"settings": GIVEN, "mapping": {}, "by": by, "request_number": "REQ-7", **parts}
    )


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises((DraftRefused, NeedsPerson)) as caught:
        call()
    assert isinstance(caught.value, DraftRefused | NeedsPerson)
    assert caught.value.sentence
    return caught.value.code
