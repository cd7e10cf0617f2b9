"""Keeps a connection to the server: connects, and connects again after each end, without ever giving up.

It asks the Sentinels each time, if there are any. Between attempts it waits a random time up to a limit that doubles,
so that many gateways do not come back at the same moment. It asks a PING every second or so on the connection that
carries the messages: one that cannot be heard on is no connection. What is said on it is the business of others.
Invariant: there is at most one connection at a time, and `down` was called for the last one before `up` for a new one.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable

from tidegate.counted import Counted
from tidegate.engines.health import Health
from tidegate.engines.redis.connection import Connection, ConnectionLost
from tidegate.engines.redis.greeting import NotNow, Server, greet
from tidegate.engines.redis.resp import ReplyError, pack
from tidegate.engines.redis.sentinel import master_of
from tidegate.engines.redis.urls import Address, Target
from tidegate.engines.setup import EngineError

log = logging.getLogger("tidegate.engine")
ENDED = Counted(
    log, logging.WARNING, "the connection to the engine's server %s ended: %s", name="engine_connection_ended"
)

CONNECT_S = 5.0
"""How long a connection may take until it can be used."""
PING_S = 1.0
"""Seconds from an answer to the next PING."""
OVERDUE_S = 1.0
"""Seconds without an answer to a PING, after which the server counts as away since the PING."""
ANSWER_S = 3.0
"""How long the answer to a PING may take, until the connection is given up."""
FIRST_S, LONGEST_S = 0.05, 2.0
"""The limit of the first wait between attempts, and of the longest."""
PING = pack([b"PING"])

Up = Callable[[Connection, Server], None]


class Link:
    """One connection, for as long as `run` runs."""

    def __init__(
        self,
        target: Target,
        name: str,
        make: Callable[[], Connection],
        welcome: Callable[[Connection], Awaitable[None]] | None,
        up: Up,
        down: Callable[[], None],
        health: Health | None = None,
    ) -> None:
        """`name`: of the connection, in the server's lists. `make`: makes one that is not connected yet.

        `welcome`: what else is to be done before a connection can be used; it raises as `connect`.
        `health` is told whether the server answers; None where that of another link counts.
        """
        self._target = target
        self._name = name
        self._welcome = welcome
        self._tls = target.tls_context()
        self._make = make
        self._up = up
        self._down = down
        self._health = health
        self.connection: Connection | None = None
        """The connection that can be used now."""
        self._said = ""
        """The reason that was logged last, since there was a connection."""

    async def connect(self) -> tuple[Connection, Server]:
        """One attempt. Raises EngineError for what a person has to mend, otherwise NotNow."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(CONNECT_S):
                address = self._target.addresses[0]
                if self._target.sentinel is not None:
                    target = self._target
                    address = await master_of(
                        self._target.sentinel, target.addresses, target.sentinel_login, self._connect
                    )
                connection = await self._connect(address)
                server = await greet(connection, self._target, self._name)
                if self._welcome is not None:
                    await self._welcome(connection)
                return connection, server
        except (OSError, TimeoutError, ConnectionLost, NotNow) as error:
            self._drop(connection)
            if isinstance(error, ssl.SSLCertVerificationError):
                text = f"engine: the certificate of {self._target.shown} cannot be trusted: {error.verify_message}"
                raise EngineError(text) from error
            raise NotNow(str(error) or "it does not answer") from error
        except BaseException:
            self._drop(connection)
            raise

    async def run(self, first: tuple[Connection, Server] | None = None) -> None:
        """Use `first`, if there is one, then connect again and again until this task is cancelled."""
        limit = FIRST_S
        try:
            while True:
                try:
                    connection, server = first or await self.connect()
                except (NotNow, EngineError) as error:
                    self.failed(error)
                    await asyncio.sleep(random.uniform(0, limit))  # noqa: S311  # no secret
                    limit = min(2 * limit, LONGEST_S)
                    continue
                first = None
                began = asyncio.get_running_loop().time()
                await self._use(connection, server)
                self._said = ""
                if asyncio.get_running_loop().time() - began > LONGEST_S:
                    limit = FIRST_S
                await asyncio.sleep(random.uniform(0, limit))  # noqa: S311  # no secret
        finally:
            self._drop(self.connection)

    def failed(self, error: Exception) -> None:
        """An attempt failed. Logged once, and again when there is another reason."""
        reason = str(error)
        if reason != self._said:
            self._said = reason
            level = logging.ERROR if isinstance(error, EngineError) else logging.WARNING
            about = {"engine": self._target.shown, "reason": reason}
            log.log(level, "the engine's server cannot be used; it will be tried again", extra=about)
        self._lost()

    # -- within -----------------------------------------------------------------------------------------------------

    async def _connect(self, address: Address) -> Connection:
        """A connection to a server or a Sentinel, on which nothing was said yet."""
        loop = asyncio.get_running_loop()
        if not address.port:
            return (await loop.create_unix_connection(self._make, address.host))[1]
        return (await loop.create_connection(self._make, address.host, address.port, ssl=self._tls))[1]

    async def _use(self, connection: Connection, server: Server) -> None:
        """Until the connection ends."""
        self.connection = connection
        log.info("connected to the engine's server", extra={"engine": self._target.shown, "version": server.version})
        if self._health is not None:
            self._health.back()
        try:
            self._up(connection, server)
            await self._ping(connection)
        finally:
            self.connection = None
            self._drop(connection)
            self._lost()
            self._down()
        why = connection.why
        ENDED(self._target.shown, str(why) if why is not None else "the server closed it")

    async def _ping(self, connection: Connection) -> None:
        ended = connection.ended
        while not ended.done():
            await asyncio.wait([ended], timeout=PING_S)
            answer = asyncio.ensure_future(self._pong(connection))
            await asyncio.wait([answer], timeout=OVERDUE_S)
            if not answer.done():
                self._lost(OVERDUE_S)
                await asyncio.wait([answer], timeout=ANSWER_S - OVERDUE_S)
            if not answer.done():
                connection.close(TimeoutError("it did not answer in time"))
                await ended
            elif self._health is not None and not ended.done():
                self._health.back()
            await answer

    async def _pong(self, connection: Connection) -> None:
        try:
            await connection.answer(PING)
        except ConnectionLost:
            return
        except ReplyError as error:
            connection.close(error)

    def _lost(self, unanswered: float = 0.0) -> None:
        if self._health is not None:
            self._health.lost(unanswered)

    def _drop(self, connection: Connection | None) -> None:
        if connection is not None:
            connection.close()
