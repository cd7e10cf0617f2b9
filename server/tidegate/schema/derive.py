"""Derives schemas from a row schema: of filters, sorts, field lists, creates, updates and keys, and of sent rows.

The derived schemas refer to the same `$defs` as the row schema. The gateway validates requests with them, and codegen
makes types from them. `filter_schemas` derives the filters with operators.
Invariant: a `writeOnly` property is in no filter, sort, field list or sent row; a `readOnly` property is in no write.
"""

from __future__ import annotations

from typing import Any

from tidegate.schema.resource import ANY, JsonSchema, Property, Resource

SCALARS = frozenset({"string", "integer", "number", "boolean"})
_ANNOTATIONS = frozenset({"readOnly", "writeOnly", "default"})
_CONDITIONS = frozenset(
    {"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"}
)
_WHOLE_ROW = _CONDITIONS | {
    "$ref", "const", "enum", "maxProperties", "minProperties", "patternProperties", "propertyNames",
    "unevaluatedProperties",
}  # fmt: skip
"""Keywords at the top of a row schema that say something about the whole row."""
SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON parser keeps exact (RFC 8259, section 6).

`core.filters.tree` has the same constant, because the core must not import this package; a test compares the two.
"""


def filter_schema(resource: Resource) -> JsonSchema:
    """`if`, and the short form of `filters`: a value of the property's type, or null if the column may be null."""
    return closed({prop.name: short_value(prop, null=prop.column_nullable) for prop in comparable(resource)})


def comparable(resource: Resource) -> list[Property]:
    """The properties that `if` can name. (`filter_schemas.filterable`: those that `filters` can name.)"""
    return [prop for prop in readable(resource) if prop.type in SCALARS or prop.type == ANY or prop.column_nullable]


def sort_schema(resource: Resource) -> JsonSchema:
    """`sort`: a list of {field, order}."""
    names = [prop.name for prop in readable(resource) if prop.type in SCALARS]
    return {"type": "array", "items": {"type": "object", "properties": {"field": {"enum": names}}}}


def fields_schema(resource: Resource) -> JsonSchema:
    """`fields`: a list of property names."""
    return {"type": "array", "items": {"enum": [prop.name for prop in readable(resource)]}}


def create_schema(resource: Resource) -> JsonSchema:
    """A new row as documents and generated code describe it: what a client sends, and the conditions on the row."""
    conditions = {word: value for word, value in resource.schema.items() if word in _CONDITIONS}
    return {**conditions, **sent_row_schema(resource)}


def sent_row_schema(resource: Resource) -> JsonSchema:
    """What a client sends of a new row, without `readOnly` properties. A required property with a default is optional,
    and so is one that a claim of the user fills.

    `row_rules` has the conditions on the whole row: the database adds defaults and values that it makes.
    """
    return closed(
        {prop.name: _sent_value(resource, prop) for prop in writable(resource)},
        [prop.name for prop in writable(resource) if prop.required and not prop.has_default and prop.claim is None],
    )


def sample_row_schema(resource: Resource) -> JsonSchema:
    """A row as a program may write it: with all properties, except those that the database can fill in."""
    needed = [
        prop.name
        for prop in resource.properties.values()
        if prop.required and not prop.has_default and not (prop.read_only and prop.claim is None)
    ]
    return closed({name: _changed_value(resource, prop) for name, prop in resource.properties.items()}, needed)


def update_schema(resource: Resource) -> JsonSchema:
    """The changed properties: all optional, none `readOnly`. Null clears a property whose column may be null.

    Conditions on the whole row (allOf, if, dependentRequired ...) cannot apply to a part of it: see `row_rules`.
    """
    return closed({prop.name: _changed_value(resource, prop) for prop in writable(resource)})


def row_rules(resource: Resource) -> JsonSchema | None:
    """What the schema says of a whole row, beside what it says of each property. None if it says nothing.

    A row that a client created or changed must satisfy it as it is in the table, `readOnly` and `writeOnly` properties
    included.
    """
    rules = {word: value for word, value in resource.schema.items() if word in _WHOLE_ROW}
    # With the names of the properties, because `unevaluatedProperties` counts them as evaluated.
    return {"properties": dict.fromkeys(resource.properties, True), **rules} if rules else None


def key_schema(resource: Resource) -> JsonSchema:
    """The key of a row: a value, or an object for a key of several properties."""
    if len(resource.key) == 1:
        return _value(resource, resource.key_properties[0])
    return closed({prop.name: _value(resource, prop) for prop in resource.key_properties}, list(resource.key))


def row_schema(resource: Resource) -> JsonSchema:
    """A row as the gateway sends it: without `writeOnly` properties."""
    sent = readable(resource)
    schema = {word: value for word, value in resource.schema.items() if word not in _CONDITIONS}
    return {
        **schema,
        "type": "object",
        "properties": {prop.name: row_value(resource, prop) for prop in sent},
        "required": [prop.name for prop in sent if prop.required],
    }


def readable(resource: Resource) -> list[Property]:
    """The properties that the gateway sends."""
    return [prop for prop in resource.properties.values() if not prop.write_only]


def writable(resource: Resource) -> list[Property]:
    """The properties that clients may write."""
    return [prop for prop in resource.properties.values() if not prop.read_only]


def short_value(prop: Property, *, null: bool) -> JsonSchema:
    """A value to compare the property with. `null` allows null as well.

    Only the type and the enum count. A value outside the property's bounds is no error in a filter.
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
    """The schema of an object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": required or [], "additionalProperties": False}


def bounded(schema: JsonSchema) -> JsonSchema:
    """The schema of an integer, with its bounds narrowed to the integers that every JSON parser keeps exact."""

    def limit(word: str, safe: int, narrower: Any) -> int:
        own = schema.get(word)
        found: int = safe if own is None else narrower(safe, own)
        return found

    return {**schema, "minimum": limit("minimum", -SAFE_INTEGER, max), "maximum": limit("maximum", SAFE_INTEGER, min)}


def _value(resource: Resource, prop: Property) -> JsonSchema:
    """The property's schema as a condition on a value. Integers get safe bounds."""
    written = resource.schema["properties"][prop.name]
    if prop.type == "integer":
        return bounded(_without_annotations(prop.schema))
    return _without_annotations(written if isinstance(written, dict) else prop.schema)


def _sent_value(resource: Resource, prop: Property) -> JsonSchema:
    """The value of a property in a new row, with words for what a claim fills."""
    value = _value(resource, prop)
    if prop.claim is None:
        return value
    said = f"Where it is absent: the claim `{prop.claim.removeprefix('$user.')}` of the user."
    return {**value, "description": f"{prop.schema['description']} {said}" if "description" in prop.schema else said}


def row_value(resource: Resource, prop: Property) -> Any:
    """The schema of a property as it is written, without the name of a claim, which is no value of the property."""
    written = resource.schema["properties"][prop.name]
    if prop.claim is None or "default" not in written:
        return written
    return {word: value for word, value in written.items() if word != "default"}


def _changed_value(resource: Resource, prop: Property) -> JsonSchema:
    value = _value(resource, prop)
    return _with_null(value) if prop.column_nullable and not prop.nullable else value


def _without_annotations(schema: JsonSchema) -> JsonSchema:
    return {word: value for word, value in schema.items() if word not in _ANNOTATIONS}


def _with_null(schema: JsonSchema) -> JsonSchema:
    """`schema`, or null. It widens `type` and `enum` where possible, so that a refusal names the real reason."""
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
