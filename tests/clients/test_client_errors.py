"""Errors of the Python client: each code of the schema is one RequestRefused that knows whether to try again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.clients.scripted import PATIENCE, ScriptedGateway, begun
from tests.support.gateway import ROOT
from tidegate_client import ConnectionRefused, RequestRefused, TidegateError, connect, errors
from tidegate_protocol import ERRORS

TABLE: dict[str, dict[str, Any]] = json.loads((ROOT / "schema" / "types" / "error_code.schema.json").read_text())[
    "x-errors"
]
CLOSES: dict[str, dict[str, str]] = json.loads((ROOT / "schema" / "types" / "close_code.schema.json").read_text())[
    "x-closes"
]


def test_the_client_has_the_schemas_table() -> None:
    assert set(ERRORS) == set(TABLE)
    for code, row in TABLE.items():
        known = ERRORS[code]
        assert (known.meaning, known.temporary, known.action) == (row["meaning"], row["temporary"], row["action"])


async def test_every_code_is_a_refusal_that_is_retryable_if_it_is_temporary(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        for code, row in TABLE.items():
            asked = begun(client.ping())
            fields = {"code": code, "message": "no", "temporary": row["temporary"]}
            await peer.reply(await peer.expect("ping"), "error", **fields)
            with pytest.raises(RequestRefused) as caught:
                await asked
            assert (caught.value.code, caught.value.retryable) == (code, row["temporary"])
        assert client.status == "open"


@pytest.mark.parametrize("code", [code for code in CLOSES if int(code) >= 4000])
async def test_close_codes_end_the_client_or_do_not_as_the_schema_says(scripted: ScriptedGateway, code: str) -> None:
    final = CLOSES[code]["reconnect"] == "never"
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        statuses = client.statuses()
        await peer.close(int(code))
        async with asyncio.timeout(PATIENCE):
            status = await anext(statuses)
        assert status == ("closed" if final else "reconnecting")
        if final:
            with pytest.raises(ConnectionRefused) as caught:
                await client.ping()
            assert (caught.value.close_code, caught.value.retryable) == (int(code), False)


def test_every_class_knows_whether_to_try_again() -> None:
    """test_words.py compares the names with those of the TypeScript client."""
    found = {name: getattr(errors, name) for name in errors.__all__}
    classes = {name for name, value in found.items() if isinstance(value, type) and issubclass(value, TidegateError)}
    made = {
        "RequestTimeout": errors.RequestTimeout("late").retryable,
        "ConnectionLost": errors.ConnectionLost("lost").retryable,
        "Unreachable": errors.Unreachable("nobody").retryable,
        "ConnectionRefused": errors.ConnectionRefused("go").retryable,
        "ClientClosed": errors.ClientClosed().retryable,
        "InvalidOption": errors.InvalidOption("no").retryable,
        "StreamOverflow": errors.StreamOverflow(1, 1).retryable,
        "ModelMismatch": errors.ModelMismatch("no").retryable,
    }
    assert classes == {"TidegateError", "RequestRefused", "ConnectionClosed", *made}
    assert {name for name, retryable in made.items() if retryable} == {
        "RequestTimeout",
        "ConnectionLost",
        "Unreachable",
    }
    assert all(not issubclass(found[one], found[two]) for one in made for two in made if one != two)
