"""Cells that a spreadsheet might calculate (reliability-security.md T20)."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import warnings
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.spreadsheet import BYTE_ORDER_MARK, cell_of, csv_of, guarded, unguarded

DANGEROUS = [
    "=1+1",
    "=cmd|'/C calc'!A0",
    '=HYPERLINK("http://evil.example","Click")',
    '=IMPORTXML("http://evil.example")',
    "=",
    "==1",
    "+1+1",
    "+49 30 1234",
    "-1+1",
    "-2+3+cmd|' /C calc'!D2",
    "@SUM(A1:A9)",
    "@",
    "\t=1",
    "\tplain",
    "\r=1",
    "\rplain",
    "\n=1",
    "\0=1",
    "\0plain",
    " =1",
    "   +1",
    "\u00a0=1",
    "\u200b=1",
    "\ufeff=1",
    "\u3000=1",
    '"=1"',
    "'=1",
    "`=1",
    "\u201c=1\u201d",
    "\u00ab=1",
    ' " =1',
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20SUM(A1)",
    "\ufe661",
    "\ufe621",
    "\ufe631",
    "\ufe6bSUM",
    "'\tplain",
    "=\u0660+1",
    "-",
]
HARMLESS = [
    "",
    "Riverside",
    "a=1",
    "1+1",
    "O'Brien",
    '"Quoted" name',
    "'tis",
    "(=1)",
    "#1",
    "/x",
    " ",
    "\u2212 1",
]
WILD = st.text(alphabet=st.sampled_from("=+-@'\"\t\r\n\0 a1\u200b\uff1d\u201c,;"), max_size=8) | st.text(
    max_size=20
)


@pytest.mark.parametrize("text", DANGEROUS)
def test_what_a_spreadsheet_might_calculate_begins_with_an_apostrophe(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert guarded(text) == text == unguarded(text)


def test_numbers_and_dates_are_typed_and_not_guarded() -> None:
    assert cell_of(-5) == "-5"
    assert cell_of(Decimal("-12.50")) == "-12.50"
    assert cell_of("-12.50") == "'-12.50"
    assert cell_of(date(2026, 5, 3)) == "2026-05-03"
    assert cell_of(datetime(2026, 5, 3, 9, 30, tzinfo=UTC)) == "2026-05-03 09:30+00:00"
    assert cell_of(None) == ""


@given(st.lists(st.lists(WILD, min_size=2, max_size=4), min_size=1, max_size=5))
def test_what_is_written_is_read_back_and_no_cell_begins_a_formula(rows: list[list[str]]) -> None:
    text = "".join(csv_of(rows))
    assert text.startswith(BYTE_ORDER_MARK)
    read = list(csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline="")))
    assert [[unguarded(cell) for cell in row] for row in read] == rows
    assert not [cell for row in read for cell in row if cell[:1] in tuple("=+-@\t\r\0") and cell]


def test_every_cell_is_quoted() -> None:
    assert list(csv_of([["a", 1, None]])) == [BYTE_ORDER_MARK, '"a","1",""\r\n']


def test_an_office_program_finds_no_formula(tmp_path: Path) -> None:
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if not office:
        warnings.warn("OFFICE TEST SKIPPED: LibreOffice is not installed", stacklevel=1)
        pytest.skip("LibreOffice is not installed")
    file = tmp_path / "cells.csv"
    printable = [text for text in DANGEROUS if "\0" not in text]
    file.write_text("".join(csv_of([[text] for text in printable])), encoding="utf-8", newline="")
    command = [office, "--headless", f"-env:UserInstallation=file://{tmp_path}/profile"]
    subprocess.run([*command, "--convert-to", "fods", "--outdir", str(tmp_path), str(file)], check=True)
    assert "table:formula" not in (tmp_path / "cells.fods").read_text(encoding="utf-8")
