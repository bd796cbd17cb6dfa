"""Why a record could not be handled: stable codes, and what each means to whoever reads the run's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from integrations.engine.saying import say


@dataclass(frozen=True, slots=True)
class Found:
    """One problem of one record. `shape` tells the value's form, never the value."""

    code: str
    source_id: str = ""
    person_name: str = ""
    field: str = ""
    shape: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """`title` is a heading, `meaning` and `remedy` are sentences."""

    title: str
    meaning: str
    remedy: str


MISSING_ID = "missing_id"
UNUSABLE_ID = "unusable_id"
DUPLICATE_ID = "duplicate_id"
MISSING_WORK_EMAIL = "missing_work_email"
MISSING_EMAIL = "missing_email"
INVALID_EMAIL = "invalid_email"
SHORTENED = "shortened"
DUPLICATE_EMAIL = "duplicate_email"
OWNED_ELSEWHERE = "owned_elsewhere"
AMBIGUOUS_MATCH = "ambiguous_match"
MANAGER_UNKNOWN = "manager_unknown"
FIELD_NEVER_SENT = "field_never_sent"
EVENT_UNREADABLE = "event_unreadable"
FEW_EVENTS = "few_events"

# Everything else is about somebody in particular.
NOT_ABOUT_PEOPLE = frozenset({FIELD_NEVER_SENT, EVENT_UNREADABLE, FEW_EVENTS})
# With these nobody was skipped: whoever it is about is as they should be, but for one value.
REMARKS = frozenset({SHORTENED, MANAGER_UNKNOWN, FIELD_NEVER_SENT, FEW_EVENTS})
# Records with these codes could be read; whatever else a source brings along is about those that could not.
READ = REMARKS | {
    *(DUPLICATE_ID, MISSING_WORK_EMAIL, MISSING_EMAIL, INVALID_EMAIL),
    *(DUPLICATE_EMAIL, OWNED_ELSEWHERE, AMBIGUOUS_MATCH),
}
# Records with these codes cannot be told apart from anybody who is missing in the answer.
UNIDENTIFIED = frozenset({MISSING_ID, UNUSABLE_ID})

_KEPT = "Somebody who is in the directory already stays there as they are."

CODES: Mapping[str, Words] = MappingProxyType(
    {
        MISSING_ID: Words(
            "No id",
            "The HR system sent a person without the id that it should give everybody.",
            "Ask the HR system's support why the id is missing. Until then nobody is taken as having left.",
        ),
        UNUSABLE_ID: Words(
            "Id cannot be used",
            "The id is longer than 100 characters or holds characters that no id has.",
            "Check the record in the HR system. Until then nobody is taken as having left.",
        ),
        DUPLICATE_ID: Words(
            "Sent twice",
            "Two records of this run have the same id. The first one was used.",
            "If it happens in every run, look for the doubled record in the HR system.",
        ),
        MISSING_WORK_EMAIL: Words(
            "No work e-mail",
            f"The person has no work e-mail address and was skipped. {_KEPT}",
            "Enter the work e-mail address in the HR system; the next run picks it up.",
        ),
        MISSING_EMAIL: Words(
            "No e-mail",
            f"The field that is used as the e-mail address is empty and the person was skipped. {_KEPT}",
            "Fill the field in the HR system, or choose another one for the e-mail address.",
        ),
        INVALID_EMAIL: Words(
            "E-mail address is none",
            f"What stands in the e-mail field is not an e-mail address and the person was skipped. {_KEPT}",
            "Correct the address in the HR system; the next run picks it up.",
        ),
        SHORTENED: Words(
            "Value was shortened",
            "A value is longer than the directory can hold. Its beginning was kept.",
            "Shorten it in the HR system if the rest matters.",
        ),
        DUPLICATE_EMAIL: Words(
            "Two people, one e-mail address",
            f"Somebody else in this run or in the directory has the same address, so the person was skipped. {_KEPT}",
            "Give each person an address of their own in the HR system.",
        ),
        OWNED_ELSEWHERE: Words(
            "Belongs to another connection",
            "Another connection of this company already looks after the person with this address.",
            "Let the filters of the two connections not overlap, so that each person belongs to one.",
        ),
        AMBIGUOUS_MATCH: Words(
            "More than one match",
            "Several people who were there before could be this person, so nobody was taken over.",
            "Decide on the run's page who it is, or that it is somebody new.",
        ),
        MANAGER_UNKNOWN: Words(
            "Manager is not here",
            "The manager is not among the people of this connection; the person came in without one.",
            "Let the filter include the manager, if the manager should be shown.",
        ),
        FIELD_NEVER_SENT: Words(
            "Field never arrives",
            "An attribute is mapped to a field that no record has. It stays as it is in the directory, or empty.",
            "Check whether the HR system may hand the field out, or map another field.",
        ),
        EVENT_UNREADABLE: Words(
            "Event cannot be read",
            "An event or an assignment is not as this HR system usually sends it. It was left out.",
            "Check the event in the HR system.",
        ),
        FEW_EVENTS: Words(
            "Far fewer events than before",
            "Less than half is left of those who were assigned to events. Nobody was taken out of a group.",
            "If it is right, make a plan, look at it, and confirm its number.",
        ),
        "unknown_status": Words(
            "Unknown status",
            f"The HR system uses a word for the employment status that we do not know. {_KEPT}",
            "Tell us what the status means, so that we can add it.",
        ),
        "too_long": Words(
            "Value far too long",
            f"A field holds more than any directory could show, so the record was not read. {_KEPT}",
            "Check the field in the HR system.",
        ),
        "wrong_type": Words(
            "Field has another form",
            f"A field came in a form that this HR system did not use so far. {_KEPT}",
            "Tell us: the HR system may have changed, or the field was customised.",
        ),
        "bad_date": Words(
            "Date is none",
            f"A date field holds something else, so the record was not read. {_KEPT}",
            "Correct the date in the HR system.",
        ),
        "unreadable_field": Words(
            "Record cannot be read",
            f"The record is not as this HR system usually sends it. {_KEPT}",
            "Check the record in the HR system, and tell us if it looks right there.",
        ),
    }
)


# What a shape may be besides "12 characters" and "text aaa-99".
_FORMS = {
    str(form): form
    for form in (
        say("yes or no"),
        say("number"),
        say("list"),
        say("object"),
        say("nothing"),
        say("other"),
        say("a word"),
    )
}


def shape_told(shape: str) -> str:
    """A shape, stored in English, for `in_words`: the letters and digits of a text stay as they are."""
    first, _, rest = shape.partition(" ")
    if rest == "characters" and first.isdecimal():
        return say("%(number)s characters", number=first)
    if first == "text" and rest:
        return say("text %(letters)s", letters=rest)
    return _FORMS.get(shape, shape)


def words(code: str) -> Words:
    """Codes that a card brought along and nobody described share the general words."""
    return CODES.get(code) or CODES["unreadable_field"]
