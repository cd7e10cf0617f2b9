"""Webhooks of gateways that are killed, to a receiver that refuses some: all arrives, each row's events in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

import tidegate_client.sync
from tests.hooks.receiver import SECRET, Receiver, receiving
from tests.support.gateway import ROOT, GatewayProcess, migrate
from tests.support.postgres import PostgresServer
from tidegate.store.hook_outbox import HookOutbox
from tidegate_client import RequestRefused

pytestmark = [pytest.mark.process, pytest.mark.long]

ROWS, CHANGES = 40, 5
DEADLINE_S = 60.0


def settings(folder: Path, receiver: Receiver) -> Path:
    file = folder / "tidegate.toml"
    file.write_text(
        f'[[hooks]]\nname = "crm"\nurl = "{receiver.url}"\nevents = ["row.*"]\nsecret = "{SECRET}"\n'
        'resources = ["users"]\n'
    )
    return file


def until(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def write(ports: list[int], wrong: list[BaseException]) -> None:
    """Rows and their changes, at one gateway after the other."""
    try:
        for number in range(ROWS):
            with tidegate_client.sync.connect(f"ws://127.0.0.1:{ports[number % len(ports)]}/ws", wait=True) as client:
                users = client.resource("users")
                new = {"name": "0", "email": f"{number}@example.com"}
                row = again(partial(users.create, new, key=f"{number}"))
                for change in range(1, CHANGES):
                    again(partial(users.update, row["id"], {"name": str(change)}, key=f"{number} {change}"))
    except BaseException as error:
        wrong.append(error)


def again(request: Callable[[], Any]) -> Any:
    """A gateway that is killed does not know whether it wrote."""
    while True:
        try:
            return request()
        except RequestRefused as refused:
            if not refused.retryable:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("kind", ["sqlite", "sqlite of workers", "postgresql"])
def test_every_change_arrives_though_gateways_are_killed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = f"sqlite:///{tmp_path / 'hooks.db'}"
    if kind == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        database = server.url(server.database())
    with receiving() as receiver, ExitStack() as stack:
        refused = set[str]()

        def answer(event: dict[str, Any]) -> int:
            row = event["data"]["row"]
            if row["email"].startswith("3") and row["name"] == "2" and row["email"] not in refused:
                refused.add(row["email"])
                return 503
            return 200

        receiver.answer = answer
        options = ["--config", str(settings(tmp_path, receiver)), "--database", database]
        migrate(database, ROOT / "schema")
        outbox = HookOutbox(database)
        outbox.create()
        gateways = []
        for number in range(2 if kind == "postgresql" else 1):
            folder = tmp_path / str(number)
            folder.mkdir()
            workers = ["--workers", "2"] if kind.endswith("workers") else []
            gateway = GatewayProcess(folder, *options, *workers)
            gateway.start()
            stack.callback(gateway.stop)
            gateways.append(gateway)
        wrong: list[BaseException] = []
        writer = threading.Thread(target=write, args=([gateway.port for gateway in gateways], wrong))
        writer.start()
        for turn in range(4):
            time.sleep(0.5)
            gateway = gateways[turn % len(gateways)]
            if kind.endswith("workers"):
                children = psutil.Process(gateway.pid).children()
                children[turn % len(children)].kill()  # the hub and both workers; the supervisor replaces it
            else:
                gateway.kill()
                gateway.start()
        writer.join(DEADLINE_S)
        assert not wrong, wrong
        until(lambda: not outbox.count("crm") and len(_named(receiver)) >= ROWS and _complete(receiver))
        outbox.close()
    assert receiver.forged == 0
    for row, names in _named(receiver).items():
        first = sorted(set(names), key=names.index)
        assert first == [str(change) for change in range(CHANGES)], (row, names)


def _named(receiver: Receiver) -> dict[str, list[str]]:
    """The names that each row had, as the receiver heard it."""
    found: dict[str, list[str]] = {}
    for event in list(receiver.taken):
        row = event["data"]["row"]
        found.setdefault(row["email"], []).append(row["name"])
    return found


def _complete(receiver: Receiver) -> bool:
    return all(len(set(names)) == CHANGES for names in _named(receiver).values())
