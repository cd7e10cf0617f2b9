"""Dates and times that PostgreSQL keeps as text have the form of their format in tables that Tidegate made."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from tests.store.application import ANYONE
from tests.support.cases import every_case
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.contract import Resource
from tidegate.schema.resource import read_resource
from tidegate.store import StoreError
from tidegate.store.postgres.migration import migrate

DAYS = ["2026-01-31", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31", "2026-04-30"]
NO_DAYS = [
    "2023-02-29",
    "1900-02-29",
    "2026-04-31",
    "2026-13-01",
    "2026-00-10",
    "2026-1-1",
    "today",
    "",
    "2026-01-31\n",
]
TIMES = ["12:00:00Z", "23:59:60Z", "08:00:00.25+02:00", "08:00:00z", "00:00:00-23:59"]
NO_TIMES = ["12:00:00", "8:00:00Z", "24:00:00Z", "12:60:00Z", "12:00:00+24:00", "noon", "12:00Z", "12:00:00Z\n"]


def resources(*, formats: bool = True) -> dict[str, Resource]:
    kinds: dict[str, Any] = {"day": {"format": "date"}, "clock": {"format": "time"}}
    schema = {
        "title": "Shift",
        "type": "object",
        "x-resource": {"key": "id"},
        "x-access": ANYONE,
        "properties": {
            "id": {"type": "integer"},
            **{name: {"type": "string", **(kind if formats else {})} for name, kind in kinds.items()},
        },
        "required": ["id"],
    }
    return {"shifts": read_resource("shifts", schema, {})}


def test_text_of_a_date_or_time_has_its_form(postgres: PostgresServer) -> None:
    with postgres.lent() as url:
        migrate.apply(url, resources())
        with psycopg.connect(url, autocommit=True) as connection, every_case() as tried:
            for name, right, wrong in (("day", DAYS, NO_DAYS), ("clock", TIMES, NO_TIMES)):
                schema = resources()["shifts"].properties[name].schema
                for value in [None, *right, *wrong]:
                    with tried(f"{name}: {value!r}"):
                        fits = value is None or Draft202012Validator(schema, validate_formats=True).is_valid(value)
                        assert fits == (value not in wrong)
                        statement = f"INSERT INTO shifts (id, {name}) VALUES (1, %s) ON CONFLICT DO NOTHING"
                        if fits:
                            connection.execute(statement.encode(), [value])
                        else:
                            with pytest.raises(psycopg.errors.CheckViolation):
                                connection.execute(statement.encode(), [value])


def test_every_day_of_four_years_is_a_date(postgres: PostgresServer) -> None:
    with postgres.lent() as url:
        migrate.apply(url, resources())
        days = [date.fromordinal(number).isoformat() for number in range(date(1999, 1, 1).toordinal(), 730500)]
        with psycopg.connect(url) as connection:
            connection.execute("ALTER TABLE shifts DISABLE TRIGGER ALL")
            insert = "INSERT INTO shifts (id, day) SELECT row_number() OVER (), day FROM unnest(%s::text[]) day"
            connection.execute(insert.encode(), [days])


def test_rows_in_another_form_are_in_the_way(postgres: PostgresServer) -> None:
    with postgres.lent() as url:
        migrate.apply(url, resources(formats=False))
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO shifts VALUES (1, '31.1.2026', '12:00:00Z')")
        with pytest.raises(StoreError, match="1 row of shifts: day is no date in the form 2026-01-31, for example"):
            migrate.apply(url, resources())
