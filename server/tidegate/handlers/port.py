"""The port through which the application's code reaches the gateway that runs it.

`gateway.application` implements it. Each method may be called in any thread, and checks what it is given there; the
rest happens in the gateway's loop, which brings the result to the future.
Invariant: what the schema does not allow raises Refused, with a pointer into what was given, and nothing has happened.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tidegate.handlers.identity import Identity, System
from tidegate_protocol import Principal, RoomPosition

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """The connections that a message goes to: of a user, in a room, or all. At every gateway."""

    kind: Literal["user", "room", "everyone"]
    name: str = ""


EVERYONE = Target("everyone")
"""Every connection of every gateway."""


class CallDatabase(Protocol):
    """The transaction of one call."""

    def open(self) -> Any:
        """Its models. Raises HandlersError, Refused."""

    def undo(self) -> None:
        """Undo what was written so far."""

    def finish(self, outcome: object) -> None:
        """Commit, or undo where `outcome` is a Refused. Raises what the database refuses."""


class Port(Protocol):
    """The gateway, as far as the application's code may use it."""

    @property
    def runs(self) -> bool:
        """Whether it does what it is asked. It does not any more once it has ended."""

    def reply(self, session: object, message: Any) -> Future[bool]:
        """Send `message` to the connection of a call. False where that has ended."""

    def push(self, target: Target, message: Any) -> Future[None]:
        """Send `message` to all connections of `target`."""

    def publish(self, room: str, data: Any, sender: Principal, key: str | None) -> Future[RoomPosition]:
        """Publish `data` in a room. The result is its position there."""

    def rows(self, who: Identity | System, request: dict[str, Any]) -> Future[tuple[list[Row], int | None]]:
        """Do a `list`, `get`, `create`, `update` or `delete`. The result: rows that may be seen, and the total."""
