"""A subscriber in a separate process, so that its reading delays no other client.

`python -m tests.support.reader URL FILTERS COUNT` subscribes to users, prints "ready", and reads until it has
COUNT rows, and no more; it resumes from its position when its connection is cut. It ends with a line of JSON: the names
in order, how often it was cut, and the seconds from the first to the last.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.deadlines import DEADLINE_S

PATIENCE_S = DEADLINE_S
"""After so many seconds without a message, no message is on its way."""


class Reader:
    def __init__(self, url: str, filters: dict[str, Any], count: int) -> None:
        self.names: list[str] = []
        self.cuts: list[int] = []
        self._since: dict[str, Any] | None = None
        self._url, self._filters, self._count = url, filters, count
        self._first = 0.0

    def run(self) -> dict[str, Any]:
        while len(self.names) < self._count:
            with connect(self._url, compression=None, max_size=None) as line:
                try:
                    self._listen(line)
                except ConnectionClosed as closed:
                    self.cuts.append(closed.rcvd.code if closed.rcvd else 1006)
                except TimeoutError:  # a row is missing: report the received ones
                    break
        return {"names": self.names, "cuts": self.cuts, "seconds": time.monotonic() - self._first}

    def _listen(self, line: Any) -> None:
        request = {"type": "subscribe", "ref": 1, "resource": "users", "filters": self._filters}
        line.send(json.dumps(request if self._since is None else {**request, "since": self._since}))
        while len(self.names) < self._count:
            message = json.loads(line.recv(PATIENCE_S))
            if message["type"] == "update":
                self._first = self._first or time.monotonic()
                self.names.append(message["data"]["name"])
                self._since = message["position"]
            elif message["type"] == "subscribed":
                assert message["mode"] == ("live" if self._since is None else "recovered"), message
                if self._since is None:
                    self._since = message["position"]
                    print("ready", flush=True)
        line.send('{"type": "ping", "ref": "end"}')
        while (message := json.loads(line.recv(PATIENCE_S))).get("ref") != "end":
            assert message["type"] != "update", message


if __name__ == "__main__":
    print(json.dumps(Reader(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])).run()))
