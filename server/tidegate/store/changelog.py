"""The change log: who changed what, written by triggers in the same transaction, whoever writes.

The triggers use only what a stock SQLite >= 3.38 has, so that any program can write to the tables. REPLACE deletes rows
without telling (unless `recursive_triggers` is on, which is per connection): BEFORE triggers set aside the rows that a
write could displace, and the AFTER trigger logs those that are gone.
Invariant: applied in order of `seq`, the log's images turn an empty table into the table as it is.
"""

from __future__ import annotations

from tidegate.contract import Resource
from tidegate.store.database import literal, quoted
from tidegate.store.rows import BLOB

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
"""The tables of Tidegate's own, by name."""

NOW_MS = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


def triggers(resource: Resource) -> dict[str, str]:
    """The triggers of one resource's table, by name."""
    table, name = quoted(resource.table), literal(resource.name)
    prefix = f"tidegate_{resource.name}"
    columns = [prop.name for prop in resource.properties.values() if not prop.write_only]
    new, old = _object("NEW", columns), _object("OLD", columns)
    new_key, old_key = _object("NEW", resource.key), _object("OLD", resource.key)
    return {
        f"{prefix}_before_insert": f"""CREATE TRIGGER {quoted(prefix + "_before_insert")} BEFORE INSERT ON {table} BEGIN
  {_set_aside(resource, columns, "")}
END""",
        f"{prefix}_before_update": f"""CREATE TRIGGER {quoted(prefix + "_before_update")} BEFORE UPDATE ON {table} BEGIN
  {_set_aside(resource, columns, "AND t.rowid <> OLD.rowid")}
END""",
        f"{prefix}_after_insert": f"""CREATE TRIGGER {quoted(prefix + "_after_insert")} AFTER INSERT ON {table} BEGIN
  {_log_displaced(name, table, new_key)}
  {_log_arrived(name, new_key, new)}
  {_clear(name)}
END""",
        f"{prefix}_after_update": f"""CREATE TRIGGER {quoted(prefix + "_after_update")} AFTER UPDATE ON {table} BEGIN
  {_log_displaced(name, table, new_key)}
  INSERT INTO {LOG} (time, resource, key, action, old, new)
    SELECT {NOW_MS}, {name}, {new_key}, 'update', {old}, {new} WHERE {new_key} = {old_key} AND {old} <> {new};
  INSERT INTO {LOG} (time, resource, key, action, old)
    SELECT {NOW_MS}, {name}, {old_key}, 'delete', {old} WHERE {new_key} <> {old_key};
  {_log_arrived(name, new_key, new, f"{new_key} <> {old_key}")}
  {_clear(name)}
END""",
        f"{prefix}_after_delete": f"""CREATE TRIGGER {quoted(prefix + "_after_delete")} AFTER DELETE ON {table} BEGIN
  INSERT INTO {LOG} (time, resource, key, action, old) VALUES ({NOW_MS}, {name}, {old_key}, 'delete', {old});
  DELETE FROM {ASIDE} WHERE resource = {name} AND row = OLD.rowid;
END""",
    }


def _set_aside(resource: Resource, columns: list[str], but: str) -> str:
    """Keep the rows that NEW could displace: those equal to it in the key or in a unique set of columns."""
    name = literal(resource.name)
    conflicts = " OR ".join(
        "(" + " AND ".join(f"t.{quoted(column)} = NEW.{quoted(column)}" for column in columns_of) + ")"
        for columns_of in (resource.key, *resource.unique)
    )
    return f"""{_clear(name)}
  INSERT INTO {ASIDE} (resource, row, key, old)
    SELECT {name}, t.rowid, {_object("t", resource.key)}, {_object("t", columns)}
    FROM {quoted(resource.table)} t WHERE ({conflicts}) {but};"""


def _log_displaced(name: str, table: str, new_key: str) -> str:
    """Rows that were set aside, have another key than NEW, and are gone."""
    return f"""INSERT INTO {LOG} (time, resource, key, action, old)
    SELECT {NOW_MS}, {name}, a.key, 'delete', a.old FROM {ASIDE} a
    WHERE a.resource = {name} AND a.key <> {new_key} AND NOT EXISTS (SELECT 1 FROM {table} WHERE rowid = a.row);"""


def _log_arrived(name: str, new_key: str, new: str, when: str = "1") -> str:
    """NEW is there: in the place of a row with its key that was displaced, or as one that was not there before."""
    displaced = f"(SELECT a.old FROM {ASIDE} a WHERE a.resource = {name} AND a.key = {new_key})"
    return f"""INSERT INTO {LOG} (time, resource, key, action, old, new)
    SELECT {NOW_MS}, {name}, {new_key}, CASE WHEN {displaced} IS NULL THEN 'create' ELSE 'update' END,
      {displaced}, {new}
    WHERE {when} AND {displaced} IS NOT {new};"""


def _clear(name: str) -> str:
    return f"DELETE FROM {ASIDE} WHERE resource = {name};"


def _object(row: str, columns: tuple[str, ...] | list[str]) -> str:
    """An SQL expression: the columns of `row` as the text of a JSON object of their raw values."""
    parts = " || ',' || ".join(f"{literal(_json_name(column))} || {_value(row, column)}" for column in columns)
    return f"('{{' || {parts} || '}}')"


def _json_name(column: str) -> str:
    escaped = column.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}":'


def _value(row: str, column: str) -> str:
    """One value as JSON. json_object would round floats, raise on a BLOB, and write infinity as no JSON at all."""
    value = f"{row}.{quoted(column)}"
    blob = f"""'{{"{BLOB}":"' || hex({value}) || '"}}'"""
    return (
        f"CASE typeof({value}) WHEN 'null' THEN 'null' WHEN 'integer' THEN CAST({value} AS TEXT) "
        f"WHEN 'text' THEN json_quote({value}) "
        f"WHEN 'real' THEN CASE WHEN abs({value}) <= 1.7976931348623157e308 THEN printf('%!.17g', {value}) "
        f"ELSE 'null' END ELSE {blob} END"
    )
