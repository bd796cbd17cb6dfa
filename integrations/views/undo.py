"""Undoing a run: what would happen to whom, what is left alone and why, and the number that confirms it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from integrations.engine.undoing import Back, Because, Conflict, Does, UndoPlan
from integrations.forms_decisions import NumberForm
from integrations.models import DirectoryPerson, Group, Run
from integrations.people import ATTRIBUTES
from integrations.permissions import POLICY
from integrations.services import undo
from integrations.services.reversing import Touched, way_back
from integrations.services.starts import open_run
from integrations.services.wording import day_words
from integrations.views import words
from integrations.views.shared import DeskRequest, people_by_key, run_of
from portal.accounts.policy import POST
from portal.kit.errors import NeedsPerson

PER_PAGE = 25
_DOES = {
    Does.DEACTIVATE: (gettext_lazy("Deactivated"), "bad"),
    Does.REACTIVATE: (gettext_lazy("Active again"), "good"),
    Does.RESTORE: (gettext_lazy("As before"), "info"),
    Does.HAND_BACK: (gettext_lazy("Handed back"), "purple"),
    Does.REGROUP: (gettext_lazy("Groups only"), "info"),
}
_BECAUSE = {
    Because.GONE: gettext_lazy("They are no longer here, or another connection looks after them."),
    Because.PROTECTED: gettext_lazy("They are protected since."),
    Because.SINCE: gettext_lazy("They have left or come back since."),
    Because.VALUE: gettext_lazy("It was changed since."),
    Because.ADDRESS: gettext_lazy("Somebody else has this e-mail address by now."),
    Because.TAKEN: gettext_lazy("The connection that they came from cannot take them back."),
}


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """With a `label` it is that attribute alone; `has` and `wants` are its values."""

    name: str
    because: str
    label: str
    has: str
    wants: str


@dataclass(frozen=True, slots=True)
class Row:
    """One person of the plan, in words. `joins` and `leaves` are names of groups."""

    name: str
    person: DirectoryPerson | None
    label: str
    tone: str
    lines: tuple[words.Line, ...] = ()
    joins: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()


@require_http_methods(["GET", "HEAD", "POST"])
def run_undo(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """Another page of the lines for htmx, else the whole plan around the first one."""
    run = run_of(request.user, public_id)
    if (undoing := undo.undoing_of(run)) and undoing.is_open:
        return redirect("run_detail", undoing.public_id)
    if request.method != "POST" and request.htmx and not undo.refusal(run):
        return render(request, "integrations/_undo_lines.html", {"run": run, **_lines(request, run)})
    form = NumberForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            typed, digest = form.cleaned_data["typed"], request.POST.get("digest", "")
            undoing = undo.undo_run(run, typed=typed, digest=digest, by=request.user)
        except NeedsPerson as error:
            form.add_error("typed" if error.code == "wrong_number" else None, _(error.sentence))
        else:
            messages.success(request, _("The run is being undone. You can follow it here."))
            return redirect("run_detail", undoing.public_id)
    return render(
        request,
        "integrations/undo_plan.html",
        _context(request, run, form),
        status=422 if form.is_bound else 200,
    )


def _context(request: DeskRequest, run: Run, form: NumberForm) -> dict[str, Any]:
    why_not = undo.refusal(run)
    plan = None if why_not else undo.plan_undo(run)
    busy = open_run(run.connection)
    if plan:
        form.name_number(plan.affected)
    return {
        "run": run,
        "connection": run.connection,
        "title": words.run_title(run),
        "why_not": _(why_not) if why_not else "",
        "undone": undo.undoing_of(run),
        "until": undo.undo_until(run),
        "open_run": busy,
        "form": form,
        "may_undo": busy is None and POLICY["run_undo"].allows(POST, request.user),
        **(_plan(request, run, plan) if plan else {}),
    }


def _plan(request: DeskRequest, run: Run, plan: UndoPlan) -> dict[str, Any]:
    return {
        "plan": plan,
        "tiles": _tiles(plan),
        "conflicts": [_left_alone(one) for one in plan.conflicts],
        "more_conflicts": plan.left_alone - len(plan.conflicts),
        **(_lines(request, run) if plan.affected or plan.left_alone else {}),
    }


def _lines(request: DeskRequest, run: Run) -> dict[str, Any]:
    """One page of those whom the run touched. What becomes of them is worked out for this page alone."""
    touched = Touched(run)
    page = Paginator(range(len(touched)), PER_PAGE).get_page(request.GET.get("page"))
    shown = touched.part((page.number - 1) * PER_PAGE, PER_PAGE)
    ways = way_back(run, shown).ways
    people = people_by_key(run.connection, [one.source_id for one in shown])
    groups = _groups(line for line, _conflicts in ways if line)
    rows = [
        _row(one.name, people.get(one.source_id), line, conflicts, groups)
        for one, (line, conflicts) in zip(shown, ways, strict=True)
    ]
    return {"page": page, "rows": rows}


def _tiles(plan: UndoPlan) -> list[tuple[str, int, str]]:
    counts = Counter(plan.counts)
    back = counts[Does.RESTORE] + counts[Does.HAND_BACK] + counts[Does.REGROUP]
    return [
        (_("Deactivated"), counts[Does.DEACTIVATE], _("Their accounts are kept")),
        (_("Active again"), counts[Does.REACTIVATE], _("With their groups")),
        (_("As before"), back, _("Attributes, groups, owner")),
        (_("Left alone"), plan.left_alone, _("Explained below") if plan.left_alone else ""),
    ]


def _groups(lines: Iterable[Back]) -> Mapping[int, str]:
    keys = {key for line in lines for key in (*line.joins, *line.leaves)}
    return dict(Group.objects.filter(pk__in=keys).order_by().values_list("pk", "name")) if keys else {}


def _row(
    name: str,
    person: DirectoryPerson | None,
    line: Back | None,
    conflicts: tuple[Conflict, ...],
    groups: Mapping[int, str],
) -> Row:
    left_alone = tuple(_left_alone(one) for one in conflicts)
    if line is None:
        none = _("Left alone") if conflicts else _("Nothing to do")
        return Row(name, person, none, "neutral", left_alone=left_alone)
    label, tone = _DOES[line.does]
    return Row(
        name,
        person,
        str(label),
        tone,
        tuple(
            words.Line(_(ATTRIBUTES[attribute]), day_words(line.before.get(attribute, "")), day_words(value))
            for attribute, value in line.after.items()
        ),
        tuple(sorted(groups[key] for key in line.joins if key in groups)),
        tuple(sorted(groups[key] for key in line.leaves if key in groups)),
        left_alone,
    )


def _left_alone(one: Conflict) -> LeftAlone:
    label = _(ATTRIBUTES[one.attribute]) if one.attribute else ""
    has, wants = day_words(one.has), day_words(one.wants)
    return LeftAlone(one.name, str(_BECAUSE[one.because]), label, has, wants)
