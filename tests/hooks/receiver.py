"""A receiver of webhooks: an HTTP server in a thread, which answers as the test says and remembers what it got."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "a-secret-of-the-tests-of-webhooks"

Answer = Callable[[dict[str, Any]], int | tuple[int, dict[str, str]]]


class Receiver:
    """`taken`: what it answered with 200, in order. `asked`: all messages, with the headers of each."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.asked: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.answer: Answer = lambda event: 200
        self.forged = 0
        self.url = ""
        self._lock = threading.Lock()

    def got(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(SECRET.encode(), signed, "sha256").digest()).decode()
        event = json.loads(body)
        with self._lock:
            self.forged += f"v1,{expected}" not in headers["webhook-signature"].split(" ")
            self.asked.append((event, headers))
        answer = self.answer(event)
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        if status == 200:
            with self._lock:
                self.taken.append(event)
        return status, more

    def types(self) -> list[str]:
        with self._lock:
            return [event["type"] for event in self.taken]


@contextlib.contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A receiver that listens until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, more = receiver.got(body, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook?from=tidegate"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
