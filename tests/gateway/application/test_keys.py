"""Messages of the application with an idempotency key: one call, the same reply, on both databases."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.application.shop import Shop, bearer, open_shop
from tests.support.waiting import until
from tests.support.wire import wire
from tidegate.handlers import Call, Refused
from tidegate.store.transactions import Transactions


def counting() -> tuple[Shop, list[str]]:
    """A shop whose actions count their calls."""
    shop, called = Shop(), list[str]()

    @shop.action
    def stored(text: str, call: Call) -> Any:
        called.append("stored")
        call.db.notes.create(owner="ada", text=text)
        return len(called)

    @shop.action
    def plain(text: str, call: Call) -> Any:
        called.append("plain")
        return len(called)

    @shop.action
    async def waits(text: str, call: Call) -> Any:
        called.append("waits")
        return len(called)

    @shop.action
    def failing(text: str, call: Call) -> Any:
        called.append("failing")
        call.db.notes.create(owner="ada", text=text)
        if called.count("failing") == 1:
            raise Refused("unavailable", "not now")
        return len(called)

    @shop.action
    def large(text: str, call: Call) -> Any:
        call.db.notes.create(owner="ada", text=text)
        return "x" * 5000

    return shop, called


async def test_a_repeated_message_gets_the_first_reply_and_no_second_call(tmp_path: Path, database_url: str) -> None:
    shop, called = counting()
    async with (
        open_shop(tmp_path, shop, database_url) as inside,
        wire(inside.url, **bearer("ada")) as ada,
        wire(inside.url, **bearer("bob")) as bob,
    ):
        for kind, what in (("plain", "stored"), ("plain", "plain"), ("waits", "waits")):
            called.clear()
            request = {"type": kind, "what": what, "with": what, "key": f"key of {what}"}
            first, again = await ada.ask(request), await ada.ask(request)
            assert (first["type"], first["result"], again["result"]) == ("done", 1, 1), (first, again)
            assert again["ref"] == first["ref"] + 1
            other = await ada.ask({**request, "with": "different"})
            assert (other["code"], other["pointer"]) == ("conflict", "/key")
            assert (await bob.ask(request))["result"] == 2, "a key belongs to its user"
            assert called == [what, what]
        request = {"type": "plain", "what": "failing", "with": "failing", "key": "f"}
        called.clear()
        assert (await ada.ask(request))["code"] == "unavailable"
        assert [(await ada.ask(request))["result"] for _ in range(2)] == [2, 2], "an error is not kept"
        assert (await ada.ask({"type": "plain", "what": "large", "with": "large", "key": "l"}))["code"] == "too_large"
        row = {"type": "create", "resource": "notes", "data": {"owner": "ada", "text": "row"}, "key": "key of plain"}
        assert (await ada.ask(row))["code"] == "conflict", "rows and messages share the keys of a user"
        rows = (await ada.ask({"type": "list", "resource": "notes"}))["rows"]
        assert sorted(row["text"] for row in rows) == ["failing", "stored", "stored"]
        changes = await inside.store.changes(0, 100, 100)
        assert [(change.actor, change.origin) for change in changes] == [
            ("ada", "key of stored"),
            ("bob", "key of stored"),
            ("ada", "f"),
        ]
    called.clear()
    async with open_shop(tmp_path, shop, database_url) as inside, wire(inside.url, **bearer("ada")) as ada:
        request = {"type": "plain", "what": "stored", "with": "stored", "key": "key of stored"}
        assert (await ada.ask(request))["result"] == 1, "also after a restart"
        assert called == []


async def test_a_message_that_is_repeated_while_it_is_answered_waits_for_the_answer(tmp_path: Path) -> None:
    shop = Shop()
    go_on, called = threading.Event(), list[str]()

    @shop.action
    def slow(_: Any, call: Call) -> Any:
        called.append("slow")
        assert go_on.wait(60)
        return "once"

    async with (
        open_shop(tmp_path, shop) as inside,
        wire(inside.url, **bearer("ada")) as here,
        wire(inside.url, **bearer("ada")) as there,
    ):
        request = {"type": "plain", "what": "slow", "key": "k"}
        asking = [asyncio.create_task(client.ask(request)) for client in (here, there)]
        await until(lambda: called)
        go_on.set()
        assert [answer["result"] for answer in await asyncio.gather(*asking)] == ["once", "once"]
        assert called == ["slow"]
        silent = {**request, "key": "silent"}
        await here.say(silent)
        await here.settle()
        assert (await here.ask(silent))["code"] == "conflict", "its reply is not known"


@pytest.mark.parametrize("kind", ["plain", "waits", "parts"])
async def test_a_message_that_is_cancelled_before_its_call_is_not_called(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, called = Shop(), list[Any]()
    looked_up, go_on = list[Any](), threading.Event()

    @shop.action
    def plain(text: Any, call: Call) -> Any:
        called.append(text)
        return text

    @shop.action
    async def waits(text: Any, call: Call) -> Any:
        return plain(text, call)

    kept = Transactions.kept

    def slow(transactions: Transactions, asked: Any) -> Any:
        looked_up.append(asked)
        assert go_on.wait(60)
        return kept(transactions, asked)

    monkeypatch.setattr(Transactions, "kept", slow)
    request = {"type": kind, "what": "plain" if kind == "plain" else "waits", "with": "text", "key": "k"}
    async with open_shop(tmp_path, shop) as inside, wire(inside.url, **bearer("ada")) as ada:
        await ada.say({**request, "ref": "looks its key up"})
        await until(lambda: looked_up)
        await ada.say({**request, "ref": "waits for the key"})
        await ada.settle()
        for ref in ("waits for the key", "looks its key up"):
            await ada.say({"type": "cancel", "ref": ref})
            error = await ada.hear("error")
            assert (error["ref"], error["code"]) == (ref, "cancelled")
        go_on.set()
        await ada.say({**request, "ref": "again"})
        assert (await ada.hear("done"))["result"] == "text"
        assert (called, len(looked_up)) == (["text"], 2)
