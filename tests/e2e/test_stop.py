"""The stop ends in time, whatever is queued, locked or stuck; and a drain sends clients away a few at a time."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.test_lifecycle import fetch
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.sqlite import foreign
from tests.support.wire import Wire, wire

GRACEFUL_S = 0.6
STOPPING = "the gateway stops, and this was not done; try again"
COSTLY = {"or": [{"name": {"contains": f"q{number}q"}} for number in range(10)]}


@pytest.fixture(params=["sqlite", "postgresql"])
def stopped(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway with a short `graceful_stop`, over each database."""
    environment = {"TIDEGATE_GRACEFUL_STOP": str(GRACEFUL_S), "TIDEGATE_RATE": "0", "TIDEGATE_READ_TIMEOUT": "0"}
    with ExitStack() as until_the_end:
        if request.param == "sqlite":
            process = GatewayProcess(tmp_path, "--dev", environment=environment)
            process.migrate()
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            url = until_the_end.enter_context(server.lent(server.sample()))
            process = PostgresGateway(tmp_path, url, "--dev", environment=environment)
        process.start()
        yield process
        process.kill()


@contextmanager
def locked(gateway: GatewayProcess) -> Iterator[None]:
    """Another program holds the lock that every write needs, and with PostgreSQL every read."""
    if isinstance(gateway, PostgresGateway):
        import psycopg

        with closing(psycopg.connect(gateway.database_url)) as program:
            program.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
            yield
    else:
        with foreign(gateway.database_file) as program:
            program.execute("BEGIN EXCLUSIVE")
            yield
            program.execute("ROLLBACK")


@asynccontextmanager
async def asking(gateway: GatewayProcess) -> AsyncIterator[Wire]:
    async with wire(gateway.url) as client:
        yield client
        with pytest.raises(ConnectionClosed):
            await client.hear("never")


async def ends_in_time(gateway: GatewayProcess) -> None:
    """Stop the gateway. By its own clock it stops within `graceful_stop` and a second: otherwise its code is 1."""
    assert await asyncio.to_thread(gateway.stop) == 0, gateway.log_file.read_text()[-2000:]


def create(number: int) -> dict[str, Any]:
    data = {"name": f"n{number}", "email": f"n{number}@example.com"}
    return {"type": "create", "resource": "users", "data": data, "ref": f"create-{number}", "key": f"key-{number:020}"}


async def test_a_stop_ends_although_another_program_locks_the_database(stopped: GatewayProcess) -> None:
    async with asking(stopped) as client:
        for number in range(3):
            await client.ask(create(number))
        with locked(stopped):
            for number in range(3, 60):
                await client.say(create(number))
                await client.say({"type": "list", "resource": "users", "ref": f"list-{number}"})
            await client.ask({"type": "ping"})
            await ends_in_time(stopped)
    written = {name for (name,) in stopped.select("SELECT name FROM users")}
    answers = {message["ref"]: message for message in client.heard if message.get("ref")}
    acknowledged = {
        ref for ref, answer in answers.items() if answer["type"] == "rows" and str(ref).startswith("create")
    }
    assert written == {"n0", "n1", "n2"}, "what was not acknowledged was not done"
    assert acknowledged == set(), "the first three have the refs of `ask`"
    refused = [answer for answer in answers.values() if answer["type"] == "error"]
    assert {(answer["code"], answer["message"]) for answer in refused} == {("unavailable", STOPPING)}
    assert len(refused) >= 57, "each queued write is refused, and told so"


async def test_a_stop_ends_although_costly_reads_are_queued(stopped: GatewayProcess) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
    stopped.execute(many + "INSERT INTO users (name, email) SELECT 'name ' || i, i || '@example.com' FROM n")
    async with asking(stopped) as client:
        for number in range(200):
            request = {"type": "list", "resource": "users", "filters": COSTLY, "count": True, "limit": 1}
            await client.say({**request, "ref": f"list-{number}"})
        await client.ask({"type": "ping"})
        await ends_in_time(stopped)
    refused = [message["message"] for message in client.heard if message["type"] == "error"]
    assert set(refused) == {STOPPING}
    assert len(refused) > 50


@pytest.fixture
def draining(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[GatewayProcess]:
    delay, drain = request.param
    process = GatewayProcess(
        tmp_path,
        "--dev",
        environment={"TIDEGATE_DRAIN_DELAY": delay, "TIDEGATE_DRAIN": drain, "TIDEGATE_GRACEFUL_STOP": str(GRACEFUL_S)},
    )
    process.migrate()
    process.start()
    yield process
    process.kill()


async def not_ready(gateway: GatewayProcess) -> None:
    until = time.monotonic() + DEADLINE_S
    while await asyncio.to_thread(fetch, f"{gateway.http}/readyz") != (503, b"draining\n"):
        assert time.monotonic() < until


async def sent_away(client: Wire) -> int:
    """The code with which the gateway closes the connection, after the same in a goodbye."""
    goodbye = await client.hear("goodbye")
    assert goodbye["retry_after"] >= 0
    with pytest.raises(ConnectionClosed) as closed:
        await client.hear("never")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == goodbye["code"]
    return closed.value.rcvd.code


@pytest.mark.parametrize("draining", [("0", "60")], indirect=True)
async def test_a_drain_sends_clients_away_one_after_the_other_and_takes_no_new_ones(draining: GatewayProcess) -> None:
    """The first of 40 clients leaves after 1.5 seconds, and the last one may stay for a minute."""
    async with AsyncExitStack() as connected:
        first, *others = [await connected.enter_async_context(wire(draining.url)) for _ in range(40)]
        os.kill(draining.pid, signal.SIGTERM)
        await not_ready(draining)
        with pytest.raises(InvalidStatus) as refused:
            async with wire(draining.url):
                pass
        assert refused.value.response.status_code == 503
        assert "Retry-After" in refused.value.response.headers
        assert await sent_away(first) == 4200
        assert (await others[-1].ask({"type": "ping"}))["type"] == "pong"
        os.kill(draining.pid, signal.SIGTERM)
        *_, last = await asyncio.gather(*map(sent_away, others))
        assert last == 4201


@pytest.mark.parametrize("draining", [("0", "0.3")], indirect=True)
async def test_a_drain_ends_when_all_clients_were_sent_away(draining: GatewayProcess) -> None:
    async with wire(draining.url) as one, wire(draining.url) as two, wire(draining.url) as three:
        os.kill(draining.pid, signal.SIGTERM)
        assert await asyncio.gather(*map(sent_away, (one, two, three))) == [4200] * 3
    assert draining._process is not None
    assert await asyncio.to_thread(draining._process.wait, DEADLINE_S) == 0


@pytest.mark.parametrize("draining", [("600", "600")], indirect=True)
async def test_a_second_signal_skips_both_drains(draining: GatewayProcess) -> None:
    async with wire(draining.url) as client:
        os.kill(draining.pid, signal.SIGTERM)
        await not_ready(draining)
        async with wire(draining.url) as late:
            assert (await late.ask({"type": "ping"}))["type"] == "pong", "a client may still connect in `drain_delay`"
            os.kill(draining.pid, signal.SIGINT)
            assert (await client.hear("goodbye"))["code"] == 4201
            assert draining._process is not None
            assert await asyncio.to_thread(draining._process.wait, DEADLINE_S) == 0, "long before the drains are over"
