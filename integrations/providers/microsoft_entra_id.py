"""Microsoft Entra ID, formerly Azure AD: sign-in by OpenID Connect (sso-scim.md 1.1 to 1.4, 1.8)."""

from datetime import date

from integrations import checklists
from integrations.conditions import ALWAYS, NEVER
from integrations.provider import InTicket, Item, ItemKind, Kind, Owner, Provider, Topic
from integrations.providers._microsoft_entra_id_guide import GUIDE
from integrations.sources.oidc import GUID, Discovery, Lint

_SHARED = "Enter your own organisation's domain. common, organizations and consumers stand for all of them."
_UNKNOWN = "We cannot find this Microsoft organisation. Check the domain, or enter the Directory (tenant) ID."
_NO_APP = (
    "This organisation has no app with this Application (client) ID. Often the Object ID was copied instead, "
    "or the app is in another directory."
)
_OFF = "The app registration is switched off. Switch it on and try again."
_SECRET = "The secret is wrong. Most often the Secret ID was copied instead of the Value."  # noqa: S105
_BLOCKED = "A conditional access rule blocks the app. Your Entra administrator must allow it."
_BUSY = "Microsoft saw too many attempts. Wait some minutes and try again."
_WORDS = {
    **dict.fromkeys(("90002", "50059", "50128", "90019"), _UNKNOWN),
    "90038": "This organisation is in a national cloud of Microsoft, which has other addresses. Tell us.",
    **dict.fromkeys(("700016", "700011"), _NO_APP),
    **dict.fromkeys(("70001", "7000112"), _OFF),
    **dict.fromkeys(("7000215", "70002"), _SECRET),
    "7000222": "The secret has expired. Create a new one and enter its Value and its expiry date.",
    **dict.fromkeys(("7000218", "700025"), "The app has the wrong type. Use the platform Web."),
    "7000229": "The app is not among the enterprise applications of this directory. Grant it admin consent.",
    **dict.fromkeys(("53003", "530032"), _BLOCKED),
    **dict.fromkeys(("50196", "90055"), _BUSY),
}

_SIGN_IN = Discovery(
    system="Microsoft",
    issuer="https://login.microsoftonline.com/{tenant}/v2.0",
    # Asked by domain, the document still names the tenant by its GUID.
    issuers=rf"https://login\.microsoftonline\.com/(?P<tenant>{GUID})/v2\.0",
    tenant=("tenant_id", "tenant_domain"),
    client_id="{application_id}",
    scope="https://graph.microsoft.com/.default",
    code=r"AADSTS(\d+)",
    words=_WORDS,
    lints=(
        Lint("tenant_domain", _SHARED, must_not="common|organizations|consumers"),
        Lint(
            "tenant_domain",
            "This is no domain. Enter it like example.com, without https.",
            must=rf"{GUID}|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
        ),
        Lint("tenant_id", "The Directory (tenant) ID has the form of a GUID: 8-4-4-4-12 digits.", must=GUID),
        Lint("application_id", "The Application (client) ID has the form of a GUID.", must=GUID),
        Lint(
            "application_id",
            "This is the Directory (tenant) ID. The Application (client) ID is next to it.",
            other_than="tenant_id",
        ),
        Lint(
            "client_secret",
            "This looks like the Secret ID. We need the Value next to it. It is shown only once: if it is "
            "hidden now, create a new secret.",
            must_not=GUID,
        ),
    ),
)


def _detail(
    key: str, label: str, kind: ItemKind, help: str, *, optional: bool = False, hidden: bool = False
) -> Item:
    return Item(
        key=key,
        label=label,
        kind=kind,
        owner=Owner.CUSTOMER,
        topic=Topic.DETAILS,
        help=help,
        ticket=InTicket.LINK if hidden else InTicket.VALUE,
        required=NEVER if optional else ALWAYS,
    )


PROVIDER = Provider(
    slug="microsoft_entra_id",
    name="Microsoft Entra ID",
    ticket_name="Microsoft Entra ID",
    kind=Kind.SSO,
    items=checklists.sso_items(),
    credentials=(
        _detail(
            "tenant_domain",
            "Microsoft Entra ID domain name for the company",
            ItemKind.DOMAIN,
            "A verified domain of your organisation, such as example.com. We look your tenant up by it.",
        ),
        _detail(
            "application_id",
            "Application (client) ID",
            ItemKind.UUID_OR_TEXT,
            "Entra admin centre, App registrations, your app, Overview. Not the Object ID next to it.",
        ),
        _detail(
            "client_secret",
            "Client secret value",
            ItemKind.SECRET,
            "Certificates & secrets, Client secrets: copy the Value, which is shown only once. The Secret ID "
            "beside it only names the secret and cannot be used to sign in.",
            hidden=True,
        ),
        _detail(
            "secret_expires_on",
            "Secret expires on",
            ItemKind.DATE,
            "The date in the column Expires. We remind you before sign-in would stop.",
            optional=True,
        ),
        _detail(
            "tenant_id",
            "Directory (tenant) ID",
            ItemKind.UUID_OR_TEXT,
            "On the app's overview page. Needed only if the domain is not enough to find you.",
            optional=True,
        ),
    ),
    sign_in=_SIGN_IN,
    prerequisites=(
        "A Cloud Application Administrator can register an app (single tenant, platform Web).",
        "The people who will sign in, and the test user, are assigned to the app.",
    ),
    guide=GUIDE,
    docs_url="https://learn.microsoft.com/entra/identity-platform/quickstart-register-app",
    verified_on=date(2026, 11, 21),
)
