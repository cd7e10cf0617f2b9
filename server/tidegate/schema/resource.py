"""Resources and rooms: reads the meaning of row schemas and room schemas once.

The store makes tables from a `Resource`, the contract validates rows by it, and codegen names types after it. This
module does not know files, databases or the wire. It reads dictionaries whose `$ref`s point into `definitions`.
Invariant: a `Resource` says only what the schema says. This module guesses nothing that the schema leaves open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tidegate.int64 import FORMAT as INT64
from tidegate.json_pointer import unescape
from tidegate.schema import patterns

JsonSchema = dict[str, Any]
Definitions = Mapping[str, Any]

REF_PREFIX = "#/$defs/"
_CLAIM = re.compile(r"\$user\.[^.]")
ANY = "any"
"""The `Property.type` of a property whose schema allows several JSON types besides null."""


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a row. `type` is a JSON Schema type other than null, or `ANY`."""

    name: str
    type: str
    format: str | None
    nullable: bool
    """The schema allows an explicit null."""
    required: bool
    default: Any
    has_default: bool
    """The database fills it in a new row, with `default`."""
    claim: str | None
    """The claim of the user that the gateway fills in where a client creates a row: `"default": "$user.org"`."""
    read_only: bool
    write_only: bool
    enum: tuple[Any, ...] | None
    max_length: int | None
    items: JsonSchema | None
    """The schema of an array's items, `$ref`s resolved at the top level."""
    schema: JsonSchema
    """The schema of the property. A `$ref` at its top is resolved."""

    @property
    def is_int64(self) -> bool:
        """Its values are integers of 64 bits, which travel as text."""
        return self.type == "string" and self.format == INT64

    @property
    def column_nullable(self) -> bool:
        """The column may be NULL: the schema allows null, or the property is optional without a default."""
        return self.nullable or not (self.required or self.has_default)


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of row that the gateway shares. `name` is its name on the wire, `title` names its generated types."""

    name: str
    title: str
    table: str
    key: tuple[str, ...]
    properties: dict[str, Property]
    """In the order of the schema file."""
    unique: tuple[tuple[str, ...], ...]
    indexes: tuple[tuple[str, ...], ...]
    references: dict[str, tuple[str, str]]
    """{property: (resource, property there)}"""
    access: dict[str, Any]
    """The raw `x-access` rules: read, create, update, delete. A missing rule denies access."""
    schema: JsonSchema = field(repr=False)
    definitions: Definitions = field(repr=False, compare=False, default_factory=dict)
    """What the `$ref`s in `schema` point into."""

    @property
    def key_properties(self) -> tuple[Property, ...]:
        return tuple(self.properties[name] for name in self.key)

    @property
    def has_automatic_key(self) -> bool:
        """The database counts the key: it is one property with integers, and clients may only read it."""
        first = self.properties[self.key[0]]
        return (
            len(self.key) == 1
            and first.claim is None
            and (first.type == "integer" or first.is_int64)
            and first.read_only
        )


@dataclass(frozen=True, slots=True)
class HistoryRules:
    """The history of a room: `size` messages for `ttl` seconds."""

    size: int = 0
    ttl: float = 0
    durable: bool = False
    """Kept in the database."""


@dataclass(frozen=True, slots=True)
class RoomType:
    """The rules of all rooms whose name matches `pattern`. `schema` is the schema of their messages."""

    pattern: str
    title: str
    schema: JsonSchema = field(repr=False)
    history: HistoryRules = HistoryRules()
    presence: bool = True
    slow: str = "disconnect"
    """What happens to a client that reads too slowly: "disconnect", "drop_oldest" or "conflate"."""
    conflate: str | None = None
    """A JSON pointer into the content of a message: with "conflate", the newest message of each value there stays.
    None: the newest message of each sender."""
    access: dict[str, Any] = field(default_factory=dict)
    """The raw `x-access` rules: join, send, presence, history."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters of `pattern`."""
        return patterns.parameters(self.pattern)


def read_resource(name: str, schema: JsonSchema, definitions: Definitions) -> Resource:
    """The resource that a row schema describes. Its annotations must be well-formed."""
    rules = schema.get("x-resource", {})
    required = set(schema.get("required", ()))
    key = rules.get("key", ())
    return Resource(
        name=name,
        title=schema.get("title", ""),
        table=rules.get("table", name),
        key=(key,) if isinstance(key, str) else tuple(key),
        properties={
            prop: read_property(prop, sub, prop in required, definitions)
            for prop, sub in schema.get("properties", {}).items()
        },
        unique=_name_lists(rules.get("unique", ())),
        indexes=_name_lists(rules.get("indexes", ())),
        references={prop: _reference(target) for prop, target in rules.get("references", {}).items()},
        access=dict(schema.get("x-access", {})),
        schema=schema,
        definitions=definitions,
    )


def read_room(schema: JsonSchema) -> RoomType:
    """The rules of rooms that a room schema describes. The schema must pass the linter."""
    rules = schema.get("x-room", {})
    slow = rules.get("slow", "disconnect")
    return RoomType(
        pattern=rules["pattern"],
        title=schema["title"],
        schema=schema,
        history=HistoryRules(**rules.get("history", {})),
        presence=rules.get("presence", True),
        slow=slow if isinstance(slow, str) else "conflate",
        conflate=None if isinstance(slow, str) else slow["conflate"],
        access=dict(schema.get("x-access", {})),
    )


def read_property(name: str, schema: Any, required: bool, definitions: Definitions) -> Property:
    """The property with this schema, which may be `true` or have a `$ref` into `definitions` at its top."""
    merged = resolved(schema, definitions)
    kinds, nullable = _kinds(merged, definitions)
    core = _without_null(merged, definitions)
    items = core.get("items")
    enum = core.get("enum", (core["const"],) if "const" in core else None)
    claim = claim_of(merged.get("default"))
    return Property(
        name=name,
        type=kinds[0] if len(kinds) == 1 else ANY,
        format=core.get("format"),
        nullable=nullable,
        required=required,
        default=None if claim else merged.get("default"),
        has_default="default" in merged and claim is None,
        claim=claim,
        read_only=merged.get("readOnly", False),
        write_only=merged.get("writeOnly", False),
        enum=None if enum is None else tuple(value for value in enum if value is not None),
        max_length=core.get("maxLength"),
        items=None if items is None else resolved(items, definitions),
        schema=merged,
    )


def claim_of(default: Any) -> str | None:
    """The claim that a `default` names."""
    return default if isinstance(default, str) and _CLAIM.match(default) else None


def resolved(schema: Any, definitions: Definitions) -> JsonSchema:
    """`schema` with a `$ref` at its top replaced by its target. Keywords beside the `$ref` take precedence."""
    if not isinstance(schema, dict):
        return {} if schema else {"not": {}}
    seen: set[str] = set()
    while isinstance(reference := schema.get("$ref"), str) and reference not in seen:
        seen.add(reference)
        target = follow(reference, definitions)
        beside = {word: value for word, value in schema.items() if word != "$ref"}
        schema = {**(target if isinstance(target, dict) else {}), **beside}
    return dict(schema)


def follow(reference: str, definitions: Definitions) -> Any:
    """The target of a `#/$defs/...` reference. Raises KeyError if there is none."""
    if not reference.startswith(REF_PREFIX):
        raise KeyError(reference)
    target: Any = definitions
    for step in steps_of(reference):
        target = target[int(step)] if isinstance(target, list) else target[step]
    return target


def steps_of(reference: str) -> list[str]:
    """The key of the definition that a reference names, and the steps of the pointer below it."""
    return [unescape(unquote(step)) for step in reference.removeprefix(REF_PREFIX).split("/")]


def _kinds(schema: JsonSchema, definitions: Definitions) -> tuple[list[str], bool]:
    """The JSON types that `schema` allows, without null."""
    kinds = json_types(schema, definitions)
    return [kind for kind in kinds if kind != "null"], "null" in kinds


def json_types(schema: JsonSchema, definitions: Definitions) -> list[str]:
    """The JSON types that `schema` allows, with null. Empty if the schema does not restrict them."""
    if "type" in schema:
        kinds = schema["type"]
        return [kinds] if isinstance(kinds, str) else list(kinds)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            branches = [json_types(resolved(branch, definitions), definitions) for branch in schema[word]]
            return list(dict.fromkeys(kind for branch in branches for kind in branch))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return list(dict.fromkeys(kind_of(value) for value in values))
    return []


def _without_null(schema: JsonSchema, definitions: Definitions) -> JsonSchema:
    """`schema`, or the single branch of its anyOf/oneOf that is not null. That branch has the details."""
    for word in ("anyOf", "oneOf"):
        if word in schema:
            branches = [resolved(branch, definitions) for branch in schema[word]]
            real = [branch for branch in branches if branch.get("type") != "null"]
            if len(real) == 1:
                return {**real[0], **{name: value for name, value in schema.items() if name != word}}
    return schema


def kind_of(value: Any) -> str:
    """The JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _name_lists(lists: Any) -> tuple[tuple[str, ...], ...]:
    return tuple((names,) if isinstance(names, str) else tuple(names) for names in lists)


def _reference(target: str) -> tuple[str, str]:
    resource, _, prop = target.partition(".")
    return resource, prop
