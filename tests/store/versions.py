"""The application as its schema changes, and all that a migration could change in a database."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.store.application import SCHEMAS
from tests.store.program import connect
from tidegate.contract import Resource
from tidegate.schema.resource import read_resource

Schemas = dict[str, dict[str, Any]]


def with_rows(path: Path, *statements: str) -> None:
    connection = connect(path)
    for sql in statements:
        connection.execute(sql)
    connection.close()


def changed(change: Callable[[Schemas], object]) -> dict[str, Resource]:
    schemas = copy.deepcopy(SCHEMAS)
    change(schemas)
    return {name: read_resource(name, schema, {}) for name, schema in schemas.items()}


def with_property(name: str, schema: dict[str, Any], required: bool = False) -> dict[str, Resource]:
    """The application with one more property of a boat."""

    def change(schemas: Schemas) -> None:
        schemas["boats"]["properties"][name] = schema
        schemas["boats"]["required"] += [name] if required else []

    return changed(change)


def contents(path: Path) -> list[tuple[Any, ...]]:
    """Everything that a migration may change: definitions, rows, the epoch."""
    connection = connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
    found = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
    found += [(name, *row) for name in tables for row in connection.execute(f'SELECT * FROM "{name}"')]
    connection.close()
    return found
