"""An application whose handlers misbehave, in every way that the tables know.

`WAYS` has what both plain and `async` handlers do, `LATE` what ends at the deadline, `ASYNC_WAYS` and `ASYNC_LATE` what
`async` handlers alone do, and `HANDLERS` handlers that are odd themselves.
Invariant: a way hurts only what the gateway can protect; `os._exit` is not here.
"""

from __future__ import annotations

import functools
from typing import Any

from tidegate.handlers import Call, Gateway

from .effects import EFFECTS, LATE
from .errors import ERRORS
from .loops import ASYNC_LATE, ASYNC_WAYS
from .refusals import REFUSALS
from .replies import REPLIES, answered
from .way import Message, Way

__all__ = ["ALL", "ASYNC_LATE", "ASYNC_WAYS", "HANDLERS", "LATE", "WAYS", "gateway"]

gateway = Gateway()
WAYS: dict[str, Way] = {**ERRORS, **REFUSALS, **REPLIES, **EFFECTS}
ALL = {**WAYS, **LATE, **ASYNC_WAYS, **ASYNC_LATE}


@gateway.on("plain")
def plain(message: Message, call: Call) -> Any:
    return ALL[message["way"]][0](message, call)


@gateway.on("waits")
async def waits(message: Message, call: Call) -> Any:
    return ALL[message["way"]][0](message, call)


@gateway.on("wrapped")
@functools.wraps(waits)
def wrapped(*arguments: Any) -> Any:
    return answered()


class Shop:
    async def __call__(self, message: Message) -> Message:
        return {"value": 1}

    def method(self, extra: int, message: Message, call: Call) -> Message:
        return {"value": extra}


gateway.on("object")(Shop())
gateway.on("partial")(functools.partial(Shop().method, 1))
gateway.on("lambda")(lambda message: {"value": 1})
HANDLERS = {
    "wrapped": "done",
    "object": "done",
    "partial": "done",
    "lambda": "done",
}
