"""Rehearsal from a file: read as people export them, refused when hostile, planned like the real thing, never confirmed."""

from __future__ import annotations

import io
import tracemalloc
from unicodedata import category

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from hypothesis import given
from hypothesis import strategies as st

from integrations.engine import problems
from integrations.engine.diff import LineKind
from integrations.models import Connection, DirectoryPerson, Draft, Preview, PreviewPage
from integrations.people import Status
from integrations.services import drafts, previews, rehearsal
from integrations.services.csv_people import FileRefused, read_people
from integrations.services.drafts import DraftRefused
from portal.accounts.models import Company, User
from portal.kit.sealed import KeyPair
from tests.integrations.conftest import CARD, Syncer
from tests.integrations.sources import ListSource, record, records
from tests.support.confirmed import planned, ready

pytestmark = pytest.mark.django_db(transaction=True)

GERMAN = """Personalnummer;Vorname;Nachname;E-Mail;Abteilung;Standort;Status;Geburtsdatum;Eintrittsdatum;Schicht
1;Jörg;Müller;joerg@example.com;Pflege;Köln;aktiv;01.02.1980;03.04.2020;früh
2;Anna;Weiß;anna@example.com;Verwaltung;Bonn;Elternzeit;;;
3;Olaf;Alt;olaf@example.com;Pflege;Bonn;ausgetreten;;;
"""


class Upload(io.BytesIO):
    """What Django gives a view."""

    @property
    def size(self) -> int:
        return len(self.getbuffer())


def upload(text: str, encoding: str = "utf-8") -> Upload:
    return Upload(text.encode(encoding))


@pytest.fixture
def draft(company: Company, admin: User) -> Draft:
    return drafts.begin_setup(company, CARD, settings={}, mapping={}, by=admin, request_number="REQ-1")


def dropped(draft: Draft, text: str = GERMAN) -> tuple[Preview, KeyPair]:
    return rehearsal.read_csv(draft, upload(text))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_a_german_export_is_understood_in_any_usual_form(encoding: str, delimiter: str) -> None:
    rows = list(read_people(upload(GERMAN.replace(";", delimiter), encoding)))
    assert [row.status for row in rows] == [Status.ACTIVE, Status.LEAVE, Status.TERMINATED]
    assert rows[0].source_id == "1"
    assert rows[0].fields == {
        "employee_number": "1",
        "first_name": "Jörg",
        "last_name": "Müller",
        "work_email": "joerg@example.com",
        "department": "Pflege",
        "location": "Köln",
        "hired_on": "2020-04-03",
        "custom.Schicht": "früh",
    }


def test_an_english_export_with_one_column_for_the_name_is_understood() -> None:
    text = 'sep=,\nName,Work Email,Job Title,Termination Date\n"Roe, Jane",jane@example.com,=1+1,2020-01-31\n'
    (row,) = read_people(upload(text))
    assert (row.fields["first_name"], row.fields["last_name"]) == ("Jane", "Roe")
    assert row.fields["job_title"] == "=1+1"  # only text: nothing computes it
    assert (row.source_id, row.status) == ("jane@example.com", Status.TERMINATED)


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ('"Name, Vorname";E-Mail', ";"),
        ('"Nachname, Vorname (Rufname, kurz)";"Name, Vorname";E-Mail', ";"),
        ('"Name; Vorname",E-Mail', ","),
        ('"Last name, first name"|E-Mail', "|"),
    ],
)
def test_what_is_inside_quotation_marks_does_not_divide_a_line(header: str, delimiter: str) -> None:
    cells = ['"Roe, Jane"'] * header.count('"' + delimiter) + ["jane@example.com"]
    (row,) = read_people(upload(f"{header}\n{delimiter.join(cells)}\n"))
    assert (row.fields["first_name"], row.fields["last_name"]) == ("Jane", "Roe")
    assert row.fields["work_email"] == "jane@example.com"


def test_a_file_is_read_from_memory_and_from_disk_as_django_gives_it() -> None:
    kept, content = TemporaryUploadedFile("a.csv", "text/csv", 0, None), GERMAN.encode()
    kept.write(content)
    kept.size = len(content)
    found = [list(read_people(one)) for one in (SimpleUploadedFile("a.csv", content), kept)]
    assert found == [list(read_people(upload(GERMAN)))] * 2


@pytest.mark.slow
def test_a_large_file_needs_no_more_memory_than_a_small_one() -> None:
    assert peak(45_000) - peak(1_000) < 500_000


def peak(people: int) -> int:
    """Bytes, the file itself not counted."""
    file = upload("id,first name,e-mail,place\n" + "".join(lines(people, more="," + "x" * 150)))
    tracemalloc.start()
    assert sum(1 for _ in read_people(file)) == people
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def lines(count: int, more: str = "") -> list[str]:
    return [f"k{n:05},Firstk{n:05},k{n:05}@example.com{more}\n" for n in range(count)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04\x00\x00", "no CSV"),
        (b"First name,Last name\n", "only one line"),
        (b"1,2,3\n4,5,6\n", "name the columns"),
        (
            b'First name,Team\nAda,x\n"Bob,y\n"Cyd",z\n',
            "Line 3 cannot be read. A quotation mark may be missing",
        ),
        (b"x" * 200_000, "far too long"),
        (b"First name," + b"a," * 300 + b"\n1\n", "more than 200 columns"),
        (b"First name\n" + b"y" * 200_000, "Line 2"),
        (b"First name\n" + b"Jane\n" * 50_001, "50,000 people"),
        (b"First name\n" + b"Jane Mary Anne\n" * 750_000, "larger than 10 MB"),
    ],
    ids=[
        "empty",
        "zip",
        "no people",
        "no header",
        "half quoted",
        "one line",
        "wide",
        "quoted",
        "long",
        "large",
    ],
)
def test_a_file_that_is_no_list_of_people_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        list(read_people(Upload(content)))


@given(st.binary(max_size=400), st.sampled_from([b"", b"First name,Status\n", b"Vorname;Status\n"]))
def test_whatever_is_dropped_is_read_or_refused(content: bytes, before: bytes) -> None:
    try:
        rows = list(read_people(Upload(before + content)))
    except FileRefused:
        return
    letters = {letter for row in rows for value in row.fields.values() for letter in value}
    assert not {letter for letter in letters if category(letter) in ("Cc", "Cs")}


def test_sensitive_columns_are_dropped_and_told_and_the_rest_is_sealed(draft: Draft) -> None:
    preview, keys = dropped(draft)
    assert "Geburtsdatum" in rehearsal.left_out(preview)
    people = list(previews.people(preview, keys))
    assert not any("1980" in value for seen in people for value in seen.fields.values())
    assert b"Pflege" not in b"".join(bytes(page.body) for page in PreviewPage.objects.all())
    draft.refresh_from_db()
    assert draft.rehearses


def test_a_file_that_cannot_be_read_to_its_end_changes_nothing(draft: Draft) -> None:
    before = dropped(draft)
    with pytest.raises(FileRefused, match="Line 1202 cannot be read"):
        dropped(draft, f"id,first name,e-mail\n{''.join(lines(1_200))}{'y' * 200_000}")
    assert len(list(previews.people(*before))) == 3


def test_a_rehearsal_plans_like_the_real_thing_and_stores_nobody(draft: Draft, admin: User) -> None:
    preview, keys = dropped(
        draft,
        "id,first name,work email,department,status\n"
        "1,Ada,ada@example.com,Care,active\n"
        "2,Bob,,Care,active\n"
        "3,Cyd,cyd@example.com,Surgery,active\n"
        "4,Dan,dan@example.com,Care,on the moon\n"
        "5,Eve,ada@example.com,Care,active\n"
        "1,Ada,ada@example.com,Care,active\n",
    )
    care = {"exclude": [[{"field": "department", "op": "is", "values": ["surgery"]}]]}
    drafts.save_filter(draft, care, by=admin, expected_version=draft.version)
    made = rehearsal.plan(preview, keys, draft)
    assert dict(made.summary.counts) == {LineKind.ADDED: 1}
    assert [line.name for line in made.lines[LineKind.ADDED]] == ["Ada"]
    assert made.problem_counts == {
        problems.MISSING_WORK_EMAIL: 1,
        "unknown_status": 1,
        problems.DUPLICATE_EMAIL: 1,
        problems.DUPLICATE_ID: 1,
    }
    assert not DirectoryPerson.objects.exists()


def test_a_rehearsal_gives_the_digest_that_a_dry_run_gives(draft: Draft, admin: User) -> None:
    lines = "".join(f"k{n:05},Firstk{n:05},Person,k{n:05}@example.com\n" for n in range(2_500))
    preview, keys = dropped(draft, f"id,first name,last name,e-mail\n{lines}")
    made = rehearsal.plan(preview, keys, draft)
    assert (made.summary.affected, len(made.lines[LineKind.ADDED])) == (2_500, rehearsal.MOST_LINES)
    real = planned(draft, by=admin, source=ListSource(records(2_500), size=500))
    assert real.plan is not None
    assert real.plan.plan_digest == made.summary.digest


def test_a_rehearsal_tells_groups_and_invitations_as_a_dry_run_does(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    keys = ("k1", "k2", "k3", "k4")
    sync(ListSource([record(key, department="Care", location="North") for key in keys]))
    DirectoryPerson.objects.filter(source_id="k4").update(state="deactivated", raw_digest="0" * 32)
    later = [record(key, department="Care", location="North") for key in (*keys[1:], "new")]
    draft = drafts.begin_change(connection, by=admin)
    rows = "".join(
        f"{one['id']},First{one['id']},Person,{one['id']}@example.com,Care,North\n" for one in later
    )
    sight = dropped(draft, f"id,first name,last name,e-mail,department,location\n{rows}")
    policy = {"group_by": "location", "invites": True, "mails": True}
    drafts.save_mapping(draft, {}, policy, by=admin, expected_version=draft.version)
    made = rehearsal.plan(*sight, draft)
    assert [one[1:] for one in made.moves] == [
        (f"First{key} Person", "Care", "North") for key in ("k2", "k3")
    ]
    following = {"groups_made": 1, "joined": 4, "left_groups": 4, "invited": 2, "mailed": 2}
    assert made.summary.following.counts == following
    assert (made.summary.affected, made.summary.counts["regrouped"]) == (5, 2)
    ready(draft, by=admin, source=ListSource([]))
    real = planned(draft, by=admin, source=ListSource(later))
    assert real.plan is not None
    assert real.plan.plan_digest == made.summary.digest


def test_a_file_without_most_of_the_people_is_objected_to(
    sync: Syncer, connection: Connection, admin: User
) -> None:
    sync(ListSource(records(30)))
    draft = drafts.begin_change(connection, by=admin)
    preview, keys = dropped(draft, "id,first name,e-mail\nk00000,Jane,k00000@example.com\n")
    made = rehearsal.plan(preview, keys, draft)
    assert made.summary.counts[LineKind.DEACTIVATED] == 29
    assert [one.code for one in made.objections] == ["shrunken_answer"]


def test_nothing_of_a_rehearsal_can_be_planned_or_confirmed(draft: Draft, admin: User) -> None:
    dropped(draft)
    for call in (
        lambda: drafts.start_plan(draft, by=admin),
        lambda: drafts.confirm(draft, typed=0, plan_digest="", by=admin),
    ):
        with pytest.raises(DraftRefused) as caught:
            call()
        assert caught.value.code == "rehearsal"


def test_back_to_the_real_system_filter_and_mapping_stay_where_the_fields_exist(
    draft: Draft, admin: User
) -> None:
    dropped(draft)
    rules = [
        [{"field": "department", "op": "is", "values": ["Pflege"]}],
        [{"field": "home_work_location", "op": "present", "values": []}],
    ]
    drafts.save_filter(draft, {"include": rules}, by=admin, expected_version=draft.version)
    chosen = {"office": "custom.Schicht", "location": "home_work_location"}
    drafts.save_mapping(draft, chosen, {}, by=admin, expected_version=draft.version)
    ready(draft, by=admin, source=ListSource([record("a")]))
    assert not draft.rehearses
    assert draft.filter["include"] == rules[:1]
    assert draft.mapping == {"office": "custom.Schicht"}
    assert not Preview.objects.exists()
