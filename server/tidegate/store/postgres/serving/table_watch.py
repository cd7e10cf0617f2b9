"""Sees whether the tables of the resources, and Tidegate's triggers, still are as the gateway needs them.

Any program may drop, rename or rebuild a table while the gateway serves it, give it row level security, or turn
triggers off and on again, as PostgreSQL's own tools do when they load rows. A migration mends it, and logs a reset
where changes may be lost. This module reads the catalogue.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tidegate.contract import Resource
from tidegate.store.errors import HIDDEN, INHERITED, LACKS, LOST, TURNED_OFF, UNKEYED
from tidegate.store.postgres.changelog import (
    COMMITS,
    NUMBER,
    NUMBER_ONE,
    NUMBER_ONE_TRIGGER,
    NUMBER_TRIGGER,
    PENDING,
    log_function,
    triggers,
)
from tidegate.store.postgres.connection import Connection, shown
from tidegate.store.postgres.home import qualified
from tidegate.store.postgres.serving import table_shapes
from tidegate.store.postgres.serving.table_shapes import SHAPE, TableShape, changed, remade, shape
from tidegate.store.postgres.unique_keys import HAS_UNIQUE_KEY

log = logging.getLogger("tidegate.store")

Fault = tuple[str, str]
"""A text, and the names to put into it."""


class _Watched(NamedTuple):
    """A table, and what the gateway needs there."""

    table: str
    relation: str
    """The table's name as SQL."""
    function: str
    """The function that the triggers call, with parentheses."""
    triggers: frozenset[str]
    columns: frozenset[str] = frozenset()
    key: tuple[str, ...] = ()
    resource: str | None = None
    """None for tables of the log: without their triggers no resource is complete."""


# A: also for sessions with another session_replication_role. Triggers that were turned off and on again are not so.
_FOUND = f"""SELECT asked.relation, CASE WHEN t.oid IS NOT NULL THEN {SHAPE} END,
  ARRAY(SELECT tgname::text FROM pg_trigger WHERE tgrelid = t.oid AND tgfoid = to_regprocedure(asked.function)),
  ARRAY(SELECT tgname::text FROM pg_trigger WHERE tgrelid = t.oid AND tgenabled <> 'A'),
  EXISTS (SELECT FROM pg_inherits WHERE inhparent = t.oid), row_security_active(t.oid),
  {HAS_UNIQUE_KEY.format(table="t.oid", key="ARRAY(SELECT json_array_elements_text(asked.key::json))")}
FROM unnest($1::text[], $2::text[], $3::text[]) asked (relation, function, key)
LEFT JOIN pg_class t ON t.oid = to_regclass(asked.relation) AND t.relkind = 'r'"""


class TableWatch:
    def __init__(self, url: str, home: str, resources: Mapping[str, Resource]) -> None:
        """`home`: the schema of the tables."""
        self.incomplete: frozenset[str] = frozenset()
        """The resources whose table or triggers are not as they should be."""
        self._url = url
        self._resources = frozenset(resources)
        self._watched = {watched.relation: watched for watched in _watched(home, resources)}
        self.rewritten: list[str] = []
        """The columns that gave rows other values, which no trigger sees."""
        self.shapes: dict[str, TableShape] = {}
        """The tables as they were seen last."""
        self.noted: dict[str, TableShape] | None = None
        """The tables as META has them; None before the first look."""
        self._keyed: set[str] = set()
        """The tables whose key was unique when it was looked at."""
        self._said: set[Fault] = set()

    def look(self, connection: Connection) -> None:
        """Log what is new. Raises psycopg.Error."""
        asked = [(watched.relation, watched.function, json.dumps(watched.key)) for watched in self._watched.values()]
        found = connection.execute(_FOUND, [*map(list, zip(*asked, strict=True))]).fetchall()
        if self.noted is None:
            self.noted = table_shapes.recorded(connection)
            self.shapes = dict(self.noted)
        faults: dict[str | None, Fault] = {}
        for relation, shaped, *state, unique in found:
            watched = self._watched[relation]
            now = None if shaped is None else shape(shaped, watched.columns)
            if now is not None and watched.columns:
                self._compare(connection, watched.table, now)
            if unique:
                self._keyed.add(relation)
            seen = [None if now is None else now.columns, *state, not unique and relation in self._keyed]
            if (fault := _fault(watched, *seen)) is not None:
                faults[watched.resource] = fault
        self.incomplete = self._resources if None in faults else frozenset(map(str, faults))
        said = set(faults.values())
        for text, names in sorted(said - self._said):
            log.error(f"the database %s {text}", shown(self._url), names)
        self._said = said

    def _compare(self, connection: Connection, table: str, now: TableShape) -> None:
        """Note how the table is, and which columns gave rows other values."""
        before = self.shapes.get(table)
        if before is not None and remade(before, now):
            recorded = table_shapes.recorded(connection).get(table)
            if recorded is None or not remade(recorded, now):  # by a migration, which logged a reset
                before = None
        if before is not None:
            self.rewritten += changed({table: before}, {table: now})
        self.shapes[table] = now.after(before)


def _watched(home: str, resources: Mapping[str, Resource]) -> Iterator[_Watched]:
    for name, resource in resources.items():
        yield _Watched(
            resource.table,
            qualified(home, resource.table),
            f"{log_function(resource)}()",
            frozenset(triggers(resource)),
            frozenset(resource.properties),
            resource.key,
            name,
        )
    yield _Watched(COMMITS, COMMITS, f"{NUMBER}()", frozenset({NUMBER_TRIGGER}))
    yield _Watched(PENDING, PENDING, f"{NUMBER_ONE}()", frozenset({NUMBER_ONE_TRIGGER}))


def _fault(
    watched: _Watched,
    columns: Any,
    fitting: Any,
    turned_off: Any,
    parent: bool,
    hidden: bool,
    lost_key: bool,
) -> Fault | None:
    if columns is None:
        return LACKS, f"the table {watched.table}"
    if missing := watched.columns.difference(columns):
        return LACKS, "the column " + ", ".join(f"{watched.table}.{name}" for name in sorted(missing))
    if hidden:
        return HIDDEN, watched.table
    if parent:
        return INHERITED, watched.table
    for text, wrong in (
        (LOST, watched.triggers.difference(fitting)),
        (TURNED_OFF, watched.triggers.intersection(turned_off)),
    ):
        if wrong:
            return text, ", ".join(f"{name} on {watched.table}" for name in sorted(wrong))
    return (UNKEYED, f"{', '.join(watched.key)} of {watched.table}") if lost_key else None
