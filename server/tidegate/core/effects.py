"""What the core wants done: plain values that the gateway carries out, in order.

They name sessions, rooms, subscriptions and queries; they know nothing of frames, threads or databases. The effects of
rooms are in `core.rooms.effects`, those of rows in `core.rows.effects`.
Invariant: every effect that stems from a request with a `ref` leads to exactly one reply or one error with that `ref`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from tidegate.core.session import Session
from tidegate_protocol import CloseCode

Ref = str | int | None


class Effect(msgspec.Struct, frozen=True, gc=False):
    """The root of all effects."""


class Reply(Effect, frozen=True, gc=False):
    """Send one message to one session."""

    session: Session
    message: msgspec.Struct


class Push(Effect, frozen=True, gc=False):
    """Send one message to many sinks: encoded once, framed once."""

    sinks: Collection[Any]
    message: msgspec.Struct


class SendEncoded(Effect, frozen=True, gc=False):
    """Send messages to one session that are JSON text already, in their order."""

    session: Session
    texts: Collection[bytes]


class Close(Effect, frozen=True, gc=False):
    """End a session's connection once everything that it was sent before is out. `code`: one of `core.closes`."""

    session: Session
    code: CloseCode
    reason: str


class CancelCall(Effect, frozen=True, gc=False):
    """End the session's calls of the application's handlers with this `ref` that are not answered, if there are any."""

    session: Session
    ref: str | int


class Identify(Effect, frozen=True, gc=False):
    """Check a token and report its identity to `Protocol.identified`."""

    session: Session
    ref: Ref
    token: str
    now: float
