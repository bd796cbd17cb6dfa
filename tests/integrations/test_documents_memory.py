"""A list that comes as one document of any size needs little memory: only some hundred people are held at a time."""

from __future__ import annotations

import pytest

from tests.support.documents import CASES, growth

MIB = 32

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("card", CASES)
def test_eighty_megabytes_of_people_need_no_more_memory_than_one(card: str) -> None:
    assert growth(card) <= MIB
