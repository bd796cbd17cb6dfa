"""Fixtures for the whole suite."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from pytest_django import Settings
from pytest_django.plugin import DjangoDbBlocker

from portal.sandbox.environment import environment
from portal.sandbox.server import Running, serve
from portal.sandbox.world import World
from tests.support import PEOPLE


def pytest_collection_finish() -> None:
    """The modules and the thousands of collected tests stay to the end: to look for garbage among them again and again
    took a twelfth of the suite."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Django empties the database between transactional tests, which the append-only tables refuse."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname LIKE '%_no_truncate'"
        )
        for table, trigger in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


@pytest.fixture(autouse=True)
def _quick_and_quiet(settings: Settings, tmp_path: Path) -> None:
    """Cheap passwords, a cache in memory, files in a folder of the test: nothing here is what a test is about.

    Static files are looked for when asked for: to list them all took a tenth of the suite, once per test client.
    """
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.WHITENOISE_AUTOREFRESH = True
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.fixture
def world() -> World:
    """The sandbox's company and vendors: 40 people, deterministic."""
    return World(size=PEOPLE, seed=1)


@pytest.fixture
def sandbox(world: World, settings: Settings) -> Iterator[Running]:
    """The vendors over real HTTP on loopback, with the portal's egress pointed at them."""
    with serve(world, "127.0.0.1", 0, 0) as running:
        for name, value in environment(running.url, running.smtp_port).items():
            if name != "EMAIL_URL":
                setattr(settings, name, value)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.smtp_port
        yield running
