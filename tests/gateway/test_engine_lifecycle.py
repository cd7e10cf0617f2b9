"""The engine of a gateway that starts and stops: told before the clients go, and closed in any case."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

import pytest

from tests.support.gateway import ROOT, migrate
from tests.support.wire import wire
from tests.transport.inside import running
from tidegate import app, config, stopping
from tidegate.config import ConfigError
from tidegate.engines import opening
from tidegate.engines.memory import MemoryEngine
from tidegate.stopping import StopTimes


async def test_the_engine_is_closed_where_the_gateway_cannot_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    class Recording(MemoryEngine):
        async def aclose(self) -> None:
            closed.append("closed")
            await super().aclose()

    monkeypatch.setattr(opening, "MemoryEngine", Recording)
    database = f"sqlite:///{tmp_path / 'a.db'}"
    migrate(database, ROOT / "schema")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = {"schema": str(ROOT / "schema"), "database": database, "port": taken.getsockname()[1]}
        with pytest.raises(ConfigError, match="another program listens"):
            await app.serve(config.load(argparse.Namespace(**given), {}))
    assert closed == ["closed"]


async def test_the_other_gateways_learn_of_a_stop_while_the_clients_are_still_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[int] = []
    async with running(tmp_path) as inside:
        monkeypatch.setattr(inside.engine, "leave", lambda: connected.append(len(inside.gateway.sessions)))
        async with wire(inside.url) as client:

            async def skipped(seconds: float) -> bool:
                return True

            await stopping.stop(inside.gateway, inside.listener, StopTimes(0.0, 0.0, 1.0), lambda: 0.0, skipped)
            assert (await client.hear("goodbye"))["code"] == 4201
    assert connected == [1]
