"""One WebSocket to a running gateway that says whatever bytes it is told and hears everything, in order.

A ping after each message tells when the gateway has read it, so that silence is an answer too.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tidegate.checks.oracle import SAFE

Message = dict[str, Any]
DEADLINE_S = 5.0
OF_THE_CONTRACT = {
    "invalid_json",
    "unknown_type",
    "invalid_message",
    "invalid_data",
    "unknown_room",
    "unknown_resource",
}
"""Codes that say that the message itself is wrong; the gateway says so before it reads another."""
MARK = "tidegate-check-"
"""Begins the refs of the pings."""


@dataclass(slots=True)
class Exchange:
    """What came of one message: everything `heard` until it was settled, and how the connection ended, if it did."""

    heard: list[Message] = field(default_factory=list)
    reply: Message | None = None
    closed: str | None = None
    silent: bool = False
    """The gateway did not settle it in time."""


class Line:
    """One connection; `opened` counts how often it had to be made anew."""

    def __init__(self, url: str, token: str | None, deadline: float = DEADLINE_S) -> None:
        self._deadline = deadline
        self._url = url
        self._token = token
        self._pings = 0
        self._connection: ClientConnection | None = None
        self._open_ones = contextlib.ExitStack()
        self.opened = 0
        self.welcome: Message = {}

    def __enter__(self) -> Line:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def exchange(self, payload: bytes) -> Exchange:
        """Say `payload` and hear what comes of it."""
        if self._connection is None:
            self._open()
        assert self._connection is not None
        ref, result = ref_of(payload), Exchange()
        self._pings += 1
        mark = f"{MARK}{self._pings}"
        try:
            self._send(payload)
            self._connection.send(json.dumps({"type": "ping", "ref": mark}))
            self._hear(result, ref, mark)
        except ConnectionClosed as ended:
            result.closed = str(ended)
            self._close()
        except TimeoutError:
            result.silent = True
        return result

    def ask(self, message: Message) -> Message:
        """The answer to a request of one's own. Raises ConnectionError without one."""
        self._pings += 1
        reply = self.exchange(json.dumps({**message, "ref": f"own-{self._pings}"}).encode()).reply
        if reply is None:
            raise ConnectionError(f"no answer to {message}")
        return reply

    def _hear(self, result: Exchange, ref: str | int | None, mark: str) -> None:
        assert self._connection is not None
        deadline = time.monotonic() + self._deadline
        pong = False
        while not pong or (ref is not None and result.reply is None and not result.silent):
            message = json.loads(self._connection.recv(timeout=deadline - time.monotonic()))
            if isinstance(message, dict) and message.get("ref") == mark and message.get("type") == "pong":
                pong = True
                continue
            result.heard.append(message)
            if result.reply is None and _answers(message, ref, pong):
                result.reply = message
            elif ref is not None and not pong and _answers(message, None, pong):
                result.silent = True  # an answer there was, and it lacks the ref: no other will come

    def _send(self, payload: bytes) -> None:
        assert self._connection is not None
        try:
            self._connection.send(payload.decode())
        except UnicodeDecodeError:
            self._connection.send(payload)  # no text: it can only travel in a binary frame

    def _open(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        # Without pings of its own: their thread would draw random numbers while Hypothesis counts them.
        opening = connect(
            self._url,
            compression=None,
            additional_headers=headers,
            max_size=None,
            proxy=None,
            ping_interval=None,
            close_timeout=2,
        )
        self._connection = self._open_ones.enter_context(opening)
        self.welcome = json.loads(self._connection.recv(timeout=DEADLINE_S))
        self.opened += 1

    def _close(self) -> None:
        self._connection = None
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            self._open_ones.close()


def ref_of(payload: bytes) -> str | int | None:
    """The `ref` of a message that an answer to it must carry; None when it has none that could be carried."""
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
    return ref if type(ref) is int and abs(ref) <= SAFE else None


def _answers(message: Message, ref: str | int | None, settled: bool) -> bool:
    """Whether `message` is the reply, or the error, to what was said with this `ref`."""
    if ref is not None:
        return message.get("ref") == ref and type(message.get("ref")) is type(ref)
    of_now = message.get("type") == "error" and message.get("code") in OF_THE_CONTRACT  # another may be a late one
    return not settled and of_now and "ref" not in message
