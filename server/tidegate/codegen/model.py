"""What there is to generate, with final names: the protocol's types, the application's, and those derived from rows.

Both languages are written from here, so that they can only agree. Names are settled here and references use them.
Invariant: every `$ref` in a Named schema is `#/$defs/NAME` of another Named of the same collection, or below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tidegate.codegen.shape import renamed
from tidegate.schema import Definition, Resource, Schemas, derive, filter_schemas
from tidegate.schema.resource import REF_PREFIX, JsonSchema, Property
from tidegate.schema.subschemas import subschemas


@dataclass(frozen=True, slots=True)
class Condition:
    """What filters can ask of one property. `value` is what it is compared with, None if it can only be null."""

    name: str
    description: str | None
    family: filter_schemas.Family
    nullable: bool
    value: JsonSchema | None


@dataclass(frozen=True, slots=True)
class Named:
    """One type to generate. `tag` is what `type` says, for messages; `request` marks a client's."""

    name: str
    schema: JsonSchema
    tag: str | None = None
    request: bool = False
    conditions: tuple[Condition, ...] | None = None
    """For the filters of a resource, which are not generated from their schema; of that only the description counts."""


@dataclass(slots=True)
class Collection:
    """The types of one generated module, by name, and what they are for."""

    types: dict[str, Named] = field(default_factory=dict)
    client: dict[str, str] = field(default_factory=dict)
    """{type of a message: name of its type}"""
    server: dict[str, str] = field(default_factory=dict)
    replies: dict[str, str] = field(default_factory=dict)
    """{type of a request: type of its reply}"""
    reply_names: dict[str, str] = field(default_factory=dict)
    """{type of a request: name of its reply's type}"""
    resources: dict[str, str] = field(default_factory=dict)
    """{name of a resource: name of its row's type}; the derived types' names end in one of DERIVED."""
    rooms: dict[str, str] = field(default_factory=dict)
    """{pattern: name of the payload's type}"""

    def add(self, named: Named) -> None:
        self.types[named.name] = named


def protocol(schemas: Schemas) -> Collection:
    """The protocol's own types."""
    found = Collection()
    for item in schemas.definitions:
        if item.protocol:
            found.add(_named(item, {}))
    _add_messages(found, schemas, True, {item.key: item.title for item in schemas.definitions if item.protocol})
    return found


def application(schemas: Schemas) -> Collection:
    """The application's types, those derived from its rows, and the protocol's that they refer to."""
    own = [item for item in schemas.definitions if not item.protocol]
    used = list(_used(schemas, own))
    taken = {item.title for item in own}
    names = {item.key: item.title for item in own}
    names |= {item.key: f"Protocol{item.title}" if item.title in taken else item.title for item in used}
    found = Collection()
    for item in [*own, *used]:
        found.add(_named(item, names))
    for resource in schemas.resources.values():
        found.resources[resource.name] = resource.title
        for named in _derived(resource, names):
            found.add(named)
    found.rooms = {pattern: room.title for pattern, room in schemas.rooms.items()}
    _add_messages(found, schemas, False, names)
    return found


def _named(item: Definition, names: dict[str, str]) -> Named:
    tag = item.message_type if item.kind in {"client", "server"} and item.is_file else None
    return Named(
        names.get(item.key, item.title), renamed(item.schema, names), tag, item.kind == "client" and item.is_file
    )


def _derived(resource: Resource, names: dict[str, str]) -> Iterator[Named]:
    title, row = resource.title, f"a row of `{resource.name}`"
    of_suffix = {
        "": (derive.row_schema(resource), resource.schema.get("description", f"A row of `{resource.name}`.")),
        "Create": (derive.create_schema(resource), f"What it takes to create {row}."),
        "Update": (derive.update_schema(resource), f"What can be changed in {row}; null clears a property."),
        "Filters": ({}, f"Which rows of `{resource.name}`: those for which all of this holds."),
        "Key": (derive.key_schema(resource), f"What identifies {row}."),
    }
    for suffix, (schema, description) in of_suffix.items():
        named = {**schema, "title": title + suffix, "description": description}
        conditions = tuple(map(_condition, filter_schemas.filterable(resource))) if suffix == "Filters" else None
        yield Named(title + suffix, renamed(named, names), request=bool(suffix), conditions=conditions)


def _condition(prop: Property) -> Condition:
    family = filter_schemas.family(prop)
    value = None if family == "nothing" else filter_schemas.value_schema(prop)
    return Condition(prop.name, prop.schema.get("description"), family, prop.column_nullable, value)


def _add_messages(found: Collection, schemas: Schemas, of_protocol: bool, names: dict[str, str]) -> None:
    found.server = {name: names[item.key] for name, item in schemas.server.items() if item.protocol == of_protocol}
    for name, item in schemas.client.items():
        if item.protocol == of_protocol:
            found.client[name] = names[item.key]
            reply = item.schema.get("x-reply")
            if reply is not None:
                found.replies[name] = reply
                found.reply_names[name] = names[schemas.server[reply].key]


def _used(schemas: Schemas, own: Iterable[Definition]) -> Iterator[Definition]:
    """The protocol's definitions that `own` refer to or answer with, directly or not."""
    by_key = {item.key: item for item in schemas.definitions if item.protocol}
    seen: set[str] = set()
    todo = list(own)
    while todo:
        item = todo.pop()
        keys = [key for _, sub in subschemas(item.schema) if (key := _target(sub)) is not None]
        reply = item.schema.get("x-reply") if item.kind == "client" and not item.protocol else None
        if reply in schemas.server:
            keys.append(schemas.server[reply].key)
        fresh = [key for key in keys if key in by_key and key not in seen]
        seen.update(fresh)
        todo.extend(by_key[key] for key in fresh)
    return (by_key[key] for key in sorted(seen))


def _target(schema: object) -> str | None:
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    return reference.removeprefix(REF_PREFIX).partition("/")[0] if isinstance(reference, str) else None
