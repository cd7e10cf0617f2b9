"""Fixtures of the Python client's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.clients.scripted import FakeClock, ScriptedGateway


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedGateway]:
    """A gateway that says what the test says."""
    gateway = ScriptedGateway()
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands until the test moves it."""
    return FakeClock()
