"""What the page of a connection tells besides its state: what waits for somebody, what is set, what was confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import queries
from integrations.models import Connection, ConnectionState, Draft, Issue, Purpose
from integrations.provider import Kind
from integrations.services.adopting import plan_had_changed, refused_before
from integrations.services.issues import HELD, issues_of
from integrations.views import words
from integrations.views.rule_words import (
    FilterWords,
    OriginWords,
    filter_words,
    origins_of,
    policy_lines,
)
from integrations.views.shared import address_for
from portal.accounts.models import User
from portal.kit.retold import retold

RECEIPTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits for a person. `url` is "" when the reader may not do it."""

    tone: str
    title: str
    text: str
    url: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class RulesInWords:
    filter: FilterWords
    origins: Sequence[OriginWords]
    policy: Sequence[str]
    declined: int


def overview(connection: Connection, user: User, figures: Mapping[str, int]) -> dict[str, Any]:
    """The context of the page's lower part. Three queries."""
    if connection.kind != Kind.HRIS:
        return {"waiting": [_issue(issue) for issue in _issues(connection)]}
    draft = queries.unfinished_draft(connection)
    return {
        "waiting": list(_waiting(connection, user, figures, draft)),
        "rules": rules_in_words(connection),
        "receipts": [
            (receipt, address_for(user, "receipt_detail", receipt.public_id))
            for receipt in queries.receipts_of(connection)[:RECEIPTS_SHOWN]
        ],
    }


def rules_in_words(connection: Connection) -> RulesInWords:
    rules = connection.rules
    return RulesInWords(
        filter_words(rules.filter, connection),
        tuple(origins_of(connection).values()),
        policy_lines(rules),
        len(rules.declined),
    )


def _waiting(
    connection: Connection, user: User, figures: Mapping[str, int], draft: Draft | None
) -> Iterator[Waiting]:
    if draft:
        yield _unfinished(connection, user, draft)
    if held := figures["held"]:
        yield Waiting(
            "warn",
            ngettext("%(number)s removal is held", "%(number)s removals are held", held)
            % {"number": intcomma(held)},
            _("So many at once are not removed unasked. Look at the names, then release or reject them."),
            address_for(user, "holds_detail", connection.public_id),
            _("Decide"),
        )
    if matches := figures["matches"]:
        yield Waiting(
            "warn",
            ngettext(
                "%(number)s person may be here already", "%(number)s people may be here already", matches
            )
            % {"number": intcomma(matches)},
            _("Somebody in the HR system looks like more than one person here. Say who it is."),
            address_for(user, "matches_list", connection.public_id),
            _("Decide"),
        )
    for issue in _issues(connection):
        yield _issue(issue)


def _unfinished(connection: Connection, user: User, draft: Draft) -> Waiting:
    if refused := refused_before(draft):
        return _not_carried_out(connection, user, refused)
    setup = draft.purpose == Purpose.SETUP
    step = _(str(draft.get_step_display()))
    return Waiting(
        "info",
        _("The set-up is not finished") if setup else _("A change is being prepared"),
        _("The next step is “%(step)s”. Nothing of it is in use before it is confirmed.") % {"step": step},
        address_for(user, "setup", connection.public_id),
        _("Go on setting up") if setup else _("Go on"),
    )


def _not_carried_out(connection: Connection, user: User, refused: Draft) -> Waiting:
    """What somebody confirmed is not in use, and goes on as a draft with everything that was entered."""
    url = address_for(user, "setup", connection.public_id)
    if not plan_had_changed(refused):
        return Waiting(
            "warn",
            _("A change was not carried out: its run failed"),
            _("What was entered is kept. Put right what stood in the way, and look at the plan again."),
            url,
            _("Go on"),
        )
    setup = refused.purpose == Purpose.SETUP
    return Waiting(
        "warn",
        _("The plan was not carried out: the HR system changed since")
        if setup
        else _("A change was not carried out: the HR system changed since"),
        _("What was entered is kept. Look at the new plan and confirm it."),
        url,
        _("See the new plan"),
    )


def _issue(issue: Issue) -> Waiting:
    label = _("Look at it") if issue.url else ""
    return Waiting("warn", retold(issue.words), words.issue_amount(issue), issue.url, label)


def _issues(connection: Connection) -> list[Issue]:
    if connection.state == ConnectionState.DISCONNECTED:
        return []
    # Held removals have a line of their own, with their number and the way to the decision.
    return [issue for issue in issues_of(connection) if issue.code != HELD]
