"""Microsoft Entra ID (sso-scim.md 1.3, 1.4, 1.8): discovery, keys, the token call with its AADSTS codes."""

import base64
import re
import uuid
from functools import cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.wrappers import Request, Response

from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.vendors.base import Vendor, basic, json_response, rules

_LOGIN: Final = "https://login.microsoftonline.com"
# These paths serve every tenant; their issuer is a pattern, not an address.
_SHARED: Final = ("common", "organizations", "consumers")
_KEY_ID: Final = "sandbox-key-1"
_TEXTS: Final = {
    90002: "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing "
    "into the correct cloud. Check with your subscription administrator, this may happen if there are no "
    "active subscriptions for the tenant.",
    700016: "Application with identifier '{application}' was not found in the directory '{tenant}'. This can "
    "happen if the application has not been installed by the administrator of the tenant or consented to "
    "by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
    7000215: "Invalid client secret provided. Ensure the secret being sent in the request is the client "
    "secret value, not the client secret ID, for a secret added to app '{application}'.",
    7000222: "The provided client secret keys for app '{application}' are expired.",
    7000218: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    900144: "The request body must contain the following parameter: '{parameter}'.",
    70003: "The app requested an unsupported grant type '{grant}'.",
    9002313: "Invalid request. Request is malformed or invalid.",
    1002012: "The provided value for scope is not valid. Client credential flows must have a scope value "
    "with /.default suffixed to the resource identifier (application ID URI).",
}


class Entra(Vendor):
    """login.microsoftonline.com."""

    slug = "entra"
    hosts = re.compile(r"login\.microsoftonline\.com")
    urls = rules(
        ("GET", "/<tenant>/v2.0/.well-known/openid-configuration", "discovery"),
        ("GET", "/<tenant>/discovery/v2.0/keys", "keys"),
        ("POST", "/<tenant>/oauth2/v2.0/token", "token"),
    )

    def admit(self, request: Request, view: str) -> Response | None:
        """Discovery and keys are public; the token call checks by itself."""
        return None

    def error(self, status: int, message: str) -> Response:
        """A fault in the shape of Entra's errors, with the code that Microsoft uses for throttling on 429."""
        code = {401: 7000215, 403: 53003, 429: 90055}.get(status, 90033)
        name = "temporarily_unavailable" if status >= 429 else "invalid_request"
        return self._answer(status, name, code, message)

    def discovery(self, request: Request, tenant: str) -> Response:
        """By domain or GUID; the issuer always carries the GUID."""
        issuer_tenant = "{tenantid}" if tenant in _SHARED else _tenant_id(tenant)
        if issuer_tenant is None:
            return self._refused(400, "invalid_tenant", 90002, tenant=tenant)
        base = f"{_LOGIN}/{tenant if tenant in _SHARED else issuer_tenant}"
        return json_response(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    *("client_secret_post", "private_key_jwt", "client_secret_basic"),
                ],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{_LOGIN}/{issuer_tenant}/v2.0",
                "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
                "claims_supported": [
                    *(
                        "sub",
                        "iss",
                        "aud",
                        "exp",
                        "iat",
                        "nonce",
                        "preferred_username",
                        "name",
                        "tid",
                        "email",
                    ),
                ],
                "tenant_region_scope": "NA",
                "cloud_instance_name": "microsoftonline.com",
            }
        )

    def keys(self, request: Request, tenant: str) -> Response:
        """The public half of the key that signs tokens."""
        if tenant not in _SHARED and _tenant_id(tenant) is None:
            return self._refused(400, "invalid_tenant", 90002, tenant=tenant)
        numbers = _signing_key().public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "kid": _KEY_ID, "x5t": _KEY_ID, "e": _number(numbers.e)}
        return json_response({"keys": [{**key, "n": _number(numbers.n)}]})

    def token(self, request: Request, tenant: str) -> Response:
        """Client credentials; one call proves tenant, application and secret."""
        form, known, tenant_id = request.form, CREDENTIALS[self.slug], _tenant_id(tenant)
        user, password = basic(request)
        application = form.get("client_id") or user
        secret = form.get("client_secret") or password
        grant = form.get("grant_type", "")
        if not grant or not application:
            missing = "client_id" if grant else "grant_type"
            return self._refused(400, "invalid_request", 900144, parameter=missing)
        if tenant_id is None:
            return self._refused(400, "invalid_request", 90002, tenant=tenant)
        if grant == "authorization_code":
            return self._refused(400, "invalid_grant", 9002313)
        if grant != "client_credentials":
            return self._refused(400, "unsupported_grant_type", 70003, grant=grant)
        if application != known["application_id"]:
            return self._refused(
                400, "unauthorized_client", 700016, application=application, tenant=tenant_id
            )
        if not secret:
            return self._refused(401, "invalid_client", 7000218)
        if secret == known["expired_client_secret"]:
            return self._refused(401, "invalid_client", 7000222, application=application)
        if secret != known["client_secret"]:
            return self._refused(401, "invalid_client", 7000215, application=application)
        if not form.get("scope", "").endswith("/.default"):
            return self._refused(400, "invalid_scope", 1002012)
        return json_response(
            {"token_type": "Bearer", "expires_in": 3599, "access_token": self._access_token()}
        )

    def _access_token(self) -> str:
        now, known = int(self.world.clock().timestamp()), CREDENTIALS[self.slug]
        claims = {
            "iss": f"{_LOGIN}/{known['tenant_id']}/v2.0",
            "aud": "https://graph.microsoft.com",
            "tid": known["tenant_id"],
            "appid": known["application_id"],
            "iat": now,
            "exp": now + 3_599,
        }
        return jwt.encode(claims, _signing_key(), algorithm="RS256", headers={"kid": _KEY_ID})

    def _refused(self, status: int, name: str, code: int, **values: str) -> Response:
        return self._answer(status, name, code, _TEXTS[code].format(**values))

    def _answer(self, status: int, name: str, code: int, text: str) -> Response:
        trace, correlation = uuid.uuid4(), uuid.uuid4()
        moment = self.world.clock().strftime("%Y-%m-%d %H:%M:%SZ")
        lines = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
        data: dict[str, Any] = {
            "error": name,
            "error_description": f"AADSTS{code}: {text} {lines}",
            "error_codes": [code],
            "timestamp": moment,
            "trace_id": str(trace),
            "correlation_id": str(correlation),
            "error_uri": f"{_LOGIN}/error?code={code}",
        }
        return json_response(data, status)


def _tenant_id(tenant: str) -> str | None:
    """The GUID of our one tenant, asked for by domain or GUID."""
    known = CREDENTIALS["entra"]
    return known["tenant_id"] if tenant.lower() in (known["tenant_domain"], known["tenant_id"]) else None


@cache
def _signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
