"""Finds the changes between two schema folders that break clients made for the older one.

The new schemas must accept everything that older clients send: messages, new rows, changes, filters, room messages.
The old schemas must accept everything that older clients receive: gateway messages, rows, room messages. For received
objects, unknown properties are allowed, because clients ignore them.
Invariant: a change that this module cannot decide counts as breaking.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jsonschema_rs import CanonicalSchema, canonicalize

from tidegate.int64 import FORMAT as INT64
from tidegate.int64 import PATTERN
from tidegate.schema import derive
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.resource import JsonSchema, resolved
from tidegate.schema.subschemas import escape, mapped

BOUNDS = (
    "const", "exclusiveMaximum", "exclusiveMinimum", "format", "maxItems", "maxLength", "maxProperties", "maximum",
    "minItems", "minLength", "minProperties", "minimum", "multipleOf", "pattern", "uniqueItems",
)  # fmt: skip
DEPTH = 8
"""The search for the reason of a difference ends at this depth."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """A change of the contract. `breaking`: an older client can fail on it."""

    breaking: bool
    file: str
    pointer: str
    reason: str

    def __str__(self) -> str:
        return f"{'breaking' if self.breaking else 'note'}: {self.file}: {self.pointer or '/'}: {self.reason}"


def compare(old: Schemas, new: Schemas) -> list[Difference]:
    """The differences between `old` and `new`, breaking ones first. Both must pass the linter."""
    found = set(_messages(old, new)) | set(_resources(old, new)) | set(_rooms(old, new))
    return sorted(found, key=lambda item: (not item.breaking, item.file, item.pointer, item.reason))


def _messages(old: Schemas, new: Schemas) -> Iterator[Difference]:
    for name, was in old.client.items():
        now = new.client.get(name)
        if now is None:
            yield Difference(True, was.file, "", f"clients may no longer send {name!r}")
            continue
        yield from _Accept(old, new).differences(now.file, "", was.schema, now.schema)
        if was.schema.get("x-reply") != now.schema.get("x-reply"):
            yield Difference(True, now.file, "/x-reply", f"was {was.schema.get('x-reply')!r}")
    for name, was in old.server.items():
        now = new.server.get(name)
        if now is None:
            yield Difference(True, was.file, "", f"clients still wait for {name!r}, which never comes")
        else:
            yield from _Promise(old, new).differences(now.file, "", was.schema, now.schema)


def _resources(old: Schemas, new: Schemas) -> Iterator[Difference]:
    files = {item.name: item.file for item in (*old.files("resources"), *new.files("resources"))}
    for name, was in old.resources.items():
        now, file = new.resources.get(name), files[name]
        if now is None:
            yield Difference(True, file, "", f"there is no resource {name!r} any more")
            continue
        if was.key != now.key:
            yield Difference(True, file, "/x-resource/key", f"was {', '.join(was.key)}")
        for derived in (derive.create_schema, derive.update_schema, derive.filter_schema, derive.sort_schema):
            yield from _Accept(old, new).differences(file, "", derived(was), derived(now))
        yield from _Promise(old, new).differences(file, "", derive.row_schema(was), derive.row_schema(now))
        yield from _access(file, was.access, now.access)


def _rooms(old: Schemas, new: Schemas) -> Iterator[Difference]:
    was_by_pattern, now_by_pattern = (_by_pattern(schemas) for schemas in (old, new))
    for pattern, was in was_by_pattern.items():
        now = now_by_pattern.get(pattern)
        if now is None:
            yield Difference(True, was.file, "/x-room/pattern", f"no rooms are called {pattern!r} any more")
            continue
        yield from _Accept(old, new).differences(now.file, "", was.schema, now.schema)
        yield from _Promise(old, new).differences(now.file, "", was.schema, now.schema)
        yield from _access(now.file, was.schema.get("x-access", {}), now.schema.get("x-access", {}))


def _by_pattern(schemas: Schemas) -> dict[str, Definition]:
    return {item.schema["x-room"]["pattern"]: item for item in schemas.files("rooms")}


def _access(file: str, was: dict[str, Any], now: dict[str, Any]) -> Iterator[Difference]:
    for action, rule in was.items():
        if rule != now.get(action):
            yield Difference(False, file, f"/x-access/{action}", f"was {rule!r}; other users have access now")


class _Accept:
    """Compares schemas of what clients send: the new one must accept everything that the old one accepts."""

    opened = False

    def __init__(self, old: Schemas, new: Schemas) -> None:
        self._old = old.by_key
        self._new = new.by_key

    def differences(self, file: str, place: str, was: Any, now: Any) -> Iterator[Difference]:
        """The innermost places where `now` accepts less than `was`."""
        if not self._covered(was, now):
            reasons = list(self._within(place, was, now, DEPTH)) or [(place, "accepts less than it did")]
            yield from (Difference(True, file, pointer, reason) for pointer, reason in reasons)

    def _covered(self, was: Any, now: Any) -> bool:
        return _covers(self._canonical(now, self._new), self._canonical(was, self._old))

    def _canonical(self, schema: Any, definitions: dict[str, Any]) -> CanonicalSchema | None:
        document = mapped({**resolved(schema, definitions), "$defs": definitions}, _comparable)
        try:
            return canonicalize(_opened(document) if self.opened else document, validate_formats=True, offline=True)
        except ValueError:
            return None

    def _within(self, place: str, was: Any, now: Any, depth: int) -> Iterator[tuple[str, str]]:
        was, now = resolved(was, self._old), resolved(now, self._new)
        found = list(self._own(place, was, now))
        if depth:
            for pointer, sub_was, sub_now in _pairs(place, was, now):
                if not self._covered(sub_was, sub_now):
                    found += list(self._within(pointer, sub_was, sub_now, depth - 1))
        yield from found or [(place, self._changed(was, now))]

    def _own(self, place: str, was: JsonSchema, now: JsonSchema) -> Iterator[tuple[str, str]]:
        """The properties that an object lost or newly requires. It does not compare the properties of both."""
        properties_was, properties_now = was.get("properties", {}), now.get("properties", {})
        if now.get("additionalProperties", True) is False:
            for name in properties_was:
                if name not in properties_now:
                    yield f"{place}/properties/{escape(name)}", "clients may no longer send it"
        for name in now.get("required", ()):
            if name not in was.get("required", ()):
                yield f"{place}/required", f"{name!r} was not required"

    def _changed(self, was: JsonSchema, now: JsonSchema) -> str:
        return _words(was, now) or "accepts less than it did"


class _Promise(_Accept):
    """Compares schemas of what clients receive: the old one, its objects opened, must accept all that the new does."""

    opened = True

    def _covered(self, was: Any, now: Any) -> bool:
        return _covers(self._canonical(was, self._old), self._canonical(now, self._new))

    def _own(self, place: str, was: JsonSchema, now: JsonSchema) -> Iterator[tuple[str, str]]:
        for name in was.get("required", ()):
            if name not in now.get("properties", {}):
                yield f"{place}/properties/{escape(name)}", "was always present, and clients may rely on it"
            elif name not in now.get("required", ()):
                yield f"{place}/required", f"{name!r} was always present"

    def _changed(self, was: JsonSchema, now: JsonSchema) -> str:
        return _words(was, now) or "may have values that it never had"


def _covers(wide: CanonicalSchema | None, narrow: CanonicalSchema | None) -> bool:
    return wide is not None and narrow is not None and str(wide.covers(narrow)) == "yes"


def _comparable(_: str, schema: JsonSchema) -> JsonSchema:
    """`schema` with a pattern in the place of a format that only Tidegate knows."""
    if schema.get("format") != INT64:
        return schema
    rest = {word: value for word, value in schema.items() if word != "format"}
    if "pattern" not in rest:
        return {**rest, "pattern": PATTERN}
    return {**rest, "allOf": [*rest.get("allOf", ()), {"pattern": PATTERN}]}


def _opened(schema: JsonSchema) -> JsonSchema:
    closing = {"additionalProperties", "unevaluatedProperties"}

    def change(_: str, sub: JsonSchema) -> JsonSchema:
        return {word: value for word, value in sub.items() if word not in closing or value is not False}

    opened: JsonSchema = mapped(schema, change)
    return opened


def _pairs(place: str, was: JsonSchema, now: JsonSchema) -> Iterator[tuple[str, Any, Any]]:
    """The subschemas that both have: properties by name, and items."""
    for name, sub in was.get("properties", {}).items():
        if name in now.get("properties", {}):
            yield f"{place}/properties/{escape(name)}", sub, now["properties"][name]
    if "items" in was and "items" in now:
        yield f"{place}/items", was["items"], now["items"]


def _words(was: JsonSchema, now: JsonSchema) -> str:
    """A text with the keywords that differ."""
    changes = []
    if was.get("type") != now.get("type"):
        changes.append(f"type was {was.get('type', 'anything')}, is {now.get('type', 'anything')}")
    before, after = was.get("enum"), now.get("enum")
    if before != after:
        lost = [value for value in before or () if value not in (after or ())]
        added = [value for value in after or () if value not in (before or ())]
        changes += [f"enum lost {lost}"] if lost and after is not None else []
        changes += [f"enum got {added}"] if added else []
    changes += [
        f"{word} was {was.get(word, 'not set')}, is {now.get(word, 'not set')}"
        for word in BOUNDS
        if was.get(word) != now.get(word)
    ]
    return "; ".join(changes)
