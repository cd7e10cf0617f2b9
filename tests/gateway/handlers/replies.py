"""What handlers return: replies that can be sent, and all kinds of values that cannot."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import enum
from typing import Any

import msgspec

from tidegate.handlers import Refused

from .way import SURROGATE, Message, Way, returning, throw


def circle() -> Any:
    found: dict[str, Any] = {}
    found["value"] = found
    return found


def list_in_circles() -> Any:
    found: list[Any] = []
    found.append(found)
    return {"value": found}


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return {"value": found}


@dataclasses.dataclass
class Data:
    value: int = 1


class Slot(msgspec.Struct):
    value: Any = None


class Trap(dict[str, Any]):
    def items(self) -> Any:
        raise SystemExit

    keys = __iter__ = __getitem__ = values = items  # type: ignore[assignment]


class Colour(enum.Enum):
    RED = object()


async def answered() -> Message:
    return {"value": 1}


async def refused() -> Message:
    raise Refused("conflict", "none left")


async def streaming() -> Any:
    yield {"value": 1}


REPLIES: dict[str, Way] = {
    "return None": returning(lambda: None, "done"),
    "return a dict": returning(lambda: {"value": [None, True, 1.5, "text", {}]}, "done"),
    "return a Struct": returning(lambda: Slot(1), "done"),
    "return a dataclass": returning(Data, "done"),
    "return a coroutine": returning(answered, "done"),
    "return a coroutine that refuses": returning(refused, "conflict"),
    "return a false ref": returning(lambda: {"ref": 1, "type": "done", "value": 1}, "done"),
    "return a message of another type": returning(lambda: {"type": "error", "code": "conflict"}),
    "return times and numbers": returning(
        lambda: {"value": [datetime.datetime.now(datetime.UTC), float("nan"), 10**18]}, "done"
    ),
    "return keys that are numbers": returning(lambda: {1: 2, "value": {3: 4}}, "done"),
    "return a generator": returning(lambda: (row for row in [1])),
    "return an async generator": returning(streaming),
    "return an object": returning(object),
    "return a list": returning(lambda: [1]),
    "return a text": returning(lambda: "text"),
    "return bytes": returning(lambda: b"{}"),
    "return a number": returning(lambda: 1),
    "return True": returning(lambda: True),
    "return a set": returning(lambda: {1}),
    "return a class": returning(lambda: dict),
    "return a function": returning(lambda: throw),
    "return NotImplemented": returning(lambda: NotImplemented),
    "return an exception": returning(lambda: ValueError("text")),
    "return an iterator": returning(lambda: iter([("value", 1)])),
    "return a future": returning(concurrent.futures.Future),
    "return a circle": returning(circle),
    "return a list in circles": returning(list_in_circles),
    "return what is nested too deep": returning(lambda: deep(100_000)),
    "return a surrogate": returning(lambda: {"value": SURROGATE}),
    "return a surrogate in a key": returning(lambda: {"\udcff": 1}),
    "return an object in a dict": returning(lambda: {"value": object()}),
    "return a coroutine in a dict": returning(lambda: {"value": streaming()}),
    "return a key that is a tuple": returning(lambda: {(1, 2): 3}),
    "return a key that is None": returning(lambda: {"value": {None: object()}}),
    "return a number that is very large": returning(lambda: {"value": 10**400}, "done"),
    "return a Struct with an object": returning(lambda: Slot(object())),
    "return a member of an enum": returning(lambda: {"value": Colour.RED}),
    "return a trap": returning(lambda: Trap(value=1)),
    "return a trap in a dict": returning(lambda: {"value": Trap(value=object())}),
    "return a large reply": returning(lambda: {"value": "x" * 1_000_000}, "done"),
    "return a huge reply": returning(lambda: {"value": "x" * 17_000_000}, "too_large"),
}
