"""The private PostgreSQL: started for real, in folders of its own, and found again after accidents."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import environ
import psycopg
import pytest

from portal.kit import private_postgres
from portal.kit.folders import SetupError, data_home, make_home, open_to_others

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A folder that the server's account can reach even when pytest's own temporary folders are private."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o711)
    yield tmp_path
    if (pid := server_pid(tmp_path)) is not None:
        os.kill(pid, signal.SIGKILL)


def server_pid(root: Path) -> int | None:
    notes = data_home(root) / "postgres" / "postmaster.pid"
    try:
        pid = int(notes.read_text().split()[0])
        os.kill(pid, 0)
    except (OSError, IndexError):
        return None
    return pid


def answer(uri: str, query: str) -> object:
    with psycopg.connect(uri, connect_timeout=5) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_the_server_lives_as_long_as_its_only_holder(checkout: Path) -> None:
    with private_postgres.running(checkout) as uri:
        assert uri == private_postgres.uri(checkout)
        assert answer(uri, "SELECT current_database()::text") == "portal"
        assert answer(uri, "SHOW listen_addresses") == ""
        assert answer(uri, "SHOW fsync") == "on"
        assert answer(uri, "SELECT upper('zoë')") == "ZOË"
    assert server_pid(checkout) is None
    with pytest.raises(psycopg.OperationalError):
        answer(uri, "SELECT 1")


def test_what_was_written_is_there_at_the_next_start(checkout: Path) -> None:
    with private_postgres.running(checkout) as uri, psycopg.connect(uri) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
    with private_postgres.running(checkout) as uri:
        assert answer(uri, "SELECT number FROM kept") == 42


def test_a_second_holder_joins_and_the_last_one_stops_the_server(checkout: Path) -> None:
    first = private_postgres.running(checkout)
    second = private_postgres.running(checkout)
    uri = first.__enter__()
    pid = server_pid(checkout)
    second.__enter__()
    assert server_pid(checkout) == pid
    first.__exit__(None, None, None)
    assert answer(uri, "SELECT 1") == 1
    second.__exit__(None, None, None)
    assert server_pid(checkout) is None


@pytest.mark.slow
def test_three_that_start_at_once_share_one_server(checkout: Path) -> None:
    script = f"""
        import psycopg, time
        from pathlib import Path
        from portal.kit import private_postgres
        with private_postgres.running(Path({str(checkout)!r})) as uri:
            print(psycopg.connect(uri).execute("SELECT pg_postmaster_start_time()::text").fetchone()[0])
            time.sleep(1.5)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    holders = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [holder.communicate(timeout=60)[0].strip() for holder in holders]
    assert [holder.returncode for holder in holders] == [0, 0, 0]
    assert len(set(answers)) == 1
    assert answers[0]
    assert server_pid(checkout) is None


def test_a_killed_server_comes_back_with_its_data(checkout: Path) -> None:
    with private_postgres.running(checkout) as uri:
        with psycopg.connect(uri) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
        killed = server_pid(checkout)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        while Path(f"/proc/{killed}/cmdline").read_bytes():  # empty once it is dead and not yet reaped
            time.sleep(0.01)
    with private_postgres.running(checkout) as uri:
        assert answer(uri, "SELECT number FROM kept") == 42


def test_a_strangers_process_with_the_servers_old_number_is_no_obstacle(checkout: Path) -> None:
    """After a reboot the number in postmaster.pid often belongs to somebody else, who must survive."""
    with private_postgres.running(checkout):
        pass
    owner = (data_home(checkout) / "postgres").stat()
    identity = {"user": owner.st_uid, "group": owner.st_gid} if AS_ROOT else {}
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **identity)  # type: ignore[call-overload]
    try:
        cluster = data_home(checkout) / "postgres"
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (cluster / name).write_text(f"{stranger.pid}\n{cluster}\n1\n5432\n{cluster}\n\n0 0\nready\n")
            if AS_ROOT:
                os.chown(cluster / name, owner.st_uid, owner.st_gid)
        with private_postgres.running(checkout) as uri:
            assert answer(uri, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_half_made_cluster_is_made_afresh(checkout: Path) -> None:
    leftover = make_home(checkout) / "postgres.new-1"
    leftover.mkdir()
    (leftover / "half").touch()
    with private_postgres.running(checkout) as uri:
        assert answer(uri, "SELECT 1") == 1
    assert not leftover.exists()


def test_a_server_whose_starter_was_killed_is_taken_over_and_stopped(checkout: Path) -> None:
    script = f"""
        import os, signal
        from pathlib import Path
        from portal.kit import private_postgres
        with private_postgres.running(Path({str(checkout)!r})):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, check=False)
    left = server_pid(checkout)
    assert left is not None
    with private_postgres.running(checkout):
        assert server_pid(checkout) == left
    assert server_pid(checkout) is None


def test_a_forked_process_keeps_the_server_after_its_parent_has_left(checkout: Path) -> None:
    """qcluster's main process leaves its command while the processes that it forked are at work."""
    with private_postgres.running(checkout) as uri:
        fork = os.fork()
        if fork == 0:
            time.sleep(60)
            os._exit(0)
    try:
        assert answer(uri, "SELECT 1") == 1
    finally:
        os.kill(fork, signal.SIGKILL)
        os.waitpid(fork, 0)
    with private_postgres.running(checkout):
        pass
    assert server_pid(checkout) is None


@pytest.mark.parametrize("name", ["with space & plus+ % 'quote'", "x" * 90, "a,b", 'double"quote'])
@pytest.mark.slow
def test_awkward_paths_work(checkout: Path, name: str) -> None:
    root = checkout / name
    root.mkdir(mode=0o755)
    with private_postgres.running(root) as uri:
        assert answer(uri, "SELECT 1") == 1
        read = environ.Env.db_url_config(uri)
        with psycopg.connect(
            user=read["USER"], dbname=read["NAME"], port=read["PORT"], host=read["OPTIONS"]["host"]
        ) as connection:
            assert connection.info.dbname == "portal"


def test_the_test_cluster_is_another_one_and_is_not_durable(checkout: Path) -> None:
    with (
        private_postgres.running(checkout) as real,
        private_postgres.running(checkout, name="test", durable=False) as trial,
    ):
        assert real != trial
        assert answer(real, "SHOW fsync") == "on"
        assert [answer(trial, f"SHOW {name}") for name in private_postgres.WITHOUT_DURABILITY] == ["off"] * 3


def test_a_cluster_that_is_not_durable_starts_from_nothing(checkout: Path) -> None:
    with (
        private_postgres.running(checkout, name="test", durable=False) as uri,
        psycopg.connect(uri) as connection,
    ):
        connection.execute("CREATE TABLE left_behind AS SELECT 1")
    with private_postgres.running(checkout, name="test", durable=False) as uri:
        assert answer(uri, "SELECT to_regclass('left_behind')") is None


def test_the_callers_own_postgres_variables_do_not_matter(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "6000", "PGHOST": "nowhere", "PGDATABASE": "none", "PGUSER": "me"}.items():
        monkeypatch.setenv(name, value)
    with private_postgres.running(checkout) as uri:
        assert answer(uri, "SELECT current_user::text") == "postgres"


def test_a_folder_that_is_no_cluster_is_left_alone_and_named(checkout: Path) -> None:
    strange = make_home(checkout) / "postgres"
    strange.mkdir()
    (strange / "letter").write_text("dear")
    with pytest.raises(SetupError, match="is not a PostgreSQL cluster"), private_postgres.running(checkout):
        pytest.fail("it must not start")
    assert (strange / "letter").read_text() == "dear"


def test_a_server_that_cannot_start_says_why_in_one_sentence(checkout: Path) -> None:
    with private_postgres.running(checkout):
        pass
    configuration = data_home(checkout) / "postgres" / "postgresql.conf"
    configuration.write_text("no_such_setting = 1\n")
    started = time.monotonic()
    with pytest.raises(SetupError) as caught, private_postgres.running(checkout):
        pytest.fail("it must not start")
    assert "did not start: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 10


@pytest.mark.skipif(not AS_ROOT, reason="only root gives its rights away")
def test_root_lends_the_server_to_an_account_without_rights(checkout: Path) -> None:
    with private_postgres.running(checkout):
        pid = server_pid(checkout)
        status = Path(f"/proc/{pid}/status").read_text()
        assert "\nUid:\t65534\t65534\t65534\t65534\n" in status
        assert "\nGroups:\t \n" in status
        assert (data_home(checkout) / "postgres").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("closed", "expected"), [((), True), (("/",), False), (("/root",), False), (("/root/desk",), False)]
)
def test_a_folder_is_open_only_if_every_folder_above_it_is(closed: tuple[str, ...], expected: bool) -> None:
    path = Path("/root/desk/.data")
    assert open_to_others(path, lambda folder: 0o40700 if str(folder) in closed else 0o40711) is expected


@pytest.mark.skipif(not AS_ROOT, reason="only root's checkout may be out of the server's reach")
def test_roots_data_leaves_a_checkout_that_the_server_cannot_reach(checkout: Path) -> None:
    private = checkout / "private"
    private.mkdir(mode=0o700)
    for name in ("desk", "other"):
        (private / name).mkdir()
    home = data_home(private / "desk")
    assert home.parent == Path("/var/tmp")
    assert home == data_home(private / "desk")
    assert home != data_home(private / "other")


def test_a_home_planted_by_somebody_else_is_refused(checkout: Path) -> None:
    elsewhere = checkout / "elsewhere"
    elsewhere.mkdir()
    (checkout / ".data").symlink_to(elsewhere)
    with pytest.raises(SetupError, match="belongs to"):
        make_home(checkout)
