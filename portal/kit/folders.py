"""Which folder keeps what a checkout writes, and whose it is. No Django; used before settings exist."""

import hashlib
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class SetupError(Exception):
    """One sentence for the person at the terminal."""


@dataclass(frozen=True)
class Owner:
    """The system account that the server runs as. PostgreSQL refuses to be root."""

    uid: int
    gid: int

    def as_popen(self) -> dict[str, Any]:
        """Arguments of `subprocess` that drop root's rights; nothing to drop for an ordinary user."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def digest(path: Path) -> str:
    return hashlib.sha256(f"{os.geteuid()}:{path}".encode("utf-8", "surrogateescape")).hexdigest()[:12]


def server_owner() -> Owner:
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid())
    nobody = pwd.getpwnam("nobody")
    return Owner(nobody.pw_uid, nobody.pw_gid)


def open_to_others(path: Path, mode_of: Callable[[Path], int] = lambda path: path.stat().st_mode) -> bool:
    """Whether another account may pass through every folder above `path` (which need not exist)."""
    return all(mode_of(parent) & 0o001 for parent in path.parents)


def data_home(root: Path) -> Path:
    """The folder for all that this checkout keeps: `.data`, or one below /var/tmp when that cannot serve.

    It cannot when we are root and the server's own account could not get there (a checkout in /root),
    or when we are not root and `.data` belongs to somebody else. Creates nothing: see `make_home`.
    """
    root = root.resolve()
    home = root / ".data"
    if os.geteuid() == 0:
        usable = open_to_others(home)
    else:
        usable = os.access(home if home.exists() else root, os.W_OK | os.X_OK)
    return home if usable else Path("/var/tmp") / f"integration-desk-{digest(root)}"  # noqa: S108 - owner checked


def make_home(root: Path) -> Path:
    """Create the data home and return it. Root's can be passed through, because the server needs to."""
    home = data_home(root)
    mine = Owner(os.geteuid(), os.getegid())
    make_folder(home, mine, 0o711 if mine.uid == 0 else 0o700)
    return home


def make_folder(path: Path, owner: Owner, mode: int) -> None:
    """Create a folder, or make sure that an existing one is the owner's and not a trap in a shared place."""
    try:
        path.mkdir(mode=0o700, parents=False)
    except FileExistsError:
        facts = path.lstat()
        if path.is_symlink() or facts.st_uid != owner.uid:
            found = f"uid {facts.st_uid}"
            raise SetupError(
                f"{path} belongs to {found}, not to us; remove it or set DATABASE_URL."
            ) from None
    except OSError as error:
        raise SetupError(f"{path} cannot be created: {error.strerror}.") from error
    else:
        if os.geteuid() == 0:
            os.chown(path, owner.uid, owner.gid)
    path.chmod(mode)
