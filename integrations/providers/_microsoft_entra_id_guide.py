"""What an Entra administrator clicks (sso-scim.md 1.2 and 1.7, G1). No card: its card reads it."""

from integrations.provider import OurValue, Step

GUIDE = (
    Step(
        "Register an app",
        "Sign in at entra.microsoft.com, at least as Cloud Application Administrator. Open App registrations, "
        "New registration. Name it as below, choose single tenant, and for the redirect URI the platform Web. "
        "Where a sign-out address is asked for, it is the last one.",
        shows=(OurValue.PORTAL_NAME, OurValue.REDIRECT_URI, OurValue.SIGN_OUT_URL),
    ),
    Step(
        "Copy the Application (client) ID",
        "It is on the app's Overview, with the Directory (tenant) ID below it. The Object ID is something else.",
    ),
    Step(
        "Make a client secret and copy its Value at once",
        "Certificates & secrets, Client secrets, New client secret. The Value is shown only until you leave "
        "the page; the Secret ID beside it cannot be used to sign in.",
    ),
    Step(
        "Note when the secret expires",
        "A secret lasts 24 months at most; Microsoft advises less than 12. Enter the date, and we remind you.",
    ),
    Step(
        "Let the ID token carry the name",
        "Token configuration: add the optional claims e-mail, given name and family name to the ID token.",
    ),
    Step(
        "Assign the people",
        "Enterprise applications, the same app, Users and groups: assign the people who will sign in, and the "
        "test user. If API permissions asks for it, grant admin consent.",
    ),
)
