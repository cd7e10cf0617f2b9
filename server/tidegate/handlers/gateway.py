"""Where an application registers what it adds to the gateway.

It only keeps the functions, by what they are for; who calls them is the gateway's business.
Invariant: there is at most one handler of a type and one rule of a resource and action.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tidegate.handlers.errors import HandlersError
from tidegate.handlers.handler import Handler, handler_of, name_of
from tidegate.handlers.rules import Action, Rule

Function = TypeVar("Function", bound=Callable[..., Any])


class Gateway:
    """The handlers of one application, by the type of message, and its rules, by resource and action."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.rules: dict[tuple[str, Action], Rule] = {}

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
