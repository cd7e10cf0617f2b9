"""One kind of request over HTTP: which message it becomes, and how its reply becomes the response.

This is `POST /api/<type>`: the body is the message without `type` and `ref`, and the response is the reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tidegate.contract import Contract
from tidegate.core.effects import Effect
from tidegate.core.errors import Refused
from tidegate.gateway.http import query, responses
from tidegate.gateway.http.replies import is_error
from tidegate.transport import Head, Response
from tidegate_protocol import Violation

Message = dict[str, Any]
KEY_HEADER = "idempotency-key"
NO_KEY = (
    "this message takes no Idempotency-Key: it would be handled again; types/idempotency_key is the schema of `key`"
)
CONDITIONS = ("if-match", "if-none-match")
NO_CONDITION: frozenset[str] = frozenset()
JSON = frozenset({"application/json"})
JSON_OR_LINES = frozenset({"application/json", "application/jsonl"})
"""A handler that sends no part answers as any other does."""


class Operation(Protocol):
    """What one method does at one path."""

    content_types: frozenset[str]
    """Of the body; none where there is no body."""
    answers: frozenset[str]
    """The content types of the answer."""
    conditions: frozenset[str]
    """Those of `CONDITIONS` that it takes. With another one it is refused: it would be done without that condition."""
    has_key: bool
    """A `key` of its message is an idempotency key."""

    def message(self, head: Head, body: bytes) -> Message:
        """The message without `ref`. Raises Refused."""

    def effects(self, head: Head, effects: Sequence[Effect]) -> Sequence[Effect]:
        """What the message leads to, with what else the request asks for."""

    def response(self, head: Head, reply: bytes) -> Response:
        """The response for the reply, which may be an error."""


class MessageOperation:
    """`POST /api/<type>`."""

    content_types = JSON
    conditions = NO_CONDITION

    def __init__(self, contract: Contract, message_type: str) -> None:
        rules = contract.custom_messages.get(message_type)
        self.answers = JSON if rules is None or rules.part is None else JSON_OR_LINES
        self.has_key = rules is None or rules.keyed
        self._contract = contract
        self._type = message_type

    def message(self, head: Head, body: bytes) -> Message:
        query.nothing(head.query)
        message = self._contract.read(body)
        for name in ("type", "ref"):
            if name in message:
                text = "is not part of a body: the path names the type, and the response is the reply"
                fault = Violation(pointer=f"/{name}", keyword="additionalProperties", message=text)
                raise Refused("invalid_message", text, pointer=f"/{name}", keyword=fault.keyword, errors=(fault,))
        if KEY_HEADER in head.headers and not self.has_key:
            raise Refused("invalid_message", NO_KEY)
        with_key(head, message)
        message["type"] = self._type
        return message

    def effects(self, head: Head, effects: Sequence[Effect]) -> Sequence[Effect]:
        return effects

    def response(self, head: Head, reply: bytes) -> Response:
        return responses.failed(reply) if is_error(reply) else responses.whole(reply)


def with_key(head: Head, message: Message) -> None:
    """Take the idempotency key from its header. Raises Refused where the body has another one."""
    key = head.headers.get(KEY_HEADER)
    if key is None:
        return
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if message.setdefault("key", key) != key:
        raise Refused("conflict", "the header Idempotency-Key says another key", pointer="/key")
