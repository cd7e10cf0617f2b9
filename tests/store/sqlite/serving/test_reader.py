"""Reading rows: a snapshot and its position are one, filters in SQL and in Python agree, foreign values do no harm."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.application import RESOURCES, Foreign, add
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.ports import Change, LogPruned, ReadQuery, Row
from tidegate.store.sqlite.serving.reader import Reader
from tidegate.store.sqlite.serving.statements import head


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    reader = Reader(path, RESOURCES)
    yield reader
    reader.close()


def codes(reader: Reader, **query: Any) -> list[str]:
    return [row["code"] for row in reader.read(ReadQuery(resource="boats", **query)).rows]


def test_rows_are_what_the_schema_says(reader: Reader, foreign: Foreign) -> None:
    add(foreign, "a", weight=2, afloat=1, tags='["x"]', papers='{"a":null}', extra="1.5", pin="1234", sign=2**53 + 1)
    add(foreign, "b")
    first, second = reader.read(ReadQuery(resource="boats")).rows
    assert first == {
        "code": "a",
        "name": "nameless",
        "harbour": None,
        "sign": 2**53 + 1,
        "weight": 2.0,
        "afloat": True,
        "tags": ["x"],
        "papers": {"a": None},
        "extra": 1.5,
    }
    assert second == {"code": "b", "name": "nameless", "harbour": None, "afloat": False, "tags": [], "papers": None}


def test_statements_with_other_limits_are_not_prepared_again(reader: Reader, foreign: Foreign) -> None:
    for code in "abc":
        add(foreign, code)
    prepared: list[int] = []

    def called_to_prepare(action: int, *_: object) -> int:
        prepared.append(action)
        return apsw.SQLITE_OK

    reader._connection().authorizer = called_to_prepare
    assert codes(reader, limit=1) == ["a"]
    assert [change.seq for change in reader.changes(0, 3, 1)] == [1]
    selects = prepared.count(apsw.SQLITE_SELECT)
    assert selects
    assert codes(reader, limit=2) == ["a", "b"]
    assert codes(reader, limit=1, offset=1) == ["b"]
    assert codes(reader, offset=2) == ["c"]
    assert [change.seq for change in reader.changes(0, 3, 2)] == [1, 2]
    assert prepared.count(apsw.SQLITE_SELECT) == selects


def test_a_snapshot_and_its_position_are_of_one_moment(
    reader: Reader, foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program commits right between the reading of the position and that of the rows."""
    add(foreign, "a")

    def head_and_then_a_write(connection: Any) -> int:
        seq = head(connection)
        add(foreign, "b")
        return seq

    monkeypatch.setattr("tidegate.store.sqlite.serving.reader.head", head_and_then_a_write)
    result = reader.read(ReadQuery(resource="boats", count=True))
    monkeypatch.undo()
    assert (result.seq, [row["code"] for row in result.rows], result.total) == (1, ["a"], 1)
    later = reader.read(ReadQuery(resource="boats", count=True))
    assert (later.seq, len(later.rows), later.total) == (2, 2, 2)


def test_a_long_snapshot_and_its_position_are_of_one_moment(reader: Reader, foreign: Foreign) -> None:
    """Another program commits between the reading of the position, of the first row, and of the second."""
    add(foreign, "a")
    add(foreign, "b", harbour="b")
    told: list[Any] = []

    class Interrupted:
        def begin(self, seq: int) -> None:
            told.append(seq)
            add(foreign, "0", harbour="0")

        def fill(self, rows: Iterator[Row]) -> None:
            for row in rows:
                told.append(row["code"])
                add(foreign, f"z{row['code']}", harbour=row["code"] * 2)

    reader.snapshot(ReadQuery(resource="boats"), Interrupted())  # type: ignore[arg-type]  # a part of a spool
    assert told == [2, "a", "b"]
    assert codes(reader) == ["0", "a", "b", "za", "zb"]


def test_rows_are_read_in_turn_past_text_that_is_not_utf_8(reader: Reader, foreign: Foreign) -> None:
    for code in "abcd":
        add(foreign, code, harbour=code, sign=ord(code))
    foreign.run("UPDATE boats SET name = CAST(x'ff41' AS TEXT) WHERE code IN ('b', 'd')")
    query = ReadQuery(resource="boats", where=compile_filters({"sign": {"gte": ord("b")}}))
    connection = reader._connection()
    found = list(reader._each(connection, query))
    assert [(row["code"], row["name"]) for row in found] == [("b", "\ufffdA"), ("c", "nameless"), ("d", "\ufffdA")]
    assert found == reader.read(query).rows
    narrow = ReadQuery(resource="boats", where=query.where, fields=("name",))
    assert list(reader._each(connection, narrow)) == reader.read(narrow).rows


def test_filters_mean_equality_or_null(reader: Reader, foreign: Foreign) -> None:
    add(foreign, "a", harbour="Ost", sign=1, weight=1, afloat=1)
    add(foreign, "b", harbour="ost", sign=2, weight=1.5)
    add(foreign, "c", sign=3, name="Ada")
    for filters, expected in (
        ({}, ["a", "b", "c"]),
        ({"harbour": "Ost"}, ["a"]),
        ({"harbour": None}, ["c"]),
        ({"harbour": ""}, []),
        ({"afloat": True}, ["a"]),
        ({"afloat": False}, ["b", "c"]),
        ({"weight": 1}, ["a"]),
        ({"weight": 1.5, "sign": 2}, ["b"]),
        ({"weight": 1.5, "sign": 3}, []),
        ({"name": "nameless", "harbour": None}, []),
    ):
        assert codes(reader, where=compile_filters(filters)) == expected, filters
        assert reader.read(ReadQuery(resource="boats", where=compile_filters(filters), count=True)).total == len(
            expected
        )


def test_pages_come_in_the_order_that_was_asked_for(reader: Reader, foreign: Foreign) -> None:
    for code, name, sign in (("d", "Ada", 1), ("a", "Eve", None), ("c", "Ada", 3), ("b", "Bob", 2)):
        add(foreign, code, name=name, sign=sign, harbour=code)
    assert codes(reader) == ["a", "b", "c", "d"]
    assert codes(reader, sort=(("name", "asc"),)) == ["c", "d", "b", "a"]
    assert codes(reader, sort=(("name", "asc"), ("code", "desc"))) == ["d", "c", "b", "a"]
    assert codes(reader, sort=(("name", "desc"), ("sign", "desc"))) == ["a", "b", "c", "d"]
    assert codes(reader, sort=(("sign", "asc"),)) == ["a", "d", "b", "c"]
    assert codes(reader, limit=3) == ["a", "b", "c"]
    assert codes(reader, limit=3, offset=3) == ["d"]
    assert codes(reader, offset=2) == ["c", "d"]
    assert codes(reader, offset=4) == []
    page = reader.read(ReadQuery(resource="boats", limit=1, offset=1, count=True, fields=("name",)))
    assert (page.rows, page.total) == ([{"code": "b", "name": "Bob"}], 4)


def test_rows_are_found_by_their_keys(reader: Reader, foreign: Foreign) -> None:
    rows = [(f"{number:03}", f"{number}", number) for number in range(450)]
    foreign.connection.execute("BEGIN")
    foreign.connection.executemany("INSERT INTO boats (code, harbour, sign) VALUES (?, ?, ?)", rows)
    foreign.connection.execute("COMMIT")
    keys = tuple({"code": f"{number:03}"} for number in range(0, 900, 2))
    assert codes(reader, keys=keys) == [f"{number:03}" for number in range(0, 450, 2)]
    assert codes(reader, keys=({"code": "001"}, {"code": "001"})) == ["001"]
    assert codes(reader, keys=({"code": "449"}, *keys, {"code": "449"}))[-2:] == ["448", "449"]
    assert codes(reader, keys=({"code": "001"}, {"code": "002"}), where=compile_filters({"sign": 2})) == ["002"]
    assert codes(reader, keys=()) == []


def test_rows_are_found_by_keys_of_several_properties(reader: Reader, foreign: Foreign) -> None:
    foreign.run("INSERT INTO berths (harbour, number) VALUES ('Ost', 1), ('Ost', 2), ('West', 1)")
    found = reader.read(
        ReadQuery(
            resource="berths",
            keys=({"number": 1, "harbour": "Ost"}, {"harbour": "West", "number": 1}, {"harbour": "West", "number": 2}),
            fields=("state",),
        )
    )
    assert found.rows == [
        {"harbour": "Ost", "number": 1, "state": "free"},
        {"harbour": "West", "number": 1, "state": "free"},
    ]


def test_changes_are_read_in_order_between_two_positions(reader: Reader, foreign: Foreign) -> None:
    for code in "abcd":
        add(foreign, code)
    foreign.run("UPDATE boats SET afloat = 1 WHERE code = 'b'")
    assert [change.seq for change in reader.changes(0, 5, 10)] == [1, 2, 3, 4, 5]
    assert [change.seq for change in reader.changes(1, 4, 2)] == [2, 3]
    assert reader.changes(5, 9, 10) == []
    (change,) = reader.changes(4, 5, 1)
    assert (change.action, change.key, change.resource) == ("update", {"code": "b"}, "boats")
    assert change.old is not None
    assert change.new == {**change.old, "afloat": True}
    assert (change.origin, change.actor) == (None, None)


def test_reading_pruned_changes_raises_log_pruned(reader: Reader, foreign: Foreign) -> None:
    for code in "abcd":
        add(foreign, code)
    foreign.connection.executescript(
        "DELETE FROM tidegate_log WHERE seq <= 2; UPDATE tidegate_meta SET value = 2 WHERE name = 'pruned_to'"
    )
    with pytest.raises(LogPruned):
        reader.changes(1, 4, 10)
    assert [change.seq for change in reader.changes(2, 4, 10)] == [3, 4]
    foreign.connection.executescript(
        "DELETE FROM tidegate_log; UPDATE tidegate_meta SET value = 4 WHERE name = 'pruned_to'"
    )
    assert reader.head() == 4
    assert reader.changes(4, 4, 10) == []


def test_changes_of_former_resources_are_left_out(path: Path, foreign: Foreign) -> None:
    add(foreign, "a")
    foreign.run("INSERT INTO people (name) VALUES ('Ada')")
    reader = Reader(path, {"people": RESOURCES["people"]})
    assert [change.resource for change in reader.changes(0, 2, 10)] == ["people"]
    reader.close()


HOSTILE_TEXT = [
    "1e999",
    '"\\ud800"',
    '{"a": [1e999]}',
    "[" * 900 + "]" * 900,
    '{"a":' * 300 + "1" + "}" * 300,
    '{"$blob": "zz"}',
    '"[[[["',
    "null",
    "9" * 400,
    ' {"a" : 1, "a": 2} ',
]
"""Valid JSON for SQLite, some of which no JSON writer would write again."""


@pytest.mark.parametrize("text", HOSTILE_TEXT, ids=lambda text: text[:12])
def test_foreign_json_can_always_be_sent(reader: Reader, foreign: Foreign, text: str) -> None:
    foreign.run("INSERT INTO boats (code, papers, extra) VALUES ('a', ?, ?)", text, text)
    assert_sendable(reader)


def assert_sendable(reader: Reader) -> tuple[Row, Change]:
    """The row in its table and the same row in the log are one, and JSON can hold it. Returns both."""
    (row,) = reader.read(ReadQuery(resource="boats")).rows
    change = reader.changes(0, reader.head(), 100)[-1]
    assert change.new == row
    assert msgspec.json.decode(msgspec.json.encode([[[[row]]]])) == [[[[row]]]]
    return row, change


def test_json_that_is_nested_too_deep_to_be_sent_stays_text(reader: Reader, foreign: Foreign) -> None:
    add(foreign, "a", extra="[" * 150 + "]" * 150)
    row, _ = assert_sendable(reader)
    assert isinstance(row["extra"], list)
    foreign.run("UPDATE boats SET extra = ?", deep := "[" * 300 + "]" * 300)
    row, _ = assert_sendable(reader)
    assert row["extra"] == deep
    foreign.run("UPDATE boats SET extra = ?", wide := json.dumps([[]] * 300))
    row, _ = assert_sendable(reader)
    assert row["extra"] == json.loads(wide)


def test_filters_compare_json_by_its_value(reader: Reader, foreign: Foreign) -> None:
    """Not by the spelling of the program that wrote it."""
    for code, extra in (
        ("a", "1.0"),
        ("b", "1"),
        ("c", ' "x" '),
        ("d", '"\\u0078"'),
        ("e", "true"),
        ("f", " null "),
        ("g", None),
    ):
        add(foreign, code, harbour=code, extra=extra)
    foreign.connection.execute("PRAGMA ignore_check_constraints = on")
    foreign.connection.execute("INSERT INTO boats (code, extra) VALUES ('h', 'x')")  # no JSON: read as text
    for value, expected in (
        (1, ["a", "b"]),
        (1.0, ["a", "b"]),
        ("x", ["c", "d", "h"]),
        (True, ["e"]),
        (None, ["f", "g"]),
    ):
        filters = compile_filters({"extra": value})
        assert codes(reader, where=filters) == expected, value
        found = reader.read(ReadQuery(resource="boats")).rows
        assert [row["code"] for row in found if predicate(filters)(row)] == expected
    assert codes(reader, where=compile_filters({"extra": {"null": False}})) == ["a", "b", "c", "d", "e", "h"]


def test_foreign_text_that_is_not_utf_8_can_be_read(reader: Reader, foreign: Foreign) -> None:
    foreign.run("INSERT INTO boats (code, name) VALUES ('a', CAST(x'41ff42' AS TEXT))")
    row, _ = assert_sendable(reader)
    assert row["name"] == "A\ufffdB"
    add(foreign, "b", harbour="x")
    assert codes(reader, where=compile_filters({"harbour": None}), limit=5) == ["a"]


def test_foreign_blobs_and_infinities_can_be_read(reader: Reader, foreign: Foreign) -> None:
    foreign.connection.execute("PRAGMA ignore_check_constraints = on")
    foreign.connection.execute(
        "INSERT INTO boats (code, name, weight, afloat, extra) VALUES ('a', x'00ff', 9e999, 7, x'01')"
    )
    row, _ = assert_sendable(reader)
    assert (row["name"], row.get("weight"), row["afloat"], row["extra"]) == ("00ff", None, 7, "01")


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(-2, 2)
    | st.sampled_from(["", "1", "true", "null"])
    | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(weight=st.floats(allow_nan=False), extra=json_values, name=texts)
def test_a_row_is_the_same_in_its_table_and_in_the_log(
    reader: Reader, foreign: Foreign, weight: float, extra: Any, name: str
) -> None:
    foreign.connection.execute(
        "INSERT OR REPLACE INTO boats (code, name, weight, extra) VALUES ('a', ?, ?, ?)",
        (name, weight, json.dumps(extra)),
    )
    row, _ = assert_sendable(reader)
    assert row.get("weight") == (weight if math.isfinite(weight) else None)
    assert (row.get("extra"), row["name"]) == (extra, name)


def test_the_head_counts_changes_of_a_statement_that_failed_and_kept_them(reader: Reader, foreign: Foreign) -> None:
    """SQLite does not note the numbers of such changes in sqlite_sequence."""
    add(foreign, "a", sign=1)
    add(foreign, "b", sign=2)
    before = reader.read(ReadQuery(resource="boats")).seq
    with pytest.raises(sqlite3.IntegrityError):
        foreign.execute("UPDATE OR FAIL boats SET sign = 3")
    result = reader.read(ReadQuery(resource="boats"))
    assert [row["sign"] for row in result.rows] == [3, 2]
    assert result.seq == before + 1
