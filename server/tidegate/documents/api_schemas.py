"""The schemas of what a client sends over HTTP: exactly what the gateway accepts, as far as a schema can say it.

The schema of a message leaves its application's part open; here each resource and each kind of room has an alternative.
Limits that hold for every message are written into the schemas: no NUL in a text, and no integer that JSON readers
round.
Invariant: the gateway refuses no body of these schemas for its form, and accepts none that they refuse.
"""

from __future__ import annotations

import re
from typing import Any

from tidegate.documents.components import reference
from tidegate.int64 import FORMAT, PATTERN
from tidegate.schema import Definition, Resource, RoomType, Schemas, derive, patterns
from tidegate.schema.definition import APPLICATION_PREFIX
from tidegate.schema.derive import SAFE_INTEGER
from tidegate.schema.resource import REF_PREFIX, JsonSchema
from tidegate.schema.subschemas import mapped

NO_NUL = r"^[^\u0000]*$"
VISIBLE = r"[^\u0000-\u001f\u007f-\u009f]"
"""A character that a room's name may have (types/room_name)."""
SPECIAL = re.compile(r"[\\^$.*+?()\[\]{}|/]")
"""Characters of which a pattern of ECMA-262 wants an escape."""
ANY_JSON = "Json"
"""The component for a value whose schema says nothing."""
_OBJECT_SAYS = frozenset({"additionalProperties", "unevaluatedProperties", "propertyNames", "enum", "const", "$ref"})
_ARRAY_SAYS = frozenset({"items", "prefixItems", "unevaluatedItems", "enum", "const", "$ref"})
_TEXT_SAYS = frozenset({"pattern", "enum", "const", "format", "$ref"})


def components() -> dict[str, JsonSchema]:
    """What the schemas of this module refer to, beside the contract's own."""
    itself = reference(ANY_JSON)
    return {
        ANY_JSON: {
            "title": ANY_JSON,
            "description": "Any JSON value without NUL and without integers beyond 2^53.",
            "anyOf": [
                {"type": ["null", "boolean"]},
                {"type": "integer", "minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER},
                {"type": "string", "pattern": NO_NUL},
                {"type": "array", "items": itself},
                {"type": "object", "propertyNames": {"pattern": NO_NUL}, "additionalProperties": itself},
            ],
        }
    }


def message_body(item: Definition, schemas: Schemas) -> JsonSchema:
    """The body of `POST /api/<type>`: the message without `type` and `ref`."""
    properties = item.schema.get("properties", {})
    if item.protocol and "resource" in properties:
        return _either([_about_rows(item, resource) for resource in schemas.resources.values()])
    if item.protocol and "room" in properties:
        return _either([_about_room(item, room, schemas) for room in schemas.rooms.values()])
    return _envelope(item, {})


def sent(schema: JsonSchema) -> JsonSchema:
    """`schema` for a value that a client sends, with the limits of every message. Its `$ref`s lead to components."""
    changed: JsonSchema = mapped(schema, lambda _pointer, sub: _limited(_referring(sub)))
    return changed


def row_data(resource: Resource) -> JsonSchema:
    """A new row."""
    return sent(derive.create_schema(resource))


def changes(resource: Resource) -> JsonSchema:
    """The changes of a row."""
    return sent(derive.update_schema(resource))


def partial_row(resource: Resource) -> JsonSchema:
    """A row of which `fields` may name a part."""
    return as_component({**derive.row_schema(resource), "required": list(resource.key)})


def component(resource: Resource, suffix: str) -> JsonSchema:
    """A reference to a component that is derived from a row."""
    return reference(f"{APPLICATION_PREFIX}{resource.title}{suffix}")


def _envelope(item: Definition, known: dict[str, JsonSchema]) -> JsonSchema:
    left_out = {"type", "ref"}
    properties = {name: schema for name, schema in item.schema.get("properties", {}).items() if name not in left_out}
    narrowed = {name: schema for name, schema in known.items() if name in properties}
    schema = {word: value for word, value in item.schema.items() if not word.startswith(("x-", "$schema"))}
    schema.pop("title", None)
    schema.pop("description", None)
    required = [name for name in item.schema.get("required", ()) if name not in left_out]
    rest = {name: sub for name, sub in properties.items() if name not in narrowed}
    whole = sent({**schema, "properties": rest, "required": required})
    whole["properties"] = {name: narrowed.get(name) or whole["properties"][name] for name in properties}
    if not required:
        del whole["required"]
    return whole


def _about_rows(item: Definition, resource: Resource) -> JsonSchema:
    key, short = component(resource, "Key"), sent(derive.filter_schema(resource))
    row = row_data(resource)
    data = {
        "create": {"anyOf": [row, {"type": "array", "items": row, "minItems": 1, "maxItems": 1000}]},
        "update": changes(resource),
    }
    known = {
        "resource": {"const": resource.name},
        "filters": component(resource, "Filters"),
        "if": short,
        "sort": {"type": "array", "items": _sort_term(resource), "maxItems": 8},
        "fields": {**derive.fields_schema(resource), "minItems": 1, "maxItems": 128},
        "id": key,
        "ids": {"type": "array", "items": key, "minItems": 1, "maxItems": 1000},
        **({"data": data[item.message_type]} if item.message_type in data else {}),
    }
    return {"title": f"{item.message_type} {resource.name}", **_envelope(item, known)}


def _sort_term(resource: Resource) -> JsonSchema:
    names = derive.sort_schema(resource)["items"]["properties"]["field"]
    return derive.closed({"field": names, "order": {"enum": ["asc", "desc"]}}, ["field"])


def _about_room(item: Definition, room: RoomType, schemas: Schemas) -> JsonSchema:
    said = {word: value for word, value in room.schema.items() if word != "title" and not word.startswith(("x-", "$s"))}
    free = not said.keys() - {"description"}
    known = {"room": _room_name(room.pattern, schemas), "data": reference(ANY_JSON) if free else sent(said)}
    return {"title": f"{item.message_type} {room.pattern}", **_envelope(item, known)}


def _room_name(pattern: str, schemas: Schemas) -> JsonSchema:
    """The names that match `pattern` and no more specific one."""
    name: JsonSchema = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": _expression(pattern)}
    if pattern == patterns.OPEN:
        others = [{"pattern": _expression(other)} for other in schemas.rooms if other != pattern]
        if others:
            name["not"] = {"anyOf": others}
    return name


def _expression(pattern: str) -> str:
    parts = (SPECIAL.sub(r"\\\g<0>", part) for part in pattern.split("*"))
    return f"^{f'{VISIBLE}*'.join(parts)}$"


def _either(alternatives: list[JsonSchema]) -> JsonSchema:
    return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}


def as_component(schema: JsonSchema) -> JsonSchema:
    """`schema` with references to components."""
    copy: JsonSchema = mapped(schema, lambda _pointer, sub: _referring(sub))
    return copy


def _referring(sub: JsonSchema) -> JsonSchema:
    target = sub.get("$ref")
    if not isinstance(target, str):
        return sub
    return {**sub, **reference(target.removeprefix(REF_PREFIX))}


def with_patterns(schema: JsonSchema) -> JsonSchema:
    """`schema` with the pattern of integers as text, whose format tools do not know."""
    spelled: JsonSchema = mapped(schema, lambda _pointer, sub: _spelled(sub))
    return spelled


def _spelled(sub: Any) -> Any:
    if sub.get("format") != FORMAT or "pattern" in sub:
        return sub
    return {**sub, "pattern": PATTERN}


def _limited(sub: Any) -> Any:
    sub = _spelled(sub)
    kind = sub.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    limited = dict(sub)
    if "string" in kinds and not _TEXT_SAYS & sub.keys():
        limited["pattern"] = NO_NUL
    if "integer" in kinds and "enum" not in sub and "const" not in sub:
        if "exclusiveMinimum" not in sub:
            limited.setdefault("minimum", -SAFE_INTEGER)
        if "exclusiveMaximum" not in sub:
            limited.setdefault("maximum", SAFE_INTEGER)
    if "object" in kinds and not _OBJECT_SAYS & sub.keys():
        limited |= {"propertyNames": {"pattern": NO_NUL}, "additionalProperties": reference(ANY_JSON)}
    if "array" in kinds and not _ARRAY_SAYS & sub.keys():
        limited["items"] = reference(ANY_JSON)
    return limited
