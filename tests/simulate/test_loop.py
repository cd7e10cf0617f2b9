"""The simulated loop keeps what asyncio promises."""

from __future__ import annotations

import asyncio
import random

from tests.simulate.loop import SimulatedLoop


def test_a_timer_that_is_cancelled_in_the_turn_that_it_is_due_does_not_run() -> None:
    loop = SimulatedLoop(random.Random(1), 0.0)  # type: ignore[abstract]  # what it leaves out is not called
    ran: list[str] = []
    second: list[asyncio.TimerHandle] = []

    def cancel_second() -> None:
        second[0].cancel()

    async def main() -> None:
        loop.call_later(1.0, cancel_second)
        second.append(loop.call_later(1.0, ran.append, "cancelled"))
        loop.call_later(1.0, ran.append, "third")
        await asyncio.sleep(2.0)

    loop.run(main())
    assert ran == ["third"]
    assert loop.failures == []
