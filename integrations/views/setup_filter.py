"""Who comes in: include and exclude rules, with a live list of who matches. Nothing is stored before it is confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from integrations.engine.filtering import Because, Filter, Op, Verdict
from integrations.forms_filter import FilterForm, Row
from integrations.models import Draft, SetupStep
from integrations.people import EVENT_FIELD, MANAGER, STATUS_FIELD
from integrations.services import drafts, previews
from integrations.services.drafts import DraftRefused
from integrations.services.previews import Seen
from integrations.services.wording import field_label
from integrations.views.rule_words import rule_words
from integrations.views.setup_frame import filter_fields, goes_to, open_draft_of, page, refused, version_of
from integrations.views.setup_keys import Sight, sight_of
from integrations.views.setup_words import STATUSES
from integrations.views.shared import DeskRequest

_SHOWN = 50  # people in each of both lists
_OFFERED = 200  # values of a field
_TICKED = 30  # values as boxes; more of them are typed, except for keys that nobody knows by heart


@dataclass(frozen=True, slots=True)
class Value:
    """One value that people have, with how many."""

    value: str
    label: str
    count: int
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
    """The values of a field with their numbers; `names` are what keys among them stand for."""

    values: Sequence[tuple[str, int]] = ()
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    name: str
    detail: str
    why: str


def filter_step(request: DeskRequest, draft: Draft) -> HttpResponse:
    sight = sight_of(request, draft)
    counts = _counts(sight)
    allowed = filter_fields(draft, counts)
    if request.method != "POST":
        return _page(request, draft, FilterForm.of(draft.filter, allowed), sight, counts)
    form = FilterForm.posted(request.POST, allowed)
    if (do := request.POST.get("do", "save")) != "save":
        form.edit(do)
        return _page(request, draft, form, sight, counts)
    if form.is_valid():
        try:
            drafts.save_filter(draft, form.data, by=request.user, expected_version=version_of(request))
        except DraftRefused as error:
            refused(request, error)
            draft.refresh_from_db(fields=["version"])
        else:
            return goes_to(draft, SetupStep.MAP)
    return _page(request, draft, form, sight, counts, status=422)


def _page(
    request: DeskRequest,
    draft: Draft,
    form: FilterForm,
    sight: Sight | None,
    counts: dict[str, int],
    *,
    status: int = 200,
) -> HttpResponse:
    ready = sight if sight and sight.is_ready else None
    found: dict[str, Offered] = {}
    sides = {
        side: [[_clause(row, ready, found) for row in rule] for rule in rules]
        for side, rules in form.rules.items()
    }
    context = {
        "form": form,
        "include": sides["include"],
        "exclude": sides["exclude"],
        "fields": [
            (name, field_label(name), counts.get(name)) for name in sorted_by_use(form.allowed, counts)
        ],
        "ops": [(op.value, _(op.label)) for op in Op],
        "sight": sight,
        "people": sight.preview.people if ready and sight else 0,
    }
    return page(request, draft, SetupStep.FILTER, context, status=status)


def sorted_by_use(names: Iterable[str], counts: dict[str, int]) -> list[str]:
    """What everybody has comes first; what nobody has, last."""
    return sorted(names, key=lambda name: (-counts.get(name, 1), field_label(name)))


def _clause(row: Row, sight: Sight | None, found: dict[str, Offered]) -> dict[str, Any]:
    """A condition with the values that people have for its field, each field looked up once."""
    if row.field and row.operator.takes_value and row.field not in found:
        found[row.field] = _offered(row.field, sight) if sight else Offered()
    return {"row": row, **control_of(row, found.get(row.field, Offered()))}


def _offered(field: str, sight: Sight) -> Offered:
    values = previews.options(sight.preview, sight.keys, field)[:_OFFERED]
    if field != MANAGER:
        return Offered(values)
    return Offered(values, previews.names(sight.preview, sight.keys, {value for value, _count in values}))


def control_of(row: Row, found: Offered) -> dict[str, Any]:
    """How the value is entered: not at all, as a date, by ticking, line by line, or as text with suggestions."""
    labels, offered = {**found.names, **_labels(row.field)}, found.values
    if row.field in (STATUS_FIELD, EVENT_FIELD) and not offered:
        offered = [(value, 0) for value in labels]
    values = [
        Value(value, labels.get(value, value), count, _chosen(value, row.values)) for value, count in offered
    ]
    # Nobody knows the keys by heart. Where there are more people than are offered, a key can still be typed.
    by_name = bool(found.names) and row.operator in (Op.IS, Op.IS_NOT) and len(offered) < _OFFERED
    if not row.operator.takes_value:
        kind = "none"
    elif row.takes_date:
        kind = "date"
    elif row.operator is Op.ONE_OF and 0 < len(values) <= (_OFFERED if found.names else _TICKED):
        kind = "ticks"
    elif row.operator is Op.ONE_OF:
        kind = "lines"
    elif row.field in (STATUS_FIELD, EVENT_FIELD) or by_name:
        kind = "select"
    else:
        kind = "text"
    if kind in ("ticks", "select"):
        values = _chosen_first(values, row.values)
    return {"kind": kind, "values": values}


def _chosen_first(offered: Sequence[Value], chosen: Sequence[str]) -> list[Value]:
    """What is chosen is never out of sight below hundreds of others, and never lost where nobody has it."""
    known = {one.value.casefold() for one in offered}
    others = [Value(one, one, 0, True) for one in chosen if one.casefold() not in known]
    return [*others, *sorted(offered, key=lambda one: not one.is_chosen)]


def _chosen(value: str, typed: list[str]) -> bool:
    return value.casefold() in {one.casefold() for one in typed}


def _labels(field: str) -> dict[str, str]:
    if field == STATUS_FIELD:
        return {value: _(label) for value, label in STATUSES.items()}
    return {"yes": _("Yes")} if field == EVENT_FIELD else {}


@require_safe
def setup_options(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """The control for a condition's value, as field and comparison ask for it, with values from the data."""
    connection, draft = open_draft_of(request, public_id)
    if draft is None:
        return redirect("setup", connection.public_id)
    name = request.GET.get("name", "")
    form = FilterForm.posted(request.GET, ())
    row = next((row for rules in form.rules.values() for rule in rules for row in rule), Row())
    if (request.htmx.trigger_name or "").endswith("-field"):
        row.values = []  # they are values of the field that was there before
    row.name = name if name.replace("-", "").isalnum() and len(name) < 20 else "include-0-0"
    sight = sight_of(request, draft)
    ready = sight if sight and sight.is_ready else None
    return render(request, "integrations/setup/_value.html", {"clause": _clause(row, ready, {})})


@require_POST
def setup_matches(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Who comes in by the rules as they are typed, who does not, and why. Nothing is saved."""
    connection, draft = open_draft_of(request, public_id)
    if draft is None:
        return redirect("setup", connection.public_id)
    sight = sight_of(request, draft)
    context: dict[str, Any] = {"connection": connection, "card": connection.provider, "sight": sight}
    if sight and sight.is_ready:
        form = FilterForm.posted(request.POST, filter_fields(draft, _counts(sight)))
        if form.is_valid():
            context |= _matching(sight, Filter.from_data(form.data))
        else:
            context["unfinished"] = True
    return render(request, "integrations/setup/_matches.html", context)


def _matching(sight: Sight, chosen: Filter) -> dict[str, Any]:
    found = previews.matching(sight.preview, sight.keys, chosen, limit=_SHOWN)
    managers = chosen.values_of(MANAGER)
    names = previews.names(sight.preview, sight.keys, managers) if managers else {}
    return {
        "inside": found.inside,
        "outside": found.outside,
        "total": found.inside + found.outside,
        "percent": found.inside * 100 // max(found.inside + found.outside, 1),
        "gone": found.gone,
        "contradicts": chosen.contradicts_itself,
        "inside_people": [_judged(one.seen, one.verdict, chosen, names) for one in found.inside_people],
        "outside_people": [_judged(one.seen, one.verdict, chosen, names) for one in found.outside_people],
    }


def _judged(seen: Seen, verdict: Verdict, chosen: Filter, names: Mapping[str, str]) -> Judged:
    number = verdict.rule if verdict.rule is not None else -1
    if verdict.because is Because.EXCLUDED:
        why = _("left out: %(rule)s") % {"rule": rule_words(chosen.exclude[number], names)}
    elif verdict.because is Because.NOT_INCLUDED:
        why = _("matches no rule")
    elif verdict.because is Because.INCLUDED:
        why = rule_words(chosen.include[number], names)
    else:
        why = ""
    details = [seen.fields.get(name, "") for name in ("department", "location")]
    return Judged(seen.name, " · ".join(filter(None, details)), why)


def _counts(sight: Sight | None) -> dict[str, int]:
    return {one.name: one.count for one in previews.fields(sight.preview)} if sight and sight.is_ready else {}
