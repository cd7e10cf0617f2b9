"""What `async` handlers do to the event loop that they run in, and to its tasks."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Any

from .replies import answered, streaming
from .way import FOREVER, Message, Way, doing, returning, throw

kept: list[Any] = []
"""What is left behind must not be collected."""


def loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


async def cancel_all() -> None:
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(0)


async def cancel_itself() -> None:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    await asyncio.sleep(FOREVER)


async def stubborn() -> None:
    while True:
        try:
            await asyncio.sleep(FOREVER)
        except BaseException as error:
            kept.append(error)


async def later(error: BaseException) -> None:
    await asyncio.sleep(0.01)
    raise error


async def group() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(later(ValueError()))
        tasks.create_task(asyncio.sleep(FOREVER))


async def first_of(stream: Any) -> None:
    kept.append(await anext(stream))


async def too_late() -> None:
    async with asyncio.timeout(0.01):
        await asyncio.sleep(FOREVER)


async def yields() -> Any:
    try:
        yield 1
        yield 2
    finally:
        await asyncio.sleep(0)
        raise ValueError


class Endless:
    def __await__(self) -> Any:
        yield 5


def left(make: Callable[[], Any]) -> Callable[[], None]:
    return lambda: kept.append(asyncio.ensure_future(make()))


def fill_executor() -> None:
    kept.extend(loop().run_in_executor(None, time.sleep, FOREVER) for _ in range(40))


def replace_hooks() -> None:
    broken: Any = throw
    loop().set_exception_handler(broken)
    loop().set_task_factory(broken)


def restore_hooks() -> None:
    loop().set_task_factory(None)


def awaiting(make: Callable[[], Any], answer: str = "done") -> Way:
    async def way() -> Message:
        await make()
        return {"value": 1}

    return (lambda message, call: way()), answer


ASYNC_WAYS: dict[str, Way] = {
    "raise after a while": awaiting(lambda: later(ValueError()), "internal"),
    "raise SystemExit after a while": awaiting(lambda: later(SystemExit()), "internal"),
    "raise StopAsyncIteration in a stream": awaiting(lambda: first_of(streaming().__aiter__()), "done"),
    "fail in a task group": awaiting(group, "internal"),
    "run into a deadline": awaiting(too_late, "internal"),
    "await a number": awaiting(lambda: 5, "internal"),
    "await what yields a number": awaiting(Endless, "internal"),
    "await another loop's future": awaiting(lambda: asyncio.new_event_loop().create_future(), "internal"),
    "cancel all tasks": awaiting(cancel_all, "internal"),
    "cancel itself": awaiting(cancel_itself, "internal"),
    "cancel all tasks and return": doing(lambda: [task.cancel() for task in asyncio.all_tasks()]),
    "stop the loop": doing(lambda: loop().stop()),
    "close the loop": doing(lambda: loop().close(), "internal"),
    "run the loop": doing(lambda: loop().run_forever(), "internal"),
    "asyncio.run": doing(lambda: asyncio.run(asyncio.sleep(0)), "internal"),
    "follow a signal": doing(lambda: loop().add_signal_handler(signal.SIGTERM, print), "internal"),
    "leave a task behind": doing(left(lambda: asyncio.sleep(FOREVER))),
    "leave a task behind that raises": doing(lambda: left(lambda: later(ValueError()))() or (kept.pop() and None)),
    "leave a task behind that raises SystemExit": doing(left(lambda: later(SystemExit()))),
    "leave a task behind that raises KeyboardInterrupt": doing(left(lambda: later(KeyboardInterrupt()))),
    "leave a task behind that cannot be cancelled": doing(left(stubborn)),
    "leave a callback behind that raises": doing(lambda: loop().call_soon(throw, ValueError())),
    "leave a callback behind that raises SystemExit": doing(lambda: loop().call_soon(throw, SystemExit())),
    "leave a stream open": awaiting(lambda: first_of(yields())),
    "leave sleeping threads in the executor": doing(fill_executor),
    "replace the hooks of the loop": doing(replace_hooks),
    "answer with other hooks": doing(lambda: None),
    "restore the hooks of the loop": doing(restore_hooks),
    "debug the loop": doing(lambda: loop().set_debug(True)),
    "return a task": returning(lambda: loop().create_future()),
    "return a coroutine of a coroutine": returning(answered, "done"),
}
ASYNC_LATE: dict[str, Way] = {
    "wait for ever": awaiting(lambda: asyncio.sleep(FOREVER), "timeout"),
    "wait for ever and ignore the deadline": awaiting(stubborn, "timeout"),
    "wait for a future that is never set": awaiting(lambda: loop().create_future(), "timeout"),
    "wait for a thread that never ends": awaiting(lambda: asyncio.to_thread(time.sleep, FOREVER), "timeout"),
}
