"""Edits, persistence and the rest of the world's state."""

from pathlib import Path

import pytest

from portal.sandbox.company import Status
from portal.sandbox.staff import Population
from portal.sandbox.world import World


def test_a_renamed_person_keeps_ids_and_addresses() -> None:
    world = World(size=20)
    before = world.person(3)
    after = world.rename(3, "Zora", "Quill")
    assert (after.first_name, after.last_name, after.preferred_name) == ("Zora", "Quill", "")
    assert (after.adp_id, after.work_email) == (before.adp_id, before.work_email)


def test_moving_changes_the_business_unit_with_the_department() -> None:
    world = World(size=20)
    assert world.move(3, "Laboratory").business_unit == "Diagnostics"
    with pytest.raises(LookupError):
        world.move(3, "No such department")


def test_let_go_and_rehire_give_the_same_person_back() -> None:
    world = World(size=20)
    before = world.person(4)
    assert world.let_go(4).status is Status.TERMINATED
    assert 4 in world.indexes(Population.LEFT)
    back = world.rehire(4)
    assert (back.status, back.terminated_on, back.adp_id) == (Status.ACTIVE, None, before.adp_id)
    assert 4 in world.indexes(Population.EMPLOYED)


def test_a_leaving_in_the_future_leaves_the_person_active_today() -> None:
    world = World(size=20)
    person = world.let_go(4, in_days=5)
    assert person.status is Status.ACTIVE
    assert person.terminated_on is not None


def test_an_unknown_person_is_refused() -> None:
    world = World(size=20)
    with pytest.raises(LookupError):
        world.rename(999, "A", "B")


def test_state_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state" / "sandbox.json"
    world = World(20, 1, file)
    hired = world.hire()
    world.rename(2, "Zora", "Quill")
    world.let_go(5)
    world.fault("adp", "429", times=3, retry_after=7)
    world.deliver(sender="a@x.example", to=["b@x.example"], subject="Hi", text="Hello")
    again = World(20, 1, file)
    assert again.person(hired.index) == hired
    assert again.person(2).full_name == "Zora Quill"
    assert again.person(5).status is Status.TERMINATED
    assert again.faults == world.faults
    assert again.mails == world.mails


def test_state_of_another_company_does_not_rename_strangers(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.json"
    World(20, 1, file).rename(2, "Zora", "Quill")
    other = World(30, 1, file)
    assert other.person(2).full_name != "Zora Quill"


def test_a_failed_write_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sandbox.json"
    world = World(20, 1, file)
    world.rename(2, "Zora", "Quill")

    def broken(self: Path, target: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        world.rename(2, "Other", "Name")
    assert World(20, 1, file).person(2).full_name == "Zora Quill"


def test_reset_forgets_everything() -> None:
    world = World(size=20)
    world.hire()
    world.fault("adp", "500")
    world.deliver(sender="a", to=["b"], subject="c", text="d")
    world.knobs.jira_index_lag = 9
    world.reset()
    assert (world.staff.count, world.faults, world.mails, world.knobs.jira_index_lag) == (21, {}, [], 0.0)


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        World(size=20).fault("adp", "gremlins")
