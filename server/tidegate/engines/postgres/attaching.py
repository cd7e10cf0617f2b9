"""Makes a gateway known to the database: its lease begins, and what is kept of another place or time is deleted.

It knows no rooms.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tidegate.engines.leases import Leases
from tidegate.engines.postgres.calls import Calls
from tidegate.engines.postgres.connecting import open_pair
from tidegate.engines.postgres.install import Connection, patient
from tidegate.engines.postgres.link import Link
from tidegate.engines.postgres.outgoing import Sent
from tidegate.engines.setup import EngineSetup


class Attached(msgspec.Struct, frozen=True):
    """A gateway is connected."""

    hot: Link
    """Carries messages and what other gateways tell."""
    cold: Link
    """Carries joins and histories."""
    node: str
    generation: int
    top: int
    """The newest number in the outbox."""
    now: int
    """Of the database, in milliseconds."""
    goes_on: bool
    """Whether the database is the one of the connection before, and still knows this gateway."""
    emptied: bool
    """Whether the database lost what was there at the connection before."""

    @property
    def to_hot(self) -> Sent:
        return Sent(self.hot, self.node, self.generation)

    @property
    def to_cold(self) -> Sent:
        return Sent(self.cold, self.node, self.generation)


class Found(NamedTuple):
    """The columns of the function `attach`."""

    place: str
    known: bool
    """The gateway was known before."""
    generation: int | None
    """None: it was given up."""
    top: int
    now: int


async def attach(
    setup: EngineSetup, calls: Calls, leases: Leases, *, again: bool, repair: bool = False
) -> tuple[Connection, Connection, Known]:
    """Both connections. A gateway that was given up gets another name. `repair`: as for `install`.

    Raises psycopg.Error, EngineError.
    """
    first, second = await open_pair(setup.url, setup.prefix, leases.node, repair=repair)
    try:
        if not again:
            for (application,) in await (await first.execute(calls.application.encode())).fetchall():
                setup.check_application(str(application))
        found = await _attach(first, setup, calls, leases.node, again=again)
    except BaseException:
        await first.close()
        await second.close()
        raise
    if found.generation is None:
        await first.close()
        await second.close()
        leases.renamed(setup.new_node())
        return await attach(setup, calls, leases, again=False)
    return first, second, Known(found.place, found.known, found.generation, found.top, found.now)


class Known(NamedTuple):
    """As `Found`, of a gateway that is known now."""

    place: str
    known: bool
    generation: int
    top: int
    now: int


async def _attach(connection: Connection, setup: EngineSetup, calls: Calls, node: str, *, again: bool) -> Found:
    statement = calls.attach
    for number in range(1, 5):
        statement = statement.replace(f"${number}", "%s")
    lease = int(setup.times.lease * 1000)
    async with connection.transaction():
        await patient(connection)
        found = await connection.execute(statement.encode(), [node, lease, setup.application, again])
        row = await found.fetchone()
    assert row is not None
    return Found(*row)
