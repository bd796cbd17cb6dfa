"""Held removals on several pages: nobody who was chosen is forgotten by turning one."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from integrations.models import Phase
from portal.kit.leases import JobState
from tests.pages.test_decision_pages import held
from tests.support.pages import HTMX, Side, a_run, page, post, said
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
    assert "1 more person is chosen, who is not shown here." in second
    assert "They left." in second
    assert "?why=absent&amp;page=1" in second
    assert str(last) in second
    both = {"do": "release", "reason": "They left.", "pick": [first, last]}
    assert "2 people will be deactivated" in said(post(side.csm, "holds_decide", at, status=200, **both))
    back = client.post(reverse("holds_decide", args=[at]), {**look, "pick": [first, last]}).content.decode()
    assert f'value="{first}" checked' in back
    assert f'<input type="hidden" name="pick" value="{last}">' in back


def test_whoever_is_chosen_stays_chosen_while_somebody_is_searched(side: Side) -> None:
    rows = held(side.connection, 2)
    chosen, sought = rows[0].person, rows[1].person
    at, client = side.connection.public_id, signed_in(side.csm)
    assert f'hx-post="{reverse("holds_decide", args=[at])}"' in page(side.csm, "holds_detail", at)
    look = {"do": "look", "pick": chosen.public_id, "q": sought.email, "why": "absent"}
    found = client.post(reverse("holds_decide", args=[at]), look, headers=HTMX)
    html = found.content.decode()
    assert "<html" not in html
    assert str(sought) in html
    assert f'<input type="hidden" name="pick" value="{chosen.public_id}">' in html
    shown = urlsplit(found["HX-Push-Url"])
    assert shown.path == reverse("holds_detail", args=[at])
    assert parse_qs(shown.query) == {"q": [sought.email], "why": ["absent"]}
    nobody = client.post(reverse("holds_decide", args=[at]), {**look, "q": "nobody"}, headers=HTMX)
    assert f'<input type="hidden" name="pick" value="{chosen.public_id}">' in nobody.content.decode()


def test_while_a_run_goes_on_nobody_is_chosen_in_the_rows_alone_either(side: Side) -> None:
    held(side.connection, 2)
    assert 'name="pick"' in page(side.csm, "holds_detail", side.connection.public_id, htmx=True)
    a_run(side.connection, phase=Phase.READING, job_state=JobState.RUNNING, outcome="", finished_at=None)
    assert 'name="pick"' not in page(side.csm, "holds_detail", side.connection.public_id, htmx=True)
