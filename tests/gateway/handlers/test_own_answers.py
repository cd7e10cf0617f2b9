"""What a handler may answer: own errors with their data, acknowledgements, and replies that fit their schema."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.handlers.answers import serving
from tests.support.cases import every_case
from tests.support.waiting import until
from tests.support.wire import wire
from tidegate.contract import APPLICATION
from tidegate.handlers import Call, Gateway, Refused

SAYS_WHAT_TO_DECLARE = "declare it in `x-refusals` of its schema; declared are 'closed', 'sold_out'"
REFUSALS: dict[str, tuple[Refused, dict[str, Any], str]] = {
    "with data": (
        Refused("sold_out", "none left", data={"left": 0}, pointer="/how"),
        {"code": "app:sold_out", "data": {"left": 0}, "temporary": False, "pointer": "/how"},
        "",
    ),
    "without data": (Refused("closed", "shut"), {"code": "app:closed", "data": {}}, ""),
    "to be tried later": (Refused("closed", "shut", retry_after=2), {"code": "app:closed", "retry_after": 2}, ""),
    "lacks its data": (Refused("sold_out", "none left"), {"code": "internal"}, '/: lacks the property "left"'),
    "with wrong data": (Refused("sold_out", "", data={"left": "secret"}), {"code": "internal"}, "/left: "),
    "with data that is no JSON": (Refused("sold_out", "", data=object()), {"code": "internal"}, "cannot be sent"),
    "with too much data": (Refused("closed", "", data={"day": "x" * 70_000}), {"code": "internal"}, "65,536 bytes"),
    "of another message": (Refused("late", ""), {"code": "internal"}, SAYS_WHAT_TO_DECLARE),
    "with the prefix": (Refused(f"{APPLICATION}sold_out", ""), {"code": "internal"}, SAYS_WHAT_TO_DECLARE),
    "of the protocol": (Refused("conflict", "taken"), {"code": "conflict", "message": "taken"}, ""),
    "of the protocol, with data": (Refused("conflict", "", data=1), {"code": "internal"}, "'conflict' has no data"),
}
"""What a handler raises, what the client gets of it, and what the log says."""
REPLIES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "fits": ({"left": 1}, {"type": "bought", "left": 1}, ""),
    "has a wrong value": ({"left": "secret"}, {"code": "internal"}, "does not fit 'bought': /left: must be integer"),
    "has no value": ({}, {"code": "internal"}, "does not fit 'bought': /: lacks the property \"left\""),
    "has another property": ({"left": 1, "to": "secret"}, {"code": "internal"}, "does not fit 'bought': /to: "),
    "is none": (None, {"code": "internal"}, "does not fit 'bought'"),
    "is what the encoder changes": ({"left": float("nan")}, {"code": "internal"}, "/left: must be integer"),
}


async def test_the_schema_decides_what_a_handler_may_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gateway = Gateway()

    @gateway.on("buy")
    async def buy(request: dict[str, Any]) -> Any:
        kind, name = request["how"]
        if kind == "raise":
            raise REFUSALS[name][0]
        return REPLIES[name][0]

    cases = [("raise", name, *case[1:]) for name, case in REFUSALS.items()]
    cases += [("return", name, *case[1:]) for name, case in REPLIES.items()]
    async with serving(tmp_path, gateway) as inside, wire(inside.url) as client:
        with every_case() as case:
            for kind, name, expected, told in cases:
                with case(f"{kind} {name}"):
                    caplog.clear()
                    answer = await client.ask({"type": "buy", "how": [kind, name]})
                    assert answer.items() >= expected.items(), answer
                    assert ("data" in answer) is answer.get("code", "").startswith(APPLICATION)
                    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
                    assert len(logged) == bool(told)
                    assert told in "".join(logged)
                    assert "secret" not in "".join(logged)


async def test_a_message_that_names_no_reply_is_acknowledged_once_its_handler_has_returned(tmp_path: Path) -> None:
    gateway, done = Gateway(), list[Any]()

    @gateway.on("note")
    def note(request: dict[str, Any]) -> str:
        done.append(request.get("how"))
        return "is sent to no client"

    async with serving(tmp_path, gateway) as inside, wire(inside.url) as client:
        for ref in (7, "seven"):
            await client.say({"type": "note", "ref": ref, "how": ref})
            assert await client.hear("ok") == {"type": "ok", "ref": ref}
            assert done.pop() == ref
        await client.say({"type": "note"})
        await client.ask({"type": "note"})
        await until(lambda: done == [None, None])
        assert [message for message in await client.settle() if message["type"] == "ok"] == []


async def test_a_handler_knows_the_user_and_the_token(tmp_path: Path) -> None:
    gateway, calls = Gateway(), list[Call]()

    @gateway.on("note")
    async def note(request: dict[str, Any], call: Call) -> None:
        calls.append(call)

    async with serving(tmp_path, gateway) as inside, wire(inside.url) as client:
        await client.ask({"type": "note"})
        assert (calls[0].user.anonymous, calls[0].claims, calls[0].expires_at) == (True, {}, None)
        assert calls[0].connection == client.heard[0]["connection"]
        session = next(iter(inside.gateway.sessions))
        session.claims, session.expires_at = {"tenant": ["a"]}, 1_900_000_000.0
        await client.ask({"type": "note"})
        assert (calls[1].claims, calls[1].expires_at) == ({"tenant": ["a"]}, 1_900_000_000.0)
        calls[1].claims["tenant"].append("b")
        assert session.claims == {"tenant": ["a"]}


async def test_a_handler_that_takes_a_dict_for_a_struct_is_told_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Gateway()

    @gateway.on("buy")
    async def buy(request: Any) -> Any:
        return {"left": request.how}

    async with serving(tmp_path, gateway) as inside, wire(inside.url) as client:
        assert (await client.ask({"type": "buy", "how": "x"}))["code"] == "internal"
    (line,) = [text for text in caplog.messages if "buy failed; the client gets" in text]
    assert "the message is a dict, because the first parameter is not annotated with a Struct" in line
