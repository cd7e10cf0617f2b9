"""The OpenAPI 3.1 document: the API and the other HTTP endpoints of the gateway, and every schema as a component.

`/asyncapi.json` describes the WebSocket, which is not an HTTP API. The document leaves out the console page and the
static files: they are for people.
"""

from __future__ import annotations

from typing import Any

from tidegate.documents import api_answers, api_messages, api_rows, api_schemas
from tidegate.documents.components import component_schemas, version
from tidegate.documents.examples import Examples
from tidegate.schema import Bundle, Schemas, contract_hash, unbundle
from tidegate.schema.older.dialects import DIALECT

JsonObject = dict[str, Any]

_DESCRIPTION = """\
The HTTP endpoints of the gateway. `POST /api/<type>` takes a message of the protocol or of the application and answers
with its reply; `/api/resources/` has rows as resources. What needs a connection uses the WebSocket at `/ws`, which
`/asyncapi.json` describes. The gateway answers `HEAD` like `GET`, without the body.
"""
_TEXT = "text/plain; charset=utf-8"


def openapi(document: Bundle) -> JsonObject:
    """The OpenAPI document of a bundle."""
    schemas = unbundle(document)
    examples = Examples(schemas, contract_hash(document))
    return {
        "openapi": "3.1.1",
        "info": {"title": "Tidegate", "version": version(document), "description": _DESCRIPTION},
        "jsonSchemaDialect": DIALECT,
        "servers": [{"url": "/", "description": "The gateway that serves this document."}],
        "tags": [
            {"name": "health", "description": "The state of the gateway."},
            {"name": "contract", "description": "The contract of the gateway."},
            {"name": "messages", "description": "Messages of the protocol and of the application."},
            {"name": "resources", "description": "Rows as resources."},
        ],
        "paths": {**_paths(), **api_messages.paths(schemas, examples), **api_rows.paths(schemas, examples)},
        "components": {
            "schemas": dict(sorted(_components(schemas).items())),
            "responses": api_answers.refusals(schemas.errors),
            "securitySchemes": api_answers.schemes(),
        },
    }


def _components(schemas: Schemas) -> JsonObject:
    contract = {name: api_schemas.with_patterns(schema) for name, schema in component_schemas(schemas).items()}
    return {**contract, **api_schemas.components()}


def _paths() -> JsonObject:
    return {
        "/healthz": _path(
            "getHealth",
            "health",
            "Whether the process is alive.",
            {"200": _answer("It is alive.", _TEXT, {"const": "ok\n"})},
        ),
        "/readyz": _path(
            "getReadiness",
            "health",
            "Whether the gateway accepts clients and the database responds.",
            {
                "200": _answer("Both.", _TEXT, {"const": "ready\n"}),
                "503": _answer("It does not; the text says why.", _TEXT, {"type": "string"}),
            },
        ),
        "/schema/bundle.json": _path(
            "getSchemaBundle",
            "contract",
            "The contract in one JSON Schema document.",
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
            "The protocol as a page for people.",
            {"200": _answer("The page.", "text/html; charset=utf-8", {"type": "string"})},
        ),
    }


def _path(operation: str, tag: str, summary: str, responses: JsonObject) -> JsonObject:
    return {"get": {"operationId": operation, "tags": [tag], "summary": summary, "responses": responses}}


def _answer(description: str, content_type: str, schema: JsonObject) -> JsonObject:
    return {"description": description, "content": {content_type: {"schema": schema}}}


def _with(member: str) -> JsonObject:
    return {"type": "object", "properties": {member: {"type": "string"}}, "required": [member]}
