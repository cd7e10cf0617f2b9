"""Random histories: applied in order, the change log always gives the tables as they are.

Several programs write all that SQLite allows, in transactions that are committed or rolled back, and have triggers.
After each, a reader of the log must have exactly the rows of `SELECT *`, and a reader with a filter those that meet it.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.store.application import Entry, Foreign, RowKey, Values, check_told, raw
from tests.store.program import connect

TOUCH = """
CREATE TRIGGER touch AFTER UPDATE ON boats WHEN NEW.weight IS OLD.weight BEGIN
  UPDATE boats SET weight = CASE weight WHEN 1 THEN 2 ELSE 1 END WHERE code = NEW.code;
END;
CREATE TRIGGER settle AFTER INSERT ON boats BEGIN UPDATE boats SET weight = 1 WHERE code = NEW.code; END;
"""
"""Triggers of an application: each write is followed by another one to the same row."""

Statement = tuple[str, tuple[Any, ...]]


class Work(NamedTuple):
    """One transaction: who does it, what, and how it ends."""

    program: int
    statements: tuple[Statement, ...]
    end: str


codes = st.sampled_from(["a", "b", "c"])
signs = st.sampled_from([None, 1, 2, 3])
names = st.sampled_from(["Ada", "Eve"])
harbours = st.sampled_from([None, "Ost", "West"])
weights = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
policies = st.sampled_from(["", "OR REPLACE", "OR IGNORE", "OR FAIL", "OR ABORT"])
columns = st.sampled_from(["code", "sign", "harbour"])
VALUE_OF = {"code": codes, "sign": signs, "harbour": harbours}
ON_CONFLICT = st.sampled_from(
    [
        "DO NOTHING",
        "(code) DO UPDATE SET sign = excluded.sign, weight = excluded.weight",
        "(sign) DO UPDATE SET code = excluded.code",
        "(name, harbour) DO UPDATE SET code = excluded.code WHERE code <> 'c'",
    ]
)


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    policy = draw(policies)
    row = (draw(codes), draw(signs), draw(names), draw(harbours), draw(weights))
    into = "INTO boats (code, sign, name, harbour, weight)"
    match draw(st.sampled_from(["insert", "several", "upsert", "update", "shift", "delete", "any text"])):
        case "insert":
            return f"INSERT {policy} {into} VALUES (?, ?, ?, ?, ?)", row
        case "several":
            other = (draw(codes), draw(signs), draw(names), draw(harbours), None)
            return f"INSERT {policy} {into} VALUES (?, ?, ?, ?, ?), (?, ?, ?, ?, ?)", row + other
        case "upsert":
            return f"INSERT {into} VALUES (?, ?, ?, ?, ?) ON CONFLICT {draw(ON_CONFLICT)}", row
        case "update":
            changed, asked = draw(columns), draw(columns)
            values = (draw(VALUE_OF[changed]), draw(VALUE_OF[asked]))
            return f"UPDATE {policy} boats SET {changed} = ? WHERE {asked} = ?", values
        case "shift":
            return f"UPDATE {policy} boats SET sign = sign + 1, code = char(unicode(code) + ?)", (draw(signs),)
        case "delete":
            asked = draw(columns)
            return f"DELETE FROM boats WHERE {asked} = ?", (draw(VALUE_OF[asked]),)
        case _:
            text = draw(st.text(max_size=5))
            return "UPDATE boats SET extra = json_array(?), tags = json_insert(tags, '$[#]', ?)", (text, text)


works = st.builds(
    Work,
    program=st.integers(0, 1),
    statements=st.lists(statements(), min_size=1, max_size=3).map(tuple),
    end=st.sampled_from(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK", "ROLLBACK TO one"]),
)
FULL = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
INSERT = "INSERT OR REPLACE INTO boats (code, sign, harbour) VALUES (?, ?, ?)"


@FULL
@given(history=st.lists(works, max_size=8))
@example(history=[Work(0, ((INSERT, ("a", 1, "Ost")), (INSERT, ("b", 1, "West"))), "COMMIT")])
def test_the_log_has_every_step_of_a_history(template: Path, history: list[Work]) -> None:
    with programs(template) as writers:
        reader, told = writers[0], 0
        for work in history:
            before = reader.tables()
            carry_out(writers[work.program], work)
            entries = reader.log(told)
            told = entries[-1].seq if entries else told
            check_told(before, reader.tables(), entries)
        assert_folds(reader)


@FULL
@given(history=st.lists(works, max_size=8), where=harbours)
@example(history=[Work(0, ((INSERT, ("a", 1, "Ost")), (INSERT, ("a", 1, "West"))), "COMMIT")], where="Ost")
def test_a_client_that_follows_the_log_has_the_rows_despite_foreign_triggers(
    template: Path, history: list[Work], where: str | None
) -> None:
    with programs(template) as writers:
        writers[0].connection.executescript(TOUCH)
        told = 0
        followed: dict[RowKey, Values] = {}
        for work in history:
            carry_out(writers[work.program], work)
            entries = writers[0].log(told)
            told = entries[-1].seq if entries else told
            follow(followed, entries, where)
            boats = writers[0].tables()["boats"]
            assert followed == {key: row for key, row in boats.items() if row["harbour"] == where}
        assert_folds(writers[0])


@contextmanager
def programs(template: Path) -> Iterator[Sequence[Foreign]]:
    """Two programs, only one of which has `recursive_triggers` on."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(template, folder))
        writers = [Foreign(connect(path), recursive_triggers=bool(number)) for number in range(2)]
        for writer in writers:
            writer.connection.execute("PRAGMA synchronous = off")
        try:
            yield writers
        finally:
            for writer in writers:
                writer.close()


def carry_out(writer: Foreign, work: Work) -> None:
    """Statements that SQLite refuses are left out, as a program would that goes on."""
    run = writer.connection.execute
    run("BEGIN IMMEDIATE")
    for number, (sql, parameters) in enumerate(work.statements):
        if number == 1:
            run("SAVEPOINT one")
        try:
            run(sql, parameters)
        except sqlite3.IntegrityError as refused:
            assert "tidegate" not in str(refused)  # the log's own tables never refuse
    if work.end == "ROLLBACK TO one":
        if len(work.statements) > 1:
            run(work.end)
        run("COMMIT")
    else:
        run(work.end)


def follow(rows: dict[RowKey, Values], entries: Sequence[Entry], where: str | None) -> None:
    """What a subscriber to one harbour does with its copy."""
    for entry in entries:
        before = entry.old is not None and entry.old["harbour"] == where
        if entry.new is not None and entry.new["harbour"] == where:
            rows[entry.key] = entry.new
        elif before:
            rows.pop(entry.key, None)


def assert_folds(reader: Foreign) -> None:
    """The whole log, from empty tables on."""
    rows: dict[str, dict[RowKey, Values]] = {name: {} for name in reader.tables()}
    for entry in reader.log():
        if entry.new is None:
            rows[entry.resource].pop(entry.key, None)
        else:
            rows[entry.resource][entry.key] = entry.new
    assert rows == reader.tables()
    found = reader.connection.execute("SELECT old FROM tidegate_aside").fetchall()
    assert all(raw(old) in reader.tables()["boats"].values() for (old,) in found)  # what is left there is true
