"""What becomes of a confirmed draft: the connection takes it over with the plan, or it is refused."""

from __future__ import annotations

from integrations.models import Connection, Draft, DraftState, Receipt, Run
from integrations.services.credentials import take_over
from integrations.services.planning import settings_after


def adopt(connection: Connection, receipt: Receipt) -> None:
    """Settings and credentials of the receipt's draft become the connection's, in the applying transaction."""
    settings = settings_after(receipt)
    for name, value in settings.items():
        setattr(connection, name, value)
    connection.save(update_fields=list(settings))
    take_over(connection, receipt.draft_id)
    _end(receipt, DraftState.APPLIED)


def refuse(run: Run) -> None:
    """The plan was not carried out: the connection stays as it was, and somebody has to look at a new plan."""
    if run.receipt:
        _end(run.receipt, DraftState.REFUSED)


def _end(receipt: Receipt, state: DraftState) -> None:
    Draft.objects.filter(pk=receipt.draft_id).exclude(state=DraftState.APPLIED).update(state=state)
