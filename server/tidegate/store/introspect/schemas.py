"""Schema files for tables that are there already: what was found in a database, as row schemas.

It knows no database and touches no files. A property says what the database says and nothing more; who may do what is
the caller's to say.
Invariant: what is made here, beside files that are sound, passes the lint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tidegate.schema.lint import resources as lint_resources
from tidegate.store.introspect.found import NOTHING, Column, Table

META = "../meta/resource.schema.json"
_TABLE_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,63}").fullmatch
"""What `x-resource.table` may be."""
NAME_LENGTH = 64


class Place(msgspec.Struct, frozen=True):
    """A resource that a schema file describes already."""

    name: str
    title: str
    table: str
    identifying: frozenset[str]
    """Properties that references may lead to."""


class File(msgspec.Struct, frozen=True):
    """One file: the resource's name, its table, and what the file says."""

    name: str
    table: str
    schema: dict[str, Any]


def files(
    tables: Iterable[Table], access: Mapping[str, str], existing: Iterable[Place] = ()
) -> tuple[list[File], list[str]]:
    """A file for each table, and what could not be said in them. A table of `existing` keeps its names."""
    there = {place.table.lower(): place for place in existing}
    names = {place.name.lower() for place in there.values()}
    titles = {place.title for place in there.values()}
    left: list[str] = []
    places: dict[str, Place] = {}
    shared = []
    for table in tables:
        old = there.get(table.name.lower())
        if (old is not None and old.table != table.name) or table.name.lower() in {name.lower() for name in places}:
            left.append(f"{table.name}: another table is called the same but for its capitals")
            continue
        if not _TABLE_NAME(table.name):
            left.append(f"{table.name!r}: names of tables have at most 63 characters, and no control characters")
            continue
        name = old.name if old else _free(_resource_name(table.name), names)
        title = old.title if old else _free_title(_title(name), titles)
        names.add(name.lower())
        titles.add(title)
        places[table.name] = Place(name, title, table.name, _identifying(table))
        shared.append(table)
    known = {place.table: place for place in there.values()} | places
    found = [
        File(places[table.name].name, table.name, _schema(table, places[table.name], known, access, left))
        for table in shared
    ]
    return found, left


def _identifying(table: Table) -> frozenset[str]:
    return frozenset(names[0] for names in (table.key, *table.unique) if len(names) == 1)


def _schema(
    table: Table, place: Place, known: Mapping[str, Place], access: Mapping[str, str], left: list[str]
) -> dict[str, Any]:
    resource: dict[str, Any] = {"table": table.name, "key": table.key[0] if len(table.key) == 1 else list(table.key)}
    if table.unique:
        resource["unique"] = [list(names) for names in table.unique]
    if table.indexes:
        resource["indexes"] = [list(names) for names in table.indexes]
    if references := _references(table, known, left):
        resource["references"] = references
    required = [
        column.name for column in table.columns if column.name in table.key or not (column.null or column.secret)
    ]
    return {
        "$schema": META,
        "title": place.title,
        "description": table.comment or f"A row of the table {table.name}.",
        "x-resource": resource,
        "x-access": dict(access),
        "type": "object",
        "properties": {column.name: _property(column, table) for column in table.columns},
        "required": required,
        "additionalProperties": False,
    }


def _property(column: Column, table: Table) -> dict[str, Any]:
    words = dict(column.schema)
    described = words.pop("description", None)
    if column.null:
        kinds = words["type"]
        words["type"] = [*kinds, "null"] if isinstance(kinds, list) else [kinds, "null"]
        if "enum" in words:
            words["enum"] = [*words["enum"], None]
    if column.default is not NOTHING:
        words["default"] = column.default
    if described is None and column.filled:
        described = "The key, given by the database." if (column.name,) == table.key else "The database fills it in."
    if described is None and column.secret:
        described = "Write-only: it can be set, and never read, filtered or sorted by."
    if described is not None:
        words["description"] = described
    if column.filled:
        words["readOnly"] = True
    elif column.secret:
        words["writeOnly"] = True
    return words


def _references(table: Table, known: Mapping[str, Place], left: list[str]) -> dict[str, str]:
    lower = {name.lower(): place for name, place in known.items()}
    found = {}
    for column in (column.name for column in table.columns if column.name in table.references):
        target, there = table.references[column]
        place = known.get(target) or lower.get(target.lower())
        to = None if place is None else next((n for n in place.identifying if n.lower() == there.lower()), None)
        if place is None:
            left.append(f"{table.name}.{column} refers to {target}, which has no schema file")
        elif to is None or "." in to:
            left.append(f"{table.name}.{column} refers to {target}.{there}, which is no key that a file names")
        else:
            found[column] = f"{place.name}.{to}"
    return found


def _resource_name(table: str) -> str:
    """A name for the wire, and for a file."""
    return re.sub(r"[^\w-]+", "_", table).strip("_")[:NAME_LENGTH] or "table"


def _free(name: str, taken: set[str]) -> str:
    """Files may lie where capitals do not count."""
    number, found = 1, name
    while found.lower() in taken:
        number += 1
        found = f"{name[: NAME_LENGTH - 4]}_{number}"
    return found


def _title(name: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", name)
    title = "".join(word[0].upper() + word[1:] for word in words)
    return title if title[:1].isalpha() else f"Table{title}"


def _free_title(title: str, taken: set[str]) -> str:
    """Neither one that is taken, nor one that clashes with what is derived from a title."""
    number, found = 1, title
    while (
        found in taken
        or found in lint_resources.MODULE_NAMES
        or any(found + suffix in taken for suffix in lint_resources.DERIVED)
        or any(found.endswith(suffix) and found.removesuffix(suffix) in taken for suffix in lint_resources.DERIVED)
    ):
        number += 1
        found = f"{title}Row" if number == 2 else f"{title}Row{number}"
    return found
