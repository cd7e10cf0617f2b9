"""Bounded streams: order, ends, and what each overflow policy does."""

from __future__ import annotations

import asyncio

import pytest

from tidegate_client.errors import ClientClosed, InvalidOption, StreamOverflow
from tidegate_client.streams import Overflow, Stream


async def drain(stream: Stream[int]) -> list[int]:
    return [item async for item in stream]


async def test_items_come_in_order_and_end_after_close() -> None:
    stream: Stream[int] = Stream(4)
    stream.push(1)
    stream.push(2)
    stream.close()
    stream.push(3)
    assert await drain(stream) == [1, 2]
    assert stream.closed


async def test_a_waiting_consumer_is_woken() -> None:
    stream: Stream[int] = Stream(4)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    stream.push(1)
    assert await waiting == 1
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    stream.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_a_failure_comes_after_what_was_buffered_and_stays() -> None:
    stream: Stream[int] = Stream(4)
    stream.push(1)
    stream.fail(ClientClosed())
    assert await anext(stream) == 1
    for _ in range(2):
        with pytest.raises(ClientClosed):
            await anext(stream)


async def test_error_policy_reports_the_number_of_lost_items_and_goes_on() -> None:
    stream: Stream[int] = Stream(2, "error")
    for number in range(5):
        stream.push(number)
    assert [await anext(stream), await anext(stream)] == [0, 1]
    with pytest.raises(StreamOverflow, match="3 item") as caught:
        await anext(stream)
    assert caught.value.dropped == 3
    stream.push(9)
    assert await anext(stream) == 9


async def test_after_an_overflow_nothing_is_let_in_before_the_error() -> None:
    """Or the consumer would see newer items before it hears that older ones are missing."""
    stream: Stream[int] = Stream(1, "error")
    stream.push(1)
    stream.push(2)
    assert await anext(stream) == 1
    stream.push(3)
    with pytest.raises(StreamOverflow, match="2 item"):
        await anext(stream)


async def test_drop_oldest_keeps_the_newest() -> None:
    stream: Stream[int] = Stream(2, "drop_oldest")
    for number in range(5):
        stream.push(number)
    stream.close()
    assert await drain(stream) == [3, 4]
    assert stream.dropped == 3


async def test_a_stand_in_replaces_everything_buffered() -> None:
    stream: Stream[int] = Stream(2, lambda: -1)
    for number in range(3):
        stream.push(number)
    stream.push(7)
    stream.close()
    assert await drain(stream) == [-1, 7]


@pytest.mark.parametrize("overflow", ["error", "drop_oldest"])
async def test_never_more_than_its_capacity(overflow: Overflow) -> None:
    stream: Stream[int] = Stream(3, overflow)
    for number in range(1000):
        stream.push(number)
        assert len(stream._items) <= 3


def test_capacity_must_be_positive() -> None:
    with pytest.raises(InvalidOption, match="at least 1"):
        Stream(0)
