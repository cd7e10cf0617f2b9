"""Collects the types to generate, with their final names: of the protocol, of the application, derived from rows.

The generators of both languages read these collections, so that their output agrees. References use the final names.
Invariant: every `$ref` in a Named schema is `#/$defs/NAME` of another Named of the same collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from tidegate.codegen.names import unique
from tidegate.codegen.places import Places
from tidegate.codegen.row_facts import RowFacts, row_facts
from tidegate.codegen.shape import INT64, renamed, shape
from tidegate.schema import Definition, Resource, Schemas, derive, filter_schemas
from tidegate.schema.lint.resources import DERIVED
from tidegate.schema.resource import REF_PREFIX, JsonSchema, Property
from tidegate.schema.subschemas import subschemas


@dataclass(frozen=True, slots=True)
class Condition:
    """The operators that filters have for a property. `value`: the type to compare with; None for null tests only."""

    name: str
    description: str | None
    family: filter_schemas.Family
    nullable: bool
    value: JsonSchema | None
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """One type to generate. `tag`: the `type` of a message. `request`: a client message."""

    name: str
    schema: JsonSchema
    tag: str | None = None
    request: bool = False
    conditions: tuple[Condition, ...] | None = None
    """The conditions of a resource's filters. They replace the schema, of which only the description counts."""
    origin: str | None = None
    """The type of the row that this type is derived from."""


@dataclass(slots=True)
class Collection:
    """The types of one generated module by name, and their purposes."""

    types: dict[str, Named] = field(default_factory=dict)
    client: dict[str, str] = field(default_factory=dict)
    """{message type: name of the generated type}"""
    server: dict[str, str] = field(default_factory=dict)
    replies: dict[str, str] = field(default_factory=dict)
    """{request type: reply type}"""
    reply_names: dict[str, str] = field(default_factory=dict)
    """{request type: name of the generated type of the reply}"""
    parts: dict[str, str] = field(default_factory=dict)
    """{request type: name of the generated type of the parts that come before the reply}"""
    refusals: dict[str, dict[str, str]] = field(default_factory=dict)
    """{request type: {own error: name of the generated type of its data}}"""
    resources: dict[str, str] = field(default_factory=dict)
    """{resource: name of the type of its rows}. The names of derived types end in one of DERIVED."""
    facts: dict[str, RowFacts] = field(default_factory=dict)
    """{resource: what a client needs for its rows}"""
    rooms: dict[str, str] = field(default_factory=dict)
    """{room pattern: name of the type of its messages}"""

    def add(self, named: Named) -> None:
        self.types[named.name] = named


def protocol(schemas: Schemas) -> Collection:
    """The types of the protocol."""
    found = Collection()
    for item in schemas.definitions:
        if item.protocol:
            found.add(_named(item, {}))
    _add_messages(found, schemas, True, {item.key: item.title for item in schemas.definitions if item.protocol})
    return found


def application(schemas: Schemas) -> Collection:
    """The types of the application, those derived from its rows, and the protocol's types that they refer to."""
    own = [item for item in schemas.definitions if not item.protocol]
    used = list(_used(schemas, own))
    names = {item.key: item.title for item in own}
    taken = set(names.values()) | {row.title + suffix for row in schemas.resources.values() for suffix in DERIVED}
    for item in used:
        names[item.key] = unique(f"Protocol{item.title}" if item.title in taken else item.title, taken)
        taken.add(names[item.key])
    found = Collection()
    for item in [*own, *used]:
        found.add(_named(item, names))
    places = Places({named.name: named.schema for named in found.types.values()})
    for resource in schemas.resources.values():
        found.resources[resource.name] = resource.title
        found.facts[resource.name] = row_facts(resource)
        for named in _derived(resource, names):
            found.add(named)
    found.rooms = {pattern: room.title for pattern, room in schemas.rooms.items()}
    found.types = {name: replace(named, schema=places.named(name, named.schema)) for name, named in found.types.items()}
    for name, schema in places.definitions().items():
        found.add(Named(name, schema))
    _add_messages(found, schemas, False, names)
    return found


def _named(item: Definition, names: dict[str, str]) -> Named:
    tag = item.message_type if item.kind in {"client", "server"} and item.is_file else None
    return Named(
        names.get(item.key, item.title), renamed(item.schema, names), tag, item.kind == "client" and item.is_file
    )


def _derived(resource: Resource, names: dict[str, str]) -> Iterator[Named]:
    title, row = resource.title, f"a row of `{resource.name}`"
    deprecated = {"deprecated": True} if resource.schema.get("deprecated") is True else {}
    of_suffix = {
        "": (
            _only_columns(derive.row_schema(resource)),
            resource.schema.get("description", f"A row of `{resource.name}`."),
        ),
        "Create": (derive.sent_row_schema(resource), f"The data of a request that creates {row}."),
        "Update": (
            derive.update_schema(resource),
            f"The changes of a request that updates {row}; null clears a property.",
        ),
        "Filters": ({}, f"Selects the rows of `{resource.name}` that meet all of these conditions."),
        "Key": (derive.key_schema(resource), f"The key of {row}."),
    }
    for suffix, (schema, description) in of_suffix.items():
        named = {**schema, "title": title + suffix, "description": description, **deprecated}
        conditions = tuple(map(_condition, filter_schemas.filterable(resource))) if suffix == "Filters" else None
        origin = title if suffix else None
        yield Named(title + suffix, renamed(named, names), None, bool(suffix), conditions, origin)


def _only_columns(row: JsonSchema) -> JsonSchema:
    """The schema of a row without what it says of the row as a whole: a row has its columns and nothing else."""
    return {**derive.closed(row["properties"], row["required"]), "title": row["title"]}


def _condition(prop: Property) -> Condition:
    family = filter_schemas.family(prop)
    value = None if family == "nothing" else shape(filter_schemas.value_schema(prop))
    if prop.is_int64:
        value = {"$ref": INT64}
    deprecated = prop.schema.get("deprecated") is True
    return Condition(prop.name, prop.schema.get("description"), family, prop.column_nullable, value, deprecated)


def _add_messages(found: Collection, schemas: Schemas, of_protocol: bool, names: dict[str, str]) -> None:
    found.server = {name: names[item.key] for name, item in schemas.server.items() if item.protocol == of_protocol}
    for name, item in schemas.client.items():
        if item.protocol == of_protocol:
            found.client[name] = names[item.key]
            reply = item.reply
            if reply is not None:
                found.replies[name] = reply
                found.reply_names[name] = names[schemas.server[reply].key]
            if item.part is not None:
                found.parts[name] = names[item.part]
            if item.refusals:
                found.refusals[name] = {error: names[key] for error, key in item.refusals.items()}


def _used(schemas: Schemas, own: Iterable[Definition]) -> Iterator[Definition]:
    """The protocol's definitions that `own` refer to or use as replies, directly or indirectly."""
    by_key = {item.key: item for item in schemas.definitions if item.protocol}
    seen: set[str] = set()
    todo = list(own)
    while todo:
        item = todo.pop()
        keys = [key for _, sub in subschemas(item.schema) if (key := _target(sub)) is not None]
        reply = None if item.protocol else item.reply
        if reply in schemas.server:
            keys.append(schemas.server[reply].key)
        fresh = [key for key in keys if key in by_key and key not in seen]
        seen.update(fresh)
        todo.extend(by_key[key] for key in fresh)
    return (by_key[key] for key in sorted(seen))


def _target(schema: object) -> str | None:
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    return reference.removeprefix(REF_PREFIX).partition("/")[0] if isinstance(reference, str) else None


def shapes(found: Collection) -> Iterator[JsonSchema]:
    """The shapes of all types, and of the values in their conditions."""
    for named in found.types.values():
        yield shape(named.schema)
        yield from (item.value for item in named.conditions or () if item.value is not None)
