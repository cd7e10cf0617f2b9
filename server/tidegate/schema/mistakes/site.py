"""One schema inside a file, with its place and its role: what every rule for schemas looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from tidegate.json_pointer import escape
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.problem import Problem
from tidegate.schema.resource import REF_PREFIX, JsonSchema
from tidegate.schema.subschemas import MANY, NAMED, ONE, subschemas

Found = tuple[str, str]
"""(pointer below the site, what is wrong and what to write)"""
Role = Literal["value", "part", "condition"]
"""`value`: the schema says all about a value. `part`: another schema says something about the same value.
`condition`: it decides only whether another schema applies."""

_PARTS = frozenset({"allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas"})
_CONDITIONS = frozenset({"if", "not", "contains", "propertyNames"})


@dataclass(frozen=True, slots=True)
class Site:
    """`schema` stands at `place` in the definition `item` of `schemas`."""

    schemas: Schemas
    item: Definition
    place: str
    schema: JsonSchema
    role: Role

    @property
    def is_column(self) -> bool:
        """The site is the schema of a property of a row."""
        of_row = self.item.kind == "resources" and self.item.is_file
        return of_row and self.place.startswith("/properties/") and self.place.count("/") == 2

    @property
    def is_row(self) -> bool:
        return self.item.kind == "resources" and self.item.is_file and not self.place

    def problem(self, below: str, reason: str) -> Problem:
        return Problem(self.item.file, f"{self.item.pointer}{self.place}{below}", reason)

    def hint(self, below: str, reason: str) -> Problem:
        return replace(self.problem(below, reason), hint=True)


def sites(schemas: Schemas) -> Iterator[Site]:
    """Every schema of the application, or of the protocol in its own folder. Without `true` and `false`."""
    mixins = _mixins(schemas)
    for item in own(schemas):
        role: Role = "part" if item.key in mixins else "value"
        for place, schema, inner in _walk(item.schema, "", role):
            yield Site(schemas, item, place, schema, inner)


def own(schemas: Schemas) -> Iterator[Definition]:
    return (item for item in schemas.definitions if schemas.defines_protocol or not item.protocol)


def _walk(schema: Any, place: str, role: Role) -> Iterator[tuple[str, JsonSchema, Role]]:
    if not isinstance(schema, dict):
        return
    if role == "part" and "type" in schema:
        role = "value"  # such as an alternative that is complete
    yield place, schema, role
    for word, value in schema.items():
        inner: Role = role
        if word in _CONDITIONS or role == "condition":
            inner = "condition"
        elif word in _PARTS:
            inner = "part"
        if word in ONE:
            yield from _walk(value, f"{place}/{word}", inner)
        elif word in MANY and isinstance(value, list):
            for index, sub in enumerate(value):
                yield from _walk(sub, f"{place}/{word}/{index}", inner)
        elif word in NAMED and isinstance(value, dict):
            for name, sub in value.items():
                yield from _walk(sub, f"{place}/{word}/{escape(name)}", inner)


def _mixins(schemas: Schemas) -> set[str]:
    """The keys of definitions that are only ever a part of another schema."""
    parts, whole = set[str](), set[str]()
    for item in schemas.definitions:
        for place, schema in subschemas(item.schema):
            reference = schema.get("$ref") if isinstance(schema, dict) else None
            if isinstance(reference, str):
                steps = place.split("/")
                is_part = len(schema) > 1 or bool(_PARTS & set(steps[-2:]))
                (parts if is_part else whole).add(reference.removeprefix(REF_PREFIX))
    return parts - whole
