"""What gets installed is exactly what was locked."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "tests/requirements.txt", "tests/benchmarks/requirements.txt")


def locked(name: str) -> dict[str, Version]:
    lines = re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE
    )
    return {canonicalize_name(package): Version(version) for package, version in lines}


def declared(extra: str | None = None) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_pins_one_version_with_hashes(name: str) -> None:
    text = re.sub(r"\\\n\s*", " ", (ROOT / name).read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert lines
    assert [
        line for line in lines if not re.match(r"\S+==\S+ (; .* )?.*--hash=sha256:[0-9a-f]{64}", line)
    ] == []


def test_both_locks_name_the_same_versions() -> None:
    portal, tests, bench = (locked(name) for name in LOCKS)
    assert {name: version for name, version in portal.items() if tests.get(name) != version} == {}
    assert {name: version for name, version in tests.items() if bench.get(name) != version} == {}


@pytest.mark.parametrize(
    ("extra", "name"), [(None, LOCKS[0]), (None, LOCKS[1]), ("dev", LOCKS[1]), ("bench", LOCKS[2])]
)
def test_the_lock_satisfies_what_pyproject_asks_for(extra: str | None, name: str) -> None:
    versions = locked(name)
    for requirement in declared(extra):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), str(requirement)


def test_nothing_replaces_urllib3() -> None:
    """urllib3-future installs itself over urllib3, below requests and both client libraries."""
    assert not {"urllib3-future", "niquests"} & set(locked(LOCKS[1]))


def test_pytest_stays_below_the_release_that_breaks_schema_tests() -> None:
    assert locked(LOCKS[1])["pytest"] < Version("9.2")
