"""What the application's code may do with one room, one user, or all connections.

It knows what may be said, and not how it gets there (`port`).
Invariant: the sender of a room message is the application itself, or a user that the code has named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.handlers.answer import Answer
from tidegate.handlers.identity import APPLICATION, Identity, check_user
from tidegate.handlers.port import Port, Target
from tidegate_protocol import Principal, RoomPosition

Reach = Callable[[], Port]
"""The gateway that runs. Raises HandlersError while none does."""


class Room:
    """A room by its name."""

    def __init__(self, reach: Reach, name: str) -> None:
        self.name = _text(name, "the name of a room")
        self.target = Target("room", name)
        self._reach = reach

    def send(
        self, data: Any, *, sender: Principal | Identity | None = None, key: str | None = None
    ) -> Answer[RoomPosition]:
        """Publish `data` (a Struct or what JSON has) as a message of the room; the answer is its position.

        `sender`: None for the application itself, or a user. `key`: an idempotency key of the sender. No `x-access` is
        asked, and no connection has to be in the room. Raises Refused: unknown_room, invalid_data, too_large (1 MiB),
        conflict (the key), limit_reached, unavailable.
        """
        return Answer(self._reach().publish(self.name, data, _sender(sender), key))

    def push(self, message: Any) -> Answer[None]:
        """Send a message of schema/server to the connections that are in the room; it is in no history."""
        return Answer(self._reach().push(self.target, message))


class User:
    """A user by its id. Ids are texts: the number 7 is no user, and raises TypeError."""

    def __init__(self, reach: Reach, id: str) -> None:
        self.id = _text(id, "the id of a user")
        self.target = Target("user", id)
        self._reach = reach

    def send(self, message: Any) -> Answer[None]:
        """Send a message of schema/server to each connection of the user, at every gateway. Raises Refused.

        It is not kept: a user that is not connected does not get it.
        """
        return Answer(self._reach().push(self.target, message))


def target_of(given: object) -> Target:
    """Where a message goes. Raises TypeError for what is none of these."""
    if isinstance(given, Room | User):
        return given.target
    if isinstance(given, Target):
        return given
    raise TypeError(f"a message goes to a Room, a User or a Target, and not to a {type(given).__name__}")


def _text(given: object, what: str) -> str:
    if not isinstance(given, str):
        raise TypeError(f"{what} is a text, and not {type(given).__name__}")
    return given


def _sender(given: object) -> Principal:
    if given is None:
        return APPLICATION
    if isinstance(given, Identity):
        return given.user
    if isinstance(given, Principal):
        check_user(given, "the sender")
        return given
    raise TypeError(f"the sender is a Principal, an Identity or None, and not {type(given).__name__}")
