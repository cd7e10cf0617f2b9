"""`call.db`: one transaction of a handler, on both databases."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import peewee
import pytest

from tests.gateway.application.shop import FILES, Shop, bearer, open_shop
from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tests.support.wire import wire
from tidegate.gateway.calls.transaction import TOO_LONG
from tidegate.handlers import Call, Refused
from tidegate.store import transactions
from tidegate.store.call_database import OVER, TransactionOver


def add(call: Call, text: str | None) -> Any:
    return call.db.notes.create(owner="ada", text=text)


async def test_what_a_handler_writes_is_committed_before_its_reply_and_undone_with_its_failure(
    tmp_path: Path, database_url: str
) -> None:
    shop = Shop()

    @shop.action
    def write(text: str, call: Call) -> Any:
        first = add(call, text)
        with call.db:
            add(call, text + " again")
        return [call.db.notes.select().count(), first.id]

    @shop.action
    def refuse(text: str, call: Call) -> Any:
        add(call, text)
        raise Refused("forbidden", "not today")

    @shop.action
    def fail(text: str, call: Call) -> Any:
        add(call, text)
        raise OSError("no paper")

    @shop.action
    def unsendable(text: str, call: Call) -> Any:
        add(call, text)
        return object()

    @shop.action
    def inner(text: str, call: Call) -> Any:
        add(call, text)
        with pytest.raises(OSError), call.db:
            add(call, "undone")
            raise OSError
        return None

    @shop.action
    async def waits(text: str, call: Call) -> Any:
        return add(call, text)

    async with (
        open_shop(tmp_path, shop, database_url) as inside,
        wire(inside.url, **bearer("ada")) as client,
        wire(inside.url, **bearer("ada")) as other,
    ):
        await other.ask({"type": "subscribe", "resource": "notes"})
        answer = await client.ask({"type": "plain", "what": "write", "with": "one"})
        assert answer["result"][0] == 2
        rows = (await other.ask({"type": "list", "resource": "notes"}))["rows"]
        assert [row["text"] for row in rows] == ["one", "one again"], "committed before the reply"
        for what, code in (
            ("refuse", "forbidden"),
            ("fail", "internal"),
            ("unsendable", "internal"),
            ("waits", "internal"),
        ):
            kind = "waits" if what == "waits" else "plain"
            assert (await client.ask({"type": kind, "what": what, "with": what}))["code"] == code, what
        assert (await client.ask({"type": "plain", "what": "inner", "with": "two"}))["type"] == "done"
        rows = (await other.ask({"type": "list", "resource": "notes"}))["rows"]
        assert [row["text"] for row in rows] == ["one", "one again", "two"]
        assert {change.actor for change in await inside.store.changes(0, 100, 100)} == {"ada"}
        while sum(message["type"] == "update" for message in other.heard) < 3:
            await other.hear("update")
        changed = {"type": "update", "resource": "notes", "id": rows[0]["id"], "data": {"text": "free"}}
        assert (await client.ask(changed))["type"] == "rows", "no transaction holds a lock"


async def test_a_reply_never_hides_that_the_database_undid_the_transaction(tmp_path: Path, database_url: str) -> None:
    shop = Shop()

    @shop.action
    def goes_on(text: str, call: Call) -> Any:
        add(call, text)
        with contextlib.suppress(peewee.IntegrityError):
            add(call, None)
        return []

    @shop.action
    def guards(text: str, call: Call) -> Any:
        add(call, text)
        with contextlib.suppress(peewee.IntegrityError), call.db:
            add(call, None)
        return []

    async with open_shop(tmp_path, shop, database_url) as inside, wire(inside.url, **bearer("ada")) as client:

        async def notes() -> list[str]:
            return [row["text"] for row in (await client.ask({"type": "list", "resource": "notes"}))["rows"]]

        answer = await client.ask({"type": "plain", "what": "goes_on", "with": "one"})
        # SQLite undoes the one statement, PostgreSQL all of them.
        committed = answer["type"] == "done"
        assert committed == database_url.startswith("sqlite") or answer["code"] == "internal"
        assert await notes() == ["one"] * committed
        assert (await client.ask({"type": "plain", "what": "guards", "with": "two"}))["type"] == "done"
        assert await notes() == ["one"] * committed + ["two"]


async def test_only_the_gateway_ends_a_transaction_and_nothing_is_written_after_it(
    tmp_path: Path, database_url: str
) -> None:
    shop = Shop()
    kept = list[Any]()

    def refused(work: Callable[[], object]) -> bool:
        try:
            work()
        except TypeError as error:
            return "the gateway begins and ends the transaction" in str(error)
        return False

    @shop.action
    def ends(text: str, call: Call) -> Any:
        add(call, text)
        database = call.db.database
        ways: list[Callable[[], object]] = [database.commit, database.rollback, call.db.close]
        ways += [partial(database.execute_sql, sql) for sql in (" COMMIT", "rollback;", "BEGIN", "end")]
        answer = [refused(way) for way in ways]
        database.transaction().__enter__()
        kept.append((call.db, call.db.notes))
        return answer

    @shop.action
    def meanwhile(text: str, call: Call) -> Any:
        """Another call has a transaction, on the same connection, when kept objects are used."""
        add(call, text)
        db, model = kept[0]
        answer = []
        for write in (partial(db.notes.create, text="late"), partial(model.create, text="late"), db.database.connect):
            try:
                write()
            except TransactionOver as error:
                answer.append(str(error))
        return answer

    async with open_shop(tmp_path, shop, database_url) as inside, wire(inside.url, **bearer("ada")) as client:
        assert (await client.ask({"type": "plain", "what": "ends", "with": "one"}))["result"] == [True] * 7
        assert (await client.ask({"type": "plain", "what": "meanwhile", "with": "two"}))["result"] == [OVER] * 3
        rows = (await client.ask({"type": "list", "resource": "notes"}))["rows"]
        assert [row["text"] for row in rows] == ["one", "two"]


async def test_the_transaction_of_a_handler_that_is_not_waited_for_is_undone_while_it_runs(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "LONGEST_S", 3600.0)
    shop = Shop()
    go_on, after = threading.Event(), list[str]()

    @shop.action
    def late(text: str, call: Call) -> Any:
        try:
            add(call, text)  # on a busy machine this may be too late already
            go_on.wait(DEADLINE_S)
            while True:  # on a busy machine it is undone a little later
                add(call, text)
        except Exception as error:
            after.append(type(error).__name__)
            raise

    async with (
        open_shop(tmp_path, shop, database_url, handler_timeout=0.3) as inside,
        wire(inside.url, **bearer("ada")) as client,
    ):
        assert (await client.ask({"type": "plain", "what": "late", "with": "late"}))["code"] == "timeout"
        row = {"owner": "ada", "text": "by a client"}
        assert (await client.ask({"type": "create", "resource": "notes", "data": row}))["type"] == "rows"
        go_on.set()
        await until(lambda: after)
        notes = await client.ask({"type": "list", "resource": "notes"})
        assert [row["text"] for row in notes["rows"]] == ["by a client"]


async def test_a_transaction_that_holds_up_all_writers_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transactions, "LONGEST_S", 0.1)
    monkeypatch.setattr(TOO_LONG, "_due", None)  # another test may have had its line
    shop = Shop()
    go_on = threading.Event()

    @shop.action
    def slow(text: str, call: Call) -> Any:
        add(call, text)
        assert go_on.wait(60)
        add(call, text)

    async with open_shop(tmp_path, shop) as inside, wire(inside.url, **bearer("ada")) as client:
        await client.say({"type": "plain", "what": "slow", "with": "slow", "ref": "slow"})
        await until(lambda: "the transaction of a handler is undone" in caplog.text)
        row = {"owner": "ada", "text": "by a client"}
        assert (await client.ask({"type": "create", "resource": "notes", "data": row}))["type"] == "rows"
        go_on.set()
        assert (await client.hear(lambda message: message.get("ref") == "slow"))["code"] == "internal"


async def test_transactions_of_several_handlers_take_turns(tmp_path: Path, database_url: str) -> None:
    shop = Shop()

    @shop.action
    def count(_: Any, call: Call) -> Any:
        note = call.db.notes.select().where(call.db.notes.owner == "ada").for_update().get() if postgres else None
        note = note or call.db.notes.get(owner="ada")
        note.text = str(int(note.text) + 1)
        note.save()

    postgres = database_url.startswith("postgres")
    async with open_shop(tmp_path, shop, database_url) as inside, wire(inside.url, **bearer("ada")) as client:
        create = {"type": "create", "resource": "notes", "data": {"owner": "ada", "text": "0"}}
        await client.ask(create)
        for ref in range(20):
            await client.say({"type": "plain", "what": "count", "ref": f"r{ref}"})
        for _ in range(20):
            assert (await client.hear(lambda message: str(message.get("ref", "")).startswith("r")))["type"] == "done"
        rows = await client.ask({"type": "list", "resource": "notes"})
        assert rows["rows"][0]["text"] == "20"


async def test_a_handler_that_would_wait_for_its_own_lock_is_told_so_at_once(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In SQLite. In PostgreSQL nothing waits for a transaction but for the rows that it changed."""
    kept = {"pattern": "kept-*", "history": {"size": 10, "ttl": 60, "durable": True}}
    monkeypatch.setitem(FILES, "rooms/kept", {**FILES["rooms/chat"], "title": "KeptMessage", "x-room": kept})
    shop, alone = Shop(), database_url.startswith("sqlite")

    @shop.action
    def say(room: str, call: Call) -> Any:
        add(call, room)
        return shop.gateway.room(room).send({"text": "x"}).value.offset

    @shop.action
    def other_row(text: str, call: Call) -> Any:
        add(call, text)
        made = shop.gateway.rows("notes", as_user=call.principal).create({"owner": "ada", "text": text}).value
        return made and made["owner"]

    @shop.action
    def reads(text: str, call: Call) -> Any:
        add(call, text)
        return shop.gateway.rows("notes", as_user=call.principal).list({"text": text}).value

    @shop.action
    def first(room: str, call: Call) -> Any:
        offset = shop.gateway.room(room).send({"text": "x"}).value.offset
        return [add(call, room).owner, offset]

    async with open_shop(tmp_path, shop, database_url) as inside, wire(inside.url, **bearer("ada")) as ada:

        async def ask(what: str, given: str) -> Any:
            answer = await ada.ask({"type": "plain", "what": what, "with": given})
            return answer.get("result", answer.get("code"))

        assert await ask("say", "kept-1") == ("internal" if alone else 1)
        assert await ask("other_row", "a") == ("internal" if alone else "ada")
        refused = [text for text in caplog.messages if "call.db holds SQLite's lock of all writers" in text]
        assert len(refused) == 2 * alone
        assert await ask("say", "chat-1") == 1
        assert await ask("reads", "b") == []
        assert await ask("first", "kept-2") == ["ada", 1]
