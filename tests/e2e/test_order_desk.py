"""docs/tutorial/order-desk.md: the application of the page, run as the page says."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.hooks.receiver import Receiver, receiving
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT
from tests.support.waiting import until
from tidegate.cli import main
from tidegate.testing import TestingGateway, running
from tidegate_client import RequestRefused

PAGE = (ROOT / "docs" / "tutorial" / "order-desk.md").read_text()
FILES = re.findall(r"```(?:json|python|toml) (\S+)\n(.*?)```", PAGE, re.DOTALL)
STEPS = re.findall(r"```(curl|answer)\n(.*?)```", PAGE, re.DOTALL)
(PRINTED,) = re.findall(r"```answer ann\.py\n(.*?)```", PAGE, re.DOTALL)
SECRET = re.findall(r'secret = "(.*?)"', PAGE)[0]

pytestmark = pytest.mark.process


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TestingGateway, Receiver]]:
    """The gateway of the page, with a warehouse."""
    with receiving() as warehouse:
        for name, text in FILES:
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace("http://127.0.0.1:9999/paid", warehouse.url))
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr("tests.hooks.receiver.SECRET", SECRET)
        monkeypatch.delitem(sys.modules, "desk", raising=False)
        assert main(["check"]) == 0
        hooks = tomllib.loads((tmp_path / "tidegate.toml").read_text())["hooks"]
        with running("schema", "desk:gateway", hooks=hooks) as gateway:
            yield gateway, warehouse


def curl(command: str, environment: dict[str, str]) -> dict[str, Any]:
    """The answer that the command prints."""
    run = subprocess.run(
        ["bash", "-c", command], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def stock_a_lamp(gateway: TestingGateway) -> None:
    """Write a product past the gateway, with a connection that waits for other writers."""
    database = apsw.Connection(gateway.database.removeprefix("sqlite:///"))
    database.set_busy_timeout(int(DEADLINE_S * 1000))
    database.execute("INSERT INTO products (name, \"left\") VALUES ('Lamp', 3)")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_page_works_as_it_says(desk: tuple[TestingGateway, Receiver], tmp_path: Path) -> None:
    gateway, warehouse = desk
    stock_a_lamp(gateway)
    environment = {
        "TIDEGATE": gateway.http,
        "ANN": gateway.token("ann"),
        "DESK": gateway.token("desk", roles=["desk"]),
    }
    answers = 0
    for (kind, text), (following, expected) in zip(STEPS, [*STEPS[1:], ("", "")], strict=True):
        if kind != "curl":
            continue
        answer = curl(text, environment)
        if following == "answer":
            assert list(answer.items()) == list(json.loads(expected).items())
            answers += 1
        else:
            assert answer.get("type") != "error", answer
    assert answers == 2
    await until(lambda: len(warehouse.taken) == 1)
    assert warehouse.taken[0]["data"]["row"]["status"] == "paid"
    assert warehouse.forged == 0

    spec = importlib.util.spec_from_file_location("ann", tmp_path / "ann.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    assert await program.main(gateway.url, environment["ANN"]) == PRINTED.splitlines()


def test_another_customer_sees_nothing_and_a_deleted_order_ends_its_room(
    desk: tuple[TestingGateway, Receiver],
) -> None:
    gateway, _ = desk
    stock_a_lamp(gateway)
    with (
        gateway.blocking_client("ann") as ann,
        gateway.blocking_client("bob") as bob,
        gateway.blocking_client("desk", roles=["desk"]) as staff,
    ):
        assert ann.request({"type": "order", "product": 1, "amount": 1})["id"] == 1
        assert bob.resource("orders").list() == []
        with pytest.raises(RequestRefused, match="forbidden"):
            bob.join("order-1")
        room = ann.join("order-1")
        staff.resource("orders").delete(1)
        with pytest.raises(RequestRefused, match="removed"):
            next(iter(room))


def test_the_page_is_in_the_index() -> None:
    assert "tutorial/order-desk.md" in (ROOT / "docs" / "README.md").read_text()
