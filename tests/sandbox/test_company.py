"""The synthetic company: deterministic, of the promised size, distinct people."""

import tracemalloc
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.sandbox.company import Company, Status, plain
from portal.sandbox.staff import Population
from portal.sandbox.vendors.adp import adp_pages
from portal.sandbox.world import World


def test_exactly_the_size_is_employed_and_four_percent_have_left() -> None:
    world = World(size=250)
    assert len(list(world.people(Population.EMPLOYED))) == 250
    assert len(list(world.people(Population.LEFT))) == 10
    assert {person.status for person in world.people()} == {Status.ACTIVE, Status.LEAVE, Status.TERMINATED}


def test_addresses_and_ids_differ_between_all_people() -> None:
    people = list(World(size=9_000).people())
    for name in ("adp_id", "employee_number", "work_email", "personal_email"):
        assert len({getattr(person, name) for person in people}) == len(people)


def test_everybody_has_a_plain_work_address_at_the_company() -> None:
    for person in World(size=250).people():
        local, _, domain = person.work_email.partition("@")
        assert domain == "riverside.example"
        assert local.isascii()


def test_a_share_of_people_can_lack_a_work_address() -> None:
    people = list(World(size=2_000, missing_work_email=0.25).people())
    share = sum(not person.work_email for person in people) / len(people)
    assert 0.2 < share < 0.3


def test_names_carry_letters_of_many_languages() -> None:
    letters = "".join(person.full_name for person in World(size=250).people())
    assert {"ö", "ç", "ñ"} <= set(letters.lower())


@given(st.integers(0, 200_000), st.integers(0, 50))
def test_a_person_is_a_function_of_index_and_seed(index: int, seed: int) -> None:
    company = Company(seed=seed)
    assert company.person(index) == Company(seed=seed).person(index)
    assert company.person(index) != company.person(index + 1)


def test_canaries_look_like_nothing_that_may_be_stored() -> None:
    world = World(size=250)
    public = " ".join(
        f"{person.adp_id} {person.employee_number} {person.work_email} {person.personal_email} "
        f"{person.hired_on} {person.terminated_on} {person.full_name} {person.location}"
        for person in world.people()
    )
    assert not [canary for person in world.people() for canary in person.private.canaries if canary in public]


def test_managers_form_a_tree() -> None:
    company = Company(size=500)
    for index in range(1, 520):
        manager = company.person(index).manager
        assert manager is not None
        assert manager < index
    assert company.person(0).manager is None


def test_nobody_leaves_before_being_hired() -> None:
    for person in World(size=1_000).people(Population.LEFT):
        assert person.terminated_on is not None
        assert person.hired_on < person.terminated_on < date(2025, 7, 1)


@pytest.mark.slow
def test_pages_of_a_large_company_are_made_in_flat_memory() -> None:
    world = World(size=20_000)
    tracemalloc.start()
    pages = sum(1 for _ in adp_pages(world))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert pages == 208
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize(("name", "slug"), [("Müller", "mueller"), ("Núñez", "nunez"), ("O'Brien", "obrien")])
def test_names_fold_to_plain_letters(name: str, slug: str) -> None:
    assert plain(name) == slug


def test_a_future_hire_is_a_prehire_until_the_day_comes() -> None:
    day = [datetime(2026, 11, 1, tzinfo=UTC)]
    world = World(size=20, clock=lambda: day[0])
    index = world.hire(starts_in_days=10).index
    assert world.person(index).status is Status.PREHIRE
    assert index not in world.indexes(Population.EMPLOYED)
    day[0] = datetime(2026, 11, 11, tzinfo=UTC)
    assert world.person(index).status is Status.ACTIVE
    assert index in world.indexes(Population.EMPLOYED)
