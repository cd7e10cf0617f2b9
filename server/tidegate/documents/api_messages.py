"""The operations `POST /api/<type>` of OpenAPI: every request of the contract that needs no connection."""

from __future__ import annotations

from urllib.parse import quote

from tidegate.documents.api_answers import JSON, JsonObject, content, idempotency_key, refused, security
from tidegate.documents.api_schemas import as_component, message_body
from tidegate.documents.components import reference
from tidegate.documents.examples import Examples
from tidegate.schema import Definition, Schemas
from tidegate.schema.http_statuses import NEEDS_CONNECTION

TAG = "messages"
LINES = "application/jsonl"
_IN_ROOMS = "Without joining the room, the user needs a role that the rules of the room name."


def paths(schemas: Schemas, examples: Examples) -> dict[str, JsonObject]:
    """The operations, by path."""
    return {
        f"/api/{quote(name, safe='')}": {"post": _operation(name, item, schemas, examples)}
        for name, item in schemas.client.items()
        if name not in NEEDS_CONNECTION and not _impossible(item, schemas)
    }


def _impossible(item: Definition, schemas: Schemas) -> bool:
    """The application has nothing that such a message could be about."""
    properties = item.schema.get("properties", {}) if item.protocol else {}
    return ("resource" in properties and not schemas.resources) or ("room" in properties and not schemas.rooms)


def _operation(name: str, item: Definition, schemas: Schemas, examples: Examples) -> JsonObject:
    properties = item.schema.get("properties", {})
    in_room = item.protocol and "room" in properties
    keyed = _is_key(properties.get("key"))
    needs_key = keyed and "key" in item.schema.get("required", ())
    rule = item.schema.get("x-access", {}).get("send") if not item.protocol else None
    about = item.schema.get("description", "")
    body: JsonObject = {"schema": message_body(item, schemas)}
    whole = examples.message(item)
    if isinstance(whole, dict):
        # A key needs a token, which the example does not have everywhere.
        left_out = {"type", "ref", *(["key"] if keyed and not needs_key else [])}
        body["example"] = {word: value for word, value in whole.items() if word not in left_out}
    answer = content("The reply.", _reply(schemas.server.get(item.reply or "")))
    if item.part is not None:
        answer["description"] = "The reply. As lines: the parts, and then the reply or an error."
        answer["content"][LINES] = {"schema": {"type": "string"}}
    return {
        "operationId": f"{name}Message",
        "tags": [TAG],
        "summary": about.split(". ")[0].rstrip(".") + "." if about else name,
        "description": f"{about} {_IN_ROOMS}".strip() if in_room else about,
        "security": security("authenticated" if needs_key else rule),
        **({"parameters": [idempotency_key()]} if keyed else {}),
        "requestBody": {"required": True, "content": {JSON: body}},
        "responses": {"200": answer, **refused()},
    }


def _is_key(schema: object) -> bool:
    """Whether the property `key` is the idempotency key."""
    return isinstance(schema, dict) and schema.get("$ref") == "#/$defs/IdempotencyKey"


def _reply(item: Definition | None) -> JsonObject:
    """The schema of a reply without its `ref`."""
    if item is None:
        return {}
    required = item.schema.get("required", [])
    if "ref" not in required:
        return reference(item.key)
    properties = {name: sub for name, sub in item.schema["properties"].items() if name != "ref"}
    schema = {word: value for word, value in item.schema.items() if not word.startswith(("x-", "$"))}
    without = {**schema, "properties": properties, "required": [name for name in required if name != "ref"]}
    return as_component(without)
