"""The change log of SQLite: triggers write each change of any program to it, in the transaction of the change.

The triggers use only what a stock SQLite >= 3.38 has, so that any program can write to the tables. REPLACE deletes rows
without calling their triggers (unless `recursive_triggers` is on, which is per connection): BEFORE triggers set aside
the rows that a write could replace, and the AFTER trigger logs those that are gone. The triggers miss the rows that OR
REPLACE replaces by random() in its VALUES, which SQLite computes twice. Every name of a column is qualified: where
there is no such column, SQLite takes a bare name in double quotes for text. No trigger calls a JSON function: SQLite
3.38 to 3.40 refuse that to a program that has set `trusted_schema` off.
Invariant: applied in order of `seq`, the log's images turn an empty table into the table as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tidegate.contract import Resource, canonical_default
from tidegate.store.sql.names import literal, quoted
from tidegate.store.sqlite.rows import BLOB, TEXT, to_column

LOG, ASIDE, META, REQUESTS = "tidegate_log", "tidegate_aside", "tidegate_meta", "tidegate_requests"

TABLES = {
    # AUTOINCREMENT: a seq is never given twice, not even after everything was pruned.
    LOG: f"""CREATE TABLE {LOG} (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, resource TEXT NOT NULL, key TEXT NOT NULL,
  action TEXT NOT NULL, old TEXT, new TEXT, origin TEXT, actor TEXT)""",
    ASIDE: f"""CREATE TABLE {ASIDE} (
  resource TEXT NOT NULL, row INTEGER NOT NULL, key TEXT NOT NULL, old TEXT NOT NULL, PRIMARY KEY (resource, row))""",
    META: f"CREATE TABLE {META} (name TEXT PRIMARY KEY NOT NULL, value NOT NULL)",
    REQUESTS: f"""CREATE TABLE {REQUESTS} (
  user TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL, reply TEXT NOT NULL, time INTEGER NOT NULL,
  PRIMARY KEY (user, key))""",
}
"""The tables that Tidegate keeps for itself, by name."""

CHAIN = 50
"""Columns in one chain of an image, at most."""
SERVED = "served"
"""META's entry of a log that was served in its epoch: it has a note somewhere, and clients have positions."""
NOW_MS = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


class Replacing(NamedTuple):
    """Under which conditions NEW replaces a row `t`, beside those that follow from the schema."""

    conditions: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    """An update that sets none of these columns meets none of the `conditions`."""
    collated: frozenset[frozenset[str]] = frozenset()
    """Sets of columns that the schema says to be unique, and that `conditions` compare as their index does."""


NOTHING = Replacing()


def logged(resource: Resource) -> tuple[str, ...]:
    """The columns that the log's images have."""
    return tuple(prop.name for prop in resource.properties.values() if not prop.write_only)


def triggers(
    resource: Resource, replacing: Replacing = NOTHING, columns: Sequence[str] | None = None
) -> dict[str, str]:
    """The triggers of one resource's table, by name. `columns`: those that are logged, if not `logged` ones."""
    table, name, rowid = quoted(resource.table), literal(resource.name), _rowid(resource)
    columns = logged(resource) if columns is None else columns
    new_key, old_key = image("NEW", resource.key), image("OLD", resource.key)
    # A foreign trigger may have changed the new row by now: the log gets the row as it is, not NEW.
    row = f"{table} t WHERE t.{rowid} = NEW.{rowid} AND {image('t', resource.key)} = {new_key}"
    now = image("t", columns)
    replaced = f"(SELECT a.old FROM {ASIDE} a WHERE a.resource = {name} AND a.key = {new_key})"
    before = f"coalesce((SELECT a.old FROM {ASIDE} a WHERE a.resource = {name} AND a.key = {old_key}), "
    before += f"{image('OLD', columns)})"
    gone = (
        f"NOT EXISTS (SELECT 1 FROM {table} t "
        f"WHERE t.{rowid} = {ASIDE}.row AND {image('t', resource.key)} = {ASIDE}.key)"
    )
    log_replaced = f"""INSERT INTO {LOG} (time, resource, key, action, old)
    SELECT {NOW_MS}, {name}, key, 'delete', old FROM {ASIDE}
    WHERE resource = {name} AND key <> {new_key} AND {gone}"""
    log_arrived = f"""INSERT INTO {LOG} (time, resource, key, action, old, new)
    SELECT {NOW_MS}, {name}, {new_key}, CASE WHEN {replaced} IS NULL THEN 'create' ELSE 'update' END,
      {replaced}, {now}
    FROM {row} AND ({replaced} IS NULL OR {replaced} <> {now})"""
    log_deleted = f"INSERT INTO {LOG} (time, resource, key, action, old) "
    log_deleted += f"VALUES ({NOW_MS}, {name}, {old_key}, 'delete', {before})"
    other = f"t.{rowid} <> OLD.{rowid}"
    unique = [*_unique(resource, replacing.collated), f"t.{rowid} = NEW.{rowid}"]
    bodies = {
        "before_insert": f"""DELETE FROM {ASIDE} WHERE resource = {name};
  {_set_aside(resource, columns, [*unique, *replacing.conditions], "1")}""",
        # Nothing is cleared here: this may be a foreign trigger's update within a REPLACE that is not logged yet.
        "before_update": _set_aside(resource, columns, unique, other),
        "after_insert": f"""{log_replaced};
  {log_arrived};
  DELETE FROM {ASIDE} WHERE resource = {name};""",
        "after_update": f"""{log_replaced} AND key <> {old_key};
  INSERT INTO {LOG} (time, resource, key, action, old, new)
    SELECT {NOW_MS}, {name}, {new_key}, 'update', {before}, {now}
    FROM {row} AND {new_key} = {old_key} AND {before} <> {now};
  INSERT INTO {LOG} (time, resource, key, action, old)
    SELECT {NOW_MS}, {name}, {old_key}, 'delete', {before} WHERE {new_key} <> {old_key};
  {log_arrived} AND {new_key} <> {old_key};
  DELETE FROM {ASIDE} WHERE resource = {name} AND (key IN ({old_key}, {new_key}) OR {gone});""",
        "after_delete": f"""{log_deleted};
  DELETE FROM {ASIDE} WHERE resource = {name} AND row = OLD.{rowid};""",
    }
    found = dict(_trigger(resource, event, "", body, columns) for event, body in bodies.items())
    if replacing.conditions:
        # Apart, because the conditions may need functions and collations that only the table's own program has: other
        # programs can still update the other columns.
        body = _set_aside(resource, columns, replacing.conditions, other)
        of = f" OF {', '.join(map(quoted, replacing.columns))}"
        name, sql = _trigger(resource, "before_update", of, body, columns)
        found[f"{name}_of"] = sql.replace(quoted(name), quoted(f"{name}_of"), 1)
    return found


def up_to_date(installed: Mapping[str, str], resource: Resource, replacing: Replacing) -> set[str]:
    """The names of the wanted triggers that are `installed` and log at least the columns of the resource.

    `installed`: the SQL of the table's triggers, by name. Those of a newer schema may log more.
    """
    found = set()
    for name, sql in triggers(resource, replacing).items():
        there = installed.get(name, "")
        columns = logged_columns(there)
        if there == sql or (
            set(columns) > set(logged(resource)) and there == triggers(resource, replacing, columns)[name]
        ):
            found.add(name)
    return found


_COLUMNS = re.compile(r"^  -- logs (\[.*\])$", re.MULTILINE).search


def logged_columns(sql: str) -> tuple[str, ...]:
    """The columns that a trigger logs, by its comment."""
    found = _COLUMNS(sql)
    return tuple(json.loads(found[1])) if found else ()


def _trigger(resource: Resource, event: str, of: str, body: str, columns: Sequence[str]) -> tuple[str, str]:
    """The name and the definition of the trigger for `event`, such as `after_insert`."""
    name, when = f"tidegate_{resource.name}_{event}", event.upper().replace("_", " ") + of
    comment = f"-- logs {json.dumps(columns)}"
    return name, f"CREATE TRIGGER {quoted(name)} {when} ON {quoted(resource.table)} BEGIN\n  {comment}\n  {body}\nEND"


def _unique(resource: Resource, collated: frozenset[frozenset[str]]) -> list[str]:
    """Conditions under which NEW is equal to a row `t` in the key or in a unique set of columns."""
    return [
        "(" + " AND ".join(f"t.{quoted(column)} = {_arriving(resource, column)}" for column in columns) + ")"
        for columns in (resource.key, *resource.unique)
        if frozenset(columns) not in collated
    ]


def _set_aside(resource: Resource, columns: Sequence[str], conditions: Sequence[str], when: str) -> str:
    """Keep the rows that NEW could replace: those that meet one of the `conditions`.

    A row that is aside already stays as it is there: so the log last saw it. (No OR REPLACE: that of the outer
    statement counts.)
    """
    name, rowid = literal(resource.name), _rowid(resource)
    return f"""INSERT INTO {ASIDE} (resource, row, key, old)
    SELECT {name}, t.{rowid}, {image("t", resource.key)}, {image("t", columns)}
    FROM {quoted(resource.table)} t WHERE ({" OR ".join(conditions)}) AND {when}
    AND NOT EXISTS (SELECT 1 FROM {ASIDE} WHERE resource = {name} AND row = t.{rowid});"""


def _arriving(resource: Resource, column: str) -> str:
    """NEW's value; OR REPLACE puts a column's default in the place of a NULL that the column forbids."""
    prop, value = resource.properties[column], f"NEW.{quoted(column)}"
    if not prop.has_default or prop.column_nullable:
        return value
    default = to_column(prop, canonical_default(prop))
    return f"coalesce({value}, {literal(default) if isinstance(default, str) else repr(default)})"


def _rowid(resource: Resource) -> str:
    """The first of SQLite's names for a row's number that no column has."""
    return next(name for name in ("rowid", "_rowid_", "oid") if name not in map(str.lower, resource.properties))


def image(row: str, columns: Sequence[str]) -> str:
    """An SQL expression: the columns of `row` as the text of a JSON object of their raw values."""
    names = (("{" if number == 0 else ",") + _json_name(column) for number, column in enumerate(columns))
    parts = [f"{literal(name)} || {_value(row, column)}" for name, column in zip(names, columns, strict=True)]
    return f"({_concatenated(parts)} || '}}')"


def _concatenated(parts: Sequence[str]) -> str:
    """A chain is as deep as it is long, and SQLite allows 1000 levels: many parts become a tree."""
    if len(parts) <= CHAIN:
        return " || ".join(parts)
    half = len(parts) // 2
    return f"({_concatenated(parts[:half])}) || ({_concatenated(parts[half:])})"


def _json_name(column: str) -> str:
    escaped = column.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}":'


def _value(row: str, column: str) -> str:
    """One value as JSON, with control characters as they are. NUL has no escape here, and a dump would end at it.

    20 digits: SQLite before 3.43 gets the 17th wrong at times.
    """
    value = f"{row}.{quoted(column)}"
    blob = f"""'{{"{BLOB}":"' || hex({value}) || '"}}'"""
    escaped = f"""'"' || replace(replace({value}, '\\', '\\\\'), '"', '\\"') || '"'"""
    text = f"""CASE WHEN instr({value}, char(0)) THEN '{{"{TEXT}":"' || hex({value}) || '"}}' ELSE {escaped} END"""
    return (
        f"CASE typeof({value}) WHEN 'null' THEN 'null' WHEN 'integer' THEN CAST({value} AS TEXT) "
        f"WHEN 'text' THEN {text} "
        f"WHEN 'real' THEN CASE WHEN abs({value}) <= 1.7976931348623157e308 THEN printf('%!.20g', {value}) "
        f"ELSE 'null' END ELSE {blob} END"
    )
