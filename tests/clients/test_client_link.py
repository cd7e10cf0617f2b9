"""The reconnect loop against a scripted gateway on a real socket: identity, when to reconnect, and when to stop."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest
from websockets.asyncio.server import ServerConnection

from tests.clients.scripted import FakeClock, ScriptedGateway, begun
from tests.support.deadlines import DEADLINE_S
from tests.support.ports import free_port
from tests.support.waiting import until
from tidegate_client import (
    Client,
    ClientClosed,
    ConnectionLost,
    ConnectionRefused,
    RequestRefused,
    RequestTimeout,
    TidegateError,
    Unreachable,
    connect,
)


async def open_client(url: str, clock: FakeClock) -> Client:
    return await connect(url, wait=True, clock=clock, random=lambda: 0.5)


async def test_request_gets_its_own_reply(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        first, second = begun(client.request({"type": "ping"})), begun(client.request({"type": "ping"}))
        one, two = await peer.expect("ping"), await peer.expect("ping")
        await peer.reply(two, "pong", time=2, position={"epoch": "e", "seq": 2})
        await peer.reply(one, "pong", time=1, position={"epoch": "e", "seq": 1})
        assert (await first)["time"] == 1
        assert (await second)["time"] == 2
        assert client.user.id == "7"
        assert client.status == "open"
    assert await peer.is_closed() == 1000


async def test_error_becomes_an_exception_and_the_connection_lives(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asked = begun(client.resource("users").create({"name": 5}))
        request = await peer.expect("create")
        violation = {"pointer": "/data/name", "keyword": "type", "message": "not a string"}
        fields = {"code": "invalid_data", "message": "refused", "temporary": False, "pointer": "/data/name"}
        await peer.reply(request, "error", **fields, errors=[violation], new_property=1)
        with pytest.raises(RequestRefused) as caught:
            await asked
        error = caught.value
        assert (error.code, error.pointer, error.retryable) == ("invalid_data", "/data/name", False)
        assert error.errors[0].keyword == "type"
        assert str(error) == "invalid_data: refused (at /data/name)"
        again = begun(client.ping())
        await peer.reply(await peer.expect("ping"), "pong", time=7)
        assert await again == 7


async def test_an_address_without_a_gateway_is_unreachable() -> None:
    url = f"ws://127.0.0.1:{free_port()}/ws"
    with pytest.raises(Unreachable, match=r"nothing listens at .*is the gateway running") as caught:
        await connect(url)
    assert caught.value.retryable


async def test_not_a_gateway(scripted: ScriptedGateway) -> None:
    scripted.welcome = None
    with pytest.raises(Unreachable, match=r"sent no welcome within 1 s"):
        await connect(scripted.url, open_timeout=1.0)


async def test_another_protocol_version_is_final(scripted: ScriptedGateway) -> None:
    assert scripted.welcome is not None
    scripted.welcome["protocol"] = 2
    with pytest.raises(ConnectionRefused, match="speaks protocol 2"):
        await connect(scripted.url)


async def test_wait_keeps_trying_with_full_jitter(scripted: ScriptedGateway, clock: FakeClock) -> None:
    await scripted.stop()
    opening = begun(open_client(scripted.url, clock))
    for bound in (0.5, 1, 2, 4, 8, 16, 20, 20):
        await clock.pass_sleep(bound / 2)
    await scripted.start()
    await clock.pass_sleep(10)
    client = await opening
    assert client.status == "open"
    await client.close()


async def test_4000_range_stops_for_good(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asked = begun(client.ping())
        await peer.expect("ping")
        await peer.close(4003, "banned")
        with pytest.raises(ConnectionRefused, match="banned") as caught:
            await asked
        assert caught.value.close_code == 4003
        assert not caught.value.retryable
        assert client.status == "closed"
        with pytest.raises(ConnectionRefused):
            await client.join("chat-1")
        with pytest.raises(ConnectionRefused):
            await client.subscribe("users")


async def test_4100_range_backs_off(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock, random=lambda: 0.5) as client:
        statuses = client.statuses()
        for delay in (0.25, 0.5, 1.0):
            peer = await scripted.accept()
            await peer.close(4100)
            assert await anext(statuses) == "reconnecting"
            await clock.pass_sleep(delay)
            assert await anext(statuses) == "open"
        peer = await scripted.accept()
        clock.advance(5.0)  # a connection that lived for 5 s resets the count
        await peer.close(4100)
        await clock.pass_sleep(0.25)
        await scripted.accept()


async def test_4200_range_comes_back_at_once_but_not_in_a_loop(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock, random=lambda: 0.5):
        peer = await scripted.accept()
        await peer.close(4201)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        await peer.close(4201)
        await clock.pass_sleep(0.5)
        await scripted.accept()


async def test_goodbye_names_the_delay(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock, random=lambda: 0.5):
        peer = await scripted.accept()
        await peer.send("goodbye", code=4200, reason="drain", retry_after=3.25)
        await peer.close(4200)
        await clock.pass_sleep(3.25)
        await scripted.accept()


async def test_each_connection_sends_a_fresh_token_in_the_header(scripted: ScriptedGateway, clock: FakeClock) -> None:
    tokens = iter(["one", "two"])

    async def token() -> str:
        return next(tokens)

    async with connect(scripted.url, token=token, clock=clock):
        peer = await scripted.accept()
        assert peer.authorization == "Bearer one"
        await peer.close(4202, "token refresh")
        await clock.pass_sleep(0.0)
        assert (await scripted.accept()).authorization == "Bearer two"


async def test_identity_is_given_back(scripted: ScriptedGateway, clock: FakeClock) -> None:
    scripted.call_it("anon-1", identity="identity-1")
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        scripted.call_it("anon-2", identity="identity-2")
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        request = await peer.expect("authenticate")
        assert request["token"] == "identity-1"
        waiting = begun(client.ping())
        await peer.reply(request, "authenticated", user={"id": "anon-1", "anonymous": True}, expires_at=1)
        await peer.reply(await peer.expect("ping"), "pong", time=1)
        await waiting
        assert client.user.id == "anon-1"


async def test_an_expired_identity_is_let_go(scripted: ScriptedGateway, clock: FakeClock) -> None:
    scripted.call_it("anon-1", identity="identity-1")
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        scripted.call_it("anon-2", identity="identity-2")
        statuses = client.statuses()
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        request = await peer.expect("authenticate")
        await peer.reply(request, "error", code="unauthenticated", message="expired", temporary=False)
        assert [await anext(statuses), await anext(statuses)] == ["reconnecting", "open"]
        assert client.user.id == "anon-2"


async def test_mutation_is_sent_again_under_its_key(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        asked = begun(client.request({"type": "create", "resource": "users", "data": {"name": "Ann"}}))
        first = await peer.expect("create")
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        second = await peer.expect("create")
        assert second == first
        assert first["key"]
        await peer.reply(second, "rows", rows=[{"id": 1, "name": "Ann"}])
        assert (await asked)["rows"] == [{"id": 1, "name": "Ann"}]


async def test_unsafe_request_is_not_sent_again(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asked = begun(client.request({"type": "launch_rocket"}))
        await peer.expect("launch_rocket")
        await peer.close(4100)
        with pytest.raises(ConnectionLost) as caught:
            await asked
        assert caught.value.retryable


async def test_request_made_offline_waits_for_the_connection(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock, random=lambda: 0.5) as client:
        peer = await scripted.accept()
        await peer.close(4100)
        await clock.until_sleeping(0.25)
        asked = begun(client.request({"type": "launch_rocket"}))  # never sent yet, so it may wait although unsafe
        await clock.pass_sleep(0.25)
        peer = await scripted.accept()
        await peer.reply(await peer.expect("launch_rocket"), "launched")
        assert (await asked)["type"] == "launched"


async def test_timeout_and_late_reply(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, request_timeout=0.05, clock=clock) as client:
        peer = await scripted.accept()
        with pytest.raises(RequestTimeout):
            await client.ping()
        client._link.requests._options = replace(client._link.requests._options, request_timeout=DEADLINE_S)
        await peer.reply(await peer.expect("ping"), "pong", time=1)
        asked = begun(client.ping())
        await peer.reply(await peer.expect("ping"), "pong", time=2)
        assert await asked == 2


async def test_too_many_waiting_requests_are_refused(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, max_waiting=1) as client:
        asked = begun(client.ping())
        await asyncio.sleep(0)
        with pytest.raises(TidegateError) as caught:
            await client.ping()
        assert caught.value.code == "too_many_waiting"
        asked.cancel()


async def test_close_ends_what_waits(scripted: ScriptedGateway) -> None:
    client = await connect(scripted.url)
    peer = await scripted.accept()
    asked = begun(client.ping())
    await peer.expect("ping")
    await client.close()
    with pytest.raises(ClientClosed):
        await asked
    with pytest.raises(ClientClosed):
        await client.ping()
    await client.close()


async def test_unknown_types_reach_only_the_listeners_of_their_type(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        scores = client.pushes("score")
        await peer.socket.send("not json")
        await peer.socket.send("[1]")
        await peer.send("of_the_future", x=1)
        await peer.send("score", home=1)
        assert await anext(scores) == {"type": "score", "home": 1}


async def test_closed_before_the_welcome(scripted: ScriptedGateway) -> None:
    async def refuse(connection: ServerConnection) -> None:
        await connection.close(4001, "who are you")

    scripted.greeting = refuse
    with pytest.raises(ConnectionRefused, match="who are you") as caught:
        await connect(scripted.url)
    assert caught.value.close_code == 4001


@pytest.mark.parametrize(
    ("status", "error"), [(401, ConnectionRefused), (403, ConnectionRefused), (404, Unreachable), (503, Unreachable)]
)
async def test_http_refusal(scripted: ScriptedGateway, status: int, error: type[TidegateError]) -> None:
    scripted.http_status = status
    with pytest.raises(error, match=f"answered HTTP {status}: go away"):
        await connect(scripted.url)


async def test_retry_after_of_http_is_respected(scripted: ScriptedGateway, clock: FakeClock) -> None:
    scripted.http_status = 503
    opening = begun(open_client(scripted.url, clock))
    await clock.until_sleeping(7)
    scripted.http_status = None
    clock.advance(7)
    await (await opening).close()


async def test_an_address_that_stays_wrong_is_told_once_as_a_warning(
    scripted: ScriptedGateway, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    scripted.http_status = 404
    with caplog.at_level(logging.INFO, "tidegate_client"):
        opening = begun(open_client(scripted.url, clock))
        for _ in range(4):
            await clock.pass_sleep(7.0)
        await clock.until_sleeping(7.0)
    levels = [record.levelno for record in caplog.records if "next attempt" in record.getMessage()]
    assert levels == [logging.INFO, logging.INFO, logging.WARNING, logging.INFO, logging.INFO]
    (warned,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert "answered HTTP 404: go away; next attempt in 7.00 s" in warned
    opening.cancel()


async def test_a_message_over_the_limit_never_leaves(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        with pytest.raises(TidegateError) as caught:
            await client.request({"type": "message", "room": "chat-1", "data": {"text": "x" * 70_000}})
        assert caught.value.code == "too_large"


async def test_after_goodbye_requests_wait_for_the_next_connection(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        asked = begun(client.ping())
        under_way = await peer.expect("ping")
        await peer.send("goodbye", code=4201, reason="restart")
        await clock.until_sleeping(15.0)
        launching = begun(client.request({"type": "launch_rocket"}))
        await peer.reply(under_way, "pong", time=1)
        assert await asked == 1, "what was asked before is still answered"
        await peer.close(4201)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        await peer.reply(await peer.expect("launch_rocket"), "launched")
        await launching


async def test_after_goodbye_before_the_rooms_are_open_requests_wait_for_the_next_connection(
    scripted: ScriptedGateway, clock: FakeClock
) -> None:
    async with connect(scripted.url, clock=clock, random=lambda: 0.0) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        await joining
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        client.send({"type": "message", "room": "chat-1", "data": {"text": "Hello"}})
        peer = await scripted.accept()
        request = await peer.expect("join")
        await peer.send("goodbye", code=4201, reason="restart")
        answer = {"position": {"epoch": "r", "offset": 0}, "recovered": True, "replayed": 0}
        await peer.reply(request, "joined", room="chat-1", **answer)
        await until(lambda: client.status == "open")
        await peer.close(4201)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        await peer.join("chat-1")
        assert (await peer.expect("message"))["data"] == {"text": "Hello"}


async def test_goodbye_without_a_close_ends_the_connection_too(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock):
        peer = await scripted.accept()
        await peer.send("goodbye", code=4201, reason="restart", retry_after=2)
        await clock.pass_sleep(15.0)
        assert await peer.is_closed() == 1006
        await clock.pass_sleep(2.0)
        await scripted.accept()


async def test_final_goodbye_ends_the_client_even_if_the_connection_breaks(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        statuses = client.statuses()
        await peer.send("goodbye", code=4003, reason="banned")
        await asyncio.sleep(0)
        peer.socket.transport.abort()
        assert await anext(statuses) == "closed"
        with pytest.raises(ConnectionRefused, match="banned"):
            await client.ping()


async def test_a_token_function_that_fails_is_asked_again(scripted: ScriptedGateway, clock: FakeClock) -> None:
    answers = ["one", None, "two"]

    def token() -> str:
        answer = answers.pop(0)
        if answer is None:
            raise OSError("the login service is down")
        return answer

    async with connect(scripted.url, token=token, clock=clock, random=lambda: 0.5):
        peer = await scripted.accept()
        await peer.close(4202)
        await clock.pass_sleep(0.0)
        await clock.pass_sleep(0.5)
        assert (await scripted.accept()).authorization == "Bearer two"

    def never() -> str:
        raise OSError("the login service is down")

    with pytest.raises(Unreachable, match=r"token function failed.*the login service is down"):
        await connect(scripted.url, token=never)


@pytest.mark.parametrize("url", ["http://127.0.0.1/ws", "nonsense", "ws://"])
async def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConnectionRefused):
        await connect(url, wait=True)


async def test_tls_to_a_gateway_without_tls_names_tls_in_the_error(scripted: ScriptedGateway) -> None:
    with pytest.raises(Unreachable, match=r"hung up .*does it speak wss\?|TLS with wss://.* failed"):
        await connect(scripted.url.replace("ws://", "wss://"))


async def test_nothing_is_left_running(scripted: ScriptedGateway) -> None:
    before = asyncio.all_tasks()
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        joining, asking = begun(client.join("chat-1")), begun(client.subscribe("users"))
        await peer.join("chat-1")
        await peer.subscribe("s1", "snapshot", 1)
        await joining
        await asking
        assert asyncio.all_tasks() > before
    await peer.is_closed()
    await scripted.stop()
    left = {task for task in asyncio.all_tasks() - before if "tidegate_client" in repr(task.get_stack())}
    assert left == set()


async def test_a_cancelled_attempt_drops_the_connection(scripted: ScriptedGateway) -> None:
    scripted.welcome = None
    opening = begun(open_client(scripted.url, FakeClock()))
    peer = await scripted.accept()
    opening.cancel()
    assert await peer.is_closed() == 1006
    with pytest.raises(asyncio.CancelledError):
        await opening


async def test_an_unreadable_identity_reply_ends_the_connection(scripted: ScriptedGateway, clock: FakeClock) -> None:
    scripted.call_it("anon-1", identity="identity-1")
    async with connect(scripted.url, clock=clock, random=lambda: 0.5) as client:
        await (await scripted.accept()).close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        await peer.reply(await peer.expect("authenticate"), "authenticated", user={"nick": "x"})
        assert await peer.is_closed() == 1006
        assert client.status == "reconnecting"
        await clock.pass_sleep(0.5)
        await scripted.accept()


async def test_a_defect_of_the_client_fails_everything_that_waits(scripted: ScriptedGateway) -> None:
    def chance() -> float:
        raise ZeroDivisionError("no chance")

    async with connect(scripted.url, random=chance) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room, asked = await joining, begun(client.ping())
        await peer.expect("ping")
        await peer.close(4100)
        for waiting in (asked, anext(room), client.ping()):
            with pytest.raises(TidegateError, match="no chance") as caught:
                await waiting
            assert caught.value.code == "internal"
