"""ADP Workforce Now: certificate, token, paging until 204, selection, masking."""

import json
from datetime import UTC, datetime

import pytest
import requests

from portal.sandbox.company import Person
from portal.sandbox.credentials import CREDENTIALS, adp_certificate
from portal.sandbox.server import serve
from portal.sandbox.vendors.adp import adp_pages, worker
from portal.sandbox.world import World
from tests.sandbox.conftest import CERTIFICATE, session

TOKEN = "https://accounts.adp.com/auth/oauth/v2/token"
WORKERS = "https://api.adp.com/hr/v2/workers"
KNOWN = CREDENTIALS["adp"]
GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def adp(http: requests.Session) -> requests.Session:
    http.headers.update(CERTIFICATE)
    answer = http.post(TOKEN, data=GRANT | KNOWN)
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return http


def test_a_call_without_certificate_gets_no_answer_at_all(http: requests.Session) -> None:
    with pytest.raises(requests.ConnectionError):
        http.post(TOKEN, data=GRANT | KNOWN)


def test_the_api_wants_the_certificate_on_every_call(adp: requests.Session) -> None:
    del adp.headers["X-Sandbox-Client-Cert"]
    with pytest.raises(requests.ConnectionError):
        adp.get(WORKERS)


def test_the_token_is_given_for_form_and_for_basic_credentials(http: requests.Session) -> None:
    auth = (KNOWN["client_id"], KNOWN["client_secret"])
    form = http.post(TOKEN, data=GRANT | KNOWN, headers=CERTIFICATE)
    header = http.post(TOKEN, data=GRANT, auth=auth, headers=CERTIFICATE)
    for answer in (form, header):
        assert answer.status_code == 200
        assert answer.json()["expires_in"] == 3600


def test_a_wrong_secret_is_an_invalid_client(http: requests.Session) -> None:
    answer = http.post(TOKEN, data=GRANT | KNOWN | {"client_secret": "wrong"}, headers=CERTIFICATE)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_the_list_ends_with_204_and_an_empty_body(adp: requests.Session, world: World) -> None:
    sizes, skip = [], 0
    while (answer := adp.get(WORKERS, params={"$top": "100", "$skip": str(skip)})).status_code == 200:
        sizes.append(len(answer.json()["workers"]))
        skip += 100
    assert sizes == [100, 25]
    assert (answer.status_code, answer.content) == (204, b"")


def test_more_than_a_hundred_at_once_is_refused_in_the_envelope(adp: requests.Session) -> None:
    answer = adp.get(WORKERS, params={"$top": "101"})
    message = answer.json()["confirmMessage"]
    assert answer.status_code == 400
    assert message["protocolStatusCode"]["codeValue"] == "400"
    assert message["resourceMessages"][0]["processMessages"][0]["userMessage"]["messageTxt"]


def test_select_keeps_what_was_selected_and_nothing_sensitive(adp: requests.Session) -> None:
    paths = "workers/associateOID,workers/person/legalName,workers/workAssignments/jobTitle"
    first = adp.get(WORKERS, params={"$top": "1", "$select": paths}).json()["workers"][0]
    assert set(first) == {"associateOID", "person", "workAssignments"}
    assert set(first["person"]) == {"legalName"}
    assert [set(assignment) for assignment in first["workAssignments"]] == [{"jobTitle"}]


def test_filter_narrows_and_an_unknown_filter_is_refused(adp: requests.Session, world: World) -> None:
    path = "workers/workerStatus/statusCode/codeValue"
    found = adp.get(WORKERS, params={"$filter": f"{path} eq 'Terminated'"}).json()["workers"]
    assert len(found) == 5
    assert adp.get(WORKERS, params={"$filter": "workers/person/birthDate eq 'x'"}).status_code == 400


def test_count_puts_the_total_into_meta(adp: requests.Session) -> None:
    assert adp.get(WORKERS, params={"$top": "1", "count": "true"}).json()["meta"] == {"totalNumber": 125}


def test_government_ids_are_masked_unless_asked_otherwise(adp: requests.Session, world: World) -> None:
    ssn = world.person(0).private.ssn
    assert ssn not in adp.get(WORKERS, params={"$top": "1"}).text
    assert (
        ssn
        in adp.get(WORKERS, params={"$top": "1"}, headers={"Accept": "application/json;masked=false"}).text
    )


def test_demographics_lack_pay(adp: requests.Session) -> None:
    assert "baseRemuneration" in adp.get(WORKERS).text
    assert "baseRemuneration" not in adp.get("https://api.adp.com/hr/v2/worker-demographics").text


def test_manager_and_former_people_are_told(adp: requests.Session, world: World) -> None:
    workers = adp.get(WORKERS, params={"$skip": "100", "$top": "100"}).json()["workers"]
    manager = world.person(world.person(100).manager or 0)
    assert workers[0]["workAssignments"][0]["reportsTo"][0]["associateOID"] == manager.adp_id
    assert workers[-1]["workerStatus"]["statusCode"]["codeValue"] == "Terminated"


def test_a_token_expires_after_an_hour(world: World) -> None:
    time = [datetime(2026, 11, 1, tzinfo=UTC)]
    world = World(size=20, clock=lambda: time[0])
    with serve(world, port=0, smtp_port=0) as running, session(running.url) as http:
        http.headers.update(CERTIFICATE)
        token = http.post(TOKEN, data=GRANT | KNOWN).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        time[0] = datetime(2026, 11, 1, 0, 59, 59, tzinfo=UTC)
        assert http.get(WORKERS).status_code == 200
        time[0] = datetime(2026, 11, 1, 1, 0, 0, tzinfo=UTC)
        assert http.get(WORKERS).status_code == 401


def test_withdrawn_tokens_are_refused(adp: requests.Session, world: World) -> None:
    world.expire_tokens("adp")
    assert adp.get(WORKERS).status_code == 401


def test_a_token_of_another_vendor_is_refused(http: requests.Session) -> None:
    answer = http.post("https://api.personio.de/v1/auth", json=CREDENTIALS["personio"])
    token = answer.json()["data"]["token"].removeprefix("papi-")
    assert http.get(WORKERS, headers={**CERTIFICATE, "Authorization": f"Bearer {token}"}).status_code == 401


@pytest.fixture
def people(world: World) -> list[Person]:
    return list(world.people())


def test_some_people_have_two_assignments_and_the_first_is_not_primary(people: list[Person]) -> None:
    several = [w["workAssignments"] for w in map(worker, people) if len(w["workAssignments"]) > 1]
    assert several
    for assignments in several:
        assert [assignment["primaryIndicator"] for assignment in assignments] == [False, True]


def test_labels_come_in_all_three_spellings(people: list[Person]) -> None:
    codes = [worker(person)["workAssignments"][-1]["jobCode"] for person in people]
    assert {frozenset(code) for code in codes} == {
        frozenset({"codeValue", "shortName"}),
        frozenset({"codeValue", "longName"}),
        frozenset({"codeValue"}),
    }


def test_a_person_without_work_address_has_no_business_communication() -> None:
    person = World(size=20, missing_work_email=1.0).person(3)
    assert "businessCommunication" not in worker(person)


def test_a_worker_carries_the_canaries(people: list[Person]) -> None:
    text = json.dumps(worker(people[3], masked=False), ensure_ascii=False)
    assert all(canary in text for canary in people[3].private.canaries)


def test_generated_pages_are_those_of_the_api(adp: requests.Session, world: World) -> None:
    pages = [json.loads(page) for page in adp_pages(world, custom=True)]
    assert [len(page["workers"]) for page in pages] == [100, 25]
    for number, page in enumerate(pages):
        assert page == adp.get(WORKERS, params={"$top": "100", "$skip": str(100 * number)}).json()


def test_the_demo_certificate_is_the_same_all_process_long() -> None:
    assert adp_certificate() is adp_certificate()
    assert "BEGIN CERTIFICATE" in adp_certificate()[0]
    assert "BEGIN PRIVATE KEY" in adp_certificate()[1]
