"""TLS under the transport: WebSockets, HTTP, large frames, clients that read nothing, handshakes without end."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest

from tests.support.certificates import Authority
from tests.support.waiting import until
from tests.transport.http_requests import EchoApi, post, request, response
from tests.transport.raw import TEXT, Door, Frame, frame, listening, push, upgrade
from tests.transport.test_backpressure import not_reading, read_again
from tidegate.tls import Certificate
from tidegate.transport import accepting, text_frame
from tidegate.transport.context import UNCOUNTED_BYTES
from tidegate.transport.door import Door as TransportDoor


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@contextlib.asynccontextmanager
async def secured(authority: Authority, client_ca: bool = False, **given: object) -> AsyncIterator[Door]:
    cert, key = authority.sign("server")
    tls = Certificate(str(cert), str(key), str(authority.file) if client_ca else None).context
    async with listening(tls=tls, **given) as door:  # type: ignore[arg-type]  # fields by name
        door.trust = ssl.create_default_context(cafile=str(authority.file))
        yield door


async def test_frames_of_all_sizes_and_http_go_over_tls(authority: Authority) -> None:
    async with secured(authority, api=EchoApi(), max_size=1 << 20) as door:
        async with door.open() as raw:
            for size in (0, 1, 125, 126, 16_384, 65_535, 65_536, 300_000):
                raw.send(frame(TEXT, b"x" * size))
                assert await raw.frame() == Frame(TEXT, b"x" * size)
            raw.send(*(frame(TEXT, b"%d" % number) for number in range(500)))
            for number in range(500):
                assert await raw.frame() == Frame(TEXT, b"%d" % number)
        async with door.tcp() as raw:
            raw.send(post(b"x" * 50_000))
            answer = await response(raw)
            assert (answer.status, answer.body) == (200, b"x" * 50_000)
            raw.send(upgrade())
            assert (await raw.head()).startswith("HTTP/1.1 101 "), "the connection changes hands"
        async with door.tcp() as raw:
            raw.send(request("GET", "/healthz"))
            assert (await raw.head()).startswith("HTTP/1.1 200 ")


async def test_large_frame_waits_for_a_client_that_reads_nothing(authority: Authority) -> None:
    size = 8_000_000
    async with secured(authority, slow_rate=0) as door, not_reading(door) as (raw, slow):
        push(slow, text_frame(b"L" * size))
        await until(lambda: slow.write_side.unsent > 1_000_000)
        assert slow.write_side._transport.get_write_buffer_size() < 1_000_000
        read_again(raw)
        assert len((await raw.frame()).payload) == size
        await until(lambda: slow.write_side.unsent <= UNCOUNTED_BYTES)


async def test_client_that_begins_no_tls_takes_a_place_until_it_is_cut_off(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class Counting(TransportDoor):
        def has_room(self, coming: int = 0) -> bool:
            asked.append(coming)
            return super().has_room(coming)

    monkeypatch.setattr(accepting, "HANDSHAKE_S", 0.2)
    async with secured(authority, limits=Counting(10)) as door:
        silent = await asyncio.open_connection("127.0.0.1", door.listener.port)
        await until(lambda: 1 in asked and door.listener._server._coming == 1)
        assert await silent[0].read() == b"", "it is cut off"
        await until(lambda: door.listener._server._coming == 0)
        silent[1].close()
        plain = await asyncio.open_connection("127.0.0.1", door.listener.port)
        plain[1].write(request("GET", "/healthz"))
        with contextlib.suppress(ConnectionError):
            assert b"HTTP" not in await plain[0].read()
        plain[1].close()
        async with door.open():
            assert door.listener._server._coming == 0


async def test_client_without_a_certificate_is_refused_where_one_is_needed(authority: Authority) -> None:
    async with secured(authority, client_ca=True) as door:
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            async with door.tcp() as raw:
                raw.send(upgrade())
                await raw.head()
        assert door.trust is not None
        door.trust.load_cert_chain(*authority.sign("client"))
        async with door.open() as raw:
            raw.send(frame(TEXT, b"known"))
            assert await raw.frame() == Frame(TEXT, b"known")


async def test_new_certificate_is_for_new_connections_and_breaks_none(authority: Authority) -> None:
    cert, key = authority.sign("before", stem="live")
    certificate = Certificate(str(cert), str(key), None)
    async with listening(tls=certificate.context) as door:
        door.trust = ssl.create_default_context(cafile=str(authority.file))
        async with door.open() as old:
            authority.sign("after", stem="live")
            certificate.reload()
            async with door.open() as new:
                assert [_name(old.writer), _name(new.writer)] == ["before", "after"]
            old.send(frame(TEXT, b"still here"))
            assert await old.frame() == Frame(TEXT, b"still here")


def _name(writer: asyncio.StreamWriter) -> str:
    name: str = writer.get_extra_info("peercert")["subject"][0][0][1]
    return name
