"""An address for operators over a gateway within the test's event loop, and what asks there."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.gateway import sample
from tests.transport.inside import SECRET, Inside, running
from tidegate.admin import binding
from tidegate.admin.access_log import AccessLog
from tidegate.admin.opening import AdminAddress
from tidegate.config import Settings
from tidegate.served_documents import whole

ADDRESS = "127.0.0.1:0"
OPERATORS = "a-secret-of-operators-that-only-the-tests-know"


class Answered(NamedTuple):
    """A response."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Operators:
    """Asks one address."""

    def __init__(self, inside: Inside, address: AdminAddress) -> None:
        self.inside = inside
        self.address = address

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        return await asyncio.to_thread(self._ask, method, path, body, headers)

    async def get(self, path: str) -> Any:
        answered = await self.ask("GET", path)
        assert answered.status == 200, answered.text
        return answered.json

    def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answered:
        connection = http.client.HTTPConnection("127.0.0.1", self.address.port, timeout=30)
        try:
            given = {"Authorization": f"Bearer {OPERATORS}", **headers}
            connection.request(method, path, None if body is None else json.dumps(body), given)
            response = connection.getresponse()
            return Answered(response.status, response.read().decode(), dict(response.getheaders()))
        finally:
            connection.close()


@contextlib.asynccontextmanager
async def operated(folder: Path, *, dev: bool = False, **chosen: Any) -> AsyncIterator[Operators]:
    """A gateway with an address for operators."""
    async with running(folder, **chosen) as inside:
        secret = None if dev else SECRET
        settings = Settings(admin=ADDRESS, admin_secret=OPERATORS, secret=secret, dev=dev)
        inside.listener.context.counts.on_end = AccessLog()
        address = AdminAddress(
            settings, inside.gateway, inside.listener.context, inside.store, partial(whole, sample())
        )
        await address.open(binding.bound(ADDRESS))
        try:
            yield Operators(inside, address)
        finally:
            address.close()
