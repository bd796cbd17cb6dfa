"""Loaded as a plugin before Django's settings: the suite runs on its own private PostgreSQL unless DATABASE_URL is set."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from portal.kit import private_postgres

ROOT = Path(__file__).resolve().parent.parent
_PRIVATE = "DATABASE_URL" not in os.environ or os.environ.get("TEST_DATABASE_IS_PRIVATE") == "1"
_held = ExitStack()

if _PRIVATE:
    # xdist's workers inherit this environment and hold the same cluster; each creates a database
    # of its own, and so does a second run beside this one.
    os.environ["DATABASE_URL"] = private_postgres.uri(ROOT, name="test", database=f"run_{os.getpid()}")
    os.environ["TEST_DATABASE_IS_PRIVATE"] = "1"
# The sandbox is chosen test by test; a developer's shell must not choose it.
for name in ("SANDBOX_URL", "ENVIRONMENT", "EMAIL_URL"):
    os.environ.pop(name, None)


def pytest_configure(config: pytest.Config) -> None:
    if _PRIVATE:
        _held.enter_context(private_postgres.running(ROOT, name="test", durable=False))


def pytest_unconfigure(config: pytest.Config) -> None:
    _held.close()
