"""What is shown: attribute by attribute, where it comes from and by which steps, with a real person beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from integrations.engine import problems
from integrations.engine.filtering import Filter
from integrations.engine.mapping import Origin, Spec
from integrations.engine.pipeline import filter_fields as fields_for_filter
from integrations.engine.policy import NoAddress, Policy
from integrations.engine.rules import Rules, undeclined
from integrations.engine.transforms import CASES as CASE_NAMES
from integrations.engine.transforms import DATES, Do
from integrations.forms_mapping import MappingForm
from integrations.forms_setup import PolicyForm
from integrations.models import Draft, SetupStep
from integrations.people import ATTRIBUTES, plain
from integrations.services import drafts, previews
from integrations.services.drafts import DraftRefused
from integrations.services.previews import Seen
from integrations.services.wording import day_words, field_label
from integrations.views.rule_words import no_groups_line
from integrations.views.setup_frame import goes_to, open_draft_of, page, refused, source_fields, version_of
from integrations.views.setup_keys import Sight, sight_of
from integrations.views.setup_words import CASES, DOES, PARTS, WHENS
from integrations.views.shared import DeskRequest


@dataclass(frozen=True, slots=True)
class Shown:
    """One attribute of a real person: what came, what each step made of it, what the directory will show."""

    label: str
    came: tuple[tuple[str, str], ...]
    steps: tuple[tuple[str, str], ...]
    result: str


def map_step(request: DeskRequest, draft: Draft) -> HttpResponse:
    sight = sight_of(request, draft)
    counts = _counts(sight)
    allowed = source_fields(draft, counts)
    if request.method != "POST":
        return _page(request, draft, _stored(draft, allowed), _policy_form(draft), sight, counts)
    form = _posted(draft, request.POST, allowed)
    policy_form = _policy_form(draft, request.POST)
    if (do := request.POST.get("do", "save")) != "save":
        form.edit(do)
        return _page(request, draft, form, policy_form, sight, counts)
    if all((form.is_valid(), policy_form.is_valid())):
        try:
            drafts.save_mapping(
                draft,
                form.data,
                policy_form.data_to_store,
                by=request.user,
                expected_version=version_of(request),
            )
        except DraftRefused as error:
            refused(request, error)
            draft.refresh_from_db(fields=["version"])
        else:
            return goes_to(draft, SetupStep.PLAN)
    return _page(request, draft, form, policy_form, sight, counts, status=422)


def _page(
    request: DeskRequest,
    draft: Draft,
    form: MappingForm,
    policy_form: PolicyForm,
    sight: Sight | None,
    counts: Mapping[str, int],
    *,
    status: int = 200,
) -> HttpResponse:
    ready = bool(sight and sight.is_ready)
    read = sight.preview.people if sight and ready else 0
    context = {
        "form": form,
        "policy_form": policy_form,
        "rows": [(row, _never_sent(row.sources, counts) if ready and read else []) for row in form.rows],
        "fields": [
            (name, field_label(name), counts.get(name, 0) if ready else None)
            for name in sorted(form.allowed, key=field_label)
        ],
        "does": [(do.value, _(DOES[do])) for do in Do],
        "cases": [(name, _(CASES[name])) for name in CASE_NAMES],
        "dates": DATES,
        "parts": [(value, _(label)) for value, label in PARTS.items()],
        "whens": [(when.value, _(label)) for when, label in WHENS.items()],
        "sight": sight,
        "people": read,
        "no_groups": _no_groups(form, policy_form),
    }
    return page(request, draft, SetupStep.MAP, context, status=status)


def _never_sent(sources: list[str], counts: Mapping[str, int]) -> list[str]:
    return [field_label(name) for name in sources if name and not counts.get(name)]


def _stored(draft: Draft, allowed: Collection[str]) -> MappingForm:
    return MappingForm.of(_as_it_works(draft, draft.mapping), _as_it_works(draft, {}), allowed)


def _posted(draft: Draft, given: QueryDict, allowed: Collection[str]) -> MappingForm:
    """Against the card without what was declined: else it would be stored as "from nothing", for ever."""
    return MappingForm.posted(given, _as_it_works(draft, {}), allowed)


def _as_it_works(draft: Draft, mapping: Mapping[str, Spec]) -> dict[str, Spec]:
    """A declined field is not offered, and so not shown as a source either."""
    specs = {**draft.connection.provider.mapping, **mapping}
    origins = {name: Origin.of(name, undeclined(spec, draft.declined)) for name, spec in specs.items()}
    return {name: "" if origin.is_empty else origin.as_data() for name, origin in origins.items()}


def _no_groups(form: MappingForm, policy_form: PolicyForm) -> str:
    """That groups are made from an attribute that comes from nothing, as it is typed; "" where all is well."""
    chosen = policy_form["group_by"].value()
    return no_groups_line(
        next((row.attribute for row in form.rows if row.attribute == chosen and row.is_empty), "")
    )


def _policy_form(draft: Draft, post: QueryDict | None = None) -> PolicyForm:
    card = draft.connection.provider
    base = Policy.from_data(card.policy)
    return PolicyForm(draft.rules.policy, base, by_event=card.events is not None, data=post)


# --- a real person ---------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def setup_person(request: DeskRequest, public_id: UUID) -> HttpResponse:
    """One person of those who come in: what the HR system sends and what the directory will show, step by step."""
    connection, draft = open_draft_of(request, public_id)
    if draft is None:
        return redirect("setup", connection.public_id)
    given = request.POST if request.method == "POST" else request.GET
    sight = sight_of(request, draft)
    context: dict[str, Any] = {"connection": connection, "company": connection.company, "sight": sight}
    if sight and sight.is_ready:
        form = _mapping_of(draft, given, sight)
        context["no_groups"] = _no_groups(form, _policy_form(draft, given if "group_by" in given else None))
        context |= _person(draft, form, given, sight) if form.is_valid() else {"unfinished": form.troubles}
    return render(
        request,
        "integrations/setup/_person.html" if request.htmx else "integrations/setup/person.html",
        context,
    )


def _mapping_of(draft: Draft, given: QueryDict, sight: Sight) -> MappingForm:
    """As it is typed; as it is stored when nothing was sent."""
    allowed = source_fields(draft, _counts(sight))
    return _posted(draft, given, allowed) if "map-email-from-0" in given else _stored(draft, allowed)


def _person(draft: Draft, form: MappingForm, given: QueryDict, sight: Sight) -> dict[str, Any]:
    number, query = _number(given), plain(given.get("who", "")[:100])
    inside = [
        seen for seen in previews.people(sight.preview, sight.keys) if _comes_in(seen, draft.rules.filter)
    ]
    if query:
        inside = [seen for seen in inside if query in plain(f"{seen.name} {' '.join(seen.fields.values())}")]
    if not inside:
        return {"nobody": True, "query": given.get("who", "")[:100]}
    number %= len(inside)
    seen = inside[number]
    rules = _rules(draft, form, given)
    mapped = rules.mapping.apply(seen.person)
    final = mapped.attributes or {}
    keys = {seen.fields.get("manager_id", ""), final.get("manager_id", "")} - {""}
    names = previews.names(sight.preview, sight.keys, keys) if keys else {}
    return {
        "seen": seen,
        "name": seen.name,
        "number": number,
        "position": number + 1,
        "of": len(inside),
        "query": given.get("who", "")[:100],
        "shown": [
            _shown(origin, seen, final.get(origin.attribute, ""), names) for origin in rules.mapping.origins
        ],
        "skipped": None if mapped.attributes is not None else problems.words(mapped.problems[0].code),
        "shortened": [
            _(ATTRIBUTES.get(one.field, one.field)) for one in mapped.problems if mapped.attributes
        ],
    }


def _comes_in(seen: Seen, chosen: Filter) -> bool:
    if not seen.status.works_here:
        return False
    return chosen.judge(fields_for_filter(seen.person, has_event=seen.has_event)).inside


def _rules(draft: Draft, form: MappingForm, given: QueryDict) -> Rules:
    policy = {**draft.connection.provider.policy, **draft.policy}
    if given.get("no_address") in [one.value for one in NoAddress]:
        policy["no_address"] = given["no_address"]
    return Rules.of(form.card, mapping=form.data, policy=policy, declined=draft.declined)


def _shown(origin: Origin, seen: Seen, result: str, names: Mapping[str, str]) -> Shown:
    """`names` are of managers, who are sent and kept as keys."""
    values: Any = [seen.fields.get(name, "") for name in origin.fields]
    came = tuple(
        (field_label(name), _shown_value(name, value, names))
        for name, value in zip(origin.fields, values, strict=True)
    )
    steps = []
    for step in origin.steps:
        values = step.ready()(values)
        steps.append((_(DOES[step.do]), ", ".join(day_words(value) for value in values if value)))
    shown = _shown_value(origin.attribute, result, names)
    return Shown(_(ATTRIBUTES[origin.attribute]), came, tuple(steps), shown)


def _shown_value(name: str, value: str, names: Mapping[str, str]) -> str:
    return names.get(value, value) if name == "manager_id" else day_words(value)


def _number(given: QueryDict) -> int:
    """Which person: where one was, and one to the side."""
    text = given.get("number", "0")
    number = int(text) if text.isdecimal() and len(text) < 9 else 0
    return number + {"next": 1, "previous": -1}.get(given.get("go", ""), 0)


def _counts(sight: Sight | None) -> dict[str, int]:
    return {one.name: one.count for one in previews.fields(sight.preview)} if sight and sight.is_ready else {}
