"""The customer's pages: only their own items, never the MRR, nothing lost, and the door in front of them."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client

from portal.accounts.models import AccessLink, Company, Role
from portal.accounts.services import create_link, link_url
from portal.outbox.models import Effect
from requests_app.lifecycle import Stage
from requests_app.models import Answer, Evidence, Item, Request
from requests_app.services.filing import file_request
from requests_app.services.moves import make_move
from tests.requests_app.factories import an_upload, complete, customer_of, let_in, put_in_stage
from tests.support.pages import names_amount
from tests.support.people import a_company, a_customer, a_user, signed_in
from tests.support.queue import drain

pytestmark = pytest.mark.django_db
MRR = 4250
SECRET = "s3cret-value-nobody-may-see"


@pytest.fixture
def req() -> Request:
    """With the customer, who has opened their link."""
    made = file_request(a_company(), "adp_workforce_now", by=a_user(Role.CSM))
    customer_of(made)
    return make_move(made, "send_to_customer", by=made.owner)


@pytest.fixture
def client(req: Request) -> Client:
    return signed_in(customer_of(req))


def url_of(req: Request, path: str = "") -> str:
    return f"/your/{req.public_id}/{path}"


def item(req: Request, key: str) -> Item:
    return Item.objects.get(req=req, key=key)


def autosave(client: Client, req: Request, key: str, value: object, topic: str) -> str:
    url = url_of(req, f"{topic}/?item={item(req, key).pk}")
    return client.post(url, {key: value}, headers={"HX-Request": "true"}).content.decode()


def topics_of(req: Request) -> list[str]:
    found = Item.objects.filter(req=req, owner="customer").order_by().values_list("topic", flat=True)
    return sorted(set(found))


@pytest.mark.parametrize("stage", list(Stage))
def test_in_every_stage_every_page_opens_and_none_shows_the_mrr(
    req: Request, client: Client, stage: Stage
) -> None:
    put_in_stage(req, stage)
    for path in ("", *(f"{topic}/" for topic in topics_of(req))):
        page = client.get(url_of(req, path))
        assert page.status_code == 200, path
        text = page.content.decode()
        assert not names_amount(text, MRR)
        assert "brand-new customer" not in text  # the desk's own question
        assert "nothing for you to do" not in text or "Set the connection up" not in text


def test_another_customer_and_a_missing_request_get_the_same_answer(req: Request) -> None:
    other = file_request(a_company("Other Clinic"), "personio", by=a_user(Role.CSM, "Rosa Silva"))
    stranger = a_customer(other.company, "kim@other.example")
    let_in(other, stranger)
    outside = signed_in(stranger)
    missing = url_of(req).replace(str(req.public_id)[:8], "00000000")
    for path in ("", "details/", "consent/"):
        assert outside.get(url_of(req, path)).status_code == 404
        assert outside.get(missing + path).status_code == 404
    assert outside.post(url_of(req, "hand-back/")).status_code == 404
    req.refresh_from_db()
    assert req.stage == Stage.WAITING_ON_CUSTOMER


def test_a_revoked_link_closes_the_page_at_the_next_click(req: Request, client: Client) -> None:
    assert client.get(url_of(req)).status_code == 200
    AccessLink.objects.update(revoked_at="2026-01-01T00:00:00Z")
    assert client.get(url_of(req)).status_code == 404


def test_the_desks_topics_are_not_found_by_the_customer(req: Request, client: Client) -> None:
    assert client.get(url_of(req, "company/")).status_code == 404
    desk_item = item(req, "hris.goal")
    answer = client.post(
        url_of(req, f"details/?item={desk_item.pk}"), {"hris.goal": "mine"}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 404


def test_a_secret_is_saved_said_and_never_shown_again(req: Request, client: Client) -> None:
    answer = autosave(client, req, "client_secret", SECRET, "details")
    assert "Saved" in answer
    assert SECRET not in answer
    page = client.get(url_of(req, "details/")).content.decode()
    assert SECRET not in page
    assert "A value is held" in page
    assert Answer.objects.get(item__req=req, item__key="client_secret").sealed is not None


def test_a_refused_secret_is_not_written_back_into_the_page(req: Request, client: Client) -> None:
    answer = autosave(client, req, "client_secret", "abc", "details")
    assert "too short" in answer
    assert 'value="abc"' not in answer


def test_saving_the_page_with_an_empty_secret_keeps_the_held_one(req: Request, client: Client) -> None:
    autosave(client, req, "client_secret", SECRET, "details")
    client.post(url_of(req, "details/"), {"client_id": "my-id", "client_secret": ""})
    assert Answer.objects.get(item__req=req, item__key="client_secret").sealed is not None
    assert Answer.objects.get(item__req=req, item__key="client_id").value == "my-id"


def test_save_and_continue_goes_to_the_next_topic_with_something_open(req: Request, client: Client) -> None:
    answer = client.post(url_of(req, "details/"), {"client_id": "my-id"})
    assert answer["Location"] == url_of(req, "consent/")


def test_a_screenshot_is_kept_shown_and_served_safely(req: Request, client: Client) -> None:
    answer = autosave(client, req, "hris.consent_file", an_upload(), "consent")
    kept = Evidence.objects.get()
    assert f"/evidence/{kept.public_id}/" in answer
    served = client.get(f"/evidence/{kept.public_id}/")
    assert served["Content-Type"] == "image/png"
    assert served["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in served["Content-Security-Policy"]
    assert served["Content-Disposition"].startswith("inline")
    assert served.getvalue().startswith(b"\x89PNG")
    download = client.get(f"/evidence/{kept.public_id}/?download")
    assert download["Content-Disposition"].startswith("attachment")
    download.close()


def test_what_is_no_picture_is_refused_with_a_sentence(req: Request, client: Client) -> None:
    answer = autosave(client, req, "hris.consent_file", an_upload(b"MZ\x00\x01", "virus.png"), "consent")
    assert "upload a screenshot as PNG" in answer
    assert not Evidence.objects.exists()


def test_evidence_is_for_those_who_may_see_its_request(req: Request, client: Client) -> None:
    autosave(client, req, "hris.consent_file", an_upload(), "consent")
    url = f"/evidence/{Evidence.objects.get().public_id}/"
    assert signed_in(a_user(Role.CSM, "Rosa Silva")).get(url).status_code == 404
    assert signed_in(a_customer(a_company("Other"), "kim@other.example")).get(url).status_code == 404
    lead = signed_in(a_user(Role.TL, "Maya Ortiz")).get(url)
    assert lead.status_code == 200
    lead.close()
    assert Client().get(url).status_code == 302


def test_handing_back_early_names_what_is_open_and_is_allowed(req: Request, client: Client) -> None:
    page = client.get(url_of(req, "check/")).content.decode()
    assert "Still open:" in page
    assert "Client secret" in page
    client.post(url_of(req, "hand-back/"))
    req.refresh_from_db()
    assert req.stage == Stage.DRAFT
    assert "Thank you, your part is with us" in client.get(url_of(req)).content.decode()


def test_handing_back_twice_is_one_event_and_one_mail(req: Request, client: Client) -> None:
    for _ in range(2):
        assert client.post(url_of(req, "hand-back/")).status_code == 302
    assert req.events.filter(move="hand_back").count() == 1
    assert Effect.objects.filter(kind="mail.send").count() == 1
    drain()
    assert mail.outbox[0].to == [req.owner.email]
    assert f"/requests/{req.number}/" in mail.outbox[0].body


def test_a_request_that_went_on_is_a_calm_page_without_controls(req: Request, client: Client) -> None:
    complete(req)
    page = client.get(url_of(req, "details/")).content.decode()
    assert "can no longer be changed" in page
    assert "<input" not in page.partition("<main")[2].replace(
        '<input type="hidden" name="csrfmiddlewaretoken"', ""
    )
    autosave(client, req, "client_id", "too-late", "details")
    assert Answer.objects.get(item__req=req, item__key="client_id").value != "too-late"


def test_when_it_is_live_the_page_leads_to_the_connection(req: Request, client: Client) -> None:
    put_in_stage(req, Stage.LIVE)
    assert "It is live" in client.get(url_of(req)).content.decode()


def test_the_desk_sees_when_the_customer_last_looked(req: Request, client: Client) -> None:
    AccessLink.objects.update(last_seen_at="2026-01-01T00:00:00Z")
    client.get(url_of(req))
    seen = AccessLink.objects.get().last_seen_at
    assert seen is not None
    assert seen.year > 2025 and seen.month != 1  # noqa: PT018


# --- the door -----------------------------------------------------------------------------------------------


@pytest.fixture
def link(req: Request) -> AccessLink:
    return create_link(req.company, req.public_id, "new.person@riverside.example", by=req.owner)


def path_of(link: AccessLink) -> str:
    return "/" + link_url(link).partition("://")[2].partition("/")[2]


def test_the_door_names_the_company_and_hides_most_of_the_address(link: AccessLink) -> None:
    text = Client().get(path_of(link)).content.decode()
    assert "Riverside Community Health" in text
    assert "new.person@" not in text


def test_the_door_says_so_when_somebody_else_is_signed_in(link: AccessLink) -> None:
    text = signed_in(a_user(Role.TL, "Maya Ortiz")).get(path_of(link)).content.decode()
    assert "maya.ortiz@support.example" in text


def test_a_dead_link_offers_a_fresh_one_and_tells_nothing(link: AccessLink) -> None:
    Company.objects.update(name="Secret Hospital")
    AccessLink.objects.update(expires_at="2026-01-01T00:00:00Z")
    page = Client().get(path_of(link))
    assert page.status_code == 410
    text = page.content.decode()
    assert "Send me a fresh link" in text
    assert "Secret Hospital" not in text


def test_the_mails_are_short_and_carry_the_link(req: Request) -> None:
    staff = signed_in(req.owner)
    staff.post(f"/requests/{req.number}/invite/", {"email": "new.person@riverside.example"})
    drain()
    sent = mail.outbox[-1]
    assert sent.subject == "Riverside Community Health: your part of connecting ADP Workforce Now"
    assert "/accounts/link/" in sent.body
    assert req.owner.name in sent.body
    assert not names_amount(str(sent.body), MRR)
    assert len(sent.body) < 1200
