"""What handlers send beside their replies: to their connection, to users, to rooms, to all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.application.shop import Shop, bearer, open_shop
from tests.support.cases import every_case
from tests.support.node import built_client, node
from tests.support.wire import wire
from tidegate.handlers import APPLICATION, EVERYONE, SYSTEM, Call, HandlersError, Identity, Principal, Refused
from tidegate_client import connect


class News(msgspec.Struct, tag_field="type", tag="news"):
    """As generated code has it."""

    text: str


WRONG: list[tuple[Any, str, str]] = [
    ({"type": "news", "text": ""}, "invalid_message", "/text"),
    ({"type": "news"}, "invalid_message", ""),
    ({"type": "done", "result": 1}, "unknown_type", "/type"),
    ({"type": "pong", "time": 1}, "unknown_type", "/type"),
    ({"text": "x"}, "unknown_type", "/type"),
    ({"type": "news", "text": object()}, "invalid_json", ""),
    ({"type": "news", "text": "\0"}, "invalid_message", "/text"),
    ("news", "invalid_json", ""),
]
"""Messages that may not be sent, the code, and where it points to."""


def refusing(do: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        do()
    return caught.value.code, caught.value.pointer or ""


async def test_a_handler_sends_to_its_connection_to_users_to_rooms_and_to_all(tmp_path: Path) -> None:
    shop = Shop()
    gateway = shop.gateway

    @shop.action
    def plainly(text: str, call: Call) -> Any:
        news = News(text=text)
        gateway.push(news, to=EVERYONE)
        gateway.push(news, to=gateway.room("chat-1"))
        gateway.user("ada").send(news)
        position = gateway.room("chat-1").send({"text": text}).value
        return [call.send(news).value, position.offset]

    @shop.action
    async def waiting(text: str, call: Call) -> Any:
        news = {"type": "news", "text": text}
        await gateway.push(news, to=EVERYONE)
        await gateway.push(news, to=gateway.room("chat-1"))
        await gateway.user("ada").send(news)
        position = await gateway.room("chat-1").send({"text": text}, sender=call.user)
        return [await call.send(news), position.offset]

    async with (
        open_shop(tmp_path, shop) as inside,
        wire(inside.url, **bearer("ada")) as ada,
        wire(inside.url, **bearer("ada")) as again,
        wire(inside.url, **bearer("bob")) as bob,
        wire(inside.url) as other,
    ):
        await bob.ask({"type": "join", "room": "chat-1"})
        for offset, (kind, what) in enumerate([("plain", "plainly"), ("waits", "waiting")], 1):
            for client in (ada, again, bob, other):
                client.heard.clear()
            assert (await bob.ask({"type": kind, "what": what, "with": what}))["result"] == [True, offset]
            counts = [
                sum(message["type"] == "news" for message in [*client.heard, *await client.settle()])
                for client in (ada, again, bob, other)
            ]
            assert counts == [2, 2, 3, 1], "ada: all and user, bob: all, room and connection"
            (message,) = [message for message in bob.heard if message["type"] == "message"]
            assert message["data"] == {"text": what}
            assert message["from"] == (APPLICATION.id if kind == "plain" else "bob")


def someone(id: Any) -> Principal:
    return Principal(id=id, name="x", roles=[], anonymous=False)


async def test_what_the_schema_does_not_allow_is_refused_where_it_is_sent(tmp_path: Path) -> None:
    shop = Shop()
    gateway = shop.gateway

    @shop.action
    def send(_: Any, call: Call) -> Any:
        with every_case() as case:
            for message, code, pointer in WRONG:
                for do in (call.send, gateway.user("ada").send, gateway.room("chat-1").push):
                    with case(message):
                        assert refusing(lambda do=do, message=message: do(message)) == (code, pointer)
        nowhere: list[Callable[[], object]] = [
            lambda: gateway.room("chat-1").send({"text": "x"}, sender="bob"),  # type: ignore[arg-type]  # what it refuses
            lambda: gateway.room("chat-1").send({"text": "x"}, sender=someone(7)),
            lambda: gateway.room("chat-1").send({"text": "x"}, sender=someone("")),
            lambda: Identity(someone("7"), ["a"]),  # type: ignore[arg-type]  # as above
            lambda: gateway.user(7),  # type: ignore[arg-type]  # a key of a row, which is the id of no user
            lambda: gateway.room(None),  # type: ignore[arg-type]  # as above
            lambda: gateway.push({"type": "news", "text": "x"}, to="chat-1"),  # type: ignore[arg-type]  # as above
            lambda: Identity("ada"),  # type: ignore[arg-type]  # as above
        ]
        for way in nowhere:
            with pytest.raises(TypeError):
                way()
        return [
            refusing(lambda: gateway.room("chat-1").send({"text": ""})),
            refusing(lambda: gateway.room("other").send({"text": "x"})),
            refusing(lambda: gateway.room("chat-1").send({"text": "x" * (1 << 20)})),
            refusing(lambda: gateway.rows("notes", as_user=SYSTEM).list({"id": float("nan")})),
            gateway.room("chat-1").send({"text": "x"}, key="k").value.offset,
            gateway.room("chat-1").send({"text": "x"}, key="k").value.offset,
            refusing(lambda: gateway.room("chat-1").send({"text": "y"}, key="k")),
        ]

    async with open_shop(tmp_path, shop) as inside, wire(inside.url) as client:
        answer = await client.ask({"type": "plain", "what": "send"})
        assert answer["result"] == [
            ["invalid_data", "/data/text"],
            ["unknown_room", "/room"],
            ["too_large", ""],
            ["invalid_json", ""],
            1,
            1,
            ["conflict", "/key"],
        ]


async def test_a_client_gets_no_pointer_into_what_its_handler_gave_the_gateway(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop()

    @shop.action
    def wrong(_: Any, call: Call) -> Any:
        call.send({"type": "news", "text": ""})

    @shop.action
    async def forbidden(_: Any, call: Call) -> Any:
        await shop.gateway.rows("notes", as_user=call.principal).create({"owner": "another", "text": "x"})

    @shop.action
    async def missing(_: Any, call: Call) -> Any:
        await shop.gateway.rows("notes", as_user=call.principal).update(7, {"text": "x"})

    async with open_shop(tmp_path, shop) as inside, wire(inside.url, **bearer("ada")) as client:
        assert (await client.ask({"type": "plain", "what": "wrong"}))["code"] == "internal"
        assert "gave the gateway what the schema does not allow (invalid_message, /text)" in caplog.text
        for what, code in (("forbidden", "forbidden"), ("missing", "not_found")):
            answer = await client.ask({"type": "waits", "what": what})
            assert (answer["code"], answer.get("pointer")) == (code, None)


async def test_the_answer_of_an_async_function_has_to_be_awaited(tmp_path: Path) -> None:
    shop = Shop()

    @shop.action
    async def forget(_: Any, call: Call) -> Any:
        answer = shop.gateway.room("chat-1").send({"text": "x"})
        with pytest.raises(HandlersError, match="await"):
            _ = answer.value
        return (await answer).offset

    async with open_shop(tmp_path, shop) as inside, wire(inside.url) as client:
        assert (await client.ask({"type": "waits", "what": "forget"}))["result"] == 1
    assert refusing(lambda: shop.gateway.room("chat-1").send({"text": "x"})) == ("unavailable", ""), "it has ended"
    with pytest.raises(HandlersError, match="does not run"):
        Shop().gateway.room("chat-1").send({"text": "x"})


PROGRAM = """
import {{ createRequire }} from "node:module";
import {{ connect }} from "{client}/index.js";
const WebSocket = createRequire("{client}/")("ws");  // Node 20 has none
const client = connect("{url}", {{ WebSocket }});
const heard = new Promise((resolve) => client.on("news", resolve));
client.on("status", ({{ status }}) => status === "open" && console.log("open"));
const message = await heard;
console.log(message.text);
client.close();
"""


@pytest.mark.process
async def test_both_clients_hear_what_the_application_sends(tmp_path: Path) -> None:
    shop = Shop()

    @shop.action
    async def tell(text: str, call: Call) -> Any:
        await shop.gateway.push({"type": "news", "text": text}, to=EVERYONE)

    async with open_shop(tmp_path, shop) as inside, connect(inside.url) as python, wire(inside.url) as caller:
        heard = python.pushes("news")
        program = PROGRAM.format(client=built_client().as_uri(), url=inside.url)
        process = await asyncio.create_subprocess_exec(
            node(), "--input-type=module", "-e", program, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"open\n"
        await caller.ask({"type": "waits", "what": "tell", "with": "almost sold out"})
        assert (await anext(heard))["text"] == "almost sold out"
        assert await process.stdout.readline() == b"almost sold out\n"
        await process.wait()
