"""`GET /nodes` and `tidegate top --nodes` of a gateway that shares its engine with another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.admin.operators import OPERATORS, Operators, operated
from tidegate import __version__, cli
from tidegate.core.rooms.ports import OtherGateway
from tidegate.engines.memory import MemoryEngine

ANSWER = '["b2",{number},{{"node":"b2","host":"far","process":7,"version":"0.0.9","since":1000,"connections":3}}]'


class Shared(MemoryEngine):
    """An engine with two other gateways: one answers, and one hangs."""

    def others(self) -> Sequence[OtherGateway]:
        return [OtherGateway("b2", "present", 1.5), OtherGateway("c3", "leaving", 20.0)]

    def tell(self, node: str | None, kind: str, text: str) -> None:
        assert (node, kind) == (None, "roll-call")
        number = text.strip("[]").split(",")[1]
        asyncio.get_running_loop().call_soon(super().tell, None, "here", ANSWER.format(number=number))


@pytest.fixture
async def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Operators]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGATE_ADMIN_SECRET", OPERATORS)
    async with operated(tmp_path) as found:
        found.inside.engine.__class__ = Shared
        monkeypatch.setenv("TIDEGATE_ADMIN", f"127.0.0.1:{found.address.port}")
        yield found


async def test_the_gateways_of_other_machines_are_shown_and_one_that_hangs_is_named(operators: Operators) -> None:
    own, answers, hangs = (await operators.get("/nodes"))["items"]
    assert (own["node"], own["worker"], own["version"]) == (operators.inside.engine.node, 0, __version__)
    assert answers == {
        "node": "b2", "standing": "present", "heard": 1.5, "host": "far", "process": 7, "version": "0.0.9",
        "since": 1000, "connections": 3, "silent": False,
    }  # fmt: skip
    assert hangs == {"node": "c3", "standing": "leaving", "heard": 20.0, "silent": True}
    assert len((await operators.get("/nodes?elsewhere=0"))["items"]) == 1


async def test_the_command_shows_them(operators: Operators, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(cli.main, ["top", "--nodes", "--once"]) == 0
    head, _, _, answers, hangs = capsys.readouterr().out.splitlines()
    assert head == "3 gateways, 3 connections"
    assert answers.split()[:3] == ["b2", "far", "7"]
    assert hangs.endswith("does not answer, leaving")
