"""What a way to misbehave is: a function that a handler calls, and what its caller gets.

A gateway loads a copy of this folder as the package `misbehaving`, so that its modules import each other by relative
names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.handlers import Call

FOREVER = 3600.0
SURROGATE = "a file name: \udcff"
Message = dict[str, Any]
Way = tuple[Callable[[Message, Call], Any], str]
"""The function, and the code of the error that the client gets, or `done` for a reply."""


def throw(error: Any, *_: Any) -> Any:
    raise error


def raising(make: Callable[[], Any], answer: str = "internal") -> Way:
    return (lambda message, call: throw(make())), answer


def returning(make: Callable[[], Any], answer: str = "internal") -> Way:
    return (lambda message, call: make()), answer


def doing(do: Callable[[], object], answer: str = "done") -> Way:
    def way(message: Message, call: Call) -> Message:
        do()
        return {"value": 1}

    return way, answer
