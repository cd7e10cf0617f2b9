"""docs/how-to/writing-from-python.md works as written, and its table says what the models do."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import ROOT, GatewayProcess, python
from tests.support.wire import wire

GUIDE = (ROOT / "docs" / "how-to" / "writing-from-python.md").read_text()
SNIPPETS: list[str] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
PROGRAMS = [code for code in SNIPPETS if "@gateway" not in code]
(HANDLER,) = [code for code in SNIPPETS if "@gateway" in code]
REF = {"$ref": "../types/ref.schema.json"}
SHOP: dict[str, dict[str, Any]] = {
    "resources/stock": {
        "title": "Item",
        "x-resource": {"key": "id"},
        "x-access": {"read": "anyone"},
        "properties": {"id": {"type": "integer", "readOnly": True}, "left": {"type": "integer"}},
        "required": ["id", "left"],
    },
    "client/buy": {
        "title": "BuyRequest",
        "x-reply": "bought",
        "x-access": {"send": "anyone"},
        "properties": {"type": {"const": "buy"}, "ref": REF, "amount": {"type": "integer", "minimum": 1}},
        "required": ["type", "amount"],
    },
    "server/bought": {
        "title": "Bought",
        "properties": {"type": {"const": "bought"}, "ref": REF, "left": {"type": "integer"}, "by": {"type": "string"}},
        "required": ["type", "left", "by"],
    },
}


@pytest.mark.parametrize("code", PROGRAMS)
async def test_subscribers_get_the_writes_of_the_guides_program(gateway: GatewayProcess, code: str) -> None:
    shutil.copytree(ROOT / "schema", gateway.folder / "schema")
    async with wire(gateway.url) as client:
        for resource in ("users", "tasks"):
            await client.ask({"type": "subscribe", "resource": resource})
        output = await asyncio.to_thread(python, code, cwd=gateway.folder)
        if "print(" in code:
            assert output == "Paint the boat ['summer'] 3\n"
        for title in re.findall(r'title="([^"]+)"', code) or ["Step 1", "Step 2", "Step 3"]:
            await client.hear(lambda message, title=title: message.get("data", {}).get("title") == title)  # type: ignore[misc]


async def test_the_guides_handler_writes(tmp_path: Path) -> None:
    for name, rules in SHOP.items():
        file = tmp_path / "schema" / f"{name}.schema.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"type": "object", "additionalProperties": False, **rules}))
    (tmp_path / "shop.py").write_text(HANDLER)
    gateway = GatewayProcess(tmp_path, "--dev", "--schema", "schema", "--handlers", "shop:gateway")
    gateway.migrate()
    gateway.execute("INSERT INTO stock (left) VALUES (3)")
    gateway.start()
    try:
        async with wire(gateway.url) as buyer, wire(gateway.url) as watcher:
            await watcher.ask({"type": "subscribe", "resource": "stock"})
            assert (await buyer.ask({"type": "buy", "amount": 2}))["left"] == 1
            assert (await watcher.hear("update"))["data"] == {"id": 1, "left": 1}
            refused = await buyer.ask({"type": "buy", "amount": 2})
            assert (refused["code"], refused["pointer"]) == ("conflict", "/amount")
            assert (await buyer.ask({"type": "buy", "amount": 1}))["left"] == 0
            assert (await watcher.hear("update"))["data"] == {"id": 1, "left": 0}
    finally:
        assert gateway.stop() == 0
