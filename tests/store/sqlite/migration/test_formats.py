"""Dates, times and UUIDs have one form in tables that Tidegate made, whichever program writes them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import apsw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.store.application import ANYONE
from tests.support.cases import every_case
from tests.support.sqlite import foreign
from tidegate.contract import Resource
from tidegate.contract.canonical import date_time, moment
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.ports import ReadQuery
from tidegate.schema.resource import read_resource
from tidegate.store import SqliteStore, StoreError
from tidegate.store.sqlite.migration import migrate
from tidegate.store.sqlite.migration.formats import form

FORMATS = {"at": "date-time", "day": "date", "clock": "time", "token": "uuid"}
VALUES: dict[str, tuple[list[str], list[Any]]] = {
    "at": (
        ["2026-01-31T12:00:00.000000Z", "2024-02-29T23:59:59.999999Z", "0001-01-01T00:00:00.000000Z"],
        [
            *("2026-01-31T12:00:00Z", "2026-01-31 12:00:00.000000Z", "2026-01-31T12:00:00.000000+02:00", "tomorrow"),
            *("2026-02-30T12:00:00.000000Z", "2026-01-31T24:00:00.000000Z", "2026-01-31T12:00:60.000000Z", "", "now"),
            *("2023-02-29T12:00:00.000000Z", "0000-01-01T00:00:00.000000Z", "2026-01-31T12:00:00.000000Z\0", 7, b"x"),
        ],
    ),
    "day": (["2026-01-31", "2024-02-29", "0001-01-01"], ["2023-02-29", "2026-04-31", "2026-1-1", "today", "now", ""]),
    "clock": (["12:00:00Z", "23:59:60Z", "08:00:00.25+02:00", "08:00:00z"], ["12:00:00", "8:00:00Z", "noon", "12:00Z"]),
    "token": (
        ["6f1c2d3e-0000-4000-8000-00000000000f"],
        ["6F1C2D3E-0000-4000-8000-00000000000F", "6f1c2d3e00004000800000000000000f", "g" * 36, "-" * 36, ""],
    ),
}


def resource(*, formats: bool = True, **more: Any) -> dict[str, Resource]:
    columns = {
        name: {"type": "string", **({"format": kind} if formats else {}), **more.get(name, {})}
        for name, kind in FORMATS.items()
    }
    schema = {
        "title": "Shift",
        "type": "object",
        "x-resource": {"key": "id", "unique": more.get("unique", [])},
        "x-access": ANYONE,
        "properties": {"id": {"type": "integer"}, **columns},
        "required": ["id"],
    }
    return {"shifts": read_resource("shifts", schema, {})}


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'shifts.db'}"


def execute(folder: Path, *statements: str) -> list[tuple[Any, ...]]:
    """As another program; returns all rows."""
    with foreign(folder / "shifts.db") as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        return list(connection.execute("SELECT * FROM shifts ORDER BY id").fetchall())


def test_another_program_can_write_only_the_one_form(tmp_path: Path) -> None:
    migrate.apply(url_of(tmp_path), resource())
    with foreign(tmp_path / "shifts.db") as connection, every_case() as tried:
        for name, (right, wrong) in VALUES.items():
            for value in [None, *right]:
                with tried(f"{name}: {value!r}"):
                    connection.execute(f"INSERT OR REPLACE INTO shifts (id, {name}) VALUES (1, ?)", (value,))
            for value in wrong:
                with tried(f"{name}: {value!r}"), pytest.raises(Exception, match="CHECK constraint failed"):
                    connection.execute(f"INSERT INTO shifts (id, {name}) VALUES (2, ?)", (value,))


ZONES = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-23 * 60, 23 * 60))


@pytest.fixture(scope="module")
def memory() -> apsw.Connection:
    return apsw.Connection(":memory:")


@settings(deadline=None, max_examples=200)
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=ZONES), st.dates(), st.uuids())
@example(datetime(2026, 1, 31, 23, 59, 59, 999999, UTC), datetime(1, 1, 1).date(), UUID(int=0))
def test_what_the_gateway_writes_has_the_form(memory: apsw.Connection, at: datetime, day: Any, token: UUID) -> None:
    properties = resource()["shifts"].properties
    for name, value in (("at", date_time(at.isoformat())), ("day", day.isoformat()), ("token", str(token))):
        asked = f'SELECT {form(properties[name])} FROM (SELECT ? AS "{name}")'
        assert memory.execute(asked, (value,)).fetchall() == [(1,)], value


def test_other_spellings_that_are_moments() -> None:
    noon = "2026-01-31T12:00:00.000000Z"
    with every_case() as tried:
        for text in (
            *("2026-01-31T12:00:00Z", "2026-01-31 12:00:00", "2026-01-31T14:00+02:00", "2026-01-31t12:00:00.000z"),
            *("2026-01-31 07:00:00-0500", "2026-01-31 12:00", "2026-01-31T12:00:00.000000000Z"),
        ):
            with tried(text):
                assert moment(text) == noon
        for text in (
            "tomorrow",
            "2026-01-31",
            "2026-02-30 12:00:00",
            "2026-01-31T12:00:00Z ",
            "0001-01-01T00:00+01:00",
        ):
            with tried(text):
                assert moment(text) is None


def test_rows_from_before_get_their_one_spelling_and_subscribers_are_told(tmp_path: Path) -> None:
    migrate.apply(url_of(tmp_path), resource(formats=False))
    execute(
        tmp_path,
        "INSERT INTO shifts (id, at, token) VALUES (1, '2026-12-01T08:00:00Z', '6F1C2D3E-0000-4000-8000-00000000000F')",
        "INSERT INTO shifts (id, at) VALUES (2, '2026-12-01 08:00:00'), (3, '2026-12-01T08:00:00.000000Z')",
        "INSERT INTO shifts (id, at) VALUES (4, '2026-12-01T10:00:00+02:00'), (5, NULL)",
    )
    (step,) = (step for step in migrate.planned(url_of(tmp_path), resource()) if step.name.startswith("rebuild"))
    assert "at: format none -> date-time" in step.why
    migrate.apply(url_of(tmp_path), resource())
    eight = "2026-12-01T08:00:00.000000Z"
    rows = execute(tmp_path)
    assert [row[1] for row in rows] == [eight, eight, eight, eight, None]
    assert rows[0][4] == "6f1c2d3e-0000-4000-8000-00000000000f"
    with foreign(tmp_path / "shifts.db") as connection:
        logged = connection.execute("SELECT count(*) FROM tidegate_log WHERE action = 'update'").fetchone()
    assert logged == (4,)
    migrate.check(url_of(tmp_path), resource())


def test_a_row_that_names_no_moment_is_in_the_way(tmp_path: Path) -> None:
    migrate.apply(url_of(tmp_path), resource(formats=False))
    before = execute(
        tmp_path,
        "INSERT INTO shifts (id, at) VALUES (1, '2026-12-01T08:00:00Z')",
        "INSERT INTO shifts (id, at) VALUES (2, 'tomorrow')",
    )
    expected = r'1 row of shifts: at is no date-time in the form 2026-01-31T12:00:00.000000Z, for example {"id": 2}'
    with pytest.raises(StoreError, match=expected):
        migrate.apply(url_of(tmp_path), resource())
    assert execute(tmp_path) == before


def test_one_moment_in_two_spellings_of_a_unique_column_is_in_the_way(tmp_path: Path) -> None:
    migrate.apply(url_of(tmp_path), resource(formats=False, unique=[["at"]]))
    execute(tmp_path, "INSERT INTO shifts (id, at) VALUES (1, '2026-12-01T08:00:00Z'), (2, '2026-12-01 08:00:00')")
    with pytest.raises(StoreError, match="at cannot get its one spelling, 2026-12-01"):
        migrate.apply(url_of(tmp_path), resource(unique=[["at"]]))


def test_a_default_has_its_one_spelling(tmp_path: Path) -> None:
    resources = resource(
        at={"default": "2026-12-01T10:00:00+02:00"}, token={"default": "6F1C2D3E" + "-0000" * 3 + "-00000000000F"}
    )
    migrate.apply(url_of(tmp_path), resources)
    ((_, at, _, _, token),) = execute(tmp_path, "INSERT INTO shifts (id) VALUES (1)")
    assert (at, token) == ("2026-12-01T08:00:00.000000Z", "6f1c2d3e-0000-0000-0000-00000000000f")


async def test_other_spellings_in_a_table_of_another_program_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    execute(
        tmp_path,
        "CREATE TABLE shifts (id INTEGER PRIMARY KEY, at TEXT, day TEXT, clock TEXT, token TEXT)",
        "INSERT INTO shifts (id, at) VALUES (1, '2026-12-01T08:00:00Z'), (2, '2026-12-01T08:00:00.000000Z')",
    )
    migrate.apply(url_of(tmp_path), resource())
    expected = (
        'shifts: at is no date-time in the form 2026-01-31T12:00:00.000000Z, for example {"id": 1}: clients get these '
        "values as they are, and filters compare them as text"
    )
    _, note = migrate.notes(url_of(tmp_path), resource())
    assert expected in note
    with caplog.at_level(logging.WARNING, "tidegate.store"):
        store = await SqliteStore.open(url_of(tmp_path), resource())
    try:
        assert expected in caplog.text
        where = compile_filters({"at": "2026-12-01T08:00:00.000000Z"})
        rows = (await store.read(ReadQuery(resource="shifts", where=where))).rows
        assert [row["id"] for row in rows] == [2]
    finally:
        await store.close()
    execute(tmp_path, "UPDATE shifts SET at = '2026-12-01T08:00:00.000000Z'")
    assert len(migrate.notes(url_of(tmp_path), resource())) == 1
