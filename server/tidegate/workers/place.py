"""What the supervisor tells a process that it starts, as one argument of the command.

File descriptors are inherited: their numbers are the same in both processes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

RETIRE, HELP, ENOUGH = b"retire", b"help", b"enough"
"""What the supervisor says to a worker: its successor serves; accept from the sockets of another slot, too; no more."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The place of one member."""

    kind: Literal["worker", "hub"]
    supervisor: int = 0
    """The supervisor's process id."""
    control: int = -1
    """The socket to the supervisor."""
    number: int = 0
    """The number of the worker's slot, from 1."""
    count: int = 1
    """How many workers there are."""
    column: int = 0
    """The worker's column in `counts`; no other process that runs has it."""
    listening: tuple[int, ...] = ()
    """The listening sockets: for clients, or the hub's for workers."""
    others: dict[int, tuple[int, ...]] = {}
    """The listening sockets of the other slots, by number."""
    hub: str | None = None
    """The address of the hub's socket; None where there is no hub."""
    again: bool = False
    """Another hub served before this one, with the same settings."""
    hub_writes: bool = False
    """Whether the hub writes the database for all workers."""
    running: int | None = None
    """A file with the schema bundle of the workers that run; empty before the first one."""
    own: int | None = None
    """The file for this worker's schema bundle."""
    operators: tuple[int, ...] = ()
    """The listening sockets for operators, which all workers share."""
    counts: int | None = None
    """The memory in which workers count together."""

    @property
    def inherited(self) -> list[int]:
        """All file descriptors."""
        more = [each for each in (self.running, self.own, self.counts) if each is not None]
        return [
            self.control,
            *self.listening,
            *self.operators,
            *(each for some in self.others.values() for each in some),
            *more,
        ]

    def text(self) -> str:
        return msgspec.json.encode(self).decode()

    @property
    def name(self) -> str:
        return "hub" if self.kind == "hub" else f"worker {self.number}"


def of_text(text: str) -> Place:
    """Raises msgspec.ValidationError or msgspec.DecodeError."""
    return msgspec.json.decode(text, type=Place)
