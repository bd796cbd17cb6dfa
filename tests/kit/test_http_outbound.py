"""The installation's egress follows the settings."""

from __future__ import annotations

from pytest_django.fixtures import Settings

from portal.kit.outbound import egress


def test_the_sandbox_is_used_only_where_it_is_set(settings: Settings) -> None:
    settings.SANDBOX_URL = ""
    assert egress().sandbox_url is None
    settings.SANDBOX_URL = "http://127.0.0.1:9000"
    assert egress().sandbox_url == "http://127.0.0.1:9000"
    assert egress() is egress()
