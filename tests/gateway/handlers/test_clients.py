"""The Python client at a gateway whose handlers yield and refuse with own errors."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.handlers.answers import serving
from tests.gateway.handlers.test_streams import Counting
from tests.support.waiting import until
from tidegate.handlers import Refused
from tidegate_client import ConnectionLost, ModelMismatch, RequestRefused, TidegateError, connect, sync


class CountRequestPart(msgspec.Struct):
    n: int


class BuyRequestSoldOut(msgspec.Struct):
    left: int


async def test_parts_the_reply_and_an_early_end(tmp_path: Path) -> None:
    counting = Counting()
    async with serving(tmp_path, counting.gateway) as inside, connect(inside.url) as client:
        stream = client.stream({"type": "count"}, model=CountRequestPart)
        assert [part.n async for part in stream] == [0, 1, 2]
        assert (await stream.reply())["total"] == 3
        async for part in client.stream({"type": "count", "how": "forever"}):
            assert part == {"n": 0}
            break
        await until(lambda: counting.closed == ["three", "forever"])
        async with client.stream({"type": "count", "how": "forever"}) as parts:
            await anext(parts)
        await until(lambda: counting.closed == ["three", "forever", "forever"])
        with pytest.raises(TidegateError, match="cancelled"):
            await parts.reply()
        with pytest.raises(RequestRefused, match="internal"):
            [part async for part in client.stream({"type": "count", "how": "fails"})]
        broken = client.stream({"type": "count", "how": "forever"})
        await anext(broken)
        next(iter(inside.gateway.sessions)).sink.close(4201, "restart")
        with pytest.raises(ConnectionLost):
            [part async for part in broken]
        with pytest.raises(ConnectionLost):
            await broken.reply()
        several = [client.stream({"type": "count"}, model=CountRequestPart) for _ in range(3)]
        assert [[part.n async for part in parts] for parts in several] == [[0, 1, 2]] * 3, "on the new connection"


async def test_parts_without_await(tmp_path: Path) -> None:
    counting = Counting()

    def plainly(url: str) -> list[Any]:
        with sync.connect(url) as client:
            stream = client.stream({"type": "count"})
            found: list[Any] = [part["n"] for part in stream]
            found.append(stream.reply()["total"])
            for part in client.stream({"type": "count", "how": "forever"}):
                found.append(part["n"])
                break
            with client.stream({"type": "count", "how": "forever"}) as parts:
                found.append(next(parts)["n"])
            return found

    async with serving(tmp_path, counting.gateway) as inside:
        assert await asyncio.to_thread(plainly, inside.url) == [0, 1, 2, 3, 0, 0]
        await until(lambda: counting.closed == ["three", "forever", "forever"])


async def test_own_errors_are_typed(tmp_path: Path) -> None:
    counting = Counting()

    @counting.gateway.on("buy")
    def buy(request: dict[str, Any]) -> Any:
        raise Refused("sold_out", "none left", data={"left": 0, "of_the_future": 1})

    async with serving(tmp_path, counting.gateway) as inside, connect(inside.url) as client:
        with pytest.raises(RequestRefused) as caught:
            await client.request({"type": "buy"})
        assert (caught.value.code, caught.value.retryable) == ("app:sold_out", False)
        assert caught.value.data_as(BuyRequestSoldOut).left == 0
        with pytest.raises(ModelMismatch):
            caught.value.data_as(CountRequestPart)
