"""Who gets to see which file of a request: the customer theirs, never what only an internal note holds."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from portal.accounts.models import AccessLink, Role, User
from requests_app.models import Evidence, Reach, Request
from requests_app.services.evidence import store_evidence
from requests_app.services.talk import write_message
from tests.requests_app.factories import ADP, a_request, an_upload, customer_of, give, let_in, picture
from tests.support.people import a_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def req() -> Request:
    return a_request(ADP)


def status_for(user: User, evidence: Evidence) -> int:
    client = Client()
    client.force_login(user)
    return client.get(reverse("evidence", args=[evidence.public_id])).status_code


def by_the_desk(req: Request, width: int = 40) -> Evidence:
    return store_evidence(req, an_upload(picture(width)), by=req.owner)


def test_a_file_of_an_internal_note_is_not_there_for_the_customer(req: Request) -> None:
    file = by_the_desk(req)
    write_message(req, "Look", by=req.owner, reach=Reach.INTERNAL, files=[file])
    assert status_for(req.owner, file) == 200
    assert status_for(customer_of(req), file) == 404


def test_a_file_of_the_conversation_is(req: Request) -> None:
    file = by_the_desk(req)
    write_message(req, "Look", by=req.owner, reach=Reach.CUSTOMER, files=[file])
    assert status_for(customer_of(req), file) == 200


def test_what_the_desk_uploaded_for_them_is_theirs_too(req: Request) -> None:
    customer = customer_of(req)
    file = give(req, "hris.consent_file", an_upload(), req.owner).evidence
    assert file is not None
    assert status_for(customer, file) == 200


def test_a_colleague_with_other_items_does_not_see_it(req: Request) -> None:
    customer_of(req)
    file = give(req, "hris.consent_file", an_upload(), req.owner).evidence
    colleague = a_user(Role.CUSTOMER_ADMIN, "Sam Colleague", "sam@riverside.example")
    link = let_in(req, colleague)
    AccessLink.objects.filter(pk=link.pk).update(item_keys=["client_id"])
    assert file is not None
    assert status_for(colleague, file) == 404
    AccessLink.objects.filter(pk=link.pk).update(item_keys=["hris.consent_file"])
    assert status_for(colleague, file) == 200
