"""Tells other gateways which durable rooms have new messages, and hears it from them: NOTIFY and LISTEN.

It notifies after the commit, in a separate thread with a connection: within a transaction all commits of the cluster
would wait for each other. A call that is lost (the gateway died, a connection broke) is made up for by a look at all
rooms every `LOOK_S`. Messages themselves are read from the table.
Invariant: a room that has a new message is told within `LOOK_S` of its commit, as long as the database answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import msgspec
import psycopg

from tidegate.core.rooms.room_log import Changed
from tidegate.store.postgres.changelog import SCHEMA
from tidegate.store.postgres.connection import Connection, connect

log = logging.getLogger("tidegate.store")

CHANNEL = f"{SCHEMA}_rooms"
LOOK_S = 2.0
RECONNECT_S = 0.25
PAYLOAD_BYTES = 7_000
"""PostgreSQL takes less than 8,000 bytes."""
ANY = ""
"""The payload that stands for more rooms than fit."""
CALLS = 20
"""The most notifications at a time. With more rooms there is one notification, for any room."""


class RoomCalls:
    """Owns a thread and a connection from `start` to `close`."""

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self._url = url
        self._loop = loop
        self._changed: Changed = lambda rooms: None
        self._lock = threading.Lock()
        self._to_call: dict[str, None] = {}
        self._heard: list[str] = []
        self._own_pid = 0
        self._ended = False
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="tidegate-room-calls")

    def start(self, changed: Changed) -> None:
        """`changed` is called in the loop's thread."""
        self._changed = changed
        self._thread.start()

    def call(self, rooms: Sequence[str]) -> None:
        """They have new messages. Any thread."""
        if rooms and not self._ended:
            with self._lock:
                self._to_call.update(dict.fromkeys(rooms))
            self._wake()

    def close(self) -> None:
        """End the thread; blocks."""
        self._ended = True
        self._wake()
        if self._thread.is_alive():
            self._thread.join()
        self._waker.close()
        self._woken.close()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # the thread has not read the last hundred bytes yet
            self._waker.send(b"!")

    def _run(self) -> None:
        failure = ""
        while not self._ended:
            try:
                with connect(self._url) as connection:
                    self._follow(connection)
            except Exception as error:  # the boundary of the thread: without it no other gateway is heard any more
                if str(error) != failure:
                    failure = str(error)
                    log.warning("other gateways cannot be heard: %s", failure.strip())
                select.select([self._woken], [], [], RECONNECT_S)

    def _follow(self, connection: Connection) -> None:
        self._own_pid = connection.info.backend_pid
        connection.add_notify_handler(self._notified)
        connection.execute(f"LISTEN {CHANNEL}")
        look_at = 0.0
        while not self._ended:
            if time.monotonic() >= look_at:
                connection.execute("SELECT 1")  # it shows that the database answers, and brings what was notified
                self._tell(None)
                look_at = time.monotonic() + LOOK_S
            for payload in self._payloads():
                connection.execute("SELECT pg_notify($1, $2)", [CHANNEL, payload])
            heard, self._heard = self._heard, []
            if heard:
                self._tell(_rooms_of(heard))
                continue
            self._wait(connection, max(0.0, look_at - time.monotonic()))

    def _wait(self, connection: Connection, seconds: float) -> None:
        ready, _, _ = select.select([self._woken.fileno(), connection.fileno()], [], [], seconds)
        if self._woken.fileno() in ready:
            self._woken.recv(4096)
        if connection.fileno() in ready:
            connection.pgconn.consume_input()
            while (found := connection.pgconn.notifies()) is not None:
                if found.be_pid != self._own_pid:
                    self._heard.append(found.extra.decode())

    def _notified(self, notify: psycopg.Notify) -> None:
        """It came with the answer to a query."""
        if notify.pid != self._own_pid:
            self._heard.append(notify.payload)

    def _payloads(self) -> Iterator[str]:
        with self._lock:
            rooms, self._to_call = self._to_call, {}
        payload: list[str] = []
        size = calls = 0
        for room in rooms:
            size += len(msgspec.json.encode(room)) + 1
            if payload and size > PAYLOAD_BYTES:
                yield msgspec.json.encode(payload).decode()
                payload, size, calls = [], 0, calls + 1
                if calls == CALLS:
                    yield ANY
                    return
            payload.append(room)
        if payload:
            yield msgspec.json.encode(payload).decode()

    def _tell(self, rooms: Sequence[str] | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._changed, rooms)


def _rooms_of(payloads: Sequence[str]) -> list[str] | None:
    """None where one of them is for any room, or is not understood."""
    try:
        return [room for payload in payloads for room in msgspec.json.decode(payload, type=list[str])]
    except msgspec.DecodeError:
        return None
