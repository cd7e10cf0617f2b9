"""Large answers of all clients share the turns of the event loop."""

from __future__ import annotations

import asyncio

import pytest

from tidegate.gateway.pace import SMALL_BYTES, TURN_BYTES, Pace

LARGE = TURN_BYTES // 4


async def test_a_turn_of_the_loop_makes_a_limited_number_of_bytes() -> None:
    pace, done = Pace(), 0

    async def piece() -> None:
        nonlocal done
        await pace.wait(LARGE)
        done += 1

    pieces = [asyncio.create_task(piece()) for _ in range(40)]
    most = 0
    while done < 40:
        before = done
        await asyncio.sleep(0)
        most = max(most, done - before)
    assert most <= 4
    await asyncio.gather(*pieces)


async def test_pieces_go_on_in_order_and_those_that_were_given_up_do_not_count() -> None:
    pace, order = Pace(), []

    async def piece(number: int) -> None:
        await pace.wait(TURN_BYTES)
        order.append(number)

    pieces = [asyncio.create_task(piece(number)) for number in range(6)]
    await asyncio.sleep(0)
    pieces[2].cancel()
    with pytest.raises(asyncio.CancelledError):
        await pieces[2]
    await asyncio.gather(*pieces[:2], *pieces[3:])
    assert order == [0, 1, 3, 4, 5]


async def test_small_pieces_do_not_wait() -> None:
    pace = Pace()
    assert pace.take(2 * TURN_BYTES)
    assert not pace.take(SMALL_BYTES + 1)
    assert pace.take(SMALL_BYTES)
    waiting = asyncio.create_task(pace.wait(LARGE))
    await asyncio.sleep(0)
    assert pace.take(1)
    await waiting
