"""Whether a company may have a connection at all, and which row it is: asked before anything is made or started."""

from __future__ import annotations

from django.utils.translation import gettext as _

from integrations.models import Connection, ConnectionState
from integrations.provider import Kind, Provider
from portal.accounts.models import Company
from portal.kit.errors import NeedsPerson

NOT_ENTITLED = "not_entitled"
# One that is only being set up does not keep another one from being set up as well.
_NOT_IN_USE = (ConnectionState.SETTING_UP, ConnectionState.DISCONNECTED)


def locked_company(company: Company) -> Company:
    """The row that lets two decisions about one company's connections come one after the other."""
    return Company.objects.select_for_update(no_key=True).get(pk=company.pk)


def must_be_allowed(company: Company, provider: Provider) -> None:
    """Raises NeedsPerson: not_entitled, or other_connection where one HR system at a time is the company's rule."""
    entitled = company.sso_entitled if provider.kind is Kind.SSO else company.hris_entitled
    if not entitled:
        told = {"company": company.name, "kind": provider.kind.label}
        raise NeedsPerson(
            _("The plan of %(company)s does not include %(kind)s. Ask its account manager about it.") % told,
            code=NOT_ENTITLED,
        )
    if provider.kind is Kind.HRIS and not company.several_connections:
        _must_be_the_only_one(company, provider)


def _must_be_the_only_one(company: Company, provider: Provider) -> None:
    others = Connection.objects.filter(company=company, kind=Kind.HRIS).exclude(state__in=_NOT_IN_USE)
    other = others.exclude(provider_slug=provider.slug).first()
    if other is not None:
        told = {"company": company.name, "name": other.provider.name}
        raise NeedsPerson(
            _(
                "%(company)s is connected to %(name)s already. Disconnect it first, or let us allow several HR "
                "systems for this company."
            )
            % told,
            code="other_connection",
        )


def earlier_connection(company: Company, provider_slug: str) -> Connection | None:
    """The company's connection to this provider, locked: the live one, else the last that was disconnected."""
    rows = Connection.objects.select_for_update(no_key=True).filter(
        company=company, provider_slug=provider_slug
    )
    latest = list(rows.order_by("-pk"))
    live = (one for one in latest if one.state != ConnectionState.DISCONNECTED)
    return next(live, latest[0] if latest else None)
