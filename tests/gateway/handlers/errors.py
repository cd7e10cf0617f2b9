"""Exceptions that handlers raise: every one that Python has, and some that are hard to look at."""

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures
import functools
import logging
import sys
from typing import Any

from .way import SURROGATE, Way, doing, raising

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "BaseExceptionGroup": ("several", [KeyboardInterrupt()]),
    "ExceptionGroup": ("several", [ValueError(), OSError()]),
    "UnicodeDecodeError": ("utf-8", b"\xff", 0, 1, "wrong"),
    "UnicodeEncodeError": ("utf-8", "\udcff", 0, 1, "wrong"),
    "UnicodeTranslateError": ("\udcff", 0, 1, "wrong"),
}
BUILT_IN = {
    name: kind for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
}


class Mute(Exception):
    def __str__(self) -> str:
        raise SystemExit("not even text")

    __repr__ = __str__


class Disguised(Exception):
    @property  # type: ignore[misc]  # read-only, and so it is meant
    def __class__(self) -> Any:
        raise KeyboardInterrupt


class Foreign(BaseException):
    """No Exception."""


def in_circles() -> BaseException:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    return one


def chained(length: int) -> BaseException:
    error = ValueError("the first")
    for _ in range(length):
        following = ValueError("the next")
        following.__cause__ = error
        error = following
    return error


def noted() -> BaseException:
    error = ValueError("with notes")
    error.__notes__ = 5  # type: ignore[assignment]
    return error


def endless() -> None:
    endless()


ERRORS: dict[str, Way] = {
    **{
        f"raise {name}": raising(functools.partial(kind, *ARGUMENTS.get(name, ("text",))))
        for name, kind in BUILT_IN.items()
    },
    "next() that finds nothing": doing(lambda: next(row for row in [1, 2] if row > 2), "internal"),
    "raise an exception that has no text": raising(Mute),
    "raise an exception with a false class": raising(Disguised),
    "raise a BaseException of the application": raising(Foreign),
    "raise CancelledError": raising(asyncio.CancelledError),
    "raise CancelledError of futures": raising(concurrent.futures.CancelledError),
    "raise a class": raising(lambda: ValueError),
    "raise what is no exception": raising(lambda: "text"),
    "raise text that cannot be encoded": raising(lambda: ValueError(SURROGATE)),
    "raise a long text": raising(lambda: ValueError("x" * 1_000_000)),
    "raise a circle of causes": raising(in_circles),
    "raise a long chain of causes": raising(lambda: chained(2000)),
    "raise with notes that are none": raising(noted),
    "fail in a log line": doing(lambda: logging.getLogger("shop").error("%d", "no number")),
    "recurse without end": doing(endless, "internal"),
    "ask for too much memory": doing(lambda: bytearray(1 << 62), "internal"),
    "sys.exit": doing(sys.exit, "internal"),
    "exit": doing(lambda: sys.exit(SURROGATE), "internal"),
}
