"""`manage.py up`: the whole portal of a checkout in one terminal, prepared, started and stopped together."""

import fcntl
import http.client
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from portal.kit import ports
from portal.kit.folders import SetupError, make_home
from portal.kit.queue import canary_age, send_canary
from portal.kit.supervisor import Child, Supervisor
from portal.sandbox.environment import environment as sandbox_environment

WEB_PORT, SANDBOX_PORT, SMTP_PORT = 8000, 9000, 9025
CLUSTERS = ("short", "sync")
_PATIENCE = 30.0  # seconds that the sandbox may take to start


class Command(BaseCommand):
    help = "Prepares and runs the whole portal: database, demo data, sandbox vendors, web server and workers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, help=f"the web server's port (default: {WEB_PORT}, or a free one)"
        )
        parser.add_argument("--no-sandbox", action="store_true", help="talk to the real vendors")
        parser.add_argument("--no-demo", action="store_true", help="load no demo data")

    def handle(self, *args: Any, port: int | None, no_sandbox: bool, no_demo: bool, **options: Any) -> None:
        try:
            home = make_home(settings.BASE_DIR)
            with _only_one(home) as note:
                web = self._choose("web server", WEB_PORT, asked=port)
                environment = {"SITE_URL": f"http://localhost:{web}"}
                children = []
                if not no_sandbox:
                    sandbox = self._choose("sandbox", SANDBOX_PORT)
                    smtp = self._choose("sandbox's mail server", SMTP_PORT)
                    environment |= sandbox_environment(f"http://127.0.0.1:{sandbox}", smtp)
                    children.append(_sandbox(home, sandbox, smtp, hook=f"http://localhost:{web}/hooks/jira/"))
                note(environment["SITE_URL"])
                os.environ.update(environment)  # every child sees it; our own settings are older
                self._prepare(demo=not no_demo, vendors=children[0] if children else None)
                children += [_web(web), *(_worker(name) for name in CLUSTERS)]
                Supervisor(children, on_ready=lambda: self._announce(environment)).run()
        except (ports.PortTaken, SetupError) as error:
            raise CommandError(str(error), returncode=2) from error

    def _choose(self, what: str, default: int, *, asked: int | None = None) -> int:
        port = ports.choose(default, asked=asked)
        if asked is None and port != default:
            self.stdout.write(f"Port {default} is taken; the {what} uses {port}.")
        return port

    def _prepare(self, *, demo: bool, vendors: Child | None) -> None:
        """`vendors` runs while the demo data is made: its connections are set up as customers do it."""
        call_command("migrate", interactive=False, verbosity=0, stdout=self.stdout)
        call_command("createcachetable", verbosity=0)
        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # whitenoise warns when it is missing
        if not settings.WHITENOISE_USE_FINDERS:
            call_command("collectstatic", interactive=False, verbosity=0)
        if demo and "demo" in get_commands():
            with _meanwhile(vendors):
                done = subprocess.run(_manage("demo"), check=False)
            if done.returncode != 0:
                raise CommandError("The demo data could not be loaded.")
        # Children open their own connections; ours would only count against the server's limit.
        connections.close_all()

    def _announce(self, environment: dict[str, str]) -> None:
        lines = [f"Integration Desk   {environment['SITE_URL']}"]
        if url := environment.get("SANDBOX_URL"):
            lines += [f"Sandbox vendors    {url}", f"Mailbox            {url}/mailbox"]
        lines.append("Ctrl-C stops everything.")
        rule = "-" * max(map(len, lines))
        self.stdout.write("\n".join(["", rule, *lines, rule, ""]))
        self.stdout.flush()


@contextmanager
def _only_one(home: Path) -> Iterator[Callable[[str], None]]:
    """Refuse a second portal in this checkout; yields a function that notes our address for whoever tries."""
    with (home / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            where = f" at {address}" if (address := file.read().strip()) else ""
            message = f"This checkout's portal is running already{where}; stop it there with Ctrl-C first."
            raise CommandError(message, returncode=2) from None

        def note(address: str) -> None:
            file.truncate(0)
            file.write(address)
            file.flush()

        note("")
        yield note


@contextmanager
def _meanwhile(child: Child | None) -> Iterator[None]:
    """Runs one program until the block ends."""
    if child is None:
        yield
        return
    process = subprocess.Popen(child.argv, env={**os.environ, **child.env})
    try:
        until = time.monotonic() + _PATIENCE
        while child.ready and not child.ready() and time.monotonic() < until:
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(child.grace)


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]


def _sandbox(home: Path, port: int, smtp_port: int, *, hook: str) -> Child:
    arguments = ["--port", str(port), "--smtp-port", str(smtp_port), "--state", str(home / "sandbox.json")]
    arguments += ["--people", str(settings.SANDBOX_PEOPLE), "--jira-webhook", hook]
    return Child("sandbox", _manage("sandbox", *arguments), ready=lambda: _answers(port, "/"), grace=10)


def _web(port: int) -> Child:
    argv = [sys.executable, "-m", "gunicorn", "portal.wsgi:application", "--chdir", str(settings.BASE_DIR)]
    argv += ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--bind", f"127.0.0.1:{port}"]
    argv += ["--timeout", "60", "--graceful-timeout", "20", "--log-level", "warning", "--no-control-socket"]
    return Child("web", argv, ready=lambda: _answers(port, "/healthz"), grace=25)


def _worker(cluster: str) -> Child:
    """Silent for its longest task and a minute means dead; a busy cluster may record nothing for so long."""
    clusters = cast("dict[str, dict[str, int]]", settings.Q_CLUSTER["ALT_CLUSTERS"])
    return Child(
        cluster,
        _manage("qcluster"),
        {"Q_CLUSTER_NAME": cluster},
        grace=60,
        canary=lambda: _canary(cluster),
        stale_after=clusters[cluster]["timeout"] + 60,
    )


def _canary(cluster: str) -> float | None:
    try:
        send_canary(cluster)
        return canary_age(cluster)
    finally:
        # A connection kept from here would be a broken one after the database was away.
        connections.close_all()


def _answers(port: int, path: str) -> bool:
    """Whether an HTTP server is there and not in trouble. A page that is not found is an answer too."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
