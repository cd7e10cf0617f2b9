"""Custom messages end to end: the application's schema, its handlers and both generated clients."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import ROOT, GatewayProcess, tidegate
from tests.support.wire import wire
from tidegate_client import RequestRefused, connect

REF = {"$ref": "../types/ref.schema.json"}
FILES: dict[str, dict[str, Any]] = {
    "client/buy": {
        "title": "BuyRequest",
        "type": "object",
        "x-reply": "bought",
        "x-access": {"send": "anyone"},
        "properties": {"type": {"const": "buy"}, "ref": REF, "amount": {"type": "integer", "minimum": 1}},
        "required": ["type", "amount"],
        "additionalProperties": False,
    },
    "client/restock": {
        "title": "RestockRequest",
        "type": "object",
        "x-reply": "bought",
        "x-access": {"send": "role:keeper"},
        "properties": {"type": {"const": "restock"}, "ref": REF},
        "required": ["type"],
        "additionalProperties": False,
    },
    "client/forgotten": {
        "title": "ForgottenRequest",
        "type": "object",
        "x-reply": "bought",
        "x-access": {"send": "anyone"},
        "properties": {"type": {"const": "forgotten"}, "ref": REF},
        "required": ["type"],
        "additionalProperties": False,
    },
    "server/bought": {
        "title": "Bought",
        "type": "object",
        "properties": {"type": {"const": "bought"}, "ref": REF, "left": {"type": "integer"}, "by": {"type": "string"}},
        "required": ["type", "left", "by"],
        "additionalProperties": False,
    },
}
HANDLERS = """
from app_contract import Bought, BuyRequest
from tidegate.handlers import Call, Gateway, Refused

gateway = Gateway()
stock = 10


@gateway.on("buy")
async def buy(request: BuyRequest, call: Call) -> Bought:
    global stock
    if request.amount == 7:
        raise RuntimeError("the till is stuck")
    if request.amount == 8:
        return {"left": "plenty", "by": call.user.id}
    if request.amount > stock:
        raise Refused("conflict", "not that many are left", pointer="/amount")
    stock -= request.amount
    return Bought(left=stock, by=call.user.id)


@gateway.on("restock")
def restock(message: dict) -> dict:
    global stock
    stock = 10
    return {"left": stock, "by": "keeper"}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[GatewayProcess]:
    for name, schema in FILES.items():
        file = tmp_path / "schema" / f"{name}.schema.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(schema))
    (tmp_path / "shop.py").write_text(HANDLERS)
    for command in (("generate",), ("migrate",)):
        done = tidegate(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    contract = {"PYTHONPATH": str(tmp_path / "generated" / "python")}
    process = GatewayProcess(
        tmp_path, "--dev", "--schema", "schema", "--handlers", "shop:gateway", environment=contract
    )
    process.start()
    yield process
    process.stop()


async def test_a_handler_answers_refuses_or_fails_for_one_request(shop: GatewayProcess) -> None:
    async with wire(shop.url) as client:
        user = client.heard[0]["user"]["id"]
        bought = await client.ask({"type": "buy", "amount": 3})
        assert (bought["type"], bought["left"], bought["by"]) == ("bought", 7, user)
        refused = await client.ask({"type": "buy", "amount": 9})
        assert (refused["code"], refused["pointer"]) == ("conflict", "/amount")
        invalid = await client.ask({"type": "buy", "amount": 0})
        assert (invalid["code"], invalid["pointer"], invalid["keyword"]) == ("invalid_message", "/amount", "minimum")
        assert (await client.ask({"type": "buy", "amount": 7}))["code"] == "internal"
        # In development mode the gateway validates its messages: a handler cannot send an invalid reply.
        assert (await client.ask({"type": "buy", "amount": 8}))["code"] == "internal"
        assert (await client.ask({"type": "forgotten"}))["code"] == "unknown_type"
        await client.say({"type": "buy", "amount": 1})
        assert [message["type"] for message in await client.settle()] == []
        assert (await client.ask({"type": "buy", "amount": 1}))["left"] == 5
    log = shop.log_file.read_text()
    assert "no handler: messages of type 'forgotten' are refused" in log
    assert "the till is stuck" in log
    assert "the reply of the handler buy does not fit 'bought': /left: " in log
    assert "plenty" not in log


async def test_the_gateway_enforces_the_access_rule_of_a_custom_message(shop: GatewayProcess) -> None:
    async with wire(shop.url) as client:
        assert (await client.ask({"type": "restock"}))["code"] == "unauthenticated"
        token = tidegate("token", "--dev", "--user", "1", "--role", "keeper", cwd=shop.folder).stdout.strip()
        await client.ask({"type": "authenticate", "token": token})
        assert (await client.ask({"type": "restock"}))["left"] == 10


async def test_the_python_client_sends_a_custom_message(shop: GatewayProcess) -> None:
    async with connect(shop.url) as client:
        reply = await client.request({"type": "buy", "amount": 2})
        assert reply["left"] == 8
        with pytest.raises(RequestRefused) as refused:
            await client.request({"type": "buy", "amount": 99})
        assert (refused.value.code, refused.value.pointer, refused.value.retryable) == ("conflict", "/amount", False)


def test_the_example_of_the_guide_works(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "how-to" / "own-messages.md").read_text()
    request = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)[0]
    handlers = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[0]
    for name, schema in {"client/buy": json.loads(request), "server/bought": FILES["server/bought"]}.items():
        file = tmp_path / "schema" / f"{name}.schema.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(schema))
    (tmp_path / "shop.py").write_text(handlers)
    assert tidegate("generate", cwd=tmp_path).returncode == 0
    assert tidegate("migrate", cwd=tmp_path).returncode == 0
    contract = {"PYTHONPATH": str(tmp_path / "generated" / "python")}
    process = GatewayProcess(tmp_path, "--schema", "schema", "--handlers", "shop:gateway", environment=contract)
    process.start()
    assert process.stop() == 0


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("from tidegate.handlers import Gateway\ngateway = Gateway()\ngateway.on('bye')(lambda m: m)", "'bye'"),
        (
            "from tidegate.handlers import Gateway\ngateway = Gateway()\ngateway.on('buy')(lambda: 1)",
            "takes the message",
        ),
        ("gateway = 1", "no Gateway called 'gateway'"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
    ],
)
def test_serve_reports_unusable_handlers(tmp_path: Path, module: str, told: str) -> None:
    (tmp_path / "mine.py").write_text(module)
    assert tidegate("migrate", cwd=tmp_path).returncode == 0
    done = tidegate("serve", "--port", "0", "--handlers", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
