"""One WebSocket connection, from its opening handshake to its end. With `compression` the only module here that imports
`websockets`.

It knows `welcome`, `goodbye` and when a message last came; what other messages mean is not its concern, and it retries
nothing. Invariant: every failure becomes an `Ending` with a sentence that a person can act on.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl as tls
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from tidegate_protocol import PROTOCOL_VERSION

from .backoff import Ending
from .compression import OfferCompression
from .errors import seconds
from .options import Options
from .wire import decode

__all__ = ["Connection", "ConnectionFailed", "open_connection"]

MAX_MESSAGE = 64 * 1024 * 1024
"""Bytes: the largest message that the client takes. The gateway has limits too, and the client trusts them."""
HEARTBEAT = 25.0
"""Seconds between two heartbeats of a gateway that does not say."""
CLOSE_TIMEOUT = 3.0
"""Seconds for the closing handshake."""
_logger = logging.getLogger("tidegate_client.connection")
_logger.setLevel(logging.INFO)  # at DEBUG, websockets logs the headers with the token, and every message
NEVER_HTTP = frozenset({401, 403})
"""HTTP answers to the opening handshake after which another attempt is pointless."""


class ConnectionFailed(Exception):
    """There is no connection; `ending` says why."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


class Connection:
    """An open connection that has been welcomed."""

    def __init__(self, socket: ClientConnection, options: Options) -> None:
        self._socket = socket
        self._clock = options.clock
        self._goodbye: dict[str, Any] = {}
        self._note = ""
        self.welcome: dict[str, Any] = {}
        self.opened_at = self.heard_at = self._clock.now()
        """Seconds of the client's clock: the start, and when a message last came."""
        self.heard = 0
        """How many messages came."""
        self.unanswered_since: float | None = None
        """When the first message was sent after the last one that came; None if there is no such message."""

    @property
    def silence_allowed(self) -> float:
        """Seconds without any message after which the connection counts as dead: 2 heartbeats + 5 s."""
        return 2.0 * (seconds(self.welcome.get("heartbeat")) or HEARTBEAT) + 5.0

    async def send(self, payload: bytes) -> None:
        """Send one text frame. A broken connection is no error here: `messages` ends, which tells the owner."""
        if self.unanswered_since is None:
            self.unanswered_since = self._clock.now()
        try:
            await self._socket.send(payload, text=True)
        except ConnectionClosed:
            return

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Every message until the connection ends."""
        try:
            async for text in self._socket:
                self.heard_at = self._clock.now()
                self.heard += 1
                self.unanswered_since = None
                message = decode(text)
                if message is None:
                    continue
                if message["type"] == "goodbye":
                    self._goodbye = message
                yield message
        except ConnectionClosed:
            return

    async def expect_welcome(self) -> None:
        """Wait for `welcome`. ConnectionFailed if the connection ends first, or speaks another protocol version."""
        async for message in self.messages():
            if message["type"] == "welcome":
                self.welcome = message
                break
        else:
            raise ConnectionFailed(self.ending())
        version = message.get("protocol", PROTOCOL_VERSION)
        if version != PROTOCOL_VERSION:
            reason = f"the gateway speaks protocol {version}, this client {PROTOCOL_VERSION}"
            raise ConnectionFailed(Ending(reason, refused=True))

    def abort(self, reason: str) -> None:
        """Drop the connection without a closing handshake, which a dead peer would not answer."""
        self._note = reason
        self._socket.transport.abort()

    async def close(self) -> None:
        """Close cleanly (1000), within `CLOSE_TIMEOUT`; a caller that is cancelled leaves no socket behind."""
        try:
            await self._socket.close()
        finally:
            self._socket.transport.abort()

    def ending(self) -> Ending:
        """How the connection ended; only meaningful once `messages` did."""
        code, announced = self._socket.close_code, self._goodbye.get("code")
        if code in (None, 1006) and isinstance(announced, int):
            code = announced
        reason = (
            self._note or self._socket.close_reason or str(self._goodbye.get("reason", "")) or "the connection broke"
        )
        return Ending(
            reason,
            code,
            retry_after=seconds(self._goodbye.get("retry_after")),
            lived=self._clock.now() - self.opened_at if self.welcome else None,
        )


async def open_connection(options: Options, token: str | None) -> Connection:
    """Connect and wait for `welcome`, both within `open_timeout`. ConnectionFailed if there is no connection then."""
    headers = dict(options.headers)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection: Connection | None = None
    try:
        async with asyncio.timeout(options.open_timeout):
            connection = Connection(await _open_socket(options, headers), options)
            await connection.expect_welcome()
    except BaseException as error:
        if connection is not None:
            connection.abort("")
        if isinstance(error, TimeoutError):
            raise ConnectionFailed(_late_ending(options, answered=connection is not None)) from None
        raise
    return connection


def _late_ending(options: Options, *, answered: bool) -> Ending:
    url, within = options.address, f"within {options.open_timeout:g} s"
    if answered:
        return Ending(f"{url} answered, but sent no welcome {within}: is it a Tidegate gateway?")
    return Ending(f"no answer from {url} {within}")


async def _open_socket(options: Options, headers: dict[str, str]) -> ClientConnection:
    url = options.address
    secure: dict[str, Any] = {"ssl": options.ssl} if options.ssl is not None else {}
    try:
        return await connect(
            options.url,
            additional_headers=headers,
            compression=None,
            extensions=[OfferCompression()] if options.compression else None,
            proxy=options.proxy,
            open_timeout=None,  # `open_connection` has one deadline for all
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=None,  # the gateway sends heartbeats: silence tells that a connection is dead
            max_size=MAX_MESSAGE,
            logger=_logger,
            **secure,
        )
    except InvalidURI as error:
        text = f"{url} is no WebSocket address, such as ws://127.0.0.1:8787/ws: {error.msg}"
        raise ConnectionFailed(Ending(text, refused=True)) from None
    except ValueError as error:
        raise ConnectionFailed(Ending(f"{url}: {error}", refused=True)) from error
    except InvalidStatus as error:
        raise ConnectionFailed(_http_ending(url, error)) from error
    except OSError as error:
        raise ConnectionFailed(Ending(_unreachable(url, error))) from error
    except WebSocketException as error:
        raise ConnectionFailed(Ending(f"{url} does not answer as a WebSocket server: {error}")) from error


def _unreachable(url: str, error: OSError) -> str:
    cause = error.strerror or error
    if isinstance(error, tls.SSLError):
        return f"TLS with {url} failed: {error}"
    if isinstance(error, socket.gaierror):
        return f"the host of {url} is not known: {cause}"
    # One host name may stand for several addresses; asyncio then gathers their refusals into one sentence.
    if isinstance(error, ConnectionRefusedError) or "Multiple exceptions" in str(error):
        return f"nothing listens at {url} ({cause}): is the gateway running? `tidegate serve` starts one"
    if isinstance(error, ConnectionError):
        return f"{url} hung up during the opening handshake: does it speak {url.partition(':')[0]}?"
    return f"{url} can't be reached: {cause}"


def _http_ending(url: str, error: InvalidStatus) -> Ending:
    status = error.response.status_code
    body = bytes(error.response.body or b"")[:200].decode("utf-8", "replace").strip()
    reason = f"{url} answered HTTP {status}" + (f": {body}" if body else "")
    after = error.response.headers.get("Retry-After", "")
    return Ending(reason, retry_after=float(after) if after.isdecimal() else None, refused=status in NEVER_HTTP)
