"""The German catalogue is whole: nothing missing, nothing stale, and every text fits its English twin."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

from portal.kit.retold import templates
from tests.i18n import messages

MAILS = messages.ROOT / "templates" / "emails"
# Only colleagues get these.
STAFF_MAILS = frozenset({"digest", "notice", "password_reset"})
CUSTOMER_MAILS = sorted(
    folder.name
    for folder in MAILS.iterdir()
    if folder.is_dir() and folder.name not in {*STAFF_MAILS, "_foot"}
)
_HELD = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|</?\w+[^>]*>")
_IN_TEMPLATE = re.compile(r"\{[{%].*?[%}]\}")

_REFUSALS = frozenset({"NeedsPerson", "DraftRefused"})

Key = tuple[str, str | None]


def texts_of(catalog: Catalog) -> dict[Key, tuple[str, ...]]:
    """(id, context) -> the German texts: one, or one per plural form."""
    found = {}
    for message in catalog:
        if message.id:
            key = message.id if isinstance(message.id, str) else message.id[0]
            context = message.context
            # Babel reads a .mo file's context as bytes.
            found[key, context.decode() if isinstance(context, bytes) else context] = messages.german_of(
                message
            )
    return found


@pytest.fixture(scope="module")
def german() -> Catalog:
    return messages.committed()


def test_every_message_that_a_customer_may_read_has_a_german_text(german: Catalog) -> None:
    asked = {(m.id, m.context) for m in messages.wanted() if m.id}
    known = {(m.id, m.context) for m in german if m.id}
    assert sorted(map(str, asked - known)) == [], "run `make translations` and translate these"
    assert [m.id for m in messages.missing(german)] == []


def test_the_catalogue_holds_nothing_that_nobody_says_any_more(german: Catalog) -> None:
    asked = {(m.id, m.context) for m in messages.wanted() if m.id}
    assert [m.id for m in german if m.id and (m.id, m.context) not in asked] == []


def test_a_german_text_has_the_places_of_the_english_one(german: Catalog) -> None:
    wrong = []
    for message in german:
        ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
        wrong += [
            (english, text)
            for english, text in zip(ids, messages.german_of(message), strict=True)
            if english and sorted(_HELD.findall(english)) != sorted(_HELD.findall(text))
        ]
    assert wrong == []


def test_what_is_compiled_is_what_is_written(german: Catalog) -> None:
    with messages.MO.open("rb") as file:
        compiled = texts_of(read_mo(file))
    assert compiled == texts_of(german), "run `make translations`"


def test_nothing_is_marked_outside_the_customers_files() -> None:
    ours = set(messages.customer_files())
    code = [path for app in ("portal", "requests_app", "integrations") for path in app_files(app)]
    templates = sorted((messages.ROOT / "templates").rglob("*.html"))
    strays = [
        path.relative_to(messages.ROOT).as_posix()
        for path in (*code, *templates)
        if path not in ours and "allauth" not in path.parts and any(messages.marked_in(path))
    ]
    assert strays == [], "name them in CUSTOMER_FACING"


def test_no_refusal_is_written_in_english_alone(german: Catalog) -> None:
    """Whatever a service or a view refuses with may meet a German customer: a sentence of the catalogue, never an
    f-string, which nobody can look up."""
    known = {message.id for message in german if message.id}
    folders = (messages.ROOT / "integrations" / name for name in ("services", "views"))
    files = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    wrong = [
        f"{path.relative_to(messages.ROOT)}:{line} {said or 'an f-string'}"
        for path in (*files, messages.ROOT / "portal" / "kit" / "certificates.py")
        for line, said in refusals_in(path)
        if said is None or not (said in known or known.issuperset(templates(said)))
    ]
    assert wrong == [], "say it with gettext, or with gettext_noop where it is stored"


def refusals_in(path: Path) -> Iterator[tuple[int, str | None]]:
    """Line and sentence of each refusal that is a plain text or a constant of its module; None for an f-string."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args):
        if getattr(call.func, "id", "") not in _REFUSALS:
            continue
        first = call.args[0]
        if isinstance(first, ast.JoinedStr):
            if any(isinstance(part, ast.Constant) and str(part.value).strip() for part in first.values):
                yield call.lineno, None
        elif isinstance(first, ast.Constant):
            yield call.lineno, str(first.value)
        elif isinstance(first, ast.Name) and first.id in constants:
            yield call.lineno, str(constants[first.id])


def app_files(app: str) -> list[Path]:
    found = sorted((messages.ROOT / app).rglob("*.py"))
    return [path for path in found if "migrations" not in path.parts and "sandbox" not in path.parts]


@pytest.mark.parametrize("mail", CUSTOMER_MAILS)
@pytest.mark.parametrize("part", ["subject", "body"])
def test_every_customers_mail_says_the_same_in_german(mail: str, part: str) -> None:
    english = (MAILS / mail / f"{part}.txt").read_text(encoding="utf-8")
    german = (MAILS / mail / f"{part}.de.txt").read_text(encoding="utf-8")
    assert german != english
    assert set(_IN_TEMPLATE.findall(german)) == set(_IN_TEMPLATE.findall(english))


def test_german_typography_is_german(german: Catalog) -> None:
    """„…“ and not "…" or “…”; no hyphen in place of a dash."""
    said = [text for texts in texts_of(german).values() for text in texts]
    said += [path.read_text(encoding="utf-8") for path in MAILS.rglob("*.de.txt")]
    plain = [re.sub(r"<[^>]*>|\{[{%].*?[%}]\}", "", text) for text in said]
    assert [text for text in plain if '"' in text or "”" in text or " - " in text.replace("\n- ", "")] == [
        "Work Assignments - Business Unit"  # the vendor's own name of the field
    ]
    assert [text for text in plain if text.count("„") != text.count("“")] == []
