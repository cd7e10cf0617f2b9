"""Puts all definitions into one document, the bundle: under `$defs`, with an index of their purposes.

The gateway serves from the bundle, other documents embed it, and the contract's hash is computed from it.
Invariant: the same schemas give the same bundle on any machine, and `unbundle(bundle(schemas))` loses nothing.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.lint import lint
from tidegate.schema.older.dialects import DIALECT
from tidegate.schema.problem import SchemaError

PROTOCOL_VERSION = 1
"""The version of the wire protocol. A change that breaks older clients makes it 2."""

INDEX = "x-tidegate"
CONTRACT = "contract"
"""In the index of a document that leaves out parts of a bundle: the hash of the whole."""
Bundle = dict[str, Any]


def bundle(schemas: Schemas) -> Bundle:
    """The bundle of `schemas`. Raises SchemaError with all problems if there are any."""
    problems = lint(schemas)
    if problems:
        raise SchemaError(problems)
    return {
        "$schema": DIALECT,
        "title": "Tidegate contract",
        "description": "Everything that may be said on the wire. Generated: x-tidegate says what each definition is.",
        INDEX: _index(schemas),
        "$defs": schemas.by_key,
    }


def unbundle(document: Bundle) -> Schemas:
    """The schemas inside a bundle."""
    index = document[INDEX]
    schemas = document["$defs"]
    return Schemas(
        definitions=tuple(
            Definition(schema=schemas[key], **_place(key, entry)) for key, entry in index["definitions"].items()
        ),
        meta=index["meta"],
        defines_protocol=False,
    )


def contract_hash(document: Bundle) -> str:
    """32 hexadecimal digits that change with the contract. The linter's rules are not part of the contract."""
    if CONTRACT in document[INDEX]:
        return str(document[INDEX][CONTRACT])
    index = {name: value for name, value in document[INDEX].items() if name != "meta"}
    return hashlib.sha256(_canonical({**document, INDEX: index})).hexdigest()[:32]


def dump(document: Bundle) -> str:
    """The bundle as the text of a file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _index(schemas: Schemas) -> dict[str, Any]:
    return {
        "protocol": PROTOCOL_VERSION,
        "client": {
            name: _without_none(
                schema=item.key,
                reply=item.reply,
                part=item.part,
                refusals=item.refusals or None,
                timeout=item.schema.get("x-timeout"),
                access=item.schema.get("x-access"),
            )
            for name, item in schemas.client.items()
        },
        "server": {name: {"schema": item.key} for name, item in schemas.server.items()},
        "resources": {item.name: {"schema": item.key} for item in sorted(schemas.files("resources"), key=_name)},
        "rooms": {
            item.schema["x-room"]["pattern"]: {
                "schema": item.key,
                "room": item.schema["x-room"],
                "access": item.schema.get("x-access", {}),
            }
            for item in sorted(schemas.files("rooms"), key=_name)
        },
        "errors": schemas.errors,
        "closes": schemas.closes,
        "definitions": {item.key: _entry(item) for item in schemas.definitions},
        "meta": schemas.meta,
    }


def _entry(item: Definition) -> dict[str, Any]:
    return {"file": item.file, **({"pointer": item.pointer} if item.pointer else {}), "protocol": item.protocol}


def _place(key: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The fields of a Definition, from its key and its entry in the index."""
    kind, _, base = entry["file"].partition("/")
    return {
        "title": key if entry["protocol"] else key.partition(".")[2],
        "kind": kind,
        "name": base.removesuffix(".json").removesuffix(".schema"),
        "file": entry["file"],
        "pointer": entry.get("pointer", ""),
        "protocol": entry["protocol"],
    }


def _name(item: Definition) -> str:
    return item.name


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _canonical(document: Bundle) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
