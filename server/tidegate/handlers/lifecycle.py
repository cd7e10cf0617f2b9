"""What happens to connections and rooms, and the functions of the application that are told.

It knows neither sessions nor rooms of the gateway; it has copies of what a function may see.
Invariant: what a function does with what it is given has no effect on the gateway.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from tidegate.handlers.errors import HandlersError
from tidegate.handlers.function import Function, function_of
from tidegate.handlers.identity import Identity
from tidegate_protocol import Principal

Registered = TypeVar("Registered", bound=Callable[..., Any])
Moment = Literal["connect", "disconnect", "join", "leave", "occupied", "vacated", "start", "stop"]
GIVEN: Mapping[Moment, tuple[str, ...]] = {
    "connect": ("the Connection",),
    "disconnect": ("the Connection",),
    "join": ("the name of the room", "the Connection"),
    "leave": ("the name of the room", "the Connection"),
    "occupied": ("the name of the room",),
    "vacated": ("the name of the room",),
    "start": (),
    "stop": (),
}
"""What a function is given at each moment."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of a client, as it was at the moment."""

    id: str
    """As `welcome` says it."""
    user: Principal
    claims: Mapping[str, Any] = field(default_factory=dict)
    """What the user's token says beside the identity, and what `on_connect` added."""

    @property
    def principal(self) -> Identity:
        """The user with its claims, for `gateway.rows`."""
        return Identity(self.user, self.claims)


class Stop(threading.Event):
    """What a plain background task looks at: `stop.wait(5)` sleeps for 5 seconds and is true when it has to end."""


class Moments:
    """The functions of one application, by the moment at which they are called, in the order of their registration."""

    def __init__(self) -> None:
        self._functions: dict[Moment, list[Function]] = {}
        self.background: dict[str, Function] = {}
        """The tasks that run all the time, by their names."""
        self.arounds: list[Function] = []
        """What runs about every handler, the first one outermost."""

    def of(self, moment: Moment) -> list[Function]:
        return self._functions.get(moment, [])

    def add(self, moment: Moment, function: Registered) -> Registered:
        """Raises HandlersError where it cannot take what it will be given."""
        self._functions.setdefault(moment, []).append(function_of(function, *GIVEN[moment]))
        return function

    def add_background(self, function: Registered) -> Registered:
        """Raises HandlersError for a function that takes more than a `Stop`, and for one that is there already."""
        try:
            found = function_of(function)
        except HandlersError:
            found = function_of(function, "nothing, or a Stop")
            takes_stop = True
        else:
            takes_stop = False
        if found.name in self.background:
            raise HandlersError(f"there are two background tasks called {found.name}")
        self.background[found.name] = (
            found if takes_stop else Function(_without_stop(function), found.waits, found.name)
        )
        return function


def _without_stop(function: Callable[[], Any]) -> Callable[[object], Any]:
    return lambda stop: function()
