"""Production refuses what only development may have, in the web server as in every command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.database import ROOT

GOOD = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "k" * 60,
    "VAULT_KEYS": "k1:" + "B" * 43 + "=",
    "SITE_URL": "https://desk.example",
    "ALLOWED_HOSTS": "desk.example",
    "JIRA_URL": "https://example.atlassian.net",
    "SALESFORCE_DOMAIN": "example.my",
}


def serving(**changed: str) -> subprocess.CompletedProcess[str]:
    told = {**os.environ, **GOOD, **changed}
    return subprocess.run(
        [sys.executable, "-c", "import portal.wsgi"],
        cwd=ROOT,
        env={name: value for name, value in told.items() if value},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_complete_configuration_serves() -> None:
    done = serving()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("SANDBOX_URL", "http://127.0.0.1:9000", "desk.E005"),
        ("SECRET_KEY", "", "desk.E006"),
        ("VAULT_KEYS", "", "desk.E007"),
        ("DEBUG", "1", "desk.E008"),
        ("SITE_URL", "http://desk.example", "desk.E009"),
    ],
)
@pytest.mark.slow
def test_a_value_for_development_stops_the_web_server(name: str, value: str, code: str) -> None:
    done = serving(**{name: value})
    assert done.returncode != 0
    assert code in done.stderr
