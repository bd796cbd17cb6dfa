"""The frame: templates load, obey the strict policy, are labelled, and can be read in both themes."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.template.loader import get_template, render_to_string
from django.test import RequestFactory
from django.urls import reverse

from portal.templatetags import desk

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
# Mail programs know no style sheets: the frame of mails has its style inside (tests/accounts/test_mail.py).
PAGES = sorted(
    str(path.relative_to(TEMPLATES))
    for path in TEMPLATES.rglob("*.html")
    if path.relative_to(TEMPLATES).parts[0] != "emails"
)
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Element = tuple[str, dict[str, str]]


class Elements(HTMLParser):
    """Collects every start tag with its attributes, in document order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[Element] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def elements(html: str, *tags: str) -> list[dict[str, str]]:
    return [attrs for tag, attrs in Elements(html).found if not tags or tag in tags]


def ids(html: str) -> list[str]:
    return [attrs["id"] for attrs in elements(html) if "id" in attrs]


def render(source: str, **context: Any) -> str:
    return Template("{% load desk desk_forms %}" + source).render(Context(context))


class EveryKind(forms.Form):
    name = forms.CharField(help_text="As on the contract.")
    system = forms.ChoiceField(choices=[("adp", "ADP"), ("sage", "Sage")])
    brand_new = forms.ChoiceField(choices=[("yes", "Yes"), ("no", "No")], widget=forms.RadioSelect)
    mail = forms.ChoiceField(
        choices=[("w", "Work"), ("p", "Personal")], widget=forms.RadioSelect(attrs={"data-kind": "choices"})
    )
    news = forms.MultipleChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.CheckboxSelectMultiple)
    why = forms.CharField(widget=forms.Textarea, help_text="One or two sentences.")
    secret = forms.CharField(widget=forms.PasswordInput(attrs={"data-kind": "secret"}))
    consent = forms.FileField(widget=forms.FileInput)
    agree = forms.BooleanField(widget=forms.CheckboxInput(attrs={"data-kind": "attest"}))
    auto = forms.BooleanField(widget=forms.CheckboxInput(attrs={"data-kind": "switch"}))
    token = forms.CharField(widget=forms.HiddenInput)


def frame_context(**extra: Any) -> dict[str, Any]:
    nav = [
        SimpleNamespace(url="/work/", label="My work", icon="home", active=False, count=3),
        SimpleNamespace(url="/requests/", label="Requests", icon="list-check", active=True, count=0),
    ]
    person = SimpleNamespace(name="Maya Ortiz", role_label="Support team lead", initials="MO")
    context = {"nav": nav, "desk_user": person, "search_url": "/search/", "csrf_token": "t0ken"}
    return context | {"request": RequestFactory().get("/requests/")} | extra


@pytest.mark.parametrize("name", PAGES)
def test_every_template_loads(name: str) -> None:
    get_template(name)


@pytest.mark.parametrize("name", PAGES)
def test_no_template_needs_inline_style_or_script(name: str) -> None:
    source = (TEMPLATES / name).read_text(encoding="utf-8")
    assert not re.search(r"\sstyle\s*=|<style\b|javascript:", source)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']|\shx-on[:=-]|hx-vals=[\"']js:", source)
    assert not [tag for tag in re.findall(r"<script\b[^>]*>", source) if "src=" not in tag]


def test_every_icon_named_in_a_template_exists() -> None:
    sources = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in PAGES)
    named = set(re.findall(r'{%\s*icon\s+"([^"]+)"', sources)) | set(
        re.findall(r'\bicon_name="([^"]+)"', sources)
    )
    assert len(named) > 10
    assert {name for name in named if not (desk.ICONS / f"{name}.svg").exists()} == set()


def test_skip_link_comes_first_and_leads_to_the_only_main() -> None:
    page = render_to_string("base.html", frame_context())
    links = elements(page, "a", "button", "input")
    assert links[0]["href"] == "#main"
    assert [attrs["id"] for attrs in elements(page, "main")] == ["main"]


@pytest.mark.parametrize(
    "name", ["base.html", "base_plain.html", "404.html", "403.html", "500.html", "429.html"]
)
def test_every_page_has_one_first_heading_and_unique_ids(name: str) -> None:
    page = render_to_string(name, frame_context())
    assert len(elements(page, "h1")) == 1
    assert len(ids(page)) == len(set(ids(page)))


def test_frame_shows_where_one_is_and_leaves_the_bell_out_until_it_is_counted() -> None:
    page = render_to_string("base.html", frame_context())
    current = [attrs for attrs in elements(page, "a") if attrs.get("aria-current") == "page"]
    assert [attrs["href"] for attrs in current] == ["/requests/"]
    assert "Notifications" not in page
    assert "Notifications: 0 new" in render_to_string("base.html", frame_context(bell_count=0))


def test_sign_out_is_a_post_with_its_token() -> None:
    page = render_to_string("base.html", frame_context())
    sign_out = page[page.index(f'<form method="post" action="{reverse("account_logout")}"') :]
    assert 'name="csrfmiddlewaretoken" value="t0ken"' in sign_out[: sign_out.index("</form>")]


def test_error_pages_render_with_no_context_at_all() -> None:
    for name in ("400.html", "404.html", "500.html"):
        assert "Integration Desk" in render_to_string(name)


def test_htmx_may_neither_evaluate_nor_style_nor_leave_the_site() -> None:
    page = render_to_string("base_plain.html")
    for part in ('"allowEval":false', '"includeIndicatorStyles":false', '"selfRequestsOnly":true'):
        assert part in page


@pytest.mark.parametrize("form", [EveryKind(), EveryKind({"name": ""})], ids=["fresh", "refused"])
def test_every_control_has_a_label_and_its_descriptions_exist(form: forms.Form) -> None:
    html = str(form)
    labels = {attrs.get("for") for attrs in elements(html, "label")}
    controls = [a for a in elements(html, "input", "select", "textarea") if a.get("type") != "hidden"]
    assert len(controls) == 13
    assert [control["name"] for control in controls if control["id"] not in labels] == []
    described = " ".join(attrs.get("aria-describedby", "") for attrs in elements(html)).split()
    assert described
    assert set(described) <= set(ids(html))
    assert len(ids(html)) == len(set(ids(html)))


def test_error_summary_leads_to_each_control_in_the_order_of_the_form() -> None:
    form = EveryKind({"name": ""})
    form.add_error(None, "These two do not fit together.")
    summary = render_to_string("_partials/_error_summary.html", {"form": form})
    targets = [attrs["href"][1:] for attrs in elements(summary, "a")]
    assert targets[:3] == ["id_name", "id_system", "id_brand_new_0"]
    assert set(targets) - {"id_token"} <= set(ids(str(form)))
    assert summary.index("do not fit") < summary.index("#id_name")
    assert 'role="alert"' in summary
    assert render_to_string("_partials/_error_summary.html", {"form": EveryKind()}).strip() == ""


def test_what_was_typed_is_kept_but_a_secret_never_comes_back() -> None:
    html = str(EveryKind({"name": "Riverside <Health>", "secret": "s3cret-value"}))
    assert 'value="Riverside &lt;Health&gt;"' in html
    assert "s3cret-value" not in html
    assert "never shown again" in html


def test_placeholder_that_repeats_the_label_is_dropped() -> None:
    class SignIn(forms.Form):
        email = forms.EmailField(
            label="Email", widget=forms.EmailInput(attrs={"placeholder": "Email address"})
        )
        phone = forms.CharField(widget=forms.TextInput(attrs={"placeholder": "+49 89 1234"}))

    html = str(SignIn())
    assert "Email address" not in html
    assert "+49 89 1234" in html


def test_company_search_is_a_combobox_that_owns_its_list() -> None:
    context = {"field": EveryKind()["name"], "lookup_url": "/companies/"}
    html = render_to_string("_partials/_company_search.html", context)
    box = next(attrs for attrs in elements(html, "input") if attrs.get("role") == "combobox")
    assert (box["aria-expanded"], box["autocomplete"], box["hx-get"]) == ("false", "off", "/companies/")
    assert box["aria-controls"] in ids(html)
    options = [{"value": "River & Sons", "detail": "LMS 7", "fill": {"lms_id": '7"'}}]
    listed = elements(render_to_string("_partials/_company_options.html", {"options": options}), "li")
    assert listed[0]["data-value"] == "River & Sons"
    assert listed[0]["data-fill-lms_id"] == '7"'


def test_table_can_be_scrolled_by_keyboard_and_says_when_it_is_empty() -> None:
    context = {"label": "Requests", "columns": [{"label": "MRR", "number": True}], "rows": [{"label": "x"}]}
    html = render_to_string("_partials/_table.html", context | {"row_template": "_partials/_badge.html"})
    region = next(attrs for attrs in elements(html, "div") if attrs.get("role") == "region")
    assert (region["tabindex"], region["aria-label"]) == ("0", "Requests")
    assert elements(html, "th")[0]["scope"] == "col"
    assert "Nothing here yet" in render_to_string("_partials/_table.html", context | {"rows": []})


def test_pages_keep_the_filter_and_mark_the_current_one() -> None:
    page = Paginator(range(95), 10).get_page(4)
    request = RequestFactory().get("/requests/?stage=live&page=4")
    html = render_to_string("_partials/_pagination.html", {"page": page, "request": request})
    links = {attrs["href"] for attrs in elements(html, "a")}
    assert "?stage=live&page=5" in links
    assert "31–40 of 95" in html
    assert [a["href"] for a in elements(html, "a") if a.get("aria-current")] == ["?stage=live&page=4"]


def test_words_in_parts_are_escaped() -> None:
    nasty = "<b>x</b>"
    entry = {"who": nasty, "when": NOW, "words": nasty, "detail": nasty}
    parts = [
        render_to_string("_partials/_timeline.html", {"entries": [entry]}),
        render_to_string("_partials/_steps.html", {"steps": [{"title": nasty, "text": nasty}]}),
        render_to_string("_partials/_kv.html", {"rows": [(nasty, nasty)]}),
        render_to_string("_partials/_note.html", {"tone": "warn", "text": nasty}),
        render_to_string("_partials/_empty.html", {"title": nasty}),
        render_to_string("_partials/_confirm.html", {"id": "d", "title": nasty, "action": "/x"}),
        render("{% card nasty subtitle=nasty %}{{ nasty }}{% endcard %}{% status nasty %}", nasty=nasty),
    ]
    for html in parts:
        assert "&lt;b&gt;" in html
        assert "<b>" not in html


def test_badge_refuses_a_tone_that_has_no_colour() -> None:
    assert str(desk.status("Live", "good")) == '<span class="st st-good">Live</span>'
    with pytest.raises(ValueError, match="greenish"):
        desk.status("Live", "greenish")


def test_icon_is_hidden_from_screen_readers_and_a_missing_one_is_an_error() -> None:
    assert 'aria-hidden="true"' in desk.icon("home")
    assert 'aria-label="Held"' in desk.icon("lock", label="Held")
    with pytest.raises(FileNotFoundError):
        desk.icon("no-such-icon")


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (Decimal("4250"), "USD", "USD 4,250.00"),
        (Decimal("0"), "EUR", "EUR 0.00"),
        (Decimal("1234567.5"), "JPY", "JPY 1,234,568"),
        ("-12.3456", "KWD", "KWD -12.346"),
        (None, "USD", "—"),
    ],
)
def test_money_is_said_with_its_currency(amount: Any, currency: str, words: str) -> None:
    assert desk.money(amount, currency) == words


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Maya Ortiz", "MO"),
        ("Ana Maria de Souza", "AS"),
        ("Björn", "B"),
        ("dana@x.org", "D"),
        ("", "?"),
        (None, "?"),
    ],
)
def test_initials_come_from_first_and_last_name(name: str | None, letters: str) -> None:
    assert desk.initials(name) == letters


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=4), "just now"),
        (timedelta(seconds=12), "12 seconds ago"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(days=29, hours=23), "29 days ago"),
        (timedelta(days=30), "22 Oct 2026"),
        (timedelta(days=-2), "in 2 days"),
    ],
)
def test_times_are_said_in_words(ago: timedelta, words: str) -> None:
    assert desk.words_between(NOW - ago, NOW) == words


def test_relative_time_carries_the_full_time() -> None:
    html = desk.relative_time(datetime(2025, 3, 1, 9, 5, tzinfo=UTC))
    attrs = elements(html, "time")[0]
    assert attrs["datetime"] == "2025-03-01T09:05:00+00:00"
    assert attrs["title"].startswith("1 Mar 2025, ")
    assert desk.relative_time(None) == "—"


def test_charts_draw_their_numbers_and_need_no_style() -> None:
    html = render(
        "{% progress 93 250 'people' %}{% bars v l 'Open' %}{% sparkline v 'Trend' %}", v=[12, 6, 0], l="abc"
    )
    assert "93 of 250 people" in html
    assert "3,100 of 20,800 people" in render("{% progress 3100 20800 'people' %}")
    assert "3,100 people so far" in render("{% progress 3100 None 'people' %}")
    assert next(attrs["width"] for attrs in elements(html, "rect") if attrs["class"] == "meter-bar") == "37%"
    assert {">12<", ">6<", ">0<"} <= set(re.findall(r">\d+<", html))
    assert "Trend: 12, 6, 0" in html
    with pytest.raises(ValueError, match="zip"):
        desk.bars([1, 2], ["only one"])


@pytest.mark.parametrize(("done", "total", "percent"), [(0, 0, 0), (5, None, 0), (1, 3, 33), (9, 3, 100)])
def test_progress_never_leaves_its_bar(done: int, total: int | None, percent: int) -> None:
    assert desk.progress(done, total, "people")["percent"] == percent


def tokens(theme: str) -> dict[str, str]:
    css = (ROOT / "static/css/desk.css").read_text(encoding="utf-8")
    block = re.search(rf'^[^\n]*\[data-bs-theme="{theme}"\] {{(.*?)^}}', css, re.DOTALL | re.MULTILINE)
    assert block is not None
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block.group(1)))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def pairs() -> Iterator[tuple[str, str]]:
    """Every text colour with every background that it is put on."""
    for tone in sorted(desk.TONES):
        yield f"st-{tone}", f"st-{tone}-bg"
    for text in ("desk-text", "desk-strong", "desk-muted", "desk-link", "st-bad"):
        yield from ((text, under) for under in ("desk-page", "desk-surface", "desk-primary-soft"))
    yield from (
        ("desk-text", "desk-control"),
        ("desk-placeholder", "desk-control"),
        ("desk-text", "st-neutral-bg"),
    )
    yield from (("desk-on-primary", "desk-primary"), ("desk-on-primary", "desk-primary-hover"))
    yield "desk-on-danger", "desk-danger"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "under"), list(pairs()))
def test_text_can_be_read_in_both_themes(theme: str, text: str, under: str) -> None:
    colours = tokens(theme)
    assert contrast(colours[text], colours[under]) >= 4.5


def test_contrast_is_computed_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_vendored_files_are_the_ones_listed_and_name_no_source_map() -> None:
    vendor = ROOT / "static" / "vendor"
    listed = dict(
        re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", (vendor / "README").read_text(), re.MULTILINE)
    )
    found = {
        str(p.relative_to(vendor)): p for p in vendor.rglob("*") if p.suffix in {".css", ".js", ".woff2"}
    }
    assert listed == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}
    assert not [name for name, path in found.items() if b"sourceMappingURL" in path.read_bytes()]
