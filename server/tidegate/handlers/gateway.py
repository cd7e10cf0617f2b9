"""Where an application registers what it adds to the gateway, and through which it reaches the gateway that runs.

It keeps functions by what they are for; who calls them is the gateway's business.
Invariant: there is at most one handler of a type and one rule of a resource and action.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from tidegate.handlers.answer import Answer
from tidegate.handlers.errors import HandlersError
from tidegate.handlers.function import function_of
from tidegate.handlers.handler import Handler, handler_of, name_of
from tidegate.handlers.identity import Identity, System
from tidegate.handlers.lifecycle import Moments
from tidegate.handlers.port import Port, Target
from tidegate.handlers.rooms import Room, User, target_of
from tidegate.handlers.rows import Rows
from tidegate.handlers.rules import Action, RoomAction, RoomRule, Rule, asked

Function = TypeVar("Function", bound=Callable[..., Any])
Model = TypeVar("Model")


class Gateway:
    """The functions of one application, and its way to rooms, users and rows.

    Its functions may be registered while the module is imported. The gateway can be reached from `on_start` on.
    """

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        """By the type of message."""
        self.rules: dict[tuple[str, Action], Rule] = {}
        self.moments = Moments()
        self._port: Port | None = None
        self.room_rules: dict[tuple[str, RoomAction], RoomRule] = {}
        """By the pattern of the rooms."""

    def on(self, type_: str) -> Callable[[Function], Function]:
        """Let a function handle the messages of `type_`.

        It takes the message, as the Struct that its first parameter is annotated with, or as a dict, and may take
        a `Call` as well. It returns the reply (a Struct or a dict; `type` and `ref` are filled in), or raises Refused.
        Raises HandlersError for a type that has a handler already.
        """

        def register(function: Function) -> Function:
            if type_ in self.handlers:
                first = self.handlers[type_].name
                raise HandlersError(f"{type_!r} has two handlers: {first} and {name_of(function)}")
            self.handlers[type_] = handler_of(function)
            return function

        return register

    def rule(self, resource: str, *actions: Action) -> Callable[[Rule], Rule]:
        """Let a function say which rows a user may read, create, update or delete, as far as the schema allows it.

        It is asked once a connection, resource and action, and again when the client sends `authenticate`. It runs in
        a thread, but the whole gateway waits for it: it should look at what it has in memory, and has failed after one
        second. If it fails, the gateway refuses the request.
        Raises HandlersError.
        """

        def register(function: Rule) -> Rule:
            if not actions:
                raise HandlersError(f'{name_of(function)}: name an action: @gateway.rule({resource!r}, "read")')
            for action in actions:
                if (resource, action) in self.rules:
                    raise HandlersError(f"there are two rules for {action!r} of {resource!r}")
                self.rules[resource, action] = function
            return function

        return register

    def around(self, function: Function) -> Function:
        """Let `function(message, call, go_on)` run about every handler.

        It may raise Refused, return a reply, or return what `go_on()` returns. An `async` function awaits `go_on()`.
        """
        self.moments.arounds.append(function_of(function, "the message", "the Call", "go_on"))
        return function

    def room_rule(self, pattern: str, *actions: RoomAction) -> Callable[[RoomRule], RoomRule]:
        """Let a function say whether a user may join a room of `pattern`, send to it, see who is present, or read its
        history, as far as the schema allows it.

        It is asked when a client joins, for all its actions, and again when the client sends `authenticate`. What it
        says counts until the client leaves. What holds for `rule` holds here too: the whole gateway waits for it.
        Raises HandlersError.
        """

        def register(function: RoomRule) -> RoomRule:
            if not actions:
                raise HandlersError(f'{name_of(function)}: name an action: @gateway.room_rule({pattern!r}, "join")')
            for action in actions:
                if (pattern, action) in self.room_rules:
                    raise HandlersError(f"there are two rules for {action!r} in rooms {pattern!r}")
                self.room_rules[pattern, action] = function
            return function

        return register

    def on_connect(self, function: Function) -> Function:
        """Call `function(connection)` when a client has connected, before it is greeted, and when it becomes a user.

        It may raise Refused, and may return claims to add to those of the token. The client waits for it.
        """
        return self.moments.add("connect", function)

    def on_disconnect(self, function: Function) -> Function:
        """Call `function(connection)` when a connection has ended."""
        return self.moments.add("disconnect", function)

    def on_join(self, function: Function) -> Function:
        """Call `function(room, connection)` when a connection has joined a room."""
        return self.moments.add("join", function)

    def on_leave(self, function: Function) -> Function:
        """Call `function(room, connection)` when a connection has left a room, or ended."""
        return self.moments.add("leave", function)

    def room_occupied(self, function: Function) -> Function:
        """Call `function(room)` when the first user appears in a room: once in a cluster."""
        return self.moments.add("occupied", function)

    def room_vacated(self, function: Function) -> Function:
        """Call `function(room)` when the last user has vanished from a room: once in a cluster."""
        return self.moments.add("vacated", function)

    def on_start(self, function: Function) -> Function:
        """Call `function()` before clients can connect. The gateway does not start if it fails."""
        return self.moments.add("start", function)

    def on_stop(self, function: Function) -> Function:
        """Call `function()` when the gateway ends, while its clients are told so."""
        return self.moments.add("stop", function)

    def background(self, function: Function) -> Function:
        """Run `function()` or `function(stop)` beside the gateway, and again after it has failed, until the stop."""
        return self.moments.add_background(function)

    def room(self, name: str) -> Room:
        """The room with this name."""
        return Room(self._reach, name)

    def user(self, id: str) -> User:
        """The user with this id."""
        return User(self._reach, id)

    def push(self, message: Any, to: Target | Room | User) -> Answer[None]:
        """Send a message of schema/server that answers no request `to` a room, a user, or `EVERYONE`."""
        return Answer(self._reach().push(target_of(to), message))

    @overload
    def rows(self, resource: str, *, as_user: Identity | System) -> Rows[dict[str, Any]]: ...
    @overload
    def rows(self, resource: str, *, as_user: Identity | System, model: type[Model]) -> Rows[Model]: ...
    def rows(self, resource: str, *, as_user: Identity | System, model: Any = None) -> Rows[Any]:
        """The rows of a resource, for an Identity (`call.principal`) or SYSTEM. `model`: the Struct for rows."""
        return Rows(self._reach, resource, as_user, model)

    def bind(self, port: Port | None) -> None:
        """`port` is the gateway that runs now; None for none any more. The gateway calls it. Raises HandlersError."""
        if port is not None and self._port is not None and self._port.runs:
            raise HandlersError("another gateway of this process runs with this Gateway: make one for each")
        self._port = port

    def _reach(self) -> Port:
        if asked.get():
            raise HandlersError("a rule about rows cannot ask the gateway, which waits for the rule")
        if self._port is None:
            raise HandlersError("the gateway does not run: use it in handlers, `on_start` and background tasks")
        return self._port
