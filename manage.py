#!/usr/bin/env python
"""Django's commands. Without DATABASE_URL, those that need a database hold the private PostgreSQL up."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

from portal.kit import private_postgres

ROOT = Path(__file__).resolve().parent
WITHOUT_DATABASE = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "sandbox",
    "version",
}


def needs_private_database(argv: list[str]) -> bool:
    command = argv[1] if len(argv) > 1 else "help"
    if os.environ.get("DATABASE_URL") or command.startswith("-") or {"-h", "--help"} & set(argv):
        return False
    return command not in WITHOUT_DATABASE or "--database" in argv


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    if not needs_private_database(sys.argv):
        execute_from_command_line(sys.argv)
        return
    # A command that is told to end leaves through the `with`, so that the server ends too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with private_postgres.running(ROOT):
            execute_from_command_line(sys.argv)
            # qcluster returns at once and leaves its processes at work; they need the server to the end.
            for process in multiprocessing.active_children():
                process.join()
    except private_postgres.SetupError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
