"""An OpenAPI document of a contract, from which tools for HTTP can generate messages.

Each message type is a POST operation. It is one more operation for each resource or kind of room that the message can
name; the body's schema of these operations includes the application's schema. A body is a whole message, with `type`
and `ref`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidegate.schema import Resource, RoomType, Schemas, derive, filter_schemas, patterns

JsonSchema = dict[str, Any]
COMPONENTS = "#/components/schemas/"
INT64 = r"^(0|-?[1-9][0-9]{0,17})$"
"""Integers of at most 18 digits, which 64 bits can hold."""
INVISIBLE = r"\u0000-\u001f\u007f-\u009f"
"""The characters that no room's name has (types/room_name)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the document: a message type, and the resource or the rooms that its bodies name."""

    path: str
    type: str
    reply: str | None
    resource: str | None = None
    room: str | None = None
    """The pattern of the rooms."""


Links = Callable[[Operation], dict[str, Any]]
"""Returns the OpenAPI links of the successful answer of an operation."""


def operations(schemas: Schemas) -> dict[str, Operation]:
    """Every operation, by path."""
    found: list[Operation] = []
    for kind, item in schemas.client.items():
        reply = item.reply
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
    """The operations whose body schema is complete.

    A message type that can name a resource or a room is left out where the operation does not fix which one.
    """
    found = operations(schemas)
    open_types = {item.type for item in found.values() if item.resource or item.room}
    return {path: item for path, item in found.items() if item.resource or item.room or item.type not in open_types}


def openapi(schemas: Schemas, keys: dict[str, list[Any]], links: Links | None = None) -> dict[str, Any]:
    """The document. `keys` holds keys of existing rows by resource, so that some references have a target.

    With `links`, the document has the exact operations only, and a request about rows names a single row.
    """
    filters = filter_schemas.definitions(schemas.resources.values())
    chosen = operations(schemas) if links is None else exact_operations(schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Messages as HTTP requests", "version": "1"},
        "paths": {operation.path: {"post": _post(operation, schemas, keys, links)} for operation in chosen.values()},
        "components": {
            "schemas": {key: _as_openapi(schema) for key, schema in {**schemas.by_key, **filters}.items()},
            "responses": {
                "Refused": _response("The gateway refuses the message.", {"$ref": f"{COMPONENTS}ErrorMessage"})
            },
        },
    }


def _body(
    operation: Operation, schemas: Schemas, keys: dict[str, list[Any]], operators: bool, guiding: bool
) -> JsonSchema:
    """The schema of a whole message. Its parts have the application's schemas."""
    item = schemas.client[operation.type]
    known = (
        _about_rows(operation, schemas, keys, operators, guiding)
        if operation.resource
        else _about_room(operation, schemas)
    )
    changed = {name: schema for name, schema in known.items() if name in item.schema["properties"]}
    schema = {**item.schema, "properties": {**item.schema["properties"], **changed}}
    if operation.resource or operation.room:  # a body without the name would belong to no exact operation
        name = "resource" if operation.resource else "room"
        schema["required"] = list(dict.fromkeys([*schema["required"], name]))
        if operation.type == "unsubscribe":
            schema["properties"] = {word: sub for word, sub in schema["properties"].items() if word != "subscription"}
            schema.pop("oneOf")
    return schema


def _post(operation: Operation, schemas: Schemas, keys: dict[str, list[Any]], links: Links | None) -> dict[str, Any]:
    item = schemas.client[operation.type]
    # Filters with operators have thousands of cases: only `list` gets them, in the document without links.
    operators = links is None and operation.type == "list"
    body = _body(operation, schemas, keys, operators=operators, guiding=links is None)
    if links is not None and operation.resource:
        body = _for_single_row(body)
    following = links(operation) if links is not None else {}
    no_reply = {"204": {"description": "The gateway accepts the message and sends no reply."}}
    answer = schemas.server.get(operation.reply or "")
    return {
        "operationId": operation.path.strip("/").replace("/", "_"),
        "summary": item.schema.get("description", operation.type),
        "requestBody": {"required": True, "content": {"application/json": {"schema": _as_openapi(body)}}},
        "responses": {
            **(
                {"200": {**_response("The reply.", {"$ref": COMPONENTS + answer.key}), "links": following}}
                if answer
                else no_reply
            ),
            **{str(status): {"$ref": "#/components/responses/Refused"} for status in (400, 401, 403, 404, 405, 409)},
            **{str(status): {"$ref": "#/components/responses/Refused"} for status in (415, 429)},
        },
    }


def _for_single_row(body: JsonSchema) -> JsonSchema:
    """The body of a request about rows, limited to the `id` or the data of a single row."""
    properties = {name: schema for name, schema in body["properties"].items() if name != "ids"}
    if "anyOf" in properties.get("data", ()):
        properties["data"] = properties["data"]["anyOf"][0]
    if "ids" not in body["properties"]:
        return {**body, "properties": properties}
    single = {word: value for word, value in body.items() if word != "oneOf"}
    return {**single, "properties": properties, "required": [*body["required"], "id"]}


def _response(description: str, schema: JsonSchema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _about_room(operation: Operation, schemas: Schemas) -> dict[str, JsonSchema]:
    if operation.room is None:
        return {}
    room: RoomType = schemas.rooms[operation.room]
    said = {word: value for word, value in room.schema.items() if word not in {"title"} and not word.startswith("x-")}
    return {"room": _room_name(operation.room, schemas), "data": said}


def _room_name(pattern: str, schemas: Schemas) -> JsonSchema:
    """The names that match `pattern` and no more specific one. A few come often, so that rooms get used again."""
    frequent = [name for name in (patterns.filled(pattern, part) for part in ("1", "lobby", "é~/")) if name]
    name: JsonSchema = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": _expression(pattern)}
    if pattern == patterns.OPEN:
        name["not"] = {"anyOf": [{"pattern": _expression(other)} for other in schemas.rooms if other != pattern]}
    return {"anyOf": [{"enum": frequent}, name]}


def _expression(pattern: str) -> str:
    return f"^{''.join(map(_step, patterns.atoms(pattern)))}$"


def _step(atom: patterns.Atom) -> str:
    if atom.letter is not None:
        return re.escape(atom.letter)
    excluded = f"\\{atom.excluded}" if atom.excluded in set("^-]\\") else atom.excluded
    return f"[^{INVISIBLE}{excluded}]{'*' if atom.repeated else ''}"


def _about_rows(
    operation: Operation, schemas: Schemas, keys: dict[str, list[Any]], operators: bool, guiding: bool
) -> dict[str, JsonSchema]:
    resource = schemas.resources[str(operation.resource)]
    # Without links, conditions on the row help to make valid rows. With them, the document must not say too much: the
    # gateway asks the conditions of the resulting row, which has more than the body.
    new = derive.create_schema(resource) if guiding else derive.sent_row_schema(resource)
    create = _with_references(new, resource, keys)
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
    """`schema`, changed so that a property that refers to another row mostly refers to an existing row."""
    properties = dict(schema["properties"])
    for name, (target, _) in resource.references.items():
        if name in properties and keys.get(target):
            properties[name] = {"anyOf": [{"enum": keys[target][:20]}, properties[name]]}
    return {**schema, "properties": properties}


def _as_openapi(node: Any) -> Any:
    """`node`, with its `$ref`s changed to the place where OpenAPI keeps schemas, and with patterns for `int64`.

    Generators do not know that format. The pattern has fewer texts, all of which are valid.
    """
    if isinstance(node, dict):
        changed = {
            name: value.replace("#/$defs/", COMPONENTS)
            if name == "$ref" and isinstance(value, str)
            else _as_openapi(value)
            for name, value in node.items()
        }
        if changed.get("format") == "int64":
            del changed["format"]
            changed["allOf"] = [*changed.get("allOf", ()), {"pattern": INT64}]
        return changed
    if isinstance(node, list):
        return [_as_openapi(item) for item in node]
    return node
