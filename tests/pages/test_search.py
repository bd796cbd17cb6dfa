"""Search: finds what is meant however it is written, shows why, and never more than the reader may see."""

from __future__ import annotations

import re
import time

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from integrations.models import DirectoryPerson, Invitation, Problem
from integrations.provider import Owner
from portal import searching
from portal.accounts.models import AccessLink, Company, Role, User
from portal.kit.folding import fold
from portal.searching import Asked, search_all, snippet
from requests_app.models import Answer, AnswerState, Item, Message, Reach, Request
from tests.support.pages import HTMX, Side, a_connection, a_side, names_amount, page, some_people
from tests.support.people import a_company, a_user, signed_in

pytestmark = pytest.mark.django_db
WILD = st.text(max_size=60) | st.sampled_from(
    [
        "'", '"', "\\", "'' | !()", "a & | b", "a:*", "<->", "%", "_", "\x00", "\x00a", "'; DROP TABLE x; --", "((((",
        "🙂", "👩‍👩‍👧", "مرحبا", "\u202eabc", "ﷺ", "ŉ", "²³", "İI", "ǅ", "ab" * 5000, "a " * 5000, "REQ-999999999999",
        "INT-0", "1e5", "-5", "+1.5e-9", "\ud800", "<script>", "{{7*7}}", "\u0300", "a\u0300\u0301", "l'été",
    ]
)  # fmt: skip


def found(user: User, text: str) -> str:
    answer = signed_in(user).get(reverse("search"), {"q": text})
    assert answer.status_code == 200
    return str(answer.content.decode())


def numbers(user: User, text: str) -> list[int]:
    return [hit.req.number for hit in search_all(user, Asked.of(text)).requests]


def say(side: Side, text: str, reach: Reach = Reach.INTERNAL, item: Item | None = None) -> None:
    Message.objects.create(req=side.req, by=side.csm, text=text, reach=reach, item=item)


def answer(side: Side, key: str, value: object) -> None:
    Answer.objects.filter(item__req=side.req, item__key=key).update(value=value, state=AnswerState.PROVIDED)


def an_item(side: Side, **fields: object) -> Item:
    return Item.objects.filter(req=side.req, kind="text", **fields).first() or pytest.fail("no such item")


# --- what is found ------------------------------------------------------------------------------------------


def test_requests_are_found_by_number_company_provider_and_ticket(side: Side) -> None:
    Request.objects.update(jira_key="INT-881")
    for text in (
        str(side.req.number),
        f"req-{side.req.number}",
        "INT-881",
        "int-881",
        "amber cl",
        "pers amber",
        "amber-1",
    ):
        assert numbers(side.csm, text) == [side.req.number], text
    for text in ("INT-9", "amber cli x", f"{side.req.number} birch"):
        assert numbers(side.csm, text) == []


@pytest.mark.parametrize(
    ("written", "typed"),
    [("Müller Søn GmbH", "muller son"), ("Cafe Zoe", "CAFÉ zoë"), ("Straße 9", "strasse"), ("ИВАНОВ", "иванов"),
     ("Łódź", "lodz"), ("İzmir", "izmir"), ("Æther", "ather"), ("O’Brien & Co.", "o'brien")],
)  # fmt: skip
def test_accents_and_case_make_no_difference(side: Side, written: str, typed: str) -> None:
    Company.objects.filter(pk=side.company.pk).update(name=written)
    assert [hit.company.name for hit in search_all(side.csm, Asked.of(typed)).companies] == [written]


def test_only_the_last_word_may_be_a_beginning(side: Side) -> None:
    assert search_all(side.csm, Asked.of("amber clin")).companies
    assert not search_all(side.csm, Asked.of("amb clinic")).companies


def test_what_was_said_is_found_with_its_surroundings_marked_and_escaped(side: Side) -> None:
    say(side, "x " * 100 + "the <b>firewall</b> of Zürich blocks us" + " y" * 100)
    html = found(side.csm, "zurich fire")
    assert "<mark>firewall</mark>" in html
    assert "<mark>Zürich</mark>" in html
    assert "&lt;b&gt;" in html
    assert "<b>firewall" not in html
    assert "Internal note:" in html


def test_the_best_match_of_what_was_said_comes_first(side: Side) -> None:
    other = a_side("Birch")
    lead = a_user(Role.TL, "Maya Ortiz")
    say(side, "certificate " + "word " * 60)
    say(other, "certificate certificate certificate")
    assert numbers(lead, "certificate") == [other.req.number, side.req.number]
    Company.objects.filter(pk=side.company.pk).update(name="Certificate Inc")
    assert numbers(lead, "certificate") == [side.req.number, other.req.number]


def test_people_are_found_by_name_and_address(side: Side) -> None:
    for text in ("person0000", "amber person", "amber.0@people"):
        assert search_all(side.csm, Asked.of(text)).people == [side.person]
    assert search_all(side.csm, Asked.of("erson0000")).people == []


def test_every_search_for_people_finds_a_name_with_and_without_its_accents(side: Side) -> None:
    Invitation.objects.create(person=side.person, sent_at=timezone.now(), expires_at=timezone.now())
    known, connection = f"?company={side.company.public_id}&q=", side.connection.public_id
    for name, typed in (("Çelik", "celik"), ("Celik", "çelik"), ("ŁUKASZ", "lukasz"), ("Groß", "GROSS")):
        DirectoryPerson.objects.filter(pk=side.person.pk).update(last_name=name)
        Problem.objects.update(person_name=f"Ada {name}")
        why = page(side.customer, "why", connection, query=f"?q={typed}")
        assert "Belongs in" in why
        assert f"Ada {name}" in why
        assert search_all(side.csm, Asked.of(typed)).people == [side.person]
        assert not search_all(side.csm, Asked.of(f"{typed}x")).people
        assert f"Amber {name}" in page(side.customer, "directory", query=known + typed, htmx=True)
        assert name in page(side.csm, "invitation_list", connection, query=f"?q={typed}")


def test_connections_are_found_by_company_and_provider(side: Side) -> None:
    for text in ("amber", "personio", "amber pers"):
        assert search_all(side.csm, Asked.of(text)).connections == [side.connection]


# --- who sees what ------------------------------------------------------------------------------------------


def test_nobody_finds_what_is_not_theirs(side: Side) -> None:
    other = a_side("Birch")
    say(other, "quartz", Reach.CUSTOMER)
    answer(other, an_item(other, owner=Owner.CUSTOMER.value).key, "quartz")
    for user in (side.csm, side.customer):
        assert numbers(user, "birch") == []
        assert numbers(user, str(other.req.number)) == []
        assert numbers(user, "quartz") == []
    results = search_all(side.customer, Asked.of("birch"))
    assert results.count == 0
    assert "Birch" not in found(side.customer, "amber")
    assert numbers(other.csm, "quartz") == numbers(other.customer, "quartz") == [other.req.number]


def test_a_customer_finds_messages_to_them_and_never_our_notes(side: Side) -> None:
    say(side, "quartz is what we think of them")
    assert numbers(side.customer, "quartz") == []
    assert numbers(side.csm, "quartz") == [side.req.number]
    say(side, "please send the topaz", Reach.CUSTOMER)
    html = found(side.customer, "topaz")
    assert reverse("customer_request", args=[side.req.public_id]) in html
    assert "quartz" not in html


def test_answers_are_found_by_whom_they_are_meant_for(side: Side) -> None:
    ours, theirs = an_item(side, owner=Owner.CSM.value), an_item(side, owner=Owner.CUSTOMER.value)
    answer(side, ours.key, "quartz")
    answer(side, theirs.key, "topaz")
    assert numbers(side.csm, "quartz") == numbers(side.csm, "topaz") == [side.req.number]
    assert numbers(side.customer, "quartz") == []
    assert numbers(side.customer, "topaz") == [side.req.number]
    Item.objects.filter(pk=theirs.pk).update(visible_to=["tl"])
    assert numbers(side.customer, "topaz") == numbers(side.csm, "topaz") == []


def test_no_secret_is_found_even_if_one_stood_in_the_clear(side: Side) -> None:
    item = an_item(side, owner=Owner.CUSTOMER.value)
    answer(side, item.key, "quartz")
    Item.objects.filter(pk=item.pk).update(kind="secret")
    assert numbers(side.csm, "quartz") == []


def test_a_customer_reads_nothing_of_the_mrr(side: Side) -> None:
    Item.objects.filter(req=side.req, kind="money").update(owner=Owner.CUSTOMER.value)
    for item in Item.objects.filter(req=side.req, kind="money"):
        answer(side, item.key, "4250.00 USD")
    assert numbers(side.customer, "4250") == []
    assert not names_amount(found(side.customer, "amber"), 4250)


def test_whoever_was_handed_a_few_items_finds_those_alone(side: Side) -> None:
    mine, other = Item.objects.filter(req=side.req, owner=Owner.CUSTOMER.value).exclude(kind="secret")[:2]
    answer(side, mine.key, "topaz")
    answer(side, other.key, "quartz")
    say(side, "jasper for all of it", Reach.CUSTOMER)
    AccessLink.objects.update(item_keys=[mine.key])
    assert numbers(side.customer, "topaz") == [side.req.number]
    assert numbers(side.customer, "quartz") == numbers(side.customer, "jasper") == []


def test_a_person_whose_link_was_revoked_finds_nothing(side: Side) -> None:
    AccessLink.objects.update(revoked_at=side.run.started_at)
    assert search_all(side.customer, Asked.of("amber")).count == 0


# --- whatever is typed --------------------------------------------------------------------------------------


@pytest.mark.slow
@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(typed=WILD)
def test_nothing_that_is_typed_breaks_it(db: None, typed: str) -> None:
    user = User.objects.filter(role=Role.TL).first() or a_user(Role.TL, "Maya Ortiz")
    asked = Asked.of(typed)
    if asked.is_enough:
        with transaction.atomic():
            search_all(user, asked)


@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.slow
@given(name=st.text(st.characters(categories=("L", "N")), min_size=2, max_size=30))
def test_a_company_is_found_by_its_own_name_in_any_script(db: None, name: str) -> None:
    with transaction.atomic():
        company = Company.objects.create(name=name)
        user = a_user(Role.TL, "Maya Ortiz")
        asked = Asked.of(name)
        hits = [hit.company for hit in search_all(user, asked).companies] if asked.is_enough else [company]
        transaction.set_rollback(True)
    assert company in hits


@pytest.mark.parametrize(
    "typed", ["", "a", "%", "\x00", "'; DROP TABLE", "zzz", "9" * 40, "é" * 10_000, "🙂🙂🙂"]
)
def test_the_page_takes_whatever_is_typed(side: Side, typed: str) -> None:
    found(side.csm, typed)


@hypothesis_settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=300), word=st.text(st.characters(categories=["L"]), min_size=1, max_size=8))
def test_a_snippet_is_a_part_of_the_text(text: str, word: str) -> None:
    pieces = snippet(text, [fold(word)])
    shown = "".join(piece.text for piece in pieces).strip("…")
    assert len(shown) < 400
    assert all(piece.text for piece in pieces)


def test_the_page_says_when_there_is_nothing(side: Side) -> None:
    assert "Nothing found." in found(side.csm, "zebra")
    for too_little in ("", "a", "-"):
        assert "What are you looking for?" in found(side.csm, too_little)


def test_the_box_in_the_frame_holds_what_was_searched_for_and_no_lists_filter(side: Side) -> None:
    assert (
        page(side.csm, "search", query="?q=zebra").count('value="zebra"') == 3
    )  # two in the frame, one in the page
    assert page(side.csm, "connection_list", query="?q=zebra").count('value="zebra"') == 1


def test_a_customer_is_told_of_no_jira_key(side: Side) -> None:
    assert "Jira key" in page(side.csm, "search")
    assert "Jira" not in page(side.customer, "search")


def test_typing_gets_the_results_alone(side: Side) -> None:
    body = signed_in(side.csm).get(reverse("search"), {"q": "amber"}, headers=HTMX).content.decode()
    assert "<html" not in body
    assert "Amber Clinic" in body
    page = found(side.csm, "amber")
    assert re.search(r'hx-trigger="input changed delay:\d+ms', page)
    assert 'aria-keyshortcuts="/"' in page


# --- cost ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["csm", "customer"])
def test_search_takes_as_many_queries_for_many_results(side: Side, who: str) -> None:
    client = signed_in(getattr(side, who))

    def count() -> int:
        with CaptureQueriesContext(database) as captured:
            client.get(reverse("search"), {"q": "amber"})
        return len(captured)

    say(side, "amber", Reach.CUSTOMER)
    few = count()
    some_people(side.connection, 60, mark="Amber", start=100)
    for number in range(9):
        a_connection(a_company(f"Amber {number}", f"x{number}"))
        say(side, f"amber {number}", Reach.CUSTOMER)
    assert count() == few
    assert few <= 20


def test_words_of_companies_messages_and_answers_have_an_index(side: Side) -> None:
    with database.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for index, statement in {
            "company_words": "accounts_company WHERE search_words((name || ' ' || lms_id))",
            "message_words": "requests_app_message WHERE search_words(text)",
            "answer_words": "requests_app_answer WHERE jsonb_typeof(value) = 'string' AND search_words((value #>> '{}'))",
        }.items():
            cursor.execute(f"EXPLAIN SELECT * FROM {statement} @@ to_tsquery('simple', 'amber')")  # noqa: S608
            assert index in str(cursor.fetchall())


@pytest.mark.slow
def test_a_directory_that_is_too_large_is_not_looked_through_for_long(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "PEOPLE_MILLISECONDS", 1)
    company, connection = side.company, side.connection
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO integrations_directoryperson (company_id, connection_id, source_id, email, raw_digest)"
            " SELECT %s, %s, n, n || '@x.example', gen_random_uuid() FROM generate_series(1, 20000) AS n",
            [company.pk, connection.pk],
        )
    began = time.monotonic()
    html = found(side.csm, "amber zzz")
    assert time.monotonic() - began < 5
    assert "too many people" in html
    assert "too many people" not in found(side.csm, "a")
