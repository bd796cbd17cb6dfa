"""Which commands hold the private PostgreSQL up."""

import pytest

from manage import needs_private_database


@pytest.fixture(autouse=True)
def _no_database_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.mark.parametrize(
    "words", ["migrate", "up --port 8001", "qcluster", "shell", "check --database default"]
)
def test_commands_that_query_have_the_database(words: str) -> None:
    assert needs_private_database(["manage.py", *words.split()])


@pytest.mark.parametrize(
    "words", ["", "help", "--version", "sandbox --port 9000", "check", "up --help", "collectstatic"]
)
def test_commands_that_do_not_query_start_no_server(words: str) -> None:
    assert not needs_private_database(["manage.py", *words.split()])


def test_a_database_of_ones_own_is_used_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://portal@db/portal")
    assert not needs_private_database(["manage.py", "migrate"])
