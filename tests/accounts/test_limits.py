"""Limits are exact whoever asks at once, and a header that the caller wrote changes nothing."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test import RequestFactory
from django.utils import timezone
from pytest_django.fixtures import Settings

from portal.accounts.limits import (
    RateLimited,
    client_address,
    client_network,
    give_back,
    sweep_allowances,
    take,
)
from portal.accounts.models import Allowance

HOUR = timedelta(hours=1)


def taken(tries: int, *, most: int = 3, key: str = "dana") -> int:
    allowed = 0
    for _ in range(tries):
        try:
            take("codes", key, most=most, per=HOUR)
        except RateLimited:
            continue
        allowed += 1
    return allowed


@pytest.mark.django_db
def test_after_the_last_allowed_one_comes_a_refusal_that_says_how_long_to_wait() -> None:
    assert taken(3) == 3
    with pytest.raises(RateLimited, match="Try again in 60 minutes") as refusal:
        take("codes", "dana", most=3, per=HOUR)
    assert timedelta(minutes=59) < refusal.value.after <= HOUR


@pytest.mark.django_db
def test_another_key_another_name_and_another_span_count_for_themselves() -> None:
    assert taken(4) == 3
    take("codes", "ben", most=3, per=HOUR)
    take("uploads", "dana", most=3, per=HOUR)
    take("codes", "dana", most=3, per=timedelta(minutes=5))


@pytest.mark.django_db
def test_the_span_starts_afresh_when_it_is_over_however_often_one_was_refused() -> None:
    assert taken(40) == 3
    Allowance.objects.update(started_at=timezone.now() - HOUR)
    assert taken(5) == 3


@pytest.mark.django_db
def test_what_is_given_back_may_be_taken_again() -> None:
    assert taken(3) == 3
    give_back("codes", "dana", per=HOUR)
    assert taken(3) == 1


@pytest.mark.django_db
def test_old_spans_are_swept_and_running_ones_stay() -> None:
    taken(1, key="old")
    Allowance.objects.update(started_at=timezone.now() - timedelta(days=2))
    taken(1, key="new")
    sweep_allowances()
    assert Allowance.objects.count() == 1


@pytest.mark.django_db
def test_the_key_is_not_readable_in_the_table() -> None:
    taken(1, key="dana@riverside.example")
    assert "riverside" not in Allowance.objects.get().key


@pytest.mark.django_db(transaction=True)
def test_of_fifty_at_once_exactly_the_allowed_number_gets_through() -> None:
    barrier, counts = threading.Barrier(50), []

    def race() -> None:
        barrier.wait()
        try:
            counts.append(taken(4, most=37))
        finally:
            database.close()

    threads = [threading.Thread(target=race) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == 50
    assert sum(counts) == 37


@pytest.mark.parametrize(
    ("proxies", "header", "expected"),
    [
        (0, "9.9.9.9", "203.0.113.7"),
        (1, "9.9.9.9, 198.51.100.4", "198.51.100.4"),
        (1, "198.51.100.4", "198.51.100.4"),
        (2, "9.9.9.9, 198.51.100.4, 10.0.0.1", "198.51.100.4"),
        (2, "9.9.9.9", "203.0.113.7"),
        (1, "<script>", "203.0.113.7"),
        (1, "", "203.0.113.7"),
    ],
)
def test_a_spoofed_header_changes_nothing(
    settings: Settings, proxies: int, header: str, expected: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.7", HTTP_X_FORWARDED_FOR=header)
    assert client_address(request) == expected


def test_addresses_of_one_home_network_count_together() -> None:
    first, second, other = (
        client_network(RequestFactory().get("/", REMOTE_ADDR=address))
        for address in ("2001:db8:1:2::3", "2001:db8:1:2:ffff::1", "2001:db8:1:3::3")
    )
    assert first == second != other
    assert client_network(RequestFactory().get("/", REMOTE_ADDR="203.0.113.7")) == "203.0.113.7"
