"""Salesforce through the real `simple_salesforce`, and the query languages on their own."""

from decimal import Decimal
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql

from portal.sandbox.credentials import CREDENTIALS
from portal.sandbox.server import Running
from portal.sandbox.vendors import soql, sosl
from portal.sandbox.world import World
from tests.sandbox.conftest import session

KNOWN = CREDENTIALS["salesforce"]
FIELDS = "Id, Name, LMS_ID__c, MRR__c, CurrencyIsoCode, Owner.Name"
SELECT = f"SELECT {FIELDS} FROM Account"  # noqa: S608 - it is SOQL
SCHEMA = {"Account": frozenset({"Id", "Name", "MRR__c", "Owner.Name"})}


def connect(sandbox: Running, **changes: str) -> Any:
    options: dict[str, Any] = {**KNOWN, "version": "64.0", **changes}
    return Salesforce(session=session(sandbox.url), parse_float=Decimal, **options)


@pytest.fixture
def salesforce(sandbox: Running) -> Any:
    return connect(sandbox)


def _code(error: Any) -> str:
    return str(error.content[0]["errorCode"])


def names(answer: dict[str, Any]) -> list[str]:
    return [record["Name"] for record in answer.get("records", answer.get("searchRecords", []))]


def test_an_account_is_found_by_part_of_its_name(salesforce: Any) -> None:
    query = SELECT + format_soql(" WHERE Name LIKE '%{:like}%' ORDER BY Name LIMIT 10", "river")
    answer = salesforce.query(query)
    assert names(answer) == ["Riverbend Behavioral Services", "Riverside Community Health"]
    record = answer["records"][1]
    assert (record["LMS_ID__c"], record["MRR__c"], record["CurrencyIsoCode"]) == (
        "48213",
        Decimal("4250.0"),
        "USD",
    )
    assert len(record["Id"]) == 18
    assert record["attributes"] == {
        "type": "Account",
        "url": f"/services/data/v64.0/sobjects/Account/{record['Id']}",
    }
    assert record["Owner"]["attributes"]["type"] == "User"
    assert record["Owner"]["Name"]


def test_wildcards_in_a_typed_name_are_literal(salesforce: Any) -> None:
    def find(typed: str) -> list[str]:
        return names(
            salesforce.query(format_soql("SELECT Name FROM Account WHERE Name LIKE '{:like}%'", typed))
        )

    assert find("100%") == ["100% Smiles Orthodontics"]
    assert find("Prairie_") == ["Prairie_Wind Clinics"]
    assert find("O'Connor") == ["O'Connor Home Care"]
    assert find("%") == []


def test_an_account_is_read_by_its_id_short_or_long(salesforce: Any, world: World) -> None:
    account = world.accounts[4]
    for number in (account.id, account.id[:15]):
        answer = salesforce.query(
            format_soql("SELECT Name, CurrencyIsoCode FROM Account WHERE Id = {}", number)
        )
        assert answer["records"][0]["CurrencyIsoCode"] == "EUR"


def test_long_results_come_through_locators(salesforce: Any, world: World) -> None:
    world.knobs.salesforce_page_size = 15
    first = salesforce.query("SELECT Id FROM Account")
    assert (first["done"], first["totalSize"], len(first["records"])) == (False, len(world.accounts), 15)
    everyone = salesforce.query_all("SELECT Id FROM Account")
    assert len({record["Id"] for record in everyone["records"]}) == len(world.accounts)
    with pytest.raises(SalesforceMalformedRequest):
        salesforce.query_more("01g000000000000-15")


def test_search_finds_words_of_the_name(salesforce: Any) -> None:
    find = f"FIND {{river*}} IN NAME FIELDS RETURNING Account({FIELDS} ORDER BY Name LIMIT 10)"
    assert names(salesforce.search(find)) == ["Riverbend Behavioral Services", "Riverside Community Health"]
    assert names(salesforce.search("FIND {hospice cedar} RETURNING Account(Name)")) == [
        "Cedar Valley Hospice"
    ]
    assert names(salesforce.search("FIND {river} RETURNING Account(Name)")) == []
    assert names(salesforce.search(r"FIND {O\'Connor} RETURNING Account(Name)")) == ["O'Connor Home Care"]


@pytest.mark.parametrize(
    "find", ["FIND {o'connor} RETURNING Account(Name)", "FIND {x} RETURNING Account(Name)", "x"]
)
def test_a_bad_search_is_malformed(salesforce: Any, find: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        salesforce.search(find)
    assert _code(caught.value) == "MALFORMED_SEARCH"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT Nope__c FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT * FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name LIKE river", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT ten", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account; DROP", "MALFORMED_QUERY"),
    ],
)
def test_a_bad_query_has_its_code(salesforce: Any, query: str, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        salesforce.query(query)
    assert _code(caught.value) == code


def test_describe_tells_types_of_the_fields(salesforce: Any) -> None:
    fields = {field["name"]: field for field in salesforce.restful("sobjects/Account/describe")["fields"]}
    assert (fields["LMS_ID__c"]["type"], fields["MRR__c"]["type"]) == ("string", "currency")
    assert "CurrencyIsoCode" in fields
    with pytest.raises(SalesforceResourceNotFound):
        salesforce.restful("sobjects/Nope/describe")


def test_limits_and_the_usage_header(salesforce: Any) -> None:
    assert salesforce.restful("limits/")["DailyApiRequests"]["Max"] == 15_000
    assert salesforce.api_usage["api-usage"].total == 15_000


def test_a_record_is_found_by_external_id(salesforce: Any, world: World) -> None:
    assert salesforce.restful("sobjects/Account/LMS_ID__c/48213")["Name"] == "Riverside Community Health"
    world.accounts.append(world.accounts[0])
    answer = session_get(salesforce, "sobjects/Account/LMS_ID__c/48213")
    assert answer.status_code == 300
    assert len(answer.json()) == 2


def session_get(salesforce: Any, path: str) -> requests.Response:
    answer: requests.Response = salesforce.session.get(salesforce.base_url + path, headers=salesforce.headers)
    return answer


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"consumer_key": "wrong"}, "invalid_client_id"),
        ({"consumer_secret": "wrong"}, "invalid_client"),
    ],
)
def test_wrong_credentials_are_named(sandbox: Running, change: dict[str, str], code: str) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as caught:
        connect(sandbox, **change)
    assert caught.value.code == code


def test_an_error_of_the_token_call_may_lack_a_description(http: requests.Session) -> None:
    url = f"https://{KNOWN['domain']}.salesforce.com/services/oauth2/token"
    assert http.post(url, data={"grant_type": "password"}).json() == {"error": "unsupported_grant_type"}


def test_an_expired_session_is_renewed_by_the_library(salesforce: Any, world: World) -> None:
    world.expire_tokens("salesforce")
    assert salesforce.query("SELECT Id FROM Account LIMIT 1")["totalSize"] == 1
    assert [line.path for line in world.requests].count("/services/oauth2/token") == 2


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("401", SalesforceExpiredSession),
        ("403", SalesforceRefusedRequest),
        ("500", SalesforceGeneralError),
        ("503", SalesforceGeneralError),
    ],
)
def test_faults_arrive_as_the_librarys_errors(
    salesforce: Any, world: World, kind: str, error: type[Exception]
) -> None:
    world.fault("salesforce", kind, path="/query")
    with pytest.raises(error) as caught:
        salesforce.query("SELECT Id FROM Account")
    if kind == "403":
        assert "REQUEST_LIMIT_EXCEEDED" in str(caught.value)


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("MRR__c >= 30 AND MRR__c < 50", 2),
        ("NOT (MRR__c = 10)", 4),
        ("MRR__c = null", 1),
        ("Name IN ('a0', 'A1')", 2),
        ("Name LIKE 'a%' OR Owner.Name = 'nobody'", 5),
        ("Name != 'a0'", 4),
    ],
)
def test_conditions_select_rows(where: str, count: int) -> None:
    rows: list[soql.Row] = [
        {"Id": "x", "Name": f"a{n}", "MRR__c": n * 10 or None, "Owner": None} for n in range(5)
    ]
    query = soql.parse(f"SELECT Id FROM Account WHERE {where}", SCHEMA)  # noqa: S608 - it is SOQL
    assert len(query.run(rows)) == count


def test_order_limit_and_offset_cut_the_sorted_rows() -> None:
    rows: list[soql.Row] = [{"Id": str(n), "Name": name} for n, name in enumerate("cab")]
    query = soql.parse("SELECT Id, Name FROM Account ORDER BY Name DESC NULLS LAST LIMIT 2 OFFSET 1", SCHEMA)
    assert [row["Name"] for row in query.run(rows)] == ["b", "a"]


@given(st.text(max_size=30))
def test_a_quoted_name_finds_exactly_itself(name: str) -> None:
    rows: list[soql.Row] = [{"Id": "1", "Name": name}, {"Id": "2", "Name": name + "x"}]
    like = soql.parse(format_soql("SELECT Id FROM Account WHERE Name LIKE '{:like}'", name), SCHEMA)
    assert "1" in [row["Id"] for row in like.run(rows)]
    assert "2" not in [row["Id"] for row in like.run(rows)]


@given(st.text(max_size=40))
def test_wild_queries_are_refused_and_never_crash(text: str) -> None:
    for parse in (soql.parse, sosl.parse):
        with pytest.raises(soql.QueryError):
            parse(f"SELECT {text}'", SCHEMA)


def test_and_is_an_operator_alone_and_a_word_in_quotes(salesforce: Any) -> None:
    assert names(salesforce.search("FIND {hospice AND cedar} RETURNING Account(Name)"))
    assert names(salesforce.search('FIND {hospice "AND" cedar} RETURNING Account(Name)')) == []
    assert names(salesforce.search('FIND {"AND"} RETURNING Account(Name)')) == []
