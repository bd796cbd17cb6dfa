"""Credentials of a draft: stored, tried at once with the vendor's cheapest call, and what came back in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from integrations.models import Connection, Draft, Purpose, SetupStep
from integrations.provider import Method, Provider, Settings, Source
from integrations.services.credentials import (
    EMPTY,
    connection_settings,
    drop_other_methods,
    keys_of_others,
    method_of,
    store_credentials,
    take_over,
)
from integrations.services.draft_choices import prune
from integrations.services.draft_rows import refuse_changed, save, tell, tell_saved, writing
from integrations.services.previews import forget_previews
from integrations.signals import credentials_given
from portal.accounts import limits
from portal.accounts.models import User
from portal.kit import clock
from portal.kit.certificates import ClientCertificate
from portal.kit.errors import NeedsPerson, RetryLater
from portal.kit.http import Http
from portal.kit.outbound import egress
from portal.kit.retold import retold

MOST_TRIES, TRIES_PER = 10, timedelta(minutes=10)
_LONGEST = 20_000  # characters of one value; a certificate with its chain

# What sources say with a name in it cannot be translated, so it is said again; by the codes of kit.answers and sources.
_WORDS: Mapping[str, str | Promise] = {
    "wrong_credentials": gettext_lazy(
        "%(system)s does not accept these credentials. Check that they are complete and current."
    ),
    "missing_right": gettext_lazy(
        "%(system)s does not let these credentials read people. Ask its administrator for the right."
    ),
    "field_not_granted": gettext_lazy(
        "%(system)s does not hand out one of the fields that we ask for. Ask its administrator to allow it."
    ),
    "field_named": gettext_lazy(
        "%(system)s does not hand out “%(field)s”, which we ask for. Ask its administrator to allow it."
    ),
    "ip_blocked": gettext_lazy(
        "%(system)s refuses our network address. Ask its administrator to allow our addresses, then try again."
    ),
    "not_found": gettext_lazy(
        "%(system)s does not know this address. Check the account's name, domain or subdomain."
    ),
    "moved": gettext_lazy(
        "%(system)s sends us to another address instead. Check the account's name, domain or subdomain."
    ),
    "refused": gettext_lazy("%(system)s refused our question. Check what was entered."),
    "refused_certificate": gettext_lazy(
        "%(system)s refused our client certificate. It may have expired or been replaced."
    ),
}


def authenticate(
    draft: Draft,
    settings: Settings,
    *,
    by: User,
    method: Method | None = None,
    source: Source | None = None,
    http: Http | None = None,
) -> Draft:
    """Stores what was typed with the draft and tries it with everything else that is held for this method.

    Without a `method` the typed secrets tell; once it works, what only another one needs is dropped. A secret left
    empty stays as it is. What works belongs to the connection at once where it is only being set up, and stays with the
    draft until that is confirmed otherwise. `source` and `http` replace the card's and the portal's own.
    Raises DraftRefused; RateLimited; NeedsPerson with a translated sentence when something is missing or refused;
    RetryLater when the vendor is away. What was typed is kept in the latter two, except for a pair that cannot be.
    """
    connection = draft.connection
    limits.take("draft.authenticate", f"{connection.pk}:{by.pk}", most=MOST_TRIES, per=TRIES_PER)
    provider = connection.provider
    method = method or method_of(provider, settings)
    must_be_usable(provider, settings)
    with writing(draft) as locked:
        store_credentials(connection, settings, by, draft=locked)
        tried = connection_settings(connection, locked, without=keys_of_others(provider, method))
        version = locked.version + 1
        save(locked, authenticated_at=None, plan=None)
    must_be_complete(provider, tried, method)
    try_credentials(provider, tried, source=source, http=http)
    with writing(draft) as locked:
        if locked.version != version:
            raise refuse_changed()
        _works(locked, tried, by, method)
    return draft


def try_credentials(
    provider: Provider, tried: Settings, *, source: Source | None = None, http: Http | None = None
) -> None:
    """One cheap call. Raises NeedsPerson with a translated sentence, and RetryLater."""
    reader = source or provider.source
    if reader is None:
        raise ValueError(f"{provider.slug} has no source of people")
    try:
        reader.check(http or egress().session(), tried)
    except NeedsPerson as error:
        raise NeedsPerson(_in_words(error, provider), code=error.code, detail=error.detail) from None
    except RetryLater as error:
        told = {"system": provider.name}
        words = _("%(system)s could not be reached just now. Try again in a few minutes.") % told
        raise RetryLater(words, error.after) from None


def must_be_usable(provider: Provider, typed: Settings) -> None:
    """Raises NeedsPerson for what can be told to be wrong without asking the vendor."""
    for item in provider.credentials:
        value = typed.get(item.key, "")
        if len(value) > _LONGEST or "\x00" in value:
            told = {"label": _(item.label)}
            raise NeedsPerson(_("“%(label)s” cannot be this. Copy it again.") % told, code="invalid")
    certificate, key = (typed.get(name, "").strip() for name in ("certificate", "private_key"))
    if not (certificate or key):
        return
    if not (certificate and key):
        raise NeedsPerson(
            _("The certificate and its private key are replaced together. Paste both."), code="half_a_pair"
        )
    try:
        ClientCertificate.from_text(certificate, key, typed.get("passphrase", ""))
    except NeedsPerson as error:
        raise NeedsPerson(retold(error.sentence), code=error.code) from None


def must_be_complete(provider: Provider, held: Settings, method: Method | None = None) -> None:
    """Raises NeedsPerson for the first value that is missing; one whole method is enough where none was chosen."""
    of_methods = {key for each in provider.methods for key in each.keys}
    required = [item.key for item in provider.credentials if item.required.holds({})]
    missing = [key for key in required if key not in of_methods and not held.get(key)]
    ways = (method,) if method else provider.methods
    if ways and not any(all(map(held.get, each.keys)) for each in ways):
        missing += [key for key in ways[0].keys if not held.get(key)]
    for item in provider.credentials:
        if item.key in missing:
            told = {"label": _(item.label)}
            raise NeedsPerson(
                _("“%(label)s” is missing. Enter it, and try again.") % told, code="missing_credentials"
            )


def _in_words(error: NeedsPerson, provider: Provider) -> str:
    """The card's or the source's own sentence; where that is not translated, one about the same that is."""
    said = retold(error.sentence)
    in_english = (get_language() or "en").startswith("en")
    if not in_english and said == error.sentence and error.code in _WORDS:
        words = "field_named" if error.about and error.code == "field_not_granted" else error.code
        said = str(_WORDS[words]) % {"system": provider.name, "field": error.about}
    return f"{said} {_our_addresses()}" if error.code == "ip_blocked" else said


def _our_addresses() -> str:
    """Where our calls come from; where that is not configured, who knows it."""
    if settings.EGRESS_ADDRESSES:
        return _("Ours: %(addresses)s.") % {"addresses": ", ".join(settings.EGRESS_ADDRESSES)}
    return _("%(email)s tells you which they are.") % {"email": settings.SUPPORT_EMAIL}


def _works(draft: Draft, tried: Mapping[str, str], by: User, method: Method | None) -> None:
    connection = draft.connection
    drop_other_methods(connection, method, draft)
    fresh = set(draft.credentials.exclude(EMPTY).values_list("key", flat=True))
    values = {"authenticated_at": clock.now(), "step": SetupStep.FILTER}
    if draft.rehearses:
        # The file is over; of its filter and mapping stays what this system can send.
        draft.rehearses = False
        kept_filter, kept_mapping = prune(draft)
        values |= {"rehearses": False, "filter": kept_filter, "mapping": kept_mapping}
        forget_previews(draft)
    save(draft, **values)
    if draft.purpose == Purpose.SETUP:
        take_over(connection, draft)
    tell(draft, "draft.authenticate", by, credentials=sorted(fresh))
    if "filter" in values:
        tell_saved(draft, "rehearsal_ended", by)
    told = {key: value for key, value in tried.items() if key in fresh}
    credentials_given.send(Connection, connection=connection, settings=told, by=by)
