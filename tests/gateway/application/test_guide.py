"""docs/how-to/application.md works as written: its examples are one module, which a gateway serves here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.test_writing_guide import SHOP
from tests.gateway.application.shop import bearer
from tests.support.gateway import ROOT
from tests.support.waiting import until
from tests.support.wire import wire
from tests.transport.inside import running

GUIDE = (ROOT / "docs" / "how-to" / "application.md").read_text()
MODULE = "".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
TEXT = {"type": "string", "minLength": 1}
FILES: dict[str, dict[str, Any]] = {
    **SHOP,
    "server/news": {
        "title": "News",
        "properties": {"type": {"const": "news"}, "text": TEXT},
        "required": ["type", "text"],
    },
    "rooms/chat": {
        "title": "ChatMessage",
        "x-room": {"pattern": "chat-*", "history": {"size": 10, "ttl": 60}, "presence": True},
        "x-access": {"join": "anyone", "send": "anyone"},
        "properties": {"text": TEXT},
        "required": ["text"],
    },
}


async def test_the_guide_works_as_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in FILES.items():
        file = tmp_path / "schema" / f"{name}.schema.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"type": "object", "additionalProperties": False, **content}))
    module: dict[str, Any] = {"__name__": "shop"}
    exec(compile(MODULE, "shop.py", "exec"), module)  # the guide's code
    added = module["gateway"]
    async with running(tmp_path, added=added, schema=str(tmp_path / "schema")) as inside:
        async with wire(inside.url, **bearer("keeper")) as keeper, wire(inside.url, **bearer("ada")) as ada:
            await keeper.ask({"type": "join", "room": "chat-shop"})
            assert await ada.ask({"type": "buy", "amount": 3}) == {"type": "bought", "left": 9, "by": "ada", "ref": 1}
            assert (await ada.ask({"type": "buy", "amount": 10}))["code"] == "conflict"
            await keeper.settle()
            heard = [message for message in keeper.heard if message["type"] in {"news", "message"}]
            assert [message.get("text") for message in heard if message["type"] == "news"] == [
                "order more",
                "almost sold out",
            ]
            assert [message["data"] for message in heard if message["type"] == "message"] == [{"text": "9 left"}]
            assert [message["text"] for message in ada.heard if message["type"] == "news"] == [
                "your parcel is being packed",
                "almost sold out",
            ]
            module["closed"] = True
            assert (await ada.ask({"type": "buy", "amount": 1}))["code"] == "unavailable"
        async with connect(inside.url, compression=None, proxy=None, **bearer("mallory")) as mallory:
            assert json.loads(await mallory.recv())["code"] == "forbidden"
            with pytest.raises(ConnectionClosed, match="4003"):
                await mallory.recv()
        printed: list[str] = []

        def both() -> bool:
            printed.extend(capsys.readouterr().out.splitlines())
            return len(printed) == 2

        await until(both)
        assert sorted(printed) == ["Keeper left chat-shop", "chat-shop is empty"]
