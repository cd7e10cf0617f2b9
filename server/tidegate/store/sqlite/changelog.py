"""The change log of SQLite: triggers write each change of any program to it, in the transaction of the change.

The triggers use only what a stock SQLite >= 3.38 has, so that any program can write to the tables. REPLACE deletes rows
without calling their triggers (unless `recursive_triggers` is on, which is per connection): BEFORE triggers set aside
the rows that a write could replace, and the AFTER trigger logs those that are gone. The triggers miss the rows that OR
REPLACE replaces by random() in its VALUES, which SQLite computes twice.
Invariant: applied in order of `seq`, the log's images turn an empty table into the table as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.contract import Resource
from tidegate.store.sql.names import literal, quoted
from tidegate.store.sqlite.rows import BLOB, to_column

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

SERVED = "served"
"""META's entry of a log that was served in its epoch: it has a note somewhere, and clients have positions."""
NOW_MS = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


def triggers(resource: Resource, replacing: Sequence[str] = ()) -> dict[str, str]:
    """The triggers of one resource's table, by name.

    `replacing`: further conditions under which NEW replaces a row `t`, beside what the schema says to be unique.
    """
    table, name, rowid = quoted(resource.table), literal(resource.name), _rowid(resource)
    columns = [prop.name for prop in resource.properties.values() if not prop.write_only]
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
    FROM {row} AND {replaced} IS NOT {now}"""
    log_deleted = f"INSERT INTO {LOG} (time, resource, key, action, old) "
    log_deleted += f"VALUES ({NOW_MS}, {name}, {old_key}, 'delete', {before})"
    bodies = {
        "before_insert": f"""DELETE FROM {ASIDE} WHERE resource = {name};
  {_set_aside(resource, columns, replacing, "1")}""",
        # Nothing is cleared here: this may be a foreign trigger's update within a REPLACE that is not logged yet.
        "before_update": _set_aside(resource, columns, replacing, f"t.{rowid} <> OLD.{rowid}"),
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
    return dict(_trigger(resource, event, body) for event, body in bodies.items())


def _trigger(resource: Resource, event: str, body: str) -> tuple[str, str]:
    """The name and the definition of the trigger for `event`, such as `after_insert`."""
    name, when = f"tidegate_{resource.name}_{event}", event.upper().replace("_", " ")
    return name, f"CREATE TRIGGER {quoted(name)} {when} ON {quoted(resource.table)} BEGIN\n  {body}\nEND"


def _set_aside(resource: Resource, columns: list[str], replacing: Sequence[str], when: str) -> str:
    """Keep the rows that NEW could replace: those equal to it in the key, in a unique set of columns or in the rowid.

    A row that is aside already stays as it is there: so the log last saw it. (No OR REPLACE: that of the outer
    statement counts.)
    """
    name, rowid = literal(resource.name), _rowid(resource)
    named = (
        "(" + " AND ".join(f"t.{quoted(column)} = {_arriving(resource, column)}" for column in columns_of) + ")"
        for columns_of in (resource.key, *resource.unique)
    )
    conflicts = " OR ".join((*named, *replacing))
    return f"""INSERT INTO {ASIDE} (resource, row, key, old)
    SELECT {name}, t.{rowid}, {image("t", resource.key)}, {image("t", columns)}
    FROM {quoted(resource.table)} t WHERE ({conflicts} OR t.{rowid} = NEW.{rowid}) AND {when}
    AND NOT EXISTS (SELECT 1 FROM {ASIDE} WHERE resource = {name} AND row = t.{rowid});"""


def _arriving(resource: Resource, column: str) -> str:
    """NEW's value; OR REPLACE puts a column's default in the place of a NULL that the column forbids."""
    prop, value = resource.properties[column], f"NEW.{quoted(column)}"
    if not prop.has_default or prop.column_nullable:
        return value
    default = to_column(prop, prop.default)
    return f"coalesce({value}, {literal(default) if isinstance(default, str) else repr(default)})"


def _rowid(resource: Resource) -> str:
    """The first of SQLite's names for a row's number that no column has."""
    return next(name for name in ("rowid", "_rowid_", "oid") if name not in map(str.lower, resource.properties))


def image(row: str, columns: tuple[str, ...] | list[str]) -> str:
    """An SQL expression: the columns of `row` as the text of a JSON object of their raw values."""
    parts = " || ',' || ".join(f"{literal(_json_name(column))} || {_value(row, column)}" for column in columns)
    return f"('{{' || {parts} || '}}')"


def _json_name(column: str) -> str:
    escaped = column.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}":'


def _value(row: str, column: str) -> str:
    """One value as JSON. json_object would round floats, raise on a BLOB, and write infinity as no JSON at all.

    20 digits: SQLite before 3.43 gets the 17th wrong at times. || '' makes json_quote() quote what json() made.
    """
    value = f"{row}.{quoted(column)}"
    blob = f"""'{{"{BLOB}":"' || hex({value}) || '"}}'"""
    return (
        f"CASE typeof({value}) WHEN 'null' THEN 'null' WHEN 'integer' THEN CAST({value} AS TEXT) "
        f"WHEN 'text' THEN json_quote({value} || '') "
        f"WHEN 'real' THEN CASE WHEN abs({value}) <= 1.7976931348623157e308 THEN printf('%!.20g', {value}) "
        f"ELSE 'null' END ELSE {blob} END"
    )
