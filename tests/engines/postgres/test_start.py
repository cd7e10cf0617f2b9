"""How the engine over PostgreSQL starts: what it makes, what it refuses, and with which words."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines.suite.heard import Heard
from tests.engines.suite.under_test import ADA, KEPT, Gateway
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tests.support.tcp_line import TcpLine
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.core.rooms.ports import PresenceEntry
from tidegate.engines.opening import open_engine
from tidegate.engines.setup import EngineError

pytest.importorskip("psycopg")

from tests.engines.postgres.on_postgres import Clock, PostgresUnderTest, setup
from tidegate.engines.postgres import connecting, start, starting
from tidegate.engines.postgres.engine import PostgresEngine
from tidegate.engines.postgres.install import lock_number, schema_name
from tidegate.engines.setup import EngineSetup

pytestmark = pytest.mark.process


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.lent() as url:
        yield url


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


async def started(wanted: EngineSetup) -> PostgresEngine:
    engine = PostgresEngine(wanted)
    await engine.start()
    engine.listen(Heard("gateway", wanted.clock))
    return engine


async def test_presence_that_is_said_again_is_no_news_for_the_other_gateways(url: str) -> None:
    engine = await started(setup(url, prefix="shop"))
    entries = [*[PresenceEntry("Ada", 1, "online", 1)] * 2, PresenceEntry("Ada", 2, "online", 1), None, None]
    answers = [await engine.present("r", "ada", entry) for entry in entries]
    assert answers == ["occupied", None, None, "vacated", None]
    assert rows(url, "SELECT count(*) FROM tidegate_shop.outbox WHERE kind = 'p'") == [(3,)]
    await engine.aclose()


async def test_gateways_that_start_at_the_same_time_in_an_empty_database(url: str) -> None:
    engines = await asyncio.gather(*(started(setup(url, prefix="shop")) for _ in range(4)))
    assert rows(url, "SELECT count(*) FROM tidegate_shop.nodes") == [(4,)]
    for engine in engines:
        await engine.aclose()


async def test_the_owner_of_the_database_notices_nothing(url: str) -> None:
    engine = await started(setup(url, prefix="shop"))
    made = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
    ours = "nspname = 'tidegate_shop'"
    assert rows(url, made + "n.nspname = 'public'") == [(0,)]
    assert rows(url, made + ours + " AND relkind = 'r' AND relpersistence <> 'u'") == [(0,)], "nothing is in the log"
    assert rows(url, made + ours + " AND relkind = 'S' AND relpersistence <> 'u'") == [(0,)]
    assert rows(url, "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == [(0,)]
    await engine.aclose()


async def test_a_second_start_makes_nothing(url: str) -> None:
    await (await started(setup(url, prefix="shop"))).aclose()
    before = rows(url, "SELECT max(xmin::text::bigint) FROM pg_proc WHERE pronamespace = 'tidegate_shop'::regnamespace")
    await (await started(setup(url, prefix="shop"))).aclose()
    query = "SELECT max(xmin::text::bigint) FROM pg_proc WHERE pronamespace = 'tidegate_shop'::regnamespace"
    assert rows(url, query) == before


async def test_functions_of_an_earlier_release_are_replaced_and_tables_of_another_layout_refused(url: str) -> None:
    await (await started(setup(url, prefix="shop"))).aclose()
    run(url, "COMMENT ON SCHEMA tidegate_shop IS 'tidegate engine 1 earlier'")
    run(url, "DROP FUNCTION tidegate_shop.now_ms CASCADE")
    await (await started(setup(url, prefix="shop"))).aclose()
    run(url, "COMMENT ON SCHEMA tidegate_shop IS 'tidegate engine 0 earliest'")
    with pytest.raises(EngineError, match="another version"):
        await started(setup(url, prefix="shop"))


async def test_a_role_that_may_not_create_is_told_what_to_type(postgres: PostgresServer, url: str) -> None:
    database = url.rpartition("/")[2]
    run(url, "DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN")
    theirs = postgres.url(database, "poor")
    with pytest.raises(EngineError) as caught:
        await start(setup(theirs, prefix="shop"))
    statement = 'CREATE SCHEMA "tidegate_shop" AUTHORIZATION "poor"'
    assert statement in str(caught.value)
    run(url, statement)
    engine = await started(setup(theirs, prefix="shop"))
    await engine.aclose()
    run(url, "DROP SCHEMA tidegate_shop CASCADE; DROP ROLE poor")


async def test_two_applications_never_mix(url: str) -> None:
    engine = await started(setup(url, ["chat-*", "map-*"], prefix="shop"))
    with pytest.raises(EngineError, match="another application"):
        await started(setup(url, ["desk-*"], prefix="shop"))
    await (await started(setup(url, ["map-*"], prefix="shop"))).aclose()
    await (await started(setup(url, ["desk-*"], prefix="desk"))).aclose()
    await engine.aclose()


async def test_the_gateways_own_database(url: str) -> None:
    engine = await open_engine(setup("database", prefix="shop"), url)
    assert engine.healthy
    engine.listen(Heard("gateway", lambda: 0.0))
    await engine.aclose()
    with pytest.raises(EngineError, match="PostgreSQL"):
        await open_engine(setup("database", prefix="shop"), "sqlite:///app.db")


@pytest.mark.parametrize("wrong", ["database", "role", "URL"])
async def test_what_a_person_has_to_mend_ends_the_start_without_the_password(
    postgres: PostgresServer, url: str, wrong: str
) -> None:
    host = f"127.0.0.1:{postgres.port}"
    there = {
        "database": f"postgresql://tidegate:secret-word@{host}/nowhere",
        "role": f"postgresql://unknown_role:secret-word@{host}/{url.rpartition('/')[2]}",
        "URL": f"postgresql://tidegate:secret-word@{host}/x?no_such_option=1",
    }
    with pytest.raises(EngineError) as caught:
        await start(setup(there[wrong], prefix="shop"))
    assert str(caught.value).startswith("engine postgresql://")
    assert "secret-word" not in str(caught.value)


async def test_a_server_that_is_away_is_waited_for(
    postgres: PostgresServer, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(starting, "START_S", 0.1)
    line = await TcpLine.open(postgres.port)
    line.cut()
    clock = Clock()
    theirs = f"postgresql://tidegate:secret-word@127.0.0.1:{line.port}/{url.rpartition('/')[2]}"
    engine = await started(setup(theirs, prefix="shop", clock=clock))
    heard = Heard("gateway", clock)
    assert "cannot be reached" in caplog.text
    assert "secret-word" not in caplog.text
    clock.rate(100.0)
    await until(lambda: not engine.healthy)
    with pytest.raises(Refused, match="cannot be reached"):
        await engine.open("kept-1", KEPT, None, 0.0)
    with pytest.raises(Refused, match="cannot be reached"):
        await engine.publish("kept-1", KEPT, ADA, "lost", None, 0.0, "")
    clock.rate(1.0)
    line.heal()
    await until(lambda: engine.healthy)
    one = Gateway(engine, heard, PostgresUnderTest(postgres, url.rpartition("/")[2]))
    assert (await one.open()).head.offset == 0
    assert (await one.publish("there")).offset == 1
    assert await one.present("a") == "occupied"
    await engine.aclose()
    await line.close()


async def test_the_patience_with_a_server_that_is_away_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes connections and never says anything is away, too."""
    monkeypatch.setattr(starting, "START_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        engine = PostgresEngine(setup(f"postgresql://tidegate@127.0.0.1:{port}/x", prefix="shop"))
        await engine.start()
        await engine.aclose()


async def test_a_read_only_server_is_refused(url: str) -> None:
    database = url.rpartition("/")[2]
    await (await started(setup(url, prefix="shop"))).aclose()
    run(url, "DROP SCHEMA tidegate_shop CASCADE")
    run(url, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    engine = await started(setup(url, prefix="shop"))  # a default of the database is no obstacle
    await engine.aclose()


async def test_limits_of_the_role_end_no_start(url: str) -> None:
    """What a person set for other programs: between two statements of a transaction there is a way to the server."""
    role = rows(url, "SELECT current_user")[0][0]
    limits = {"idle_in_transaction_session_timeout": "1ms", "idle_session_timeout": "50ms", "lock_timeout": "1ms"}
    if rows(url, "SELECT current_setting('server_version_num')::int >= 170000")[0][0]:
        limits["transaction_timeout"] = "5s"
    try:
        for name, limit in limits.items():
            run(url, f'ALTER ROLE "{role}" IN DATABASE "{url.rpartition("/")[2]}" SET {name} = \'{limit}\'')
        engine = await started(setup(url, prefix="shop"))
        assert await engine.present("room", "ada", PresenceEntry("Ada", 1, "online", 1)) == "occupied"
        await engine.aclose()
        async with await connecting.connect(url, "test") as connection:
            shown = await (await connection.execute("SELECT current_setting('transaction_timeout', true)")).fetchone()
        assert shown in {("0",), (None,)}
    finally:
        run(url, f'ALTER ROLE "{role}" IN DATABASE "{url.rpartition("/")[2]}" RESET ALL')


async def test_a_gateway_that_stands_still_in_a_transaction_holds_no_other_one_up(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connecting.SETTINGS["idle_in_transaction_session_timeout"] == "10000"
    monkeypatch.setitem(connecting.SETTINGS, "idle_in_transaction_session_timeout", "300")
    await (await started(setup(url, prefix="shop"))).aclose()
    frozen = await connecting.connect(url, "frozen")
    async with frozen.cursor() as cursor:
        await cursor.execute("BEGIN")
        await cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_number("shop")])
        engine = await started(setup(url, prefix="shop"))
        assert await engine.present("room", "ada", PresenceEntry("Ada", 1, "online", 1)) == "occupied"
        await engine.aclose()
    await frozen.close()


class Pooled:
    """What PgBouncer makes of two connections in the mode `transaction`, where one server connection is enough."""

    shared: Any = None

    def __init__(self, connection: Any) -> None:
        if Pooled.shared is None:
            Pooled.shared = connection
        self._own = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own if name == "close" else Pooled.shared, name)


async def test_a_pooler_that_does_not_keep_sessions_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    really = connecting.connect

    async def connect(url: str, name: str) -> Any:
        return Pooled(await really(url, name))

    Pooled.shared = None
    monkeypatch.setattr(connecting, "connect", connect)
    with pytest.raises(EngineError, match="pool_mode"):
        await start(setup(url, prefix="shop"))
    assert rows(url, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'tidegate rooms%'") == [(0,)]


async def test_a_pooler_that_loses_listen_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(100))
    monkeypatch.setattr(connecting, "channel", lambda node: f"other_{next(numbers)}")
    monkeypatch.setattr(connecting, "HEARD_S", 0.1)
    with pytest.raises(EngineError, match="pool_mode"):
        await start(setup(url, prefix="shop"))


def test_names_of_schemas_fit_and_differ() -> None:
    names = {schema_name("a" * length) for length in range(1, 65)}
    assert len(names) == 64
    assert max(map(len, names)) <= 63
    assert len({lock_number(f"p{number}") + extra for number in range(1000) for extra in (0, 1)}) == 2000
