"""The fixture that the tests of the transport share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.transport.raw import Door, listening


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """A listener that echoes, with small limits: messages of 1000 bytes."""
    async with listening(max_size=1000) as opened:
        yield opened
