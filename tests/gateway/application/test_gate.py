"""`on_connect`: it lets clients in, adds claims, or turns them away; what clients send meanwhile waits."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.gateway.application.shop import Shop, bearer, open_shop, token
from tests.support.cases import every_case
from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tests.support.wire import wire
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.session import Session
from tidegate.gateway.application import gate
from tidegate.gateway.calls.functions import FunctionCalls, FunctionResult
from tidegate.gateway.calls.loop import HandlerLoop
from tidegate.gateway.lifecycle import Lifecycle
from tidegate.gateway.token_checks import TokenChecks
from tidegate.handlers import SYSTEM, Connection, Principal, Refused
from tidegate.handlers.function import Function

TURNED_AWAY = [
    ("banned", "forbidden", 4003),
    ("unknown", "unauthenticated", 4001),
    ("many", "rate_limited", 4100),
    ("broken", "internal", 1011),
    ("odd", "internal", 1011),
    ("own", "internal", 1011),
    ("slow", "unavailable", 4100),
]
"""Users, the code of the error, and how the connection is closed."""


async def turned_away(url: str, user: str) -> tuple[str, int]:
    async with connect(url, compression=None, proxy=None, open_timeout=DEADLINE_S, **bearer(user)) as connection:
        error = json.loads(await connection.recv())
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()
        assert closed.value.rcvd is not None
        return error["code"], closed.value.rcvd.code


async def test_the_application_turns_clients_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "CONNECT_S", 0.2)
    shop = Shop()
    gone: list[str] = []
    shop.gateway.on_disconnect(lambda connection: gone.append(connection.user.id))

    @shop.gateway.on_connect
    async def admit(connection: Connection) -> Any:
        match connection.user.id:
            case "banned":
                raise Refused("forbidden", "this user is banned")
            case "unknown":
                raise Refused("unauthenticated", "there is no such user")
            case "many":
                raise Refused("rate_limited", "too many", retry_after=1.0)
            case "own":
                raise Refused("sold_out", "no code of the protocol", retry_after=-1.0)
            case "broken":
                raise OSError("no such table")
            case "odd":
                return ["no claims"]
            case "slow":
                await asyncio.Event().wait()
        return None

    async with open_shop(tmp_path, shop) as inside:
        with every_case() as case:
            for user, code, close in TURNED_AWAY:
                with case(user):
                    assert await turned_away(inside.url, user) == (code, close)
        async with wire(inside.url) as guest:
            for user, code, _ in TURNED_AWAY:
                answer = await guest.ask({"type": "authenticate", "token": token(user)})
                assert (user, answer["code"]) == (user, code)
            assert (await guest.ask({"type": "authenticate", "token": token("ada")}))["type"] == "authenticated"
        await until(lambda: gone)
    assert gone == ["ada"], "of a client that was turned away the application is told nothing more"


async def test_added_claims_decide_what_a_user_sees_and_follow_its_user(tmp_path: Path) -> None:
    shop = Shop()
    asked: list[str] = []

    @shop.gateway.on_connect
    def admit(connection: Connection) -> Any:
        asked.append(connection.user.id)
        return {"team": "red"} if connection.user.id == "ada" else {}

    @shop.gateway.on_start
    async def fill() -> None:
        rows = [{"owner": "x", "team": team, "text": team} for team in ("red", "blue")]
        await shop.gateway.rows("notes", as_user=SYSTEM).create_all(rows)

    @shop.action
    def mine(_: Any, call: Any) -> Any:
        return [row["text"] for row in shop.gateway.rows("notes", as_user=call.principal).list().value]

    async def seen(client: Any) -> Any:
        rows = (await client.ask({"type": "list", "resource": "notes"}))["rows"]
        by_handler = (await client.ask({"type": "plain", "what": "mine"}))["result"]
        assert [row["text"] for row in rows] == by_handler
        return by_handler

    async with open_shop(tmp_path, shop) as inside, wire(inside.url, **bearer("ada")) as client:
        assert await seen(client) == ["red"]
        await client.ask({"type": "authenticate", "token": token("ada")})
        assert asked == ["ada"], "the same user with the same claims"
        await client.ask({"type": "authenticate", "token": token("ada", team="green")})
        assert await seen(client) == ["red"]
        await client.ask({"type": "authenticate", "token": token("bob")})
        assert await seen(client) == []
        assert asked == ["ada", "ada", "bob"]


class Sink:
    """In the place of a connection: it keeps whether it is read from."""

    def __init__(self) -> None:
        self.paused = False

    def pause_reading(self, reason: int) -> None:
        self.paused = True

    def resume_reading(self, reason: int) -> None:
        self.paused = False


async def test_what_was_read_already_is_done_after_the_answer_and_up_to_the_next_question() -> None:
    go_on = asyncio.Semaphore(0)
    calls: Any = FunctionCalls(HandlerLoop)

    async def outcome(function: Function, *given: Any, seconds: float) -> FunctionResult:
        await go_on.acquire()
        return FunctionResult(None)

    calls.outcome = outcome
    no_identities: Any = None
    made = gate.Gate(
        TokenChecks(no_identities), Lifecycle(), [Function(lambda connection: None, False, "admit")], calls
    )
    sink, done = Sink(), list[str]()
    ada, bob = (Principal(id=name, name=name, roles=[], anonymous=False) for name in ("ada", "bob"))
    session = Session("c", sink, ada)

    def become(user: Principal) -> None:
        made.admit(session, VerifiedIdentity(user, None), lambda known: done.append(known.user.id), raising)

    become(ada)
    assert sink.paused
    made.hold(session, lambda: done.append("one"))
    made.hold(session, lambda: done.append("two"))
    made.hold(session, lambda: become(bob))
    made.hold(session, lambda: done.append("three"))
    go_on.release()
    await until(lambda: len(done) == 3)
    assert (done, sink.paused) == (["ada", "one", "two"], True)
    go_on.release()
    await until(lambda: not sink.paused)
    assert done == ["ada", "one", "two", "bob", "three"]
    made.forget(session)


def raising(refused: Exception) -> None:
    raise refused


async def test_what_a_client_sends_meanwhile_waits_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "CONNECT_S", DEADLINE_S)
    shop = Shop()
    go_on = threading.Semaphore(0)
    asked: list[str] = []

    @shop.gateway.on_connect
    def admit(connection: Connection) -> None:
        asked.append(connection.user.id)
        assert connection.user.id == "other" or go_on.acquire(timeout=DEADLINE_S)

    async with open_shop(tmp_path, shop) as inside:
        async with connect(inside.url, compression=None, proxy=None, **bearer("ada")) as connection:
            for ref in range(3):
                await connection.send(json.dumps({"type": "ping", "ref": ref}))
            await connection.send(json.dumps({"type": "authenticate", "token": token("bob"), "ref": 3}))
            await connection.send(json.dumps({"type": "join", "room": "chat-1", "ref": 4}))
            await until(lambda: asked)
            async with wire(inside.url, **bearer("other")) as other:
                await other.ask({"type": "ping"})
            go_on.release()
            heard = [json.loads(await connection.recv()) for _ in range(4)]
            assert [message["type"] for message in heard] == ["welcome", "pong", "pong", "pong"]
            await until(lambda: asked[-1] == "bob")
            go_on.release()
            heard = [json.loads(await connection.recv()) for _ in range(2)]
            assert [(message["type"], message["ref"]) for message in heard] == [("authenticated", 3), ("joined", 4)]
        async with connect(inside.url, compression=None, proxy=None, **bearer("eve")) as connection:
            await until(lambda: asked[-1] == "eve")
            connection.transport.abort()  # nothing is read of it yet: the gateway greets it, and then learns of its end
            go_on.release()
        await until(lambda: not inside.gateway.sessions)
