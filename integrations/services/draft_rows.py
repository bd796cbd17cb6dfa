"""One draft in the hands of one writer: locked, compared with what the page saw, saved, told to whoever listens.

Rows are always locked in this order: company, connection, runs, draft. A worker that ends a plan keeps to it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from integrations.models import Connection, Draft, DraftState, Planned, Run, RunKind
from integrations.services.locks import locked_connection
from integrations.services.records import record_of
from integrations.services.starts import call_off_runs
from integrations.signals import draft_saved
from portal.accounts.models import User
from portal.kit.errors import NeedsPerson


class DraftRefused(Exception):
    """A sentence for the page. `code` is one of changed, wrong_number, not_ready, rehearsal, gone, invalid, file.

    For "invalid", `field` names the attribute or the vendor's field that it is about, "" for none.
    """

    def __init__(self, sentence: str, code: str, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.code, self.field = sentence, code, field


def refuse_changed() -> DraftRefused:
    return DraftRefused(
        _("Somebody changed this in the meantime. Look at it again; what you entered was not saved."),
        "changed",
    )


def refuse_gone() -> DraftRefused:
    return DraftRefused(_("This was confirmed or withdrawn in the meantime. Open it again."), "gone")


@contextmanager
def writing(draft: Draft, expected_version: int | None = None, *, new_plan: bool = True) -> Iterator[Draft]:
    """The draft, open and locked, in a transaction; plans that are being made of it are called off.

    The caller's own `draft` shows the result. Raises DraftRefused: gone, or changed where the version is another.
    """
    with transaction.atomic():
        connection = _locked(draft)
        if new_plan:
            call_off_plans(draft, "The settings were changed while it was read.")
        locked = Draft.objects.select_for_update().get(pk=draft.pk)
        locked.connection = connection
        if locked.state != DraftState.OPEN:
            raise refuse_gone()
        if expected_version is not None and locked.version != expected_version:
            raise refuse_changed()
        yield locked
    draft.refresh_from_db()


def _locked(draft: Draft) -> Connection:
    try:
        return locked_connection(draft.connection)
    except NeedsPerson as busy:
        raise DraftRefused(busy.sentence, "not_ready") from None


def save(draft: Draft, **values: Any) -> None:
    """Writes a locked draft; its version rises."""
    for name, value in values.items():
        setattr(draft, name, value)
    draft.version += 1
    draft.save(update_fields=[*values, "version"])
    Draft.objects.filter(pk=draft.pk).order_by().update(updated_at=Now())


def tell_saved(draft: Draft, what: str, by: User) -> None:
    """The record of it, and the news for whoever saw it before."""
    tell(draft, f"draft.{what}", by)
    draft_saved.send(Connection, connection=draft.connection, draft=draft, by=by)


def tell(draft: Draft, action: str, by: User | None, **details: Any) -> None:
    connection = draft.connection
    told = {"connection": str(connection.public_id), "purpose": draft.purpose, "version": draft.version}
    subject = f"{connection.provider.name} connection"
    record_of(connection, action, by=by, subject=subject, **told, **details)


def call_off_plans(draft: Draft, why: str) -> None:
    """Ends dry runs of the draft that are still going on; their worker writes nothing more."""
    call_off_runs(Run.objects.filter(draft=draft, kind=RunKind.DRY), why, failure_code="called_off")


def forget_plans(draft: Draft) -> None:
    """Removes the people of all plans of a draft that nobody will confirm."""
    Planned.objects.filter(run__draft=draft).delete()
