"""Snapshots on the wire: their frames, who shares whose, and what becomes of clients that read slowly or leave."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tests.support.wire import wire
from tests.transport.inside import Inside, running
from tidegate.core.budgets.ledger import SHARE, Ledger
from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import EVERYTHING, both, compile_filters
from tidegate.core.rows.ports import EncodePage, Pages, ReadQuery, Row, Store
from tidegate.core.rows.subscription_index import SubscriptionGroup, SubscriptionIndex
from tidegate.gateway.snapshot_frames import FRAME_BYTES, SnapshotPages

SUBSCRIBE = {"type": "subscribe", "resource": "users", "snapshot": True}
ROWS = 2_000


class Planned:
    """Pages that begin to be read when a test says so."""

    def __init__(self, query: ReadQuery, encode: EncodePage) -> None:
        self.query, self.encode = query, encode
        self.begun = False
        self.sharers = 0
        self.in_memory = 0

    def join(self, payer: Payer = GATEWAY) -> bool:
        self.sharers += not self.begun
        return not self.begun

    def leave(self) -> None:
        self.sharers -= 1


class Planning:
    epoch = "e1"

    def __init__(self) -> None:
        self.opened: list[Any] = []

    def begin(self, number: int) -> None:
        self.opened[number].begun = True

    def snapshot(self, query: ReadQuery, encode: EncodePage) -> Planned:
        planned = Planned(query, encode)
        self.opened.append(planned)
        return planned


def frame(message: msgspec.Struct) -> bytes:
    return msgspec.json.encode(message)


def group(subscriptions: SubscriptionIndex, fields: tuple[str, ...] | None = None) -> SubscriptionGroup:
    return subscriptions.acquire("users", EVERYTHING, fields)


def test_subscriptions_that_ask_before_the_read_begins_share_it() -> None:
    store = Planning()
    pages, subscriptions = SnapshotPages(store, frame), SubscriptionIndex()  # type: ignore[arg-type]  # a part of a store
    one, other = group(subscriptions), group(subscriptions, ("name",))
    with pages.of(one) as first, pages.of(one) as second, pages.of(other) as third:
        assert first is second is store.opened[0]
        assert third is store.opened[1]
        store.begin(0)
        with pages.of(one) as late:
            assert late is store.opened[2]
        assert [planned.sharers for planned in store.opened] == [2, 1, 0]
    assert [planned.sharers for planned in store.opened] == [0, 0, 0]
    with pages.of(one) as again:
        assert again is store.opened[3]


def test_what_snapshots_have_in_memory_is_counted_once_for_the_first_that_asked() -> None:
    store, ledger, subscriptions = Planning(), Ledger(SHARE * 1000), SubscriptionIndex()
    pages = SnapshotPages(store, frame, ledger)  # type: ignore[arg-type]  # a part of a store
    ada, bob, one = Payer("user ada", "c1"), Payer("user bob", "c2"), group(subscriptions)
    with pages.of(one, ada) as found, pages.of(one, bob):
        store.opened[0].in_memory = 600
        pages.count()
        pages.count()
        assert (ledger.of_account("user ada", "spools"), ledger.total) == (600, 600)
        store.opened[0].in_memory = 1001
        pages.count()
        assert ledger.of_account("user ada") == 1001, "what is there already is counted in any case"
        store.begin(0)
        with pytest.raises(Refused) as refused, pages.of(one, ada):
            raise AssertionError("the account is above its share")
        assert refused.value.code == "limit_reached"
        with pages.of(one, bob) as other:
            assert other is not found
    pages.count()
    assert (ledger.total, pages._shared) == (0, {})


def test_the_query_has_the_rows_and_columns_of_the_group() -> None:
    store, subscriptions = Planning(), SubscriptionIndex()
    pages = SnapshotPages(store, frame)  # type: ignore[arg-type]  # a part of a store
    filters, rule = compile_filters({"status": "active"}), compile_filters({"id": 7})
    with pages.of(subscriptions.acquire("users", filters, ("id", "name"), rule)):
        (planned,) = store.opened
    assert planned.query == ReadQuery(resource="users", where=both(filters, rule), fields=("id", "name"))


def test_divided_frames_still_mark_the_first_and_the_last_page() -> None:
    store = Planning()
    pages = SnapshotPages(store, frame)  # type: ignore[arg-type]  # a part of a store
    with pages.of(group(SubscriptionIndex())):
        rows: list[Row] = [{"id": number, "name": "x" * (FRAME_BYTES // 3)} for number in range(8)]
        rows[2]["name"] *= 4  # too large by itself: it is sent as one frame
        sent = [json.loads(frame) for frame in store.opened[0].encode(rows, True, 7)]
    assert [row["id"] for page in sent for row in page["rows"]] == list(range(8))
    assert [page["reset"] for page in sent] == [True] + [False] * (len(sent) - 1)
    assert [page["done"] for page in sent] == [False] * (len(sent) - 1) + [True]
    assert (
        [page["position"] for page in sent if "position" in page]
        == [sent[-1]["position"]]
        == [{"epoch": "e1", "seq": 7}]
    )
    assert [len(page["rows"]) for page in sent] == [2, 1, 1, 2, 2]


# -- in a gateway -----------------------------------------------------------------------------------------------------


class Watched:
    """A store's snapshots: how many were read, in which threads pages were made, and held back until `goes_on`."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[Pages] = []
        self.threads: set[str] = set()
        self.reached, self.goes_on = threading.Event(), threading.Event()
        snapshot = store.snapshot

        def watched(query: ReadQuery, encode: EncodePage) -> Pages:
            def encoding(rows: list[Row], first: bool, seq: int | None) -> list[bytes]:
                self.threads.add(threading.current_thread().name)
                self.reached.set()
                self.goes_on.wait(10)
                return encode(rows, first, seq)

            self.opened.append(snapshot(query, encoding))
            return self.opened[-1]

        monkeypatch.setattr(store, "snapshot", watched)


async def filled(inside: Inside, count: int = ROWS) -> None:
    """Rows of `users`, written by the gateway's own clients."""
    async with wire(inside.url) as client:
        for start in range(0, count, 500):
            data = [{"name": "x" * 50, "email": f"{n}@example.com"} for n in range(start, min(start + 500, count))]
            assert (await client.ask({"type": "create", "resource": "users", "data": data}))["type"] == "rows"


async def rows_of(heard: Any) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(DEADLINE_S):
        while True:
            message = json.loads(await heard.recv())
            if message["type"] == "snapshot":
                assert message["reset"] is (not found)
                found += [row["id"] for row in message["rows"]]
                if message["done"]:
                    return found


async def test_many_subscribers_share_few_reads_and_no_page_is_made_in_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as inside:
        await filled(inside)
        watched = Watched(inside.store, monkeypatch)
        crowd = [await connect(inside.url, compression=None) for _ in range(30)]
        for client in crowd:
            await client.send(json.dumps(SUBSCRIBE))

        def catching_up() -> int:
            return len(inside.gateway.sessions.protocol.rows.subscriptions.catching_up)

        await until(lambda: catching_up() == 30)
        watched.goes_on.set()
        for found in await asyncio.gather(*map(rows_of, crowd)):
            assert found == list(range(1, ROWS + 1))
        assert len(watched.opened) <= 3
        assert all(name.startswith("tidegate-snapshot") for name in watched.threads)
        for client in crowd:
            await client.close()


async def test_other_clients_are_answered_while_a_page_is_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as inside:
        await filled(inside, 10)
        watched = Watched(inside.store, monkeypatch)
        async with wire(inside.url) as reader, wire(inside.url) as other:
            await reader.say(SUBSCRIBE)
            await asyncio.to_thread(watched.reached.wait, 10)
            assert (await other.ask({"type": "ping"}))["type"] == "pong"
            assert (await other.ask({"type": "list", "resource": "users"}))["type"] == "rows"
            watched.goes_on.set()
            assert (await reader.hear("snapshot"))["done"]


async def test_the_read_ends_when_its_only_client_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as inside:
        await filled(inside, 10_000)
        watched = Watched(inside.store, monkeypatch)
        async with wire(inside.url) as client:
            await client.say(SUBSCRIBE)
            await asyncio.to_thread(watched.reached.wait, 10)
        await until(lambda: not len(inside.gateway.sessions))
        watched.goes_on.set()
        (pages,) = watched.opened
        await until(lambda: pages.done)  # type: ignore[attr-defined]  # a Spool
        await inside.gateway.work.settled()
        assert pages.size < 500_000  # type: ignore[attr-defined]  # a Spool; all rows take a million


async def test_a_client_that_does_not_read_is_not_sent_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it is in the spool, not in its outbox, and it gets all of it once it reads on."""
    async with running(tmp_path) as inside:
        monkeypatch.setattr("tidegate.store.serving.spool.MEMORY_BYTES", 10_000)
        await filled(inside, 10_000)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", inside.listener.port))
        async with connect(inside.url, compression=None, sock=sock) as client:
            (session,) = inside.gateway.sessions
            sending = session.sink._transport.get_extra_info("socket")
            sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            client.transport.pause_reading()
            await client.send(json.dumps(SUBSCRIBE))
            await until(lambda: session.sink._paused_since is not None)
            assert session.sink._transport.get_write_buffer_size() < 2 * FRAME_BYTES
            assert session.sink.unsent < 2 * FRAME_BYTES
            client.transport.resume_reading()
            assert await rows_of(client) == list(range(1, 10_001))


async def test_a_read_that_fails_is_answered_or_ends_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as inside:
        await filled(inside)

        def broken(query: object, spool: Any) -> None:
            if len(failures) == 1:
                spool.begin(7)
            failures.append(1)
            raise ValueError("a planned failure")

        failures: list[int] = []
        monkeypatch.setattr(inside.store._reads._snapshots, "_read", broken)
        async with wire(inside.url) as client:
            assert (await client.ask(SUBSCRIBE))["code"] == "internal"
            assert (await client.ask(SUBSCRIBE))["mode"] == "snapshot"
            await client.connection.wait_closed()
            assert client.connection.close_code == 4100
    assert caplog.text.count("ValueError: a planned failure") == 2
