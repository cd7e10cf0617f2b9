"""A function of the application that the gateway calls beside its handlers, and how it wants to be called.

It knows neither threads nor loops.
Invariant: a function that cannot take what it is given is refused when it is registered.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidegate.handlers.errors import HandlersError
from tidegate.handlers.handler import called, name_of


@dataclass(frozen=True, slots=True)
class Function:
    """`waits`: it is an `async` function, which runs in the loop of handlers; another one runs in a thread."""

    call: Callable[..., Any]
    waits: bool
    name: str


def function_of(found: Callable[..., Any], *given: str) -> Function:
    """`given`: what it is called with, in words. Raises HandlersError."""
    try:
        inspect.signature(found).bind(*given)
    except TypeError:
        takes = " and ".join(given) or "nothing"
        raise HandlersError(f"{name_of(found)}: this function has to take {takes}") from None
    return Function(found, inspect.iscoroutinefunction(called(found)), name_of(found))
