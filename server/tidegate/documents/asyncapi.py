"""The AsyncAPI 3.0 document, from the gateway's point of view: a channel for the WebSocket with an operation for each
message type, and a channel for each kind of room, whose parameters are those of the pattern.

The gateway receives the messages that clients send. A request names its reply; `ref` connects the two.
"""

from __future__ import annotations

from typing import Any

from tidegate.documents.components import component_schemas, draft07, reference, version
from tidegate.documents.examples import Examples
from tidegate.schema import INDEX, PROTOCOL_VERSION, Bundle, Definition, RoomType, contract_hash, patterns, unbundle

JsonObject = dict[str, Any]

CHANNEL = "#/channels/ws"
_DESCRIPTION = """\
Rooms with messages and presence, and live database rows, over one WebSocket. Each message is one JSON object in a text
frame with a `type`. A request with a `ref` gets exactly one reply with that `ref`, or one `error` with it; without
`ref` there is no reply, only the effects. The first message on every connection is `welcome`.
"""
_HEADERS: JsonObject = {
    "type": "object",
    "properties": {
        "Authorization": {
            "type": "string",
            "pattern": "^[Bb]earer .+",
            "description": "`Bearer TOKEN`: a JWT. Without a token the connection is an anonymous user.",
        },
        "Sec-WebSocket-Protocol": {
            "type": "string",
            "description": "`bearer.TOKEN`: the token from a browser, which cannot set `Authorization`.",
        },
    },
}


def asyncapi(document: Bundle) -> JsonObject:
    """The AsyncAPI document of a bundle."""
    schemas = unbundle(document)
    examples = Examples(schemas, contract_hash(document))
    messages = [*schemas.client.values(), *schemas.server.values()]
    rooms = {document[INDEX]["rooms"][pattern]["schema"]: rules for pattern, rules in schemas.rooms.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tidegate", "version": version(document), "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "gateway": {
                "host": "{host}",
                "protocol": "ws",
                "description": "The gateway. Behind a proxy that ends TLS, the protocol is `wss`.",
                "variables": {"host": {"default": "127.0.0.1:8787", "description": "The address of the gateway."}},
            }
        },
        "channels": {
            "ws": {
                "address": "/ws",
                "title": "The WebSocket",
                "description": "All messages use this connection.",
                "servers": [{"$ref": "#/servers/gateway"}],
                "messages": {item.key: {"$ref": f"#/components/messages/{item.key}"} for item in messages},
                "bindings": {"ws": {"method": "GET", "headers": _HEADERS, "bindingVersion": "0.1.0"}},
            },
            **{f"room.{key}": _room(rules, key) for key, rules in rooms.items()},
        },
        "operations": {
            **{
                f"receive.{item.key}": _receive(item, schemas.server, document[INDEX]["client"][name])
                for name, item in schemas.client.items()
            },
            **{f"send.{item.key}": _send(item) for item in schemas.server.values()},
        },
        "components": {
            "messages": {item.key: _message(item, examples) for item in messages},
            "schemas": {key: draft07(schema) for key, schema in component_schemas(schemas).items()},
            "correlationIds": {
                "ref": {
                    "location": "$message.payload#/ref",
                    "description": "The client chooses it; the reply has the `ref` of its request.",
                }
            },
        },
        "x-tidegate": _application(document),
    }


def _room(rules: RoomType, key: str) -> JsonObject:
    """The rooms of one pattern. A name with `*` has no address that AsyncAPI can express."""
    ends = patterns.separators(rules.pattern)
    return {
        "address": None if patterns.OPEN in rules.pattern else rules.pattern,
        "title": rules.pattern,
        "description": (
            f"The rooms with names such as `{rules.pattern}`, inside the WebSocket. The name is the `room` of `join` "
            "and `message`, and the message below is the `data`."
        ),
        "servers": [{"$ref": "#/servers/gateway"}],
        "messages": {key: _content(rules, key)},
        **({"parameters": {name: {"description": _ends(end)} for name, end in ends.items()}} if ends else {}),
    }


def _ends(end: str) -> str:
    return f"One or more characters without {end!r}." if end else "One or more characters."


def _content(rules: RoomType, key: str) -> JsonObject:
    """What members of a room say to each other."""
    description = rules.schema.get("description")
    summary = {"summary": description} if description else {}
    return {"name": rules.title, "title": rules.title, **summary, "payload": reference(key)}


def _receive(item: Definition, server: dict[str, Definition], entry: JsonObject) -> JsonObject:
    reply = entry.get("reply")
    answers = [server[name] for name in (*(("part",) if "part" in entry else ()), reply, "error") if name in server]
    return {
        "action": "receive",
        **_operation(item),
        **(
            {"reply": {"channel": {"$ref": CHANNEL}, "messages": [_of_channel(found) for found in answers]}}
            if reply
            else {}
        ),
        **({"x-part": reference(entry["part"])} if "part" in entry else {}),
        **({"x-refusals": _own_errors(entry["refusals"])} if "refusals" in entry else {}),
        **({"x-timeout": entry["timeout"]} if "timeout" in entry else {}),
        **({"x-access": entry["access"]} if "access" in entry else {}),
    }


def _own_errors(refusals: dict[str, str]) -> JsonObject:
    """The schema of the data of each error of the application, by its code on the wire."""
    return {f"app:{name}": reference(key) for name, key in refusals.items()}


def _send(item: Definition) -> JsonObject:
    return {"action": "send", **_operation(item)}


def _operation(item: Definition) -> JsonObject:
    return {
        "channel": {"$ref": CHANNEL},
        "title": item.message_type,
        **_summary(item),
        "messages": [_of_channel(item)],
    }


def _message(item: Definition, examples: Examples) -> JsonObject:
    example = examples.message(item)
    return {
        "name": item.message_type,
        "title": item.title,
        **_summary(item),
        "payload": reference(item.key),
        **({"correlationId": {"$ref": "#/components/correlationIds/ref"}} if _has_ref(item) else {}),
        **({"examples": [{"payload": example}]} if example is not None else {}),
    }


def _summary(item: Definition) -> JsonObject:
    description = item.schema.get("description")
    return {"summary": description} if description else {}


def _has_ref(item: Definition) -> bool:
    return "ref" in item.schema["properties"]


def _of_channel(item: Definition) -> JsonObject:
    return {"$ref": f"{CHANNEL}/messages/{item.key}"}


def _application(document: Bundle) -> JsonObject:
    """The parts of the contract that AsyncAPI cannot express: resources, rooms, and the meaning of the codes."""
    index = document[INDEX]
    named = {
        part: {name: {**entry, "schema": reference(entry["schema"])} for name, entry in index[part].items()}
        for part in ("resources", "rooms")
    }
    return {"protocol": PROTOCOL_VERSION, **named, "errors": index["errors"], "closes": index["closes"]}
