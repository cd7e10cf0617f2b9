"""Rules of rooms over a real socket, on each database: who joins, sends, sees members and reads history, and when a
membership ends because of a row.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from typing import Any
from unittest import mock

import pytest

from tests.e2e.room_rules import write_schema
from tests.e2e.test_rooms_live import bearer
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess, clean_environment
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.redis import RedisServer, free_prefix
from tests.support.wire import Wire, wire
from tidegate import cli

SECRET = "a secret of the tests of rooms, long enough"

_DOCS = itertools.count(1)


WAYS = [
    "sqlite",
    "postgresql",
    *(pytest.param(way, marks=pytest.mark.long) for way in ("sqlite workers", "postgresql workers", "sqlite redis")),
]


@pytest.fixture(scope="module", params=WAYS)
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One for all tests of a way: each test has its document and its users."""
    folder = tmp_path_factory.mktemp("room_access")
    write_schema(folder)
    database, _, joined = request.param.partition(" ")
    options = ["--schema", "schema", *(["--workers", "2"] if joined == "workers" else ["--dev"])]
    environment = {"TIDEGATE_SECRET": SECRET} if joined == "workers" else {}
    with ExitStack() as until_the_end:
        if joined == "redis":
            redis = RedisServer("valkey")
            until_the_end.callback(redis.close)
            redis.start()
            options += ["--engine", redis.url, "--engine-prefix", free_prefix()]
        if database == "sqlite":
            process = GatewayProcess(folder, *options, environment=environment)
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            url = until_the_end.enter_context(server.lent())
            process = PostgresGateway(folder, url, *options, environment=environment)
        process.migrate()
        process.start()
        yield process
        process.stop()


def token(gateway: GatewayProcess, user: str, *options: str) -> str:
    if "--workers" not in gateway._options:
        return gateway.token(user, *options)
    known = {**clean_environment(), "TIDEGATE_SECRET": SECRET}
    with mock.patch.dict(os.environ, known, clear=True), redirect_stdout(io.StringIO()) as printed:
        assert cli.main(["token", "--user", user, *options]) == 0
    return printed.getvalue().strip()


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
        return wire(self._gateway.url, **bearer(token(self._gateway, self.user(name), *options)))


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


async def test_the_end_of_a_row_ends_a_membership_within_a_second_and_nothing_follows(doc: Doc) -> None:
    """The fastest of a few memberships counts, so that a slow machine does not decide."""
    doc.add("ann")
    took: list[float] = []
    async with doc.signed_in("ann") as ann, doc.signed_in("bo") as bo:
        assert (await ann.ask(join(doc.room)))["type"] == "joined"
        while not took or (min(took) > 1.0 and len(took) < 5):
            doc.add("bo")
            await answered(bo, join(doc.room), "joined")
            talking = asyncio.create_task(talk(ann, doc.room))
            await bo.hear("message")
            await asyncio.to_thread(doc.remove, "bo")
            committed = time.monotonic()
            assert (await bo.hear("left"))["reason"] == "removed"
            took.append(time.monotonic() - committed)
            talking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await talking
            for text in ("one more", "another"):
                await ann.say(message(doc.room, text))
            await ann.hear(lambda heard: heard["type"] == "message" and heard["data"]["text"] == "another")
            assert texts(await bo.settle()) == []
    assert min(took) <= 1.0, took


async def talk(client: Wire, room: str) -> None:
    """Send messages, without an end."""
    while True:
        await client.say(message(room))
        await client.settle()


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
        for ref, asked in enumerate((join(doc.room), message(doc.room, "a"), message(doc.room, "b"))):
            await ann.say({**asked, "ref": ref + 100})
        async with asyncio.timeout(DEADLINE_S):
            while len(texts(ann.heard)) < 2 or not any(each.get("ref") == 102 for each in ann.heard):
                await ann.hear(lambda heard: True)
        replies = [(each["ref"], each["type"]) for each in ann.heard if "ref" in each]
        assert sorted(replies) == [(100, "joined"), (101, "sent"), (102, "sent")]
        assert texts(ann.heard) == ["a", "b"]
        await ann.ask({"type": "leave", "room": doc.room})
        assert (await ann.ask(message(doc.room)))["code"] == "not_joined"


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


async def test_a_role_claims_and_a_row_have_to_hold_together(doc: Doc) -> None:
    room = f"plan-{doc.number}"
    lead, acme = ("--role", "lead"), ("--claim", "org=acme")
    async with (
        doc.signed_in("ann", *lead, *acme) as ann,
        doc.signed_in("ann", *acme) as without_role,
        doc.signed_in("ann", *lead) as without_claim,
        doc.signed_in("ann", *lead, "--claim", "org=other") as of_another,
    ):
        assert (await ann.ask(join(room)))["code"] == "forbidden", "without the row"
        doc.add("ann")
        assert await answered(ann, join(room), "joined")
        for client in (without_role, without_claim, of_another):
            assert (await client.ask(join(room)))["code"] == "forbidden"
        doc.remove("ann")
        assert (await ann.hear("left"))["reason"] == "removed"


async def test_another_user_of_a_connection_is_asked_about_again(gateway: GatewayProcess, doc: Doc) -> None:
    doc.add("ann")
    doc.add("bo")
    async with doc.signed_in("ann") as ann:
        assert (await ann.ask(join(doc.room)))["type"] == "joined"
        renewed = token(gateway, doc.user("ann"))
        assert (await ann.ask({"type": "authenticate", "token": renewed}))["type"] == "authenticated"
        assert (await ann.ask(message(doc.room)))["type"] == "sent"
        other = token(gateway, doc.user("bo"))
        assert (await ann.ask({"type": "authenticate", "token": other}))["type"] == "authenticated"
        assert (await ann.heard_of("left")) == {"type": "left", "room": doc.room, "reason": "unavailable"}
        assert (await ann.ask(join(doc.room)))["type"] == "joined"
