"""What documents and HTTP make of own errors and parts, and what the gateway refuses at its start."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.handlers.answers import serving, write
from tests.gateway.http.client import http
from tidegate import application, config, schema
from tidegate.documents import asyncapi, protocol_page
from tidegate.handlers import Gateway, Refused

YIELDS = """
from tidegate.handlers import Gateway

gateway = Gateway()


@gateway.on("buy")
async def buy(request):
    yield request
"""


def test_the_documents_name_own_errors_and_parts(tmp_path: Path) -> None:
    bundle = schema.bundle(schema.load(write(tmp_path)))
    made = asyncapi(bundle)
    buy, count = (made["operations"][f"receive.App.{name}Request"] for name in ("Buy", "Count"))
    sold_out, closed = "#/components/schemas/App.BuyRequestSoldOut", "#/components/schemas/App.BuyRequestClosed"
    assert buy["x-refusals"] == {"app:sold_out": {"$ref": sold_out}, "app:closed": {"$ref": closed}}
    assert "App.BuyRequestSoldOut" in made["components"]["schemas"]
    assert count["x-part"] == {"$ref": "#/components/schemas/App.CountRequestPart"}
    assert [answer["$ref"].rpartition("/")[2] for answer in count["reply"]["messages"]] == [
        "Part", "App.Counted", "ErrorMessage",
    ]  # fmt: skip
    assert made["operations"]["receive.App.HurryRequest"]["x-timeout"] == 0.2
    page = protocol_page(bundle)
    assert "app:sold_out" in page
    assert "Parts before the reply" in page


async def test_own_errors_over_http_are_409_with_their_data(tmp_path: Path) -> None:
    gateway = Gateway()

    @gateway.on("buy")
    async def buy(request: dict[str, Any]) -> Any:
        raise Refused("sold_out", "none left", data={"left": 0})

    async with serving(tmp_path, gateway) as inside, http(inside) as client:
        refused = await client.post("buy")
        assert (refused.status, refused.json["code"], refused.json["data"]) == (409, "app:sold_out", {"left": 0})


def test_a_handler_that_yields_needs_a_schema_of_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "yields_without_parts.py").write_text(YIELDS)
    given = {"schema": str(write(tmp_path)), "handlers": "yields_without_parts:gateway"}
    settings = config.load(argparse.Namespace(**given), {})
    with pytest.raises(config.ConfigError, match="buy yields, and the schema of 'buy' has no `x-part`"):
        application.load_application(settings)
