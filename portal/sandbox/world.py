"""Everything the sandbox knows and everything that can be done to it; one lock, one optional state file."""

import json
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from portal.kit.clock import Clock, now
from portal.sandbox.accounts import Account, demo_accounts
from portal.sandbox.company import Company, Person
from portal.sandbox.faults import Dropped, Fault
from portal.sandbox.staff import Population, Staff

Result = TypeVar("Result")


class RequestLine(NamedTuple):
    """One request as the log keeps it: no query, no header, no body. Status 0: closed without an answer."""

    host: str
    method: str
    path: str
    status: int


@dataclass(frozen=True, slots=True)
class Mail:
    """One received message. `at` is an ISO instant."""

    number: int
    at: str
    sender: str
    to: list[str]
    subject: str
    text: str
    html: str = ""


@dataclass(slots=True)
class Knobs:
    """Behaviour that is a setting rather than a fault."""

    jira_index_lag: float = 0.0  # seconds until a new issue is found by JQL
    jira_upload_limit: int = 10 * 1024 * 1024
    salesforce_page_size: int = 2_000
    personio_hidden: frozenset[str] = frozenset()  # attributes that the credential may not read
    tokens_not_before: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """One slice of a population as a vendor sees it, any fault already applied."""

    people: list[Person]
    total: int
    more: bool


class World:
    """The state behind all stand-ins. Every public method may be called from any thread."""

    def __init__(
        self,
        size: int = 250,
        seed: int = 1,
        state_file: Path | None = None,
        *,
        missing_work_email: float = 0.0,
        clock: Clock = now,
    ) -> None:
        self.company = Company(size, seed, missing_work_email)
        self.clock = clock
        self.lock = threading.RLock()
        self.requests: deque[RequestLine] = deque(maxlen=500)
        self.tell: Callable[[dict[str, Any]], None] = lambda payload: (
            None
        )  # who hears of events; the server sets it
        self._state_file = state_file
        self._clear()
        if state_file is not None and state_file.exists():
            self._load(json.loads(state_file.read_text(encoding="utf-8")))

    # People

    @property
    def today(self) -> date:
        """The company's current day, in UTC."""
        return self.clock().date()

    @property
    def milliseconds(self) -> int:
        """Now, as events have it."""
        return int(self.clock().timestamp() * 1000)

    def person(self, index: int) -> Person:
        """One person as of today. Raises LookupError."""
        with self.lock:
            return self.staff.person(index, self.today)

    def people(self, population: Population = Population.EVERYONE) -> Iterator[Person]:
        """Every person of a population, one at a time."""
        today = self.today
        for index in self.indexes(population):
            yield self.staff.person(index, today)

    def indexes(self, population: Population) -> Sequence[int]:
        """The indexes of a population as of today (a sequence)."""
        with self.lock:
            return self.staff.indexes(population, self.today)

    def hire(self, *, starts_in_days: int = 0) -> Person:
        """A new person; with days ahead, a future hire."""
        start = self.today + timedelta(days=starts_in_days)
        return self._changed(lambda: self.person(self.staff.hire(self.today, starts_on=start)))

    def rename(self, index: int, first: str, last: str) -> Person:
        """Change the legal name; the addresses stay, as they do in real life, and a nickname goes."""
        return self._edit(index, first_name=first, last_name=last, preferred_name="")

    def move(self, index: int, department: str) -> Person:
        """Put a person into another department. Raises LookupError for an unknown one."""
        return self._edit(index, department=department)

    def let_go(self, index: int, *, in_days: int = 0) -> Person:
        """End the employment today, or in some days (until then the person is still active)."""
        return self._edit(index, terminated_on=(self.today + timedelta(days=in_days)).isoformat())

    def rehire(self, index: int) -> Person:
        """Take somebody back as of today; every id stays the same."""
        return self._edit(index, terminated_on="", rehired_on=self.today.isoformat())

    def page(self, population: Population, offset: int, limit: int, *, fault: Fault | None = None) -> Page:
        """People from `offset`, at most `limit`. The content faults act here."""
        kind = fault.kind if fault else ""
        members = self.indexes(population)
        total = {"empty": 0, "half": len(members) // 2}.get(kind, len(members))
        if kind == "same_page":
            people = [self.person(index) for index in members[:limit]]
            return Page(people, total=max(total, offset + 2 * limit), more=True)
        if offset and kind == "break_off":
            raise Dropped(kind)
        if offset and kind == "empty_second":
            return Page([], total=total, more=True)
        stop = min(offset + limit, total)
        people = [self.person(index) for index in members[offset:stop]]
        return Page(people, total=total + limit if kind == "too_few" else total, more=stop < total)

    # Faults

    def fault(self, vendor: str, kind: str, **options: Any) -> Fault:
        """Switch a fault on, replacing the vendor's earlier one. Options are the fields of `Fault`."""
        fault = Fault(vendor, kind, **options)
        self._changed(lambda: self.faults.update({vendor: fault}))
        return fault

    def clear_faults(self) -> None:
        """Switch every fault off."""
        self._changed(self.faults.clear)

    def take_fault(self, vendor: str, method: str, path: str, *, sign_in: bool) -> Fault | None:
        """The fault that hits this request, counting it off."""
        with self.lock:
            fault = self.faults.get(vendor)
            if fault is None or not fault.hits(method, path, sign_in=sign_in):
                return None
            if fault.times is not None:
                self._count_off(fault)
            return fault

    # Everything else

    def expire_tokens(self, vendor: str) -> None:
        """From now on no token issued so far is accepted by this vendor."""
        with self.lock:
            self.knobs.tokens_not_before[vendor] = self.clock().timestamp()

    def deliver(self, *, sender: str, to: list[str], subject: str, text: str, html: str = "") -> Mail:
        """Put a message into the mailbox."""
        with self.lock:
            mail = Mail(len(self.mails) + 1, self.clock().isoformat(), sender, to, subject, text, html)
            self.mails.append(mail)
            self.save()
            return mail

    def reset(self) -> None:
        """Back to the first day: people, issues, mails, faults, knobs and the request log."""
        with self.lock:
            self._clear()
            self.requests.clear()
            self.save()

    def save(self) -> None:
        """Write the state file, if there is one; a reader sees the old or the new state, never half."""
        if self._state_file is None:
            return
        with self.lock:
            self._state_file.parent.mkdir(parents=True, exist_ok=True)
            draft = self._state_file.with_suffix(f".{os.getpid()}.tmp")
            draft.write_text(json.dumps(self._dump(), ensure_ascii=False), encoding="utf-8")
            draft.replace(self._state_file)

    def _clear(self) -> None:
        self.staff = Staff(self.company)
        self.faults: dict[str, Fault] = {}
        self.knobs = Knobs()
        self.mails: list[Mail] = []
        # Issue key -> issue, as vendors/jira.py keeps it; plain JSON throughout.
        self.issues: dict[str, dict[str, Any]] = {}
        self.accounts: list[Account] = demo_accounts()

    def _edit(self, index: int, **changes: str) -> Person:
        def change() -> Person:
            self.staff.edit(index, self.today, **changes)
            return self.person(index)

        return self._changed(change)

    def _changed(self, change: Callable[[], Result]) -> Result:
        with self.lock:
            result = change()
            self.save()
            return result

    def _count_off(self, fault: Fault) -> None:
        left = (fault.times or 0) - 1
        if left > 0:
            self.faults[fault.vendor] = Fault(**{**asdict(fault), "times": left})
        else:
            del self.faults[fault.vendor]

    def _dump(self) -> dict[str, Any]:
        return {
            "size": self.company.size,
            "seed": self.company.seed,
            "edits": {str(index): edit for index, edit in self.staff.edits.items()},
            "hired": self.staff.hired,
            "faults": [asdict(fault) for fault in self.faults.values()],
            "mails": [asdict(mail) for mail in self.mails],
            "issues": self.issues,
        }

    def _load(self, state: dict[str, Any]) -> None:
        self.issues = state["issues"]
        self.mails = [Mail(**mail) for mail in state["mails"]]
        self.faults = {fault["vendor"]: Fault(**fault) for fault in state["faults"]}
        # Edits name people by index, which mean somebody else in a company of another size or seed.
        if (state["size"], state["seed"]) == (self.company.size, self.company.seed):
            edits = {int(index): edit for index, edit in state["edits"].items()}
            self.staff = Staff(self.company, edits, state["hired"])
