"""The data of the page at `/`: the application's rows, rooms and messages, with the schemas of its forms.

With this document, the page does not repeat in JavaScript what `schema.derive` derives from row schemas. The document
contains nothing of the protocol and no values of rows.
Invariant: every `$ref` in the document leads to one of its `$defs`.
"""

from __future__ import annotations

from typing import Any

from tidegate.schema import (
    CONTRACT,
    INDEX,
    Bundle,
    Resource,
    RoomType,
    Schemas,
    contract_hash,
    derive,
    filter_schemas,
    unbundle,
)
from tidegate.schema.definition import Definition
from tidegate.schema.resource import REF_PREFIX, JsonSchema
from tidegate.schema.subschemas import subschemas

JsonObject = dict[str, Any]


def console(document: Bundle) -> JsonObject:
    """{contract, resources, rooms, messages, $defs} of a bundle; resources and messages by name, rooms by pattern.

    Each `access` of a published bundle is None: the page does not know who may do what.
    """
    schemas = unbundle(document)
    parts: JsonObject = {
        "resources": {name: _resource(resource) for name, resource in schemas.resources.items()},
        "rooms": {pattern: _room(room) for pattern, room in schemas.rooms.items()},
        "messages": {name: _message(item) for name, item in schemas.client.items() if not item.protocol},
    }
    if CONTRACT in document[INDEX]:
        for described in (each for part in parts.values() for each in part.values()):
            described["access"] = None
    return {"contract": contract_hash(document), **parts, "$defs": _reached(parts, schemas)}


def _resource(resource: Resource) -> JsonObject:
    """`columns`: the properties of a sent row. `filters`: by property and operator, the schema of the operand.

    `create` and `update`: the schemas of their `data`."""
    update = derive.update_schema(resource)
    changeable = {name: schema for name, schema in update["properties"].items() if name not in resource.key}
    return {
        "description": resource.schema.get("description", ""),
        "table": resource.table,
        "key": list(resource.key),
        "references": {name: target for name, (target, _) in resource.references.items()},
        "access": resource.access,
        "columns": {prop.name: prop.schema for prop in derive.readable(resource)},
        "filters": {prop.name: filter_schemas.operands(prop) for prop in filter_schemas.filterable(resource)},
        "create": derive.create_schema(resource),
        "update": {**update, "properties": changeable},
        "defaults": {prop.name: prop.default for prop in derive.writable(resource) if prop.has_default},
        "secret": [prop.name for prop in resource.properties.values() if prop.write_only],
    }


def _room(room: RoomType) -> JsonObject:
    return {
        "description": room.schema.get("description", ""),
        "access": room.access,
        "history": room.history.size,
        "presence": room.presence,
        "payload": _without_annotations(room.schema),
    }


def _message(item: Definition) -> JsonObject:
    """`request`: the schema of the message without its `type` and `ref`."""
    schema = _without_annotations(item.schema)
    aside = {"type", "ref"}
    properties = {name: sub for name, sub in schema.get("properties", {}).items() if name not in aside}
    required = [name for name in schema.get("required", ()) if name not in aside]
    return {
        "description": item.schema.get("description", ""),
        "access": item.schema.get("x-access", {}),
        "reply": item.reply,
        "parts": item.part is not None,
        "request": {**schema, "properties": properties, "required": required},
    }


def _without_annotations(schema: JsonSchema) -> JsonSchema:
    return {word: value for word, value in schema.items() if word != "$schema" and not word.startswith("x-")}


def _reached(parts: JsonObject, schemas: Schemas) -> dict[str, JsonSchema]:
    """The definitions that `parts` refer to, directly or indirectly."""
    waiting = [
        *(schema for part in parts["resources"].values() for schema in (part["create"], part["update"])),
        *(schema for part in parts["resources"].values() for schema in part["columns"].values()),
        *(
            each
            for part in parts["resources"].values()
            for found in part["filters"].values()
            for each in found.values()
        ),
        *(part["payload"] for part in parts["rooms"].values()),
        *(part["request"] for part in parts["messages"].values()),
    ]
    found: dict[str, JsonSchema] = {}
    while waiting:
        for _, sub in subschemas(waiting.pop()):
            target = sub.get("$ref", "") if isinstance(sub, dict) else ""
            key = target.removeprefix(REF_PREFIX).partition("/")[0]
            if target.startswith(REF_PREFIX) and key not in found:
                found[key] = _without_annotations(schemas.by_key[key])
                waiting.append(found[key])
    return dict(sorted(found.items()))
