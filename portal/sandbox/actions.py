"""What the buttons of the control page do, and the same for tests as JSON."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from portal.sandbox import summaries as data
from portal.sandbox import webhooks
from portal.sandbox.vendors import adf, jira_issues
from portal.sandbox.world import World

Given = Mapping[str, Any]
Done = tuple[dict[str, Any], str]  # what JSON callers get, and the page that a browser goes to


class Refused(ValueError):
    """The action cannot be done; the text says why."""


def hire(world: World, given: Given) -> Done:
    """A new person; `starts_in_days` makes a future hire."""
    person = world.hire(starts_in_days=_number(given, "starts_in_days", 0))
    return _person(world, person.index)


def rename(world: World, given: Given) -> Done:
    """`index`, `first`, `last`."""
    first, last = str(given.get("first", "")).strip(), str(given.get("last", "")).strip()
    if not first or not last:
        raise Refused("Both names are needed.")
    return _person(world, world.rename(_index(world, given), first, last).index)


def move(world: World, given: Given) -> Done:
    """`index`, `department`."""
    try:
        return _person(world, world.move(_index(world, given), str(given.get("department", ""))).index)
    except LookupError as error:
        raise Refused(str(error)) from error


def let_go(world: World, given: Given) -> Done:
    """`index`, and `in_days` for an end in the future."""
    return _person(world, world.let_go(_index(world, given), in_days=_number(given, "in_days", 0)).index)


def rehire(world: World, given: Given) -> Done:
    """`index`."""
    return _person(world, world.rehire(_index(world, given)).index)


def fault(world: World, given: Given) -> Done:
    """`vendor`, `kind`, and optionally the other fields of a fault."""
    options: dict[str, Any] = {name: given[name] for name in ("path", "method") if given.get(name)}
    if given.get("times"):
        options["times"] = _number(given, "times", 1)
    if given.get("retry_after"):
        options["retry_after"] = _number(given, "retry_after", 2)
    if given.get("seconds"):
        options["seconds"] = float(given["seconds"])
    try:
        made = world.fault(
            str(given["vendor"]), str(given["kind"]), as_date=bool(given.get("as_date")), **options
        )
    except (KeyError, ValueError) as error:
        raise Refused(f"Choose a vendor and a kind of fault ({error}).") from error
    return {"fault": data.fault(made)}, "/faults"


def clear_faults(world: World, given: Given) -> Done:
    """All of them."""
    world.clear_faults()
    return {"cleared": True}, "/faults"


def move_issue(world: World, given: Given) -> Done:
    """`key`, `status`: as somebody in Jira would."""
    key, status = str(given.get("key", "")), str(given.get("status", ""))
    with world.lock:
        if key not in world.issues or status not in jira_issues.STATUSES:
            raise Refused("There is no such issue or status.")
        issue = world.issues[key]
        change = webhooks.status_change(issue["status"], status)
        jira_issues.move(issue, status, world.clock())
        world.save()
    world.tell(webhooks.issue_updated(issue, world.milliseconds, changes=[change]))
    return {"issue": data.issue(world, key)}, f"/jira/browse/{key}"


def comment(world: World, given: Given) -> Done:
    """`key`, `text`: a developer writes in Jira."""
    key, text = str(given.get("key", "")), str(given.get("text", "")).strip()
    with world.lock:
        issue = world.issues.get(key)
        if issue is None or not text:
            raise Refused("There is no such issue, or no text.")
        said = {
            "id": str(10_001 + sum(len(known["comments"]) for known in world.issues.values())),
            "body": adf.from_text(text),
            "properties": [],
            "author": jira_issues.somebody(),
            "created": world.clock().isoformat(),
        }
        issue["comments"].append(said)
        issue["updated"] = world.clock().isoformat()
        world.save()
    world.tell(webhooks.comment_created(issue, said, world.milliseconds))
    return {"comment": said["id"]}, f"/jira/browse/{key}"


def index_lag(world: World, given: Given) -> Done:
    """`seconds` until a new issue is found by JQL."""
    world.knobs.jira_index_lag = float(_number(given, "seconds", 0))
    return {"seconds": world.knobs.jira_index_lag}, "/faults"


def expire_tokens(world: World, given: Given) -> Done:
    """`vendor`: no token issued so far is good any more."""
    world.expire_tokens(str(given.get("vendor", "")))
    return {"expired": True}, "/faults"


def reset(world: World, given: Given) -> Done:
    """Back to the first day."""
    world.reset()
    return {"reset": True}, "/"


ACTIONS: Final[dict[str, Callable[[World, Given], Done]]] = {
    action.__name__: action
    for action in (
        *(hire, rename, move, let_go, rehire, fault, clear_faults, move_issue),
        *(comment, index_lag, expire_tokens, reset),
    )
}


def _person(world: World, index: int) -> Done:
    person = data.person(world, index)
    return {"person": person}, f"/?q={person['employee_number']}"


def _index(world: World, given: Given) -> int:
    index = _number(given, "index", -1)
    if not 0 <= index < world.staff.count:
        raise Refused("There is no such person.")
    return index


def _number(given: Given, name: str, default: int) -> int:
    try:
        return int(given.get(name) or default)
    except (TypeError, ValueError) as error:
        raise Refused(f"{name} must be a whole number.") from error
