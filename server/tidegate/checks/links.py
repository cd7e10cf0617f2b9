"""Links between the operations of the document: which request may follow a reply, with values from that reply.

Schemathesis walks along them as a state machine: join, message, history, leave; create, update, list, delete.
"""

from __future__ import annotations

from typing import Any

from tidegate.checks.document import Operation
from tidegate.schema import Resource, Schemas

AFTER_IN_ROOM = {"join": ("message", "history", "presence", "leave"), "message": ("history", "message", "leave")}
"""The requests that may follow a request about a room, in the same room. A walk may end anywhere."""
AFTER_WITH_ROW = {"create": ("update", "get", "list", "delete"), "update": ("list", "get", "delete"), "list": ("get",)}
"""The requests that may follow a request about a row, about the same row."""


def links(operation: Operation, operations: dict[str, Operation], schemas: Schemas) -> dict[str, Any]:
    """The OpenAPI links of the successful answer of `operation`."""
    found: dict[str, Any] = {}
    for following in (*AFTER_IN_ROOM.get(operation.type, ()), *AFTER_WITH_ROW.get(operation.type, ())):
        target = next((item for item in operations.values() if _continues(item, operation, following)), None)
        if target is not None:
            given = _about_row(target, schemas.resources[target.resource]) if target.resource else _about_room(target)
            found[f"then_{following}"] = {
                "operationId": target.path.strip("/").replace("/", "_"),
                "requestBody": given,
                "x-schemathesis": {"merge_body": following in {"message", "update"}},
            }
    return found


def _continues(item: Operation, operation: Operation, following: str) -> bool:
    about = (operation.resource, operation.room)
    return item.type == following and any(about) and (item.resource, item.room) == about


def _about_room(target: Operation) -> dict[str, Any]:
    return {"type": target.type, "room": "$response.body#/room"}


def _about_row(target: Operation, resource: Resource) -> dict[str, Any]:
    parts = {name: f"$response.body#/rows/0/{name}" for name in resource.key}
    message: dict[str, Any] = {"type": target.type, "resource": resource.name}
    if target.type == "list":
        return {**message, "filters": parts}
    return {**message, "id": parts[resource.key[0]] if len(parts) == 1 else parts}
