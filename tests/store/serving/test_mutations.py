"""The rule of a mutation, asked of a table that is a dictionary: what comes before what, and where refusals point."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.store.application import RESOURCES
from tests.store.mutations import create, delete, update
from tidegate.contract import Resource, RowRules
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.ports import Key, Mutation, Row
from tidegate.store.serving.mutations import carry_out, check_same_request
from tidegate.store.serving.refusals import StatementContext, row_contexts, whole_context

BOATS = RESOURCES["boats"]
HERE = compile_filters({"harbour": "h"})
Asked = list[tuple[str, Any]]


@dataclass
class Table:
    """Implements `store.serving.mutations.Table` over the connection `None`."""

    rows: dict[str, Row]
    resource: Resource = BOATS
    ignores: bool = False
    """As with a trigger that makes the database ignore statements."""
    fills_in: Row = field(default_factory=dict)
    asked: Asked = field(default_factory=list)
    rules: RowRules | None = None

    def whole(self, connection: None, key: Key) -> Row | None:
        return self.rows.get(key["code"])

    def insert(self, connection: None, context: StatementContext) -> Row | None:
        self.asked.append(("insert", context.at))
        return None if self.ignores else {**context.row, **self.fills_in}

    def locked(self, connection: None, key: Key) -> Row | None:
        self.asked.append(("locked", key["code"]))
        return self.rows.get(key["code"])

    def update(self, connection: None, key: Key, context: StatementContext) -> Row | None:
        self.asked.append(("update", context.at))
        return None if self.ignores else {**self.rows[key["code"]], **context.row, **self.fills_in}

    def delete(self, connection: None, key: Key, context: StatementContext) -> bool:
        self.asked.append(("delete", context.at))
        return not self.ignores


@pytest.fixture
def table() -> Table:
    return Table({code: {"code": code, "name": "n", "harbour": "h"} for code in "ab"})


def refused(table: Table, mutation: Mutation) -> tuple[str, str | None]:
    with pytest.raises(Refused) as caught:
        carry_out(None, table, mutation)
    return caught.value.code, caught.value.pointer


def test_each_kind_returns_the_rows_as_the_table_has_them(table: Table) -> None:
    table.fills_in = {"name": "filled in"}
    assert carry_out(None, table, create({"code": "c"}, {"code": "d"}, array=True)) == [
        {"code": "c", "name": "filled in"},
        {"code": "d", "name": "filled in"},
    ]
    assert carry_out(None, table, update("a", {"harbour": "g"})) == [{"code": "a", "name": "filled in", "harbour": "g"}]
    assert carry_out(None, table, delete("a", "b", array=True)) == [{"code": "a"}, {"code": "b"}]
    assert table.asked == [
        ("insert", "/data/0"),
        ("insert", "/data/1"),
        ("locked", "a"),
        ("update", "/data"),
        ("locked", "a"),
        ("delete", "/ids/0"),
        ("locked", "b"),
        ("delete", "/ids/1"),
    ]


def test_an_update_without_data_writes_nothing(table: Table) -> None:
    assert carry_out(None, table, update("a", {})) == [table.rows["a"]]
    assert table.asked == [("locked", "a")]


def test_sent_values_are_judged_before_the_database_sees_any_row(table: Table) -> None:
    rows = {"code": "c", "harbour": "h"}, {"code": "d", "harbour": "g"}
    assert refused(table, create(*rows, allowed=HERE, array=True)) == ("forbidden", "/data/1")
    assert table.asked == []


def test_an_update_is_judged_before_the_statement_and_after_it(table: Table) -> None:
    assert refused(table, update("a", {"harbour": "g"}, allowed=HERE)) == ("forbidden", "/data")
    assert table.asked == [("locked", "a")]
    table.fills_in = {"harbour": "g"}
    assert refused(table, update("a", {"name": "x"}, allowed=HERE)) == ("forbidden", "/data")
    assert table.asked[1:] == [("locked", "a"), ("update", "/data")]


@pytest.mark.parametrize(("expected", "pointer"), [({"na/me~": 1}, "/if/na~1me~0"), ({"harbour": None}, "/if/harbour")])
def test_the_expected_value_that_is_wrong_is_named(table: Table, expected: Row, pointer: str) -> None:
    assert refused(table, update("a", {"name": "x"}, expected=expected)) == ("conflict", pointer)
    assert refused(table, delete("a", expected=expected)) == ("conflict", pointer)
    assert {name for name, _ in table.asked} == {"locked"}


def test_the_permission_is_judged_before_the_expected_values(table: Table) -> None:
    nothing_here = compile_filters({"harbour": "g"})
    hidden = update("a", {"name": "x"}, expected={"name": "?"}, visible=nothing_here)
    assert refused(table, hidden) == ("not_found", "/id")
    assert refused(table, update("a", {"name": "x"}, expected={"name": "?"}, allowed=nothing_here)) == (
        "forbidden",
        "/id",
    )


def test_a_row_that_the_database_ignores_is_refused(table: Table) -> None:
    table.ignores = True
    assert refused(table, create({"code": "c"}, array=True)) == ("conflict", "/data/0")
    assert refused(table, update("a", {"name": "x"})) == ("conflict", "/data")
    assert refused(table, delete("a", "b", array=True)) == ("conflict", "/ids/0")


def test_a_digest_tells_a_repeated_request_from_another() -> None:
    mutation = create({"code": "c"}, idempotency_key="k", digest=b"1")
    check_same_request(mutation, b"1")
    with pytest.raises(Refused, match="already used") as caught:
        check_same_request(mutation, b"2")
    assert (caught.value.code, caught.value.pointer) == ("conflict", "/key")


@pytest.mark.parametrize(
    ("mutation", "whole", "each"),
    [
        (create({"code": "c"}), "/data", ["/data"]),
        (create({"code": "c"}, array=True), "/data/0", ["/data/0"]),
        (create({"code": "c"}, {"code": "d"}, array=True), "/data", ["/data/0", "/data/1"]),
        (update("a", {"name": "x"}), "/data", ["/data"]),
        (delete("a"), "/id", None),
        (delete("a", array=True), "/ids/0", None),
        (delete("a", "b", array=True), "/ids", None),
    ],
)
def test_a_refusal_at_the_end_points_as_near_as_the_message_allows(
    mutation: Mutation, whole: str, each: list[str] | None
) -> None:
    assert whole_context(mutation, BOATS).at == whole
    if each is not None:
        assert [context.at for context in row_contexts(mutation, BOATS)] == each


def test_a_pointer_names_the_first_column_that_the_client_sent() -> None:
    context = StatementContext(BOATS, "create", {"b/c": 1, "d": 2}, "/data/3")
    assert context.pointer(["a", "b/c", "d"]) == "/data/3/b~1c"
    assert context.pointer(["a"]) == "/data/3"
    assert context.pointer([]) == "/data/3"
