"""A run of any size needs the same memory: only a batch of people is held at a time."""

from __future__ import annotations

import pytest

from tests.benchmarks.memory import peak_of_a_sync
from tests.support.workers import database_address

FEW, MANY, MIB = 10_000, 1_000_000, 32

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(2_400)]


def test_a_million_people_need_no_more_memory_than_ten_thousand() -> None:
    address = database_address()
    assert peak_of_a_sync(address, MANY) - peak_of_a_sync(address, FEW) <= MIB
