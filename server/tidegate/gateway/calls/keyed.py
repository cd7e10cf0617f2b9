"""Idempotency keys of the application's messages: a repeated message gets the first reply, and no second call.

The key, what was asked and the reply are kept in the gateway's database, in the transaction of `call.db` where the
handler uses it. Errors are not kept: what failed may be tried again. It knows no database.
Invariant: a reply that is kept was given by a handler whose transaction is committed.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tidegate.contract import ApplicationRequest
from tidegate.core.budgets.daily import DailyBudget
from tidegate.core.errors import Refused
from tidegate.core.session import Session
from tidegate.gateway.calls.waiting import Waiting
from tidegate.transport import payload_start

KEPT_BYTES = 4096
"""Of a reply to a message with a key, at most."""
BYTES_A_DAY, NUMBER_A_DAY = 64 * 1024**2, 100_000
"""What is kept for one account in 24 hours."""
ENTRY_BYTES = 200
"""What an entry takes beside the reply, about."""


class Keyed(NamedTuple):
    """A message with an idempotency key."""

    user: str
    key: str
    digest: bytes
    """A hash of the message without `ref`: the same key with another digest is a conflict."""


class Kept(NamedTuple):
    """What is kept under a key."""

    digest: bytes
    reply: str
    """The reply as JSON, without `ref`."""


def keyed(session: Session, request: ApplicationRequest) -> Keyed:
    """Of a message whose schema has a `key` that it has."""
    message = {name: value for name, value in request.message.items() if name != "ref"}
    text = msgspec.json.encode(message, order="deterministic")
    return Keyed(session.user.id, request.message["key"], hashlib.blake2b(text, digest_size=16).digest())


def reply_of(frame: bytes | None) -> str:
    """The reply in a frame of the gateway, to be kept. Raises Refused where it is too large."""
    if frame is None:
        return "null"
    reply: dict[str, Any] = msgspec.json.decode(frame[payload_start(frame) :])
    reply.pop("ref", None)
    text = msgspec.json.encode(reply)
    if len(text) > KEPT_BYTES:
        raise Refused("too_large", f"the reply to a message with a key has at most {KEPT_BYTES:,} bytes")
    return text.decode()


def again(kept: Kept, asked: Keyed, ref: Any) -> dict[str, Any] | None:
    """The reply to a repeated message; None where it wants none. Raises Refused: it is a different message."""
    if kept.digest != asked.digest:
        raise Refused("conflict", "this idempotency key was already used for a different request", pointer="/key")
    if ref is msgspec.UNSET:
        return None
    reply = msgspec.json.decode(kept.reply)
    if reply is None:
        raise Refused("conflict", "this key was used for a message that asked for no reply", pointer="/key")
    return {**reply, "ref": ref}


class KeysUnderWay:
    """Messages with a key whose handlers run here, and what their accounts may have kept. In the gateway's loop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._budget = DailyBudget(BYTES_A_DAY, NUMBER_A_DAY)
        self._now = now
        self._running: dict[tuple[str, str], asyncio.Future[None]] = {}

    async def begin(self, asked: Keyed, account: str, waiting: Waiting) -> None:
        """Wait until no other message with this key is under way. Raises Refused: limit_reached, cancelled."""
        while (running := self._running.get(asked[:2])) is not None:
            await waiting.until(asyncio.shield(running))
        self._budget.check(account, self._now())
        self._running[asked[:2]] = asyncio.get_running_loop().create_future()

    def kept(self, account: str) -> None:
        """A reply was kept."""
        self._budget.add(account, KEPT_BYTES // 4 + ENTRY_BYTES, self._now())

    def end(self, asked: Keyed) -> None:
        self._running.pop(asked[:2]).set_result(None)
