"""What must not be applied without a person: objections as values, each with its sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MOST_REMOVALS = 5  # people
MOST_REMOVED_SHARE = 0.20
LEAST_ANSWERED_SHARE = 0.50
OTHER_SHARE = 0.50  # so many unknown and so many missing at the same time mean another organisation
TOO_MANY_REMOVALS = "too_many_removals"
LEAST_KNOWN = 5  # people; of fewer, a share says nothing
SHRUNKEN_ANSWER = "shrunken_answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the HR system sent. `people` are different ids, `unidentified` are records without one.

    `repeated` are records with an id that came before. `expected` is the vendor's own total, if it tells one.
    `before` is how many people the last complete list had, 0 where that does not matter.
    """

    complete: bool
    people: int
    unidentified: int = 0
    repeated: int = 0
    expected: int | None = None
    before: int = 0


@dataclass(frozen=True, slots=True)
class Effect:
    """What the run would do. `owned` are the active people of this connection.

    Of them `absent` are not in the answer, `terminated` are in it as having left, and `outside` no longer match the
    filter. `added` come in. `confirmed`: a person saw this very plan and confirmed the number of people.
    `new_credentials`: nobody has been read with them so far. `waiting` are removals that earlier runs held, of people who
    were not read now. `keeps`: whoever is missing stays by policy, so that the directory outgrows the list.
    """

    owned: int
    absent: int = 0
    terminated: int = 0
    outside: int = 0
    added: int = 0
    confirmed: bool = False
    new_credentials: bool = False
    waiting: int = 0
    keeps: bool = False

    @property
    def removals(self) -> int:
        return self.absent + self.terminated + self.outside


@dataclass(frozen=True, slots=True)
class Objection:
    """`stops` means that nobody is changed at all; else only the removals are held."""

    code: str
    words: str
    stops: bool


def objections(answer: Answer, effect: Effect) -> tuple[Objection, ...]:
    """All reasons not to apply the run as it is. One that stops everything is told alone."""
    if stopping := next(_stopping(answer, effect), None):
        return (stopping,)
    return tuple(_holding(answer, effect))


def _stopping(answer: Answer, effect: Effect) -> Iterator[Objection]:
    sent = answer.people + answer.unidentified
    if not sent:
        yield _stop("empty_answer", "The HR system answered with nobody at all. Nobody was changed.")
    if not answer.complete:
        yield _stop("incomplete_answer", "The HR system's list broke off before its end. Nobody was changed.")
    if answer.expected is not None and sent + answer.repeated < answer.expected:
        yield _stop(
            "total_not_reached",
            f"The HR system counts {_people(answer.expected)} but sent {sent:,}. Nobody was changed.",
        )
    if not effect.confirmed:
        yield from _shrunken(sent, answer, effect)
    if _is_another(answer, effect):
        yield _stop(
            "other_organisation",
            f"Most of the {_people(answer.people)} that the HR system sent are unknown here, and most of ours are not "
            "among them: these credentials seem to belong to another organisation. Nobody was changed.",
        )


def _shrunken(sent: int, answer: Answer, effect: Effect) -> Iterator[Objection]:
    """Companies do halve: then a person looks at the plan, and what they confirm by its number is done."""
    advice = (
        "Fewer than half is taken as a fault. Nobody was changed. "
        "If it is right, make a plan, look at it, and confirm its number."
    )
    if sent < effect.owned * LEAST_ANSWERED_SHARE and not (effect.keeps and answer.before):
        words = f"The HR system sent {_people(sent)}, and the directory has {effect.owned:,} from it."
        yield _stop(SHRUNKEN_ANSWER, f"{words} {advice}")
    # Where the filter lets few in, a list can lose most of them and still be longer than the directory.
    if sent < answer.before * LEAST_ANSWERED_SHARE:
        words = f"The HR system sent {_people(sent)}, and its last complete list had {answer.before:,}."
        yield _stop(SHRUNKEN_ANSWER, f"{words} {advice}")


def _is_another(answer: Answer, effect: Effect) -> bool:
    """Whether it is another organisation that answered. With new credentials that is asked of the smallest one too.

    There the filter may keep all the others out, so that nobody would be added.
    """
    most_are_gone = effect.absent > effect.owned * OTHER_SHARE
    if effect.new_credentials:
        return most_are_gone
    return effect.owned >= LEAST_KNOWN and most_are_gone and effect.added > answer.people * OTHER_SHARE


def _holding(answer: Answer, effect: Effect) -> Iterator[Objection]:
    if effect.absent and answer.unidentified:
        yield _hold(
            "unidentified_records",
            f"{_records(answer.unidentified)} came without a usable id, so nobody can tell who is missing.",
            effect,
        )
    if effect.absent and answer.expected is not None and answer.people < answer.expected and answer.repeated:
        yield _hold(
            "list_moved",
            f"{_records(answer.repeated)} came twice while the list was read, so others may be missing.",
            effect,
        )
    # Changes come in small parts: together with what waits they are as many as in one list.
    most = max(MOST_REMOVALS, effect.owned * MOST_REMOVED_SHARE)
    if effect.removals and effect.removals + effect.waiting > most and not effect.confirmed:
        too_many = f"{effect.removals:,} of {_people(effect.owned)} would be deactivated"
        if effect.waiting:
            too_many += f", besides {effect.waiting:,} about whom somebody has to decide"
        yield _hold(TOO_MANY_REMOVALS, f"{too_many}: too many to do unasked.", effect)


def _stop(code: str, words: str) -> Objection:
    return Objection(code, words, stops=True)


def _hold(code: str, reason: str, effect: Effect) -> Objection:
    kept = "1 person was" if effect.removals == 1 else f"{effect.removals:,} people were"
    return Objection(code, f"{reason} {kept} kept; everything else was applied.", stops=False)


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
