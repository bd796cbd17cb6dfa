"""What the products of ADP ask, and how an administrator gets it (hris-apis.md 1.1). No card: the cards share it."""

from integrations.checklists import CONSENT, IF_ASKED, source_choice
from integrations.provider import Step

PREREQUISITES = (
    "API Central, or the connector from ADP Marketplace, is bought for this company.",
    "An ADP administrator can open API Central and accept the consent agreement.",
)
GUIDE = (
    Step(
        "Check that the connector is bought",
        "API Central, or a connector from ADP Marketplace, must be bought for this company. Without it the "
        "next steps are not there; your ADP representative can tell.",
    ),
    Step(
        "Open your project in API Central",
        "Add the API for worker information to the project and accept the consent agreement. Take a screenshot "
        "of that page: it is asked for under Purchase and consent.",
    ),
    Step(
        "Make a key and a signing request",
        "Your IT makes an RSA key of 2048 bits and a certificate signing request. By convention its common "
        "name is the company's name followed by MutualSSL. Keep the private key: ADP never gets it.",
    ),
    Step(
        "Get the certificate",
        "Paste the signing request into the certificate tool of ADP and copy the certificate that it makes. It "
        "runs out after some time; we tell you before.",
    ),
    Step(
        "Copy the client ID and the client secret",
        "Both are on your project's page. They must belong to the project of the certificate.",
    ),
    IF_ASKED,
)
_LOCATION = source_choice(
    "hris.location_source",
    "What ADP field would you like to be synced for MT location field?",
    "Choose the field in which you keep the place where people work. Training is often assigned by it.",
    maps="location",
    options=(
        ("home_work_location", "Home Work Location"),
        ("business_unit", "Work Assignments - Business Unit"),
    ),
)
_POSITION = source_choice(
    "hris.position_source",
    "What ADP field would you like to be synced for MT position field?",
    "First Position is the first job in ADP's list, Primary Position the one marked as primary, "
    "Current Title the free text of the job title.",
    maps="job_title",
    options=(
        ("first_position", "First Position"),
        ("primary_position", "Primary Position"),
        ("current_title", "Current Title"),
    ),
)
QUESTIONS = (*CONSENT, _LOCATION, _POSITION)
