"""A WebSocket client that sends any bytes to a running gateway and keeps every message it receives, in order.

It sends a ping after each message. The pong shows that the gateway has read the message, so that "no reply" is a
result as well.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tidegate.schema import SAFE_INTEGER

Message = dict[str, Any]
DEADLINE_S = 5.0
CONTRACT_CODES = {
    "invalid_json",
    "unknown_type",
    "invalid_message",
    "invalid_data",
    "unknown_room",
    "unknown_resource",
}
"""Codes of errors in the message itself. The gateway reports them before it reads the next message."""
PING_REF_PREFIX = "tidegate-check-"
"""The pings of this client have refs with this prefix."""


@dataclass(slots=True)
class Exchange:
    """The result of one message. `received`: all messages up to the reply and the pong."""

    received: list[Message] = field(default_factory=list)
    reply: Message | None = None
    closed: str | None = None
    """How the connection ended, if it ended."""
    silent: bool = False
    """The gateway did not answer in time, or answered without the `ref`."""


class Awaited(NamedTuple):
    """The answer to wait for. `promised`: it must come; otherwise the client waits for the pong only.

    `refusal`: only an error in the message itself is the answer. Another one with the `ref` is for an earlier message.
    """

    ref: str | float | None
    promised: bool = True
    refusal: bool = False


class CheckClient:
    """A client with one connection at a time. `opened` counts its connections: more than 1 after a reconnect."""

    def __init__(self, url: str, token: str | None, deadline: float = DEADLINE_S) -> None:
        self._deadline = deadline
        self._url = url
        self._token = token
        self._pings = 0
        self._connection: ClientConnection | None = None
        self._exit_stack = contextlib.ExitStack()
        self.opened = 0
        self.welcome: Message = {}

    def __enter__(self) -> CheckClient:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def exchange(self, payload: bytes, awaited: Awaited | None = None) -> Exchange:
        """Send `payload` and collect the gateway's answer to it. Without `awaited`, the `ref` is as in the protocol."""
        if self._connection is None:
            self._open()
        assert self._connection is not None
        awaited, result = awaited or Awaited(ref_of(payload)), Exchange()
        self._pings += 1
        ping_ref = f"{PING_REF_PREFIX}{self._pings}"
        try:
            self._send(payload)
            self._connection.send(json.dumps({"type": "ping", "ref": ping_ref}))
            self._receive(result, awaited, ping_ref)
        except ConnectionClosed as ended:
            result.closed = str(ended)
            self._close()
        except TimeoutError:
            result.silent = True
        return result

    def ask(self, message: Message) -> Message:
        """Send a request that is not part of the check, and return the reply. Raises ConnectionError without one."""
        self._pings += 1
        reply = self.exchange(json.dumps({**message, "ref": f"own-{self._pings}"}).encode()).reply
        if reply is None:
            raise ConnectionError(f"the gateway did not reply to {message}")
        return reply

    def _receive(self, result: Exchange, awaited: Awaited, ping_ref: str) -> None:
        assert self._connection is not None
        ref = awaited.ref
        waits = ref is not None and awaited.promised
        deadline = time.monotonic() + self._deadline
        pong = False
        while not pong or (waits and result.reply is None and not result.silent):
            message = json.loads(self._connection.recv(timeout=deadline - time.monotonic()))
            if isinstance(message, dict) and message.get("ref") == ping_ref and message.get("type") == "pong":
                pong = True
                continue
            result.received.append(message)
            if result.reply is None and _answers(message, ref, pong) and not (awaited.refusal and _is_later(message)):
                result.reply = message
            elif waits and not pong and _answers(message, None, pong):
                result.silent = True  # the gateway answered without the ref and will not answer again

    def _send(self, payload: bytes) -> None:
        assert self._connection is not None
        try:
            self._connection.send(payload.decode())
        except UnicodeDecodeError:
            self._connection.send(payload)  # these bytes are not UTF-8: only a binary frame can carry them

    def _open(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        # No keepalive pings: their thread would draw random numbers while Hypothesis counts them.
        opening = connect(
            self._url,
            compression=None,
            additional_headers=headers,
            max_size=None,
            proxy=None,
            ping_interval=None,
            close_timeout=2,
        )
        self._connection = self._exit_stack.enter_context(opening)
        self.welcome = json.loads(self._connection.recv(timeout=DEADLINE_S))
        self.opened += 1

    def _close(self) -> None:
        self._connection = None
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            self._exit_stack.close()


def ref_of(payload: bytes) -> str | int | None:
    """The `ref` that the answer to a message must carry. None if the message has no `ref`, or an invalid one."""
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    ref = message.get("ref") if isinstance(message, dict) else None
    if isinstance(ref, str):
        fits = 0 < len(ref) <= 64 and "\0" not in ref and not any("\ud800" <= char <= "\udfff" for char in ref)
        return ref if fits else None
    if isinstance(ref, float) and ref.is_integer():
        ref = int(ref)
    return ref if type(ref) is int and abs(ref) <= SAFE_INTEGER else None


def same_ref(one: Any, other: Any) -> bool:
    """Whether two refs are equal as JSON: 5 and 5.0 are, 1 and true are not."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _is_later(message: Message) -> bool:
    """Whether this is no error that the gateway reports before it reads the next message."""
    return message.get("type") != "error" or message.get("code") not in CONTRACT_CODES


def _answers(message: Message, ref: str | float | None, has_pong: bool) -> bool:
    """Whether `message` is the reply, or the error, for the message with this `ref`."""
    if ref is not None:
        return same_ref(message.get("ref"), ref)
    # Without a `ref`, an error with any other code may belong to an earlier message.
    is_contract_error = message.get("type") == "error" and message.get("code") in CONTRACT_CODES
    # What is no JSON may hold a text that the gateway takes for its `ref`.
    is_unnamed = "ref" not in message or message.get("code") == "invalid_json"
    return not has_pong and is_contract_error and is_unnamed
