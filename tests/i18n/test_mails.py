"""Whoever was invited in German gets German mails, whoever of us causes them, and by whatever worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import translation
from pytest_django.fixtures import Settings

from integrations.models import Connection, DirectoryPerson, Draft, Invitation, Purpose, Receipt, Run, RunKind
from integrations.services.held_news import mail_held
from integrations.services.invitations import mail_invitations
from integrations.services.ladder import mail_admin
from integrations.services.run_news import mail_changed, mail_not_done, mail_synced
from portal.accounts.models import AccessLink, Allowance, Role
from portal.accounts.services import renew_link
from portal.kit import clock
from requests_app.lifecycle import Stage
from requests_app.models import Answer, Reach, Request
from requests_app.services.delegation import delegate
from requests_app.services.expiry import tell_expiry
from requests_app.services.invitations import invite_customer
from requests_app.services.reminders import remind_now
from requests_app.services.reveals import reveal_secret
from requests_app.services.talk import write_message
from tests.i18n.reading import english_in
from tests.i18n.test_catalogue import CUSTOMER_MAILS
from tests.requests_app.factories import ENTRA, a_request, give, item_of, put_in_stage
from tests.support.links import open_as, path_of, press
from tests.support.people import a_user
from tests.support.queue import drain

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _mails_stay_here(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def link() -> AccessLink:
    """Invited in German, opened with a code; the secret and its date are given."""
    req = a_request(ENTRA)
    link = invite_customer(req, "dana@riverside.example", by=req.owner, language="de")
    open_as(Client(), link)
    link.refresh_from_db()
    customer = link.used_by
    assert customer is not None
    assert customer.language == "de"
    give(req, "client_secret", "s3cret-value-nobody-may-see", customer)
    give(req, "secret_expires_on", "2027-05-31", customer)
    return link


def invited(link: AccessLink, req: Request) -> None:
    """The fixture did it."""


def asked_again(link: AccessLink, req: Request) -> None:
    Allowance.objects.all().delete()
    press(Client(), path_of(link), "send")


def renewed(link: AccessLink, req: Request) -> None:
    renew_link(path_of(link).rstrip("/").rpartition("/")[2])


def reminded(link: AccessLink, req: Request) -> None:
    remind_now(req, by=req.owner)


def written_to(link: AccessLink, req: Request) -> None:
    write_message(req, "Guten Tag, wie weit sind Sie?", by=req.owner, reach=Reach.CUSTOMER)


def handed_on(link: AccessLink, req: Request) -> None:
    assert link.used_by is not None
    with translation.override("de"):
        delegate(req, "kim@riverside.example", by=link.used_by, item_keys=["application_id"])


def revealed(link: AccessLink, req: Request) -> None:
    developer = a_user(Role.DEVELOPER, "Nils Berg")
    reveal_secret(item_of(req, "client_secret"), by=developer, reason="Anmeldung schlägt fehl")


def expiring(link: AccessLink, req: Request) -> None:
    AccessLink.objects.update(expires_at="2028-01-01T00:00:00Z")
    put_in_stage(req, Stage.LIVE)
    answer = Answer.objects.get(item__req=req, item__key="secret_expires_on")
    tell_expiry(answer.pk, now=datetime(2027, 5, 25, 12, tzinfo=UTC))


def paused(link: AccessLink, req: Request) -> None:
    assert link.used_by is not None
    connection = Connection.objects.create(
        company=req.company, provider_slug="personio", kind="hris", reason="Das Secret ist abgelaufen."
    )
    mail_admin(connection, link.used_by, marker="paused")


def held(link: AccessLink, req: Request) -> None:
    assert link.used_by is not None
    connection = Connection.objects.create(company=req.company, provider_slug="personio", kind="hris")
    mail_held(connection, link.used_by, 7, marker="held")


def a_receipt(link: AccessLink, req: Request, purpose: Purpose) -> Receipt:
    """Confirmed by the customer: another field for the location."""
    assert link.used_by is not None
    connection = Connection.objects.create(company=req.company, provider_slug="personio", kind="hris")
    draft = Draft.objects.create(connection=connection, purpose=purpose, created_by=link.used_by)
    return Receipt.objects.create(
        connection=connection,
        draft=draft,
        purpose=purpose,
        before={**connection.settings},
        after={**connection.settings, "mapping": {"location": "city"}},
        affected=7,
        confirmed_by=link.used_by,
    )


def synced(link: AccessLink, req: Request) -> None:
    receipt = a_receipt(link, req, Purpose.SETUP)
    run = Run.objects.create(
        connection=receipt.connection, kind=RunKind.FIRST, added=7, problem_count=2, held=1
    )
    mail_synced(run, receipt.connection, receipt.confirmed_by)


def changed(link: AccessLink, req: Request) -> None:
    receipt = a_receipt(link, req, Purpose.CHANGE)
    run = Run.objects.create(connection=receipt.connection, kind=RunKind.MANUAL, changed=7, problem_count=1)
    mail_changed(run, receipt.connection, receipt.confirmed_by, receipt)


def not_done(link: AccessLink, req: Request) -> None:
    receipt = a_receipt(link, req, Purpose.CHANGE)
    why = "The plan is not the one that was confirmed any more: it differs for 3 people. Nobody was changed."
    run = Run.objects.create(connection=receipt.connection, kind=RunKind.MANUAL, objections=[why])
    mail_not_done(run, receipt.connection, receipt.confirmed_by, receipt)


def invited_to_the_lms(link: AccessLink, req: Request) -> None:
    connection = Connection.objects.create(company=req.company, provider_slug="personio", kind="hris")
    person = DirectoryPerson.objects.create(
        company=req.company, connection=connection, email="vera@riverside.example", raw_digest=uuid4()
    )
    expires_at = clock.now() + timedelta(days=180)
    Invitation.objects.create(person=person, mails=True, expires_at=expires_at)
    mail_invitations(clock.now())


CAUSES: dict[str, tuple[Callable[[AccessLink, Request], None], str]] = {
    "invite": (invited, "Hier öffnen Sie Ihren Teil"),
    "link_code": (asked_again, "Er gilt 10 Minuten"),
    "fresh_link": (renewed, "hier ist der neue Link"),
    "reminder": (reminded, "- Anwendungs-ID (Client)"),
    "message": (written_to, "Bitte antworten Sie im Portal"),
    "delegated": (handed_on, "- Anwendungs-ID (Client)"),
    "revealed": (revealed, "„Wert des geheimen Clientschlüssels“"),
    "expiring": (expiring, "31. Mai 2027"),
    "paused": (paused, "setzen Sie die Anbindung dann fort"),
    "held": (held, "behalten sie ihren Zugang"),
    "synced": (synced, "2 Probleme verdienen einen Blick"),
    "changed": (changed, "- Standort: Ort (vorher: Standort)"),
    "not_done": (not_done, "unterscheidet sich bei 3 Personen"),
    "invited": (invited_to_the_lms, "Die Einladung gilt sechs Monate"),
}


def test_every_mail_to_customers_is_tried_here() -> None:
    assert sorted(CAUSES) == CUSTOMER_MAILS


@pytest.mark.parametrize("name", sorted(CAUSES))
def test_a_mail_to_a_german_link_is_german(link: AccessLink, name: str) -> None:
    cause, words = CAUSES[name]
    cause(link, Request.objects.get())
    drain()
    sent = [each for each in mail.outbox if words in str(each.body)]
    assert sent, [str(each.body)[:300] for each in mail.outbox]
    for each in sent:
        assert isinstance(each, EmailMultiAlternatives)
        html = str(each.alternatives[0][0])
        assert '<html lang="de"' in html
        assert english_in(f"<p>{each.subject}</p>{html}") == []


def test_a_german_reader_of_one_mail_does_not_make_the_next_one_german(link: AccessLink) -> None:
    req = Request.objects.get()
    AccessLink.objects.update(language="en")
    with translation.override("de"):
        write_message(req, "Hello", by=req.owner, reach=Reach.CUSTOMER)
        drain()
    assert "Please reply in the portal" in str(mail.outbox[-1].body)
