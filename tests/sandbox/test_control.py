"""The control page: its buttons, its JSON twins, the mailbox; and the command that serves all of it."""

import os
import signal
import smtplib
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest
import requests

from portal.sandbox.credentials import CREDENTIALS, adp_certificate
from portal.sandbox.server import Running
from portal.sandbox.vendors.adf import from_text
from portal.sandbox.world import World

ROOT = Path(__file__).resolve().parents[2]
JSON = {"Accept": "application/json"}


def act(sandbox: Running, action: str, **values: object) -> requests.Response:
    return requests.post(f"{sandbox.url}/control/{action}", data=values, headers=JSON, timeout=5)


def get(sandbox: Running, path: str) -> requests.Response:
    return requests.get(sandbox.url + path, timeout=5)


def send_mail(sandbox: Running, text: str, *, subtype: str = "plain") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "desk@support.example", "jo@x.example", "Réglages"
    message.set_content(text, subtype=subtype)
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5) as server:
        server.send_message(message)


@pytest.mark.parametrize(
    "path", ["/", "/faults", "/credentials", "/jira", "/salesforce", "/requests", "/mailbox/", "/mailbox"]
)
def test_every_page_renders(sandbox: Running, path: str) -> None:
    answer = get(sandbox, path)
    assert answer.status_code == 200
    assert "{%" not in answer.text
    assert '<meta name="viewport"' in answer.text


def test_people_are_searched_and_paged(sandbox: Running, world: World) -> None:
    person = world.person(7)
    assert person.work_email in get(sandbox, f"/?q={person.employee_number}").text
    assert world.person(30).work_email in get(sandbox, "/?page=2").text
    assert get(sandbox, f"/people.json?q={person.employee_number}").json()["total"] == 1
    assert len(get(sandbox, "/people.json?limit=3").json()["people"]) == 3


def test_pages_and_json_hold_nothing_sensitive(sandbox: Running, world: World) -> None:
    text = get(sandbox, "/people.json?limit=200").text + get(sandbox, "/").text
    assert not [canary for person in world.people() for canary in person.private.canaries if canary in text]


def test_buttons_change_the_company(sandbox: Running, world: World) -> None:
    hired = act(sandbox, "hire").json()["person"]
    act(sandbox, "rename", index=1, first="Zora", last="Quill")
    act(sandbox, "move", index=2, department="Laboratory")
    act(sandbox, "let_go", index=3)
    assert world.person(hired["index"]).work_email == hired["work_email"]
    assert world.person(1).full_name == "Zora Quill"
    assert world.person(2).department == "Laboratory"
    assert act(sandbox, "rehire", index=3).json()["person"]["status"] == "active"


def test_a_browser_is_sent_back_to_the_page(sandbox: Running, world: World) -> None:
    answer = requests.post(f"{sandbox.url}/control/let_go", data={"index": 3}, timeout=5)
    assert answer.history[0].status_code == 303
    assert "terminated" in answer.text
    assert world.person(3).employee_number in answer.text


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("rename", {"index": 1, "first": "", "last": "Quill"}),
        ("let_go", {"index": 99_999}),
        ("let_go", {"index": "x"}),
        ("move", {"index": 1, "department": "Nowhere"}),
        ("fault", {"vendor": "adp", "kind": "gremlins"}),
        ("move_issue", {"key": "INT-9", "status": "Done"}),
    ],
)
def test_a_bad_action_says_why(sandbox: Running, action: str, values: dict[str, object]) -> None:
    answer = act(sandbox, action, **values)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert requests.post(f"{sandbox.url}/control/{action}", data=values, timeout=5).status_code == 400


def test_faults_are_switched_from_the_page(sandbox: Running, world: World) -> None:
    act(sandbox, "fault", vendor="adp", kind="429", times=3, retry_after=9)
    fault = world.faults["adp"]
    assert (fault.kind, fault.times, fault.retry_after) == ("429", 3, 9)
    assert "adp" in get(sandbox, "/faults").text
    act(sandbox, "clear_faults")
    assert world.faults == {}


def test_an_issue_is_shown_and_moved(sandbox: Running, http: requests.Session) -> None:
    known = CREDENTIALS["jira"]
    fields = {
        "project": {"key": "INT"},
        "issuetype": {"name": "Task"},
        "summary": "Enable <SSO>",
        "description": from_text("Hello team!\n<b>MRR</b>"),
        "labels": ["intreq-1"],
    }
    url = f"https://{known['site']}/rest/api/3/issue"
    http.post(url, json={"fields": fields}, auth=(known["email"], known["api_token"]))
    page = get(sandbox, "/jira/browse/INT-1").text
    assert "Enable &lt;SSO&gt;" in page
    assert "Hello team!\n&lt;b&gt;MRR&lt;/b&gt;" in page
    assert "INT-1" in get(sandbox, "/jira").text
    assert (
        act(sandbox, "move_issue", key="INT-1", status="In Progress").json()["issue"]["status"]
        == "In Progress"
    )
    assert get(sandbox, "/jira.json").json()["issues"][0]["status"] == "In Progress"
    assert get(sandbox, "/jira/browse/INT-2").status_code == 404


def test_a_mail_arrives_and_its_link_can_be_clicked(sandbox: Running) -> None:
    send_mail(sandbox, "Open https://desk.example/access/abc_DEF-1.\nGrüße <b>")
    mail = get(sandbox, "/mailbox.json").json()["mails"][0]
    assert (mail["subject"], mail["to"], mail["links"]) == (
        "Réglages",
        ["jo@x.example"],
        ["https://desk.example/access/abc_DEF-1"],
    )
    page = get(sandbox, "/mailbox/1").text
    assert '<a href="https://desk.example/access/abc_DEF-1">' in page
    assert "Grüße &lt;b&gt;" in page
    assert "Réglages" in get(sandbox, "/mailbox/").text
    assert get(sandbox, "/mailbox/2").status_code == 404


def test_a_mail_without_text_part_still_shows_its_link(sandbox: Running) -> None:
    send_mail(sandbox, '<p>Please <a href="https://desk.example/x">open</a></p>', subtype="html")
    assert get(sandbox, "/mailbox.json").json()["mails"][0]["links"] == ["https://desk.example/x"]


def test_credentials_can_be_copied_with_the_certificate(sandbox: Running) -> None:
    assert get(sandbox, "/credentials.json").json()["adp"]["certificate"] == adp_certificate()[0]
    assert CREDENTIALS["entra"]["client_secret"] in get(sandbox, "/credentials").text


def test_recent_requests_are_listed(sandbox: Running, http: requests.Session) -> None:
    http.get("https://riverside.sage.hr/api/employees")
    line = get(sandbox, "/requests.json").json()["requests"][0]
    assert line == {"host": "riverside.sage.hr", "method": "GET", "path": "/api/employees", "status": 401}


def test_serving_needs_no_django_settings() -> None:
    script = (
        "import urllib.request\n"
        "from portal.sandbox.server import serve\n"
        "from portal.sandbox.world import World\n"
        "with serve(World(size=5), port=0, smtp_port=0) as r:\n"
        "    print(b'People' in urllib.request.urlopen(r.url).read())\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean,
        timeout=30,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("True", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_the_command_serves_until_told_to_stop_and_exits_cleanly(tmp_path: Path, number: int) -> None:
    state = tmp_path / "state.json"
    command = [sys.executable, "manage.py", "sandbox", "--port", "0", "--smtp-port", "0"]
    process = subprocess.Popen(
        [*command, "--people", "12", "--state", str(state)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split("ready at ")[1].split(",")[0]
        assert requests.get(f"{url}/people.json", timeout=10).json()["total"] == 12
        requests.post(f"{url}/control/hire", timeout=10)
        process.send_signal(number)
        assert process.wait(timeout=15) == 0
    finally:
        process.kill()
        process.wait()
    assert state.exists()


@pytest.mark.parametrize("kind", ["half", "empty", "break_off"])
def test_what_a_source_may_do_is_one_press_away(sandbox: Running, world: World, kind: str) -> None:
    assert f'name="kind" value="{kind}"' in get(sandbox, "/faults").text
    answer = requests.post(
        f"{sandbox.url}/control/fault", data={"vendor": "personio", "kind": kind}, timeout=5
    )
    assert answer.url.endswith("/faults")
    assert world.faults["personio"].kind == kind
