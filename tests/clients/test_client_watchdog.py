"""A connection whose other end is gone, though nothing says so."""

from __future__ import annotations

from tests.clients.scripted import FakeClock, ScriptedGateway, begun
from tidegate_client import connect


async def pass_silence(clock: FakeClock, seconds: float) -> None:
    """The watchdog looks at the clock every 5 s."""
    for _ in range(int(seconds // 5)):
        await clock.pass_sleep(5.0)


async def test_silence_ends_the_connection(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock, random=lambda: 0.0) as client:
        peer = await scripted.accept()
        heard = client.pushes("heard")
        await pass_silence(clock, 50)
        await peer.send("heard")
        await anext(heard)
        await pass_silence(clock, 50)  # 100 s after the welcome, 50 s after a message: the line is fine
        await clock.until_sleeping(5.0)
        assert client.status == "open"
        await clock.pass_sleep(5.0)
        assert await peer.is_closed() == 1006
        await clock.pass_sleep(0.0)
        await scripted.accept()


async def test_a_late_answer_lets_the_client_ask_for_a_sign_of_life(
    scripted: ScriptedGateway, clock: FakeClock
) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        heard = client.pushes("heard")
        launching = begun(client.request({"type": "launch_rocket"}))
        launch = await peer.expect("launch_rocket")
        for _ in range(3):  # the gateway works for 40 s, and says so
            await pass_silence(clock, 10)
            ping = await peer.expect("ping")
            await clock.until_sleeping(4.0)
            await peer.reply(ping, "pong", time=1)
            await peer.send("heard")
            await anext(heard)
            await clock.pass_sleep(4.0)
            client.send({"type": "wave"})
            await peer.expect("wave")
        await peer.reply(launch, "launched")
        assert (await launching)["type"] == "launched"
        assert client.status == "open"


async def test_a_clock_that_jumped_lets_the_client_ask(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock, random=lambda: 0.5) as client:
        peer = await scripted.accept()
        for heard in (True, False):
            await clock.until_sleeping(5.0)
            clock.freeze(20)  # less than the silence that ends a connection
            await clock.pass_sleep(5.0)
            ping = await peer.expect("ping")
            await clock.until_sleeping(4.0)
            if heard:
                pongs = client.pushes("pong")
                await peer.reply(ping, "pong", time=1)
                await anext(pongs)
            await clock.pass_sleep(4.0)
        assert await peer.is_closed() == 1006
