"""Who may give an answer, what is accepted, and what is kept of it."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.provider import ItemKind, Owner
from portal.accounts.models import Role
from portal.kit.vault import SecretUnreadable
from requests_app.lifecycle import Stage
from requests_app.models import Answer, AnswerChange, AnswerState, Request
from requests_app.services.answers import EditRefused, InvalidAnswer, give_answer
from requests_app.services.kinds import Asked, parse, region_of
from requests_app.services.moves import make_move
from requests_app.services.secrets import credential_settings, opened
from tests.requests_app.factories import (
    ADP,
    ENTRA,
    PERSONIO,
    a_csm,
    a_request,
    a_tl,
    an_upload,
    answer_of,
    customer_of,
    give,
    item_of,
    let_in,
    put_in_stage,
)
from tests.support.people import a_company, a_customer, a_user

GUID = "5f0c1d7e-3a44-4d6b-9f21-77c0a4e1b8d3"


def parsed(kind: ItemKind, raw: Any, **asked: Any) -> Any:
    return parse(kind, raw, Asked(**asked))


@pytest.mark.parametrize(
    ("kind", "raw", "kept"),
    [
        (ItemKind.TEXT, "  Jane \t Roe\n", "Jane Roe"),
        (ItemKind.TEXT, "ab\x00c\u202edef", "abcdef"),
        (ItemKind.LONGTEXT, "one\r\ntwo  words\n\n\n\nthree", "one\ntwo words\n\nthree"),
        (ItemKind.EMAIL, " Jane.Roe@ACME.test ", "Jane.Roe@acme.test"),
        (ItemKind.EMAIL, "björn@example.com", "björn@example.com"),
        (ItemKind.PHONE, "+1 (555) 010-0100", "+15550100100"),
        (ItemKind.PHONE, "+49 40 123456", "+4940123456"),
        (ItemKind.TIMEZONE, "america/new york", "America/New_York"),
        (ItemKind.DOMAIN, "https://Login.Acme.com:443/path?x=1", "login.acme.com"),
        (ItemKind.DOMAIN, "@acme.com", "acme.com"),
        (ItemKind.DOMAIN, "münchen.de", "xn--mnchen-3ya.de"),
        (ItemKind.UUID_OR_TEXT, "{5F0C1D7E-3A44-4D6B-9F21-77C0A4E1B8D3}", GUID),
        (ItemKind.UUID_OR_TEXT, "papi-123", "papi-123"),
        (ItemKind.MONEY, "4,250 usd", "4250.00 USD"),
        (ItemKind.MONEY, "EUR 3475.5", "3475.50 EUR"),
        (ItemKind.BOOL, "Yes", True),
        (ItemKind.BOOL, False, False),
        (ItemKind.DATE, "2027-05-31", "2027-05-31"),
        (ItemKind.SECRET, "  pasted-with-a-newline \n", "pasted-with-a-newline"),
    ],
)
def test_what_people_type_is_kept_in_one_form(kind: ItemKind, raw: Any, kept: Any) -> None:
    assert parsed(kind, raw) == kept


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (ItemKind.TEXT, "x" * 301),
        (ItemKind.EMAIL, "jane.roe"),
        (ItemKind.EMAIL, "a@b@c.com"),
        (ItemKind.EMAIL, "a@b.com, c@d.com"),
        (ItemKind.PHONE, "555 010"),
        (ItemKind.PHONE, "call me"),
        (ItemKind.PHONE, "+1 555 010 0100 and ask for Jane from the reception"),
        (ItemKind.TIMEZONE, "Central time"),
        (ItemKind.TIMEZONE, "../../etc/passwd"),
        (ItemKind.DOMAIN, "our domain is acme.com"),
        (ItemKind.DOMAIN, "acme"),
        (ItemKind.DOMAIN, "10.0.0.1"),
        (ItemKind.DOMAIN, "jane@acme.com"),
        (ItemKind.DOMAIN, "acme..com"),
        (ItemKind.UUID_OR_TEXT, "two words"),
        (ItemKind.MONEY, "4250"),
        (ItemKind.MONEY, "-5 USD"),
        (ItemKind.MONEY, "1.234,50 EUR"),
        (ItemKind.MONEY, "NaN USD"),
        (ItemKind.BOOL, "perhaps"),
        (ItemKind.CHOICE, "neither"),
        (ItemKind.DATE, "31.05.2027"),
        (ItemKind.DATE, "0001-01-01"),
        (ItemKind.SECRET, "short"),
        (ItemKind.SECRET, "one line\nanother line"),
        (ItemKind.SECRET, "half a surrogate \ud800"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(kind: ItemKind, raw: Any) -> None:
    with pytest.raises(InvalidAnswer) as refused:
        parsed(kind, raw, options=({"value": "a", "label": "A"},))
    assert refused.value.message.endswith(".")
    assert refused.value.message[0].isupper()


def test_a_refused_secret_is_not_repeated_in_the_sentence() -> None:
    with pytest.raises(InvalidAnswer) as refused:
        parsed(ItemKind.SECRET, "hush\nhush-again")
    assert "hush" not in refused.value.message


def test_a_bare_phone_number_is_dialled_in_the_contacts_country() -> None:
    assert region_of("Europe/Berlin") == "DE"
    assert parsed(ItemKind.PHONE, "040 123456", region=region_of("Europe/Berlin")) == "+4940123456"


def test_the_region_of_a_phone_number_comes_from_the_time_zone_answer(db: None) -> None:
    req, csm = sent(ENTRA)
    give(req, "sso.poc_timezone", "Europe/Berlin", csm)
    assert give(req, "sso.poc_phone", "040 123456", csm).value == "+4940123456"


def test_a_choice_is_known_by_its_value_and_by_its_label() -> None:
    options = ({"value": "work_email", "label": "Work email"},)
    assert parsed(ItemKind.CHOICE, "work_email", options=options) == "work_email"
    assert parsed(ItemKind.CHOICE, "work EMAIL", options=options) == "work_email"


def sent(slug: str = PERSONIO) -> tuple[Request, Any]:
    """A request that is with the customer, and its CSM."""
    csm = a_csm()
    req = a_request(slug, by=csm)
    customer_of(req)
    return make_move(req, "send_to_customer", by=csm), csm


def test_an_answer_is_kept_with_who_gave_it_and_raises_the_version(db: None) -> None:
    req, csm = sent()
    version = req.version
    answer = give(req, "hris.goal", "Keep in step", csm)
    assert (answer.state, answer.value, answer.provided_by) == (AnswerState.PROVIDED, "Keep in step", csm)
    assert req.version == version + 1
    assert Request.objects.get(pk=req.pk).version == version + 1


def test_the_same_value_changes_nothing(db: None) -> None:
    req, csm = sent()
    give(req, "hris.brand_new", "true", csm)
    version, changes = req.version, AnswerChange.objects.count()
    give(req, "hris.brand_new", "yes", csm)
    assert (Request.objects.get(pk=req.pk).version, AnswerChange.objects.count()) == (version, changes)


def test_no_is_an_answer_and_not_the_absence_of_one(db: None) -> None:
    req, csm = sent()
    assert give(req, "hris.brand_new", "false", csm).state == AnswerState.PROVIDED


def test_clearing_an_answer_makes_it_missing_again(db: None) -> None:
    req, csm = sent()
    give(req, "hris.goal", "Keep in step", csm)
    answer = give(req, "hris.goal", "  ", csm)
    assert (answer.state, answer.value, answer.provided_by) == (AnswerState.MISSING, None, None)
    last = AnswerChange.objects.filter(item=answer.item).last()
    assert last is not None
    assert (last.before, last.after) == ("Keep in step", "")


def test_an_invalid_answer_leaves_everything_as_it_was(db: None) -> None:
    req, csm = sent(ENTRA)
    give(req, "sso.poc_email", "jane@acme.test", csm)
    version = req.version
    with pytest.raises(InvalidAnswer):
        give(req, "sso.poc_email", "nonsense", csm)
    assert answer_of(req, "sso.poc_email").value == "jane@acme.test"
    assert Request.objects.get(pk=req.pk).version == version


def test_a_secret_is_sealed_in_its_place_and_nowhere_in_the_clear(db: None) -> None:
    req, _ = sent()
    secret = "papi-ZWQ5NmFiMzQtMTdjOC00ZjBh"
    answer = give(req, "client_secret", secret, customer_of(req))
    row = Answer.objects.filter(pk=answer.pk).values().get()
    assert secret not in str(row)
    assert row["sealed"] is not None
    assert secret.encode() not in bytes(row["sealed"])
    assert (row["value"], row["hint"]) == (None, "ZjBh")
    assert opened(answer_of(req, "client_secret")) == secret


def test_a_sealed_secret_moved_to_another_request_cannot_be_opened(db: None) -> None:
    req, csm = sent()
    give(req, "client_secret", "papi-ZWQ5NmFiMzQt", customer_of(req))
    other = a_request(PERSONIO, by=csm, company=a_company("Another", "777"))
    thief = answer_of(other, "client_secret")
    thief.sealed = answer_of(req, "client_secret").sealed
    with pytest.raises(SecretUnreadable):
        opened(thief)


def test_the_history_of_a_secret_says_only_that_there_is_a_new_value(db: None) -> None:
    req, _ = sent()
    for secret in ("first-secret-value", "second-secret-value"):
        give(req, "client_secret", secret, customer_of(req))
    lines = AnswerChange.objects.filter(item=item_of(req, "client_secret")).values_list("before", "after")
    assert list(lines) == [("", "a new value"), ("a value", "a new value")]


def test_the_same_secret_again_changes_nothing(db: None) -> None:
    req, _ = sent()
    sealed = give(req, "client_secret", "the-same-secret", customer_of(req)).sealed
    give(req, "client_secret", "the-same-secret", customer_of(req))
    assert bytes(answer_of(req, "client_secret").sealed or b"") == bytes(sealed or b"")


def test_a_guid_in_the_place_of_an_identity_providers_secret_is_explained(db: None) -> None:
    req, _ = sent(ENTRA)
    with pytest.raises(InvalidAnswer, match="Secret ID"):
        give(req, "client_secret", GUID, customer_of(req))


def test_an_hr_systems_secret_may_look_like_a_guid(db: None) -> None:
    req, _ = sent(ADP)
    assert give(req, "client_secret", GUID, customer_of(req)).state == AnswerState.PROVIDED


@pytest.mark.parametrize("role", [Role.CSM, Role.TL, Role.DEVELOPER, Role.OPERATOR])
def test_no_member_of_staff_enters_a_secret(db: None, role: Role) -> None:
    req, csm = sent()
    staff = csm if role == Role.CSM else a_user(role, "Somebody Else")
    with pytest.raises(EditRefused):
        give(req, "client_secret", "known-to-staff", staff)
    with pytest.raises(EditRefused):
        give(req, "client_secret", None, staff)


def test_a_csm_answers_for_the_customer_and_it_is_recorded(db: None) -> None:
    req, csm = sent()
    give(req, "hris.notify_employees", "no", csm)
    give(req, "hris.goal", "Our own item", csm)
    flags = dict(AnswerChange.objects.filter(by=csm).values_list("item__key", "on_behalf"))
    assert (flags["hris.notify_employees"], flags["hris.goal"]) == (True, False)


def test_a_customer_answers_only_the_customers_items(db: None) -> None:
    req, _ = sent()
    customer = customer_of(req)
    for item in req.items.exclude(owner=Owner.CUSTOMER):
        with pytest.raises(EditRefused):
            give(req, item.key, "x", customer)
    assert give(req, "hris.notify_employees", "yes", customer).value is True


def test_a_customer_cannot_answer_after_handing_back(db: None) -> None:
    req, _ = sent()
    customer = customer_of(req)
    make_move(req, "hand_back", by=customer)
    with pytest.raises(EditRefused):
        give(req, "hris.notify_employees", "yes", customer)


def test_a_customer_without_a_live_link_cannot_answer(db: None) -> None:
    req, _ = sent()
    stranger = a_customer(a_company("Another", "777"), "eve@other.example")
    with pytest.raises(EditRefused):
        give(req, "hris.notify_employees", "yes", stranger)
    link = let_in(req, stranger)
    give(req, "hris.notify_employees", "yes", stranger)
    link.revoked_at = link.used_at
    link.save()
    with pytest.raises(EditRefused):
        give(req, "hris.notify_employees", "no", stranger)


def test_a_csm_cannot_answer_in_another_csms_request(db: None) -> None:
    req, _ = sent()
    with pytest.raises(EditRefused):
        give(req, "hris.goal", "Mine now", a_csm("Other Person"))


@pytest.mark.parametrize("stage", [stage for stage in Stage if not stage.can_be_edited])
def test_nothing_is_answered_once_a_request_has_ended(db: None, stage: Stage) -> None:
    req, csm = sent()
    put_in_stage(req, stage)
    for by in (csm, a_tl(), customer_of(req)):
        with pytest.raises(EditRefused):
            give(req, "hris.notify_employees", "yes", by)


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage != Stage.WAITING_ON_CUSTOMER])
def test_a_customer_answers_only_while_the_request_is_with_them(db: None, stage: Stage) -> None:
    req, _ = sent()
    put_in_stage(req, stage)
    with pytest.raises(EditRefused):
        give(req, "hris.notify_employees", "yes", customer_of(req))


def test_a_stale_copy_of_the_request_does_not_let_an_edit_through(db: None) -> None:
    req, csm = sent()
    Request.objects.filter(pk=req.pk).update(stage=Stage.REJECTED)
    with pytest.raises(EditRefused):
        give(req, "hris.goal", "Too late", csm)


def test_an_item_of_another_request_is_refused(db: None) -> None:
    req, csm = sent()
    other = a_request(PERSONIO, by=csm, company=a_company("Another", "777"))
    with pytest.raises(EditRefused):
        give_answer(req, item_of(other, "hris.goal"), "x", by=csm)


def test_a_confirmation_says_who_and_when_and_stays_with_the_first(db: None) -> None:
    req, csm = sent(ADP)
    first: Any = give(req, "hris.consent_ok", "on", csm).value
    assert first["by"] == "Jamie Park"
    assert first["at"][:4].isdigit()
    assert give(req, "hris.consent_ok", "on", a_tl()).value == first
    assert give(req, "hris.consent_ok", "off", csm).state == AnswerState.MISSING


def test_an_upload_becomes_the_answer_and_can_be_taken_away(db: None) -> None:
    req, _ = sent(ADP)
    customer = customer_of(req)
    answer = give(req, "hris.consent_file", an_upload(), customer)
    assert answer.evidence is not None
    assert answer.evidence.name == "consent acme.png"
    assert give(req, "hris.consent_file", None, customer).evidence is None


def test_a_file_of_another_request_is_not_an_answer(db: None) -> None:
    req, csm = sent(ADP)
    other = a_request(ADP, by=csm, company=a_company("Another", "777"))
    theirs = give(other, "hris.consent_file", an_upload(), csm).evidence
    with pytest.raises(InvalidAnswer):
        give(req, "hris.consent_file", theirs, csm)


def test_the_connection_gets_the_credentials_by_the_cards_names(db: None) -> None:
    req, csm = sent(ADP)
    give(req, "client_id", "5f0c-app", csm)
    give(req, "client_secret", "the-secret-of-the-app", customer_of(req))
    assert credential_settings(req) == {"client_id": "5f0c-app", "client_secret": "the-secret-of-the-app"}
