"""The way from the application's threads into the gateway's loop: limits, cancelling, the end."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.gateway.application import crossing
from tidegate.gateway.application.crossing import Crossing
from tidegate.handlers import Answer


async def answered() -> str:
    return "done"


async def test_a_thread_and_a_coroutine_wait_for_the_same_kind_of_answer() -> None:
    made = Crossing()
    assert await asyncio.to_thread(lambda: Answer(made.ask(answered)).value) == "done"
    assert await Answer(made.ask(answered), str.upper) == "DONE"


async def test_a_refusal_reaches_the_code_that_asked_and_a_failure_is_internal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = Crossing()

    async def refused() -> None:
        raise Refused("conflict", "no")

    async def failed() -> None:
        raise OSError("no such thing")

    with pytest.raises(Refused, match="no"):
        await Answer(made.ask(refused))
    with pytest.raises(Refused) as caught:
        await asyncio.to_thread(lambda: Answer(made.ask(failed)))
    assert caught.value.code == "internal"
    assert "no such thing" in caplog.text


async def test_what_is_asked_at_a_time_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossing, "LIMIT", 2)
    made, go_on = Crossing(), asyncio.Event()

    async def wait() -> None:
        await go_on.wait()

    waiting: list[Answer[None]] = [Answer(made.ask(wait)) for _ in range(2)]
    with pytest.raises(Refused) as caught:
        made.ask(answered)
    assert caught.value.code == "limit_reached"
    go_on.set()
    for each in waiting:
        await each
    assert await Answer(made.ask(answered)) == "done"


async def test_code_that_is_cancelled_cancels_what_it_reads_and_not_what_it_changes() -> None:
    made, go_on, ended = Crossing(), asyncio.Event(), list[str]()

    async def work(name: str) -> None:
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            ended.append(f"{name} cancelled")
            raise
        ended.append(f"{name} done")

    async def ask(name: str, *, changes: bool) -> None:
        await Answer(made.ask(lambda: work(name), changes=changes))

    asking = [asyncio.create_task(ask("read", changes=False)), asyncio.create_task(ask("write", changes=True))]
    await asyncio.sleep(0)
    await until(lambda: len(made._under_way) + len(made._changing) == 2)
    for task in asking:
        task.cancel()
    await until(lambda: ended == ["read cancelled"])
    go_on.set()
    await until(lambda: ended == ["read cancelled", "write done"])


async def test_the_end_of_the_gateway_answers_everything() -> None:
    made = Crossing()

    async def forever() -> None:
        await asyncio.Event().wait()

    ask = lambda: Answer[None](made.ask(forever))  # noqa: E731  # it waits in a thread
    in_thread = asyncio.create_task(asyncio.to_thread(ask))
    await until(lambda: made._under_way)
    made.end()
    with pytest.raises(Refused) as caught:
        await in_thread
    assert caught.value.code == "unavailable"
    with pytest.raises(Refused):
        made.ask(answered)
