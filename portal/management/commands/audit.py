"""`manage.py audit verify|head`: reads the audit log, and says where it was tampered with."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.audit.models import Chain
from portal.audit.services import head_line
from portal.audit.verify import Fault, first_fault, kept_fault


class Command(BaseCommand):
    help = "Verifies the audit log, or prints the head of every chain to be kept elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        verify = what.add_parser("verify", help="walk every chain; exit code 1 names the first bad entry")
        verify.add_argument("--chain", default="", help='only this one, like "desk" or "company:7"')
        verify.add_argument("--against", type=Path, help="also compare with what `audit head` printed before")
        what.add_parser("head", help="print every chain's name, length and head")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "head":
            for chain in Chain.objects.order_by("name"):
                self.stdout.write(head_line(chain))
            return
        chains = self._chains(options["chain"])
        faults = [fault for fault in map(first_fault, chains) if fault]
        faults += _faults_against(options["against"]) if options["against"] else []
        if faults:
            raise CommandError("\n".join(map(str, faults)), returncode=1)
        entries = sum(chain.length for chain in chains)
        self.stdout.write(f"{len(chains)} chains with {entries} entries: nothing was changed.")

    def _chains(self, name: str) -> list[Chain]:
        found = Chain.objects.order_by("name")
        chains = list(found.filter(name=name) if name else found)
        if name and not chains:
            raise CommandError(f"There is no chain {name!r}.", returncode=2)
        return chains


def _faults_against(path: Path) -> Iterable[Fault]:
    """Raises CommandError for a file that is none, or that `audit head` did not print."""
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [fault for fault in map(kept_fault, lines) if fault]
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} is not what `audit head` printed: {error}.", returncode=2) from error
