"""Checklist lines that several cards share, worded as in jira-salesforce-intake.md §5.3 and §5.5."""

from __future__ import annotations

from dataclasses import replace

from integrations.conditions import ALWAYS, NEVER, Condition, Is
from integrations.provider import (
    NOT_CUSTOMER,
    InTicket,
    Item,
    ItemKind,
    Method,
    Option,
    OurValue,
    Owner,
    Step,
    Topic,
)

COMPANY: tuple[Item, ...] = (
    Item(
        key="company.name",
        label="Company name",
        kind=ItemKind.TEXT,
        owner=Owner.CSM,
        topic=Topic.COMPANY,
        help="The customer's name as Salesforce has it; it becomes part of the ticket's title.",
    ),
    Item(
        key="company.lms_id",
        label="LMS ID",
        kind=ItemKind.TEXT,
        owner=Owner.CSM,
        topic=Topic.COMPANY,
        help="The number of the company's account in the LMS. Salesforce shows it on the account.",
    ),
    Item(
        key="company.mrr",
        label="MRR",
        kind=ItemKind.MONEY,
        owner=Owner.CSM,
        topic=Topic.COMPANY,
        help="Monthly recurring revenue with its currency, from Salesforce. Used to order the queue.",
        visible_to=NOT_CUSTOMER,
    ),
)

SSO_CONTACT: tuple[Item, ...] = (
    Item(
        key="sso.poc_name",
        label="Main IT POC – Name",
        kind=ItemKind.TEXT,
        owner=Owner.CUSTOMER,
        topic=Topic.CONTACT,
        help="The person in your IT team whom our developers may ask while they set up the sign-in.",
    ),
    Item(
        key="sso.poc_email",
        label="Email Address",
        kind=ItemKind.EMAIL,
        owner=Owner.CUSTOMER,
        topic=Topic.CONTACT,
        help="That person's work e-mail address. We also write to it before a secret expires.",
    ),
    Item(
        key="sso.poc_phone",
        label="Phone Number",
        kind=ItemKind.PHONE,
        owner=Owner.CUSTOMER,
        topic=Topic.CONTACT,
        help="With the country code, such as +1 555 010 0100. Used only if the sign-in stops working.",
    ),
    Item(
        key="sso.poc_timezone",
        label="Time Zone",
        kind=ItemKind.TIMEZONE,
        owner=Owner.CUSTOMER,
        topic=Topic.CONTACT,
        help="So that we call and test during your working hours.",
    ),
)

SSO_TEST: tuple[Item, ...] = (
    Item(
        key="sso.test_username",
        label="Test Credentials – Username",
        kind=ItemKind.TEXT,
        owner=Owner.CUSTOMER,
        topic=Topic.TEST_USER,
        help="Create a user for testing in your identity provider and enter its sign-in name here. "
        "Do not use the account of a real person.",
    ),
    Item(
        key="sso.test_password",
        label="Test Credentials – Password",
        kind=ItemKind.SECRET,
        owner=Owner.CUSTOMER,
        topic=Topic.TEST_USER,
        help="The test user's password. It is stored encrypted and never shown in the ticket. "
        "The user must be able to sign in without a second factor.",
        ticket=InTicket.LINK,
    ),
    Item(
        key="sso.auto_creation",
        label="Will the SSO Auto creation be enabled?",
        kind=ItemKind.BOOL,
        owner=Owner.CUSTOMER,
        topic=Topic.PREFERENCES,
        help="Yes: a person who signs in for the first time gets an LMS account at once. "
        "No: accounts must exist before.",
    ),
)

_AGE = (Option("just_created", "Just created"), Option("old_customer", "Old customer"))
HRIS_CSM: tuple[Item, ...] = (
    Item(
        key="hris.brand_new",
        label="Is this a brand-new customer?",
        kind=ItemKind.BOOL,
        owner=Owner.CSM,
        topic=Topic.COMPANY,
        help="A new customer starts empty; for others the developers first match what is there.",
        visible_to=NOT_CUSTOMER,
    ),
    Item(
        key="hris.company_exists",
        label="Does the company exist in MedTrainer?",
        kind=ItemKind.BOOL,
        owner=Owner.CSM,
        topic=Topic.COMPANY,
        help="Search the LMS for the company's name before you answer.",
        visible_to=NOT_CUSTOMER,
    ),
    Item(
        key="hris.company_age",
        label="Has this been just created, or is it an “old” customer in MedTrainer?",
        kind=ItemKind.CHOICE,
        owner=Owner.CSM,
        topic=Topic.COMPANY,
        help="An old customer may have people and groups that the first sync has to match.",
        options=_AGE,
        required=Is("hris.company_exists", True),
        visible_to=NOT_CUSTOMER,
    ),
    Item(
        key="hris.goal",
        label="What does the customer want to achieve with this integration?",
        kind=ItemKind.LONGTEXT,
        owner=Owner.CSM,
        topic=Topic.COMPANY,
        help="One or two sentences in the customer's words, such as “keep employees in step with payroll”.",
    ),
    Item(
        key="hris.employees_exist",
        label="If the company already exists in MedTrainer, does it have employees created already?",
        kind=ItemKind.BOOL,
        owner=Owner.CSM,
        topic=Topic.COMPANY,
        help="People who are there already are matched with the HR system instead of created twice.",
        required=Is("hris.company_exists", True),
        visible_to=NOT_CUSTOMER,
    ),
    Item(
        key="hris.mt_company_name",
        label="Company name as registered in MedTrainer",
        kind=ItemKind.TEXT,
        owner=Owner.CSM,
        topic=Topic.COMPANY,
        help="It may differ from the name in Salesforce; copy it from the LMS.",
        visible_to=NOT_CUSTOMER,
    ),
    Item(
        key="hris.mt_company_id",
        label="Company ID as registered in MedTrainer",
        kind=ItemKind.TEXT,
        owner=Owner.CSM,
        topic=Topic.COMPANY,
        help="The number in the address of the company's page in the LMS.",
        visible_to=NOT_CUSTOMER,
    ),
)

CONSENT: tuple[Item, ...] = (
    Item(
        key="hris.connector_ok",
        label="Connector Purchase is correct and in place",
        kind=ItemKind.ATTEST,
        owner=Owner.CSM,
        topic=Topic.CONSENT,
        help="Confirm with the customer that the connector has been bought for this company.",
    ),
    Item(
        key="hris.consent_ok",
        label="Consent Agreement is correct and in place",
        kind=ItemKind.ATTEST,
        owner=Owner.CSM,
        topic=Topic.CONSENT,
        help="Confirm with the customer that the consent agreement names this company and is accepted.",
    ),
    Item(
        key="hris.consent_file",
        label="Screenshot of the connector and consent agreement",
        kind=ItemKind.FILE,
        owner=Owner.CUSTOMER,
        topic=Topic.CONSENT,
        help="A picture or a PDF of the page that shows the purchased connector and the accepted agreement. "
        "It proves that we may read your data.",
        ticket=InTicket.ATTACHMENT,
    ),
)
CONSENT_OPTIONAL = tuple(replace(item, required=NEVER) for item in CONSENT)

IF_ASKED = Step(
    "If you are asked who we are",
    "Use this name for the access, and this address for a contact. If only known network addresses may "
    "come in, these are ours.",
    shows=(OurValue.PORTAL_NAME, OurValue.SUPPORT_EMAIL, OurValue.EGRESS_ADDRESSES),
)

NOTIFY_EMPLOYEES = Item(
    key="hris.notify_employees",
    label="Do you want notifications to be sent to each employee when their new account is created?",
    kind=ItemKind.BOOL,
    owner=Owner.CUSTOMER,
    topic=Topic.PREFERENCES,
    help="Yes sends an e-mail to every new person on the first sync and later. Many customers wait with it "
    "until they have told their people.",
)

EMAIL_SOURCE = Item(
    key="hris.email_source",
    label="Would you like the users to be created using their personal email or their work email?",
    kind=ItemKind.CHOICE,
    owner=Owner.CUSTOMER,
    topic=Topic.PREFERENCES,
    help="People sign in with this address and get their mail there. Whoever has none of the chosen kind "
    "is skipped and listed.",
    options=(Option("personal_email", "Personal email"), Option("work_email", "Work email")),
    maps="email",
)


def update_org(product: str) -> Item:
    """The question names the product that the updates come from."""
    return Item(
        key="hris.update_org",
        label="Do you want to update your work locations, work departments, and work positions within "
        f"MedTrainer based on your {product} updates?",
        kind=ItemKind.BOOL,
        owner=Owner.CUSTOMER,
        topic=Topic.PREFERENCES,
        help=f"Yes: {product} decides, and what was edited in the LMS is overwritten. No: these three stay "
        "as they are in the LMS.",
    )


def source_choice(
    key: str, label: str, help: str, *, maps: str, options: tuple[tuple[str, str], ...]
) -> Item:
    """Which of the vendor's fields feeds the directory attribute `maps`; options are (field, label)."""
    return Item(
        key=key,
        label=label,
        kind=ItemKind.CHOICE,
        owner=Owner.CUSTOMER,
        topic=Topic.PREFERENCES,
        help=help,
        options=tuple(Option(value, text) for value, text in options),
        maps=maps,
    )


def sso_items() -> tuple[Item, ...]:
    """What every sign-in request asks besides the provider's own details."""
    return (*COMPANY, *SSO_CONTACT, *SSO_TEST)


def hris_items(product: str, *, both_addresses: bool) -> tuple[Item, ...]:
    """What every HR request asks. With `both_addresses` the customer chooses work or personal e-mail."""
    chosen = (EMAIL_SOURCE,) if both_addresses else ()
    return (*COMPANY, *HRIS_CSM, NOTIFY_EMPLOYEES, update_org(product), *chosen)


ACCESS_METHOD = "hris.access_method"


def access_method(product: str, methods: tuple[Method, ...]) -> Item:
    """For a vendor with several ways to authenticate: what the other lines then ask for depends on the answer."""
    return Item(
        key=ACCESS_METHOD,
        label=f"How may we sign in to {product}?",
        kind=ItemKind.CHOICE,
        owner=Owner.CUSTOMER,
        topic=Topic.DETAILS,
        help=" ".join(f"{method.label}: {method.help}" for method in methods),
        options=tuple(Option(method.key, method.label) for method in methods),
        ticket=InTicket.NONE,
    )


def credential(
    key: str,
    label: str,
    help: str,
    *,
    secret: bool = True,
    multiline: bool = False,
    optional: bool = False,
    required: Condition = ALWAYS,
) -> Item:
    """One line of what a connection to an HR system needs: the customer's, encrypted, never in the ticket."""
    return Item(
        key=key,
        label=label,
        kind=ItemKind.SECRET if secret else ItemKind.TEXT,
        owner=Owner.CUSTOMER,
        topic=Topic.DETAILS,
        help=help,
        required=NEVER if optional else required,
        ticket=InTicket.NONE,
        multiline=multiline,
    )
