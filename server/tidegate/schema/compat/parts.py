"""Schemas with the place where each stands: the two sides of a comparison, older and newer.

A `Part` is a schema and its place. A value that fits a part also fits what the part refers to and its `allOf`: `flat`
lists all of these. It does not know what may be compared with what.
Invariant: equal dictionaries at one place are one object, so that `token` identifies a part.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.json_pointer import escape
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.references import mentioned, reachable
from tidegate.schema.resource import REF_PREFIX, follow
from tidegate.schema.subschemas import mapped, subschemas

ANNOTATIONS = frozenset({
    "$comment", "contentEncoding", "contentMediaType", "contentSchema", "default", "deprecated", "description",
    "examples", "readOnly", "title", "writeOnly",
})  # fmt: skip
"""Keywords that refuse no value."""
REFERENCES = frozenset({"$ref", "allOf"})
"""Keywords of which `flat` lists the schemas."""


class Side:
    """All definitions of one schema folder, by their keys under `$defs`."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas: Mapping[str, Any] = schemas.by_key
        self.definitions: dict[str, Definition] = {item.key: item for item in schemas.definitions}
        self._reachable: dict[str, set[str]] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        self.mentions = {key: mentioned(schema) for key, schema in self.schemas.items()}

    def root(self, key: str, schema: Any = None) -> Part:
        """The definition `key`, or a schema that was derived from it and has its places."""
        return Part(self.schemas[key] if schema is None else schema, self, key)

    def reach(self, schema: Any) -> set[str]:
        """The keys of the definitions that `schema` needs."""
        direct = mentioned(schema)
        return direct.union(*map(self.reachable, direct))

    def reachable(self, key: str) -> set[str]:
        """The keys of the definitions that the definition `key` needs."""
        if key not in self._reachable:
            self._reachable[key] = reachable(key, self.mentions)
        return self._reachable[key]

    def size(self, key: str) -> tuple[int, int]:
        """The size of the definition `key`, as `size` measures it."""
        if key not in self._sizes:
            self._sizes[key] = size(self.schemas[key])
        return self._sizes[key]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A schema and its place: `pointer` below the definition `key`."""

    schema: Any
    side: Side = field(repr=False)
    key: str
    pointer: str = ""
    use: tuple[str, str] | None = None
    """If `key` is not the definition where the comparison began: that one, and the pointer of the `$ref` in it."""

    @property
    def token(self) -> int | bool:
        return self.schema if isinstance(self.schema, bool) else id(self.schema)

    @property
    def words(self) -> dict[str, Any]:
        """The keywords. None for `true`; use `impossible` to find `false`."""
        return self.schema if isinstance(self.schema, dict) else {}

    @property
    def impossible(self) -> bool:
        return self.schema is False or self.schema == {"not": {}}

    @property
    def demands(self) -> bool:
        """Whether the part says anything itself, references and `allOf` aside."""
        return self.schema is False or any(
            word not in ANNOTATIONS and word not in REFERENCES and not word.startswith("x-") for word in self.words
        )

    @property
    def demands_anything(self) -> bool:
        """Whether the part refuses some value, or may."""
        return any(part.demands for part in flat([self]))

    def at(self, *steps: str | int) -> Part:
        """The schema inside this one after these steps."""
        inner = self.schema
        for step in steps:
            inner = inner[step]
        return Part(inner, self.side, self.key, self.pointer + "".join(f"/{escape(step)}" for step in steps), self.use)

    def instead(self, schema: Any) -> Part:
        """A schema that stands nowhere, with the place of this one."""
        return Part(schema, self.side, self.key, self.pointer, self.use)

    def target(self) -> Part:
        """What the part's `$ref` refers to."""
        reference = self.schema["$ref"]
        key, _, rest = reference.removeprefix(REF_PREFIX).partition("/")
        use = self.use or (self.key, self.pointer)
        found = follow(reference, self.side.schemas)
        return Part(found, self.side, key, f"/{rest}" if rest else "", use)


Parts = tuple[Part, ...]


def flat(parts: Iterable[Part]) -> Parts:
    """The parts, the targets of their references and the members of their `allOf`, each once."""
    found: dict[int | bool, Part] = {}
    todo = list(parts)[::-1]
    while todo:
        part = todo.pop()
        if part.token in found:
            continue
        found[part.token] = part
        inner = [part.target()] if "$ref" in part.words else []
        inner += [part.at("allOf", index) for index in range(len(part.words.get("allOf", ())))]
        todo += inner[::-1]
    return tuple(found.values())


def inner_most(part: Part) -> Part:
    """The part, or the target of its `$ref` where it has no other keyword that says anything."""
    seen: set[int | bool] = set()
    while part.token not in seen and not part.demands and "$ref" in part.words:
        seen.add(part.token)
        part = part.target()
    return part


class Equality:
    """Which schemas of both sides say the same, word for word, references followed."""

    def __init__(self, one: Side, other: Side) -> None:
        keys = one.schemas.keys() | other.schemas.keys()
        changed = {key for key in keys if not _same_text(one.schemas.get(key), other.schemas.get(key))}
        self._changed = changed.union(
            *({key for key in side.schemas if changed & (side.reachable(key) | {key})} for side in (one, other))
        )
        self._texts: dict[int, tuple[Any, str, bool]] = {}

    def same(self, one: Part, other: Part) -> bool:
        """Whether both parts surely accept the same values. For parts of different sides, or of one."""
        if one.token == other.token:
            return True
        (left, plain), (right, _) = self._read(one.schema), self._read(other.schema)
        return left == right and (plain or one.side is other.side)

    def _read(self, schema: Any) -> tuple[str, bool]:
        """The text of the schema, and whether it refers to nothing that differs between the sides."""
        known = self._texts.get(id(schema))
        if known is None:
            known = schema, _text(schema), not mentioned(schema) & self._changed
            self._texts[id(schema)] = known  # with the schema, so that no other object gets its id
        return known[1], known[2]


def size(schema: Any) -> tuple[int, int]:
    """The number of schemas inside `schema`, and of alternatives and conditions among them."""
    found = [sub for _, sub in subschemas(schema)]
    words = [sub for sub in found if isinstance(sub, dict)]
    return len(found), sum(len(sub.get("anyOf", ())) + len(sub.get("oneOf", ())) + ("if" in sub) for sub in words)


def _same_text(one: Any, other: Any) -> bool:
    return one is other or _text(one) == _text(other)


def _text(schema: Any) -> str:
    def change(_: str, sub: dict[str, Any]) -> dict[str, Any]:
        return {word: value for word, value in sub.items() if word not in ANNOTATIONS and not word.startswith("x-")}

    return json.dumps(mapped(schema, change), sort_keys=True)
