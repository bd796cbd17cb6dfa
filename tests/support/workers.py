"""Real clusters of django-q2, as processes of their own on the test's database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import connection

from portal.sandbox.environment import environment
from portal.sandbox.server import Running
from tests.database import ROOT


def told_to_workers(sandbox: Running, *, site_url: str, media_root: str) -> dict[str, str]:
    """The environment of a worker that shares this test's database, sandbox and files."""
    return {
        **os.environ,
        **environment(sandbox.url, sandbox.smtp_port),
        "DATABASE_URL": database_address(),
        "SITE_URL": site_url,
        "MEDIA_ROOT": media_root,
    }


def database_address() -> str:
    """Of this test's database, for another process."""
    known = connection.settings_dict
    host = (known["OPTIONS"] or {}).get("host") or known["HOST"]
    user = f"{known['USER']}:{known['PASSWORD']}" if known["PASSWORD"] else known["USER"]
    if str(host).startswith("/"):
        return f"postgresql://{user}@:{known['PORT']}/{known['NAME']}?host={host}"
    return f"postgresql://{user}@{host}:{known['PORT'] or 5432}/{known['NAME']}"


@contextmanager
def cluster(name: str, told: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "qcluster"],
        env={**told, "Q_CLUSTER_NAME": name},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)  # to the main process only: a signal to the group hangs django-q2
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of a whole cluster, as a host that loses its power."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
