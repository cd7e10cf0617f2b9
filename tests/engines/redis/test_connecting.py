"""Starts and logins: passwords, rights, TLS, Sentinel, applications that are not this one, servers that are away."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.engines.redis.conftest import Servers
from tests.engines.redis.under_test import RedisUnderTest
from tests.engines.suite.heard import Heard
from tests.engines.suite.under_test import LONG, Gateway, House
from tests.support.ports import free_port
from tests.support.redis import RedisServer, running
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.engines.redis import engine, start
from tidegate.engines.setup import EngineError

pytestmark = pytest.mark.process

RIGHTS = (
    "resetchannels ~app:* &app:* +hello +auth +select +ping +info +get +set +subscribe +unsubscribe +publish +evalsha "
    "+script|load +time +hmget +hset +hincrby +hexists +hlen +hdel +hkeys +hgetall +del +pexpire +xadd +xrange "
    "+xrevrange +zscore +zadd +zrange +zrem +sadd +srem +scard +srandmember +client|setname"
)
"""What docs/how-to/redis.md says that the user of an application needs."""


@contextlib.asynccontextmanager
async def gateway(under: RedisUnderTest, url: str, *rooms: str) -> AsyncIterator[Gateway]:
    heard = Heard("gateway", under.clock)
    engine = await start(under.setup(url, rooms))
    engine.listen(heard)
    try:
        yield Gateway(engine, heard, under)
    finally:
        await engine.aclose()


async def works(one: Gateway) -> None:
    """Everything that an engine asks of its server, once."""
    await one.open("long-1", LONG)
    await one.publish("a", "long-1", LONG, key="k")
    await one.publish("a", "long-1", LONG, key="k")
    await until(lambda: one.heard.data("long-1") == ["a"])
    assert len((await one.page(room="long-1", rules=LONG)).texts) == 1
    assert await one.present("u", room="long-1") == "occupied"
    assert await one.absent("u", room="long-1") == "vacated"
    one.engine.tell(None, "kind", "text")
    one.engine.user("u", b"{}")
    await until(lambda: one.heard.told_kinds and one.heard.users)
    await one.engine.forget("long-1")
    one.close("long-1")


async def test_a_password_and_a_user_with_the_documented_rights(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    rights = RIGHTS.split()
    if server.kind == "redis":  # 6.2 knows no right for a part of a command but for some
        rights = [right.replace("+client|setname", "+client").replace("+script|load", "+script") for right in rights]
    server.command("ACL", "SETUSER", "shop", "reset", "on", ">SECRET", *rights)
    under = RedisUnderTest(server, "app")
    try:
        async with gateway(under, f"redis://shop:SECRET@127.0.0.1:{server.port}") as one:
            await works(one)
        assert "NOPERM" not in caplog.text
        assert not [record for record in caplog.records if record.levelname == "ERROR"], caplog.text
        with pytest.raises(EngineError, match="password in the URL is wrong") as wrong:
            await start(under.setup(f"redis://shop:SECRETx@127.0.0.1:{server.port}"))
        assert "SECRET" not in str(wrong.value)
        for right in ("xadd", "zadd", "hkeys", "publish"):  # only scripts need them
            server.command("ACL", "SETUSER", "shop", f"-{right}")
            with pytest.raises(EngineError, match=rf"lacks a right \({right}\)"):
                await start(under.setup(f"redis://shop:SECRET@127.0.0.1:{server.port}"))
            server.command("ACL", "SETUSER", "shop", f"+{right}")
        server.command("ACL", "SETUSER", "shop", "resetchannels")
        with pytest.raises(EngineError, match="lacks a right"):
            await start(under.setup(f"redis://shop:SECRET@127.0.0.1:{server.port}"))
    finally:
        server.command("ACL", "DELUSER", "shop")
    assert "SECRET" not in caplog.text


async def test_a_server_that_asks_for_a_password_says_so() -> None:
    with running("valkey", "--requirepass", "SECRET") as server:
        under = RedisUnderTest(server, "app")
        with pytest.raises(EngineError, match="asks for a password"):
            await start(under.setup(server.url))
        async with gateway(under, f"redis://:SECRET@127.0.0.1:{server.port}/2") as one:
            await works(one)


async def test_gateways_of_another_database_of_the_server_are_not_heard(server: RedisServer) -> None:
    """A server keeps keys by database, but every connection hears every channel."""
    under = RedisUnderTest(server)
    async with gateway(under, f"{server.url}/0") as here, gateway(under, f"{server.url}/1") as there:
        for one in (here, there):
            await one.open("long-1", LONG)
        for one in (there, here):
            name = "here" if one is here else "there"
            await one.present(name, room="long-1")
            await one.publish(name, "long-1", LONG)
            one.engine.tell(None, name, "text")
            one.engine.user(name, b"{}")
        await until(lambda: here.heard.users and there.heard.users)
        assert (here.heard.data("long-1"), there.heard.data("long-1")) == (["here"], ["there"])
        assert (here.heard.told_kinds, there.heard.told_kinds) == ([("here", "text")], [("there", "text")])
        assert (here.heard.users, there.heard.users) == ([("here", b"{}")], [("there", b"{}")])
        assert here.heard.present("long-1") == there.heard.present("long-1") == {}


async def test_another_application_under_the_prefix_is_refused(server: RedisServer) -> None:
    under = RedisUnderTest(server)
    async with gateway(under, server.url, "chat-*", "game-*"):
        with pytest.raises(EngineError, match=r"another application, .*; give this application a prefix"):
            await start(under.setup(server.url, ("orders-*",)))
        async with gateway(under, server.url, "chat-*", "new-*") as next_version:
            await works(next_version)


async def test_a_gateway_starts_without_its_server_and_serves_when_it_is_there(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "START_S", 0.05)
    under = RedisUnderTest(server)
    link = server.folder / "later"
    async with gateway(under, f"unix://{link}") as one:
        with pytest.raises(Refused) as refused:
            await one.open("long-1", LONG)
        assert refused.value.code == "unavailable"
        await until(lambda: not one.engine.healthy)
        link.symlink_to(server.socket)
        await until(lambda: one.engine.healthy)
        await works(one)
    link.unlink()


async def test_a_cluster_and_a_sentinel_are_no_server_of_rooms() -> None:
    # By itself the server would take its own port + 10,000 for the bus, which a connection of any program may have.
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with running("valkey", *options) as cluster, pytest.raises(EngineError, match="which is not supported"):
        await start(RedisUnderTest(cluster).setup(cluster.url))
    with running("redis", mode="sentinel") as sentinel, pytest.raises(EngineError, match=r"write redis\+sentinel"):
        await start(RedisUnderTest(sentinel).setup(sentinel.url))


async def test_a_server_that_takes_no_more_clients_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "START_S", 0.05)
    with running("valkey") as server, server.client() as first:
        first.command("CONFIG", "SET", "maxclients", 1)
        async with gateway(RedisUnderTest(server), server.url) as one:
            await until(lambda: not one.engine.healthy)
            first.command("CONFIG", "SET", "maxclients", 100)
            await until(lambda: one.engine.healthy)
            await works(one)


async def test_connections_have_names_and_end_with_the_engine(server: RedisServer) -> None:
    under = RedisUnderTest(server)
    async with gateway(under, server.url) as one:
        await works(one)
        named = f"tidegate-{one.node}"
        assert server.client_names().count(named) == 2, "one for rooms, one for pages"
    await until(lambda: named not in server.client_names())


# -- TLS ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that signs itself, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "both.pem"
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here, which makes the certificate")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    made.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return made


@contextlib.asynccontextmanager
async def tls_before(server: RedisServer, certificate: Path) -> AsyncIterator[int]:
    """A port that speaks TLS and passes on to the server: the servers of the tests are built without TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    ends: list[asyncio.StreamWriter] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(server.socket)
        ends.extend((writer, forth))
        await asyncio.gather(pipe(reader, forth), pipe(back, writer))

    listener = await asyncio.start_server(passed_on, "127.0.0.1", free_port(), ssl=context)
    async with listener:
        yield int(listener.sockets[0].getsockname()[1])
        for end in ends:
            end.close()


async def test_tls_with_a_certificate_that_is_trusted(servers: Servers, certificate: Path) -> None:
    server = servers("valkey")
    under = RedisUnderTest(server)
    async with tls_before(server, certificate) as port:
        async with gateway(under, f"rediss://localhost:{port}?ca_file={certificate}") as one:
            await works(one)
        with pytest.raises(EngineError, match="cannot be trusted"):
            await start(under.setup(f"rediss://localhost:{port}"))
        with pytest.raises(EngineError, match="cannot be trusted"):
            await start(under.setup(f"rediss://127.0.0.1:{port}?ca_file={certificate}"))


# -- Sentinel -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sentinel(server: RedisServer) -> Iterator[RedisServer]:
    """A Sentinel that believes what it is told, and never decides itself."""
    settings = (
        f"sentinel monitor mymaster 127.0.0.1 {server.port} 9",
        "sentinel down-after-milliseconds mymaster 60000",
    )
    with running(server.kind, *settings, mode="sentinel") as sentinel:
        yield sentinel


async def test_a_sentinel_says_where_the_master_is_again_after_each_failure(
    server: RedisServer, sentinel: RedisServer
) -> None:
    under = RedisUnderTest(server)
    nothing = free_port()
    url = f"redis+sentinel://127.0.0.1:{nothing},127.0.0.1:{sentinel.port}/mymaster"
    async with gateway(under, url) as one:
        await works(one)
        house = House(under)
        await one.open("long-2", LONG)
        await one.publish("before", "long-2", LONG)
        with running(server.kind) as promoted:
            sentinel.command("SENTINEL", "REMOVE", "mymaster")
            sentinel.command("SENTINEL", "MONITOR", "mymaster", "127.0.0.1", promoted.port, 9)
            server.kill_clients()
            await until(lambda: any("tidegate-" in name for name in promoted.client_names()))
            await house.until(lambda: one.heard.restarts.get("long-2"), "another history")
            await one.publish("after", "long-2", LONG)
            await house.until_last(one, "after", "long-2")
            await one.engine.aclose()


async def test_a_name_that_no_sentinel_knows_is_logged_with_the_reason(
    server: RedisServer, sentinel: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "START_S", 0.05)
    under = RedisUnderTest(server)
    async with gateway(under, f"redis+sentinel://127.0.0.1:{sentinel.port}/other"):
        await until(lambda: any("does not know other" in str(record.__dict__) for record in caplog.records))


async def test_an_old_server_is_refused_with_its_version(monkeypatch: pytest.MonkeyPatch, servers: Servers) -> None:
    from tidegate.engines.redis import greeting

    server = servers("redis")
    monkeypatch.setattr(greeting, "OLDEST", (7, 0))
    with pytest.raises(EngineError, match=r"is Redis 6\.2; "):
        await start(RedisUnderTest(server).setup(server.url))
