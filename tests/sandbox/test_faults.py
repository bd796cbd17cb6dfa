"""Every fault, seen from the other end of a real connection."""

import time
from email.utils import parsedate_to_datetime

import pytest
import requests

from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.server import serve
from portal.sandbox.world import World
from tests.sandbox.conftest import CERTIFICATE, session

SAGE = "https://riverside.sage.hr/api/employees"
PERSONIO = "https://api.personio.de/v1"


@pytest.fixture
def sage(http: requests.Session) -> requests.Session:
    http.headers["X-Auth-Token"] = CREDENTIALS["sage_hr"]["api_key"]
    return http


@pytest.mark.parametrize("kind", ["401", "403", "429", "500", "503"])
def test_a_refusal_has_its_status(sage: requests.Session, world: World, kind: str) -> None:
    world.fault("sage_hr", kind)
    answer = sage.get(SAGE)
    assert answer.status_code == int(kind)
    assert answer.headers["Content-Type"].startswith("text/html" if kind == "503" else "application/json")


def test_429_says_when_in_seconds_or_as_a_date(sage: requests.Session, world: World) -> None:
    world.fault("sage_hr", "429", retry_after=7)
    assert sage.get(SAGE).headers["Retry-After"] == "7"
    world.fault("sage_hr", "429", retry_after=60, as_date=True)
    moment = parsedate_to_datetime(sage.get(SAGE).headers["Retry-After"])
    assert 50 < (moment - world.clock()).total_seconds() <= 60
    world.fault("sage_hr", "429", retry_after=None)
    assert "Retry-After" not in sage.get(SAGE).headers


def test_a_fault_wears_off_after_its_number_of_requests(sage: requests.Session, world: World) -> None:
    world.fault("sage_hr", "500", times=2)
    assert [sage.get(SAGE).status_code for _ in range(4)] == [500, 500, 200, 200]
    assert world.faults == {}


def test_a_fault_hits_only_its_vendor_and_path(sage: requests.Session, world: World) -> None:
    world.fault("sage_hr", "500", path="terminated")
    assert sage.get(SAGE).status_code == 200
    assert sage.get("https://riverside.sage.hr/api/terminated-employees").status_code == 500
    world.fault("adp", "500")
    assert sage.get(SAGE).status_code == 200


@pytest.mark.parametrize("kind", ["drop", "down", "drop_after"])
def test_a_dropped_connection_gives_no_answer(sage: requests.Session, world: World, kind: str) -> None:
    world.fault("sage_hr", kind)
    with pytest.raises(requests.ConnectionError):
        sage.get(SAGE)
    assert world.requests[-1].status == 0


def test_slow_waits_and_then_answers(sage: requests.Session, world: World) -> None:
    world.fault("sage_hr", "slow", seconds=0.3)
    start = time.monotonic()
    assert sage.get(SAGE).status_code == 200
    assert time.monotonic() - start >= 0.3


def test_slow_makes_an_impatient_client_give_up(sage: requests.Session, world: World) -> None:
    world.fault("sage_hr", "slow", seconds=1)
    with pytest.raises(requests.ReadTimeout):
        sage.get(SAGE, timeout=0.2)


def test_empty_is_a_well_formed_answer_without_people(sage: requests.Session, world: World) -> None:
    world.fault("sage_hr", "empty")
    answer = sage.get(SAGE).json()
    assert (answer["data"], answer["meta"]["next_page"], answer["meta"]["total_entries"]) == ([], None, 0)


def test_half_ends_normally_after_half_of_the_people(sage: requests.Session, world: World) -> None:
    world.fault("sage_hr", "half")
    assert sage.get(SAGE, params={"page": 1}).json()["meta"]["next_page"] == 2
    answer = sage.get(SAGE, params={"page": 2}).json()
    assert (len(answer["data"]), answer["meta"]["next_page"]) == (10, None)


def test_same_page_repeats_the_first_people_for_ever(sage: requests.Session, world: World) -> None:
    world.fault("sage_hr", "same_page")
    pages = [sage.get(SAGE, params={"page": number}).json() for number in (1, 2, 50)]
    assert pages[0]["data"] == pages[1]["data"] == pages[2]["data"]
    assert [page["meta"]["next_page"] for page in pages] == [2, 3, 51]


def test_truncated_cuts_the_json_in_the_middle(sage: requests.Session, world: World) -> None:
    whole = len(sage.get(SAGE).content)
    world.fault("sage_hr", "truncated")
    answer = sage.get(SAGE)
    assert (answer.status_code, len(answer.content)) == (200, whole // 2)
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_faults_of_content_leave_the_sign_in_alone(http: requests.Session, world: World) -> None:
    world.fault("personio", "truncated", times=1)
    token = http.post(f"{PERSONIO}/auth", json=CREDENTIALS["personio"]).json()["data"]["token"]
    with pytest.raises(requests.JSONDecodeError):
        http.get(f"{PERSONIO}/company/employees", headers={"Authorization": f"Bearer {token}"}).json()


def test_same_page_moves_personios_total_away(http: requests.Session, world: World) -> None:
    world.fault("personio", "same_page")
    token = http.post(f"{PERSONIO}/auth", json=CREDENTIALS["personio"]).json()["data"]["token"]
    http.headers["Authorization"] = f"Bearer {token}"
    answer = http.get(f"{PERSONIO}/company/employees?limit=100&offset=900").json()
    assert answer["metadata"]["total_elements"] > 1_000
    assert len(answer["data"]) == 100


def test_a_refused_sign_in_of_adp_speaks_oauth(http: requests.Session, world: World) -> None:
    world.fault("adp", "401")
    answer = http.post("https://accounts.adp.com/auth/oauth/v2/token", headers=CERTIFICATE)
    assert answer.json()["error"] == "invalid_client"


def test_clearing_faults_ends_them(sage: requests.Session, world: World) -> None:
    world.fault("sage_hr", "500")
    world.clear_faults()
    assert sage.get(SAGE).status_code == 200


def test_the_log_has_no_query_and_no_header(sage: requests.Session, world: World) -> None:
    sage.get(SAGE, params={"page": 1})
    assert tuple(world.requests[-1]) == ("riverside.sage.hr", "GET", "/api/employees", 200)
    assert CREDENTIALS["sage_hr"]["api_key"] not in str(world.requests)


def test_an_unknown_host_is_told_so(http: requests.Session) -> None:
    answer = http.get("https://api.example.com/")
    assert answer.status_code == 404
    assert "does not stand in for api.example.com" in answer.text


def test_many_calls_share_one_connection_and_none_waits_for_nagle(sage: requests.Session) -> None:
    sage.get(SAGE)
    start = time.monotonic()
    for _ in range(30):
        sage.get(SAGE, params={"page": 3})
    assert time.monotonic() - start < 30 * 0.04
    pools = sage.get_adapter("https://x").poolmanager.pools  # type: ignore[attr-defined]
    assert [pools[key].num_connections for key in pools.keys()] == [1]  # noqa: SIM118


def test_a_stopped_sandbox_cuts_open_connections() -> None:
    with session("") as http:
        running = serve(World(size=20), port=0, smtp_port=0)
        http.mount("https://", type(http.get_adapter("https://x"))(running.url))  # type: ignore[call-arg]
        assert http.get("https://api.example.com/").status_code == 404
        running.stop()
        with pytest.raises(requests.ConnectionError):
            http.get("https://api.example.com/")


def test_a_taken_port_is_an_error_and_frees_the_other_one() -> None:
    with serve(World(size=20), port=0, smtp_port=0) as first, pytest.raises(OSError, match="in use"):
        serve(World(size=20), port=first.port, smtp_port=0)


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        ("ip_blocked", 403, "blocked"),
        ("certificate", 401, "certificate"),
        ("no_right", 403, "may not"),
        ("not_granted", 403, "not permitted"),
        ("no_tenant", 404, "no such account"),
        ("maintenance", 503, "Unavailable"),
    ],
)
def test_a_refusal_in_words_says_why(
    sage: requests.Session, world: World, kind: str, status: int, word: str
) -> None:
    world.fault("sage_hr", kind)
    answer = sage.get(SAGE)
    assert answer.status_code == status
    assert word in answer.text


def test_a_list_breaks_off_or_dries_up_on_its_second_page(sage: requests.Session, world: World) -> None:
    world.fault("sage_hr", "break_off")
    assert len(sage.get(SAGE).json()["data"]) == 50
    with pytest.raises(requests.ConnectionError):
        sage.get(f"{SAGE}?page=2")
    world.fault("sage_hr", "empty_second")
    assert sage.get(f"{SAGE}?page=2").json()["data"] == []
    world.fault("sage_hr", "too_few")
    assert sage.get(SAGE).json()["meta"]["total_entries"] == 120 + 50
