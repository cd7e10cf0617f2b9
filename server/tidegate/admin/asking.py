"""Asks a running gateway's address for operators, for the commands `top`, `tail` and `revoke`.

It shares no code with the gateway but the meaning of the setting `admin`.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from tidegate.admin.settings import UNIX, place_of
from tidegate.core.errors import TidegateError

TIMEOUT_S = 15.0
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # read, not listened on


class NotAnswered(TidegateError):
    """The gateway does not answer, or refuses; the text says why."""


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost")
        self._path = path
        self._patience = timeout

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._patience)
        self.sock.connect(self._path)


class Address:
    """`admin`: as the setting. `secret`: None for none. Raises ValueError for an address that is none."""

    def __init__(self, admin: str, secret: str | None) -> None:
        self.admin = admin
        self._headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        if not admin.startswith(UNIX):
            place_of(admin)

    def get(self, path: str, asked: Mapping[str, Any] | None = None) -> Any:
        """What a path answers. Raises NotAnswered."""
        return json.loads(self.text(path, asked))

    def text(self, path: str, asked: Mapping[str, Any] | None = None) -> str:
        """As `get`, for an answer that is no JSON."""
        return b"".join(self._answer("GET", _with(path, asked), None, TIMEOUT_S)).decode()

    def post(self, path: str, asked: Mapping[str, Any]) -> Any:
        """As `get`."""
        return json.loads(b"".join(self._answer("POST", path, json.dumps(dict(asked)), TIMEOUT_S)))

    def follow(self, path: str, asked: Mapping[str, Any]) -> Iterator[Any]:
        """The lines that a path answers, as they come. Raises NotAnswered."""
        for line in self._answer("GET", _with(path, asked), None, None):
            yield json.loads(line)

    def _answer(self, method: str, path: str, body: str | None, timeout: float | None) -> Iterator[bytes]:
        connection = self._connection(timeout)
        try:
            connection.request(method, path, body, self._headers)
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise NotAnswered(_why(response.status, response.read()))
            while line := response.readline():
                yield line
        except (OSError, http.client.HTTPException) as error:
            raise NotAnswered(f"{self.admin} does not answer: {error}") from None
        finally:
            connection.close()

    def _connection(self, timeout: float | None) -> http.client.HTTPConnection:
        if self.admin.startswith(UNIX):
            return _Unix(self.admin.removeprefix(UNIX), timeout)
        host, port = place_of(self.admin)
        return http.client.HTTPConnection(ANY_ADDRESS.get(host, host), port, timeout=timeout)


def _with(path: str, asked: Mapping[str, Any] | None) -> str:
    given = {name: value for name, value in (asked or {}).items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _why(status: int, body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the gateway answered with status {status}"
