"""What the schema wants otherwise than a table is, in words, and what of it only a written migration may do.

It looks and compares; it changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from tidegate.contract import Resource
from tidegate.store.migration.unsafe_changes import Refusal, another_key, dropped_column
from tidegate.store.sqlite.migration.recorded_tables import Made, affinity
from tidegate.store.sqlite.migration.tables import Column


def differences(made: Made, wanted: Mapping[str, Column], now: str | None) -> list[str]:
    """What a rebuild of the table has to change. `now` is its definition in the database."""
    if made.sql == "":  # nothing is known of what it was before
        return ["a written migration changed it"]
    found = ["another program changed it"] if made.sql != now else []
    return found + [words for name in wanted if name in made.columns for words in _words(name, made, wanted[name])]


def refusals(
    resource: Resource, wanted: Mapping[str, Column], made: Made | None, there: Mapping[str, str]
) -> list[Refusal]:
    """What a written migration must do to the table. `there`: the types that its columns were declared with."""
    table = resource.table
    if made is None:
        return []  # somebody else's table may have more than the schema names
    found = [dropped_column(table, name) for name in there if name not in wanted]
    for name, column in wanted.items():
        before = made.columns[name].type if name in made.columns else column.type
        if name in there and affinity(there[name]) != column.storage and before == column.type:
            before = there[name] or "value of no type"
        if before != column.type:
            found.append(
                Refusal(
                    f"{table}.{name} is {_kind(before)} and the schema wants {_kind(column.type)}: "
                    "converting it needs a written migration",
                    f"convert_{table}_{name}",
                )
            )
    if made.key != resource.key:
        found.append(another_key(table, made.key, resource.key))
    return found


def _words(name: str, made: Made, now: Column) -> Iterator[str]:
    before = made.columns[name]
    if before == now:
        return
    told = False
    for what, old, new in (
        ("enum", _listed(before.enum), _listed(now.enum)),
        ("maxLength", before.max_length, now.max_length),
        ("default", before.default, now.default),
        ("reference", _target(before), _target(now)),
        ("may be null", _yes(before.null), _yes(now.null)),
        ("counted by the database", _yes(before.automatic), _yes(now.automatic)),
    ):
        if old != new:
            told = True
            yield f"{name}: {what} {'none' if old is None else old} -> {'none' if new is None else new}"
    if not told:
        yield f"{name}: checked otherwise"


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
