"""Requests for rows: what goes out for each method, and what comes back. Against a scripted gateway."""

from __future__ import annotations

import typing
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pytest

from tests.clients.scripted import Peer, ScriptedGateway, begun
from tidegate_client import Client, ModelMismatch, Rows, TidegateError, connect
from tidegate_client.ordering import Sort
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
    assert CLIENT_MESSAGES.keys() - REPLIES.keys() == {"cancel"}
    for name, reply in REPLIES.items():
        assert typed[CLIENT_MESSAGES[name]] is SERVER_MESSAGES[reply], name


def test_rows_are_a_list() -> None:
    rows = Rows([1, 2], total=5)
    assert (list(rows), rows.total, rows.position) == ([1, 2], 5, None)


Int64 = Annotated[int, msgspec.Meta(extra={"format": "int64"})]
"""As generated code has it: `int` in Python, text on the wire."""
T = TypeVar("T")


class Post(msgspec.Struct, omit_defaults=True, kw_only=True):
    id: Int64
    parent: Int64 | msgspec.UnsetType | None = msgspec.UNSET
    likes: list[Int64] = []
    count: int = 0


class Order(msgspec.Struct, Generic[T], omit_defaults=True, kw_only=True):
    gt: T | msgspec.UnsetType = msgspec.UNSET
    in_: list[T] | msgspec.UnsetType = msgspec.field(name="in", default=msgspec.UNSET)
    between: tuple[T, T] | msgspec.UnsetType = msgspec.UNSET


class PostFilters(msgspec.Struct, omit_defaults=True, kw_only=True):
    id: Int64 | Order[Int64] | msgspec.UnsetType = msgspec.UNSET
    parent: Int64 | Order[Int64] | msgspec.UnsetType | None = msgspec.UNSET
    count: int | Order[int] | msgspec.UnsetType = msgspec.UNSET
    or_: list[PostFilters] | msgspec.UnsetType = msgspec.field(name="or", default=msgspec.UNSET)


class Like(msgspec.Struct, kw_only=True):
    post: Int64
    person: str


BIG = 2**53 + 1


async def test_integers_of_64_bits_are_int_in_the_program_and_text_on_the_wire(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, keys={"likes": ["post", "person"]}) as client:
        peer, posts, likes = await scripted.accept(), client.resource("posts", Post), client.resource("likes", Like)
        sent = {"id": str(BIG), "parent": None, "likes": ["1"]}
        one = begun(posts.get(BIG))
        assert await answered(peer, "get", sent) == {"id": str(BIG)}
        assert await one == Post(id=BIG, parent=None, likes=[1])
        for data in ({"id": BIG, "parent": None, "likes": [1]}, Post(id=BIG, parent=None, likes=[1])):
            created = begun(posts.create(data))
            assert await answered(peer, "create", sent) == {"data": sent}
            await created
        changed = begun(posts.update_many([BIG, 2], {"parent": -BIG, "count": 5}, expect={"parent": 7, "count": 4}))
        assert await answered(peer, "update", sent) == {
            "ids": [str(BIG), "2"],
            "data": {"parent": str(-BIG), "count": 5},
            "if": {"parent": "7", "count": 4},
        }
        await changed
        composite = begun(likes.delete({"post": BIG, "person": "ada"}))
        assert await answered(peer, "delete") == {"id": {"post": str(BIG), "person": "ada"}}
        await composite
        typed = PostFilters(
            id=Order(gt=BIG, in_=[1, 2], between=(3, 4)), count=Order(gt=5), or_=[PostFilters(parent=6), PostFilters()]
        )
        written = {"id": {"gt": BIG, "in": [1, 2], "between": [3, 4]}, "count": {"gt": 5}, "or": [{"parent": 6}, {}]}
        for filters in (typed, written):
            listed = begun(posts.list(filters))
            assert await answered(peer, "list", sent) == {
                "filters": {
                    "id": {"gt": str(BIG), "in": ["1", "2"], "between": ["3", "4"]},
                    "count": {"gt": 5},
                    "or": [{"parent": "6"}, {}],
                }
            }
            assert [post.id for post in await listed] == [BIG]


async def test_without_a_model_integers_of_64_bits_stay_text(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        one = begun(client.resource("posts").get(str(BIG)))
        assert await answered(peer, "get", {"id": str(BIG)}) == {"id": str(BIG)}
        assert await one == {"id": str(BIG)}


async def test_a_live_query_has_the_keys_of_its_rows(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, keys={"likes": ["post", "person"]}) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("posts", {"parent": {"gt": BIG}}, model=Post))
        assert (await peer.subscribe("s1", "snapshot", 5))["filters"] == {"parent": {"gt": str(BIG)}}
        await peer.snapshot("s1", {"id": str(BIG)}, {"id": str(BIG + 1)})
        live = await (await asking).loaded()
        assert live.rows == {BIG: Post(id=BIG), BIG + 1: Post(id=BIG + 1)}
        await peer.update("s1", "delete", {"id": str(BIG)}, 6)
        changes = [await anext(live) for _ in range(2)]
        assert [(change.action, change.key) for change in changes] == [("reset", None), ("delete", BIG)]
        liked = begun(client.subscribe("likes", model=Like))
        await peer.subscribe("s2", "snapshot", 7)
        await peer.snapshot("s2", {"post": str(BIG), "person": "ada"})
        assert list((await (await liked).loaded()).rows) == [(BIG, "ada")]
