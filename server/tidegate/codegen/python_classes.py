"""The classes of a generated Python module: which schema gets one, under which name, and with which tag.

A definition that accepts objects only, and names a property, is a class; an object inside a definition becomes a class
beside it. `python_types` decides the types of the properties.
Invariant: a class has one tag at most, because msgspec has no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tidegate.codegen.model import Named
from tidegate.codegen.names import type_name, unique, words
from tidegate.codegen.objects import conjuncts, kinds, object_shape, target
from tidegate.json_pointer import escape, steps
from tidegate.schema.resource import REF_PREFIX, JsonSchema
from tidegate.schema.subschemas import mapped, subschemas

_UNFIT = frozenset('"\\')
Tag = tuple[str, str | int]
"""The property, and its value."""
DECISIVE = frozenset({
    "$ref", "additionalProperties", "allOf", "anyOf", "const", "enum", "items", "oneOf", "patternProperties",
    "prefixItems", "properties", "type",
})  # fmt: skip
"""The keywords that a type depends on."""


@dataclass(frozen=True, slots=True)
class Place:
    """A schema inside a definition: the name of the definition, and the steps to the schema."""

    title: str
    steps: tuple[str, ...] = ()

    def at(self, *steps: str | int) -> Place:
        return Place(self.title, (*self.steps, *map(str, steps)))


class Classes:
    """The classes of one module while its types are being decided."""

    def __init__(self, types: Iterable[Named]) -> None:
        self.named = {named.name: named for named in types}
        self.definitions: dict[str, JsonSchema] = {
            name: mapped(named.schema, lambda _pointer, sub: sub) for name, named in self.named.items()
        }
        """Copies, so that no two places have the same object."""
        self.schemas: dict[str, tuple[Place, JsonSchema]] = {}
        """The place and the schema of each class, by its name."""
        self.tags: dict[str, Tag] = {
            name: ("type", each.tag) for name, each in self.named.items() if each.tag is not None
        }
        self._names: dict[Place, str] = {}
        self._places = {
            id(sub): Place(name, tuple(steps(pointer)))
            for name, schema in self.definitions.items()
            for pointer, sub in subschemas(schema)
            if isinstance(sub, dict)
        }
        for name, named in sorted(self.named.items()):
            if self._is_class(named):
                self._names[Place(name)] = name
                self.schemas[name] = (Place(name), self.definitions[name])

    def place(self, schema: JsonSchema, otherwise: Place) -> Place:
        """Where `schema` stands. `otherwise` for a schema that is put together from several."""
        return self._places.get(id(schema), otherwise)

    def name_at(self, schema: JsonSchema, place: Place) -> str:
        """The name of the class for the objects that `schema` accepts."""
        place = self._shared(schema, self.place(schema, place))
        if place not in self._names:
            name = unique(_name(place, self.definitions.get(place.title, {})), {*self.named, *self.schemas})
            self._names[place] = name
            self.schemas[name] = (place, schema)
        return self._names[place]

    def has_properties(self, schema: Any) -> bool:
        """Whether `schema` names a property outside conditions and alternatives, and is no mere reference."""
        return not self.only_ref(schema) and any(part.get("properties") for part in conjuncts(schema, self.definitions))

    def only_ref(self, schema: JsonSchema) -> bool:
        """Whether the type depends on nothing but the `$ref`."""
        return "$ref" in schema and self.decisive(schema) == {"$ref"}

    def decisive(self, schema: JsonSchema) -> set[str]:
        """The keywords in `schema` that its type depends on."""
        found = {word for word in schema if word in DECISIVE}
        if "$ref" in found and "type" in found:
            of_type = (schema["type"],) if isinstance(schema["type"], str) else tuple(schema["type"])
            if kinds({"$ref": schema["$ref"]}, self.definitions) == of_type:
                found.remove("type")
        return found

    def _is_class(self, named: Named) -> bool:
        if named.tag is not None:
            return True
        schema = self.definitions[named.name]
        allowed = kinds(schema, self.definitions)
        if allowed not in {("object",), None}:
            return False
        shape = object_shape(schema, self.definitions)
        empty = allowed is not None and shape.closed and not shape.properties
        return empty or self.has_properties(schema)

    def _shared(self, schema: JsonSchema, place: Place) -> Place:
        """The same place in the row's type, if an equal schema stands there."""
        named = self.named.get(place.title)
        if named is None or named.origin is None:
            return place
        reference = "/".join([REF_PREFIX + named.origin, *map(escape, place.steps)])
        return Place(named.origin, place.steps) if target(reference, self.definitions) == schema else place


def is_unfit(name: str) -> bool:
    """Whether msgspec refuses `name` as that of a field or a tag."""
    return not _UNFIT.isdisjoint(name) or any(letter < " " for letter in name)


def _name(place: Place, definition: JsonSchema) -> str:
    if not place.steps:
        return f"{place.title}_Object"
    try:
        return type_name(place.title, place.steps, definition)
    except (KeyError, IndexError, TypeError, ValueError):  # the property comes from several schemas
        steps = [words(step) for step in place.steps if step not in {"properties", "allOf", "items"}]
        return "_".join(part for part in [place.title, *steps] if part)
