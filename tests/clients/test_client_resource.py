"""Requests for rows: what goes out for each method, and what comes back. Against a scripted gateway."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
import pytest

from tests.clients.scripted import Peer, ScriptedGateway, begun
from tidegate_client import Client, ModelMismatch, Rows, TidegateError, connect
from tidegate_client.resource import Sort
from tidegate_protocol import CLIENT_MESSAGES, REPLIES, SERVER_MESSAGES, ListRequest, PingRequest
from tidegate_protocol import Rows as RowsReply


class User(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: int = 0
    name: str


POSITION = {"epoch": "e", "seq": 3}


async def answered(peer: Peer, kind: str, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Take a request, answer rows, and return what was asked, without what differs each time."""
    request = await peer.expect(kind)
    await peer.reply(request, "rows", rows=list(rows), position=POSITION, **more)
    return {name: value for name, value in request.items() if name not in ("ref", "key", "type", "resource")}


async def test_list(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        sort: list[Sort] = ["-name", {"field": "id", "order": "asc"}]
        asking = begun(client.resource("users").page({"status": "active"}, sort=sort, limit=2, offset=4))
        assert await answered(peer, "list", {"id": 1}, total=17) == {
            "filters": {"status": "active"},
            "sort": [{"field": "name", "order": "desc"}, {"field": "id", "order": "asc"}],
            "limit": 2,
            "offset": 4,
            "count": True,
        }
        rows = await asking
        assert (rows, rows.total, rows.position) == ([{"id": 1}], 17, POSITION)
        asking = begun(client.resource("users").list())
        assert await answered(peer, "list") == {}
        assert await asking == []


async def test_get(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer, users = await scripted.accept(), client.resource("users", User)
        one = begun(users.get(1))
        assert await answered(peer, "get", {"id": 1, "name": "Ann", "later": 1}) == {"id": 1}
        assert await one == User(id=1, name="Ann")
        none = begun(users.get(2))
        await answered(peer, "get")
        assert await none is None
        some = begun(users.get_many([1, 2]))
        assert await answered(peer, "get", {"id": 1, "name": "Ann"}) == {"ids": [1, 2]}
        assert await some == [User(id=1, name="Ann")]
        bad = begun(users.get(3))
        await answered(peer, "get", {"id": 3, "name": None})
        with pytest.raises(ModelMismatch):
            await bad


async def test_create(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer, users = await scripted.accept(), client.resource("users", User)
        one = begun(users.create({"name": "Ann"}))
        assert await answered(peer, "create", {"id": 1, "name": "Ann"}) == {"data": {"name": "Ann"}}
        assert (await one).id == 1
        several = begun(users.create_many([{"name": "Bob"}, User(id=3, name="Cem")]))
        asked = await answered(peer, "create", {"id": 2, "name": "Bob"}, {"id": 3, "name": "Cem"})
        assert asked == {"data": [{"name": "Bob"}, {"id": 3, "name": "Cem"}]}
        assert [user.id for user in await several] == [2, 3]
        hidden = begun(users.create({"name": "Dee"}))
        await answered(peer, "create")
        with pytest.raises(TidegateError) as caught:
            await hidden
        assert caught.value.code == "not_readable"


async def test_update_and_delete(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer, users = await scripted.accept(), client.resource("users")
        one = begun(users.update(1, {"name": "Anne", "notes": None}, expect={"name": "Ann"}))
        asked = await answered(peer, "update", {"id": 1, "name": "Anne"})
        assert asked == {"id": 1, "data": {"name": "Anne", "notes": None}, "if": {"name": "Ann"}}
        assert (await one)["name"] == "Anne"
        several = begun(users.update_many([1, 2], {"name": "X"}))
        assert await answered(peer, "update", {"id": 1}, {"id": 2}) == {"ids": [1, 2], "data": {"name": "X"}}
        assert len(await several) == 2
        gone = begun(users.delete({"team": "a", "user_id": 1}, expect={"name": "X"}))
        assert await answered(peer, "delete", {"id": 1}) == {"id": {"team": "a", "user_id": 1}, "if": {"name": "X"}}
        await gone
        all_gone = begun(users.delete_many([1, 2]))
        assert await answered(peer, "delete") == {"ids": [1, 2]}
        await all_gone


async def test_each_mutation_has_a_new_key_or_the_given_one(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer, users = await scripted.accept(), client.resource("users")
        keys = []
        for work in (users.create({}), users.create({}), users.delete(1, key="mine")):
            doing = begun(work)
            request = await peer.receive()
            keys.append(request["key"])
            await peer.reply(request, "rows", rows=[{}], position=POSITION)
            await doing
        assert len(set(keys)) == 3
        assert keys[2] == "mine"
        assert all(1 <= len(key) <= 64 for key in keys)


async def test_fields_do_not_fit_a_model(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        with pytest.raises(ValueError, match="do not fit a model"):
            await client.resource("users", User).list(fields=["name"])


async def test_request_structs_are_answered_by_reply_structs(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.request(ListRequest(resource="users", limit=1)))
        assert await answered(peer, "list", {"id": 1}, of_the_future=1) == {"limit": 1}
        reply = await asking
        assert isinstance(reply, RowsReply)
        assert reply.rows == [{"id": 1}]
        pinging = begun(client.request(PingRequest(ref="is replaced")))
        await peer.reply(await peer.expect("ping"), "pong", time=5)
        assert (await pinging).time == 5


def test_the_typed_requests_follow_the_schema() -> None:
    """`Client.request` names the reply of every request; x-reply in the schema is what is true."""
    typed: dict[type[Any], type[Any]] = {}
    for overload in typing.get_overloads(Client.request):
        hints = typing.get_type_hints(overload)
        for message in typing.get_args(hints["message"]) or (hints["message"],):
            typed[message] = hints["return"]
    for name, request in CLIENT_MESSAGES.items():
        assert typed[request] is SERVER_MESSAGES[REPLIES[name]], name


def test_rows_are_a_list() -> None:
    rows = Rows([1, 2], total=5)
    assert (list(rows), rows.total, rows.position) == ([1, 2], 5, None)
