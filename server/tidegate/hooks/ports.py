"""The port to the outbox of webhooks, which the store implements in the gateway's database.

Every method belongs to one thread, and may raise what the database fails with. Times are milliseconds since the Unix
epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from tidegate.hooks.events import Event


class Waiting(msgspec.Struct, frozen=True):
    """An event in the outbox."""

    id: int
    hook: str
    key: str
    type: str
    body: bytes
    message: str
    """Names it for the receiver: the same at each try."""
    time: int
    tries: int
    due: int
    problem: str | None = None
    """Why the last try failed."""
    dead: bool = False


class Outbox(Protocol):
    """Events that are to be sent, and how far each hook is in the change log."""

    def lead(self) -> bool:
        """Whether this process sends, of all that use the database: it stays so until `close` or its end."""

    def add(self, events: Sequence[Event], now: int) -> None:
        """Keep `events`, in their order."""

    def position(self, hook: str) -> tuple[str, int] | None:
        """The epoch and the seq up to which the hook's events are in the outbox; None for a new hook."""

    def begin(self, hook: str, epoch: str, seq: int) -> None:
        """A hook that is new is there now; one that has a position keeps it."""

    def move(self, hook: str, epoch: str, seq: int, events: Sequence[Event], now: int) -> None:
        """In one transaction: keep `events`, and the hook is there from now on."""

    def waiting(self, hooks: Collection[str], limit: int) -> Sequence[Waiting]:
        """The oldest events of these hooks that are not dead, in their order."""

    def due(self, hook: str, now: int, limit: int) -> Sequence[Waiting]:
        """Of each key the first event that waits, where its time has come by `now`, in ms: the oldest of them."""

    def count(self, hook: str) -> int:
        """How many events wait for a hook."""

    def sent(self, id: int) -> None:
        """The receiver took it."""

    def failed(self, id: int, tries: int, due: int | None, problem: str) -> None:
        """A try failed; `due` None: it was the last one."""

    def disabled(self) -> Mapping[str, str]:
        """Why hooks get nothing any more, by their names."""

    def disable(self, hook: str, why: str) -> None: ...

    def enable(self, hook: str) -> None: ...

    def dead(self, hook: str | None = None) -> Sequence[Waiting]:
        """The events that are not sent any more."""

    def retry(self, ids: Collection[int], now: int) -> int:
        """Send dead events again; returns how many there were."""

    def drop(self, ids: Collection[int]) -> int:
        """Forget events; returns how many there were."""

    def close(self) -> None: ...
