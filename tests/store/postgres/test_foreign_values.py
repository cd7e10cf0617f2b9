"""Values that only a table of another program has: infinity, NaN, and years before 1 and after 9999.

The wire has no word for them: they go out as no value at all, and so they are found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.store.application import ANYONE
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.ports import ReadQuery
from tidegate.schema.resource import read_resource
from tidegate.store.postgres.connection import Connections
from tidegate.store.postgres.migration import migrate
from tidegate.store.postgres.serving.reader import Reader

OFFERS = read_resource(
    "offers",
    {
        "title": "Offer",
        "type": "object",
        "x-resource": {"key": "id"},
        "x-access": ANYONE,
        "properties": {
            "id": {"type": "integer"},
            "until": {"type": "string", "format": "date-time"},
            "price": {"type": "number"},
        },
        "required": ["id"],
    },
    {},
)
TIMES = ("infinity", "-infinity", "0044-03-15 BC", "10000-01-01 00:00Z", None, "2026-01-01 00:00Z")
PRICES = ("Infinity", "-Infinity", "NaN", None, 0.5, 1.5)
TOLD = {"id": 6, "until": "2026-01-01T00:00:00.000000Z", "price": 1.5}
NOON = "2026-01-01T12:00:00.000000Z"


@pytest.fixture(scope="module")
def reader(postgres: PostgresServer) -> Iterator[Reader]:
    with postgres.lent() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE offers (id bigint PRIMARY KEY, until timestamptz, price double precision)")
        migrate.apply(url, {"offers": OFFERS})
        for number, values in enumerate(zip(TIMES, PRICES, strict=True), start=1):
            connection.execute("INSERT INTO offers VALUES (%s, %s, %s)", (number, *values))
        connections = Connections(url, reading=True)
        yield Reader(connections, {"offers": OFFERS}, "public")
        connections.close()


def test_clients_get_no_value_for_them(reader: Reader) -> None:
    rows = [*({"id": number} for number in range(1, 5)), {"id": 5, "price": 0.5}, TOLD]
    assert reader.read(ReadQuery(resource="offers")).rows == rows
    assert [change.new for change in reader.changes(0, 10, 10)] == rows


@pytest.mark.parametrize(
    "asked",
    [
        None,
        {"null": False},
        *({operator: NOON} for operator in ("eq", "ne", "lt", "lte", "gt", "gte")),
        {"in": [NOON, TOLD["until"]]},
        {"nin": [NOON]},
        {"between": ["2025-01-01T00:00:00.000000Z", NOON]},
        {"nbetween": [NOON, NOON]},
    ],
    ids=str,
)
def test_filters_find_times_as_clients_see_them(reader: Reader, asked: Any) -> None:
    check(reader, {"until": asked})


@pytest.mark.parametrize(
    "asked",
    [
        None,
        {"null": False},
        *({operator: 1} for operator in ("eq", "ne", "lt", "lte", "gt", "gte")),
        {"in": [0.5, 1]},
        {"nin": [0.5]},
        {"between": [-1e308, 1e308]},
        {"nbetween": [0, 1]},
    ],
    ids=str,
)
def test_filters_find_numbers_as_clients_see_them(reader: Reader, asked: Any) -> None:
    check(reader, {"price": asked})


def check(reader: Reader, asked: Any) -> None:
    filters = compile_filters(asked)
    rows = reader.read(ReadQuery(resource="offers")).rows
    found = reader.read(ReadQuery(resource="offers", where=filters)).rows
    assert found == [row for row in rows if predicate(filters)(row)]
