"""A function of the application that handles messages, and what it wants to be given.

It knows neither threads nor loops, and not who calls.
Invariant: a function that cannot be called with a message is refused when it is registered.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

import msgspec

from tidegate.handlers.call import Call
from tidegate.handlers.errors import HandlersError
from tidegate_protocol.typed import typed


@dataclass(frozen=True, slots=True)
class Handler:
    """A function for one type of message. `model`: what it wants the message as; None for a plain dict."""

    function: Callable[..., Any]
    model: type[msgspec.Struct] | None
    takes_call: bool
    waits: bool
    """It is an `async` function: it runs in an event loop, and a plain function runs in a thread."""
    streams: bool = False
    """It is an `async` function that yields: the parts of the answer, and perhaps the reply at its end."""

    @property
    def name(self) -> str:
        return name_of(self.function)

    def __call__(self, message: dict[str, Any], call: Call) -> Any:
        """What the function returns: a reply, the coroutine of one, or an async generator. May raise anything."""
        request = message if self.model is None else typed(message, self.model)
        return self.function(request, call) if self.takes_call else self.function(request)


def handler_of(function: Callable[..., Any]) -> Handler:
    parameters = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
    ]
    if not 1 <= len(parameters) <= 2:  # the message, and perhaps the call
        raise HandlersError(f"{name_of(function)}: a handler takes the message, and may take a Call as well")
    wanted = get_type_hints(called(function)).get(parameters[0].name)
    model = wanted if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct) else None
    inner = called(function)
    if inspect.isgeneratorfunction(inner):
        raise HandlersError(f"{name_of(function)}: a handler that yields is an `async def`")
    streams = inspect.isasyncgenfunction(inner)
    return Handler(function, model, len(parameters) > 1, streams or inspect.iscoroutinefunction(inner), streams)


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function for log lines. An object that can be called has none: then it is that of its class."""
    name = getattr(called(function), "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__


def called(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind `function`, which may be a `functools.partial`, or an object with `__call__`."""
    while isinstance(function, functools.partial):
        function = function.func
    return function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__
