"""A subscriber of a real gateway: a copy that a client keeps over the wire."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from contextlib import ExitStack

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.twin.pair import Pair
from tests.twin.shared_tables import Copy, Resource, Row, Rows


class LiveCopy(Copy):
    """One connection with a subscription to each resource."""

    def __init__(self, gateway: GatewayProcess, shared: dict[str, Resource], pair: Pair) -> None:
        super().__init__(shared, pair)
        self._gateway = gateway
        self._names: dict[str, str] = {}
        self._refs = 0
        self._unavailable: list[str] = []
        """What the gateway said of itself to this client, since it subscribed."""
        self._until_closed = ExitStack()
        self._line = self._connect()
        self._logged = len(self.log())
        try:
            for name in self.resources:
                self._ask({"type": "subscribe", "resource": name, "snapshot": True})
            self._ask({"type": "ping"})
        except ConnectionClosed as closed:
            self.pair.differ(f"the gateway closes a connection that subscribes: {closed}\n{self.log()[-1500:]}")

    def close(self) -> None:
        self._until_closed.close()

    def lists(self) -> dict[str, Rows] | str:
        found: dict[str, Rows] = {}
        try:
            for name, resource in self.resources.items():
                reply = self._ask({"type": "list", "resource": name})
                if reply["type"] == "error":
                    if reply["code"] == "unavailable":
                        self._unavailable.append(str(reply))
                    return f"list of {name} answers {reply}"
                found[name] = resource.by_key(reply["rows"])
        except ConnectionClosed as closed:
            self._unavailable.append(str(closed))
            return f"the gateway closed the connection: {closed}"
        return found

    def told(self) -> bool:
        return self._readiness() == 503 and len(self.log()) > self._logged and bool(self._unavailable)

    def log(self) -> str:
        return self._gateway.log_file.read_text()

    def _readiness(self) -> int:
        try:
            with urllib.request.urlopen(f"{self._gateway.http}/readyz", timeout=DEADLINE_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def _connect(self) -> ClientConnection:
        patient = connect(
            self._gateway.url, open_timeout=DEADLINE_S, compression=None, max_size=None, ping_interval=None
        )
        line = self._until_closed.enter_context(patient)
        line.recv(DEADLINE_S)
        return line

    def _ask(self, message: Row) -> Row:
        self._refs += 1
        self._line.send(json.dumps({**message, "ref": self._refs}))
        while True:
            heard: Row = json.loads(self._line.recv(DEADLINE_S))
            self._hear(heard)
            if heard.get("ref") == self._refs:
                return heard

    def _hear(self, message: Row) -> None:
        match message["type"]:
            case "subscribed":
                self._names[message["subscription"]] = message["resource"]
            case "snapshot":
                name = self._names[message["subscription"]]
                if message["reset"]:
                    self.rows[name] = {}
                self.rows[name] |= self.resources[name].by_key(message["rows"])
            case "update":
                name = self._names[message["subscription"]]
                key = self.resources[name].key_of(message["data"])
                if message["action"] == "delete":
                    self.rows[name].pop(key, None)
                else:
                    self.rows[name][key] = message["data"]
            case "error" | "unsubscribed" | "goodbye" if "ref" not in message:
                self._unavailable.append(str(message))
