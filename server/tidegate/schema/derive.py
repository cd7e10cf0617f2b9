"""What follows from a row schema: which filters, sorts, creates, updates and keys are legal, and how rows are sent.

The derived schemas refer to the same `$defs` as the row schema. They refuse a wrong filter at run time, and generated
types are made of them. Filters with operators are in `filtering`.
Invariant: a `writeOnly` property is in no filter, sort, field list or sent row; a `readOnly` one in no write.
"""

from __future__ import annotations

from typing import Any

from tidegate.schema.resource import ANY, JsonSchema, Property, Resource

SCALARS = frozenset({"string", "integer", "number", "boolean"})
_ASIDE = frozenset({"readOnly", "writeOnly", "default"})
_WHOLE_ROW = frozenset(
    {"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"}
)
SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259, section 6)."""


def filter_schema(resource: Resource) -> JsonSchema:
    """`if`, and the short form of `filters`: a value of the property's type, or null where a row may be without one."""
    return closed({prop.name: short_value(prop, null=prop.column_nullable) for prop in filterable(resource)})


def filterable(resource: Resource) -> list[Property]:
    """The properties that `if` can name."""
    return [prop for prop in readable(resource) if prop.type in SCALARS or prop.type == ANY or prop.column_nullable]


def sort_schema(resource: Resource) -> JsonSchema:
    """`sort`: a list of {field, order}."""
    names = [prop.name for prop in readable(resource) if prop.type in SCALARS]
    return {"type": "array", "items": {"type": "object", "properties": {"field": {"enum": names}}}}


def fields_schema(resource: Resource) -> JsonSchema:
    """`fields`: a list of property names."""
    return {"type": "array", "items": {"enum": [prop.name for prop in readable(resource)]}}


def create_schema(resource: Resource) -> JsonSchema:
    """A new row: nothing `readOnly`; a required property with a default may be left out."""
    return {
        **{word: value for word, value in resource.schema.items() if word in _WHOLE_ROW},
        **closed(
            {prop.name: _value(resource, prop) for prop in writable(resource)},
            [prop.name for prop in writable(resource) if prop.required and not prop.has_default],
        ),
    }


def update_schema(resource: Resource) -> JsonSchema:
    """The changed properties: all optional, none `readOnly`; null clears a property that a row may be without.

    Conditions on the row as a whole (allOf, if, dependentRequired ...) cannot be asked of a part and are left out.
    """
    return closed({prop.name: _changed_value(resource, prop) for prop in writable(resource)})


def key_schema(resource: Resource) -> JsonSchema:
    """What identifies a row: the value of its key, or an object for a key of several properties."""
    if len(resource.key) == 1:
        return _value(resource, resource.key_properties[0])
    return closed({prop.name: _value(resource, prop) for prop in resource.key_properties}, list(resource.key))


def row_schema(resource: Resource) -> JsonSchema:
    """A row as it is sent: without `writeOnly` properties."""
    sent = readable(resource)
    schema = {word: value for word, value in resource.schema.items() if word not in _WHOLE_ROW}
    return {
        **schema,
        "type": "object",
        "properties": {prop.name: resource.schema["properties"][prop.name] for prop in sent},
        "required": [prop.name for prop in sent if prop.required],
    }


def readable(resource: Resource) -> list[Property]:
    """The properties that are sent."""
    return [prop for prop in resource.properties.values() if not prop.write_only]


def writable(resource: Resource) -> list[Property]:
    """The properties that clients may write."""
    return [prop for prop in resource.properties.values() if not prop.read_only]


def short_value(prop: Property, *, null: bool) -> JsonSchema:
    """A value to compare the property with, or null if `null`.

    Only the type counts: a bound that no row meets is no error in a filter, an unknown word of an enum is.
    """
    schema: JsonSchema = {}
    if prop.enum is not None:
        schema["enum"] = list(prop.enum)
    elif prop.type in SCALARS:
        schema["type"] = prop.type
        if prop.format is not None:
            schema["format"] = prop.format
    elif prop.type == ANY:
        schema["type"] = sorted(SCALARS)
    else:
        return {"type": "null"}
    if description := prop.schema.get("description"):
        schema["description"] = description
    schema = bounded(schema) if prop.type == "integer" else schema
    return _with_null(schema) if null else schema


def closed(properties: dict[str, JsonSchema], required: list[str] | None = None) -> JsonSchema:
    """An object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": required or [], "additionalProperties": False}


def bounded(schema: JsonSchema) -> JsonSchema:
    """An integer, within what every JSON reader keeps exact."""

    def limit(word: str, ours: int, pick: Any) -> int:
        theirs = schema.get(word)
        picked: int = ours if theirs is None else pick(ours, theirs)
        return picked

    return {**schema, "minimum": limit("minimum", -SAFE_INTEGER, max), "maximum": limit("maximum", SAFE_INTEGER, min)}


def _value(resource: Resource, prop: Property) -> JsonSchema:
    """The property's schema as a condition on a value, integers kept within what JSON readers keep exact."""
    written = resource.schema["properties"][prop.name]
    if prop.type == "integer":
        return bounded(_without_asides(prop.schema))
    return _without_asides(written if isinstance(written, dict) else prop.schema)


def _changed_value(resource: Resource, prop: Property) -> JsonSchema:
    value = _value(resource, prop)
    return _with_null(value) if prop.column_nullable and not prop.nullable else value


def _without_asides(schema: JsonSchema) -> JsonSchema:
    return {word: value for word, value in schema.items() if word not in _ASIDE}


def _with_null(schema: JsonSchema) -> JsonSchema:
    """`schema`, or null. Where it can, it widens `type` and `enum` in place, so that refusals name the real reason."""
    kinds = schema.get("type")
    if isinstance(kinds, str):
        kinds = [kinds]
    if kinds is None and "enum" not in schema and "const" not in schema:
        return {"anyOf": [schema, {"type": "null"}]} if schema else schema
    nullable = dict(schema)
    if kinds is not None and "null" not in kinds:
        nullable["type"] = [*kinds, "null"]
    if "const" in nullable:
        nullable["enum"] = [nullable.pop("const"), None]
    if None not in nullable.get("enum", [None]):
        nullable["enum"] = [*nullable["enum"], None]
    return nullable
