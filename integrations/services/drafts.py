"""Drafts: the next settings of a connection while a person works on them; nothing runs by them before `confirm`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations import catalog
from integrations.engine.mapping import Spec
from integrations.models import Connection, ConnectionState, Draft, DraftState, Purpose, SetupStep
from integrations.provider import Kind, Provider
from integrations.services.confirming import confirm, plan_is_current, start_plan
from integrations.services.credentials import Given, newer_settings, store_credentials
from integrations.services.draft_choices import (
    must_make_rules,
    usable_declined,
    usable_filter,
    usable_mapping,
    usable_policy,
)
from integrations.services.draft_rows import (
    DraftRefused,
    call_off_plans,
    forget_plans,
    save,
    tell,
    tell_saved,
    writing,
)
from integrations.services.entitlement import earlier_connection, locked_company, must_be_allowed
from integrations.services.locks import locked_connection
from integrations.services.previews import forget_previews
from integrations.services.trying import authenticate
from portal.accounts.models import Company, User
from portal.kit import clock
from portal.kit.errors import NeedsPerson

__all__ = [
    "DraftRefused",
    "authenticate",
    "begin_change",
    "begin_setup",
    "confirm",
    "go_to",
    "open_draft",
    "plan_is_current",
    "save_consent",
    "save_filter",
    "save_mapping",
    "start_plan",
    "withdraw",
]

_ORDER = list(SetupStep)
_NOTHING: Mapping[str, Any] = {}


def begin_setup(
    company: Company,
    provider_slug: str,
    *,
    settings: Mapping[str, str],
    mapping: Mapping[str, Spec],
    by: User,
    request_number: str,
    given: Mapping[str, Given] | None = None,
    policy: Mapping[str, Any] | None = None,
) -> Draft:
    """The set-up of a connection, begun or gone on with; what is confirmed already comes back as it is.

    `settings` are credentials that the request holds, `given` says who entered them and when; `mapping` and `policy`
    are its choices. Raises NeedsPerson (not_entitled, other_connection, already_connected), KeyError for an unknown
    provider, ValueError for one that reads nobody.
    """
    provider = catalog.get(provider_slug)
    if provider.kind is not Kind.HRIS or provider.source is None:
        raise ValueError(f"{provider_slug} has nobody to set up")
    with transaction.atomic():
        must_be_allowed(locked_company(company), provider)
        connection = earlier_connection(company, provider_slug)
        if connection and _is_in_use(connection):
            return _latest_setup(connection)
        connection = _set_up_again(connection or Connection(company=company), provider, by, request_number)
        newer = newer_settings(connection, settings, given)
        store_credentials(connection, newer, by, given)
        draft = open_draft(connection)
        if draft is None:
            return _new_setup(connection, mapping=mapping, policy=policy or _NOTHING, by=by)
        if newer and draft.authenticated_at:
            save(draft, authenticated_at=None, plan=None)
        return draft


def begin_change(connection: Connection, *, by: User) -> Draft:
    """The open draft of the connection, or a new one with its settings. Raises NeedsPerson when there can be none."""
    with transaction.atomic():
        locked = locked_connection(connection)
        if locked.kind != Kind.HRIS or locked.state == ConnectionState.DISCONNECTED:
            raise NeedsPerson(_("This connection has no settings that could be changed."), code="not_running")
        if (found := open_draft(locked)) is not None:
            return found
        # Before its first run there is nothing that a change could take away: it is set up once more.
        runs = locked.state != ConnectionState.SETTING_UP
        before = locked.drafts.exclude(consented_at=None).first()
        consented_at = before.consented_at if before else locked.confirmed_at
        draft = Draft.objects.create(
            connection=locked,
            purpose=Purpose.CHANGE if runs else Purpose.SETUP,
            step=_begins_at(consented_at, runs=runs),
            **locked.settings,
            consented_at=consented_at,
            consented_by=before.consented_by if before else None,
            # Nothing is tried by opening the settings: they worked when the connection did.
            authenticated_at=_worked_at(locked) if runs else None,
            filter_confirmed_at=locked.confirmed_at,
            created_by=by,
        )
        tell(draft, "draft.begin", by)
        return draft


def _begins_at(consented_at: datetime | None, *, runs: bool) -> SetupStep:
    """Where the first thing is that may be different: nobody goes through what is agreed to once more."""
    if runs:
        return SetupStep.FILTER
    return SetupStep.AUTHENTICATE if consented_at else SetupStep.PREREQUISITES


def _worked_at(connection: Connection) -> datetime:
    return connection.last_success_at or connection.confirmed_at or connection.created_at


def open_draft(connection: Connection) -> Draft | None:
    found = connection.drafts.filter(state=DraftState.OPEN).select_related("connection__company")
    return found.first()


def withdraw(draft: Draft, *, by: User) -> None:
    """Ends it without effect: what it tried, read and planned is deleted. Raises DraftRefused when it is over."""
    with writing(draft) as locked:
        end_withdrawn(locked, by)


def end_withdrawn(locked: Draft, by: User | None) -> None:
    """As `withdraw`, for a draft that is locked."""
    call_off_plans(locked, "The draft was withdrawn.")
    forget_plans(locked)
    forget_previews(locked)
    locked.credentials.all().delete()
    save(locked, state=DraftState.WITHDRAWN, plan=None)
    tell(locked, "draft.withdraw", by)


def save_consent(draft: Draft, *, declined: Collection[str], by: User, expected_version: int) -> Draft:
    """Agreed to what is read, except for the fields in `declined`. Raises DraftRefused."""
    with writing(draft, expected_version) as locked:
        before, locked.declined = locked.declined, usable_declined(locked, declined)
        must_make_rules(locked)
        if locked.declined != before:
            forget_previews(locked)  # they hold what was allowed until now
        # A change has credentials that work: nobody has to enter them again.
        following = SetupStep.FILTER if locked.purpose == Purpose.CHANGE else SetupStep.AUTHENTICATE
        _saved(locked, following, declined=locked.declined, consented_at=clock.now(), consented_by=by)
        tell_saved(locked, "consent", by)
    return draft


def save_filter(draft: Draft, data: Mapping[str, Any], *, by: User, expected_version: int) -> Draft:
    """Who comes in, as engine.filtering.Filter.from_data takes it. Raises DraftRefused."""
    with writing(draft, expected_version) as locked:
        locked.filter = usable_filter(locked, data)
        must_make_rules(locked)
        _saved(locked, SetupStep.MAP, filter=locked.filter, filter_confirmed_at=clock.now())
        tell_saved(locked, "filter", by)
    return draft


def save_mapping(
    draft: Draft, mapping: Mapping[str, Spec], policy: Mapping[str, Any], *, by: User, expected_version: int
) -> Draft:
    """Where each attribute comes from, "" for nowhere; one that is not named is as the card has it.

    `policy` is as engine.policy.Policy.from_data takes it. Raises DraftRefused.
    """
    with writing(draft, expected_version) as locked:
        locked.mapping = usable_mapping(locked, mapping)
        locked.policy = usable_policy(locked, policy)
        must_make_rules(locked)
        _saved(locked, SetupStep.PLAN, mapping=locked.mapping, policy=locked.policy)
        tell_saved(locked, "mapping", by)
    return draft


def go_to(draft: Draft, step: str) -> Draft:
    """The wizard goes on at `step`: back at any time, forward only where nothing before it is missing."""
    wanted = SetupStep(step)
    with writing(draft, new_plan=False) as locked:
        if wanted is SetupStep.DONE or _ORDER.index(wanted) > _ORDER.index(_furthest(locked)):
            raise DraftRefused(_("Something before this step is still missing."), "not_ready")
        # The place where somebody stands is no setting: what others entered meanwhile stays savable.
        locked.step = wanted
        locked.save(update_fields=["step"])
    return draft


def _furthest(draft: Draft) -> SetupStep:
    if not draft.consented_at:
        return SetupStep.CONSENT
    if not (draft.authenticated_at or draft.rehearses):
        return SetupStep.AUTHENTICATE
    return SetupStep.PLAN if draft.filter_confirmed_at else SetupStep.FILTER


def _saved(draft: Draft, following: SetupStep, **values: Any) -> None:
    """Writes what a step brought; the wizard goes on at the next one."""
    save(draft, **values, step=following)


def _is_in_use(connection: Connection) -> bool:
    if connection.state == ConnectionState.SETTING_UP:
        return connection.confirmed_at is not None
    return connection.state != ConnectionState.DISCONNECTED


def _latest_setup(connection: Connection) -> Draft:
    found = connection.drafts.filter(purpose=Purpose.SETUP).exclude(state=DraftState.WITHDRAWN)
    draft: Draft | None = found.select_related("connection__company").first()
    if draft is None:
        raise NeedsPerson(
            _("This system is connected already. Its settings are changed on the connection's page."),
            code="already_connected",
        )
    return draft


def _set_up_again(connection: Connection, provider: Provider, by: User, request_number: str) -> Connection:
    """A new connection, or one that was disconnected: as if nothing had run, with its people and settings."""
    if connection.pk is None or connection.state == ConnectionState.DISCONNECTED:
        begin_anew(connection, provider, by)
    connection.started_by_request = request_number or connection.started_by_request
    connection.save()
    return connection


def begin_anew(connection: Connection, provider: Provider, by: User) -> None:
    """Does not save."""
    connection.provider_slug, connection.kind = provider.slug, provider.kind.value
    connection.created_by = connection.created_by or by
    connection.state = ConnectionState.SETTING_UP
    connection.approved_at = connection.confirmed_at = connection.disconnected_at = None
    connection.last_success_at = connection.full_pass_at = connection.next_run_at = None
    connection.failing_since, connection.failures = None, 0
    connection.reason = connection.reason_code = connection.told_reason = connection.watermark = ""


def _new_setup(
    connection: Connection, *, mapping: Mapping[str, Spec], policy: Mapping[str, Any], by: User
) -> Draft:
    card = connection.provider
    draft = Draft(
        connection=connection,
        purpose=Purpose.SETUP,
        filter=connection.filter or dict(card.filter),
        mapping={**connection.mapping, **mapping},
        policy={**card.policy, **connection.policy, **policy},
        declined=connection.declined,
        created_by=by,
    )
    draft.rules  # noqa: B018 - raises before anything is stored
    draft.save()
    tell(draft, "draft.begin", by)
    return draft
