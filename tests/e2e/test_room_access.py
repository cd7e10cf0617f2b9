"""Rules of rooms over a real socket, on each database: who joins, sends, sees members and reads history, and when a
membership ends because of a row.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.e2e.room_rules import write_schema
from tests.e2e.test_row_rules import signed_in
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.wire import Wire

_DOCS = itertools.count(1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One for all tests of a database: each test has its document and its users."""
    folder = tmp_path_factory.mktemp("room_access")
    write_schema(folder)
    options = ("--dev", "--schema", "schema")
    with ExitStack() as until_the_end:
        if request.param == "sqlite":
            process = GatewayProcess(folder, *options)
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            process = PostgresGateway(folder, until_the_end.enter_context(server.lent()), *options)
        process.migrate()
        process.start()
        yield process
        process.stop()


class Doc:
    """A document of one test, with its members."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.number = next(_DOCS)
        self.room = f"doc-{self.number}"
        self._gateway = gateway

    def user(self, name: str) -> str:
        return f"{name}{self.number}"

    def add(self, name: str, *, writer: bool = True) -> None:
        """As another program."""
        sql = "insert into members (doc_id, user_id, writer) values (?, ?, ?)"
        self._gateway.execute(sql, self.number, self.user(name), writer)

    def remove(self, name: str) -> None:
        self._gateway.execute("delete from members where user_id = ?", self.user(name))

    def signed_in(self, name: str, *options: str) -> Any:
        return signed_in(self._gateway, self.user(name), *options)


@pytest.fixture
def doc(gateway: GatewayProcess) -> Doc:
    return Doc(gateway)


def join(room: str, **fields: Any) -> dict[str, Any]:
    return {"type": "join", "room": room, "presence": "none", **fields}


def message(room: str, text: str = "hello") -> dict[str, Any]:
    return {"type": "message", "room": room, "data": {"text": text}}


def texts(heard: list[dict[str, Any]]) -> list[str]:
    return [each["data"]["text"] for each in heard if each["type"] == "message"]


async def test_only_members_join_and_a_membership_ends_with_its_row(doc: Doc) -> None:
    doc.add("ann")
    doc.add("bo")
    async with doc.signed_in("ann") as ann, doc.signed_in("bo") as bo, doc.signed_in("eve") as eve:
        assert (await eve.ask(join(doc.room)))["code"] == "forbidden"
        assert (await eve.ask(message(doc.room)))["code"] == "not_joined"
        for client in (ann, bo):
            assert (await client.ask(join(doc.room)))["type"] == "joined"
        assert (await ann.ask(message(doc.room, "first")))["type"] == "sent"
        await bo.hear("message")

        doc.remove("bo")
        assert await bo.hear("left") == {"type": "left", "room": doc.room, "reason": "removed"}
        assert (await ann.ask(message(doc.room, "second")))["type"] == "sent"
        assert texts(await bo.settle()) == []
        assert (await bo.ask(join(doc.room)))["code"] == "forbidden"
        assert (await bo.ask({"type": "history", "room": doc.room}))["code"] == "not_joined"

        doc.add("bo")
        again = await bo.ask(join(doc.room))
        assert again["type"] == "joined"


async def test_a_member_that_the_gateway_added_itself_joins_at_once(doc: Doc) -> None:
    async with doc.signed_in("ann") as ann:
        row = {"doc_id": doc.number, "user_id": doc.user("ann")}
        created = await ann.ask({"type": "create", "resource": "members", "data": row})
        assert (await ann.ask(join(doc.room)))["type"] == "joined"
        await ann.ask({"type": "delete", "resource": "members", "id": created["rows"][0]["id"]})
        assert (await ann.heard_of("left"))["reason"] == "removed"


async def test_one_of_several_rows_is_enough(doc: Doc) -> None:
    doc.add("ann", writer=False)
    doc.add("ann", writer=True)
    async with doc.signed_in("ann") as ann:
        assert (await ann.ask(join(doc.room)))["type"] == "joined"
        doc._gateway.execute("delete from members where user_id = ? and writer", doc.user("ann"))
        assert (await answered(ann, message(doc.room), "error"))["code"] == "forbidden"
        doc._gateway.execute("update members set writer = true where user_id = ?", doc.user("ann"))
        assert await answered(ann, message(doc.room), "sent")
        doc.remove("ann")
        assert (await ann.hear("left"))["reason"] == "removed"


async def answered(client: Wire, asked: dict[str, Any], wanted: str) -> dict[str, Any]:
    """The first answer of the type `wanted`. Another program's change reaches the gateway a moment after its commit."""
    async with asyncio.timeout(DEADLINE_S):
        while (reply := await client.ask(asked))["type"] != wanted:  # noqa: ASYNC110  # there is no event
            await asyncio.sleep(0.005)
    return reply


async def test_requests_after_a_join_wait_for_it(doc: Doc) -> None:
    doc.add("ann")
    async with doc.signed_in("ann") as ann:
        for ref, asked in enumerate(
            (join(doc.room), message(doc.room, "a"), message(doc.room, "b"), {"type": "leave", "room": doc.room})
        ):
            await ann.say({**asked, "ref": ref + 100})
        await ann.say({**message(doc.room, "late"), "ref": 104})
        await ann.hear(lambda heard: heard.get("ref") == 104)
        replies = [(each["ref"], each["type"]) for each in ann.heard if "ref" in each]
        assert replies == [(100, "joined"), (101, "sent"), (102, "sent"), (103, "left"), (104, "error")]
        assert texts(ann.heard) == ["a", "b"]


async def test_a_room_per_row_exists_while_its_row_does(gateway: GatewayProcess, doc: Doc) -> None:
    room = f"shift-{doc.number}"
    async with doc.signed_in("ann") as ann, doc.signed_in("bo") as bo:
        for name in (room, "shift-x", "shift-01"):
            assert (await ann.ask(join(name)))["code"] == "forbidden"
        gateway.execute("insert into shifts (id, name) values (?, 'early')", doc.number)
        for client in (ann, bo):
            assert (await client.ask(join(room)))["type"] == "joined"
        gateway.execute("update shifts set name = 'late' where id = ?", doc.number)
        gateway.execute("delete from shifts where id = ?", doc.number)
        for client in (ann, bo):
            assert (await client.hear("left"))["reason"] == "removed"


async def test_claims_and_parameters_decide_without_rows(doc: Doc) -> None:
    room = f"team-red-{doc.number}"
    teams = ("--claim", 'teams=["red", "blue"]')
    async with (
        doc.signed_in("ann", *teams, "--claim", "plan=paid", "--role", "lead") as ann,
        doc.signed_in("bo", *teams) as bo,
        doc.signed_in("eve", "--claim", 'teams=["green"]', "--role", "lead") as eve,
        doc.signed_in("otto", "--role", "auditor") as otto,
    ):
        assert (await eve.ask(join(room)))["code"] == "forbidden"
        assert (await ann.ask(join(room, presence="diff")))["users"]
        assert (await bo.ask(join(room, presence="diff")))["type"] == "joined"
        audited = await otto.ask(join(room, presence="diff"))
        assert audited["type"] == "joined"
        assert "users" not in audited
        assert (await otto.ask({"type": "presence", "room": room}))["code"] == "forbidden"
        assert (await bo.ask(message(room)))["code"] == "forbidden"
        assert (await ann.ask(message(room, "paid")))["type"] == "sent"
        for client, expected in ((ann, "messages"), (bo, "error"), (otto, "error")):
            assert (await client.ask({"type": "history", "room": room}))["type"] == expected
        head = (await ann.ask(join(room)))["position"]
        since = {**head, "offset": 0}
        assert (await ann.ask(join(room, since=since)))["recovered"] is True
        assert (await bo.ask(join(room, since=since)))["recovered"] is False


async def test_another_user_of_a_connection_is_asked_about_again(gateway: GatewayProcess, doc: Doc) -> None:
    doc.add("ann")
    doc.add("bo")
    async with doc.signed_in("ann") as ann:
        assert (await ann.ask(join(doc.room)))["type"] == "joined"
        renewed = gateway.token(doc.user("ann"))
        assert (await ann.ask({"type": "authenticate", "token": renewed}))["type"] == "authenticated"
        assert (await ann.ask(message(doc.room)))["type"] == "sent"
        other = gateway.token(doc.user("bo"))
        assert (await ann.ask({"type": "authenticate", "token": other}))["type"] == "authenticated"
        assert (await ann.heard_of("left")) == {"type": "left", "room": doc.room, "reason": "unavailable"}
        assert (await ann.ask(join(doc.room)))["type"] == "joined"
