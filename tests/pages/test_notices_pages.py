"""The pages of notices: one's own news, the bell, and what is mailed."""

from __future__ import annotations

import pytest
from django.urls import reverse

from portal.accounts.models import Role, User
from portal.notices.models import By, Digest, Notice, Preference
from portal.notices.services import notify
from tests.support.pages import page, queries_of
from tests.support.people import a_company, a_customer, a_user, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def jamie() -> User:
    return a_user(Role.CSM, "Jamie Park")


def news(user: User, count: int = 1, url: str = "/requests/7/") -> list[Notice]:
    made = []
    for number in range(Notice.objects.count(), Notice.objects.count() + count):
        made += notify([user], "approved", words=f"News <b>{number}</b>", url=url, marker=f"m{number}")
    return made


def test_the_list_shows_ones_own_news_newest_first_and_escaped(jamie: User) -> None:
    news(jamie, 2)
    notify([a_user(Role.TL, "Ben Ortiz")], "approved", words="Not for Jamie", url="/", marker="x")
    html = page(jamie, "notice_list")
    assert html.index("News &lt;b&gt;1") < html.index("News &lt;b&gt;0")
    assert "Not for Jamie" not in html
    assert "Mark all as read" in html


def test_each_day_is_a_card_of_its_own(jamie: User) -> None:
    first, _ = news(jamie, 2)
    Notice.objects.filter(pk=first.pk).update(at="2026-01-05T10:00Z")
    html = page(jamie, "notice_list")
    assert "Monday 5 January 2026" in html
    assert html.count('<ul class="notices">') == html.count('<section class="card">') == 2
    assert html.count("</section>") == 2


def test_without_news_the_page_says_what_will_be_there(jamie: User) -> None:
    html = page(jamie, "notice_list")
    assert "No news yet." in html
    assert "Mark all as read" not in html


def test_opening_marks_read_and_leads_to_the_place(jamie: User) -> None:
    [notice] = news(jamie)
    client, url = signed_in(jamie), reverse("notice_open", args=[notice.pk])
    assert client.head(url)["Location"] == "/requests/7/"
    notice.refresh_from_db()
    assert notice.read_at is None
    assert client.get(url)["Location"] == "/requests/7/"
    notice.refresh_from_db()
    assert notice.read_at is not None


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x"]
)
def test_a_notice_never_leads_to_another_site(jamie: User, url: str) -> None:
    [notice] = news(jamie, url=url)
    assert signed_in(jamie).get(reverse("notice_open", args=[notice.pk]))["Location"] == "/"


def test_somebody_elses_notice_is_missing(jamie: User) -> None:
    [notice] = news(a_user(Role.TL, "Ben Ortiz"))
    assert signed_in(jamie).get(reverse("notice_open", args=[notice.pk])).status_code == 404
    notice.refresh_from_db()
    assert notice.read_at is None


def test_marking_all_read_spares_what_the_page_did_not_show(jamie: User) -> None:
    shown, later = news(jamie, 2)
    client = signed_in(jamie)
    assert client.post(reverse("notices_read"), {"upto": "x" * 5}).status_code == 302
    assert Notice.objects.filter(read_at=None).count() == 2
    client.post(reverse("notices_read"), {"upto": shown.pk})
    assert list(Notice.objects.filter(read_at=None)) == [later]


def test_the_bell_counts_what_is_new_for_one_query(jamie: User) -> None:
    assert "Notifications: 0 new" in page(jamie, "my_work")
    news(jamie, 3)
    html = page(jamie, "my_work")
    assert "Notifications: 3 new" in html
    assert f'href="{reverse("notice_list")}"' in html


def test_a_longer_list_costs_no_more_queries(jamie: User) -> None:
    news(jamie, 2)
    few = queries_of(jamie, "notice_list")
    news(jamie, 40)
    assert queries_of(jamie, "notice_list") == few


def test_customers_have_no_bell_and_no_notices() -> None:
    customer = a_customer(a_company())
    for name in ("notice_list", "notice_preferences"):
        assert signed_in(customer).get(reverse(name)).status_code == 403
    assert "Notifications" not in page(customer, "connection_list")


def test_choosing_what_is_mailed(jamie: User) -> None:
    client, url = signed_in(jamie), reverse("notice_preferences")
    html = client.get(url).content.decode()
    assert "My request was approved" in html
    assert "A request needs a decision" not in html  # for team leads
    form = dict.fromkeys(_names(html), "never") | {"approved": "digest", "digest_hour": "17"}
    assert client.post(url, form).status_code == 302
    wishes = dict(Preference.objects.filter(user=jamie).values_list("kind", "by"))
    assert (wishes["approved"], wishes["stuck"]) == (By.DIGEST, By.NEVER)
    assert Digest.objects.get(user=jamie).hour == 17
    again = client.get(url).content.decode()
    assert 'value="17" selected' in again
    client.post(url, form | {"digest_hour": ""})
    assert Digest.objects.get(user=jamie).hour is None


def test_a_choice_that_does_not_exist_is_refused_and_the_others_are_kept_on_the_page(jamie: User) -> None:
    client, url = signed_in(jamie), reverse("notice_preferences")
    names = _names(client.get(url).content.decode())
    answer = client.post(url, dict.fromkeys(names, "never") | {"approved": "by pigeon", "digest_hour": "25"})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "Nothing was saved yet" in html
    assert 'href="#id_approved_0"' in html
    assert not Preference.objects.exists()


def _names(html: str) -> set[str]:
    return {part.partition('"')[0] for part in html.split('type="radio" name="')[1:]}
