"""Compares a table with what the schema wants: what differs, in words, and which differences are unsafe to remove.

It changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import msgspec

from tidegate.contract import Resource
from tidegate.store.migration.unsafe_changes import UnsafeChange, changed_key, converted_column
from tidegate.store.sqlite.catalogue import affinity
from tidegate.store.sqlite.migration.column_texts import column_texts, without
from tidegate.store.sqlite.migration.recorded_tables import RecordedTable
from tidegate.store.sqlite.migration.tables import Column


def differences(recorded: RecordedTable, wanted: Mapping[str, Column], now: str | None) -> list[str]:
    """What a rebuild of the table has to change. `now`: the table's definition in the database.

    Columns that the schema does not name may be what they are.
    """
    if recorded.sql == "":  # the record does not say what the table looks like
        return ["a manual migration changed it"]
    found = ["another program changed it"] if _changed(recorded.sql, now or "", wanted) else []
    for name, column in wanted.items():
        if name in recorded.columns:
            found += _words(name, msgspec.structs.replace(recorded.columns[name], left=False), column)
    return found


def _changed(before: str, now: str, wanted: Mapping[str, Column]) -> bool:
    if before == now:
        return False
    unknown = {name for sql in (before, now) for name in column_texts(sql)} - wanted.keys()
    return without(before, unknown) != without(now, unknown)


def unsafe_changes(
    resource: Resource, wanted: Mapping[str, Column], recorded: RecordedTable | None, declared: Mapping[str, str]
) -> list[UnsafeChange]:
    """What only a manual migration may do to the table. `declared`: the declared types of its columns."""
    table = resource.table
    if recorded is None:
        return []  # a table of another program may have more columns than the schema names
    found = []
    for name, column in wanted.items():
        before = recorded.columns[name].type if name in recorded.columns else column.type
        if name in declared and affinity(declared[name]) != column.storage and before == column.type:
            before = declared[name] or "value of no type"
        if before != column.type:
            facts = f"{table}.{name} is {_kind(before)} and the schema wants {_kind(column.type)}"
            found.append(converted_column(table, name, facts))
    if recorded.key != resource.key:
        found.append(changed_key(table, recorded.key, resource.key))
    return found


def _words(name: str, before: Column, now: Column) -> Iterator[str]:
    if before == now:
        return
    named = False
    for what, old, new in (
        ("enum", _listed(before.enum), _listed(now.enum)),
        ("maxLength", before.max_length, now.max_length),
        ("format", before.format, now.format),
        ("default", before.default, now.default),
        ("reference", _target(before), _target(now)),
        ("may be null", _yes(before.null), _yes(now.null)),
        ("counted by the database", _yes(before.automatic), _yes(now.automatic)),
    ):
        if old != new:
            named = True
            yield f"{name}: {what} {'none' if old is None else old} -> {'none' if new is None else new}"
    if not named:
        yield f"{name}: another check"


def _listed(values: tuple[object, ...] | None) -> str | None:
    return None if values is None else json.dumps(values, ensure_ascii=False)


def _target(column: Column) -> str | None:
    return None if column.references is None else ".".join(column.references)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _kind(name: str) -> str:
    return {"any": "any JSON", "array": "an array", "object": "an object", "integer": "an integer"}.get(
        name, f"a {name}"
    )
