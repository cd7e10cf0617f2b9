"""What the operations of the API share: refusals by status, headers, parameters, and who may ask.

Invariant: every status that the gateway answers with is one of an operation's responses.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from tidegate.documents.components import reference
from tidegate.schema.http_statuses import OWN_ERRORS, STATUSES

JsonObject = dict[str, Any]
JSON = "application/json"
BEARER = "token"
_RETRY = {"Retry-After": {"description": "Seconds until the next try.", "schema": {"type": "integer"}}}
_HEADERS: Mapping[int, JsonObject] = {
    401: {"WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}}},
    429: _RETRY,
    503: _RETRY,
}
BEYOND_CODES: Mapping[int, str] = {
    400: "The request is malformed.",
    405: "The path does not take this method.",
    406: "The client does not accept JSON.",
    408: "The request was not finished in time.",
    412: "The row has another entity tag than `If-Match` names.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    421: "The gateway does not have the name that `Host` says.",
}
"""Statuses that come of HTTP itself, beside those of the error codes."""
TAG = {"description": "A tag of the row's content, for `If-Match`.", "schema": {"type": "string"}}


def refusals(errors: Mapping[str, Any]) -> dict[str, JsonObject]:
    """`components.responses`: one for each status, with the error codes that it has. `errors`: x-errors."""
    found: dict[str, JsonObject] = {}
    for status in sorted({*STATUSES.values(), *BEYOND_CODES, OWN_ERRORS}):
        meanings = [f"`{code}`: {errors[code]['meaning']}" for code, of in STATUSES.items() if of == status]
        if status == OWN_ERRORS:
            meanings.append("`app:...`: an error of the application.")
        if status in BEYOND_CODES:
            meanings.append(BEYOND_CODES[status])
        answer = content("\n\n".join(meanings), reference("ErrorMessage"))
        if status in _HEADERS:
            answer["headers"] = _HEADERS[status]
        found[_name(status)] = answer
    return found


def refused(*, conditional: bool = False) -> dict[str, JsonObject]:
    """The refusals of an operation. `conditional`: it takes `If-Match`."""
    left_out = set() if conditional else {412}
    statuses = sorted({*STATUSES.values(), *BEYOND_CODES, OWN_ERRORS} - left_out)
    return {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in statuses}


def content(description: str, schema: JsonObject, example: Any = None) -> JsonObject:
    """A response, or a body, of JSON."""
    media: JsonObject = {"schema": schema}
    if example is not None:
        media["example"] = example
    return {"description": description, "content": {JSON: media}}


def header(name: str, description: str, schema: JsonObject | None = None) -> JsonObject:
    """A parameter that is a header."""
    return {"name": name, "in": "header", "description": description, "schema": schema or {"type": "string"}}


def idempotency_key() -> JsonObject:
    text = "A repeat with the same key gets the answer of the first request. It needs a token."
    return header("Idempotency-Key", text, reference("IdempotencyKey"))


def security(rule: Any) -> list[JsonObject]:
    """Who may ask, as far as a token decides it. `rule`: of `x-access`."""
    rules = rule if isinstance(rule, list) else [rule]
    signed_in = rules and all(isinstance(each, str) and each != "anyone" for each in rules)
    return [{BEARER: []}] if signed_in else [{}, {BEARER: []}]


def schemes() -> JsonObject:
    """`components.securitySchemes`."""
    about = "A token of the application, a JWT. Without it the user is anonymous."
    return {BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": about}}


def _name(status: int) -> str:
    return "".join(word.capitalize() for word in HTTPStatus(status).phrase.replace("-", " ").split())
