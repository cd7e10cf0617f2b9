"""What jsonschema-rs can compute of a schema: whether any value fits it, and whether it has all values of another.

Large schema folders have thousands of schemas that reach each other, so the question whether any value fits looks at
the value and at the values directly inside it. Deeper ones count as anything: a schema there is asked by itself.
Invariant: "impossible" is said only where it is certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema_rs import CanonicalSchema, canonicalize

from tidegate.schema.resource import REF_PREFIX, JsonSchema, steps_of
from tidegate.schema.subschemas import MANY, NAMED, ONE

NEAR = 1
"""How many levels inside a value references are followed."""
FAR = 1000
MOST = 200
"""`covers` needs all definitions: with more of them it is not asked."""
_SAME_VALUE = frozenset({"allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "then"})
_Reached = dict[str, int]
"""{key of a definition: how many values inside the value it is referred to}"""


class Definitions:
    """The definitions that schemas refer to."""

    def __init__(self, by_key: Mapping[str, Any]) -> None:
        self._by_key = by_key
        self._mentioned: dict[str, _Reached] = {}

    def is_impossible(self, schema: JsonSchema) -> bool:
        """Whether it is certain that no value fits `schema`."""
        found = _canonical(schema, self._reached(schema, NEAR))
        return found is not None and str(found.satisfiability()) == "no"

    def canonical(self, schema: JsonSchema) -> CanonicalSchema | None:
        """`schema` with all definitions that it reaches. None if there are too many, or if it cannot be read."""
        reached = self._reached(schema, FAR)
        return _canonical(schema, reached) if len(reached) <= MOST else None

    def _reached(self, schema: JsonSchema, deepest: int) -> dict[str, Any]:
        """The definitions that `schema` reaches, and anything in the place of those that are deeper than `deepest`."""
        depths: _Reached = {}
        todo = list(_references(schema, 0))
        while todo:
            key, depth = todo.pop()
            if key not in self._by_key or depths.get(key, FAR + 1) <= depth:
                continue
            depths[key] = depth
            if depth <= deepest:
                todo += [(other, depth + more) for other, more in self._mentions(key).items()]
        return {key: self._by_key[key] if depth <= deepest else True for key, depth in depths.items()}

    def _mentions(self, key: str) -> _Reached:
        if key not in self._mentioned:
            found: _Reached = {}
            for other, depth in _references(self._by_key[key], 0):
                found[other] = min(depth, found.get(other, FAR))
            self._mentioned[key] = found
        return self._mentioned[key]


def covers(wide: CanonicalSchema, narrow: CanonicalSchema) -> bool:
    """Whether `wide` surely accepts each value that fits `narrow`."""
    try:
        return str(wide.covers(narrow)) == "yes"
    except ValueError:  # some unions inside unions cannot be compared
        return False


def _canonical(schema: JsonSchema, definitions: Mapping[str, Any]) -> CanonicalSchema | None:
    try:
        return canonicalize({**schema, "$defs": dict(definitions)}, validate_formats=True, offline=True)
    except ValueError:  # the linter reports it
        return None


def _references(schema: Any, depth: int) -> Iterator[tuple[str, int]]:
    """(key, how many values inside the value) of each reference in `schema`."""
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith(REF_PREFIX):
        yield steps_of(reference)[0], depth
    for word, value in schema.items():
        inner = depth if word in _SAME_VALUE else depth + 1
        if word in ONE:
            yield from _references(value, inner)
        elif word in MANY and isinstance(value, list):
            for sub in value:
                yield from _references(sub, inner)
        elif word in NAMED and isinstance(value, dict):
            for sub in value.values():
                yield from _references(sub, inner)
