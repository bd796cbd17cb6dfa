"""Verifying an OpenID provider without a user, against the sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations.provider import Finding, SignIn
from portal.kit.errors import RetryLater
from tests.integrations.vendors import Vendor, standing_in


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with standing_in("microsoft_entra_id", size=40) as found:
        yield found


def test_right_details_pass_every_step(vendor: Vendor) -> None:
    findings = _verified(vendor)
    assert [finding.step for finding in findings] == ["o1", "o2", "o3", "o4", "o5", "o6", "o7"]
    assert all(finding.ok for finding in findings)
    assert any(vendor.settings["tenant_id"] in finding.words for finding in findings)


def test_the_domain_alone_finds_the_tenant(vendor: Vendor) -> None:
    assert _verified(vendor, tenant_id="")[-1].ok


@pytest.mark.parametrize(
    ("changes", "step", "words"),
    [
        ({"tenant_domain": "https://riverside.example"}, "o1", "no domain"),
        ({"tenant_domain": "common", "tenant_id": ""}, "o1", "your own organisation"),
        ({"tenant_domain": "", "tenant_id": ""}, "o1", "Enter the domain"),
        ({"tenant_domain": "../../evil", "tenant_id": ""}, "o1", "no domain"),
        ({"application_id": "my app"}, "o1", "GUID"),
        ({"application_id": "8b1f6c52-4e0d-4a97-b3d8-1f2a6e9c7054"}, "o1", "Directory (tenant) ID"),
        ({"client_secret": "1d9e3b70-52c8-4f6a-8e47-90b6d4a1f2c5"}, "o1", "Secret ID"),
        ({"tenant_domain": "nobody.example", "tenant_id": ""}, "o3", "cannot find"),
        ({"application_id": "c4a7d913-6f28-4b5e-9e01-000000000000"}, "o7", "no app"),
        ({"client_secret": "wrong"}, "o7", "Secret ID was copied"),
        ({"client_secret": ""}, "o7", "missing"),
        ({"client_secret": "Old8Q~expired5gS1jKl.V3wYo8cX_b2MeIa5FpT"}, "o7", "expired"),
    ],
)
def test_each_mistake_is_found_at_its_step_in_words(
    vendor: Vendor, changes: dict[str, str], step: str, words: str
) -> None:
    last = _verified(vendor, **changes)[-1]
    assert (last.step, last.ok) == (step, False)
    assert words in last.words


def test_the_secret_is_in_no_finding(vendor: Vendor) -> None:
    findings = _verified(vendor, client_secret="canary-secret")
    assert "canary" not in str(findings)


def test_what_can_be_seen_without_asking_asks_nobody(vendor: Vendor) -> None:
    _verified(vendor, application_id="my app")
    assert not vendor.world.requests


@pytest.mark.parametrize("kind", ["429", "500", "503", "drop"])
def test_a_provider_that_is_away_is_no_finding(vendor: Vendor, kind: str) -> None:
    vendor.world.fault("entra", kind)
    with pytest.raises(RetryLater):
        _verified(vendor)


def _verified(vendor: Vendor, **changes: str) -> tuple[Finding, ...]:
    sign_in: SignIn | None = vendor.card.sign_in
    assert sign_in is not None
    return sign_in.verify(vendor.session(), {**vendor.settings, **changes})
