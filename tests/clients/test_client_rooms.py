"""Rooms over broken connections, against a scripted gateway on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest

from tests.clients.scripted import FakeClock, Peer, ScriptedGateway, begun
from tidegate_client import (
    ClientClosed,
    ConnectionRefused,
    Gap,
    InvalidOption,
    Message,
    ModelMismatch,
    PresenceChange,
    RequestRefused,
    RequestTimeout,
    Room,
    RoomStatusChange,
    StreamOverflow,
    TidegateError,
    connect,
)

USER = {"id": "7", "name": "Ann", "status": "online", "connections": 1, "since": 1}


def at(offset: int, epoch: str = "r") -> dict[str, Any]:
    return {"epoch": epoch, "offset": offset}


async def say(peer: Peer, offset: int, room: str = "chat-1", epoch: str = "r") -> None:
    fields = {
        "from": "7",
        "sender": {"id": "7", "name": "Ann"},
        "data": offset,
        "position": at(offset, epoch),
        "time": 1,
    }
    await peer.send("message", room=room, **fields)


def member(name: str) -> dict[str, Any]:
    return {"id": name, "name": name, "status": "online", "connections": 1, "since": 5}


async def reconnected(scripted: ScriptedGateway, clock: FakeClock, peer: Peer) -> Peer:
    await peer.close(4200)
    await clock.pass_sleep(0.0)
    return await scripted.accept()


async def test_join_send_receive_leave(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1", status="away", info={"colour": "red"}))
        request = await peer.join("chat-1", users=[member("7")])
        room = await joining
        assert (request["presence"], request["status"], request["info"]) == ("diff", "away", {"colour": "red"})
        assert "since" not in request
        assert list(room.members) == ["7"]
        sending = begun(room.send({"text": "hi"}))
        message = await peer.expect("message")
        assert (message["room"], message["data"], len(message["key"])) == ("chat-1", {"text": "hi"}, 32)
        await say(peer, 1)
        await peer.reply(message, "sent", room="chat-1", position=at(1))
        assert await sending == at(1)
        assert (await anext(room)).data == 1, "the speaker hears itself"
        leaving = begun(room.leave())
        await peer.reply(await peer.expect("leave"), "left", room="chat-1")
        await leaving
        with pytest.raises(StopAsyncIteration):
            await anext(room)
        with pytest.raises(ClientClosed):
            await room.send({})


async def test_a_room_that_is_left_and_joined_again_while_a_message_waits(
    scripted: ScriptedGateway, clock: FakeClock
) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room = await joining
        await peer.send("goodbye", code=4200, reason="restart")
        await peer.send("barrier")
        await anext(client.pushes("barrier"))
        client.send({"type": "message", "room": "chat-1", "data": "bye"})
        leaving = begun(room.leave())
        await peer.reply(await peer.expect("leave"), "left", room="chat-1")
        await leaving
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room = await joining
        peer = await reconnected(scripted, clock, peer)
        await peer.join("chat-1")
        assert (await peer.expect("message"))["data"] == "bye"
        await say(peer, 1)
        assert (await anext(room)).data == 1
        asked = begun(client.ping())
        await peer.reply(await peer.expect("ping"), "pong", time=1)
        assert await asked == 1, "it did not leave"


async def test_pushes_right_behind_the_reply_are_not_lost(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1", since=at(3)))
        request = await peer.expect("join")
        assert request["since"] == at(3)
        await peer.reply(request, "joined", room="chat-1", position=at(5), recovered=True, replayed=2)
        await say(peer, 4)
        await say(peer, 5)
        await say(peer, 6)
        room = await joining
        heard = [await anext(room) for _ in range(3)]
        assert [(message.data, message.replayed) for message in heard] == [(4, True), (5, True), (6, False)]


async def test_rejoins_with_since_and_what_it_said_of_itself(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room = await joining
        await say(peer, 1)
        assert (await anext(room)).data == 1
        away = begun(room.update(status="away"))
        await peer.reply(await peer.expect("presence"), "presence", room="chat-1", users=[member("7"), member("8")])
        assert list(await away) == ["7", "8"]
        peer = await reconnected(scripted, clock, peer)
        request = await peer.expect("join")
        assert request["since"] == at(1)
        assert request["status"] == "away"
        await peer.reply(request, "joined", room="chat-1", position=at(2), recovered=True, replayed=1)
        await say(peer, 2)
        assert (await anext(room)).replayed
        assert room.recovered


async def test_messages_wait_until_the_room_is_joined_again(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room = await joining
        sending = begun(room.send("lost on the way"))
        lost = await peer.expect("message")
        peer = await reconnected(scripted, clock, peer)
        request = await peer.expect("join")
        newer = begun(room.send("said while the room is being joined"))
        with pytest.raises(TimeoutError):  # nothing is said into a room that is not joined yet
            async with asyncio.timeout(0.05):
                await peer.socket.recv()
        await peer.reply(request, "joined", room="chat-1", position=at(0), recovered=True, replayed=0)
        again = await peer.expect("message")
        assert again == lost
        await peer.reply(again, "sent", room="chat-1", position=at(1))
        assert await sending == at(1)
        await peer.reply(await peer.expect("message"), "sent", room="chat-1", position=at(2))
        assert await newer == at(2)


async def test_a_gap_is_marked_in_the_stream(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room = await joining
        peer = await reconnected(scripted, clock, peer)
        await peer.join("chat-1", position=at(1, "s"), recovered=False)
        await say(peer, 2, epoch="s")
        assert (await anext(room)).gap
        assert room.recovered is False


async def test_presence_changes(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1", users=[member("7")])
        room = await joining
        changes = room.presence_changes()
        assert await anext(changes) == PresenceChange(reset=True), "who is there already has not just come"
        assert list(room.members) == ["7"]
        await peer.send("presence_diff", room="chat-1", joined=[member("8")], left=[], changed=[])
        await peer.send("presence_diff", room="elsewhere", joined=[member("9")], left=[], changed=[])
        await peer.send("presence_diff", room="chat-1", joined=[], left=[member("7")], changed=[])
        assert [who.id for who in (await anext(changes)).joined] == ["8"]
        assert [who.id for who in (await anext(changes)).left] == ["7"]
        assert list(room.members) == ["8"]


async def test_members_in_parts(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1", users=[member("7")], more=True)
        room = await joining
        changes = room.presence_changes()
        assert await anext(changes) == PresenceChange(reset=True)
        await peer.send("presence_diff", room="chat-1", joined=[member("8")], left=[], changed=[])
        assert [who.id for who in (await anext(changes)).joined] == ["8"]
        await peer.send("presence", room="chat-1", users=[member("7")], more=True)
        assert await anext(changes) == PresenceChange(reset=True), "8 has not left: the list has a second part"
        await peer.send("presence_diff", room="chat-1", joined=[member("8")], left=[], changed=[])
        assert [who.id for who in (await anext(changes)).joined] == ["8"]
        assert list(room.members) == ["7", "8"]


async def test_history(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room = await joining
        asking = begun(room.history(before=at(9), limit=2))
        request = await peer.expect("history")
        assert (request["before"], request["limit"]) == (9, 2)
        messages = [{"from": "7", "data": n, "position": at(n), "time": n, "type": "message"} for n in (7, 8)]
        await peer.reply(request, "messages", room="chat-1", messages=messages, more=True)
        page = await asking
        assert [message.data for message in page.messages] == [7, 8]
        assert page.more


async def test_refused_join(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        for attempt in ("first", "second"):
            joining = begun(client.join("chat-1"))
            request = await peer.expect("join")
            await peer.reply(request, "error", code="forbidden", message=attempt, temporary=False)
            with pytest.raises(RequestRefused, match=attempt):
                await joining
        peer = await reconnected(scripted, clock, peer)
        pinging = begun(client.ping())
        await peer.reply(await peer.expect("ping"), "pong", time=1)  # and not the join
        await pinging


async def test_a_rejoin_that_is_refused_ends_the_room(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room = await joining
        peer = await reconnected(scripted, clock, peer)
        await peer.reply(await peer.expect("join"), "error", code="forbidden", message="no more", temporary=False)
        with pytest.raises(RequestRefused, match="no more"):
            await anext(room)
        with pytest.raises(RequestRefused, match="no more"):
            await room.send("x")
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        assert (await joining).name == "chat-1"


async def test_a_rejoin_that_is_refused_for_now_is_tried_again(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock, random=lambda: 0.5) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room = await joining
        peer = await reconnected(scripted, clock, peer)
        busy = {"code": "unavailable", "message": "busy", "temporary": True, "retry_after": 4}
        await peer.reply(await peer.expect("join"), "error", **busy)
        await clock.pass_sleep(6.0)
        await peer.join("chat-1", recovered=True)
        await say(peer, 1)
        assert (await anext(room)).data == 1


async def test_two_holders_share_one_membership(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        first, second = begun(client.join("chat-1")), begun(client.join("chat-1"))
        await peer.join("chat-1")
        one, two = await first, await second
        await say(peer, 1)
        assert ((await anext(one)).data, (await anext(two)).data) == (1, 1)
        await one.leave()
        await say(peer, 2)
        assert (await anext(two)).data == 2
        with pytest.raises(InvalidOption, match="presence = 'diff' already"):
            await client.join("chat-1", presence="full")
        leaving = begun(two.leave())
        await peer.reply(await peer.expect("leave"), "left", room="chat-1")
        await leaving


async def test_a_room_that_was_left_is_not_joined_again(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock, random=lambda: 0.5) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room = await joining
        await peer.close(4100)
        await clock.until_sleeping(0.25)
        await room.leave()  # offline: there is no gateway to tell
        await clock.pass_sleep(0.25)
        peer = await scripted.accept()
        pinging = begun(client.ping())
        await peer.reply(await peer.expect("ping"), "pong", time=1)
        await pinging


async def test_a_join_that_timed_out_is_taken_back(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, request_timeout=0.05, clock=clock) as client:
        peer = await scripted.accept()
        with pytest.raises(RequestTimeout):
            await client.join("chat-1")
        await peer.expect("join")
        await peer.expect("leave")


async def test_the_gateway_ends_a_membership(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room = await joining
        await peer.send("left", room="chat-1")
        with pytest.raises(TidegateError) as caught:
            await anext(room)
        assert caught.value.code == "forbidden"


async def test_an_unread_iterator_overflows_as_agreed(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        careful, careless = (
            begun(client.join("chat-1", buffer=2)),
            begun(client.join("chat-1", buffer=2, overflow="drop_oldest")),
        )
        await peer.join("chat-1")
        strict, loose = await careful, await careless
        for offset in range(1, 5):
            await say(peer, offset)
        pinging = begun(client.ping())
        await peer.reply(await peer.expect("ping"), "pong", time=1)
        await pinging
        assert [(await anext(loose)).data for _ in range(2)] == [3, 4]
        assert [(await anext(strict)).data for _ in range(2)] == [1, 2]
        with pytest.raises(StreamOverflow):
            await anext(strict)


async def test_an_unreadable_push_ends_only_its_room(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        broken_join, good_join = begun(client.join("broken")), begun(client.join("chat-1"))
        await peer.join("broken")
        await peer.join("chat-1")
        broken, good = await broken_join, await good_join
        await peer.send("message", room="broken", position="nonsense")
        assert (await peer.expect("leave"))["room"] == "broken"
        await say(peer, 1)
        assert (await anext(good)).data == 1
        with pytest.raises(TidegateError) as caught:
            await anext(broken)
        assert caught.value.code == "invalid_message"


async def consume(room: Room[Any]) -> list[Message[Any]]:
    return [message async for message in room]


async def test_iterations_end_with_the_client_and_fail_when_it_is_refused(scripted: ScriptedGateway) -> None:
    client = await connect(scripted.url)
    peer = await scripted.accept()
    joining = begun(client.join("chat-1"))
    await peer.join("chat-1")
    consuming = begun(consume(await joining))
    await client.close()
    assert await consuming == []

    client = await connect(scripted.url)
    peer = await scripted.accept()
    joining = begun(client.join("chat-1"))
    await peer.join("chat-1")
    consuming = begun(consume(await joining))
    await peer.close(4010, "replaced")
    with pytest.raises(ConnectionRefused, match="replaced"):
        await consuming
    await client.close()


class Chat(msgspec.Struct, forbid_unknown_fields=True):
    text: str


async def test_typed_messages(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        joining = begun(client.join("chat-1", model=Chat))
        await peer.join("chat-1")
        room = await joining
        sending = begun(room.send(Chat("hi")))
        request = await peer.expect("message")
        assert request["data"] == {"text": "hi"}
        await peer.reply(request, "sent", room="chat-1", position=at(1))
        await sending
        pushed = {"from": "7", "time": 1}
        for offset, data in ((1, {"text": "hi", "later": 1}), (2, {"text": 5}), (3, {"text": "on"})):
            await peer.send("message", room="chat-1", **pushed, data=data, position=at(offset))
        assert (await anext(room)).data == Chat("hi")
        with pytest.raises(ModelMismatch, match="not a Chat"):
            await anext(room)
        assert (await anext(room)).data.text == "on"
        asking = begun(room.history())
        messages = [{**pushed, "data": {"text": "hi"}, "position": at(1)}]
        await peer.reply(await peer.expect("history"), "messages", room="chat-1", messages=messages, more=False)
        assert (await asking).messages[0].data == Chat("hi")


async def test_one_stream_has_everything_in_order(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        asking = begun(client.join("chat-1"))
        await peer.join("chat-1", users=[USER])
        room = await asking
        await peer.send("message", room="chat-1", data="early", **{"from": "7"}, time=1, position=at(1))
        pinging = begun(client.ping())
        await peer.reply(await peer.expect("ping"), "pong", time=1)
        await pinging
        events = room.events()
        assert await anext(events) == PresenceChange(reset=True), "who is there, told apart from who comes"
        early = await anext(events)
        assert isinstance(early, Message)
        assert early.data == "early"
        await peer.send("presence_diff", room="chat-1", joined=[{**USER, "id": "8"}], left=[], changed=[])
        await peer.send("message", room="chat-1", data="late", **{"from": "8"}, time=2, position=at(2))
        await peer.send("gap", room="chat-1", dropped=3, position=at(5))
        await peer.close(4200)
        came, late, gap, behind = [await anext(events) for _ in range(4)]
        assert isinstance(came, PresenceChange)
        assert [member.id for member in came.joined] == ["8"]
        assert isinstance(late, Message)
        assert (late.data, isinstance(gap, Gap), behind) == ("late", True, RoomStatusChange("behind"))
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        await peer.join("chat-1", position=at(5), recovered=True)
        assert await anext(events) == RoomStatusChange("joined")
        await peer.send("left", room="chat-1", reason="forbidden")
        assert await anext(events) == RoomStatusChange("error")
        with pytest.raises(RequestRefused):
            await anext(events)
        assert room.status == "error"


async def test_the_answer_to_the_join_of_a_reconnect_is_late(scripted: ScriptedGateway) -> None:
    """The client waits for it as long as the connection lives: there is no program that would ask again."""

    async def answer_joins(peer: Peer) -> None:
        while True:
            if (request := await peer.receive())["type"] == "join":
                await peer.reply(request, "joined", room="a", position=at(0), recovered=False, replayed=0)

    room: Room[Any] | None = None
    async with connect(scripted.url, request_timeout=0.05) as client:
        first = await scripted.accept()
        answering = begun(answer_joins(first))
        while room is None:
            with contextlib.suppress(RequestTimeout):
                room = await client.join("a")
        answering.cancel()
        await first.close(4201)
        peer = await scripted.accept()
        join = await peer.expect("join")
        with pytest.raises(RequestTimeout):
            await client.ping()
        await peer.reply(join, "joined", room="a", position=at(0), recovered=True, replayed=0)
        said = {"from": "7", "data": {"text": "one"}, "time": 1, "position": at(1)}
        await peer.send("message", room="a", **said)
        assert (await anext(room)).data == {"text": "one"}
        assert room.status == "joined"


async def test_a_room_that_the_gateway_ends_while_it_is_left(scripted: ScriptedGateway) -> None:
    """The room is left, which is all that the program wanted."""
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        joining = begun(client.join("a"))
        await peer.join("a")
        room = await joining
        leaving = begun(room.leave())
        request = await peer.expect("leave")
        await peer.send("left", room="a", reason="removed")
        await peer.reply(request, "error", code="not_joined", message="join the room first", temporary=False)
        await leaving
        assert room.status == "left"
        assert [message async for message in room] == []
