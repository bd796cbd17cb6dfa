"""A small, strict part of SOQL: what a portal needs to look accounts up, and errors for the rest."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

Row = Mapping[str, Any]
Test = Callable[[Row], bool]
Schema = Mapping[str, frozenset[str]]  # object -> names of its fields, relations as `Owner.Name`

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w.]*)"
    r"|(?P<symbol><=|>=|!=|[=<>(),]))"
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


class QueryError(ValueError):
    """The query is refused; `code` is Salesforce's errorCode."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed SELECT. `fields` is empty for COUNT()."""

    fields: tuple[str, ...]
    source: str
    test: Test
    order: tuple[tuple[str, bool], ...]  # field, descending
    limit: int | None
    offset: int

    def run(self, rows: list[Row]) -> list[Row]:
        """Matching rows, sorted and cut, still with all their fields."""
        found = [row for row in rows if self.test(row)]
        for name, descending in reversed(self.order):
            found.sort(key=lambda row, name=name: _sortable(value_of(row, name)), reverse=descending)  # type: ignore[misc]
        stop = None if self.limit is None else self.offset + self.limit
        return found[self.offset : stop]


def value_of(row: Row, name: str) -> Any:
    """A field's value; `Owner.Name` looks into the related record."""
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if value is not None else None
    return value


def parse(text: str, schema: Schema) -> Query:
    """Parse one SELECT. Raises QueryError with MALFORMED_QUERY, INVALID_TYPE or INVALID_FIELD."""
    return _Parser(text, schema).select()


class _Parser:
    def __init__(self, text: str, schema: Schema) -> None:
        self.text, self.schema, self.at = text, schema, 0
        self.known: frozenset[str] = frozenset()
        self.source = ""
        self.tokens = _tokens(text)

    def select(self) -> Query:
        self.expect("select")
        names = self._fields()
        self.expect("from")
        self.source = self.next_word()
        if self.source not in self.schema:
            raise QueryError("INVALID_TYPE", f"sObject type '{self.source}' is not supported.")
        self.known = self.schema[self.source]
        fields = tuple(self.field(name) for name in names)
        test = self._either() if self.accept("where") else _always
        order = self._order() if self.accept("order") else ()
        limit = self._whole() if self.accept("limit") else None
        offset = self._whole() if self.accept("offset") else 0
        if self.at < len(self.tokens):
            raise self.unexpected()
        return Query(fields, self.source, test, order, limit, offset)

    def _fields(self) -> list[str]:
        if self.peek().lower() == "count":
            for expected in ("count", "(", ")"):
                self.expect(expected)
            return []
        names = [self.next_word()]
        while self.accept(","):
            names.append(self.next_word())
        return names

    def _order(self) -> tuple[tuple[str, bool], ...]:
        self.expect("by")
        order = []
        while True:
            name = self.field(self.next_word())
            descending = self.accept("desc")
            if not descending:
                self.accept("asc")
            if self.accept("nulls") and not (self.accept("first") or self.accept("last")):
                raise self.unexpected()
            order.append((name, descending))
            if not self.accept(","):
                return tuple(order)

    def _either(self) -> Test:
        tests = [self._all()]
        while self.accept("or"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self.accept("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self.accept("("):
            inner = self._either()
            self.expect(")")
            return inner
        if self.accept("not"):
            negated = self._one()
            return lambda row: not negated(row)
        name = self.field(self.next_word())
        if self.accept("like"):
            pattern = _like(self._string())
            return lambda row: pattern.fullmatch(str(value_of(row, name) or "")) is not None
        if self.accept("in"):
            wanted = {_comparable(name, value) for value in self._list()}
            return lambda row: _comparable(name, value_of(row, name)) in wanted
        compare = _COMPARE.get(self.peek())
        if compare is None:
            raise self.unexpected()
        operator, value = self._take(), _comparable(name, self._literal())
        ordered = operator not in ("=", "!=")
        return lambda row: _holds(compare, _comparable(name, value_of(row, name)), value, ordered=ordered)

    def _list(self) -> list[Any]:
        self.expect("(")
        values = [self._literal()]
        while self.accept(","):
            values.append(self._literal())
        self.expect(")")
        return values

    def _literal(self) -> Any:
        token = self.peek()
        if token.startswith("'"):
            return _unescape(self._string())
        if token.lower() in ("null", "true", "false"):
            return {"null": None, "true": True, "false": False}[self._take().lower()]
        if re.fullmatch(r"-?\d+(\.\d+)?", token):
            return Decimal(self._take())
        raise self.unexpected()

    def _string(self) -> str:
        if not self.peek().startswith("'"):
            raise self.unexpected()
        return self._take()[1:-1]

    def _whole(self) -> int:
        if not self.peek().isdigit():
            raise self.unexpected()
        return int(self._take())

    def field(self, name: str) -> str:
        """The field's own spelling: SOQL does not care about capitals."""
        spelled = {known.lower(): known for known in self.known}.get(name.lower())
        if spelled is None:
            column = self.text.find(name) + 1
            raise QueryError(
                "INVALID_FIELD",
                f"\n{self.text}\n^\nERROR at Row:1:Column:{column}\nNo such column '{name}' on "
                f"entity '{self.source}'. If you are attempting to use a custom field, be sure to append the "
                "'__c' after the custom field name.",
            )
        return spelled

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def next_word(self) -> str:
        if not re.match(r"[A-Za-z_]", self.peek()):
            raise self.unexpected()
        return self._take()

    def accept(self, word: str) -> bool:
        if self.peek().lower() != word:
            return False
        self.at += 1
        return True

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise self.unexpected()

    def unexpected(self) -> QueryError:
        return QueryError("MALFORMED_QUERY", f"unexpected token: '{self.peek() or '<EOF>'}'")


def _tokens(text: str) -> list[str]:
    tokens, at, stripped = [], 0, text.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None:
            raise QueryError(
                "MALFORMED_QUERY", f"line 1:{at} no viable alternative at character '{stripped[at]}'"
            )
        tokens.append(match[match.lastgroup or 0])
        at = match.end()
    return tokens


def _always(row: Row) -> bool:
    return True


def _holds(compare: Callable[[Any, Any], bool], actual: Any, wanted: Any, *, ordered: bool) -> bool:
    if ordered and (actual is None or wanted is None):
        return False
    return compare(actual, wanted)


def _comparable(name: str, value: Any) -> Any:
    """Text without case; ids by their first fifteen characters, case and all."""
    if isinstance(value, str):
        return value[:15] if name == "Id" or name.endswith("Id") else value.lower()
    return value


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value.lower() if isinstance(value, str) else value)


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text)


def _like(text: str) -> re.Pattern[str]:
    """A LIKE pattern: `%` any text, `_` one character, both literal after a backslash."""
    parts = []
    for escaped, single in re.findall(r"\\(.)|(.)", text, flags=re.DOTALL):
        if single in ("%", "_") and single:
            parts.append(".*" if single == "%" else ".")
        else:
            parts.append(re.escape(_ESCAPES.get(escaped, escaped) if escaped else single))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
