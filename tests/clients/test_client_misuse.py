"""Values that no option, message or reply has: each fails alone and at once, typed, and the client lives on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from tests.clients.scripted import PATIENCE, Peer, ScriptedGateway, begun
from tidegate_client import Client, ConnectionRefused, InvalidOption, LiveQuery, RequestRefused, TidegateError, connect

Call = Callable[[Any], Awaitable[Any]]

REFUSED: dict[str, tuple[str, Call]] = {
    "since of a room is a text": ("invalid_option", lambda client: client.join("a", since="later")),
    "since of a room is a number": ("invalid_option", lambda client: client.join("a", since=5)),
    "since of a room is one of rows": (
        "invalid_option",
        lambda client: client.join("a", since={"epoch": "e", "seq": 1}),
    ),
    "buffer is negative": ("invalid_option", lambda client: client.join("a", buffer=-1)),
    "overflow is no word": ("invalid_option", lambda client: client.join("a", overflow="newest")),
    "a room has a number for a name": ("invalid_option", lambda client: client.join(5)),
    "info is an object of a class": ("not_json", lambda client: client.join("a", info=object())),
    "since of rows is a text": ("invalid_option", lambda client: client.subscribe("users", since="x")),
    "since of rows is one of a room": (
        "invalid_option",
        lambda client: client.subscribe("users", since={"epoch": "e", "offset": 1}),
    ),
    "buffer of rows is negative": ("invalid_option", lambda client: client.subscribe("users", buffer=-1)),
    "limit is a text": ("invalid_option", lambda client: client.subscribe("users", limit="5")),
    "a sort has a number": ("invalid_option", lambda client: client.subscribe("users", sort=[5])),
    "a sort has no field": ("invalid_option", lambda client: client.subscribe("users", sort=[{"order": "asc"}])),
    "a message has no type": ("invalid_message", lambda client: client.request({})),
    "a message has a list for a type": ("invalid_message", lambda client: client.request({"type": []})),
    "a message is a text": ("invalid_message", lambda client: client.request("ping")),
    "a token is a number": ("invalid_option", lambda client: client.authenticate(5)),
}


async def test_what_no_call_takes_fails_alone_and_sends_nothing(scripted: ScriptedGateway) -> None:
    wrong: list[str] = []
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        for label, (code, call) in REFUSED.items():
            try:
                await asyncio.wait_for(call(client), 1)
            except TidegateError as error:
                wrong += [] if error.code == code else [f"{label}: {error!r}"]
            except Exception as error:
                wrong.append(f"{label}: {error!r}")
            else:
                wrong.append(f"{label}: taken")
        assert wrong == []
        asked = begun(client.ping())
        await peer.reply(await peer.expect("ping"), "pong", time=7)
        assert await asked == 7


OPTIONS: dict[str, Any] = {
    "no timeout": {"request_timeout": None},
    "a text for a timeout": {"request_timeout": "5"},
    "no time to open": {"open_timeout": math.nan},
    "a fraction for a buffer": {"buffer": 1.5},
    "a number for an identity": {"identity": 5},
    "a number for a token": {"token": 5},
    "no url": {"url": None},
    "bytes for a url": {"url": b"ws://127.0.0.1"},
}


def test_an_option_with_a_value_of_another_type() -> None:
    wrong: list[str] = []
    for label, options in OPTIONS.items():
        try:
            connect(**{"url": "ws://127.0.0.1:1/ws", **options})
        except InvalidOption:
            continue
        except Exception as error:
            wrong.append(f"{label}: {error!r}")
        else:
            wrong.append(f"{label}: taken")
    assert wrong == []


CALLS: dict[str, Call] = {
    "ping": lambda client: client.ping(),
    "list": lambda client: client.resource("users").list(),
    "get": lambda client: client.resource("users").get(1),
    "create": lambda client: client.resource("users").create({"name": "Ann"}),
    "authenticate": lambda client: client.authenticate("token"),
    "subscribe": lambda client: client.subscribe("users"),
}
REPLIES: dict[str, dict[str, Any]] = {
    "of another type": {"type": "of_the_future"},
    "with a number for a list": {"type": "rows", "rows": 5, "position": {"epoch": "e", "seq": 1}},
    "with a text for a position": {"type": "rows", "rows": 5, "position": "x"},
    "with another user": {"type": "authenticated", "user": 5, "time": "late", "subscription": {}, "position": 5},
}


@pytest.mark.parametrize("optimistic", [False, True])
async def test_a_reply_that_cannot_be_read(scripted: ScriptedGateway, optimistic: bool) -> None:
    wrong: list[str] = []
    async with connect(scripted.url, optimistic=optimistic) as client:
        peer = await scripted.accept()
        for label, call in CALLS.items():
            for shape, reply in REPLIES.items():
                asked = asyncio.ensure_future(call(client))
                ref = (await peer.receive())["ref"]
                await peer.send(**_with_ref(reply, ref))
                error = (await asyncio.gather(asked, return_exceptions=True))[0]
                if not (isinstance(error, TidegateError) and error.code in ("invalid_reply", "invalid_message")):
                    wrong.append(f"{label}, {shape}: {error!r}")
        assert wrong == []
        assert client.status == "open"


def _with_ref(reply: dict[str, Any], ref: Any) -> dict[str, Any]:
    return {"kind": reply["type"], **{name: value for name, value in reply.items() if name != "type"}, "ref": ref}


WRITES: dict[str, Call] = {
    "a list for a key": lambda client: client.resource("users").update([1], {"age": 8}),
    "an object for a key": lambda client: client.resource("users").update({"x": 1}, {"age": 8}),
    "a list among keys": lambda client: client.resource("users").delete_many([[1], 2]),
    "a list for a new key": lambda client: client.resource("users").create({"id": [5], "age": 3}),
    "a list for a changed key": lambda client: client.resource("users").update(1, {"id": [5]}),
    "a text for a row": lambda client: client.resource("users").create("x"),
    "numbers for rows": lambda client: client.resource("users").create_many([1]),
    "a number for changes": lambda client: client.resource("users").update(1, 5),
    "a text for what is expected": lambda client: client.resource("users").update(1, {"age": 8}, expect="x"),
    "a text for a number": lambda client: client.resource("users").update(1, {"age": "old"}),
    "an object for a number": lambda client: client.resource("users").update(1, {"age": {"a": [1]}}),
}
UNSAYABLE: dict[str, Call] = {
    "NaN": lambda client: client.resource("users").update(1, {"age": math.nan}),
    "half a character": lambda client: client.resource("users").create({"name": "\ud800"}),
    "a class": lambda client: client.resource("users").update(1, {"age": object()}),
}


async def test_a_write_that_no_row_can_have_leaves_live_queries_as_they_were(scripted: ScriptedGateway) -> None:
    wrong: list[str] = []
    async with connect(scripted.url, optimistic=True) as client:
        peer = await scripted.accept()
        live = await _sorted_users(client, peer)
        before = dict(live.rows)
        for label, call in {**WRITES, **UNSAYABLE}.items():
            asked = asyncio.ensure_future(call(client))
            if label in WRITES:
                request = await peer.receive()
                await peer.reply(request, "error", code="invalid_data", message="no", temporary=False)
            error = (await asyncio.gather(asked, return_exceptions=True))[0]
            typed = isinstance(error, RequestRefused) or getattr(error, "code", "") == "not_json"
            if not typed or live.error or dict(live.rows) != before:
                wrong.append(f"{label}: {error!r}, {live.error!r}, {dict(live.rows)}")
        assert wrong == []
        changes = live.stream
        changes.take()
        await peer.update("s1", "update", {"id": 2, "age": 7}, 6)
        assert (await anext(live)).key == 2
        assert list(live.rows) == [1, 2]


async def _sorted_users(client: Client, peer: Peer) -> LiveQuery[Any]:
    asked = begun(client.subscribe("users", {"age": {"gt": 1}}, sort=["age"], limit=2))
    await peer.subscribe("s1", "snapshot", 5)
    await peer.snapshot("s1", {"id": 1, "age": 5}, {"id": 2, "age": 2}, {"id": 3, "age": 9})
    return await (await asked).loaded()


PUSHES: dict[str, dict[str, Any]] = {
    "an update without a row": {"kind": "update", "action": "create"},
    "a text for a position": {"kind": "update", "action": "create", "data": {"id": 2}, "position": "x"},
    "a position without a number": {
        "kind": "update",
        "action": "create",
        "data": {"id": 2},
        "position": {"epoch": "e"},
    },
    "a list for a key": {
        "kind": "update",
        "action": "create",
        "data": {"id": [2]},
        "position": {"epoch": "e", "seq": 6},
    },
    "a number for rows": {"kind": "snapshot", "rows": 5},
    "a number for rows at the end": {"kind": "snapshot", "rows": [{"id": 1}], "done": True, "position": 5},
    "an end without a position": {"kind": "snapshot", "rows": [{"id": 1}], "reset": True, "done": True},
}


@pytest.mark.parametrize("optimistic", [False, True])
async def test_a_push_that_cannot_be_read_ends_its_live_query(scripted: ScriptedGateway, optimistic: bool) -> None:
    wrong: list[str] = []
    async with connect(scripted.url, optimistic=optimistic) as client:
        peer = await scripted.accept()
        for number, (label, push) in enumerate(PUSHES.items()):
            asked = begun(client.subscribe("users", {"id": number}))
            await peer.subscribe(f"s{number}", "snapshot", 5)
            live = await asked
            if push["kind"] == "update":
                await peer.snapshot(f"s{number}", {"id": 1})
            await peer.send(subscription=f"s{number}", **push)
            error = (await asyncio.gather(asyncio.wait_for(read(live), PATIENCE), return_exceptions=True))[0]
            if getattr(error, "code", "") != "invalid_message" or live.status != "error":
                wrong.append(f"{label}: {error!r}, {live.status}")
            await peer.expect("unsubscribe")
        assert wrong == []
        assert client.status == "open"


async def read(live: LiveQuery[Any]) -> None:
    async for _ in live:
        """Until it ends."""


async def test_a_filter_that_is_none_is_refused_by_the_gateway_alone(scripted: ScriptedGateway) -> None:
    """Also where the client judges filters itself."""
    async with connect(scripted.url, optimistic=True) as client:
        peer, anything = await scripted.accept(), cast(Any, client)
        for filters in ("x", {"and": 5}, {"age": {"between": 5}}, {"age": {"in": 5}}, {"name": {"contains": 5}}):
            asked = begun(anything.subscribe("users", filters))
            await peer.reply(
                await peer.expect("subscribe"), "error", code="invalid_filter", message="no", temporary=False
            )
            with pytest.raises(RequestRefused):
                await asked


async def test_a_client_that_is_used_without_await_says_how_it_is_used() -> None:
    client = cast(Any, connect("ws://127.0.0.1:9/ws"))
    with pytest.raises(TypeError, match=r"`async with`; tidegate_client\.sync"), client:
        pass
    with pytest.raises(AttributeError, match=r"no 'join' before `await connect\(\.\.\.\)`"):
        client.join("chat-1")


async def test_an_address_of_a_web_page_is_answered_with_how_one_of_a_websocket_looks() -> None:
    with pytest.raises(ConnectionRefused, match=r"such as ws://127\.0\.0\.1:8787/ws"):
        await connect("http://127.0.0.1:9")
