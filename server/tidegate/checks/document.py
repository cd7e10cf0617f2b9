"""An OpenAPI document of a contract, so that tools made for HTTP can invent messages for it.

One POST operation a type of message, and one more for each resource and kind of room that the message can be about:
there the body's schema says what the application's schemas say. The bodies are whole messages, `type` and `ref` too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidegate.schema import Definition, Resource, RoomType, Schemas, derive, filter_schemas, patterns

JsonSchema = dict[str, Any]
COMPONENTS = "#/components/schemas/"
VISIBLE = r"[^\u0000-\u001f\u007f-\u009f]*"
"""What `*` in the pattern of a room's name stands for (types/room_name)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What one operation's bodies are about."""

    path: str
    type: str
    reply: str | None
    resource: str | None = None
    room: str | None = None
    """The pattern of the rooms."""


Links = Callable[[Operation], dict[str, Any]]
"""The OpenAPI links of an operation's good answer."""


def operations(schemas: Schemas) -> dict[str, Operation]:
    """Every operation, by path."""
    found: list[Operation] = []
    for kind, item in schemas.client.items():
        reply = item.schema.get("x-reply")
        found.append(Operation(f"/{kind}", kind, reply))
        properties = item.schema["properties"] if item.protocol else {}
        if "resource" in properties:
            found += (Operation(f"/{kind}/{name}", kind, reply, resource=name) for name in schemas.resources)
        if "room" in properties:
            found += (
                Operation(f"/{kind}/{room.title}", kind, reply, room=pattern) for pattern, room in schemas.rooms.items()
            )
    return {operation.path: operation for operation in found}


def exact_operations(schemas: Schemas) -> dict[str, Operation]:
    """The operations whose bodies' schemas say everything: of what can be about rows or rooms, those that say which."""
    found = operations(schemas)
    wide = {item.type for item in found.values() if item.resource or item.room}
    return {path: item for path, item in found.items() if item.resource or item.room or item.type not in wide}


def openapi(schemas: Schemas, keys: dict[str, list[Any]], links: Links | None = None) -> dict[str, Any]:
    """The document. `keys` are keys of rows that exist, by resource, so that some references lead somewhere.

    With `links`, which tell what may follow the good answer of an operation, it has the exact operations alone, and
    requests about rows name one row, not several.
    """
    asked = filter_schemas.definitions(schemas.resources.values())
    chosen = operations(schemas) if links is None else exact_operations(schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Messages as HTTP requests", "version": "1"},
        "paths": {operation.path: {"post": _post(operation, schemas, keys, links)} for operation in chosen.values()},
        "components": {
            "schemas": {key: _turned(schema) for key, schema in {**schemas.by_key, **asked}.items()},
            "responses": {"Refused": _response("It is refused.", {"$ref": f"{COMPONENTS}ErrorMessage"})},
        },
    }


def _body(operation: Operation, schemas: Schemas, keys: dict[str, list[Any]], operators: bool) -> JsonSchema:
    """The schema of a whole message, with what the application's schemas say of its parts."""
    item = schemas.client[operation.type]
    known = _about_rows(operation, schemas, keys, operators) if operation.resource else _about_room(operation, schemas)
    changed = {name: schema for name, schema in known.items() if name in item.schema["properties"]}
    schema = {**item.schema, "properties": {**item.schema["properties"], **changed}}
    if operation.resource or operation.room:  # the room or the resource is what the operation is about
        name = "resource" if operation.resource else "room"
        schema["required"] = list(dict.fromkeys([*schema["required"], name]))
        if operation.type == "unsubscribe":
            schema["properties"] = {word: sub for word, sub in schema["properties"].items() if word != "subscription"}
            schema.pop("oneOf")
    return schema


def _post(operation: Operation, schemas: Schemas, keys: dict[str, list[Any]], links: Links | None) -> dict[str, Any]:
    item = schemas.client[operation.type]
    # Filters with operators have thousands of cases: they are asked for once, in the request that does nothing else.
    body = _body(operation, schemas, keys, operators=links is None and operation.type == "list")
    if links is not None and operation.resource:
        body = _about_one(body)
    following = links(operation) if links is not None else {}
    nothing = {"204": {"description": "It is done; there is nothing to say."}}
    answer = schemas.server.get(operation.reply or "")
    return {
        "operationId": operation.path.strip("/").replace("/", "_"),
        "summary": item.schema.get("description", operation.type),
        "requestBody": {"required": True, "content": {"application/json": {"schema": _turned(body)}}},
        "responses": {
            **({"200": {**_response("It is done.", _reply(answer)), "links": following}} if answer else nothing),
            **{str(status): {"$ref": "#/components/responses/Refused"} for status in (400, 401, 403, 404, 405, 409)},
            **{str(status): {"$ref": "#/components/responses/Refused"} for status in (415, 429)},
        },
    }


def _about_one(body: JsonSchema) -> JsonSchema:
    """The body of a request about rows, which then names one by `id`, or has the data of one."""
    properties = {name: schema for name, schema in body["properties"].items() if name != "ids"}
    if "anyOf" in properties.get("data", ()):
        properties["data"] = properties["data"]["anyOf"][0]
    if "ids" not in body["properties"]:
        return {**body, "properties": properties}
    single = {word: value for word, value in body.items() if word != "oneOf"}
    return {**single, "properties": properties, "required": [*body["required"], "id"]}


def _reply(answer: Definition) -> JsonSchema:
    return {"$ref": COMPONENTS + answer.key}


def _response(description: str, schema: JsonSchema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _about_room(operation: Operation, schemas: Schemas) -> dict[str, JsonSchema]:
    if operation.room is None:
        return {}
    room: RoomType = schemas.rooms[operation.room]
    said = {word: value for word, value in room.schema.items() if word not in {"title"} and not word.startswith("x-")}
    return {"room": _room_name(operation.room, schemas), "data": said}


def _room_name(pattern: str, schemas: Schemas) -> JsonSchema:
    """Names that fit `pattern` and no more specific one. A few come often, so that rooms are met again."""
    often = [name for name in (pattern.replace("*", part) for part in ("1", "lobby", "é~/")) if name]
    name: JsonSchema = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": _expression(pattern)}
    if pattern == patterns.OPEN:
        name["not"] = {"anyOf": [{"pattern": _expression(other)} for other in schemas.rooms if other != pattern]}
    return {"anyOf": [{"enum": often}, name]}


def _expression(pattern: str) -> str:
    return f"^{VISIBLE.join(re.escape(part) for part in pattern.split('*'))}$"


def _about_rows(
    operation: Operation, schemas: Schemas, keys: dict[str, list[Any]], operators: bool
) -> dict[str, JsonSchema]:
    resource = schemas.resources[str(operation.resource)]
    create = _with_references(derive.create_schema(resource), resource, keys)
    data = {
        "create": {"anyOf": [create, {"type": "array", "items": create, "minItems": 1, "maxItems": 3}]},
        "update": _with_references(derive.update_schema(resource), resource, keys),
    }
    key = _key(resource, keys)
    short = {**derive.filter_schema(resource), "maxProperties": 32}
    return {
        "resource": {"const": resource.name},
        "filters": {"$ref": f"#/$defs/{filter_schemas.filters_key(resource)}"} if operators else short,
        "if": short,
        "sort": _sort(resource),
        "fields": {**derive.fields_schema(resource), "minItems": 1, "maxItems": 128},
        "id": key,
        "ids": {"type": "array", "items": key, "minItems": 1, "maxItems": 5},
        **({"data": data[operation.type]} if operation.type in data else {}),
    }


def _key(resource: Resource, keys: dict[str, list[Any]]) -> JsonSchema:
    known = keys.get(resource.name, [])
    schema = derive.key_schema(resource)
    return {"anyOf": [{"enum": known[:20]}, schema]} if known else schema


def _sort(resource: Resource) -> JsonSchema:
    names = derive.sort_schema(resource)["items"]["properties"]["field"]
    term = {
        "type": "object",
        "properties": {"field": names, "order": {"enum": ["asc", "desc"]}},
        "required": ["field"],
        "additionalProperties": False,
    }
    return {"type": "array", "items": term, "maxItems": 8}


def _with_references(schema: JsonSchema, resource: Resource, keys: dict[str, list[Any]]) -> JsonSchema:
    """`schema`, in which a property that refers to another row mostly refers to one that exists."""
    properties = dict(schema["properties"])
    for name, (target, _) in resource.references.items():
        if name in properties and keys.get(target):
            properties[name] = {"anyOf": [{"enum": keys[target][:20]}, properties[name]]}
    return {**schema, "properties": properties}


def _turned(node: Any) -> Any:
    """`node` with references to where OpenAPI keeps schemas."""
    if isinstance(node, dict):
        return {
            name: value.replace("#/$defs/", COMPONENTS) if name == "$ref" and isinstance(value, str) else _turned(value)
            for name, value in node.items()
        }
    if isinstance(node, list):
        return [_turned(item) for item in node]
    return node
