"""A server of each kind for all tests of this folder, and gateways over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.engines.redis.under_test import RedisUnderTest
from tests.engines.suite.under_test import House
from tests.support.redis import KINDS, Kind, RedisServer, running
from tidegate.engines.redis import link

Servers = Callable[[Kind], RedisServer]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Starts a server of a kind for the first test that asks for it."""
    started: dict[Kind, RedisServer] = {}
    with ExitStack() as stack:

        def of(kind: Kind) -> RedisServer:
            if kind not in started:
                started[kind] = stack.enter_context(running(kind))
            return started[kind]

        yield of


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between attempts to connect: a test that cut a gateway off waits for the next one."""
    monkeypatch.setattr(link, "LONGEST_S", 0.1)


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, servers: Servers) -> RedisServer:
    """One server after the other. A test takes a prefix, or leaves nothing behind."""
    return servers(request.param)


@pytest.fixture
async def under(server: RedisServer) -> AsyncIterator[RedisUnderTest]:
    """The engine over one server."""
    under = RedisUnderTest(server)
    yield under
    under.close()


@pytest.fixture
async def house(under: RedisUnderTest) -> AsyncIterator[House]:
    """Gateways over it, which keep what is promised."""
    house = House(under)
    yield house
    assert house.violations == []
    await house.aclose()
