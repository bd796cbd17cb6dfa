"""The lists of the set-up pages: rules as they are typed, the key of one browser, a real person, a rehearsal."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from integrations.models import (
    Connection,
    Preview,
    PreviewPage,
    Receipt,
    Run,
)
from portal.accounts.models import Role
from portal.sandbox.server import Running
from tests.support.pages import HTMX
from tests.support.people import a_user
from tests.support.wizard import PEOPLE, Wizard, html_values

pytestmark = pytest.mark.django_db
COOKIE = "setup-key"


@pytest.fixture
def rehearsed(wizard: Wizard) -> Wizard:
    """At the rules, with three people of a file."""
    return wizard.rehearse()


# --- who comes in -----------------------------------------------------------------------------------------------


def test_buttons_build_rules_without_a_script(wizard: Wizard, sandbox: Running) -> None:
    wizard.connect()
    typed = wizard.rule("department", "is", "Care")
    html = wizard.post("filter", {**typed, "do": "add-clause include 0"}).content.decode()
    assert 'name="include-0-1-field"' in html
    assert 'value="Care"' in html
    html = wizard.post("filter", {**typed, "do": "add-rule exclude"}).content.decode()
    assert 'name="exclude-0-0-field"' in html
    html = wizard.post("filter", {**typed, "do": "remove-rule include 0"}).content.decode()
    assert 'name="include-0-0-field"' not in html
    assert wizard.post("filter", {**typed, "do": "remove-clause include 7 3"}).status_code < 500
    assert wizard.draft.filter == {}


def test_an_unfinished_condition_is_refused_and_kept(wizard: Wizard, sandbox: Running) -> None:
    wizard.connect()
    answer = wizard.post("filter", wizard.rule("hired_on", "before", "yesterday"))
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Enter a date such as 2026-01-31." in html
    assert 'href="#include-0-0-values"' in html
    assert 'value="yesterday"' in html


def test_matches_count_and_say_why_before_anything_is_saved(rehearsed: Wizard) -> None:
    html = rehearsed.send(
        "setup_matches", rehearsed.rule("department", "is", "care"), htmx=True
    ).content.decode()
    assert "2 of 3 people match" in html
    assert "Ada Lovelace" in html.split("Bob Marsh")[0]
    assert "matches no rule" in html.split("Bob Marsh")[1]
    assert rehearsed.draft.filter == {}


def test_values_are_offered_with_how_many_have_them(rehearsed: Wizard) -> None:
    query = "?name=include-0-0&include-0-0-field=department&include-0-0-op=one_of"
    html = rehearsed.client.get(rehearsed.url("setup_options") + query, headers=HTMX).content.decode()
    assert html_values(html, "include-0-0-values") == ["Care", "Kitchen"]
    assert 'type="checkbox"' in html


def options_of(wizard: Wizard, asking: str, field: str, op: str, *values: str) -> str:
    """The control of a value, as the select `asking` fetches it."""
    sent = {key: value for key, value in wizard.rule(field, op, *values).items() if key.startswith("include")}
    headers = {**HTMX, "HX-Trigger-Name": asking}
    url = wizard.url("setup_options") + "?name=include-0-0"
    return wizard.client.get(url, sent, headers=headers).content.decode()


def test_another_field_takes_no_values_of_the_one_before(rehearsed: Wizard) -> None:
    assert "riverside" not in options_of(rehearsed, "include-0-0-field", "department", "one_of", "riverside")
    assert "riverside" in options_of(rehearsed, "include-0-0-op", "department", "one_of", "riverside")


def test_what_is_chosen_stands_before_what_is_offered(rehearsed: Wizard) -> None:
    html = options_of(rehearsed, "include-0-0-op", "department", "one_of", "Kitchen", "Garden")
    assert html_values(html, "include-0-0-values") == ["Garden", "Kitchen", "Care"]


@pytest.fixture
def managed(wizard: Wizard) -> Wizard:
    """At the rules; Ada is the manager of the others."""
    header, *rows = PEOPLE.strip().splitlines()
    return wizard.rehearse("\n".join([f"{header},Manager", *(f"{row},1" for row in rows)]) + "\n")


def test_a_manager_is_chosen_by_name_and_named_in_the_lists(managed: Wizard) -> None:
    html = options_of(managed, "include-0-0-op", "manager_id", "is", "1")
    assert '<option value="1" selected>Ada Lovelace (3)</option>' in html
    rule = managed.rule("manager_id", "one_of", "1").items()
    sent = {key.replace("include", "exclude"): value for key, value in rule}
    found = managed.send("setup_matches", sent, htmx=True)
    assert "left out: Manager is one of “Ada Lovelace”" in found.content.decode()


def test_more_rules_than_there_may_be_are_told_and_not_counted(rehearsed: Wizard) -> None:
    sent = {"version": rehearsed.draft.version, "do": "save"}
    for number in range(60):
        sent |= {f"include-{number}-0-field": "department", f"include-{number}-0-op": "present"}
    assert rehearsed.send("setup_matches", sent, htmx=True).status_code == 200
    answer = rehearsed.post("filter", sent)
    assert answer.status_code == 422
    assert "At most 50 rules" in answer.content.decode()


def test_a_rule_that_another_one_takes_back_is_told_as_such(rehearsed: Wizard) -> None:
    sent = rehearsed.rule("department", "is", "Care")
    sent |= {key.replace("include", "exclude"): value for key, value in sent.items() if "include" in key}
    html = rehearsed.send("setup_matches", sent, htmx=True).content.decode()
    assert "leaving out wins" in html
    assert "as in the HR system?" not in html


@pytest.mark.parametrize("step", ["filter", "map"])
def test_what_waits_for_a_script_is_shown_only_where_there_are_scripts(rehearsed: Wizard, step: str) -> None:
    rehearsed.post("filter", {"version": rehearsed.draft.version, "do": "save"})
    html = rehearsed.html(step)
    assert '<p class="busy js-only' in html
    assert "<noscript>" in html


@pytest.mark.parametrize("do", ["remove-step department ²", "remove-step department 9999999"])
def test_a_button_that_nobody_was_shown_does_nothing(rehearsed: Wizard, do: str) -> None:
    rehearsed.post("filter", {"version": rehearsed.draft.version, "do": "save"})
    answer = rehearsed.post("map", {**rehearsed.form("map", "map-form"), "do": do})
    assert answer.status_code == 200


def test_a_part_that_no_value_has_is_told_beside_its_step(rehearsed: Wizard) -> None:
    rehearsed.post("filter", {"version": rehearsed.draft.version, "do": "save"})
    step = {"do": "split", "by": " ", "part": "9" * 30}
    typed = {f"map-department-step-0-{name}": value for name, value in step.items()}
    answer = rehearsed.post("map", {**rehearsed.form("map", "map-form"), **typed, "do": "save"})
    assert answer.status_code == 422
    assert "Step 1:" in answer.content.decode()


def test_somebody_else_changed_the_rules_meanwhile(wizard: Wizard, sandbox: Running) -> None:
    wizard.connect()
    mine = wizard.rule("department", "is", "Care")
    wizard.post("filter", wizard.rule("department", "is", "Kitchen"))
    answer = wizard.post("filter", mine)
    assert answer.status_code == 422
    assert "meanwhile" in answer.content.decode() or "meantime" in answer.content.decode()
    assert 'value="Care"' in answer.content.decode()
    assert wizard.draft.filter["include"][0][0]["values"] == ["Kitchen"]


# --- the key of one browser -------------------------------------------------------------------------------------


def test_lists_open_in_the_browser_that_read_them_and_in_no_other(
    wizard: Wizard, sandbox: Running, connection: Connection
) -> None:
    wizard.connect()
    other = Wizard(a_user(Role.TL, "Maya Ortiz"), connection)
    assert "No lists here yet." in other.html("filter")
    html = other.send("setup_matches", {"version": "1"}, htmx=True).content.decode()
    assert "people match" not in html
    cookie = wizard.client.cookies[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == wizard.url("setup")
    assert int(cookie["max-age"]) == 3600
    stored = b"".join(bytes(body) for body in PreviewPage.objects.values_list("body", flat=True))
    assert stored
    assert b"@" + b"riverside" not in stored
    assert bytes(Preview.objects.get().public_key) not in (b"", cookie.value.encode())


def test_made_up_keys_open_nothing(rehearsed: Wizard) -> None:
    for value in ("", "x", "AAAA", "!" * 44, "A" * 44):
        rehearsed.client.cookies[COOKIE] = value
        assert "No lists here yet." in rehearsed.html("filter")


# --- what is shown ----------------------------------------------------------------------------------------------


def test_a_real_person_stands_beside_the_mapping_step_by_step(rehearsed: Wizard) -> None:
    rehearsed.post("filter", {"version": rehearsed.draft.version, "do": "save"})
    typed = rehearsed.form("map", "map-form")
    html = rehearsed.post("map", {**typed, "do": "add-step department"}).content.decode()
    assert 'name="map-department-step-0-do"' in html
    typed |= {"map-department-step-0-do": "case", "map-department-step-0-how": "upper", "who": "ada"}
    html = rehearsed.send("setup_person", typed, htmx=True).content.decode()
    assert "Ada Lovelace" in html
    assert "CARE" in html
    assert "123-45-6789" not in html
    skipped = rehearsed.send("setup_person", {**typed, "who": "cleo"}, htmx=True).content.decode()
    assert "No work e-mail" in skipped
    assert rehearsed.draft.mapping == {}


def test_mapping_keeps_only_what_differs_and_policy_too(rehearsed: Wizard) -> None:
    rehearsed.post("filter", {"version": rehearsed.draft.version, "do": "save"})
    typed = rehearsed.form("map", "map-form")
    typed |= {
        "map-location-from-0": "department",
        "map-email-step-0-do": "lookup",
        "map-email-step-0-table": "no equals sign",
        "outside": "keep",
        "do": "save",
    }
    answer = rehearsed.post("map", typed)
    assert answer.status_code == 422
    assert "Step 1: write a line for each value" in answer.content.decode()
    assert "no equals sign" in answer.content.decode()
    for name in [name for name in typed if name.startswith("map-email-step")]:
        del typed[name]
    assert rehearsed.post("map", typed)["Location"] == rehearsed.url("setup_step", "plan")
    assert rehearsed.draft.mapping == {"location": "department"}
    assert rehearsed.draft.policy == {"outside": "keep"}


NO_GROUPS = "Groups come from “Department”, but no field is mapped to it"


def test_groups_from_an_attribute_that_comes_from_nothing_are_a_warning(rehearsed: Wizard) -> None:
    rehearsed.post("filter", {"version": rehearsed.draft.version, "do": "save"})
    typed = {**rehearsed.form("map", "map-form"), "map-department-from-0": ""}
    person = rehearsed.send("setup_person", typed, htmx=True).content.decode()
    rehearsed.post("map", {**typed, "do": "save"})
    for html in (person, rehearsed.html("map"), rehearsed.html("plan")):
        assert NO_GROUPS in html
    without = rehearsed.send("setup_person", {**typed, "group_by": ""}, htmx=True).content.decode()
    assert NO_GROUPS not in without


def test_groups_from_an_attribute_that_has_a_source_are_no_warning(rehearsed: Wizard) -> None:
    rehearsed.save_rules()
    for step in ("map", "plan"):
        assert "no field is mapped to it" not in rehearsed.html(step)


def test_a_field_that_nobody_has_is_a_warning(rehearsed: Wizard) -> None:
    rehearsed.post("filter", {"version": rehearsed.draft.version, "do": "save"})
    html = rehearsed.html("map")
    assert "Your file has no column for “Location”" in html
    assert "“Department”, or nothing in it" not in html


def test_a_rehearsal_shows_its_plan_and_confirms_nothing(rehearsed: Wizard) -> None:
    rehearsed.post("filter", {"version": rehearsed.draft.version, "do": "save"})
    rehearsed.post("map", {**rehearsed.form("map", "map-form"), "do": "save"})
    html = rehearsed.html("plan")
    assert "2 people come in." in html
    assert "Ada Lovelace" in html
    assert "No work e-mail" in html
    assert "plan_digest" not in html
    assert "This is a rehearsal." in html
    refused = rehearsed.send("setup_confirm", {"plan_digest": "0" * 32, "typed": "2"})
    assert refused.status_code == 302
    assert not Receipt.objects.exists()
    assert not Run.objects.exists()


def test_a_long_rehearsal_says_that_it_shows_the_first_people_only(wizard: Wizard) -> None:
    people = "".join(f"{number},Ada,Lovelace,ada{number}@amber.example,Care\n" for number in range(201))
    wizard.rehearse(f"Employee number,First name,Last name,Work e-mail,Department\n{people}")
    wizard.save_rules()
    assert "The first 200 of 201." in wizard.html("plan")
    assert "The first 200 of 201." in wizard.html("plan", "?kind=added")


def test_a_rehearsal_that_shows_everybody_says_nothing_of_first_ones(rehearsed: Wizard) -> None:
    rehearsed.save_rules()
    assert "Before and after. The first" not in rehearsed.html("plan")


def test_a_file_is_understood_aloud_once_and_everything_in_it_bears_a_name(wizard: Wizard) -> None:
    lines = (
        "Id,First name,Last name,Email,Work e-mail,Status,Manager,Schicht,City",
        "10,Ada,Lovelace,ada@amber.example,,active,12,early," + "Leeds" * 30,
        "12,Cleo,Nagy,,cleo@amber.example,active,,late,",
        "13,Dan,Gone,dan@amber.example,,terminated,12,late,",
        "10,Ada,Lovelace,ada@amber.example,,active,12,early,Leeds",
    )
    wizard.rehearse("\n".join(lines))
    html = wizard.html("filter")
    assert "“Manager” is Manager, “Schicht” keeps its name" in html
    assert "Several columns mean “Work e-mail”; the first that is filled is used." in html
    assert "“Schicht” keeps its name" not in wizard.html("filter")
    html = wizard.send("setup_matches", {"version": wizard.draft.version}, htmx=True).content.decode()
    assert "1 more has left or not started yet" in html
    query = "?name=include-0-0&include-0-0-field=manager_id&include-0-0-op=one_of"
    html = wizard.client.get(wizard.url("setup_options") + query, headers=HTMX).content.decode()
    assert (html_values(html, "include-0-0-values"), "<span>Cleo Nagy</span>" in html) == (["12"], True)
    wizard.post("filter", {"version": wizard.draft.version, "do": "save"})
    typed = wizard.form("map", "map-form") | {
        "map-city-from-0": "city",
        "map-city-from-1": "location",
        "do": "save",
    }
    html = wizard.send("setup_person", {**typed, "who": "ádá"}, htmx=True).content.decode()
    assert html.count("Cleo Nagy") == 2, "as it came, and as it will be shown"
    wizard.post("map", typed)
    html = wizard.html("map")
    assert "2 fields<span" in html
    assert "0 steps" not in html
    skipped, remarks = wizard.html("plan").split("Nobody is skipped because of these.")
    assert "<li>Ada Lovelace" in skipped.split("Sent twice")[1]
    assert "Value was shortened" in remarks.split("Every person")[0]
    assert "Value was shortened" not in skipped


def test_one_person_is_told_as_one(wizard: Wizard) -> None:
    wizard.rehearse("Name,Email\nAda Lovelace,ada@amber.example")
    assert "1 person read." in wizard.html("filter")
    html = wizard.send("setup_matches", {"version": wizard.draft.version}, htmx=True).content.decode()
    assert "1 of 1 person matches" in html
    assert "not started yet" not in html


def test_a_file_that_is_none_is_told_beside_its_field(wizard: Wizard) -> None:
    wizard.begin()
    wizard.consent()
    upload = SimpleUploadedFile("people.csv", b"\x00\x01\x02", content_type="text/csv")
    answer = wizard.send("setup_rehearse", {"file": upload})
    assert answer.status_code == 422
    assert "The file cannot be used" in answer.content.decode()
    assert wizard.send("setup_rehearse").status_code == 422
