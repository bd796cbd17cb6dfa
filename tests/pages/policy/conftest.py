"""One set of rows per module: two companies and their people, undone when the module is through."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import transaction
from django.test import override_settings
from pytest_django import Settings
from pytest_django.plugin import DjangoDbBlocker

from tests.pages.policy.matrix import forget_sessions, sign_in
from tests.pages.policy.rows import Rows, some_rows

QUICK = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MEMORY = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture(scope="module")
def both(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Rows, Rows]]:
    """Alder, whose people ask, and Birch, of whom they must not learn."""
    media: Path = tmp_path_factory.mktemp("media")
    with (
        django_db_blocker.unblock(),
        override_settings(PASSWORD_HASHERS=QUICK, CACHES=MEMORY, MEDIA_ROOT=str(media)),
        transaction.atomic(),
    ):
        forget_sessions()
        sides = some_rows("Alder", media), some_rows("Birch", media)
        for rows in sides:
            for person in rows.people.values():
                sign_in(person)
        yield sides
        transaction.set_rollback(True)
        forget_sessions()


@pytest.fixture
def quiet(both: tuple[Rows, Rows], settings: Settings) -> Iterator[None]:
    """Every refusal is a line in the log; here that is thousands. Files are where the rows were made."""
    settings.MEDIA_ROOT = str(both[0].media)
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def alder(both: tuple[Rows, Rows]) -> Rows:
    return both[0]


@pytest.fixture
def birch(both: tuple[Rows, Rows]) -> Rows:
    return both[1]
