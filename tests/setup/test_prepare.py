"""The shell part of the set-up, on machines that lack something."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "cat", "cut", "dirname", "env", "flock", "id", "mktemp", "rm", "sha256sum", "tail")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a path with a space, and beside it a machine with nothing but a few tools."""
    folder = tmp_path / "my desk"
    (folder / ".ci").mkdir(parents=True)
    (folder / "tests").mkdir()
    shutil.copy(ROOT / ".ci" / "prepare", folder / ".ci" / "prepare")
    for name in ("requirements.txt", "tests/requirements.txt"):
        (folder / name).write_text("")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or pytest.fail(f"{tool} is missing"))
    return folder


def program(checkout: Path, name: str, text: str) -> None:
    path = checkout.parent / "bin" / name
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def prepare(checkout: Path, what: str) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join([str(checkout.parent / "bin")])
    command = [str(checkout / ".ci" / "prepare"), what]
    environment = {"PATH": path, "HOME": str(checkout), "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)


def test_a_machine_without_python_311_is_told_so_in_one_sentence(checkout: Path) -> None:
    program(checkout, "python3", "exit 1")
    done = prepare(checkout, "run")
    assert done.returncode == 1
    assert done.stderr == (
        "Integration Desk needs Python 3.11, and there is no python3.11 on this machine's path.\n"
    )


def test_a_python_without_venv_is_told_which_package_to_install(checkout: Path) -> None:
    program(checkout, "python3.11", 'case "$2" in *venv*) exit 1;; esac; exit 0')
    done = prepare(checkout, "run")
    assert done.returncode == 1
    assert done.stderr == (
        "Python's venv module is missing: install the Debian package python3-venv, then try again.\n"
    )


def test_a_machine_without_a_browser_is_told_loudly_and_goes_on(checkout: Path) -> None:
    done = prepare(checkout, "browser")
    assert done.returncode == 0
    assert "THE BROWSER TESTS WILL BE SKIPPED" in done.stderr


@pytest.mark.slow
def test_an_environment_is_made_once_repaired_when_broken_and_renewed_with_its_list(checkout: Path) -> None:
    program(checkout, "python3.11", f'exec {sys.executable} "$@"')
    first = prepare(checkout, "run")
    assert first.returncode == 0, first.stderr
    assert first.stderr == "Creating .venv ...\nInstalling requirements.txt ...\n"
    assert prepare(checkout, "run").stderr == ""

    shutil.rmtree(checkout / ".venv" / "bin")
    assert "Creating .venv" in prepare(checkout, "run").stderr
    assert prepare(checkout, "run").stderr == ""

    (checkout / "requirements.txt").write_text("# nothing needed yet\n")
    assert prepare(checkout, "run").stderr == "Installing requirements.txt ...\n"

    moved = checkout.rename(checkout.with_name("moved desk"))
    assert "Creating .venv" in prepare(moved, "run").stderr
