"""Messages in the manner of twelve well-known families of schemas, for one application of all of them.

Each family is small and has what is characteristic of its model, and difficult; nothing is copied from it. Some start
in the spelling of an older draft or of OpenAPI, as their models do.
It knows nothing of the generators.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Json = Any
DRAFT_04 = "http://json-schema.org/draft-04/schema#"
DRAFT_07 = "http://json-schema.org/draft-07/schema#"


class Wrong(NamedTuple):
    """A value that is refused, and the pointer that the refusal names."""

    value: Json
    pointer: str


class Family(NamedTuple):
    """A request, its reply, which carries the request back, and a room."""

    name: str
    request: Json
    """The schema of the request without `type`, `ref` and what Tidegate adds."""
    room: Json
    valid: list[Json]
    invalid: list[Wrong]
    in_room: list[Json]
    not_in_room: list[Wrong]
    types: dict[str, Json] = {}  # noqa: RUF012  # never changed
    """Further files in types/, by name."""
    spelling: str | None = None
    """`$schema` of the request and the room."""

    @property
    def title(self) -> str:
        return self.name.capitalize()

    def files(self) -> dict[str, Json]:
        """The files below the schema folder."""
        dialect = {} if self.spelling is None else {"$schema": self.spelling}
        request = {
            **dialect,
            "title": f"{self.title}Request",
            "x-reply": f"{self.name}_reply",
            "x-access": {"send": "anyone"},
            "type": "object",
            **self.request,
            "properties": {
                "type": {"const": self.name},
                "ref": {"type": ["integer", "string"]},
                **self.request.get("properties", {}),
            },
            "required": ["type", *self.request.get("required", [])],
        }
        reply = {
            "title": f"{self.title}Reply",
            "type": "object",
            "properties": {
                "type": {"const": f"{self.name}_reply"},
                "ref": {"type": ["integer", "string"]},
                "request": {"$ref": f"../client/{self.name}.schema.json"},
            },
            "required": ["type", "request"],
            "additionalProperties": False,
        }
        room = {
            **dialect,
            "title": f"{self.title}Entry",
            "x-room": {"pattern": self.name},
            "x-access": {"join": "anyone", "send": "anyone"},
            **self.room,
        }
        return {
            f"client/{self.name}.schema.json": request,
            f"server/{self.name}_reply.schema.json": reply,
            f"rooms/{self.name}.schema.json": room,
            **{f"types/{name}.schema.json": schema for name, schema in self.types.items()},
        }


def thing(required: str, closed: bool = False, **properties: Json) -> Json:
    """The schema of an object. `required`: names, separated by spaces."""
    found: Json = {"type": "object", "properties": properties}
    if required:
        found["required"] = required.split()
    return {**found, "additionalProperties": False} if closed else found


def listed(items: Json, **more: Json) -> Json:
    return {"type": "array", "items": items, **more}


TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
FLAG: Json = {"type": "boolean"}
