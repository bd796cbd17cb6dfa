"""BambooHR, Personio, Sage HR and StaffCloud: sign-in, paging ends and each one's quirks."""

from typing import Any

import pytest
import requests

from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.world import World

BAMBOO = "https://riverside.bamboohr.com/api"
DATA = f"{BAMBOO}/v2/datasets/employee/data"
PERSONIO = "https://api.personio.de/v1"
SAGE = "https://riverside.sage.hr/api"
STAFFCLOUD = "https://riverside.staff.cloud/api/v1"


@pytest.fixture
def bamboo(http: requests.Session) -> requests.Session:
    http.auth = (CREDENTIALS["bamboohr"]["api_key"], "x")
    return http


@pytest.fixture
def personio(http: requests.Session) -> requests.Session:
    answer = http.post(f"{PERSONIO}/auth", json=CREDENTIALS["personio"]).json()
    http.headers["Authorization"] = f"Bearer {answer['data']['token']}"
    return http


@pytest.fixture
def sage(http: requests.Session) -> requests.Session:
    http.headers["X-Auth-Token"] = CREDENTIALS["sage_hr"]["api_key"]
    return http


@pytest.fixture
def staffcloud(http: requests.Session) -> requests.Session:
    http.headers["Authorization"] = f"Bearer {CREDENTIALS['staffcloud']['token']}"
    return http


class TestBambooHr:
    def test_the_reason_of_a_refusal_is_in_a_header_and_the_body_is_empty(
        self, http: requests.Session
    ) -> None:
        answer = http.get(f"{BAMBOO}/v1/meta/fields", auth=("wrong", "x"))
        assert (answer.status_code, answer.content) == (401, b"")
        assert answer.headers["X-BambooHR-Error-Message"] == "Invalid API key"

    def test_an_unknown_subdomain_is_not_found(self, bamboo: requests.Session) -> None:
        assert bamboo.get("https://other.bamboohr.com/api/v1/meta/fields").status_code == 404

    def test_pages_end_where_next_is_null(self, bamboo: requests.Session) -> None:
        ids: list[str] = []
        page, more = 1, True
        while more:
            answer = bamboo.post(DATA, json={"fields": ["employeeId"], "page": page, "pageSize": 50}).json()
            ids += [row["fields"]["employeeId"] for row in answer["data"]]
            more, page = answer["links"]["next"] is not None, page + 1
        assert len(ids) == len(set(ids)) == 125
        assert answer["meta"] == {"page": 3, "pageSize": 50, "totalPages": 3, "totalItems": 125}

    def test_only_the_fields_asked_for_come_back_as_text(
        self, bamboo: requests.Session, world: World
    ) -> None:
        answer = bamboo.post(DATA, json={"fields": ["firstName", "supervisorEId"], "pageSize": 2}).json()
        assert answer["data"][0] == {"fields": {"firstName": world.person(0).first_name, "supervisorEId": ""}}
        assert answer["data"][1]["fields"]["supervisorEId"] == "101"

    @pytest.mark.parametrize(
        ("filter_text", "count"),
        [
            ("status eq 'Active'", 120),
            ("status eq 'Inactive'", 5),
            ("status in ('Active', 'Inactive')", 125),
            ("status eq 'Inactive' and terminationDate ne '0000-00-00'", 5),
        ],
    )
    def test_filters_narrow(self, bamboo: requests.Session, filter_text: str, count: int) -> None:
        answer = bamboo.post(
            DATA, json={"fields": ["status"], "filter": filter_text, "pageSize": 1000}
        ).json()
        assert len(answer["data"]) == answer["meta"]["totalItems"] == count

    @pytest.mark.parametrize(
        ("asked", "status"),
        [
            ({}, 400),
            ({"fields": ["noSuchField"]}, 400),
            ({"fields": ["status"], "pageSize": 1001}, 422),
            ({"fields": ["status"], "filter": "status is Active"}, 422),
        ],
    )
    def test_bad_queries_are_problems(
        self, bamboo: requests.Session, asked: dict[str, Any], status: int
    ) -> None:
        answer = bamboo.post(DATA, json=asked)
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["Content-Type"] == "application/problem+json"

    def test_the_directory_has_active_people_only(self, bamboo: requests.Session) -> None:
        answer = bamboo.get(f"{BAMBOO}/v1/employees/directory").json()
        assert len(answer["employees"]) == 120
        assert "terminationDate" not in answer["employees"][0]


class TestPersonio:
    def test_wrong_credentials_are_refused_in_personios_shape(self, http: requests.Session) -> None:
        answer = http.post(f"{PERSONIO}/auth", json=CREDENTIALS["personio"] | {"client_secret": "wrong"})
        assert answer.status_code == 403
        assert answer.json() == {"success": False, "error": {"code": 403, "message": "Wrong credentials"}}

    def test_a_missing_token_is_unauthorized(self, http: requests.Session) -> None:
        assert http.get(f"{PERSONIO}/company/employees").status_code == 401

    def test_offset_and_total_lead_through_everybody(self, personio: requests.Session) -> None:
        ids: list[int] = []
        offset, total = 0, 1
        while offset < total:
            answer = personio.get(f"{PERSONIO}/company/employees?limit=100&offset={offset}").json()
            ids += [item["attributes"]["id"]["value"] for item in answer["data"]]
            total, offset = answer["metadata"]["total_elements"], offset + answer["limit"]
        assert len(ids) == len(set(ids)) == total == 125
        assert answer["metadata"]["current_page"] == 1

    def test_the_default_page_is_50_and_the_largest_100(self, personio: requests.Session) -> None:
        url = f"{PERSONIO}/company/employees"
        assert len(personio.get(url).json()["data"]) == 50
        assert personio.get(f"{url}?limit=500").json()["limit"] == 100

    def test_values_are_labelled_and_relations_plain_inside(
        self, personio: requests.Session, world: World
    ) -> None:
        found = personio.get(f"{PERSONIO}/company/employees?limit=2").json()["data"][1]["attributes"]
        person = world.person(1)
        assert found["first_name"]["value"] == person.first_name
        assert found["first_name"]["universal_id"] == "first_name"
        assert found["department"]["value"]["attributes"]["name"] == person.department
        assert found["supervisor"]["value"]["attributes"]["id"]["value"] == 501
        assert found["dynamic_991"] == {
            "label": "Personal e-mail",
            "value": person.personal_email,
            "type": "standard",
            "universal_id": None,
        }

    def test_a_projection_leaves_the_rest_out(self, personio: requests.Session) -> None:
        url = f"{PERSONIO}/company/employees?limit=1&attributes[]=first_name&attributes[]=no_such"
        assert set(personio.get(url).json()["data"][0]["attributes"]) == {"id", "first_name"}

    def test_an_attribute_off_the_whitelist_is_absent(self, personio: requests.Session, world: World) -> None:
        world.knobs.personio_hidden = frozenset({"department"})
        found = personio.get(f"{PERSONIO}/company/employees?limit=1").json()["data"][0]["attributes"]
        assert "department" not in found
        keys = [
            item["key"] for item in personio.get(f"{PERSONIO}/company/employees/attributes").json()["data"]
        ]
        assert "department" not in keys
        assert "office" in keys

    def test_statuses_use_personios_words(self, personio: requests.Session, world: World) -> None:
        future = world.hire(starts_in_days=9).index
        url = f"{PERSONIO}/company/employees/"

        def status(index: int) -> str:
            answer = personio.get(f"{url}{501 + index}").json()
            return str(answer["data"]["attributes"]["status"]["value"])

        assert [status(index) for index in (0, 49, 120, future)] == [
            "active",
            "leave",
            "inactive",
            "onboarding",
        ]

    def test_updated_since_gives_every_change_at_once(self, personio: requests.Session, world: World) -> None:
        for index in range(3):
            world.rename(index, "Zora", f"Quill{index}")
        day = world.today.isoformat()
        answer = personio.get(f"{PERSONIO}/company/employees?updated_since={day}&limit=1").json()
        assert len(answer["data"]) == 3


class TestSageHr:
    def test_a_wrong_key_is_unauthorized(self, http: requests.Session) -> None:
        assert http.get(f"{SAGE}/employees", headers={"X-Auth-Token": "wrong"}).status_code == 401

    def test_active_people_come_in_pages_of_fifty_until_next_is_null(self, sage: requests.Session) -> None:
        ids, page = [], 1
        while page:
            answer = sage.get(f"{SAGE}/employees", params={"page": page}).json()
            ids += [row["id"] for row in answer["data"]]
            page = answer["meta"]["next_page"]
        assert len(ids) == len(set(ids)) == 120
        assert answer["meta"]["total_pages"] == 3

    def test_leavers_are_in_their_own_list_only(self, sage: requests.Session, world: World) -> None:
        world.let_go(3)
        active = sage.get(f"{SAGE}/employees").json()["data"]
        left = sage.get(f"{SAGE}/terminated-employees").json()["data"]
        assert 41 + 3 not in [row["id"] for row in active]
        gone = next(row for row in left if row["id"] == 41 + 3)
        assert gone["termination_date"] == world.today.isoformat()
        assert "team" not in gone

    def test_there_is_no_field_for_the_place_of_work(self, sage: requests.Session, world: World) -> None:
        text = sage.get(f"{SAGE}/employees").text
        assert world.person(0).location.name not in text
        assert all(canary in text for canary in world.person(0).private.canaries if "Crescent" in canary)


class TestStaffCloud:
    def test_a_token_pasted_with_its_own_bearer_is_malformed(self, http: requests.Session) -> None:
        token = CREDENTIALS["staffcloud"]["token"]
        answer = http.get(f"{STAFFCLOUD}/settings", headers={"Authorization": f"Bearer Bearer {token}"})
        assert (answer.status_code, answer.json()["message"]) == (400, "Invalid security token structure")

    def test_a_wrong_token_is_unauthorized(self, http: requests.Session) -> None:
        answer = http.get(f"{STAFFCLOUD}/settings", headers={"Authorization": "Bearer a.b.c"})
        assert answer.status_code == 401
        assert set(answer.json()) == {"code", "message", "description", "validationErrors"}

    def test_the_list_is_a_bare_array_without_pages(self, staffcloud: requests.Session) -> None:
        answer = staffcloud.get(f"{STAFFCLOUD}/employees")
        assert len(answer.json()) == 125
        assert answer.headers["X-Rate-Limit-Limit"]

    @pytest.mark.parametrize(
        ("value", "count"),
        [
            ("4", 120),
            ("5", 5),
            ("4,5,6", 125),
            ("-4", 5),
            (">4", 5),
            ("<5", 120),
            ("null", 0),
            ("-null", 125),
        ],
    )
    def test_filters_are_prefixes_of_values(
        self, staffcloud: requests.Session, value: str, count: int
    ) -> None:
        found = staffcloud.get(f"{STAFFCLOUD}/employees", params={"status": value, "fields": "id"}).json()
        assert len(found) == count
        assert all(set(row) == {"id"} for row in found)

    def test_updated_at_takes_a_date_after_the_prefix(
        self, staffcloud: requests.Session, world: World
    ) -> None:
        world.rename(7, "Zora", "Quill")
        since = f">{world.today.isoformat()} 00:00:00"
        found = staffcloud.get(f"{STAFFCLOUD}/employees", params={"updated_at": since}).json()
        assert [row["lastname"] for row in found] == ["Quill"]

    def test_confirmed_assignments_lead_to_present_and_past_events(
        self, staffcloud: requests.Session, world: World
    ) -> None:
        events = staffcloud.get(f"{STAFFCLOUD}/events", params={"status": "2"}).json()
        today = world.today.isoformat()
        assert {event["end"] < today for event in events} == {True, False}
        confirmed = staffcloud.get(f"{STAFFCLOUD}/assignments", params={"status": "7"}).json()
        assert 0 < len(confirmed) < 125
        event = confirmed[0]["event_id"]
        of_event = staffcloud.get(f"{STAFFCLOUD}/assignments", params={"event_id": event}).json()
        assert {row["event_id"] for row in of_event} == {event}
