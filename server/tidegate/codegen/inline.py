"""Gives the objects inside a definition names, as definitions beside it: one class for each in Python.

It works on shapes. `codegen.names` makes the names from the way to the object.
Invariant: no object with properties is left inside another one, so no other tool has to name it.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.codegen.names import type_name, unique
from tidegate.schema.resource import REF_PREFIX, JsonSchema
from tidegate.schema.subschemas import mapped, unescape

_OF_OBJECTS = frozenset({
    "additionalProperties", "description", "patternProperties", "properties", "required",
})  # fmt: skip


def lifted(shapes: Mapping[str, JsonSchema], origins: Mapping[str, str]) -> dict[str, JsonSchema]:
    """`shapes` by name, with a shape more for each object inside one.

    `origins`: the row's type for a type that is derived from it. Both share the types of equal objects.
    """
    found: dict[str, JsonSchema] = dict(shapes)
    for name in sorted(shapes, key=lambda name: (name in origins, name)):
        found[name] = _Lift(name, shapes[name], origins.get(name), found).shape()
    return found


class _Lift:
    """Moves the objects of one shape into `found`."""

    def __init__(self, name: str, shape: JsonSchema, origin: str | None, found: dict[str, JsonSchema]) -> None:
        self._name = name
        self._shape = shape
        self._origin = origin
        self._found = found

    def shape(self) -> JsonSchema:
        whole: JsonSchema = mapped(self._shape, self._changed)
        return whole

    def _changed(self, pointer: str, schema: JsonSchema) -> JsonSchema:
        steps = [unescape(step) for step in pointer.split("/")[1:]]
        if not is_object(schema) or not steps or steps[-2:-1] == ["allOf"]:
            return schema
        kinds = schema.get("type", "object")
        others = [kind for kind in kinds if kind != "object"] if isinstance(kinds, list) else []
        described = {"description": schema["description"]} if "description" in schema else {}
        inner = {**schema, "type": "object"} if others else schema
        reference = {"$ref": REF_PREFIX + self._add(steps, inner)}
        if not others:
            return {**reference, **described}
        rest = {word: value for word, value in schema.items() if word not in _OF_OBJECTS}
        return {"anyOf": [reference, {**rest, "type": others[0] if len(others) == 1 else others}], **described}

    def _add(self, steps: list[str], schema: JsonSchema) -> str:
        """The name of the type for `schema`, which is at `steps`."""
        if self._origin is not None:
            shared = type_name(self._origin, steps, self._shape)
            if self._found.get(shared) == schema:
                return shared
        name = unique(type_name(self._name, steps, self._shape), self._found)
        self._found[name] = schema
        return name


def is_object(schema: JsonSchema) -> bool:
    """Whether a shape becomes a class."""
    branches = schema.get("allOf", ())
    return bool(schema.get("properties")) or any(isinstance(sub, dict) and is_object(sub) for sub in branches)
