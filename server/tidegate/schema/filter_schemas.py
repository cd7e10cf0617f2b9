"""Derives the schema of a resource's filters: the operators that each property takes, and their values.

The gateway refuses a wrong property, operator or value with its JSON pointer; the generated types refuse it at compile
time. `core.filters` defines the meaning of the operators.
Invariant: every property, operator and value that the schema accepts has a meaning, in Python and in SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from tidegate.int64 import FORMAT as INT64
from tidegate.schema.derive import SCALARS, bounded, closed, readable, short_value
from tidegate.schema.resource import ANY, REF_PREFIX, JsonSchema, Property, Resource, kind_of

EQUALITY = ("eq", "eqs", "ne", "nes", "in", "nin")
ORDER = ("lt", "lte", "gt", "gte", "between", "nbetween")
TEXT = (
    "contains", "ncontains", "containss", "ncontainss",
    "startswith", "nstartswith", "startswiths", "nstartswiths",
    "endswith", "nendswith", "endswiths", "nendswiths",
)  # fmt: skip
MEMBERS = ("ina", "nina")
NULLNESS = ("null", "nnull")
COMBINERS = ("and", "or")
"""The linter refuses properties with these names."""

Family = Literal["equality", "order", "text", "members", "nothing"]
"""The operators that a property takes, apart from null tests. "order" includes "equality"; "text" includes both."""
OPERATORS: dict[Family, tuple[str, ...]] = {
    "equality": EQUALITY,
    "order": EQUALITY + ORDER,
    "text": EQUALITY + ORDER + TEXT,
    "members": MEMBERS,
    "nothing": (),
}

_ORDERED_FORMATS = frozenset({"date", "date-time", "uuid", INT64})
_UNORDERED_FORMATS = frozenset({"duration", "time"})
"""The order of such texts is not the order of the times and durations that they mean."""
CLAIMS = r"^\$user\.[^.]"
"""What may replace a value in a rule about rows."""
CLAIMS_AND_PARAMETERS = r"^\$(user|room)\.[^.]"
"""The same in a rule about rooms."""


def filters_key(resource: Resource) -> str:
    """The key in `$defs` under which the resource's filters refer to themselves. The linter refuses equal titles."""
    return f"App.{resource.title}Filters"


def filters_schema(resource: Resource, *, key: str | None = None, claims: str = "") -> JsonSchema:
    """`filters`: conditions on properties, `and` and `or`. The schema refers to itself as `#/$defs/KEY`.

    `claims`: a text of this pattern, such as "$user.id", may replace any value, as in the rules of `x-access`.
    """
    several = {"type": "array", "items": {"$ref": REF_PREFIX + (key or filters_key(resource))}, "minItems": 1}
    combined = {
        "and": {**several, "description": "All of these hold."},
        "or": {**several, "description": "At least one of these holds."},
    }
    return closed({**conditions_schema(resource, claims=claims)["properties"], **combined})


def definitions(resources: Iterable[Resource]) -> dict[str, JsonSchema]:
    """The filter schemas of all resources, by their keys in `$defs`."""
    return {filters_key(resource): filters_schema(resource) for resource in resources}


def conditions_schema(resource: Resource, *, claims: str = "") -> JsonSchema:
    """`filters` without `and` and `or`."""
    return closed({prop.name: _condition(prop, claims) for prop in filterable(resource)})


def operands(prop: Property) -> dict[str, JsonSchema]:
    """The schema of what each operator of `prop` compares with."""
    value = value_schema(prop)
    return {name: _operand(prop, name, value, "") for name in operators(prop)}


def filterable(resource: Resource) -> list[Property]:
    """The properties that filters can name."""
    return [prop for prop in readable(resource) if operators(prop)]


def operators(prop: Property) -> tuple[str, ...]:
    """The operators that `prop` takes."""
    return OPERATORS[family(prop)] + (NULLNESS if prop.column_nullable else ())


def family(prop: Property) -> Family:
    if prop.type == "array":
        return "members" if item_kinds(prop) else "nothing"
    if prop.type not in SCALARS:
        return "equality" if prop.type == ANY and (prop.enum is None or _scalars(prop.enum)) else "nothing"
    if prop.type == "boolean" or (prop.type == "string" and prop.enum is not None and not prop.is_int64):
        return "equality"
    if prop.type != "string" or prop.format in _ORDERED_FORMATS:
        return "order"
    return "equality" if prop.format in _UNORDERED_FORMATS else "text"


def value_schema(prop: Property) -> JsonSchema:
    """One value to compare with: of the property's type, or of its items' type for an array. Never null."""
    if prop.type == "array":
        return _item_schema(prop)
    return _short(prop, null=False)


def _condition(prop: Property, claims: str) -> JsonSchema:
    """A value, null, or an object of operators.

    One schema without `anyOf` where possible, so that a refusal names the exact place. This works because the keywords
    for text and numbers ignore objects.
    """
    value = value_schema(prop)
    conditions: JsonSchema = {
        "type": "object",
        "properties": {name: _operand(prop, name, value, claims) for name in operators(prop)},
        "additionalProperties": False,
        "minProperties": 1,
    }
    description = {"description": text} if (text := prop.schema.get("description")) else {}
    if prop.type == "array" and not prop.column_nullable:
        return {**conditions, **description}
    short = _short(prop, null=prop.column_nullable)
    if claims:
        return {"anyOf": [_or_claim(short, claims if "eq" in operators(prop) else ""), conditions], **description}
    if "enum" in short:
        kinds = list(dict.fromkeys(map(kind_of, short["enum"])))
        return {"anyOf": [{"type": kinds, **short}, conditions], **description}
    kinds = short["type"] if isinstance(short["type"], list) else [short["type"]]
    return {**conditions, **short, "type": [*kinds, "object"], **description}


def _operand(prop: Property, name: str, value: JsonSchema, claims: str) -> JsonSchema:
    if name in NULLNESS:
        return {"type": "boolean"}
    if name in TEXT or (name in ORDER and value.get("type") == "string" and prop.format not in _ORDERED_FORMATS):
        value = {"type": "string"}  # may be a part of a value, such as "@example" of an address
    elif name in ORDER and "enum" in value:
        value = _plain_value(prop)
    value = _or_claim(value, claims)
    if name in {"between", "nbetween"}:
        return {"type": "array", "items": value, "minItems": 2, "maxItems": 2}
    if name in {"in", "nin", *MEMBERS}:
        return _or_claim({"type": "array", "items": value, "minItems": 1}, claims)
    return value


def _plain_value(prop: Property) -> JsonSchema:
    """A value to order an enum by: any of the property's type."""
    if prop.is_int64:
        return {"type": "string", "format": INT64}
    return bounded({"type": "integer"}) if prop.type == "integer" else {"type": prop.type}


def _short(prop: Property, *, null: bool) -> JsonSchema:
    """The short value without its description. Its enum keeps only text, numbers, booleans and null."""
    schema = {word: value for word, value in short_value(prop, null=null).items() if word != "description"}
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is None or kind_of(value) in SCALARS]
    return schema


def is_claim(value: Any) -> bool:
    """Whether `value` in a row rule stands for a claim of the user.

    `core.access.claims` has the same test, because the core must not import this package; a test compares the two.
    """
    return isinstance(value, str) and value.startswith("$user.")


def stands_for_another(value: Any) -> bool:
    """Whether `value` in a rule of rooms stands for a claim, or for a parameter of the room's name."""
    return is_claim(value) or (isinstance(value, str) and value.startswith("$room."))


def _or_claim(value: JsonSchema, claims: str) -> JsonSchema:
    return {"anyOf": [value, {"type": "string", "pattern": claims}]} if claims else value


def item_kinds(prop: Property) -> list[str]:
    """The scalar types that the items of an array may have."""
    items = prop.items or {}
    if "enum" in items or "const" in items:
        kinds = [kind_of(value) for value in items.get("enum", [items.get("const")])]
    else:
        kinds = items.get("type", sorted(SCALARS))
    found = [kinds] if isinstance(kinds, str) else list(dict.fromkeys(kinds))
    return [kind for kind in found if kind in SCALARS]


def _item_schema(prop: Property) -> JsonSchema:
    items, kinds = prop.items or {}, item_kinds(prop)
    if not kinds:
        return {"type": "null"}  # an array of objects takes only null tests
    if "enum" in items or "const" in items:
        return {"enum": _scalars(items.get("enum", [items.get("const")]))}
    if len(kinds) > 1:
        return {"type": kinds}
    schema: JsonSchema = {"type": kinds[0]}
    if kinds[0] == "string" and "format" in items:
        schema["format"] = items["format"]
    return bounded(schema) if kinds[0] == "integer" else schema


def _scalars(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if kind_of(value) in SCALARS]
