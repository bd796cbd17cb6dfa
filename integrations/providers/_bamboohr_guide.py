"""The two ways into BambooHR and how an administrator finds what they need (hris-apis.md 1.2). No card."""

from integrations.checklists import ACCESS_METHOD, IF_ASKED
from integrations.conditions import Is
from integrations.provider import Method, Step

METHODS = (
    Method(
        "api_key",
        "API key",
        "An administrator makes a key under their own name. The quickest way.",
        keys=("subdomain", "api_key"),
    ),
    Method(
        "oauth",
        "OAuth app",
        "An app of your own in BambooHR's developer portal, with the scopes report, field and offline_access.",
        keys=("subdomain", "client_id", "client_secret", "refresh_token"),
    ),
)
BY_KEY, BY_APP = (Is(ACCESS_METHOD, method.key) for method in METHODS)

GUIDE = (
    Step(
        "Sign in as an administrator",
        "The key may see what its maker may see, field by field. Made by somebody with fewer rights, people "
        "or fields would be missing.",
    ),
    Step(
        "Note the subdomain",
        "Look at the address of the page: the word before .bamboohr.com is your subdomain.",
    ),
    Step("Make a key", "Click your name at the lower left, then API keys, and add a new key."),
    Step("Copy the key here", "It has 40 characters, the digits 0 to 9 and the letters a to f."),
    Step(
        "Or use an app of your own",
        "If your rules ask for OAuth, register an app in the developer portal, let an administrator agree to it, "
        "and copy its client ID, client secret and refresh token instead of a key.",
    ),
    IF_ASKED,
)
