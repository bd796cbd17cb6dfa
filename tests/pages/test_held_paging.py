"""Held removals on several pages: nobody who was chosen is forgotten by turning one."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.pages.test_decision_pages import held
from tests.support.pages import Side, page, post, said
from tests.support.people import signed_in

pytestmark = pytest.mark.django_db


def test_whoever_is_chosen_stays_chosen_on_the_other_pages(side: Side) -> None:
    rows = held(side.connection, 60)
    first, last = rows[0].person.public_id, rows[59].person.public_id
    at = side.connection.public_id
    shown = page(side.csm, "holds_detail", at)
    assert f'formaction="{reverse("holds_decide", args=[at])}?page=2"' in shown
    look = {"do": "look", "pick": first, "reason": "They left."}
    client = signed_in(side.csm)
    second = client.post(reverse("holds_decide", args=[at]) + "?page=2&why=absent", look).content.decode()
    assert f'<input type="hidden" name="pick" value="{first}">' in second
    assert "1 more person is chosen on another page." in second
    assert "They left." in second
    assert "?page=1&amp;why=absent" in second
    assert str(last) in second
    both = {"do": "release", "reason": "They left.", "pick": [first, last]}
    assert "2 people will be deactivated" in said(post(side.csm, "holds_decide", at, status=200, **both))
    back = client.post(reverse("holds_decide", args=[at]), {**look, "pick": [first, last]}).content.decode()
    assert f'value="{first}" checked' in back
    assert f'<input type="hidden" name="pick" value="{last}">' in back
