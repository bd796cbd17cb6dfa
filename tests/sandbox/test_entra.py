"""Microsoft Entra ID: discovery by domain or GUID, keys, and the codes of the token call."""

import jwt
import pytest
import requests
from jwt.algorithms import RSAAlgorithm

from portal.sandbox.credentials import CREDENTIALS

LOGIN = "https://login.microsoftonline.com"
KNOWN = CREDENTIALS["entra"]
FORM = {
    "grant_type": "client_credentials",
    "client_id": KNOWN["application_id"],
    "client_secret": KNOWN["client_secret"],
    "scope": "https://graph.microsoft.com/.default",
}


def discovery(http: requests.Session, tenant: str) -> requests.Response:
    return http.get(f"{LOGIN}/{tenant}/v2.0/.well-known/openid-configuration")


@pytest.mark.parametrize("tenant", [KNOWN["tenant_domain"], KNOWN["tenant_id"], "Riverside.Example"])
def test_the_issuer_carries_the_guid_however_it_was_asked_for(http: requests.Session, tenant: str) -> None:
    assert discovery(http, tenant).json()["issuer"] == f"{LOGIN}/{KNOWN['tenant_id']}/v2.0"


def test_common_has_a_placeholder_for_an_issuer(http: requests.Session) -> None:
    assert discovery(http, "common").json()["issuer"] == f"{LOGIN}/{{tenantid}}/v2.0"


def test_an_unknown_tenant_is_90002(http: requests.Session) -> None:
    answer = discovery(http, "nobody.example")
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_tenant"
    assert answer.json()["error_description"].startswith("AADSTS90002: Tenant 'nobody.example' not found.")


@pytest.mark.parametrize(
    ("tenant", "change", "status", "error", "code"),
    [
        ("nobody.example", {}, 400, "invalid_request", 90002),
        (KNOWN["tenant_id"], {"client_id": KNOWN["tenant_id"]}, 400, "unauthorized_client", 700016),
        (KNOWN["tenant_id"], {"client_secret": KNOWN["secret_id"]}, 401, "invalid_client", 7000215),
        (
            KNOWN["tenant_id"],
            {"client_secret": KNOWN["expired_client_secret"]},
            401,
            "invalid_client",
            7000222,
        ),
        (KNOWN["tenant_id"], {"client_secret": ""}, 401, "invalid_client", 7000218),
        (KNOWN["tenant_id"], {"grant_type": "authorization_code"}, 400, "invalid_grant", 9002313),
        (KNOWN["tenant_id"], {"scope": "openid"}, 400, "invalid_scope", 1002012),
    ],
)
def test_each_mistake_has_its_code(
    http: requests.Session, tenant: str, change: dict[str, str], status: int, error: str, code: int
) -> None:
    answer = http.post(f"{LOGIN}/{tenant}/oauth2/v2.0/token", data=FORM | change)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert {"trace_id", "correlation_id", "timestamp"} <= set(body)


def test_the_right_secret_gives_a_token_signed_by_a_published_key(http: requests.Session) -> None:
    found = discovery(http, KNOWN["tenant_domain"]).json()
    token = http.post(found["token_endpoint"], data=FORM).json()["access_token"]
    key = RSAAlgorithm.from_jwk(http.get(found["jwks_uri"]).json()["keys"][0])
    claims = jwt.decode(token, key, algorithms=["RS256"], audience="https://graph.microsoft.com")  # type: ignore[arg-type]
    assert (claims["tid"], claims["appid"]) == (KNOWN["tenant_id"], KNOWN["application_id"])
