"""What the load generator counts where a server puts several answers into a frame, or one answer into several."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import ServerConnection, serve

from tests.bench.generator import Row, compiled, take
from tests.bench.measures import Server

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="the load generator needs epoll and /proc"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
]
TRICKY = '{"push":{"pub":{"data":{"text":"} { \\\\\\" }"}}}}'
"""An object with braces and a quotation mark in a string."""


def centrifuge(connection: ServerConnection) -> None:
    for text in connection:
        if '"publish"' in str(text):
            connection.send('{"id":4,"publish":{}}\n' + TRICKY)
        else:
            connection.send('{"id":1}')


def nats(connection: ServerConnection) -> None:
    connection.send(b'INFO {"server":"MS"}\r\n')
    for text in connection:
        if "PUB" in str(text):
            for part in (b"MSG chat 1 1", b'11\r\n{"text":"x"}', b"\r\nPING\r\n"):
                connection.send(part)
        else:
            connection.send(b"PO")
            connection.send(b"NG\r\n")


def pinging(connection: ServerConnection) -> None:
    for text in connection:
        assert connection.ping(b"are you there").wait(20)
        connection.send(text)


@contextmanager
def serving(dialect: str, handler: Callable[[ServerConnection], None]) -> Iterator[Server]:
    with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Server(dialect, server.socket.getsockname()[1], os.getpid(), greeting=0, dialect=dialect)
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("handler", [centrifuge, nats])
def test_units_are_counted_wherever_frames_are_cut(handler: Callable[[ServerConnection], None]) -> None:
    with serving(handler.__name__, handler) as server:
        for mode in ("ping", "message"):
            assert take(compiled("load"), server, Row({}, mode, 2, 3, 4), 0)["count"] == 2 * 3 * 4


def test_pings_of_a_server_are_answered() -> None:
    with serving("tidegate", pinging) as server:
        assert take(compiled("load"), server, Row({}, "ping", 2, 1, 3), 0)["count"] == 2 * 3
