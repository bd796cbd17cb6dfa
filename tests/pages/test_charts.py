"""Drawings of figures: what a browser reads is written for it, and what people read in their language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template import Context, Template
from django.utils import translation

from portal.templatetags.desk_charts import Column, Legend, Measure, Part, Stack

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
NUMBERS = r"x|y|x1|x2|y1|y2|cx|cy|r|rx|ry|width|height|viewBox|points|d|transform|aria-value\w+"
CHARTS = {
    "split": "{% split parts 'People' %}",
    "stacks": "{% stacks rows legend 'People' %}",
    "columns": "{% columns items 'Weeks' %}",
    "measures": "{% measures rows_of_time 'Stages' %}",
    "bars": "{% bars values labels %}",
    "progress": "{% progress 1234 20000 'people' %}",
    "sparkline": "{% sparkline values 'Trend' %}",
}
FIGURES = {
    "parts": [Part("In", 20_000, "ch-green"), Part("Out", 10_001, "ch-red")],
    "rows": [Stack("All", (20_000, 10_001)), Stack("Few", (1, 2))],
    "legend": [Legend("In", "ch-green"), Legend("Out", "ch-red")],
    "items": [Column("W1", 1.3, "1", 2.7, "3"), Column("W2", 0.7, "1")],
    "rows_of_time": [Measure("Draft", 1.3, "1 h", 2.7, "3 h")],
    "values": [0.1, 0.35],
    "labels": ["Reading", "Writing"],
}


def drawn(chart: str) -> str:
    with translation.override("de"):
        return Template("{% load desk desk_charts %}" + CHARTS[chart]).render(Context(FIGURES))


@pytest.mark.parametrize("chart", CHARTS)
def test_a_german_chart_has_no_comma_in_what_a_browser_reads_as_a_number(chart: str) -> None:
    found = re.findall(rf'\s(?:{NUMBERS})="([^"]*\d[^"]*)"', drawn(chart))
    assert found
    pairs = r"[\d.]+,[\d.]+( [\d.]+,[\d.]+)*"  # points are pairs
    assert [one for one in found if "," in one and not re.fullmatch(pairs, one)] == []


@pytest.mark.parametrize("chart", ["split", "stacks"])
def test_a_german_chart_says_its_figures_in_german(chart: str) -> None:
    assert "20.000" in drawn(chart)


def test_no_template_writes_a_number_for_the_browser_in_the_language_of_the_reader() -> None:
    for path in TEMPLATES.rglob("*.html"):
        source = re.sub(r"{% localize off %}.*?{% endlocalize %}", "", path.read_text(), flags=re.DOTALL)
        drawings = "".join(re.findall(r"<svg.*?</svg>", source, flags=re.DOTALL))
        assert not re.findall(rf'\s(?:{NUMBERS})="[^"]*{{{{', drawings), path
