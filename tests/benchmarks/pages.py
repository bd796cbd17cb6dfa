"""The requests list with 10,000 requests: how many queries it asks, and how its time grows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

from django.db import connection as database
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import Company, Role, User
from requests_app.models import Request
from requests_app.services.filing import file_request

FEW, MANY = 100, 10_000
_TRIES = 9

# Copies of one request that was really filed, with its whole checklist, spread over stages and owners.
_COPIES = """
INSERT INTO requests_app_request (public_id, number, company_id, provider_slug, kind, card_version, stage, version,
    owner_id, filed_by_id, duplicate_reason, jira_key, jira_status)
SELECT gen_random_uuid(), 100000 + n, r.company_id, r.provider_slug, r.kind, r.card_version,
    (ARRAY['draft', 'waiting_on_customer', 'submitted', 'approved', 'live'])[1 + n %% 5], 1, r.owner_id, r.filed_by_id,
    '', 'INT-' || n, 'To Do'
FROM requests_app_request r, generate_series(%s, %s) n WHERE r.id = %s
"""
_COLUMNS = (
    *("key", '"position"', "label", "help", "kind", "owner", "topic", "options", "required", "visible_to"),
    *("ticket", "maps", "multiline", "is_credential"),
)
_ITEMS = f"""
INSERT INTO requests_app_item (req_id, {", ".join(_COLUMNS)})
SELECT r.id, {", ".join(f"i.{column}" for column in _COLUMNS)} FROM requests_app_item i, requests_app_request r
WHERE i.req_id = %s AND r.id > %s AND NOT EXISTS (SELECT 1 FROM requests_app_item o WHERE o.req_id = r.id)
"""  # noqa: S608 - constants of this module
_ANSWERS = """
INSERT INTO requests_app_answer (item_id, state, value, hint, comment)
SELECT i.id, CASE WHEN mod(i.id, 3) = 0 THEN 'provided' ELSE 'missing' END, 'null'::jsonb, '', ''
FROM requests_app_item i WHERE NOT EXISTS (SELECT 1 FROM requests_app_answer a WHERE a.item_id = i.id)
"""


@dataclass(frozen=True, slots=True)
class PageCost:
    queries: int
    seconds: float


def list_costs() -> tuple[PageCost, PageCost]:
    """What the list costs a team lead with FEW and with MANY requests."""
    csm = User.objects.create_user("bench.csm@support.example", name="Bench CSM", role=Role.CSM)
    lead = User.objects.create_user("bench.lead@support.example", name="Bench Lead", role=Role.TL)
    first = file_request(Company.objects.create(name="Bench Clinic", lms_id="1"), "adp_workforce_now", by=csm)
    _grow(first, 1, FEW)
    few = _cost(lead)
    _grow(first, FEW + 1, MANY)
    return few, _cost(lead)


def _grow(first: Request, begin: int, end: int) -> None:
    with database.cursor() as cursor:
        cursor.execute(_COPIES, [begin, end, first.pk])
        cursor.execute(_ITEMS, [first.pk, first.pk])
        cursor.execute(_ANSWERS)
        cursor.execute("ANALYZE")


@override_settings(ALLOWED_HOSTS=["testserver"])
def _cost(user: User) -> PageCost:
    client, seconds = Client(), []
    client.force_login(user)
    client.get("/requests/")
    for _ in range(_TRIES):
        began = time.perf_counter()
        with CaptureQueriesContext(database) as queries:
            answer = client.get("/requests/")
        seconds.append(time.perf_counter() - began)
        assert answer.status_code == 200
    return PageCost(len(queries), median(seconds))
