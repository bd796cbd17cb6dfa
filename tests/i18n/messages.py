"""The messages that a customer may read, and the German catalogue that translates them. Needs no GNU gettext.

`python -m tests.i18n` (`make translations`) brings portal/locale/de up to date and compiles it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from itertools import product
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from integrations import catalog as cards
from integrations.engine.filtering import Op
from integrations.engine.guard import Answer, Effect, objections
from integrations.engine.problems import CODES
from integrations.models import (
    ChangeKind,
    ConnectionState,
    HeldState,
    InvitationState,
    PersonState,
    Phase,
    Purpose,
    RunKind,
    RunOutcome,
    SetupStep,
)
from integrations.people import ATTRIBUTES, COMPUTED, FIELDS
from integrations.provider import Audience, Item, Owner, Provider, Step, Topic
from integrations.sources.blocking import NEVER_READ
from integrations.sources.oidc import Discovery
from integrations.sources.rest import RestSource
from portal.accounts.models import Role
from portal.kit.retold import templates
from requests_app.lifecycle import Stage

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "portal" / "locale" / "de" / "LC_MESSAGES"
PO, MO = FOLDER / "django.po", FOLDER / "django.mo"

# What a customer may read, as patterns of paths. Whatever is marked for translation must be in here
# (test_catalogue.py asserts it), so that a page cannot be marked and forgotten. Staff read English.
CUSTOMER_FACING = (
    "portal/accounts/*.py",
    "portal/notices/*.py",
    "portal/kit/certificates.py",
    "portal/kit/retold.py",
    "portal/templatetags/*.py",
    "portal/context.py",
    "portal/views.py",
    "requests_app/forms.py",
    "requests_app/models/*.py",
    "requests_app/services/*.py",
    "requests_app/views/*.py",
    "integrations/engine/*.py",
    "integrations/forms*.py",
    "integrations/services/*.py",
    "integrations/views/*.py",
    "templates/*.html",
    "templates/_partials/*.html",
    "templates/accounts/*.html",
    "templates/customer/*.html",
    "templates/emails/*.html",
    "templates/integrations/*.html",
    "templates/integrations/setup/*.html",
    "templates/portal/*.html",
    "templates/requests_app/*.html",
)
_ONE = frozenset({"_", "gettext", "gettext_lazy", "gettext_noop"})
_SAYING = re.compile(
    r"engine\.saying import|^class Said\b", re.MULTILINE
)  # elsewhere `say` is something else
_IN_CONTEXT = frozenset({"pgettext", "pgettext_lazy"})
_MANY = frozenset({"ngettext", "ngettext_lazy"})
_TEMPLATE_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}


def wanted() -> Catalog:
    """Every message of the customer's pages, mails and cards, without a translation."""
    found = Catalog(locale="de", domain="django", charset="utf-8", fuzzy=False)
    for path in customer_files():
        place = path.relative_to(ROOT).as_posix()
        for ids, context in marked_in(path):
            found.add(ids, locations=[(place, 0)], context=context)
    for text, place in data_texts():
        found.add(text, locations=[(place, 0)])
    return found


def customer_files() -> list[Path]:
    """The files of CUSTOMER_FACING, in a stable order."""
    return sorted({path for pattern in CUSTOMER_FACING for path in ROOT.glob(pattern)})


def marked_in(path: Path) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    """The ids (with their plural, where there is one) and contexts that a module or a template marks."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return _marked_in_code(source)
    # Indentation means nothing in a template and would end Python's tokenizer.
    lines = templatize(source, origin=str(path)).splitlines()
    text = BytesIO("\n".join(line.strip() for line in lines).encode())
    found = extract("python", text, keywords=_TEMPLATE_KEYWORDS)
    return ((ids, context) for _line, ids, _comments, context in found)


def _marked_in_code(source: str) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    """Calls with plain texts: `gettext(item.label)` marks nothing, its texts come from `data_texts`."""
    ones = _ONE | {"say"} if _SAYING.search(source) else _ONE
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        texts = [
            argument.value
            for argument in call.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
        if name in _IN_CONTEXT and len(texts) >= 2:
            yield texts[1], texts[0]
        elif name in ones and texts:
            yield texts[0], None
        elif name in _MANY and len(texts) >= 2:
            yield (texts[0], texts[1]), None


def data_texts() -> Iterator[tuple[str, str]]:
    """What is said by data, with the place that says it; pages translate it at display (`trans_card`)."""
    for slug, card in cards.load().items():
        for text in _said_by(card):
            yield text, f"integrations/providers/{slug}.py"
    for topic in Topic:
        yield topic.label, "integrations/provider.py"
    for label in (*ATTRIBUTES.values(), *FIELDS.values(), *COMPUTED.values()):
        yield label, "integrations/people.py"
    for words in CODES.values():
        for text in (words.title, words.meaning, words.remedy):
            yield text, "integrations/engine/problems.py"
    for text in objected():
        yield from ((template, "integrations/engine/guard.py") for template in templates(text))
    for operator in Op:
        yield operator.label, "integrations/engine/filtering.py"
    for phrase in NEVER_READ:
        yield phrase, "integrations/sources/blocking.py"
    states = (ConnectionState, PersonState, HeldState, InvitationState, Purpose, SetupStep)
    for choices in (*states, RunKind, RunOutcome, Phase, ChangeKind):
        for choice in choices:
            yield str(choice.label), "integrations/models"
    for stage in Stage:
        yield stage.label, "requests_app/lifecycle.py"
        yield stage.label.lower(), "requests_app/lifecycle.py"
    for role in Role:
        yield str(role.label), "portal/accounts/models.py"


def objected() -> Iterator[str]:
    """What the guard may say, of one and of several: runs store it in English, with its numbers."""
    few, several = (0, 1, 1_200), (1, 1_200, 9_000)
    for people, owned, absent, added in product((0, 1, 2_000), several, (0, 1, 1_100), few):
        for unidentified, repeated, expected in product(few, few, (None, 1, 90_000)):
            answer = Answer(True, people, unidentified, repeated, expected)
            effect = Effect(owned, absent=min(absent, owned), added=added)
            yield from (one.words for one in objections(answer, effect))
            yield from (one.words for one in objections(answer, replace(effect, waiting=2)))
    for answer in (Answer(False, 1), Answer(True, 1, before=9_000), Answer(True, 1_200, before=9_000)):
        yield from (one.words for one in objections(answer, Effect(1)))


def _said_by(card: Provider) -> Iterator[str]:
    for item in card.checklist:
        if item.owner is Owner.CUSTOMER and Audience.CUSTOMER in item.visible_to:
            yield from _said_by_item(item)
    for step in card.guide:
        yield from _said_by_step(step)
    yield from card.prerequisites
    for method in card.methods:
        yield from (text for text in (method.label, method.help) if text)
    if isinstance(card.source, RestSource):
        yield from card.source.sentences.values()
    if isinstance(card.sign_in, Discovery):
        yield from (lint.words for lint in card.sign_in.lints)


def _said_by_item(item: Item) -> Iterable[str]:
    return [text for text in (item.label, item.help, *(option.label for option in item.options)) if text]


def _said_by_step(step: Step) -> Iterable[str]:
    return [text for text in (step.title, step.text) if text]


def committed() -> Catalog:
    """The catalogue as it lies in the repository; empty where there is none yet."""
    if not PO.exists():
        return Catalog(locale="de", domain="django", charset="utf-8", fuzzy=False)
    with PO.open("rb") as file:
        return read_po(file, locale="de", domain="django")


def missing(catalog: Catalog) -> list[Message]:
    """Messages that a German reader would see in English."""
    return [message for message in catalog if message.id and (message.fuzzy or not _is_complete(message))]


def german_of(message: Message) -> tuple[str, ...]:
    """The German texts: one, or one per plural form."""
    texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return tuple(text or "" for text in texts)


def update() -> Catalog:
    """Writes the .po (translations are kept, what nobody asks for any more is marked obsolete) and the .mo."""
    catalog = committed()
    catalog.update(wanted(), no_fuzzy_matching=True, update_creation_date=False)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        write_po(file, catalog, width=100, sort_by_file=True, include_lineno=False)
    with MO.open("wb") as file:
        write_mo(file, committed())
    return catalog


def _is_complete(message: Message) -> bool:
    texts = german_of(message)
    return all(texts) and len(texts) == (2 if message.pluralizable else 1)
