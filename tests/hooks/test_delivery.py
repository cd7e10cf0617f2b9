"""One message to one receiver, whatever that answers."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import every_case
from tests.support.certificates import Authority
from tests.support.deadlines import DEADLINE_S
from tidegate.hooks.delivery import HEAD_BYTES, Delivered, deliver, trusted

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a receiver that reads a request and then does `answer`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError), _secured(server.accept()[0], tls) as line:
                got = b""
                while not got.endswith(b"{}"):
                    got += line.recv(65536)
                answer(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.getsockname()[1]}/hook"
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


def _secured(line: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    return line if tls is None else tls.wrap_socket(line, server_side=True)


def delivered(answer: Callable[[socket.socket], None], timeout: float = 30.0) -> Delivered:
    with answering(answer) as url:
        return deliver(url, {}, b"{}", timeout)


def test_answers_of_all_kinds() -> None:
    ready = b"HTTP/1.1 "
    cases: dict[str, tuple[bytes, Delivered | str]] = {
        "taken": (OK, Delivered()),
        "without reason and headers": (ready + b"204\r\n\r\n", Delivered()),
        "with bare line feeds": (ready + b"200 OK\nX: y\n\n", Delivered()),
        "after interim answers": (
            ready + b"100 Continue\r\n\r\n" + ready + b"103 Hints\r\nLink: x\r\n\r\n" + OK,
            Delivered(),
        ),
        "with a huge body": (ready + b"200 OK\r\n\r\n" + bytes(1 << 20), Delivered()),
        "a redirect": (ready + b"302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", Delivered("HTTP 302")),
        "gone": (ready + b"410 Gone\r\n\r\n", Delivered("HTTP 410", gone=True)),
        "later": (ready + b"503 No\r\nRetry-After: 7\r\n\r\n", Delivered("HTTP 503", retry_after=7.0)),
        "nothing": (b"", "RemoteDisconnected"),
        "half a head": (ready + b"200 OK\r\nX: ", "RemoteDisconnected"),
        "no HTTP": (b"hello\r\n\r\n", "BadStatusLine"),
        "no status": (ready + b"two OK\r\n\r\n", "BadStatusLine"),
        "a huge head": (ready + b"200 OK\r\n" + b"X: y\r\n" * HEAD_BYTES, "HTTPException"),
    }
    with every_case() as case:
        for name, (answer, expected) in cases.items():
            with case(name):
                found = delivered(lambda line, answer=answer: line.sendall(answer))  # type: ignore[misc]  # its default
                if isinstance(expected, str):
                    assert (found.problem or "").startswith(expected)
                else:
                    assert found == expected


def test_a_receiver_that_answers_byte_by_byte_is_given_up_in_time() -> None:
    def slowly(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            line.sendall(b"x")
            stop.wait(0.02)

    stop = threading.Event()
    found = delivered(slowly, timeout=0.3)
    assert (found.problem or "").startswith("TimeoutError")


def test_addresses_that_do_not_answer_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full queue of connections answers no further one, as a host does that is away."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as filling:
        away = full.getsockname()
        for _ in range(4):
            sock = filling.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(away)
        known = socket.getaddrinfo

        def several(host: str, port: int, **more: Any) -> list[Any]:
            dead = known(*away, **more)
            return 4 * dead if host == "away.example" else dead + known(host, port, **more)

        monkeypatch.setattr(socket, "getaddrinfo", several)
        begun = time.monotonic()
        found = deliver("http://away.example/hook", {}, b"{}", 0.4)
        assert (found.problem or "").startswith("TimeoutError")
        assert time.monotonic() - begun < 4 * 0.4, "each had the whole timeout"
        with answering(lambda line: line.sendall(OK)) as url:
            assert deliver(url, {}, b"{}", 2.0) == Delivered()


def test_a_url_that_no_host_has_is_a_problem_and_no_exception() -> None:
    for url in ("http://127.0.0.1:9/z\xfcr", "http://crm..example/"):
        assert deliver(url, {}, b"{}", 1.0).problem is not None


def test_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.sign("receiver"))
    try:
        for trusts in (False, True):
            if trusts:
                monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
            trusted.cache_clear()
            with answering(lambda line: line.sendall(OK), tls) as url:
                problem = deliver(url, {}, b"{}", 30.0).problem
            assert (problem is None) == trusts, problem
            assert trusts or "CERTIFICATE_VERIFY_FAILED" in str(problem)
    finally:
        trusted.cache_clear()
