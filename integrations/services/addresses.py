"""An address is one person's of a company: whoever gives one to somebody waits for runs that do, and they for them."""

from __future__ import annotations

from django.db import connection as database

from integrations.models import DirectoryPerson, PersonState
from integrations.services.locks import busy_is_told
from integrations.targets.matching import ONE_AT_A_TIME_ON_A_PAGE


def one_at_a_time(company: int) -> None:
    """Until the transaction ends, nobody else gives an address. Before the rows of people are locked, as runs do it.

    Raises NeedsPerson ("busy").
    """
    with busy_is_told(), database.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME_ON_A_PAGE, {"company": company})


def is_taken(person: DirectoryPerson, email: str) -> bool:
    """Whether somebody else who is active in the company has it."""
    others = DirectoryPerson.objects.filter(company=person.company_id, state=PersonState.ACTIVE)
    return others.filter(email__iexact=email).exclude(pk=person.pk).exists()
