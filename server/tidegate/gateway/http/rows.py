"""Rows as resources of HTTP: lists, single rows, and what creates, changes and removes them.

Each request becomes a message about rows. A row has an entity tag, made of what the client sees of it; `If-Match`
is asked in the transaction that writes, so that no other write comes between.
Invariant: a request with `If-Match` writes only rows whose tag it names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from tidegate.contract import Contract, Resource
from tidegate.contract.hazards import check
from tidegate.core.effects import Effect
from tidegate.core.errors import Refused
from tidegate.core.rows.effects import WriteRows
from tidegate.core.rows.tags import tag
from tidegate.gateway.http import query, responses
from tidegate.gateway.http.operations import NO_CONDITION, Message, with_key
from tidegate.gateway.http.replies import is_error, read_error
from tidegate.transport import JSON_HEADERS, Head, Response

JSON_BODY = frozenset({"application/json"})
PATCH_BODY = frozenset({"application/json", "application/merge-patch+json"})
NO_BODY: frozenset[str] = frozenset()
UNCHANGED, THIS_STATE = frozenset({"if-none-match"}), frozenset({"if-match"})
TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


class RowsReply(msgspec.Struct):
    """The rows of a reply, not decoded."""

    rows: list[msgspec.Raw]


_read_rows = msgspec.json.Decoder(RowsReply).decode


class ListRows:
    """`GET /api/resources/NAME`. The response is the reply `rows`."""

    content_types, answers = NO_BODY, JSON_BODY
    has_key = True
    conditions = UNCHANGED  # a list has no tag, so that the condition holds

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def message(self, head: Head, body: bytes) -> Message:
        message = query.list_message(head.query, self._resource)
        check(message)
        return {"type": "list", "resource": self._resource.name, **message}

    def effects(self, head: Head, effects: Sequence[Effect]) -> Sequence[Effect]:
        return effects

    def response(self, head: Head, reply: bytes) -> Response:
        return responses.failed(reply) if is_error(reply) else responses.whole(reply)


class CreateRow:
    """`POST /api/resources/NAME`. The body is a row, and so is the response. For an array, it is the reply `rows`."""

    content_types = answers = JSON_BODY
    has_key = True
    conditions = NO_CONDITION

    def __init__(self, contract: Contract, resource: Resource) -> None:
        self._contract = contract
        self._resource = resource
        self._several = False

    def message(self, head: Head, body: bytes) -> Message:
        query.nothing(head.query)
        data = self._contract.read_data(body)
        self._several = isinstance(data, list)
        message = {"type": "create", "resource": self._resource.name, "data": data}
        with_key(head, message)
        return message

    def effects(self, head: Head, effects: Sequence[Effect]) -> Sequence[Effect]:
        return effects

    def response(self, head: Head, reply: bytes) -> Response:
        if is_error(reply):
            return _failed(reply)
        if self._several:
            return responses.whole(reply)
        rows = _read_rows(reply).rows
        if not rows:  # the user may not read what it has written
            return Response(HTTPStatus.NO_CONTENT)
        row = msgspec.json.decode(rows[0])
        headers = {**JSON_HEADERS, "ETag": tag(row)}
        steps = key_steps(self._resource, row)
        if all(steps.split("/")):  # no path names a row whose key is an empty text
            headers["Location"] = f"/api/resources/{quote(self._resource.name, safe='')}/{steps}"
        return Response(HTTPStatus.CREATED, headers, bytes(rows[0]))


class _OneRow:
    """What requests about a single row share. `key`: the last steps of the path."""

    kind = ""
    has_key = True

    def __init__(self, resource: Resource, key: Sequence[str]) -> None:
        self._resource = resource
        self._key = key

    def _named(self) -> Message:
        message = {"type": self.kind, "resource": self._resource.name, "id": key_of(self._resource, self._key)}
        check(message)
        return message

    def effects(self, head: Head, effects: Sequence[Effect]) -> Sequence[Effect]:
        tags = tags_in(head.headers.get("if-match"))
        if tags is None:
            return effects
        return [_only_if(effect, tags) if isinstance(effect, WriteRows) else effect for effect in effects]


class GetRow(_OneRow):
    """`GET /api/resources/NAME/KEY`. The response is the row."""

    content_types, answers = NO_BODY, JSON_BODY
    conditions = UNCHANGED
    kind = "get"

    def message(self, head: Head, body: bytes) -> Message:
        return {**self._named(), **query.field_list(head.query)}

    def response(self, head: Head, reply: bytes) -> Response:
        if is_error(reply):
            return _failed(reply)
        rows = _read_rows(reply).rows
        if not rows:
            return responses.refused(Refused("not_found", "there is no such row"))
        found = tag(msgspec.json.decode(rows[0]))
        known = tags_in(head.headers.get("if-none-match"))
        if known is not None and (not known or found in [each.removeprefix("W/") for each in known]):
            return Response(HTTPStatus.NOT_MODIFIED, {"ETag": found})
        return Response(HTTPStatus.OK, {**JSON_HEADERS, "ETag": found}, bytes(rows[0]))


class UpdateRow(_OneRow):
    """`PATCH /api/resources/NAME/KEY`. The body has the properties to change, the response is the whole row."""

    content_types, answers = PATCH_BODY, JSON_BODY
    conditions = THIS_STATE
    kind = "update"

    def __init__(self, contract: Contract, resource: Resource, key: Sequence[str]) -> None:
        super().__init__(resource, key)
        self._contract = contract

    def message(self, head: Head, body: bytes) -> Message:
        query.nothing(head.query)
        message = {**self._named(), "data": self._contract.read_data(body)}
        with_key(head, message)
        return message

    def response(self, head: Head, reply: bytes) -> Response:
        if is_error(reply):
            return _failed(reply, head)
        rows = _read_rows(reply).rows
        if not rows:  # the row is changed, and the user may not read it any more
            return Response(HTTPStatus.NO_CONTENT)
        return Response(HTTPStatus.OK, {**JSON_HEADERS, "ETag": tag(msgspec.json.decode(rows[0]))}, bytes(rows[0]))


class DeleteRow(_OneRow):
    """`DELETE /api/resources/NAME/KEY`."""

    content_types, answers = NO_BODY, JSON_BODY
    conditions = THIS_STATE
    kind = "delete"

    def message(self, head: Head, body: bytes) -> Message:
        query.nothing(head.query)
        message = self._named()
        with_key(head, message)
        return message

    def response(self, head: Head, reply: bytes) -> Response:
        return _failed(reply, head) if is_error(reply) else Response(HTTPStatus.NO_CONTENT)


def key_of(resource: Resource, steps: Sequence[str]) -> Any:
    """The key that steps of a path name: one for each property of the key, in their order. Raises Refused."""
    try:
        parts = [unquote(step, errors="strict") for step in steps]
    except UnicodeDecodeError:
        raise Refused("invalid_message", "the key in the path is no UTF-8", pointer="/id") from None
    values = [query.of_type(part, prop) for part, prop in zip(parts, resource.key_properties, strict=True)]
    return values[0] if len(values) == 1 else dict(zip(resource.key, values, strict=True))


def key_steps(resource: Resource, row: dict[str, Any]) -> str:
    """The steps of a path that name `row`."""
    return "/".join(quote(_text(row[name]), safe="") for name in resource.key)


def tags_in(header: str | None) -> list[str] | None:
    """The tags of an `If-Match` or `If-None-Match`; empty for `*`, None without the header."""
    if header is None or header.strip() == "*":
        return None if header is None else []
    return TAG.findall(header) or [""]


def _only_if(effect: WriteRows, tags: list[str]) -> WriteRows:
    if not tags:
        return effect
    return msgspec.structs.replace(effect, mutation=msgspec.structs.replace(effect.mutation, tags=tuple(tags)))


def _failed(reply: bytes, head: Head | None = None) -> Response:
    """The response for an error. Its pointer leads into the body, which is the `data` of the message."""
    error = read_error(reply)
    unmet = head is not None and "if-match" in head.headers and error.code == "conflict" and error.pointer == "/if"
    message = msgspec.json.decode(reply)
    if unmet:
        del message["pointer"]
    for each in (message, *message.get("errors", ())):
        if each.get("pointer", "").startswith("/data"):
            each["pointer"] = each["pointer"].removeprefix("/data")
    status = HTTPStatus.PRECONDITION_FAILED if unmet else None
    return responses.failed(responses.encode(message), status, error)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
