"""Tables of other programs whose key no index keeps unique: `migrate` says so, and a gateway when it loses one."""

from __future__ import annotations

import pytest

from tests.store.application import ANYONE
from tests.store.port.conftest import Database
from tests.support.cases import every_case
from tidegate.schema.resource import read_resource
from tidegate.store import backends

PAIRS = read_resource(
    "pairs",
    {
        "title": "Pair",
        "type": "object",
        "x-resource": {"key": ["a", "b"]},
        "x-access": ANYONE,
        "properties": {name: {"type": "integer"} for name in ("a", "b", "c")},
        "required": ["a", "b"],
    },
    {},
)
TABLE = "CREATE TABLE pairs (a integer NOT NULL, b integer NOT NULL, c integer{})"
UNIQUE = {
    "a primary key": [TABLE.format(", PRIMARY KEY (b, a)")],
    "a part of the key": [TABLE.format(", UNIQUE (a)")],
    "a unique index": [TABLE.format(""), "CREATE UNIQUE INDEX i ON pairs (a, b)"],
}
NOT_UNIQUE = {
    "no index": [TABLE.format("")],
    "another index": [TABLE.format(""), "CREATE INDEX i ON pairs (a, b)"],
    "a primary key with another column": [TABLE.format(", PRIMARY KEY (a, b, c)")],
    "a unique index of some rows": [TABLE.format(""), "CREATE UNIQUE INDEX i ON pairs (a, b) WHERE c > 0"],
    "a unique index of an expression": [TABLE.format(""), "CREATE UNIQUE INDEX i ON pairs (a, abs(b))"],
}
SAID = "no unique index keeps the key of pairs (a, b): clients take rows with equal keys for one row"


def test_migrate_names_tables_of_others_without_a_unique_key(database: Database) -> None:
    with every_case() as case:
        for name, statements in (UNIQUE | NOT_UNIQUE).items():
            with case(name):
                for statement in ("DROP TABLE IF EXISTS pairs", *statements):
                    database.foreign.execute(statement)
                notes = backends.migrations(database.url).notes(database.url, {"pairs": PAIRS})
                assert any(SAID in note for note in notes) is (name in NOT_UNIQUE)


async def test_a_gateway_warns_of_a_table_without_a_unique_key(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for statement in NOT_UNIQUE["no index"]:
        database.foreign.execute(statement)
    backends.migrations(database.url).apply(database.url, {**database.resources, "pairs": PAIRS})
    store = await database.open({"pairs": PAIRS})
    await store.close()
    assert [record.levelname for record in caplog.records if SAID in record.getMessage()] == ["WARNING"]
