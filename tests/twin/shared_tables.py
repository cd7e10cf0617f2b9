"""What is shared: the resources of the schema files, and whether a copy of their rows is what the tables have."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from tests.twin.pair import Pair
from tests.twin.wire_values import Property, same

NOTICE_S = 5.0
"""How long the gateway may take to notice that it misses changes."""
Row = dict[str, Any]
Rows = dict[str, Row]
"""By their keys, as JSON."""


class Resource:
    """A shared table, as its schema file describes it."""

    def __init__(self, name: str, schema: Row) -> None:
        self.name = name
        described = schema["x-resource"]
        self.table: str = described.get("table", name)
        key = described["key"]
        self.key: list[str] = [key] if isinstance(key, str) else key
        self.properties: dict[str, Property] = {
            name: prop for name, prop in schema["properties"].items() if not prop.get("writeOnly")
        }

    def by_key(self, rows: list[Row]) -> Rows:
        return {self.key_of(row): row for row in rows}

    def key_of(self, row: Row) -> str:
        return json.dumps([row.get(column) for column in self.key])


def resources(folder: Path) -> dict[str, Resource]:
    """Those of the schema files in `folder`."""
    files = sorted((folder / "resources").glob("*.schema.json"))
    found = ((file.name.removesuffix(".schema.json"), json.loads(file.read_text())) for file in files)
    return {name: Resource(name, schema) for name, schema in found}


class Copy(ABC):
    """A copy of all shared rows that changes keep up to date, and the check of it: copy = list = SELECT."""

    def __init__(self, shared: dict[str, Resource], pair: Pair) -> None:
        self.resources, self.pair = shared, pair
        self.rows: dict[str, Rows] = {name: {} for name in shared}

    def check(self, patience: float = NOTICE_S) -> bool:
        """Whether everything is right. False if it is not, and the gateway says so. Raises Difference."""
        self.pair.shared.wake()
        deadline = time.monotonic() + patience
        while (wrong := self._wrong()) is not None:
            if self.told():
                return False
            if time.monotonic() >= deadline:
                self.pair.differ(f"{wrong}\nand the gateway does not say so. Its log ends with:\n{self.log()[-1500:]}")
            time.sleep(0.02)
        return True

    @abstractmethod
    def lists(self) -> dict[str, Rows] | str:
        """What a `list` of each resource answers; or what is wrong with an answer."""

    @abstractmethod
    def told(self) -> bool:
        """Whether the gateway says that its rows may be wrong: to probes, in its log, to its clients."""

    @abstractmethod
    def log(self) -> str:
        """The gateway's log."""

    @abstractmethod
    def close(self) -> None: ...

    def _wrong(self) -> str | None:
        listed = self.lists()
        if isinstance(listed, str):
            return listed
        for name, resource in self.resources.items():
            if self.rows[name] != listed[name]:
                return f"{name}: {_first_unequal(self.rows[name], listed[name])}"
            if (reason := self._unlike_table(resource, listed[name])) is not None:
                return reason
        return None

    def _unlike_table(self, resource: Resource, rows: Rows) -> str | None:
        postgres = "::text" if self.pair.database == "postgresql" else ""
        listed = ", ".join(f't."{name}"{postgres}' for name in resource.properties)
        try:
            found = self.pair.shared.select(f'select {listed} from "{resource.table}" t')
        except Exception as error:  # the owner renamed or dropped what the gateway shares
            return f"{resource.name}: the table cannot be read as the schema has it: {error}"
        table = [dict(zip(resource.properties, values, strict=True)) for values in found]
        named = [stored for stored in table if _is_named(resource, stored)]
        if len(named) != len(rows):
            return f"{resource.name}: the list has {len(rows)} rows, the table {len(named)} that a client can name"
        for stored in named:
            if not any(_same(resource, row, stored) for row in rows.values()):
                close = [
                    row
                    for row in rows.values()
                    if same(resource.properties[resource.key[0]], row[resource.key[0]], stored[resource.key[0]])
                ]
                return f"{resource.name}: the table has {stored}, the list {close}"
        return None


def _is_named(resource: Resource, stored: Row) -> bool:
    """Whether each part of the key has a value on the wire. The gateway leaves the other rows out, as its page says."""
    return not any(same(resource.properties[name], None, stored[name]) for name in resource.key)


def _same(resource: Resource, row: Row, stored: Row) -> bool:
    return all(same(prop, row.get(name), stored[name]) for name, prop in resource.properties.items())


def _first_unequal(copy: Rows, listed: Rows) -> str:
    for key in copy.keys() | listed.keys():
        if copy.get(key) != listed.get(key):
            return f"the copy has {copy.get(key)}, the list {listed.get(key)}"
    return "the copy has another order"
