"""Rows over a real socket, on each database: clients read, write and receive them, also those of other programs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.e2e.test_rooms_live import bearer, token
from tests.support.gateway import GatewayProcess
from tests.support.wire import Wire, wire
from tidegate.store.sqlite.serving import feed

FOREIGN_S = 0.25
"""Seconds within which another program's write must arrive."""


@pytest.fixture
def gateway(any_gateway: GatewayProcess) -> GatewayProcess:
    return any_gateway


async def create(client: Wire, name: str, **fields: Any) -> dict[str, Any]:
    reply = await client.ask(
        {"type": "create", "resource": "users", "data": {"name": name, "email": f"{name}@example.com", **fields}}
    )
    assert reply["type"] == "rows", reply
    row: dict[str, Any] = reply["rows"][0]
    return row


async def subscribe(client: Wire, **fields: Any) -> dict[str, Any]:
    reply = await client.ask({"type": "subscribe", "resource": "users", **fields})
    assert reply["type"] == "subscribed", reply
    return reply


async def updates(client: Wire, count: int) -> list[tuple[str, dict[str, Any]]]:
    heard = [await client.hear("update") for _ in range(count)]
    return [(update["action"], update["data"]) for update in heard]


async def test_a_client_creates_reads_updates_and_deletes_rows(gateway: GatewayProcess) -> None:
    async with wire(gateway.url, **bearer(token(gateway, "1", "--role", "admin"))) as client:
        row = await create(client, "ada", password="correct horse")
        assert row.keys() == {"id", "name", "email", "status", "created_at"}
        assert row["status"] == "active"
        got = await client.ask({"type": "get", "resource": "users", "ids": [row["id"], 999]})
        assert got["rows"] == [row]
        changed = await client.ask({"type": "update", "resource": "users", "id": row["id"], "data": {"name": "Ada L."}})
        assert changed["rows"] == [row | {"name": "Ada L."}]
        listed = await client.ask({"type": "list", "resource": "users", "filters": {"name": "Ada L."}, "count": True})
        assert (listed["rows"], listed["total"]) == (changed["rows"], 1)
        gone = await client.ask({"type": "delete", "resource": "users", "id": row["id"]})
        assert gone["rows"] == [{"id": row["id"]}]
        missing = await client.ask({"type": "delete", "resource": "users", "id": row["id"]})
        assert (missing["code"], missing["pointer"]) == ("not_found", "/id")


async def test_delete_needs_permission(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as guest:
        row = await create(guest, "ada")
        refused = await guest.ask({"type": "delete", "resource": "users", "id": row["id"]})
        assert refused["code"] == "unauthenticated"
        await guest.ask({"type": "authenticate", "token": token(gateway, "5")})
        assert (await guest.ask({"type": "delete", "resource": "users", "id": row["id"]}))["code"] == "forbidden"


async def test_a_database_refusal_points_into_the_message(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        await create(client, "ada")
        data = {"name": "Other", "email": "ada@example.com"}
        taken = await client.ask({"type": "create", "resource": "users", "data": data})
        assert (taken["code"], taken["pointer"]) == ("conflict", "/data/email")
        task = {"user_id": 99, "title": "x"}
        nowhere = await client.ask({"type": "create", "resource": "tasks", "data": [task]})
        assert (nowhere["code"], nowhere["pointer"]) == ("conflict", "/data/0/user_id")
        stale = await client.ask(
            {"type": "update", "resource": "users", "id": 1, "data": {"name": "B"}, "if": {"name": "not it"}}
        )
        assert (stale["code"], stale["pointer"]) == ("conflict", "/if/name")


async def test_a_subscriber_receives_rows_that_enter_change_and_leave(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as reader, wire(gateway.url) as writer:
        reply = await subscribe(reader, filters={"status": "active"})
        assert reply["mode"] == "live"
        row = await create(writer, "ada")
        await create(writer, "eve", status="inactive")
        for data in ({"name": "Ada"}, {"status": "inactive"}, {"name": "Nobody hears"}, {"status": "active"}):
            await writer.ask({"type": "update", "resource": "users", "id": row["id"], "data": data})
        assert await updates(reader, 4) == [
            ("create", row),
            ("update", row | {"name": "Ada"}),
            ("delete", {"id": row["id"]}),
            ("create", row | {"name": "Nobody hears"}),
        ]
        assert [m for m in await reader.settle() if m["type"] == "update"] == []


async def test_changes_follow_the_snapshot(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as reader, wire(gateway.url) as writer:
        rows = [await create(writer, f"user{number}") for number in range(3)]
        reply = await subscribe(reader, snapshot=True)
        assert reply["mode"] == "snapshot"
        page = await reader.hear("snapshot")
        assert (page["rows"], page["reset"], page["done"]) == (rows, True, True)
        fresh = await create(writer, "late")
        assert await updates(reader, 1) == [("create", fresh)]


async def test_a_snapshot_during_writes_misses_and_repeats_no_change(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as writer:

        async def write() -> None:
            for number in range(300):
                await create(writer, f"user{number}")

        async def read() -> dict[int, dict[str, Any]]:
            async with wire(gateway.url) as reader:
                await subscribe(reader, snapshot=True)
                rows: dict[int, dict[str, Any]] = {}
                while len(rows) < 300:
                    message = await reader.hear(lambda m: m["type"] in {"snapshot", "update"})
                    if message["type"] == "snapshot":
                        rows |= {row["id"]: row for row in message["rows"]}
                    else:
                        assert message["action"] == "create"
                        assert message["data"]["id"] not in rows, "heard twice"
                        rows[message["data"]["id"]] = message["data"]
                return rows

        *copies, _ = await asyncio.gather(*(read() for _ in range(8)), write())
        listed = await writer.ask({"type": "list", "resource": "users"})
        expected = {row["id"]: row for row in listed["rows"]}
        for copy in copies:
            assert copy == expected


async def test_a_resume_sends_exactly_the_missed_changes(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as writer:
        async with wire(gateway.url) as reader:
            position = (await subscribe(reader, filters={"status": "active"}))["position"]
        row = await create(writer, "ada")
        await writer.ask({"type": "update", "resource": "users", "id": row["id"], "data": {"status": "inactive"}})
        async with wire(gateway.url) as again:
            reply = await subscribe(again, filters={"status": "active"}, since=position)
            assert reply["mode"] == "recovered"
            assert await updates(again, 2) == [("create", row), ("delete", {"id": row["id"]})]
        async with wire(gateway.url) as stranger:
            since = {"epoch": "another", "seq": 1}
            reply = await subscribe(stranger, filters={"status": "active"}, since=since)
            assert reply["mode"] == "snapshot"


async def test_a_client_resumes_across_a_restart(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as reader:
        position = (await subscribe(reader))["position"]
    gateway.stop()
    gateway.execute("insert into users (name, email) values ('Offline', 'offline@example.com')")
    gateway.start()
    async with wire(gateway.url) as again:
        assert (await subscribe(again, since=position))["mode"] == "recovered"
        ((action, data),) = await updates(again, 1)
        assert (action, data["name"]) == ("create", "Offline")


async def test_the_gateway_finds_writes_of_another_program_by_itself(gateway: GatewayProcess) -> None:
    """`make bench-targets` measures the delay. This test checks that the gateway looks for changes by itself."""
    assert feed.POLL_S < FOREIGN_S
    async with wire(gateway.url) as reader:
        await subscribe(reader, filters={"status": "active"})
        for number in range(10):
            gateway.execute("insert into users (name, email) values (?, ?)", f"f{number}", f"f{number}@example.com")
            ((action, data),) = await updates(reader, 1)
            assert (action, data["name"], data["status"]) == ("create", f"f{number}", "active")


async def test_a_mutation_repeated_with_its_key_is_executed_once(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        await subscribe(client)
        request = {
            "type": "create",
            "resource": "users",
            "data": {"name": "once", "email": "once@example.com"},
            "key": "k",
        }
        first, second = await client.ask(request), await client.ask(request)
        assert first["rows"] == second["rows"]
        assert (await client.heard_of("update"))["origin"] == "k"
        await client.settle()
        assert len([message for message in client.heard if message["type"] == "update"]) == 1
        other = await client.ask({**request, "data": {"name": "other", "email": "other@example.com"}})
        assert (other["code"], other["pointer"]) == ("conflict", "/key")


async def test_equal_subscriptions_have_one_id(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as one, wire(gateway.url) as two:
        first = await subscribe(one, filters={"status": "active"})
        again = await subscribe(one, filters={"status": "active"})
        other = await subscribe(two, filters={"status": "active"})
        assert first["subscription"] == again["subscription"] == other["subscription"]
        await one.ask({"type": "unsubscribe", "subscription": first["subscription"]})
        await create(one, "ada")
        assert [m for m in await one.settle() if m["type"] == "update"] == []
        assert len(await updates(two, 1)) == 1


async def test_the_error_of_a_wrong_filter_points_at_the_property(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        for filters, pointer in (
            ({"staet": "active"}, "/filters/staet"),
            ({"status": "asleep"}, "/filters/status"),
            ({"password": "x"}, "/filters/password"),
            ({"id": "1"}, "/filters/id"),
        ):
            refused = await client.ask({"type": "subscribe", "resource": "users", "filters": filters})
            assert (refused["type"], refused["pointer"]) == ("error", pointer), refused
        unknown = await client.ask({"type": "subscribe", "resource": "nothing"})
        assert (unknown["code"], unknown["pointer"]) == ("unknown_resource", "/resource")


async def test_a_new_user_on_the_same_connection_gets_a_new_snapshot(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client, wire(gateway.url) as other:
        row = await create(other, "ada")
        subscription = (await subscribe(client))["subscription"]
        await client.ask({"type": "authenticate", "token": token(gateway, "1")})
        page = await client.hear("snapshot")
        assert (page["subscription"], page["rows"], page["reset"], page["done"]) == (subscription, [row], True, True)
        await create(other, "bob")
        assert [action for action, _ in await updates(client, 1)] == ["create"]
        assert [m for m in await client.settle() if m["type"] in {"update", "snapshot"}] == []


async def test_a_subscription_ended_at_once_is_still_answered(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        past = {"epoch": client.heard[0]["position"]["epoch"], "seq": 0}
        ways: list[dict[str, Any]] = [{"snapshot": True}, {"since": past}]
        for number, how in enumerate(ways):
            await client.say({"type": "subscribe", "resource": "users", "ref": f"begin-{number}", **how})
            assert (await client.ask({"type": "unsubscribe", "resource": "users"}))["type"] == "unsubscribed"
            await client.settle()
        answers = [(message["ref"], message["type"]) for message in client.heard if "begin" in str(message.get("ref"))]
        assert answers == [("begin-0", "subscribed"), ("begin-1", "subscribed")]


async def test_large_snapshots_and_replays_arrive_completely(gateway: GatewayProcess) -> None:
    """The rows have three megabytes, more than the outbox of a client holds."""
    count, notes = 1600, "x" * 1900
    async with wire(gateway.url, max_size=None) as client, wire(gateway.url, max_size=None) as late:
        before = late.heard[0]["position"]
        await create(client, "ada")
        gateway.execute(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?) "
            "insert into tasks (user_id, title, notes) select 1, 't' || i, ? from n",
            count,
            notes,
        )
        await client.ask({"type": "subscribe", "resource": "tasks", "snapshot": True})
        pages = [await client.hear("snapshot")]
        while not pages[-1]["done"]:
            pages.append(await client.hear("snapshot"))
        assert [page["reset"] for page in pages] == [True] + [False] * (len(pages) - 1)
        assert len(pages) > count * len(notes) // 300_000
        ids = [row["id"] for page in pages for row in page["rows"]]
        assert ids == list(range(1, count + 1))

        answer = await late.ask({"type": "subscribe", "resource": "tasks", "since": before})
        assert answer["mode"] == "recovered"
        assert [data["id"] for _, data in await updates(late, count)] == ids
        assert [message for message in await late.settle() if message["type"] == "update"] == []


async def test_a_resume_marks_the_mutations_of_the_client(gateway: GatewayProcess) -> None:
    admin, other = (bearer(token(gateway, user, "--role", "admin")) for user in ("1", "2"))
    async with wire(gateway.url, **admin) as client:
        since = (await subscribe(client))["position"]
        data = {"name": "ada", "email": "ada@example.com"}
        await client.ask({"type": "create", "resource": "users", "data": data, "key": "k"})
        await client.heard_of("update")
    for who, origin in ((admin, "k"), (other, None), (admin, "k")):
        async with wire(gateway.url, **who) as client:
            assert (await subscribe(client, since=since))["mode"] == "recovered"
            assert (await client.heard_of("update")).get("origin") == origin
