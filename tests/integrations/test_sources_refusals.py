"""Every card's refusals over HTTP: each becomes a stable code and a sentence that says what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from integrations.provider import Page
from integrations.sources.auth import Either, Refreshed
from integrations.sources.rest import RestSource
from portal.kit.certificates import ClientCertificate
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Egress
from tests.integrations.vendors import HRIS, Vendor, standing_in
from tests.kit.doubles import Answer, answer, serving

# Kind of fault -> code; a vendor that has no word for a case says the nearest one.
CODES = {
    "ip_blocked": "ip_blocked",
    "certificate": "refused_certificate",
    "no_right": "missing_right",
    "not_granted": "field_not_granted",
}


@pytest.fixture(params=HRIS)
def vendor(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    with standing_in(request.param) as found:
        yield found


def refusal(vendor: Vendor) -> NeedsPerson:
    with pytest.raises(NeedsPerson) as caught:
        vendor.source.check(vendor.session(), vendor.settings)
    error = caught.value
    assert error.sentence.endswith(".")
    assert len(error.sentence.split(". ")) >= 2 or "." in error.sentence[:-1], "it also says what to do"
    return error


@pytest.mark.parametrize("kind", CODES)
def test_a_refusal_says_what_it_is_about(vendor: Vendor, kind: str) -> None:
    vendor.world.fault(vendor.name, kind)
    assert refusal(vendor).code == CODES[kind]


def test_a_tenant_that_is_not_there_is_told_as_one(vendor: Vendor) -> None:
    vendor.world.fault(vendor.name, "no_tenant")
    assert refusal(vendor).code == "not_found"


def test_a_wrong_secret_is_told_as_one(vendor: Vendor) -> None:
    secret = {"staffcloud": "token"}.get(vendor.card.slug)
    key = secret or ("client_secret" if "client_secret" in vendor.settings else "api_key")
    value = vendor.settings[key][:-4] + "XXXX"
    with pytest.raises(NeedsPerson) as caught:
        vendor.source.check(vendor.session(), {**vendor.settings, key: value})
    assert caught.value.code == "wrong_credentials"
    assert value not in caught.value.sentence + caught.value.detail


@pytest.mark.parametrize(("kind", "words"), [("429", "slow down"), ("maintenance", "maintenance")])
def test_a_pause_names_the_system_and_goes_on_by_itself(vendor: Vendor, kind: str, words: str) -> None:
    vendor.world.fault(vendor.name, kind, retry_after=1_800)
    with pytest.raises(RetryLater) as caught:
        vendor.source.check(vendor.session(), vendor.settings)
    assert words in caught.value.reason
    assert caught.value.reason.split()[0] in vendor.card.name
    assert caught.value.after == timedelta(seconds=1_800)


def test_a_reading_that_breaks_off_is_for_later_and_resumes(vendor: Vendor) -> None:
    if vendor.name == "bamboohr":
        return  # one page holds them all
    whole = len(vendor.records())
    vendor.world.fault(vendor.name, "break_off")
    pages = vendor.source.pages(vendor.session(), vendor.settings)
    read = list[Page]()
    with pytest.raises(RetryLater):
        read.extend(pages)
    seen, cursor = sum(len(page.records) for page in read), read[-1].cursor if read else None
    assert seen < whole
    vendor.world.clear_faults()
    rest = vendor.source.pages(vendor.session(), vendor.settings, cursor)
    assert seen + sum(len(page.records) for page in rest) == whole


@pytest.mark.parametrize("kind", ["empty_second", "too_few"])
def test_a_list_that_stops_short_is_told_by_its_total_or_as_broken(vendor: Vendor, kind: str) -> None:
    """Nobody may be missed because of it: the guard holds a list that is shorter than its total."""
    vendor.world.fault(vendor.name, kind)
    try:
        pages = vendor.read()
    except RetryLater:
        return
    told = max((page.expected or 0 for page in pages), default=0)
    read = sum(len(page.records) for page in pages)
    in_one = vendor.name in ("bamboohr", "staffcloud") and kind == "empty_second"
    tells_no_total = vendor.name in ("sage_hr", "staffcloud") and kind == "too_few"
    assert read < told or in_one or tells_no_total


def test_what_personio_does_not_hand_out_is_named_before_anything_is_read() -> None:
    with standing_in("personio") as vendor:
        vendor.world.knobs.personio_hidden = frozenset({"email", "last_name", "department"})
        error = refusal(vendor)
    assert error.code == "field_not_granted"
    assert "last name" in error.sentence
    assert "e-mail" in error.sentence
    assert "department" not in error.sentence
    assert "last name" in error.about


def test_an_expired_certificate_is_told_before_anybody_is_called() -> None:
    with standing_in("adp_workforce_now") as vendor:
        settings = vendor.settings
        later = ClientCertificate.from_text(settings["certificate"], settings["private_key"]).not_after
        with pytest.raises(NeedsPerson) as caught:
            ClientCertificate.from_text(
                settings["certificate"], settings["private_key"], clock=lambda: later + timedelta(days=1)
            )
    assert caught.value.code == "certificate_expired"


def scripted(*answers: Answer) -> None:
    with standing_in("sage_hr") as vendor, serving(*answers) as double:
        egress = Egress(sandbox_url=double.url, wait=lambda seconds: None)
        vendor.source.check(egress.session(), vendor.settings)


def test_a_gateway_that_means_too_often_with_a_403_is_for_later() -> None:
    page = b"<html><head><title>Access denied</title></head><body>Error 1015 You are being rate limited</body></html>"
    with pytest.raises(RetryLater, match="slow down") as caught:
        scripted(answer(403, page))
    assert caught.value.after


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"", "missing_right"),
        (b'{"error":"Forbidden"}', "missing_right"),
        (b'{"error":"The description of this trip is not allowed"}', "missing_right"),
        (b'{"error":"IP 203.0.113.9 not whitelisted"}', "ip_blocked"),
        (b'{"error":"Requests from this IP address have been blocked"}', "ip_blocked"),
        (b'{"error":"proper client ssl certificate was not presented"}', "refused_certificate"),
        (b'{"error":"You do not have access to the field birthday"}', "missing_right"),
        (b'{"error":"Attribute gender is not granted"}', "field_not_granted"),
    ],
)
def test_words_decide_where_the_status_alone_does_not(said: bytes, code: str) -> None:
    with pytest.raises(NeedsPerson) as caught:
        scripted(answer(403, said))
    assert caught.value.code == code
    assert "guide on this page" not in caught.value.sentence
    assert "203.0.113.9" not in caught.value.sentence + caught.value.detail


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ("The field 'department' is not permitted for these credentials.", "department"),
        ('{"field": "hire_date", "message": "not granted"}', "hire_date"),
        ("Attribute gender is not granted", "gender"),
        ("A field that is not allowed was asked for", ""),
    ],
)
def test_a_field_that_is_kept_back_is_named_where_the_answer_names_it(said: str, field: str) -> None:
    with pytest.raises(NeedsPerson) as caught:
        scripted(answer(403, said.encode()))
    assert (caught.value.code, caught.value.about) == ("field_not_granted", field)
    assert (f"the field “{field}”" in caught.value.sentence) == bool(field)


class TestTwoWaysIn:
    """BambooHR takes a key, or the refresh token of an app."""

    @pytest.fixture
    def vendor(self) -> Iterator[Vendor]:
        with standing_in("bamboohr") as found:
            yield found

    @pytest.fixture
    def app(self, vendor: Vendor) -> dict[str, str]:
        return vendor.other("bamboohr_oauth")

    def test_each_way_reads_the_same_people(self, vendor: Vendor, app: dict[str, str]) -> None:
        with_key = vendor.records()
        vendor.settings.clear()
        vendor.settings.update(app)
        assert vendor.records() == with_key
        calls = [line.path for line in vendor.world.requests]
        assert calls.count("/token.php") == 1

    def test_each_wrong_part_of_the_app_is_told(self, vendor: Vendor, app: dict[str, str]) -> None:
        for key in ("client_id", "client_secret", "refresh_token"):
            with pytest.raises(NeedsPerson) as caught:
                vendor.source.check(vendor.session(), {**app, key: "wrong"})
            assert caught.value.code == "wrong_credentials"
        with pytest.raises(NeedsPerson) as missing:
            vendor.source.check(vendor.session(), {**app, "client_secret": ""})
        assert missing.value.code == "missing_credentials"

    def test_a_token_that_ends_in_mid_run_is_fetched_again(self, vendor: Vendor, app: dict[str, str]) -> None:
        http = vendor.session()
        vendor.source.check(http, app)
        vendor.world.expire_tokens("bamboohr")
        vendor.source.check(http, app)

    def test_another_refresh_token_counts_for_the_rest_of_the_session(self, app: dict[str, str]) -> None:
        auth = Refreshed("https://{subdomain}.bamboohr.com/token.php?request=token", clock=lambda: 0.0)
        token = {"access_token": "t", "expires_in": 3600, "refresh_token": "second"}
        said = answer(200, json.dumps(token).encode())
        with serving(said, said) as double:
            http = Egress(sandbox_url=double.url, wait=lambda seconds: None).session()
            sent = list[str]()
            http.hooks["response"].append(lambda response, **_: sent.append(str(response.request.body)))
            auth.headers(http, app, "BambooHR")
            auth.renew(http, app)
            auth.headers(http, app, "BambooHR")
        assert f"refresh_token={app['refresh_token']}" in sent[0]
        assert "refresh_token=second" in sent[1]

    def test_the_ways_of_the_card_are_those_of_its_source(self, vendor: Vendor) -> None:
        assert [method.key for method in vendor.card.methods] == ["api_key", "oauth"]
        assert isinstance(vendor.source, RestSource)
        assert isinstance(vendor.source.auth, Either)
