"""What a connection that speaks HTTP sends: responses, whole or in parts, and how fast its client takes them.

It knows no request beyond what its response depends on. Every response names no software.
Invariant: a response is sent once, and what it says of its length is true.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus

from tidegate.transport.context import UNCOUNTED_BYTES, ConnectionContext, Waiting
from tidegate.transport.counts import Tally
from tidegate.transport.http import JSON_HEADERS, Response
from tidegate.transport.http_head import Head
from tidegate.transport.origins import cors
from tidegate.transport.taking import Taking, going_on, unconfirmed

CACHE = "Cache-Control: private, no-cache\r\n"
COMMON = (
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    f"{CACHE}"
    "Vary: Origin\r\n"
)
LINGER_BYTES = 1 << 20
"""What is read and dropped after the last response, at most."""
NO_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


@lru_cache(maxsize=64)
def _first(status: int) -> str:
    known = HTTPStatus(status)
    return f"HTTP/1.1 {known.value} {known.phrase}\r\n{COMMON}"


@lru_cache(maxsize=64)
def _json(status: int) -> bytes:
    """The head of a response with the headers `JSON_HEADERS`, as far as it is always the same."""
    return f"{_first(status)}Content-Type: {JSON_HEADERS['Content-Type']}\r\nContent-Length: ".encode("latin-1")


class HttpOutput:
    """The sending half of one connection."""

    __slots__ = (
        "_chunked", "_context", "_counted", "_dropped", "_head", "_lingers", "_reading_paused", "_taken", "_taken_at",
        "_taking", "_waiting", "frames", "last", "may_miss", "origin", "paused", "tally", "transport",
    )  # fmt: skip

    def __init__(self, context: ConnectionContext, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.tally = Tally(context.now())
        self.last = False
        """The connection ends with this response."""
        self.paused = False
        """The client does not read."""
        self.origin: str | None = None
        """The origin of the page that asks, where it is allowed."""
        self.frames: list[bytes] = []  # always empty: it stands in for a sink where nothing is pushed
        self.may_miss = False
        self._context = context
        self._counted = self._lingers = False
        self._dropped = 0
        self._head: Head | None = None
        self._chunked = False
        self._reading_paused = False
        self._taking: Taking | None = None
        self._taken: int | None = None
        self._taken_at = 0.0
        """What the client's side had confirmed when that was enough last, and when that was; None: nothing waits."""
        self._waiting: asyncio.Future[None] | None = None
        transport.set_write_buffer_limits(UNCOUNTED_BYTES)

    def flush(self) -> None:
        """Nothing is pushed here."""

    # -- responses --------------------------------------------------------------------------------------------------

    def begin(self, head: Head | None) -> None:
        """The next response is for this request; None for one that cannot be read."""
        self._head, self.origin = head, None
        if head is None or not head.keep_alive or self._context.connections.closed_to_new:
            self.last = True

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.tally.bytes_out += len(data)
            self.transport.write(data)

    def go_on(self) -> None:
        """The client waits for this before it sends the body."""
        self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def respond(self, response: Response) -> None:
        """Send a whole response."""
        self._count_one(response)
        body = response.body
        if response.headers is JSON_HEADERS and body and self._ordinary:
            self.write(b"%b%d\r\n\r\n%b" % (_json(response.status), len(body), body))
            return
        lines = [_first(response.status), *self._headers(response.headers)]
        if response.status in NO_BODY:
            body = b""
        else:
            lines.append(f"Content-Length: {len(body)}\r\n")
        if self._head is not None and self._head.method == "HEAD":
            body = b""
        lines.append("\r\n")
        self.write("".join(lines).encode("latin-1") + body)

    def start(self, response: Response, *, endless: bool = False) -> None:
        """Send the head of a response whose body follows. `endless`: it is as long as the connection."""
        self._count_one(response)
        self._chunked = not endless and (self._head is None or self._head.version == "1.1")
        if not self._chunked:
            self.last = True  # the end of the connection is the end of the body
        first = _first(response.status)
        if "Cache-Control" in response.headers:
            first = first.replace(CACHE, "")
        if endless:
            self.resume_reading()
        lines = [first, *self._headers(response.headers)]
        if self._chunked:
            lines.append("Transfer-Encoding: chunked\r\n")
        lines.append("\r\n")
        self.write("".join(lines).encode("latin-1"))

    @property
    def _ordinary(self) -> bool:
        """The response depends on nothing in the request."""
        return not self.last and self.origin is None and self._head is not None and self._head.method != "HEAD"

    def _count_one(self, response: Response) -> None:
        self._context.counts.responses[int(response.status)] += 1
        self.tally.frames_out += 1

    def part(self, data: bytes) -> None:
        """Send a part of a body, which is not empty."""
        self.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def complete(self) -> None:
        """The body is whole."""
        if self._chunked:
            self.write(b"0\r\n\r\n")

    def end_early(self) -> None:
        """This is the last response, and the client may still be sending what it is not read for.

        Bytes that arrive at a closed socket would make its system drop the response (RFC 9112, section 9.6).
        """
        self.last = self._lingers = True

    def finish(self) -> None:
        """The last response was sent. A client that may still be sending has time to read it."""
        if self.transport.is_closing():
            return
        if self._lingers and self.transport.can_write_eof():
            self.resume_reading()
            try:
                self.transport.write_eof()
            except OSError:  # the client is gone, and asyncio has not noticed yet
                self.transport.abort()
        else:
            self.transport.close()

    def _headers(self, headers: Mapping[str, str]) -> list[str]:
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        if self.origin is not None:
            lines += [f"{name}: {value}\r\n" for name, value in cors(self.origin).items()]
        if self.last:
            lines.append("Connection: close\r\n")
        return lines

    # -- flow control -----------------------------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        """Bytes that are not with the operating system."""
        return self.transport.get_write_buffer_size()

    def count(self, connection: Waiting, received: int) -> None:
        """Tell the memory what is held for a client, where it is much. `received`: bytes that are not handled."""
        held = received + self.unsent
        if held > UNCOUNTED_BYTES or self._counted:
            self._counted = held > UNCOUNTED_BYTES
            self._context.memory.waits(connection, held if self._counted else 0)

    def drop(self, size: int) -> None:
        """`size` bytes have arrived after the last response."""
        self._dropped += size
        if self._dropped > LINGER_BYTES:
            self.transport.abort()

    def pause_reading(self) -> None:
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def slow_down(self) -> None:
        """The client sent more than it may: nothing is read until it may go on."""
        self._context.counts.slowed += 1
        self.pause_reading()

    def resume_reading(self) -> None:
        if self._reading_paused and not self.transport.is_closing():
            self._reading_paused = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """The operating system takes no more: the client does not read."""
        self.paused, context = True, self._context
        self._taking = going_on(self._taking, context.settings, unconfirmed(self.transport), context.now())

    def resume_writing(self) -> None:
        """The client reads again."""
        if self.paused and self._taking is not None:
            self._taking.rests(unconfirmed(self.transport), self._context.now())
        self.paused = False
        self._wake()

    def too_slow(self, now: float) -> bool:
        """Whether the client has taken too little of what waits for it. To be asked about once a second."""
        settings = self._context.settings
        if self.paused and self._taking is not None:
            self._taken = None
            return self._taking.too_slow(settings, unconfirmed(self.transport), now, may_miss=False) > 0.0
        if not self.unsent:
            self._taken = None
            return False
        # Little waits. A connection that is idle or being closed would wait for ever for a client that does not read.
        taken = self.tally.bytes_out - unconfirmed(self.transport)
        if self._taken is None or taken - self._taken >= settings.slow_rate:
            self._taken, self._taken_at = taken, now
        return now - self._taken_at > settings.slow_window

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`: no deadline passes with that."""
        if self._taking is not None:
            self._taking.stood_still(seconds, now)
        self._taken_at = min(self._taken_at + seconds, now)

    async def drained(self) -> None:
        """Wait until the client has read most of what waits for it, or is gone. One caller at a time."""
        if self.paused and not self.transport.is_closing():
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting

    def ended(self) -> None:
        """The TCP connection has ended."""
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
