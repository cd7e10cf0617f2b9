"""A schema folder in memory: its definitions, with their owner and their purpose.

A definition belongs to the protocol (Tidegate's own types/, client/ and server/) or to the application. Both may use
the same titles; their keys under `$defs` differ.
Invariant: every resolvable `$ref` in a definition is `#/$defs/KEY` or a pointer below that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args

from jsonschema_rs import Draft202012, Registry

from tidegate.schema.problem import Problem
from tidegate.schema.resource import REF_PREFIX, JsonSchema, Resource, RoomType, read_resource, read_room

Kind = Literal["types", "client", "server", "resources", "rooms"]
KINDS: tuple[Kind, ...] = get_args(Kind)

APPLICATION_PREFIX = "App."
ACKNOWLEDGEMENT = "ok"
"""The type of the reply to an application's message that names none."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One named schema: a file, or an entry in the `$defs` of a file (then `pointer` names the entry)."""

    title: str
    kind: Kind
    name: str
    """The file's name without its suffix. For a resource, its name on the wire."""
    file: str
    """Relative to the schema folder, with forward slashes."""
    pointer: str
    protocol: bool
    schema: JsonSchema = field(repr=False)

    @property
    def key(self) -> str:
        """The key of the definition under `$defs`."""
        return self.title if self.protocol else APPLICATION_PREFIX + self.title

    @property
    def is_file(self) -> bool:
        return not self.pointer

    @property
    def message_type(self) -> str | None:
        """The `type` of messages of this schema."""
        properties = self.schema.get("properties")
        tag = properties.get("type") if isinstance(properties, dict) else None
        const = tag.get("const") if isinstance(tag, dict) else None
        return const if isinstance(const, str) else None

    @property
    def reply(self) -> str | None:
        """The type of the reply to a client message; None for one without a reply.

        An application's message without `x-reply` is acknowledged.
        """
        default = None if self.protocol or self.kind != "client" or not self.is_file else ACKNOWLEDGEMENT
        found = self.schema.get("x-reply", default)
        return found if isinstance(found, str) else default

    @property
    def part(self) -> str | None:
        """The key of the schema of the parts that come before the reply; None if there are none."""
        return _key_of(self.schema.get("x-part"))

    @property
    def refusals(self) -> dict[str, str]:
        """The keys of the schemas of the data of the message's own errors, by the names of the errors."""
        found = self.schema.get("x-refusals", {})
        keys = {name: _key_of(schema) for name, schema in found.items()} if isinstance(found, dict) else {}
        return {name: key for name, key in keys.items() if key is not None}


def _key_of(schema: Any) -> str | None:
    """The key of the definition that stands in an annotation of a file that was read."""
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    return reference.removeprefix(REF_PREFIX) if isinstance(reference, str) else None


@dataclass(frozen=True)
class Schemas:
    """All definitions of a schema folder and of the protocol that it builds on."""

    definitions: tuple[Definition, ...]
    """Sorted by key."""
    meta: dict[str, JsonSchema] = field(repr=False)
    """The meta-schemas of Tidegate's annotations, by file name."""
    defines_protocol: bool
    """True for Tidegate's own folder, which defines the protocol."""
    problems: tuple[Problem, ...] = ()
    """The problems found while reading the files. `lint` reports them with the others."""
    unreadable: frozenset[str] = frozenset()
    """Files that are not in `definitions`, because they could not be read."""
    obscured: frozenset[str] = frozenset()
    """Files that refer to an unreadable one: what they mean is not known."""

    @cached_property
    def by_key(self) -> dict[str, JsonSchema]:
        """The definitions by their keys under `$defs`."""
        return {definition.key: definition.schema for definition in self.definitions}

    @property
    def protocol_only(self) -> Schemas:
        """The schemas without those of the application."""
        return replace(self, definitions=tuple(item for item in self.definitions if item.protocol))

    def files(self, kind: Kind) -> Iterator[Definition]:
        """The definitions of `kind` that are whole files."""
        return (definition for definition in self.definitions if definition.kind == kind and definition.is_file)

    @cached_property
    def client(self) -> dict[str, Definition]:
        """Client -> server messages by `type`."""
        return self._messages("client")

    @cached_property
    def server(self) -> dict[str, Definition]:
        """Server -> client messages by `type`."""
        return self._messages("server")

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """By name on the wire. For linted schemas only."""
        found = {item.name: read_resource(item.name, item.schema, self.by_key) for item in self.files("resources")}
        return dict(sorted(found.items()))

    @cached_property
    def rooms(self) -> dict[str, RoomType]:
        """By pattern. For linted schemas only."""
        found = (read_room(item.schema) for item in self.files("rooms"))
        return dict(sorted((room.pattern, room) for room in found))

    @cached_property
    def errors(self) -> dict[str, Any]:
        """The error codes with meaning, temporary and action."""
        return self._table("ErrorCode", "x-errors")

    @cached_property
    def closes(self) -> dict[str, Any]:
        """The close codes (as text) with name, meaning and reconnect."""
        return self._table("CloseCode", "x-closes")

    def registry(self, uri: str) -> Registry:
        """The definitions as a document at `uri`, for validators."""
        if uri not in self._registries:
            self._registries[uri] = Registry([(uri, {"$id": uri, "$defs": self.by_key})], draft=Draft202012)
        return self._registries[uri]

    @cached_property
    def _registries(self) -> dict[str, Registry]:
        return {}

    def _messages(self, kind: Kind) -> dict[str, Definition]:
        found = {item.message_type: item for item in self.files(kind)}
        return {name: found[name] for name in sorted(name for name in found if name is not None)}

    def _table(self, title: str, word: str) -> dict[str, Any]:
        return dict(self.by_key.get(title, {}).get(word, {}))
