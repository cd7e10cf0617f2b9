"""What the library knows about whole schemas: whether a value fits, whether one schema covers another.

`jsonschema_rs` decides small schemas without recursion well. It says "unknown" for recursion and for some patterns, and
needs seconds for unions of many alternatives, so that only small schemas are asked.
Invariant: an answer "yes" is a proof; everything else proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jsonschema_rs import CanonicalSchema, Draft202012Validator, Validator, canonicalize

from tidegate.int64 import FORMAT as INT64
from tidegate.int64 import PATTERN
from tidegate.schema.compat.parts import Parts, Side, size
from tidegate.schema.formats import FORMATS
from tidegate.schema.regex import LINEAR
from tidegate.schema.resource import JsonSchema
from tidegate.schema.subschemas import mapped

MOST_SCHEMAS = 60
MOST_BRANCHES = 8
"""The library is asked about schemas up to this size."""
MARK = r"^(?:-?[0-9]{1,19})$"
"""Stands for what `PATTERN` does not say of an `int64`: no `int64` covers a text that has that pattern alone."""

Change = Callable[[str, JsonSchema], JsonSchema]


class Oracle:
    """Asks the library. `opened`: the side whose schemas are read as clients read what they receive."""

    def __init__(self, opened: Side | None) -> None:
        self._opened = opened
        self._validators: dict[object, tuple[Parts, Validator | None]] = {}
        self._canonical: dict[object, tuple[Parts, CanonicalSchema | None]] = {}

    def fits(self, parts: Parts, value: Any, *, unknown: bool = False) -> bool:
        """Whether `value` fits all parts. `unknown` if the library cannot say."""
        sides = {id(part.side): part.side for part in parts}
        return all(
            self._fits(tuple(part for part in parts if part.side is side), value, unknown) for side in sides.values()
        )

    def _fits(self, parts: Parts, value: Any, unknown: bool) -> bool:
        key = frozenset(part.token for part in parts)
        if key not in self._validators:
            self._validators[key] = parts, self._validator(parts)
        validator = self._validators[key][1]
        return unknown if validator is None else validator.is_valid(value)

    def covers(self, wide: Parts, narrow: Parts) -> bool:
        """Whether `wide` surely accepts each value that fits `narrow`."""
        left, right = self._read(wide), self._read(narrow)
        if left is None or right is None:
            return False
        try:
            return str(left.covers(right)) == "yes"
        except ValueError:
            return False

    def disjoint(self, one: Parts, other: Parts) -> bool:
        """Whether surely no value fits both."""
        left, right = self._read(one), self._read(other)
        if left is None or right is None:
            return False
        try:
            return str(left.intersect(right).satisfiability()) in {"no", "Satisfiability.NO"}
        except ValueError:
            return False

    def _read(self, parts: Parts) -> CanonicalSchema | None:
        parts = tuple(part for part in parts if part.side is parts[0].side)  # less is known then, and nothing wrong
        key = frozenset(part.token for part in parts)
        if key not in self._canonical:
            self._canonical[key] = parts, self._canonicalized(parts)
        return self._canonical[key][1]

    def _canonicalized(self, parts: Parts) -> CanonicalSchema | None:
        if not _small(parts):
            return None
        try:
            return canonicalize(self._document(parts, _comparable), validate_formats=True, offline=True)
        except ValueError:
            return None

    def _validator(self, parts: Parts) -> Validator | None:
        try:
            return Draft202012Validator(
                self._document(parts, lambda _, schema: schema),
                validate_formats=True,
                formats=FORMATS,
                offline=True,
                pattern_options=LINEAR,
            )
        except ValueError:
            return None

    def _document(self, parts: Parts, change: Change) -> JsonSchema:
        """A schema that says what all parts say. All parts must be of one side."""
        side = parts[0].side if parts else None
        schemas = [part.schema for part in parts]
        needed = side.reach({"allOf": schemas}) if side else set()
        definitions = {key: side.schemas[key] for key in sorted(needed)} if side else {}
        document: JsonSchema = mapped({"allOf": schemas or [True], "$defs": definitions}, change)
        return opened(document) if side is not None and side is self._opened else document


def opened(schema: Any) -> Any:
    """`schema` as a client reads it: it ignores unknown properties, and takes the first alternative that fits."""
    if not isinstance(schema, dict):
        return schema
    found: JsonSchema = {}
    for word, value in schema.items():
        if word in {"additionalProperties", "unevaluatedProperties"} and value is False:
            continue
        if word in {"properties", "patternProperties", "$defs", "dependentSchemas"}:
            found[word] = {name: opened(sub) for name, sub in value.items()}
        elif word in {"allOf", "anyOf", "prefixItems"}:
            found[word] = [opened(sub) for sub in value]
        elif word in {"items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "then", "else"}:
            found[word] = opened(value)
        elif word != "oneOf":
            found[word] = value
    if "oneOf" in schema:
        branches = {"anyOf": [opened(sub) for sub in schema["oneOf"]]}
        found = (
            {**found, **branches} if "anyOf" not in found else {**found, "allOf": [*found.get("allOf", ()), branches]}
        )
    return found


def _comparable(_: str, schema: JsonSchema) -> JsonSchema:
    """`schema` with patterns in the place of a format that only Tidegate knows."""
    if schema.get("format") != INT64:
        return schema
    rest = {word: value for word, value in schema.items() if word != "format"}
    return {**rest, "allOf": [*rest.get("allOf", ()), {"pattern": PATTERN}, {"pattern": MARK}]}


def _small(parts: Parts) -> bool:
    sizes = [size(part.schema) for part in parts]
    if parts and all(_within(*one) for one in sizes):
        sizes += [parts[0].side.size(key) for key in parts[0].side.reach({"allOf": [part.schema for part in parts]})]
    return _within(sum(schemas for schemas, _ in sizes), sum(branches for _, branches in sizes))


def _within(schemas: int, branches: int) -> bool:
    return schemas <= MOST_SCHEMAS and branches <= MOST_BRANCHES
