"""`manage.py sandbox`: serve the stand-ins for every outside system until told to stop."""

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.sandbox.server import serve
from portal.sandbox.world import World


class Command(BaseCommand):
    """Serves HTTP (vendors and control page) and SMTP on the loopback address."""

    help = "Serve stand-ins for Jira, Salesforce, HR vendors and identity providers, and a mailbox."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ports, size of the company, where the state is kept."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=9000)
        parser.add_argument("--smtp-port", type=int, default=9025)
        parser.add_argument("--jira-webhook", default="", help="where Jira's events are sent")
        parser.add_argument("--people", type=int, default=250, help="current people of the company")
        parser.add_argument("--seed", type=int, default=1, help="another seed is another company")
        parser.add_argument("--state", type=Path, default=None, help="file that keeps changes between starts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT."""
        stopping = threading.Event()

        def stop(number: int, frame: FrameType | None) -> None:
            stopping.set()

        previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        world = World(options["people"], options["seed"], options["state"])
        try:
            hook = options["jira_webhook"]
            with serve(
                world, options["host"], options["port"], options["smtp_port"], webhook=hook
            ) as running:
                self.stdout.write(f"Sandbox ready at {running.url}, mail on port {running.smtp_port}.")
                self.stdout.flush()
                stopping.wait()
        except OSError as error:
            ports = f"{options['port']} and {options['smtp_port']}"
            raise CommandError(f"The sandbox could not start on ports {ports}: {error.strerror}.") from error
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        self.stdout.write("Sandbox stopped.")
