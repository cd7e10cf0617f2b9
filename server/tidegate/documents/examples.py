"""Makes an example of every message, row and room message from its schema.

It tries the schema's `examples` first, then its default or constant, then the values in `words`, and last values from
its bounds.
Invariant: the schema accepts its example. If no valid example can be made, there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator, Registry

from tidegate.documents.words import FORMATS, SHOWN, TYPES, WORDS, at_length
from tidegate.schema import Definition, Resource, RoomType, Schemas, derive, formats, patterns
from tidegate.schema.older.dialects import DIALECT
from tidegate.schema.resource import REF_PREFIX, JsonSchema, json_types, resolved
from tidegate.schema.subschemas import mapped

_URI = "tidegate:examples"
_DEPTH = 8
"""The nesting at which the example of a recursive schema ends."""


class _NoExample(Exception):
    """No valid value was found."""


class Examples:
    """The examples of one contract."""

    def __init__(self, schemas: Schemas, contract: str) -> None:
        self._definitions = schemas.by_key
        self._registry = Registry([(_URI, {"$schema": DIALECT, "$id": _URI, "$defs": schemas.by_key})])
        self._types: dict[str, Any] = dict(TYPES)
        self._members: dict[str, dict[str, Any]] = {"Welcome": {"contract": contract}}
        self._speak_of_rows(next(iter(schemas.resources.values()), None))
        self._speak_of_rooms(schemas.rooms)

    def message(self, item: Definition) -> Any:
        """A message of the type that `item` defines. None if no example can be made."""
        try:
            return self._object(item.schema, item.key, 0)
        except _NoExample:
            return None

    def value(self, schema: JsonSchema) -> Any:
        """A value that `schema` accepts. None if no example can be made."""
        try:
            return self._value(schema, "", 0)
        except _NoExample:
            return None

    def row(self, resource: Resource) -> Any:
        """A sent row with its optional properties. None if no example can be made."""
        schema = derive.row_schema(resource)
        return self.value({**schema, "required": list(schema["properties"])})

    def created(self, resource: Resource) -> Any:
        """The data of a request that creates a row. None if no example can be made."""
        return self.value(derive.create_schema(resource))

    def filters(self, resource: Resource) -> dict[str, Any]:
        """A filter by one property, preferably by a value of an enum."""
        properties = derive.filter_schema(resource)["properties"]
        names = sorted(properties, key=lambda name: (name in resource.key, "enum" not in properties[name]))
        return self._first({name: properties[name] for name in names})

    def changed(self, resource: Resource) -> dict[str, Any]:
        """The data of a request that changes one property of a row."""
        properties = derive.update_schema(resource)["properties"]
        names = sorted(properties, key=lambda name: (name in resource.key, "enum" not in properties[name]))
        return self._first({name: properties[name] for name in names})

    def _first(self, properties: dict[str, JsonSchema]) -> dict[str, Any]:
        """The first of `properties` with an example."""
        found = ((name, self._or_none(schema, name)) for name, schema in properties.items())
        return next(({name: value} for name, value in found if value is not None), {})

    def _speak_of_rows(self, resource: Resource | None) -> None:
        if resource is None:
            return
        row, key = self.row(resource), self.value(derive.key_schema(resource))
        self._types |= {"ResourceName": resource.name, "Filters": self.filters(resource)}
        if row is not None:
            self._types["Row"] = row
            if len(resource.key) == 1:
                key = row[resource.key[0]]
        if key is not None:
            self._types |= {"RowKey": key, "RowKeys": [key]}
        sortable = [name for name in resource.properties if name not in resource.key]
        term = {"field": next(iter(sortable), resource.key[0]), "order": "asc"}
        self._members |= {
            "CreateRequest": {"data": self.created(resource)},
            "UpdateRequest": {"data": self.changed(resource)},
            "ListRequest": {"sort": [term]},
        }

    def _speak_of_rooms(self, rooms: dict[str, RoomType]) -> None:
        for pattern, room in sorted(rooms.items(), key=lambda entry: entry[0] == patterns.OPEN):
            said = self.value(room.schema)
            if said is not None:
                self._types["RoomName"] = room_name(pattern)
                self._members |= {"MessageRequest": {"data": said}, "RoomMessage": {"data": said}}
                return

    def _or_none(self, schema: JsonSchema, name: str) -> Any:
        try:
            return self._value(schema, name, 0)
        except _NoExample:
            return None

    def _value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, dict):
            schema = {} if schema else {"not": {}}
        if depth > _DEPTH:
            raise _NoExample
        validator = self._validator(schema)
        for candidate in self._candidates(schema, name, depth):
            if validator.is_valid(candidate):
                return candidate
        raise _NoExample

    def _candidates(self, schema: JsonSchema, name: str, depth: int) -> Iterator[Any]:
        whole = resolved(schema, self._definitions)
        yield from whole.get("examples", ())
        if "default" in whole and whole["default"] not in (None, [], {}):
            yield whole["default"]
        if "const" in whole:
            yield whole["const"]
        known = str(schema.get("$ref", "")).removeprefix(REF_PREFIX)
        if known in self._types:
            yield self._types[known]
        if known in self._members:
            yield from self._of_kind("object", whole, known, depth)
        if name in WORDS:
            yield WORDS[name]
        yield from (value for value in whole.get("enum", ()) if value is not None)
        for branch in _branches(whole):
            yield from self._branch(whole, branch, name, depth)
        for kind in json_types(whole, self._definitions) or ["object" if "properties" in whole else "string"]:
            yield from self._of_kind(kind, whole, name, depth)

    def _branch(self, whole: JsonSchema, branch: Any, name: str, depth: int) -> Iterator[Any]:
        inner = resolved(branch, self._definitions)
        beside = {word: value for word, value in whole.items() if word not in {"anyOf", "oneOf"}}
        merged = {
            **beside,
            **inner,
            "properties": {**beside.get("properties", {}), **inner.get("properties", {})},
            "required": [*beside.get("required", ()), *inner.get("required", ())],
        }
        if depth < _DEPTH:
            yield from self._candidates(merged, name, depth + 1)

    def _of_kind(self, kind: str, schema: JsonSchema, name: str, depth: int) -> Iterator[Any]:
        try:
            if kind == "object":
                yield self._object(schema, name, depth)
            elif kind == "array":
                yield self._array(schema, name, depth)
        except _NoExample:
            return
        if kind == "string":
            yield at_length(FORMATS.get(schema.get("format", ""), name.replace("_", " ") or "Hello"), schema)
        elif kind in {"integer", "number"}:
            yield from _numbers(schema)
        elif kind == "boolean":
            yield True
        elif kind == "null":
            yield None

    def _array(self, schema: JsonSchema, name: str, depth: int) -> list[Any]:
        first = [self._value(sub, name, depth + 1) for sub in schema.get("prefixItems", ())]
        count = max(schema.get("minItems", 0) - len(first), 0 if first else 1)
        items = schema.get("items", schema.get("contains", True))
        return first + [self._value(items, name, depth + 1) for _ in range(count)]

    def _object(self, schema: JsonSchema, key: str, depth: int) -> Any:
        """An object with its required properties and the optional ones that examples of `key` have. Of several
        alternatives, the first.
        """
        given = self._members.get(key, {})
        branches = [resolved(branch, self._definitions) for branch in _branches(schema)]
        alternative = branches[0].get("required", ()) if branches else ()
        required = {*schema.get("required", ()), *alternative, *SHOWN.get(key, ())}
        made: dict[str, Any] = {}
        for name, sub in schema.get("properties", {}).items():
            if name in required:
                made[name] = given[name] if given.get(name) is not None else self._value(sub, name, depth + 1)
        if not self._validator(schema).is_valid(made):
            raise _NoExample
        return made

    def _validator(self, schema: JsonSchema) -> Draft202012Validator:
        def absolute(_pointer: str, sub: JsonSchema) -> JsonSchema:
            return {**sub, "$ref": _URI + sub["$ref"]} if isinstance(sub.get("$ref"), str) else sub

        return Draft202012Validator(
            mapped(schema, absolute),
            registry=self._registry,
            validate_formats=True,
            formats=formats.FORMATS,
            offline=True,
        )


def room_name(pattern: str) -> str:
    """A room name that matches `pattern`."""
    return "lobby" if pattern == patterns.OPEN else patterns.filled(pattern, "1")


def _branches(schema: JsonSchema) -> list[Any]:
    """The alternatives of a schema."""
    found: list[Any] = schema.get("anyOf") or schema.get("oneOf") or []
    return found


def _numbers(schema: JsonSchema) -> Iterator[float]:
    """The number 1, then other numbers that the bounds allow."""
    low: float = schema.get("minimum") or schema.get("exclusiveMinimum") or 0
    high: float = schema.get("maximum") or schema.get("exclusiveMaximum") or low + 1
    step: float = schema.get("multipleOf") or 1
    yield from (1, low, high, low + step, high - step, (low + high) / 2, step)
