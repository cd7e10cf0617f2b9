"""Live queries over broken connections, against a scripted gateway on a real socket."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.clients.scripted import FakeClock, Peer, ScriptedGateway, begun
from tidegate_client import Client, LiveQuery, ModelMismatch, RequestRefused, TidegateError, connect


class User(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: int
    name: str = ""


async def subscribed(client: Client, peer: Peer, *rows: dict[str, Any]) -> LiveQuery[dict[str, Any]]:
    """A live query "s1" over users, loaded at position 5."""
    asking = begun(client.subscribe("users", {"status": "active"}))
    await peer.subscribe("s1", "snapshot", 5)
    await peer.snapshot("s1", *rows)
    return await (await asking).loaded()


async def settle(client: Client, peer: Peer) -> None:
    """Everything sent so far has been read by the other side, both ways."""
    pinging = begun(client.ping())
    await peer.reply(await peer.expect("ping"), "pong", time=1)
    await pinging


async def test_snapshot_then_changes(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users", {"status": "active"}))
        request = await peer.subscribe("s1", "snapshot", 5)
        assert (request["resource"], request["filters"], request["snapshot"]) == ("users", {"status": "active"}, True)
        live = await asking
        ready = begun(live.loaded())
        await peer.snapshot("s1", {"id": 1}, done=False)
        await peer.snapshot("s1", {"id": 2}, reset=False)
        await ready
        assert list(live.rows) == [1, 2]
        await peer.update("s1", "create", {"id": 3}, 6, cause="update")
        await peer.update("s1", "delete", {"id": 1}, 7)
        actions = [((change := await anext(live)).action, change.key, change.cause) for _ in range(3)]
        assert actions == [("reset", None, None), ("create", 3, "update"), ("delete", 1, None)]
        assert live.rows == {2: {"id": 2}, 3: {"id": 3}}
        assert live.position == {"epoch": "e", "seq": 7}
        live.close()
        await settle(client, peer)
        await clock.pass_sleep(5.0)
        assert (await peer.expect("unsubscribe"))["subscription"] == "s1"
        with pytest.raises(StopAsyncIteration):
            await anext(live)


async def test_resubscribes_with_since_and_heartbeats_count(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        live = await subscribed(client, peer, {"id": 1})
        await peer.send("heartbeat", time=1, position={"epoch": "e", "seq": 40})
        await settle(client, peer)
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        request = await peer.subscribe("another-id", "recovered", 40)
        assert request["since"] == {"epoch": "e", "seq": 40}
        await peer.update("another-id", "create", {"id": 2}, 41)
        await peer.update("s1", "create", {"id": 666}, 42)
        await settle(client, peer)
        assert list(live.rows) == [1, 2]


async def test_cut_off_in_a_snapshot_asks_for_one_again(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users"))
        await peer.subscribe("s1", "snapshot", 5)
        live = await asking
        await peer.snapshot("s1", {"id": 1}, done=False)
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        request = await peer.subscribe("s1", "snapshot", 9)
        assert "since" not in request
        assert request["snapshot"] is True
        await peer.snapshot("s1", {"id": 2})
        assert list((await live.loaded()).rows) == [2]


async def test_beyond_recovery_the_rows_are_replaced(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        live = await subscribed(client, peer, {"id": 1})
        assert (await anext(live)).action == "reset"
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        await peer.subscribe("s1", "snapshot", 3, epoch="restored-backup")
        assert list(live.rows) == [1], "old rows stay readable while the new ones load"
        await peer.snapshot("s1", {"id": 8})
        assert (await anext(live)).action == "reset"
        assert list(live.rows) == [8]
        assert live.position == {"epoch": "restored-backup", "seq": 3}


async def test_typed_rows(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.resource("users", User).subscribe())
        request = await peer.subscribe("s1", "snapshot", 5)
        assert "filters" not in request
        await peer.snapshot("s1", {"id": 1, "name": "Ann", "shoe_size": 36})
        live = await (await asking).loaded()
        assert live.rows == {1: User(id=1, name="Ann")}
        assert live.rows[1] is live.rows[1], "a row is converted once"
        await peer.update("s1", "update", {"id": 1, "name": "Anne"}, 6)
        await anext(live)
        change = await anext(live)
        assert (change.row, change.old) == (User(id=1, name="Anne"), User(id=1, name="Ann"))
        await peer.update("s1", "create", {"id": 2, "name": 5}, 7)
        with pytest.raises(ModelMismatch):
            await anext(live)
        await peer.update("s1", "delete", {"id": 2}, 8)
        with pytest.raises(ModelMismatch):
            await anext(live)
        assert list(live.rows) == [1]
        with pytest.raises(ValueError, match="do not fit a model"):
            await client.resource("users", User).subscribe(fields=["id"])


async def test_equal_queries_share_a_subscription(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        first = await subscribed(client, peer, {"id": 1})
        second = await client.subscribe("users", {"status": "active"})  # nothing is asked of the gateway
        assert (await anext(second)).action == "reset"
        assert list(second.rows) == [1]
        first.close()
        await peer.update("s1", "create", {"id": 2}, 6)
        assert (await anext(second)).key == 2
        second.close()
        await settle(client, peer)
        await clock.pass_sleep(5.0)
        await peer.expect("unsubscribe")


async def test_two_spellings_of_one_filter(scripted: ScriptedGateway, clock: FakeClock) -> None:
    """The gateway answers the same id and starts nothing new: the second gets the rows of the first."""
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        first = await subscribed(client, peer, {"id": 1})
        asking = begun(client.subscribe("users", {"status": {"eq": "active"}}))
        await peer.subscribe("s1", "live", 5)
        second = await (await asking).loaded()
        assert list(second.rows) == [1]
        await peer.update("s1", "create", {"id": 2}, 6)
        await settle(client, peer)
        assert list(first.rows) == list(second.rows) == [1, 2]
        first.close()
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        await peer.subscribe("s2", "recovered", 6)
        second.close()
        await peer.expect("unsubscribe")


async def test_a_query_is_not_given_up_while_another_spelling_of_it_is_asked_for(scripted: ScriptedGateway) -> None:
    """The gateway answers with the same id, which an `unsubscribe` after the question would end."""
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users", {"status": "active"}, snapshot=False))
        await peer.subscribe("s1", "live", 5)
        first = await asking
        asking = begun(client.subscribe("users", {"status": {"eq": "active"}}, snapshot=False))
        request = await peer.expect("subscribe")
        first.close()
        await settle(client, peer)
        position = {"epoch": "e", "seq": 5}
        await peer.reply(request, "subscribed", subscription="s1", resource="users", position=position, mode="live")
        second = await asking
        await settle(client, peer)
        await peer.update("s1", "create", {"id": 4}, 6)
        assert (await anext(second)).key == 4
        assert list(second.rows) == [4], "the rows are those of the subscription that it shares"
        second.close()
        await peer.expect("unsubscribe")


async def test_a_query_that_waits_for_another_answer_is_given_up_after_it(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users", {"status": "active"}, snapshot=False))
        await peer.subscribe("s1", "live", 5)
        first = await asking
        asking = begun(client.subscribe("users", {"staet": "active"}))
        request = await peer.expect("subscribe")
        first.close()
        await settle(client, peer)
        await peer.reply(request, "error", code="invalid_data", message="no such property", temporary=False)
        assert (await peer.expect("unsubscribe"))["subscription"] == "s1"
        with pytest.raises(RequestRefused):
            await asking


async def test_a_query_that_is_asked_for_again_is_under_way(scripted: ScriptedGateway) -> None:
    """Its first answer was for another user. Given up meanwhile, it must not end an equal query that is asked for."""
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users"))
        late = await peer.expect("subscribe")
        becoming = begun(client.authenticate("token"))
        cy = {"id": "9", "name": "Cy", "roles": [], "anonymous": False}
        await peer.reply(await peer.expect("authenticate"), "authenticated", user=cy)
        await becoming
        about = {"subscription": "s1", "resource": "users", "position": {"epoch": "e", "seq": 1}, "mode": "snapshot"}
        await peer.reply(late, "subscribed", **about)
        live = await asking
        await peer.expect("unsubscribe")
        again = await peer.expect("subscribe")
        live.close()
        wanting = begun(client.subscribe("users"))
        await settle(client, peer)
        await peer.reply(again, "subscribed", **about)
        await peer.snapshot("s1", {"id": 1})
        assert list((await (await wanting).loaded()).rows) == [1]
        await settle(client, peer)


async def test_closed_before_the_answer_came(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users"))
        request = await peer.expect("subscribe")
        asking.cancel()
        await settle(client, peer)
        position = {"epoch": "e", "seq": 1}
        await peer.reply(request, "subscribed", subscription="s1", resource="users", position=position, mode="live")
        assert (await peer.expect("unsubscribe"))["subscription"] == "s1"


async def test_given_up_and_wanted_again_before_the_answer_came(scripted: ScriptedGateway) -> None:
    """A second subscribe would be answered with the same id, and the first one's end would end it."""
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        giving_up = begun(client.subscribe("users"))
        request = await peer.expect("subscribe")
        giving_up.cancel()
        await asyncio.wait([giving_up])
        wanting = begun(client.subscribe("users"))
        await settle(client, peer)
        about = {"subscription": "s1", "resource": "users", "position": {"epoch": "e", "seq": 1}, "mode": "snapshot"}
        await peer.reply(request, "subscribed", **about)
        await peer.snapshot("s1", {"id": 1})
        assert list((await (await wanting).loaded()).rows) == [1]
        await settle(client, peer)


async def test_filters_as_a_struct(scripted: ScriptedGateway) -> None:
    class UserFilters(msgspec.Struct, omit_defaults=True):
        status: str | msgspec.UnsetType = msgspec.UNSET
        team: int | msgspec.UnsetType = msgspec.UNSET

    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users", UserFilters(status="active")))
        assert (await peer.subscribe("s1", "snapshot", 5))["filters"] == {"status": "active"}
        await asking
        listing = begun(client.resource("users").list(UserFilters(team=1)))
        request = await peer.expect("list")
        assert request["filters"] == {"team": 1}
        await peer.reply(request, "rows", rows=[], position={"epoch": "e", "seq": 5})
        assert await listing == []


async def test_a_query_without_rows_loads_them_for_a_second_holder(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users", snapshot=False))
        request = await peer.subscribe("s1", "live", 5)
        assert "snapshot" not in request
        events = await asking
        await peer.update("s1", "create", {"id": 4}, 6)
        assert (await anext(events)).key == 4
        wanting = begun(client.subscribe("users"))
        await peer.expect("unsubscribe")
        request = await peer.subscribe("s1", "snapshot", 6)
        assert request["snapshot"] is True
        await peer.snapshot("s1", {"id": 3}, {"id": 4})
        assert list((await (await wanting).loaded()).rows) == [3, 4]


async def test_refusals(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("users", {"staet": 1}))
        bad = {"code": "invalid_data", "message": "no such property", "pointer": "/filters/staet", "temporary": False}
        await peer.reply(await peer.expect("subscribe"), "error", **bad)
        with pytest.raises(RequestRefused) as caught:
            await asking
        assert caught.value.pointer == "/filters/staet"

        live = await subscribed(client, peer, {"id": 1})
        await anext(live)
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        await peer.reply(await peer.expect("subscribe"), "error", code="forbidden", message="no", temporary=False)
        with pytest.raises(RequestRefused):
            await anext(live)
        with pytest.raises(RequestRefused):
            await live.loaded()


async def test_the_gateway_ends_a_subscription(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        live = await subscribed(client, peer, {"id": 1})
        await anext(live)
        await peer.send("unsubscribed", subscription="s1")
        with pytest.raises(TidegateError) as caught:
            await anext(live)
        assert caught.value.code == "forbidden"
        assert live.error is caught.value


async def test_a_slow_consumer_gets_one_reset(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, buffer=3) as client:
        peer = await scripted.accept()
        live = await subscribed(client, peer)
        for number in range(1, 8):
            await peer.update("s1", "create", {"id": number}, 5 + number)
        await settle(client, peer)
        assert (await anext(live)).action == "reset"
        assert list(live.rows) == [1, 2, 3, 4, 5, 6, 7]


async def test_a_row_without_its_key_ends_the_query_with_a_reason(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("memberships"))
        await peer.subscribe("s1", "snapshot", 5)
        await peer.snapshot("s1", {"user_id": 1, "team": "a"})
        with pytest.raises(TidegateError, match=r"memberships.*no 'id': name the key"):
            await (await asking).loaded()


async def test_composite_keys(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, keys={"memberships": ["user_id", "team"]}) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("memberships"))
        await peer.subscribe("s1", "snapshot", 5)
        await peer.snapshot("s1", {"user_id": 1, "team": "a"})
        assert list((await (await asking).loaded()).rows) == [(1, "a")]


async def test_another_user_reloads_the_rows(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        live = await subscribed(client, peer, {"id": 1})
        becoming = begun(client.authenticate("token-of-bob"))
        request = await peer.expect("authenticate")
        assert request["token"] == "token-of-bob"
        user = {"id": "8", "name": "Bob", "roles": [], "anonymous": False}
        await peer.reply(request, "authenticated", user=user)
        assert (await becoming).id == "8"
        assert live.rows == {}, "what only the other one may see is gone at once"
        assert (await peer.expect("unsubscribe"))["subscription"] == "s1"
        request = await peer.subscribe("s2", "snapshot", 6)
        assert "since" not in request
        await peer.snapshot("s2", {"id": 9})
        assert list((await live.loaded()).rows) == [9]


async def test_the_same_user_with_a_fresh_token_keeps_its_rows(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        live = await subscribed(client, peer, {"id": 1})
        becoming = begun(client.authenticate("fresh"))
        user = {"id": "7", "name": "Ann", "roles": ["admin"], "anonymous": False}
        await peer.reply(await peer.expect("authenticate"), "authenticated", user=user)
        await becoming
        await settle(client, peer)
        assert list(live.rows) == [1]


async def test_a_bad_token_changes_nothing(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, token="good", clock=clock) as client:
        peer = await scripted.accept()
        becoming = begun(client.authenticate("bad"))
        request = await peer.expect("authenticate")
        await peer.reply(request, "error", code="unauthenticated", message="expired", temporary=False)
        with pytest.raises(RequestRefused):
            await becoming
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        assert (await scripted.accept()).authorization == "Bearer good"


async def test_another_user_while_an_answer_is_under_way(
    scripted: ScriptedGateway, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer recovers rows of the old user on top of a copy that was just thrown away: it must not count."""
    monkeypatch.setattr("tidegate_client.link.RESUME_TIMEOUT", 0.01)  # requests wait no longer for the answer
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        live = await subscribed(client, peer, {"id": 1})
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        resuming = await peer.expect("subscribe")
        becoming = begun(client.authenticate("token-of-bob"))
        user = {"id": "8", "name": "Bob", "roles": [], "anonymous": False}
        await peer.reply(await peer.expect("authenticate"), "authenticated", user=user)
        await becoming
        position = {"epoch": "e", "seq": 5}
        about = {"subscription": "s1", "resource": "users", "position": position, "mode": "recovered"}
        await peer.reply(resuming, "subscribed", **about)
        assert (await peer.expect("unsubscribe"))["subscription"] == "s1"
        request = await peer.subscribe("s2", "snapshot", 6)
        assert "since" not in request
        await peer.snapshot("s2", {"id": 9})
        assert list((await live.loaded()).rows) == [9]


async def test_an_expired_identity_throws_the_rows_away(scripted: ScriptedGateway, clock: FakeClock) -> None:
    scripted.call_it("anon-1", identity="identity-1")
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        live = await subscribed(client, peer, {"id": 1})
        scripted.call_it("anon-2", identity="identity-2")
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        expired = {"code": "unauthenticated", "message": "expired", "temporary": False}
        await peer.reply(await peer.expect("authenticate"), "error", **expired)
        request = await peer.subscribe("s1", "snapshot", 9)
        assert "since" not in request, "positions of another user's rows are worth nothing"
        await peer.snapshot("s1", {"id": 2})
        assert list((await live.loaded()).rows) == [2]
