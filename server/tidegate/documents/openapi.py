"""The OpenAPI 3.1 document: what the gateway answers over plain HTTP, and every schema as a component.

The WebSocket is no HTTP API; `/asyncapi.json` describes it. The page to try the gateway and the files of its pages are
not described: they are for people.
"""

from __future__ import annotations

from typing import Any

from tidegate.documents.components import component_schemas, version
from tidegate.schema import Bundle, unbundle
from tidegate.schema.folder import DIALECT

JsonObject = dict[str, Any]

_DESCRIPTION = """\
What the gateway answers over plain HTTP. Everything else travels over the WebSocket at `/ws`, which `/asyncapi.json`
describes. `HEAD` is answered like `GET`, without the body.
"""
_TEXT = "text/plain; charset=utf-8"


def openapi(document: Bundle) -> JsonObject:
    """The OpenAPI document of a bundle."""
    return {
        "openapi": "3.1.1",
        "info": {"title": "Tidegate", "version": version(document), "description": _DESCRIPTION},
        "jsonSchemaDialect": DIALECT,
        "servers": [{"url": "/", "description": "The gateway that serves this document."}],
        "tags": [
            {"name": "health", "description": "How the gateway is."},
            {"name": "contract", "description": "What may be said to it."},
        ],
        "paths": {
            "/healthz": _path(
                "getHealth",
                "health",
                "Whether the process lives.",
                {"200": _answer("It does.", _TEXT, {"const": "ok\n"})},
            ),
            "/readyz": _path(
                "getReadiness",
                "health",
                "Whether new clients are welcome and the database answers.",
                {
                    "200": _answer("Both.", _TEXT, {"const": "ready\n"}),
                    "503": _answer("Not so; the text says why.", _TEXT, {"type": "string"}),
                },
            ),
            "/schema/bundle.json": _path(
                "getSchemaBundle",
                "contract",
                "Everything that may be said, in one JSON Schema document.",
                {"200": _answer("The bundle.", "application/schema+json", {"type": "object"})},
            ),
            "/asyncapi.json": _path(
                "getAsyncApi",
                "contract",
                "The WebSocket as an AsyncAPI 3.0 document.",
                {"200": _answer("The document.", "application/json", _with("asyncapi"))},
            ),
            "/openapi.json": _path(
                "getOpenApi",
                "contract",
                "This document.",
                {"200": _answer("The document.", "application/json", _with("openapi"))},
            ),
            "/docs": _path(
                "getProtocolPage",
                "contract",
                "The protocol as a page to read.",
                {"200": _answer("The page.", "text/html; charset=utf-8", {"type": "string"})},
            ),
        },
        "components": {"schemas": component_schemas(unbundle(document))},
    }


def _path(operation: str, tag: str, summary: str, responses: JsonObject) -> JsonObject:
    return {"get": {"operationId": operation, "tags": [tag], "summary": summary, "responses": responses}}


def _answer(description: str, content_type: str, schema: JsonObject) -> JsonObject:
    return {"description": description, "content": {content_type: {"schema": schema}}}


def _with(member: str) -> JsonObject:
    return {"type": "object", "properties": {member: {"type": "string"}}, "required": [member]}
