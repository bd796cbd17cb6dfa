"""The catalogue: cards are found by their file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from integrations import catalog
from integrations import providers as cards
from integrations.provider import Kind


def test_every_file_is_a_card_and_every_card_a_file() -> None:
    files = {path.stem for path in Path(cards.__path__[0]).glob("[!_]*.py")}
    assert set(catalog.load()) == files
    assert len(files) >= 8


def test_an_unknown_slug_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        catalog.get("nobody")


def test_kinds_are_told_apart() -> None:
    assert [card.slug for card in catalog.providers(Kind.SSO)] == ["microsoft_entra_id"]
    assert {card.kind for card in catalog.providers(Kind.HRIS)} == {Kind.HRIS}
    assert len(catalog.providers()) == len(catalog.load())


@pytest.mark.parametrize(
    ("text", "slugs"),
    [
        ("personio", ["personio"]),
        ("  PERS ", ["personio"]),
        ("now adp", ["adp_workforce_now"]),
        ("hr", ["bamboohr", "sage_hr"]),
        ("cloud", ["staffcloud"]),
        ("zzz", []),
        ("%", []),
    ],
)
def test_search_finds_by_words_of_the_name(text: str, slugs: list[str]) -> None:
    assert [card.slug for card in catalog.search(text) if "adp_comp" not in card.slug] == slugs


def test_an_empty_search_finds_all() -> None:
    assert len(catalog.search("")) == len(catalog.providers())


def test_a_name_s_beginning_comes_first() -> None:
    assert catalog.search("s")[0].slug in ("sage_hr", "staffcloud")


def test_a_file_that_is_no_card_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "__path__", [*cards.__path__, str(tmp_path)])
    (tmp_path / "empty_card.py").write_text("")
    with pytest.raises(TypeError, match="empty_card"):
        catalog.load.__wrapped__()
    (tmp_path / "empty_card.py").rename(tmp_path / "other_card.py")
    (tmp_path / "other_card.py").write_text("from integrations.providers.personio import PROVIDER\n")
    with pytest.raises(ValueError, match="other_card"):
        catalog.load.__wrapped__()


def test_the_cards_need_no_django() -> None:
    code = "import sys; from integrations import catalog; catalog.load(); print('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
