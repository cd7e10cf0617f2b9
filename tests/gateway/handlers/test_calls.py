"""Calls of handlers without a gateway around them: threads that are abandoned, a blocked event loop, the stop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tidegate import application_threads, handlers
from tidegate.application_threads import ApplicationThreads
from tidegate.contract import ApplicationRequest
from tidegate.core.errors import Refused, internal
from tidegate.gateway.calls.calls import HandlerCalls
from tidegate.gateway.calls.loop import HandlerLoop
from tidegate.handlers.function import function_of
from tidegate_protocol import Principal

CALL = handlers.Call(Principal(id="1", name="Ada", roles=[], anonymous=False), "connection")
REQUEST = ApplicationRequest(type="do", ref=1, message={})


class Answers:
    """In the place of `Outcomes`: a reply is sent as it is."""

    def of_reply(self, handler: str, request: ApplicationRequest, found: Any) -> Any:
        return found

    def of_failure(self, handler: str, request: ApplicationRequest, error: BaseException) -> Refused:
        return error if isinstance(error, Refused) else internal()


@contextlib.asynccontextmanager
async def calls(deadline: float) -> AsyncIterator[HandlerCalls]:
    outcomes: Any = Answers()
    made = HandlerCalls(outcomes, deadline)
    yield made
    await made.aclose()


def handler(function: Callable[..., Any]) -> handlers.Handler:
    gateway = handlers.Gateway()
    gateway.on("do")(function)
    return gateway.handlers["do"]


async def ticking(made: HandlerCalls) -> None:
    while True:
        made.tick()
        await asyncio.sleep(0.01)


async def test_the_log_names_the_line_at_which_a_late_async_handler_waits(caplog: pytest.LogCaptureFixture) -> None:
    async def ask_the_bank(message: Any) -> bytes:
        await asyncio.Event().wait()
        return b"late"

    async with calls(deadline=0.1) as made:
        with pytest.raises(Refused):
            await made.call(handler(ask_the_bank), REQUEST, CALL)
    (line,) = [each for each in caplog.messages if "did not answer within" in each]
    assert "in ask_the_bank\n    await asyncio.Event().wait()" in line


async def test_where_the_loop_is_busy_the_log_names_what_keeps_it_so() -> None:
    blocked, released = threading.Event(), threading.Event()

    async def ask_the_bank() -> None:
        await asyncio.Event().wait()

    async def block() -> None:
        blocked.set()
        released.wait(DEADLINE_S)

    loop = HandlerLoop()
    first = loop.start(ask_the_bank, lambda: None)
    await until(lambda: "in ask_the_bank\n    await asyncio.Event().wait()" in loop.where_of(first))
    loop.start(block, lambda: None)
    await asyncio.to_thread(blocked.wait, DEADLINE_S)
    for work in (first, loop.start(ask_the_bank, lambda: None)):
        assert "in block\n    released.wait(DEADLINE_S)" in loop.where_of(work)
    released.set()
    loop.end()
    assert await asyncio.to_thread(loop.ended.wait, DEADLINE_S)


async def test_the_failure_of_a_late_function_names_the_line_at_which_it_waits() -> None:
    async def ask_the_bank() -> None:
        await asyncio.Event().wait()

    async with calls(DEADLINE_S) as made:
        outcome = await made.functions.outcome(function_of(ask_the_bank), seconds=0.1)
    assert isinstance(outcome.error, TimeoutError)
    assert "in ask_the_bank\n    await asyncio.Event().wait()" in str(outcome.error)


async def test_a_call_that_waits_behind_a_blocked_one_moves_to_another_loop() -> None:
    blocked, released = threading.Event(), threading.Event()
    begun: list[int] = []

    async def block(message: Any) -> bytes:
        blocked.set()
        released.wait(DEADLINE_S)
        return b"late"

    async def count(message: Any) -> bytes:
        begun.append(threading.get_ident())
        return b"done"

    async with calls(deadline=0.3) as made, asyncio.TaskGroup() as tasks:
        first = asyncio.create_task(made.call(handler(block), REQUEST, CALL))
        await asyncio.to_thread(blocked.wait, DEADLINE_S)
        # Nothing looks at the loop until its deadline has passed, and the second call is never late.
        made._deadline = DEADLINE_S
        second = asyncio.create_task(made.call(handler(count), REQUEST, CALL))
        with pytest.raises(Refused) as refused:
            await first
        assert refused.value.code == "timeout"
        made._deadline = 0.0
        ticker = tasks.create_task(ticking(made))
        assert await asyncio.wait_for(second, DEADLINE_S) == b"done"
        released.set()
        made._deadline = DEADLINE_S
        assert await made.call(handler(count), REQUEST, CALL) == b"done"
        ticker.cancel()
    assert len(begun) == 2, "the loop that was blocked does not begin the call once more"


async def test_a_stop_refuses_what_is_under_way_and_begins_nothing() -> None:
    begun: list[str] = []
    released = threading.Event()

    def plain(message: Any) -> bytes:
        begun.append("plain")
        released.wait(DEADLINE_S)
        return b"late"

    async with calls(DEADLINE_S) as made:
        first = asyncio.create_task(made.call(handler(plain), REQUEST, CALL))
        while not begun:  # noqa: ASYNC110  # a thread appends to it
            await asyncio.sleep(0.001)
        made.give_up()
        for call in (first, made.call(handler(plain), REQUEST, CALL)):
            with pytest.raises(Refused) as refused:
                await call
            assert refused.value.code == "unavailable"
        released.set()
    assert begun == ["plain"]


async def test_a_call_that_is_cancelled_before_it_begins_is_answered_at_once() -> None:
    """A handler that cancels all tasks of its loop hits calls that have not begun."""

    async def cancel(message: Any) -> bytes:
        asyncio.get_running_loop().call_soon(lambda: [task.cancel() for task in asyncio.all_tasks()])
        return b"done"

    async with calls(DEADLINE_S) as made:
        waiting = [asyncio.create_task(made.call(handler(cancel), REQUEST, CALL)) for _ in range(20)]
        outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), DEADLINE_S)
    assert {outcome if isinstance(outcome, bytes) else type(outcome) for outcome in outcomes} <= {b"done", Refused}


def test_abandoned_threads_give_up_their_place() -> None:
    threads, released = ApplicationThreads(limit=1), threading.Event()
    for _ in range(3):
        with pytest.raises(TimeoutError, match=r"released\.wait"):
            threads.result(lambda: released.wait(DEADLINE_S), 0.05)
    assert threads.left == 3
    assert threads.result(lambda: "done", DEADLINE_S) == "done"
    released.set()
    threads.close()


def test_work_that_waits_for_a_thread_does_not_begin_after_it_was_abandoned() -> None:
    threads, released, begun = ApplicationThreads(limit=1), threading.Event(), []

    def work() -> None:
        begun.append("first")
        released.wait(DEADLINE_S)

    first = threads.start(work)
    second = threads.start(lambda: begun.append("second"))
    threads.abandon(second)
    released.set()
    assert threads.result(lambda: "done", DEADLINE_S) == "done"
    assert begun == ["first"]
    threads.abandon(first)  # it is done: nothing happens
    assert threads.left == 0
    threads.close()


def test_abandoned_threads_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application_threads, "LEFT", 1)
    threads, released = ApplicationThreads(limit=1), threading.Event()
    for _ in range(2):
        with pytest.raises(TimeoutError):
            threads.result(lambda: released.wait(DEADLINE_S), 0.05)
    assert threads.left == 1
    with pytest.raises(TimeoutError):
        threads.result(lambda: "done", 0.05)
    released.set()
    assert threads.result(lambda: "done", DEADLINE_S) == "done"
    threads.close()


def test_without_a_thread_the_caller_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    threads = ApplicationThreads()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            threads.start(lambda: None)
    assert threads.result(lambda: "done", DEADLINE_S) == "done"
    threads.close()
