"""Connections that speak HTTP: requests in order, deadlines, sizes, floods, and what becomes of idle ones."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from tests.support.waiting import until
from tests.transport.http_requests import EchoApi, chunked, post, request, response, statuses
from tests.transport.raw import PATIENCE, TEXT, Frame, frame, listening, upgrade
from tidegate.transport import Response
from tidegate.transport.http_connection import HttpConnection
from tidegate.transport.incoming import AHEAD_BYTES, MAX_HEAD

MANY = 300
"""Connections that are idle."""


async def test_requests_of_one_connection_are_answered_one_after_the_other() -> None:
    async with listening(api=EchoApi()) as door, door.tcp() as raw:
        for body in (b"one", b"", b"three"):
            raw.send(post(body))
            answer = await response(raw)
            assert (answer.status, answer.body) == (200, body)
            assert "connection" not in answer.headers
            assert (answer.headers["x-content-type-options"], answer.headers["vary"]) == ("nosniff", "Origin")
        assert len(door.listener.context.connections) == 1


async def test_pipelined_requests_are_answered_in_their_order_and_handled_one_at_a_time() -> None:
    api = EchoApi(later=True)
    async with listening(api=api) as door, door.tcp() as raw:
        raw.send(b"".join(post(b"%d" % number) for number in range(20)))
        for number in range(20):
            await until(lambda: api.waiting)
            assert len(api.waiting) == 1, "the next request waits for the answer to this one"
            api.answer()
            assert (await response(raw)).body == b"%d" % number


async def test_request_may_arrive_byte_by_byte() -> None:
    async with listening(api=EchoApi()) as door, door.tcp() as raw:
        for sent in (post(b"abc"), chunked(b"a", b"bc")):
            await raw.send_apart(*(bytes((byte,)) for byte in sent))
            assert (await response(raw)).body == b"abc"


@pytest.mark.parametrize("chunks", [(), (b"abc",), (b"a" * 255, b"b" * 4096, b"c")], ids=["none", "one", "several"])
async def test_body_in_chunks_is_put_together(chunks: tuple[bytes, ...]) -> None:
    async with listening(api=EchoApi()) as door, door.tcp() as raw:
        raw.send(chunked(*chunks), post(b"behind"))
        assert (await response(raw)).body == b"".join(chunks)
        assert (await response(raw)).body == b"behind"


async def test_client_that_expects_100_continue_is_told_to_go_on_unless_it_is_refused() -> None:
    async with listening(api=EchoApi(), max_size=1000) as door:
        async with door.tcp() as raw:
            raw.send(request("POST", "/api/echo", "Expect: 100-continue", "Content-Length: 3"))
            assert (await response(raw)).status == 100
            raw.send(b"abc")
            assert (await response(raw)).body == b"abc"
            raw.send(request("POST", "/api/echo", "Expect: 100-continue", body=b"here already"))
            assert (await response(raw)).body == b"here already"
        for refused, size, status in (("/api/nothing", 3, 404), ("/api/echo", 1001, 413)):
            async with door.tcp() as raw:
                raw.send(request("POST", refused, "Expect: 100-continue", f"Content-Length: {size}"))
                assert statuses(await raw.ended()) == [status]


async def test_body_above_the_limit_is_413_before_it_is_read() -> None:
    api = EchoApi()
    async with listening(api=api, max_size=1000) as door:
        for sent in (
            request("POST", "/api/echo", "Content-Length: 1001"),
            request("POST", "/api/echo", "Content-Length: 18446744073709551615"),
            request("POST", "/api/echo", "Transfer-Encoding: chunked") + b"3e9\r\n",
            request("POST", "/api/echo", "Transfer-Encoding: chunked") + b"3e7\r\n" + b"a" * 999 + b"\r\n2\r\n",
            request("POST", "/api/echo", "Transfer-Encoding: chunked") + b"ffffffff\r\n",
        ):
            async with door.tcp() as raw:
                raw.send(sent)
                assert statuses(await raw.ended()) == [413], sent[-40:]
        async with door.tcp() as raw:
            raw.send(post(b"a" * 1000), chunked(b"a" * 1000))
            assert [len((await response(raw)).body) for _ in range(2)] == [1000, 1000]
    assert [len(body) for body in api.bodies] == [1000, 1000]


async def test_client_that_sends_a_large_body_still_reads_why_it_is_refused() -> None:
    async with listening(api=EchoApi(), max_size=1000) as door, door.tcp() as raw:
        raw.send(request("POST", "/api/echo", "Content-Length: 600000") + b"a" * 600_000)
        assert statuses(await raw.ended()) == [413]


async def test_client_that_sends_on_after_a_refusal_is_cut_off() -> None:
    async with listening(api=EchoApi(), max_size=1000, close_timeout=60.0) as door, door.tcp() as raw:
        raw.send(request("POST", "/api/echo", "Content-Length: 99999999"))
        await until(lambda: not raw.writer.is_closing())
        for _ in range(40):
            raw.send(b"a" * 100_000)
        await until(lambda: not len(door.listener.context.connections))


async def test_refused_request_whose_body_is_here_leaves_the_connection_open() -> None:
    async with listening(api=EchoApi()) as door, door.tcp() as raw:
        raw.send(post(b"abc", path="/api/nothing"), post(b"next"))
        assert (await response(raw)).status == 404
        assert (await response(raw)).body == b"next"


async def test_refused_request_with_a_body_in_chunks_ends_the_connection() -> None:
    api = EchoApi()
    async with listening(api=api) as door, door.tcp() as raw:
        raw.send(chunked(b"abc", path="/api/nothing"), post(b"next"))
        assert statuses(await raw.ended()) == [404]
    assert api.bodies == []


@pytest.mark.parametrize(
    "begun",
    [
        request("POST", "/api/echo", "Content-Length: 5") + b"ab",
        request("POST", "/api/echo", "Transfer-Encoding: chunked") + b"5\r\nab",
        post(b"whole") + b"POST /api/echo HT",
    ],
    ids=["body", "chunk", "second head"],
)
async def test_request_that_is_not_finished_in_time_is_408_even_while_bytes_arrive(begun: bytes) -> None:
    async with listening(api=EchoApi(), message_timeout=0.1) as door, door.tcp() as raw:
        raw.send(begun)
        before = [200] if begun.startswith(post(b"whole")) else []
        assert statuses(await raw.ended()) == [*before, 408]


async def test_first_head_that_is_not_finished_in_time_is_cut_off() -> None:
    async with listening(api=EchoApi(), handshake_timeout=0.1) as door, door.tcp() as raw:
        raw.send(b"POST /api/echo HTTP/1.1\r\nHost: a")
        assert await raw.ended() == b""


async def test_head_that_is_too_large_is_431() -> None:
    large = request("POST", "/api/echo", "X: " + "a" * MAX_HEAD)
    async with listening(api=EchoApi()) as door:
        for before in (b"", post(b"good")):
            async with door.tcp() as raw:
                raw.send(before + large)
                assert statuses(await raw.ended())[-1] == 431


async def test_idle_connection_is_closed_after_its_time_and_one_that_waits_for_an_answer_is_not() -> None:
    api = EchoApi(later=True)
    async with listening(api=api, http_idle=0.1) as door, door.tcp() as idle, door.tcp() as waiting:
        idle.send(post(b"first"))
        await until(lambda: api.waiting)
        waiting.send(post(b"second"))
        await until(lambda: len(api.waiting) == 2)
        api.answer()
        assert (await response(idle)).body == b"first"
        assert await idle.ended() == b""
        api.answer()
        assert (await response(waiting)).body == b"second"


@pytest.mark.parametrize("half_closed", [False, True])
async def test_client_that_does_not_read_the_little_that_waits_is_cut_off(half_closed: bool) -> None:
    """A connection that is closed waits until all is sent, and the client may never read."""
    loop = asyncio.get_running_loop()
    async with listening(api=EchoApi(), http_idle=0.2, slow_window=0.3) as door:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", door.listener.port))
            await loop.sock_sendall(client, post(b"x"))
            await until(lambda: door.listener.context.counts.responses[200])
            (connection,) = door.listener.context.connections
            assert isinstance(connection, HttpConnection)
            output = connection._output
            output.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            sent = 1

            def answered() -> bool:
                return door.listener.context.counts.responses[200] == sent

            while not output.unsent:
                await loop.sock_sendall(client, post(b"y" * 3000))
                sent += 1
                await until(answered)
            assert not output.paused
            if half_closed:
                client.shutdown(socket.SHUT_WR)
            await until(lambda: not len(door.listener.context.connections))


async def test_handler_learns_of_a_client_that_is_gone_and_its_answer_is_dropped() -> None:
    api = EchoApi(later=True)
    async with listening(api=api) as door:
        async with door.tcp() as raw:
            raw.send(post(b"x"))
            await until(lambda: api.waiting)
        await until(lambda: api.lost)
        api.answer()
        assert not len(door.listener.context.connections)


async def test_handler_that_fails_costs_its_request_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with listening(api=EchoApi()) as door, door.tcp() as raw:
        raw.send(post(path="/api/broken"), post(b"next"))
        assert (await response(raw)).status == 500
        assert (await response(raw)).body == b"next"
    assert [record.levelno for record in caplog.records if record.name == "tidegate.door"] == [logging.ERROR]


async def test_head_is_answered_without_a_body_and_http_1_0_ends_the_connection() -> None:
    async with listening(api=EchoApi()) as door:
        async with door.tcp() as raw:
            raw.send(request("HEAD", "/api/echo"), post(b"next"))
            assert (await response(raw, head=True)).headers["content-length"] == "0"
            assert (await response(raw)).body == b"next"
        for sent in (
            post(b"x").replace(b"HTTP/1.1", b"HTTP/1.0"),
            post(b"x", "Connection: close"),
            post(b"x", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
        ):
            async with door.tcp() as raw:
                raw.send(sent + post(b"not read"))
                ended = await raw.ended()
                assert (statuses(ended), b"Connection: close" in ended) == ([200], True)


async def test_connection_that_spoke_http_may_become_a_websocket_and_answers_fixed_pages() -> None:
    """A proxy takes an idle connection for whatever request is the next one."""
    async with listening(api=EchoApi()) as door:
        async with door.tcp() as raw:
            raw.send(post(b"first"))
            assert (await response(raw)).body == b"first"
            raw.send(upgrade() + frame(TEXT, b"hello"))
            assert (await raw.head()).startswith("HTTP/1.1 101 ")
            assert await raw.frame() == Frame(TEXT, b"hello")
            assert len(door.listener.context.connections) == 1
        await until(lambda: door.echo.ended)
        async with door.tcp() as raw:
            raw.send(post(b"first"), request("GET", "/healthz"))
            assert statuses(await raw.ended()) == [200, 200]
        await until(lambda: not len(door.listener.context.connections))


async def test_other_methods_are_for_the_api_and_fixed_pages_stay() -> None:
    async with listening(api=EchoApi()) as door:
        async with door.tcp() as raw:
            raw.send(request("DELETE", "/healthz"))
            assert (await response(raw)).status == 200  # the handler of requests decides what it says
        async with door.tcp() as raw:
            raw.send(request("GET", "/healthz"))
            assert b"ok\n" in await raw.ended()


async def test_flood_of_pipelined_requests_is_not_held_in_memory_and_leaves_others_their_turns() -> None:
    api = EchoApi(later=True)
    async with listening(api=api) as door, door.tcp() as flood, door.tcp() as other:
        flood.send(post(b"x") * 100_000)
        await until(lambda: api.waiting)
        connection = next(each for each in door.listener.context.connections if isinstance(each, HttpConnection))
        await until(lambda: flood.writer.transport.get_write_buffer_size() > 0)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(connection._incoming) <= 3 * AHEAD_BYTES
        api.later = False
        api.answer()
        await response(flood)
        other.send(post(b"other"))
        done = len(api.bodies)
        assert (await response(other)).body == b"other"
        assert len(api.bodies) - done < 1000


async def test_thousands_of_idle_connections_have_no_task_and_no_websocket_each() -> None:
    async with listening(api=EchoApi()) as door:
        lines = [await asyncio.open_connection("127.0.0.1", door.listener.port) for _ in range(MANY)]
        tasks = len(asyncio.all_tasks())
        for reader, writer in lines:
            writer.write(post(b"x"))
            async with asyncio.timeout(PATIENCE):
                await reader.readuntil(b"\r\n\r\nx")
        assert len(asyncio.all_tasks()) <= tasks
        assert len(door.listener.context.connections) == MANY
        for _, writer in lines:
            writer.transport.abort()
        await until(lambda: not len(door.listener.context.connections))


async def test_response_in_parts_is_chunked_and_waits_for_a_client_that_does_not_read() -> None:
    api = EchoApi(later=True)
    async with listening(api=api) as door, door.tcp() as raw:
        raw.send(post(b"x"), post(b"next"))
        await until(lambda: api.waiting)
        exchange, _ = api.waiting.pop(0)
        exchange.begin(Response(200, {"Content-Type": "application/jsonl"}))
        part = b"a" * 100_000
        for _ in range(100):
            exchange.send(part)
        waiting = asyncio.create_task(exchange.drained())
        await asyncio.sleep(0)
        assert exchange.unsent > 0
        assert not waiting.done()
        answer = asyncio.create_task(response(raw))
        await waiting
        exchange.end()
        assert (await answer).body == part * 100
        await until(lambda: api.waiting)
        api.answer()
        assert (await response(raw)).body == b"next"


async def test_client_that_does_not_read_its_responses_is_cut_off() -> None:
    large = Response(200, {}, bytes(8_000_000))
    api = EchoApi(later=True)
    async with listening(api=api, slow_window=0.1) as door, door.tcp() as raw:
        raw.send(post(b"x"))
        await until(lambda: api.waiting)
        api.waiting.pop()[0].respond(large)
        await until(lambda: not len(door.listener.context.connections))


async def test_stop_lets_requests_under_way_be_answered_and_ends_idle_connections() -> None:
    api = EchoApi(later=True)
    async with listening(api=api) as door, door.tcp() as idle, door.tcp() as busy:
        busy.send(post(b"x"), post(b"not handled"))
        await until(lambda: api.waiting)
        idle.send(post(b"y"))
        await until(lambda: len(api.waiting) == 2)
        api.waiting.pop()[0].respond(Response(200, {}, b"y"))
        await response(idle)
        stopping = asyncio.create_task(door.listener.stop(PATIENCE, (1001, "the gateway ends")))  # type: ignore[arg-type]
        assert await idle.ended() == b""
        api.answer()
        ended = await busy.ended()
        assert (statuses(ended), b"Connection: close" in ended) == ([200], True)
        await stopping
    assert api.bodies == [b"x", b"y"]
