"""What is changed by hand: it holds until the next run, which puts it back as the HR system has it and says so."""

from __future__ import annotations

import pytest

from integrations.models import Connection, DirectoryPerson, Group, Membership, PersonState, RunKind
from integrations.services import local
from integrations.services.starts import start_run
from portal.accounts.models import User
from portal.audit.models import Entry
from portal.kit.errors import NeedsPerson
from tests.integrations.conftest import Syncer
from tests.integrations.sources import ListSource, record, records

STAFF = [record("a", department="Care"), record("b", department="Sales")]
Ann = DirectoryPerson


@pytest.fixture
def ann(sync: Syncer, connection: Connection) -> Ann:
    sync(ListSource(STAFF))
    return DirectoryPerson.objects.get(connection=connection, source_id="a")


@pytest.fixture
def sales(ann: Ann, connection: Connection) -> Group:
    return Group.objects.get(connection=connection, key="Sales")


def groups_of(person: DirectoryPerson) -> set[tuple[str, bool]]:
    return set(Membership.objects.filter(person=person).values_list("group__name", "by_hand"))


def test_an_edit_holds_until_the_next_run_overwrites_it_and_the_change_log_says_so(
    ann: Ann, sync: Syncer, connection: Connection, admin: User
) -> None:
    Connection.objects.filter(pk=connection.pk).update(watermark="1")
    changed = local.edit_person(
        ann, {"first_name": " Änne  M. ", "email": "ANNE@example.com", "city": ""}, by=admin
    )
    assert changed == ("first_name", "email")
    assert (ann.first_name, ann.email) == ("Änne M.", "anne@example.com")
    assert ann.edited_at is not None
    connection.refresh_from_db()
    assert connection.watermark == ""
    run = sync(ListSource(STAFF))
    ann.refresh_from_db()
    now = DirectoryPerson.objects.get(pk=ann.pk)
    assert (now.first_name, now.email, now.edited_at) == ("Firsta", "a@example.com", None)
    change = run.changes.get(source_id="a")
    assert (change.before["first_name"], change.after["first_name"]) == ("Änne M.", "Firsta")


def test_an_edit_that_changes_nothing_leaves_no_trace(ann: Ann, admin: User) -> None:
    entries = Entry.objects.count()
    assert local.edit_person(ann, {"first_name": ann.first_name}, by=admin) == ()
    ann.refresh_from_db()
    assert (ann.edited_at, Entry.objects.count()) == (None, entries)


def test_the_log_names_what_was_edited_but_never_the_values(ann: Ann, admin: User) -> None:
    local.edit_person(ann, {"first_name": "Secretly"}, by=admin)
    entry = Entry.objects.get(action="person.edit")
    assert entry.details == {"attributes": ["first_name"]}
    assert "Secretly" not in entry.subject


@pytest.mark.parametrize(
    ("values", "code"),
    [({"email": "nonsense"}, "email"), ({"email": "B@example.com"}, "duplicate_email")],
)
def test_an_address_that_cannot_be_is_refused(
    ann: Ann, admin: User, values: dict[str, str], code: str
) -> None:
    with pytest.raises(NeedsPerson) as refused:
        local.edit_person(ann, values, by=admin)
    assert refused.value.code == code
    ann.refresh_from_db()
    assert ann.email == "a@example.com"


def test_nothing_is_changed_by_hand_while_a_run_is_going_on(
    ann: Ann, sales: Group, connection: Connection, admin: User
) -> None:
    start_run(connection, kind=RunKind.MANUAL)
    deeds = (
        lambda: local.edit_person(ann, {"city": "Hull"}, by=admin),
        lambda: local.protect(ann, on=True, by=admin),
        lambda: local.join(sales, ann, by=admin),
        lambda: local.leave(sales, ann, by=admin),
    )
    for deed in deeds:
        with pytest.raises(NeedsPerson) as refused:
            deed()
        assert refused.value.code == "already_running"


def test_whoever_is_deactivated_is_neither_edited_nor_grouped(ann: Ann, sales: Group, admin: User) -> None:
    DirectoryPerson.objects.filter(pk=ann.pk).update(state=PersonState.DEACTIVATED)
    for deed in (
        lambda: local.edit_person(ann, {"city": "Hull"}, by=admin),
        lambda: local.join(sales, ann, by=admin),
    ):
        with pytest.raises(NeedsPerson) as refused:
            deed()
        assert refused.value.code == "deactivated"


def test_a_protected_person_stays_whatever_the_hr_system_says_until_it_is_lifted(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource([*records(30), record("x"), record("y")]))
    absent, terminated = (DirectoryPerson.objects.get(source_id=key) for key in ("x", "y"))
    for person in (absent, terminated):
        local.protect(person, on=True, by=admin)
    gone = [*records(30), record("y", status="terminated")]
    assert sync(ListSource(gone)).deactivated == 0
    for person in (absent, terminated):
        local.protect(person, on=False, by=admin)
    assert sync(ListSource(gone)).deactivated == 2
    assert (
        list(Entry.objects.filter(action__endswith="protect").values_list("action", flat=True)).count(
            "person.unprotect"
        )
        == 2
    )


def test_groups_changed_by_hand_are_worked_out_anew_by_the_next_run(
    ann: Ann, sales: Group, sync: Syncer, connection: Connection, admin: User
) -> None:
    care = Group.objects.get(connection=connection, key="Care")
    local.join(sales, ann, by=admin)
    local.leave(care, ann, by=admin)
    assert groups_of(ann) == {("Sales", True)}
    connection.refresh_from_db()
    assert connection.groups_edited
    run = sync(ListSource(STAFF))
    assert groups_of(ann) == {("Care", False)}
    assert set(run.membership_changes.values_list("group__name", "joined", "by_hand")) == {
        ("Sales", False, True),
        ("Care", True, True),
    }
    assert not connection.groups_edited


def test_joining_twice_and_leaving_twice_are_once(ann: Ann, sales: Group, admin: User) -> None:
    for _ in range(2):
        local.join(sales, ann, by=admin)
    assert Entry.objects.filter(action="group.join").count() == 1
    for _ in range(2):
        local.leave(sales, ann, by=admin)
    assert Entry.objects.filter(action="group.leave").count() == 1


def test_nobody_joins_a_group_of_another_connection(ann: Ann, connection: Connection, admin: User) -> None:
    other = Connection.objects.create(company=connection.company, provider_slug="sage_hr", kind="hris")
    group = Group.objects.create(
        company=connection.company, connection=other, source="city", key="x", name="X"
    )
    with pytest.raises(NeedsPerson) as refused:
        local.join(group, ann, by=admin)
    assert refused.value.code == "other_connection"
