"""What the core wants done: plain values that the gateway carries out, in order.

They name sessions, subscriptions and queries; they know nothing of frames, threads or databases. The effects of rooms
are in `core.rooms.effects`, those of rows in `core.rows.effects`.
Invariant: every effect that stems from a request with a `ref` leads to exactly one reply or one error with that `ref`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from tidegate.core.session import Session

Ref = str | int | None


class Effect(msgspec.Struct, frozen=True, gc=False):
    """The root of all effects."""


class Reply(Effect, frozen=True, gc=False):
    """One message to one session."""

    session: Session
    message: msgspec.Struct


class Push(Effect, frozen=True, gc=False):
    """One message to many sinks: encoded once, framed once."""

    sinks: Collection[Any]
    message: msgspec.Struct


class Identify(Effect, frozen=True, gc=False):
    """Check a token and tell the core who it is (`Protocol.identified`)."""

    session: Session
    ref: Ref
    token: str
