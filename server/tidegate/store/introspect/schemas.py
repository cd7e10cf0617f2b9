"""Makes row schemas of the tables that were found in an existing database.

It knows no database and touches no files. A property says what the database says and nothing more; the caller says
which clients may do what.
Invariant: the schemas made here pass the lint, if the files that exist already do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tidegate.schema.lint.names import RESERVED
from tidegate.schema.lint.resources import DERIVED
from tidegate.store.introspect.found import NO_DEFAULT, Column, Table
from tidegate.store.introspect.secrets import is_secret

META = "../meta/resource.schema.json"
_TABLE_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,63}").fullmatch
"""The table names that `x-resource.table` allows."""
NAME_LENGTH = 64


class NamedResource(msgspec.Struct, frozen=True):
    """A resource, by its names, that references may lead to."""

    name: str
    title: str
    table: str
    identifying: frozenset[str]
    """Each of these properties identifies a row, so that a reference may lead to it."""


class File(msgspec.Struct, frozen=True):
    """A schema file: the name of its resource, the table, and the content."""

    name: str
    table: str
    schema: dict[str, Any]


def files(
    tables: Iterable[Table], access: Mapping[str, str], existing: Iterable[NamedResource] = ()
) -> tuple[list[File], list[str]]:
    """A file for each table, and notes about what the files cannot hold.

    `existing`: the resources that schema files describe already. Their tables keep their names.
    """
    left_out: list[str] = []
    tables = [_without_computed_secrets(table, left_out) for table in tables]
    by_table = {resource.table.lower(): resource for resource in existing}
    names = {resource.name.lower() for resource in by_table.values()}
    titles = {resource.title for resource in by_table.values()}
    named: dict[str, NamedResource] = {}
    shared = []
    for table in tables:
        old = by_table.get(table.name.lower())
        if (old is not None and old.table != table.name) or table.name.lower() in {name.lower() for name in named}:
            left_out.append(f"{table.name}: the name of another table differs only in capital letters")
            continue
        if not _TABLE_NAME(table.name):
            left_out.append(f"{table.name!r}: names of tables have at most 63 characters, and no control characters")
            continue
        name = old.name if old else _free(_resource_name(table.name), names)
        title = old.title if old else _free_title(_title(name), titles)
        names.add(name.lower())
        titles.add(title)
        named[table.name] = NamedResource(name, title, table.name, _identifying(table))
        shared.append(table)
    known = {resource.table: resource for resource in by_table.values()} | named
    found = [
        File(named[table.name].name, table.name, _schema(table, named[table.name].title, known, access, left_out))
        for table in shared
    ]
    left_out += _without_unequal_references(found)
    return found, left_out


def _without_unequal_references(found: list[File]) -> list[str]:
    """Remove references whose values have another type than those that they refer to. Returns a note for each.

    SQLite compares them as the other column would, but clients would compare "7" with 7.
    """
    left_out = []
    properties = {file.name: file.schema["properties"] for file in found}
    for file in found:
        references = file.schema["x-resource"].get("references", {})
        for column, target in list(references.items()):
            there, _, key = target.partition(".")
            one, other = _kind(properties[file.name][column]), _kind(properties.get(there, {}).get(key, {}))
            if one and other and one != other:
                del references[column]
                left_out.append(f"{file.table}.{column} refers to {target}, whose values have another type")
        if not references:
            file.schema["x-resource"].pop("references", None)
    return left_out


def _kind(schema: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """The type and the format of values, if they have a single type."""
    kinds = schema.get("type", ())
    single = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
    return (single[0], schema.get("format")) if len(single) == 1 else None


def _identifying(table: Table) -> frozenset[str]:
    return frozenset(names[0] for names in (table.key, *table.unique) if len(names) == 1)


def _schema(
    table: Table, title: str, known: Mapping[str, NamedResource], access: Mapping[str, str], left_out: list[str]
) -> dict[str, Any]:
    resource: dict[str, Any] = {"table": table.name, "key": table.key[0] if len(table.key) == 1 else list(table.key)}
    if table.unique:
        resource["unique"] = [list(names) for names in table.unique]
    if table.indexes:
        resource["indexes"] = [list(names) for names in table.indexes]
    if references := _references(table, known, left_out):
        resource["references"] = references
    required = [
        column.name
        for column in table.columns
        if column.name in table.key or not (column.null or _is_secret(column, table))
    ]
    if secret := [column.name for column in table.columns if column.name in table.key and _is_secret(column, table)]:
        # A key cannot be `writeOnly`, because clients name rows by it.
        access = {}
        left_out.append(
            f"{table.name}.{secret[0]} is a key whose name says that it is a secret, and clients that read the table "
            "would get it: its file gives no client access"
        )
    return {
        "$schema": META,
        "title": title,
        "description": table.comment or f"A row of the table {table.name}.",
        "x-resource": resource,
        "x-access": dict(access),
        "type": "object",
        "properties": {column.name: _property(column, table) for column in table.columns},
        "required": required,
        "additionalProperties": False,
    }


def _without_computed_secrets(table: Table, left_out: list[str]) -> Table:
    """The table without columns that no client could use: clients must not read them and cannot set them."""
    useless = [column for column in table.columns if column.computed and _is_secret(column, table)]
    useless = [column for column in useless if column.name not in table.key]
    left_out += [f"{table.name}.{column.name}: a secret by its name, which the database computes" for column in useless]
    return msgspec.structs.replace(table, columns=tuple(column for column in table.columns if column not in useless))


def _is_secret(column: Column, table: Table) -> bool:
    return is_secret(column.name, table.name, column.schema, key=column.name in table.key)


def _property(column: Column, table: Table) -> dict[str, Any]:
    secret = column.name not in table.key and _is_secret(column, table)
    schema = dict(column.schema)
    described = schema.pop("description", None)
    if column.null:
        kinds = schema["type"]
        schema["type"] = [*kinds, "null"] if isinstance(kinds, list) else [kinds, "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    if column.default is not NO_DEFAULT:
        schema["default"] = column.default
    if described is None and column.filled and not secret:
        described = "The key. The database sets it." if (column.name,) == table.key else "The database sets it."
    if described is None and secret:
        described = "Write-only: it can be set, and never read, filtered or sorted by."
    if described is not None:
        schema["description"] = described
    if secret:
        schema["writeOnly"] = True
    elif column.filled:
        schema["readOnly"] = True
    return schema


def _references(table: Table, known: Mapping[str, NamedResource], left_out: list[str]) -> dict[str, str]:
    lower = {name.lower(): resource for name, resource in known.items()}
    found = {}
    for column in (column.name for column in table.columns if column.name in table.references):
        target, target_column = table.references[column]
        resource = known.get(target) or lower.get(target.lower())
        identifying = frozenset[str]() if resource is None else resource.identifying
        to = next((name for name in identifying if name.lower() == target_column.lower()), None)
        if resource is None:
            left_out.append(f"{table.name}.{column} refers to {target}, which has no schema file")
        elif to is None or "." in to:
            left_out.append(
                f"{table.name}.{column} refers to {target}.{target_column}, which is no key that a file names"
            )
        else:
            found[column] = f"{resource.name}.{to}"
    return found


def _resource_name(table: str) -> str:
    """A resource name for the table, which is also the name of a file."""
    return re.sub(r"[^\w-]+", "_", table).strip("_")[:NAME_LENGTH] or "table"


def _free(name: str, taken: set[str]) -> str:
    """`name`, or `name` with a number if it is taken. Some file systems ignore capital letters."""
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
    """`title`, or another title if it is taken or clashes with a name that the generator derives from a title."""
    number, found = 1, title
    while (
        found in taken
        or found in RESERVED
        or any(found + suffix in taken for suffix in DERIVED)
        or any(found.endswith(suffix) and found.removesuffix(suffix) in taken for suffix in DERIVED)
    ):
        number += 1
        found = f"{title}Row" if number == 2 else f"{title}Row{number}"
    return found
