"""Deciding about held removals in a browser: searched for one after the other, chosen, and decided at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from integrations.models import Held, HeldState
from portal.accounts.models import Role
from tests.browser.walker import sign_in
from tests.pages.test_decision_pages import held
from tests.support.pages import a_connection
from tests.support.people import a_company, a_user

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(300),
]


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_two_who_are_searched_for_and_chosen_are_decided_together(
    profile: Callable[..., Page], phone: bool
) -> None:
    a_user(Role.TL, "Maya Ortiz")
    connection = a_connection(a_company("Amber Clinic"))
    rows = held(connection, 5)
    page = profile(phone=phone)
    sign_in(page, "maya.ortiz@support.example")
    page.goto(f"/connections/{connection.public_id}/held/")
    search, shown = page.locator("#filter-q"), page.locator("#rows tbody tr")
    for one in rows[:2]:
        search.fill(one.person.email)
        expect(shown).to_have_count(1)
        expect(shown).to_contain_text(one.person.email)
        shown.get_by_role("checkbox").check()
    assert page.url.endswith(f"/held/?q={rows[1].person.email.replace('@', '%40')}")
    expect(page.locator("#rows")).to_contain_text("1 more person is chosen, who is not shown here.")
    search.fill("nobody of this name")
    expect(page.locator("#rows")).to_contain_text("2 more people are chosen, who are not shown here.")
    search.fill("")
    expect(shown).to_have_count(5)
    assert [box.is_checked() for box in shown.get_by_role("checkbox").all()].count(True) == 2
    page.get_by_label("Reason").fill("They still work here.")
    page.get_by_role("button", name="Keep them").click()
    expect(page.locator("main")).to_contain_text("2 people kept")
    kept = Held.objects.filter(state=HeldState.REJECTED).values_list("person", flat=True)
    assert set(kept) == {one.person_id for one in rows[:2]}
