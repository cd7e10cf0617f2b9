"""Row rules over a real socket, on each database: which rows a user reads, receives and changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_rooms_live import bearer
from tests.support.gateway import GatewayProcess
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.wire import Wire, wire

NOTE = {
    "title": "Note",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": {
        "read": [
            "role:auditor",
            {"where": {"or": [{"owner": "$user.id"}, {"shared": True}, {"team": {"in": "$user.teams"}}]}},
        ],
        "create": {"where": {"owner": "$user.id"}},
        "update": ["role:editor", {"where": {"owner": "$user.id"}}],
        "delete": {"where": {"owner": "$user.id", "shared": False}},
    },
    "properties": {
        "id": {"type": "integer"},
        "owner": {"type": "integer"},
        "team": {"type": "string", "maxLength": 20},
        "shared": {"type": "boolean", "default": False},
        "text": {"type": "string", "maxLength": 1000},
    },
    "required": ["id", "owner", "shared", "text"],
    "additionalProperties": False,
}
ROWS = [(1, 1, "red", False), (2, 1, None, True), (3, 2, "red", False), (4, 2, "blue", False), (5, 2, None, True)]


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayProcess]:
    (tmp_path / "schema" / "resources").mkdir(parents=True)
    (tmp_path / "schema" / "resources" / "notes.schema.json").write_text(json.dumps(NOTE))
    options = ("--dev", "--schema", "schema")
    with ExitStack() as until_the_end:
        if request.param == "sqlite":
            process = GatewayProcess(tmp_path, *options)
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            process = PostgresGateway(tmp_path, until_the_end.enter_context(server.lent()), *options)
        process.migrate()
        for row in ROWS:
            write(process, "insert into notes (id, owner, team, shared, text) values (?, ?, ?, ?, 'text')", *row)
        process.start()
        yield process
        process.stop()


def write(gateway: GatewayProcess, sql: str, *values: object) -> None:
    """As another program."""
    gateway.execute(sql, *values)


def signed_in(gateway: GatewayProcess, user: str, *options: str) -> Any:
    return wire(gateway.url, **bearer(gateway.token(user, *options)))


async def ids(client: Wire) -> list[int]:
    reply = await client.ask({"type": "list", "resource": "notes", "count": True})
    assert reply["total"] == len(reply["rows"])
    return [row["id"] for row in reply["rows"]]


async def subscribed(client: Wire, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer to a subscription that gets a snapshot, and its only page."""
    reply = await client.ask({"type": "subscribe", "resource": "notes", "snapshot": True, **fields})
    assert (reply["type"], reply["mode"]) == ("subscribed", "snapshot"), reply
    return reply, await client.hear("snapshot")


async def test_each_user_reads_the_rows_that_the_rule_gives_it(gateway: GatewayProcess) -> None:
    who = {
        "one": ("1",),
        "two": ("2",),
        "one of the reds": ("1", "--claim", 'teams=["red"]'),
        "a blue": ("9", "--claim", "teams=blue"),
        "an auditor": ("9", "--role", "auditor"),
        "nobody's": ("x",),
    }
    seen = {}
    for name, options in who.items():
        async with signed_in(gateway, *options) as client:
            seen[name] = await ids(client)
            _, page = await subscribed(client)
            assert [row["id"] for row in page["rows"]] == seen[name]
            got = await client.ask({"type": "get", "resource": "notes", "ids": [1, 2, 3, 4, 5, 6]})
            assert [row["id"] for row in got["rows"]] == seen[name]
    assert seen == {
        "one": [1, 2, 5],
        "two": [2, 3, 4, 5],
        "one of the reds": [1, 2, 3, 5],
        "a blue": [2, 4, 5],
        "an auditor": [1, 2, 3, 4, 5],
        "nobody's": [2, 5],
    }
    async with wire(gateway.url) as guest:
        assert await ids(guest) == [2, 5]


async def test_a_row_that_leaves_a_users_permission_leaves_with_its_key_alone(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "1") as client:
        await subscribed(client)
        write(gateway, "update notes set text = 'now secret', shared = ? where id = 5", False)
        write(gateway, "update notes set text = 'still secret' where id = 5")
        write(gateway, "update notes set owner = 1, text = 'yours' where id = 3")
        write(gateway, "update notes set text = 'mine' where id = 1")
        write(gateway, "delete from notes where id in (1, 4)")
        heard = [await client.hear("update") for _ in range(4)]
    assert [(one["action"], one["cause"], one["data"]) for one in heard] == [
        ("delete", "update", {"id": 5}),
        ("create", "update", {"id": 3, "owner": 1, "team": "red", "shared": False, "text": "yours"}),
        ("update", "update", {"id": 1, "owner": 1, "team": "red", "shared": False, "text": "mine"}),
        ("delete", "delete", {"id": 1}),
    ]


async def test_a_hidden_row_is_in_every_answer_like_one_that_does_not_exist(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "1") as client:
        for request in (
            {"type": "update", "data": {"text": "x"}},
            {"type": "update", "data": {"text": "x"}, "if": {"text": "another"}},
            {"type": "delete"},
            {"type": "get"},
        ):
            hidden, missing = [await client.ask({**request, "resource": "notes", "id": id}) for id in (4, 99)]
            assert hidden | {"ref": 0} == missing | {"ref": 0}
            both = await client.ask({**request, "resource": "notes", "ids": [4, 1]})
            assert both.get("pointer") == ("/ids/0" if request["type"] != "get" else None)
    assert gateway.select("select text from notes where id in (1, 4)") == [("text",), ("text",)]


async def test_a_row_that_may_be_seen_and_not_changed_is_forbidden(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "1") as client:
        for request in ({"type": "update", "data": {"text": "x"}}, {"type": "delete"}):
            refused = await client.ask({**request, "resource": "notes", "id": 5})
            assert (refused["code"], refused["pointer"]) == ("forbidden", "/id")
        refused = await client.ask({"type": "delete", "resource": "notes", "ids": [1, 2]})
        assert (refused["code"], refused["pointer"]) == ("forbidden", "/ids/1")  # 2 is shared
        assert (await client.ask({"type": "delete", "resource": "notes", "id": 1}))["rows"] == [{"id": 1}]
    assert gateway.select("select id from notes order by id") == [(2,), (3,), (4,), (5,)]


async def test_the_new_row_must_satisfy_the_rule_too(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "1") as client:
        note = {"id": 6, "owner": 2, "text": "in another's name"}
        refused = await client.ask({"type": "create", "resource": "notes", "data": note})
        assert (refused["code"], refused["pointer"]) == ("forbidden", "/data")
        several = [{"id": 7, "owner": 1, "text": "mine"}, note]
        refused = await client.ask({"type": "create", "resource": "notes", "data": several})
        assert (refused["code"], refused["pointer"]) == ("forbidden", "/data/1")
        refused = await client.ask({"type": "update", "resource": "notes", "id": 1, "data": {"owner": 2}})
        assert (refused["code"], refused["pointer"]) == ("forbidden", "/data")
        made = await client.ask({"type": "create", "resource": "notes", "data": several[0]})
        assert made["rows"] == [{"id": 7, "owner": 1, "shared": False, "text": "mine"}]
    assert gateway.select("select id, owner from notes order by id") == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (7, 1)]


async def test_a_reply_leaves_out_what_its_writer_may_not_read(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "3", "--role", "editor") as editor:
        shared = await editor.ask({"type": "update", "resource": "notes", "ids": [2, 5], "data": {"text": "edited"}})
        assert [row["id"] for row in shared["rows"]] == [2, 5]
        hidden = {"type": "update", "resource": "notes", "id": 5, "data": {"shared": False}, "key": "k"}
        for _ in range(2):  # the second time, the gateway repeats the answer
            assert (await editor.ask(hidden))["rows"] == []
        assert (await editor.ask({**hidden, "key": "l"}))["code"] == "not_found"


async def test_other_claims_bring_other_rows_at_once(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "1") as client:
        first, page = await subscribed(client)
        assert first["scope"] == page["scope"]
        renewed = gateway.token("1", "--claim", 'teams=["blue"]')
        assert (await client.ask({"type": "authenticate", "token": renewed}))["type"] == "authenticated"
        page = await client.hear("snapshot")
        assert (page["reset"], page["done"], page["subscription"]) == (True, True, first["subscription"])
        assert page["scope"] != first["scope"]
        assert [row["id"] for row in page["rows"]] == [1, 2, 4, 5]
        write(gateway, "update notes set text = 'heard' where id in (3, 4)")
        assert (await client.hear("update"))["data"]["id"] == 4
        same = gateway.token("1", "--claim", 'teams=["blue"]', "--ttl", "99")
        await client.ask({"type": "authenticate", "token": same})
        assert await client.settle() == []


async def test_rows_of_one_user_are_never_taken_for_anothers(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "1") as client:
        first, _ = await subscribed(client)
    write(gateway, "update notes set text = 'later' where id in (1, 3)")
    since = {"since": first["position"], "scope": first["scope"]}
    async with signed_in(gateway, "1", "--claim", "other=1") as client:
        reply = await client.ask({"type": "subscribe", "resource": "notes", **since})
        assert (reply["mode"], reply["scope"]) == ("recovered", first["scope"])
        assert (await client.hear("update"))["data"]["id"] == 1
        assert [one["data"]["id"] for one in await client.settle()] == []
    async with signed_in(gateway, "2") as client:
        _, page = await subscribed(client, **since)
        assert [row["id"] for row in page["rows"]] == [2, 3, 4, 5]
    for user, given in (("1", {"since": first["position"]}), ("9", since)):
        async with signed_in(gateway, user, *(("--role", "auditor") if user == "9" else ())) as client:
            reply, page = await subscribed(client, **given)
            assert ("scope" in reply) == (user == "1")
            assert page["reset"]


async def test_equal_subscriptions_of_two_users_are_not_mixed(gateway: GatewayProcess) -> None:
    async with signed_in(gateway, "1") as one, signed_in(gateway, "2") as two:
        ones, _ = await subscribed(one)
        twos, _ = await subscribed(two)
        assert ones["subscription"] == twos["subscription"]
        write(gateway, "update notes set text = 'a' where id = 1")
        write(gateway, "update notes set text = 'b' where id = 4")
        assert (await one.hear("update"))["data"]["id"] == 1
        assert (await two.hear("update"))["data"]["id"] == 4
        assert [await one.settle(), await two.settle()] == [[], []]
