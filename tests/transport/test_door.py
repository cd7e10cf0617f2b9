"""The door over real sockets: places, the reserve, limits by address, rates, turns. Each limit also switched off."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.support.waiting import until
from tests.transport.limits import NONE, door_with
from tests.transport.raw import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    TEXT,
    Door,
    Frame,
    Raw,
    close_payload,
    frame,
    listening,
    push,
    upgrade,
)
from tests.transport.test_backpressure import FakeClock, pass_time
from tidegate.core.budgets.rates import Rate
from tidegate.core.budgets.traffic import TrafficRates
from tidegate.counted import Counted
from tidegate.transport import CloseReason, Peers, accepting, text_frame
from tidegate.transport import Door as TransportDoor
from tidegate.transport import door as door_module
from tidegate.transport.accepting import Acceptor, listen
from tidegate.transport.after_close import MAX_BYTES
from tidegate.transport.guests import GUEST_S, LEAST_S, RESERVE, RESERVE_OF_ADDRESS
from tidegate.transport.open_connections import SLICES
from tidegate.transport.peers import Peer
from tidegate.transport.read_side import TURN
from tidegate.transport.state import CLOSING, OPEN

PROXY = ("127.0.0.1/32",)
"""Every client of these tests comes from there, so that it can say who it is."""
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n"
RATE_LIMITED = CloseReason(4102, "too much")


def named(address: str) -> str:
    return f"X-Forwarded-For: {address}"


@pytest.fixture(autouse=True)
def first_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test sees the first line of what is counted, whatever was counted before."""
    for module in (door_module, accepting):
        for name, value in list(vars(module).items()):
            if isinstance(value, Counted):
                monkeypatch.setattr(module, name, Counted(value._log, value._level, value._text, value._period))


async def status(door: Door, *lines: str, request: bytes | None = None) -> tuple[int, str]:
    """Status and head of the answer to a handshake, or to `request`."""
    async with door.tcp() as raw:
        raw.send(request or upgrade("/ws", *lines))
        head = await raw.head()
        return int(head.split(" ")[1]), head.lower()


@asynccontextmanager
async def silent(door: Door, count: int) -> AsyncIterator[list[Raw]]:
    """Connections that send nothing, and that the gateway has accepted or leaves waiting."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(door.tcp()) for _ in range(count)]


# -- places and the reserve -------------------------------------------------------------------------------------------


async def test_full_door_refuses_new_clients_answers_health_and_takes_clients_again() -> None:
    async with listening(limits=door_with(2)) as door:
        async with door.open() as one, door.open():
            assert (await status(door))[0] == 503
            assert (await status(door, request=b"GET /docs HTTP/1.1\r\nHost: g\r\n\r\n"))[0] == 503
            assert (await status(door, request=HEALTH))[0] == 200
            one.send(frame(TEXT, b"still served"))
            assert await one.frame() == Frame(TEXT, b"still served")
        await until(lambda: not len(door.listener.context.connections))
        assert (await status(door))[0] == 101


async def test_guest_that_sends_nothing_is_cut_off_after_a_second() -> None:
    clock = FakeClock()
    async with listening(now=clock, limits=door_with(0)) as door, door.tcp() as raw:
        await until(lambda: len(door.listener.context.connections) == 1)
        clock.now += GUEST_S - 0.1
        await asyncio.sleep(0.05)
        assert len(door.listener.context.connections) == 1
        clock.now += 0.2
        assert await raw.ended() == b""


async def test_health_is_answered_although_silent_clients_hold_every_place_and_the_whole_reserve() -> None:
    async with listening(limits=door_with(3)) as door, silent(door, 3 + RESERVE + 100):
        assert (await status(door, request=HEALTH))[0] == 200
        assert len(door.listener.context.connections) <= 3 + RESERVE


async def test_accepting_pauses_while_the_reserve_is_used_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    async with listening(now=clock, limits=door_with(0)) as door, silent(door, RESERVE + 20):
        await until(lambda: len(door.listener.context.connections) == RESERVE)
        await asyncio.sleep(2.5 * accepting.PAUSE_S)
        assert len(door.listener.context.connections) == RESERVE, "no connection is cut off before the least time"
        told = [record for record in caplog.records if "accepting pauses" in record.getMessage()]
        assert len(told) == 1
        clock.now += LEAST_S
        await until(lambda: len(door.listener.context.connections) == 20)


async def test_a_place_that_became_free_is_given_to_a_guest() -> None:
    async with listening(limits=door_with(1)) as door, door.open() as first, door.tcp() as guest:
        await until(lambda: len(door.listener.context.connections) == 2)
        first.writer.transport.abort()
        await until(lambda: len(door.listener.context.connections) == 1)
        guest.send(upgrade())
        assert (await guest.head()).startswith("HTTP/1.1 101 ")


async def test_without_files_accepting_waits_logs_once_and_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Exhausted(socket.socket):
        failures = 0
        good = False

        def accept(self) -> tuple[socket.socket, object]:
            if Exhausted.good:
                return super().accept()
            Exhausted.failures += 1
            raise OSError(errno.EMFILE, "Too many open files")

    async with listening() as door:
        server = door.listener._server
        for number, sock in enumerate(server._sockets):
            asyncio.get_running_loop().remove_reader(sock)
            server._sockets[number] = Exhausted(sock.family, sock.type, sock.proto, sock.detach())
        server._begin()
        async with door.tcp() as raw:
            await until(lambda: Exhausted.failures >= 3)
            assert [record.levelno for record in caplog.records] == [logging.ERROR]
            assert "Too many open files. Raise the limit of open files" in caplog.text
            assert "Traceback" not in caplog.text
            Exhausted.good = True
            raw.send(HEALTH)
            assert (await raw.head()).startswith("HTTP/1.1 200 ")


async def test_few_are_accepted_in_a_turn_and_all_in_the_end() -> None:
    accepted: list[int] = []
    turn = 0

    def protocol() -> asyncio.Protocol:
        accepted.append(turn)
        return asyncio.Protocol()

    sockets = await listen("127.0.0.1", 0)
    server = Acceptor(sockets, protocol, lambda _: True)
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    try:
        while len(accepted) < 200:
            turn += 1
            await asyncio.sleep(0)
    finally:
        server.close()
        for client in clients:
            client.close()
    assert max(accepted.count(each) for each in set(accepted)) <= accepting.IN_A_TURN


# -- anonymous clients that ask for nothing ---------------------------------------------------------------------------


async def nearly_full(*, idle_s: float, anonymous: bool = True) -> list[bool]:
    """Of 9 clients on 10 places: which are open after they asked for nothing for `idle_s`, the first one longest."""
    clock = FakeClock()
    async with (
        listening(now=clock, limits=door_with(10), sweep=1000.0, ping_interval=1e9) as door,
        AsyncExitStack() as all_,
    ):
        door.echo.anonymous = lambda connection: anonymous  # type: ignore[method-assign]  # the answer of the fake
        for _ in range(9):
            await all_.enter_async_context(door.open())
            clock.now += 0.1
        clock.now += idle_s
        for _ in range(SLICES):
            door.listener.context.door.sweep(clock.now, door.echo.anonymous)
        return [each.write_side.state is OPEN for each in door.echo.connections]


async def test_nearly_full_door_closes_idle_anonymous_clients_until_it_is_not() -> None:
    still = await nearly_full(idle_s=61)
    assert still.count(False) == 1


async def test_no_client_is_closed_that_asked_lately_or_signed_in() -> None:
    assert all(await nearly_full(idle_s=50))
    assert all(await nearly_full(idle_s=600, anonymous=False))


async def test_idle_anonymous_client_stays_while_there_is_room() -> None:
    clock = FakeClock()
    async with listening(now=clock, limits=door_with(10), sweep=1000.0, ping_interval=1e9) as door, door.open():
        clock.now += 100_000
        for _ in range(SLICES):
            door.listener.context.door.sweep(clock.now, door.echo.anonymous)
        assert door.echo.connections[0].write_side.state is OPEN


# -- addresses --------------------------------------------------------------------------------------------------------


async def test_connects_of_an_address_are_limited_and_those_of_others_are_not() -> None:
    clock = FakeClock()
    limits = door_with(connects=Rate(20, 5), trusted=PROXY)
    async with listening(now=clock, limits=limits) as door:
        assert [(await status(door, named("203.0.113.7")))[0] for _ in range(6)] == [*[101] * 5, 429]
        code, head = await status(door, named("203.0.113.7"))
        assert (code, "retry-after: 1" in head) == (429, True)
        assert (await status(door, named("203.0.113.8")))[0] == 101
        assert (await status(door, named("203.0.113.7"), request=HEALTH))[0] == 200
        clock.now += 0.06
        assert (await status(door, named("203.0.113.7")))[0] == 101


async def test_connections_of_an_address_are_limited_and_counted_down() -> None:
    limits = door_with(connections=2, trusted=PROXY)
    async with listening(limits=limits) as door:
        async with door.open(named("203.0.113.7")), door.open(named("::ffff:203.0.113.7")):
            assert (await status(door, named("203.0.113.7")))[0] == 429
            assert (await status(door, named("203.0.113.8")))[0] == 101
        await until(lambda: not len(door.listener.context.connections))
        assert (await status(door, named("203.0.113.7")))[0] == 101


async def test_addresses_of_one_ipv6_network_are_one() -> None:
    async with listening(limits=door_with(connections=1, trusted=PROXY)) as door, door.open(named("2001:db8:1:2::1")):
        assert (await status(door, named("[2001:db8:1:2:9::9]:443")))[0] == 429
        assert (await status(door, named("2001:db8:1:3::1")))[0] == 101


async def test_what_a_client_says_about_itself_is_not_believed() -> None:
    async with listening(limits=door_with(connections=1)) as door:
        for number in range(3):
            async with door.open(named(f"203.0.113.{number}")):
                assert door.echo.connections[-1].peer.address == "127.0.0.1"
        assert (await status(door, request=b"PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n" + upgrade()))[0] == 405


async def test_without_limits_an_address_may_do_all_of_it() -> None:
    async with listening(limits=door_with(trusted=PROXY)) as door, AsyncExitStack() as stack:
        for _ in range(20):
            await stack.enter_async_context(door.open(named("203.0.113.7")))


async def test_proxy_header_names_the_client_once() -> None:
    async with listening(limits=door_with(connections=1, trusted=PROXY)) as door, door.tcp() as raw:
        head = b"PROXY TCP4 203.0.113.7 10.0.0.1 50000 8787\r\n"
        await raw.send_apart(head[:9], head[9:] + upgrade("/ws", named("203.0.113.99")))
        assert (await raw.head()).startswith("HTTP/1.1 101 ")
        assert door.echo.connections[0].peer.address == "203.0.113.7", "it is no proxy: its header does not count"
        assert (await status(door, request=head + upgrade()))[0] == 429
        assert (await status(door, request=head + head + upgrade()))[0] == 405
        async with door.tcp() as broken:
            broken.send(b"PROXY TCP4 nonsense\r\n", upgrade())
            assert await broken.ended() == b""


async def test_log_says_once_that_limits_by_address_are_off(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with listening(limits=door_with()) as door:
        for _ in range(3):
            assert (await status(door))[0] == 101
    told = [record.getMessage() for record in caplog.records if "trusted_proxies" in record.getMessage()]
    assert len(told) == 1
    assert "127.0.0.1" in told[0]


async def test_guests_of_one_public_address_take_a_part_of_the_reserve_only() -> None:
    class Public(Peers):
        def direct(self, peername: object) -> Peer:
            return Peer("203.0.113.7", limited=True)

    async with listening(limits=TransportDoor(0, Public())) as door, silent(door, RESERVE_OF_ADDRESS + 20):
        await asyncio.sleep(0.05)
        assert 0 < len(door.listener.context.connections) <= RESERVE_OF_ADDRESS


# -- rates and turns --------------------------------------------------------------------------------------------------


KINDS = {
    "text": frame(TEXT),
    "binary": frame(BINARY),
    "ping": frame(PING),
    "fragment": frame(CONT, fin=False),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_frames_of_every_kind_count(kind: str) -> None:
    clock = FakeClock()
    limits = door_with(frames=Rate(100, 200))
    async with listening(now=clock, limits=limits, sweep=1000.0, rate_limited=RATE_LIMITED) as door, door.open() as raw:
        reading = asyncio.create_task(raw.ended())
        await until(lambda: bool(door.echo.connections))
        (connection,) = door.echo.connections
        raw.send(frame(TEXT, fin=False) if kind == "fragment" else b"", KINDS[kind] * 5000)
        for second in range(10):
            await until(lambda: bool(connection.write_side.paused_by & 2))
            assert connection.write_side.state is OPEN, second
            if second < 9:
                pass_time(door, clock, 1)
        pass_time(door, clock, 1)
        assert connection.write_side.state is CLOSING
        assert close_payload(4102, b"too much") in await until_closed(reading, raw)


async def until_closed(reading: asyncio.Task[bytes], raw: Raw) -> bytes:
    raw.send(frame(CLOSE, close_payload(4102)))
    return await reading


async def test_bytes_count() -> None:
    clock = FakeClock()
    limits = door_with(received=Rate(10_000, 40_000))
    async with listening(now=clock, limits=limits, sweep=1000.0) as door, door.open() as raw:
        raw.send(frame(TEXT, b"x" * 1000) * 200)
        await until(lambda: bool(door.echo.connections) and bool(door.echo.connections[0].write_side.paused_by & 2))
        assert len(door.echo.heard) < 150
        assert door.echo.connections[0].write_side.state is OPEN


async def test_nothing_is_limited_where_the_limits_are_off() -> None:
    async with listening(limits=door_with(frames=NONE, received=NONE)) as door, door.open() as raw:
        raw.send(frame(TEXT, b"x") * 20_000)
        await until(lambda: len(door.echo.heard) == 20_000)


async def test_many_connections_of_an_address_are_no_way_around_the_limit() -> None:
    clock = FakeClock()
    limits = door_with(address=TrafficRates(Rate(100, 200), NONE), trusted=PROXY)
    async with listening(now=clock, limits=limits, sweep=1000.0) as door, AsyncExitStack() as stack:
        for _ in range(5):
            raw = await stack.enter_async_context(door.open(named("203.0.113.7")))
            raw.send(frame(TEXT, b"x") * 300)
        other = await stack.enter_async_context(door.open(named("203.0.113.8")))
        other.send(frame(TEXT, b"other"))
        assert await other.frame() == Frame(TEXT, b"other")
        await until(lambda: sum(bool(each.write_side.paused_by & 2) for each in door.echo.connections) == 5)
        assert door.echo.heard.count(b"x") <= 200


async def test_full_resume_passes_the_default_rates() -> None:
    clock = FakeClock()
    async with listening(now=clock, limits=door_with(frames=Rate(100, 1000)), sweep=1000.0) as door, door.open() as raw:
        raw.send(frame(TEXT, b"x" * 100) * 250)
        await until(lambda: len(door.echo.heard) == 250)
        assert not door.echo.connections[0].write_side.paused_by


@pytest.mark.parametrize("kind", ["binary", "ping", "text"])
async def test_turn_is_limited_in_frames(kind: str) -> None:
    """While one client sends 5,000 frames at once, the loop turns many times, and another client is answered."""
    async with listening() as door, door.open() as loud, door.open() as quiet:
        await until(lambda: len(door.echo.connections) == 2)
        side, most = door.echo.connections[0].read_side, 0
        cut = side._cut

        loud.writer.transport.write(KINDS[kind] * 5000)
        counted = 0
        before = door.echo.binaries + len(door.echo.heard)
        quiet.send(frame(TEXT, b"quiet"))
        while b"quiet" not in door.echo.heard:
            await asyncio.sleep(0)
            now = door.echo.binaries + len(door.echo.heard)
            most = max(most, now - before)
            before = now
            counted += 1
        assert cut is not None
        assert most <= 2 * TURN + 1
        reading = asyncio.create_task(loud.ended())
        if kind != "ping":
            await until(lambda: door.echo.binaries + len(door.echo.heard) == 5001)
        loud.writer.transport.abort()
        await reading


async def test_client_that_goes_on_after_the_close_frame_is_cut_off() -> None:
    async with listening(close_timeout=1000.0) as door, door.open() as raw:
        await until(lambda: bool(door.echo.connections))
        (connection,) = door.echo.connections
        connection.close(4102, "bye")
        reading = asyncio.create_task(raw.ended())
        while not reading.done() and len(connection.read_side._buffer) <= MAX_BYTES:
            raw.send(frame(PING) * 5000)
            await asyncio.sleep(0.001)
        got = await reading
        assert got.count(b"\x8a\x00") <= 17
        assert door.echo.heard == []


async def test_push_reaches_a_client_that_is_paused_for_its_rate() -> None:
    clock = FakeClock()
    async with listening(now=clock, limits=door_with(frames=Rate(1, 1)), sweep=1000.0) as door, door.open() as raw:
        raw.send(frame(TEXT, b"x") * 3)
        assert await raw.frame() == Frame(TEXT, b"x")
        push(door.echo.connections[0], text_frame(b"news"))
        assert await raw.frame() == Frame(TEXT, b"news")
