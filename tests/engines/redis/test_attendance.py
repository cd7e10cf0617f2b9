"""Who is present, as a server that forgets its scripts is told: over a transport that only notes what is sent."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec
import pytest

from tests.engines.redis.test_connection import LOADED, REFUSED, Noted, connected
from tests.engines.told_changes import ToldChanges
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.ports import PresenceEntry
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.occupancy import OwnOccupancy
from tidegate.engines.redis import attendance as redis_attendance
from tidegate.engines.redis.attendance import UNANSWERED, Attendance
from tidegate.engines.redis.connection import BYTES_LIMIT, Connection
from tidegate.engines.redis.engine import RedisEngine
from tidegate.engines.redis.lua import ALL
from tidegate.engines.redis.publisher import Publisher
from tidegate.engines.redis.urls import read
from tidegate.engines.redis.wire import Wire
from tidegate.engines.setup import EngineSetup
from tidegate_protocol import Sender

OCCUPIED = b"$8\r\noccupied\r\n"


def setup() -> EngineSetup:
    return EngineSetup(
        url="redis://server",
        prefix="test",
        node="a",
        new_node=lambda: "b",
        new_epoch=lambda: "e",
        rooms=(),
        encode=msgspec.json.encode,
        ledger=Ledger(),
        clock=lambda: 0.0,
    )


def wired() -> tuple[Wire, Connection, Noted]:
    wire = Wire(setup())
    wire.connection, transport = connected()
    return wire, wire.connection, transport


def given_up() -> None:
    raise AssertionError("no other gateway gave this gateway up")


def entry(connections: int) -> PresenceEntry:
    return PresenceEntry("Ada", connections, "online", 1)


async def written(transport: Noted) -> bytes:
    """What was sent since the last call."""
    await asyncio.sleep(0)
    data = b"".join(transport.writes)
    transport.writes.clear()
    return data


async def test_a_change_that_came_while_the_scripts_were_loaded_again_is_written_afterwards() -> None:
    wire, connection, transport = wired()
    attendance = Attendance(wire, OwnOccupancy(lambda: 0.0), given_up)
    asked: list[Any] = []
    connection.ask(b"another script", asked.append)
    connection.data_received(REFUSED)
    answer = attendance.present("r", "ada", entry(1))
    await written(transport)
    connection.data_received(LOADED * len(ALL))
    assert b'["Ada",1,' in await written(transport)
    connection.data_received(b"+another\r\n$8\r\noccupied\r\n")
    assert (asked, answer.result()) == ([b"another"], "occupied")


async def test_a_second_change_of_a_user_waits_for_the_answer_to_the_first() -> None:
    """A server that forgot the scripts refuses the first; another gateway loads them; it would take the second."""
    wire, connection, transport = wired()
    attendance = Attendance(wire, OwnOccupancy(lambda: 0.0), given_up)
    attendance.present("r", "ada", entry(1))
    attendance.present("r", "ada", entry(2))
    sent = await written(transport)
    assert b'["Ada",1,' in sent
    assert b'["Ada",2,' not in sent
    connection.data_received(REFUSED)
    await written(transport)
    connection.data_received(LOADED * len(ALL))
    assert b'["Ada",1,' in await written(transport)
    connection.data_received(b"$8\r\noccupied\r\n")
    assert b'["Ada",2,' in await written(transport)
    connection.data_received(b"$0\r\n\r\n")
    assert await written(transport) == b""


async def test_of_calls_that_became_one_change_the_last_one_is_told_what_it_did() -> None:
    wire, connection, transport = wired()
    attendance = Attendance(wire, OwnOccupancy(lambda: 0.0), given_up)
    answers = [attendance.present("r", "ada", one) for one in (entry(1), None, entry(1), None)]
    connection.data_received(b"$8\r\noccupied\r\n")
    await written(transport)
    connection.data_received(b"$7\r\nvacated\r\n")
    assert [answer.result() for answer in answers] == ["occupied", None, None, "vacated"]
    assert attendance._entries == {}, "nothing is kept of a room without a user"


async def test_a_server_that_lost_everything_is_told_what_it_had_and_of_which_rooms_it_was_told() -> None:
    wire, connection, transport = wired()
    occupancy, told = OwnOccupancy(lambda: 0.0), ToldChanges()
    occupancy.listener = cast("Any", told)
    attendance = Attendance(wire, occupancy, given_up)

    def lose(connection: Connection) -> None:
        wire.connection = None
        connection.connection_lost(None)
        attendance.down()

    first = attendance.present("had", "ada", entry(1))
    connection.data_received(OCCUPIED)
    attendance.write_all()  # under another name, without a caller that waits
    in_doubt = attendance.present("in doubt", "ada", entry(1))
    await written(transport)
    lose(connection)
    gone = attendance.present("had", "ada", None)
    wire.connection, transport = connected()
    wire.leased = False
    attendance.find_out(5.0)
    assert await written(transport) == b"", "nothing is taken before the new name has a lease"
    wire.leased = True
    attendance.write()
    said = await written(transport)
    ends = [b"$4\r\n5000\r\n$1\r\n%d\r\n" % known for known in (0, 1)]
    assert [said.count(end) for end in ends] == [1, 1], "of the room whose answer was lost it is not known"
    wire.connection.data_received(b"$0\r\n\r\n" * 2)
    assert [answer.result() for answer in (first, in_doubt, gone)] == ["occupied", None, None]
    assert told.changes == []


async def test_nothing_is_kept_of_a_user_who_came_and_went_while_the_server_was_away() -> None:
    wire, connection, transport = wired()
    attendance = Attendance(wire, OwnOccupancy(lambda: 0.0), given_up)
    attendance.present("r", "ada", entry(1))
    await written(transport)
    connection.data_received(OCCUPIED)
    wire.connection = None
    came = attendance.present("r", "bob", entry(1))
    attendance.present("r", "bob", None)
    attendance.present("r", "kim", entry(1))
    attendance.present("r", "ada", None)
    assert came.result() is None
    wire.connection = connection
    attendance.write()
    said = await written(transport)
    assert (said.count(b" " + b"bob".hex().encode()), said.count(b" " + b"kim".hex().encode())) == (0, 1)
    assert said.count(b" " + b"ada".hex().encode()) == 1


async def test_so_many_changes_are_under_way_and_the_next_one_with_an_answer() -> None:
    wire, connection, transport = wired()
    attendance = Attendance(wire, OwnOccupancy(lambda: 0.0), given_up)
    for number in range(UNANSWERED + 2):
        attendance.present(f"r{number}", "ada", entry(1))
    assert (await written(transport)).count(b'["Ada",1,') == UNANSWERED
    connection.data_received(OCCUPIED)
    assert (await written(transport)).count(b'["Ada",1,') == 1


async def test_a_refused_change_is_written_again_for_the_last_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_attendance, "RETRY_S", 0.0)
    wire, connection, transport = wired()
    attendance = Attendance(wire, OwnOccupancy(lambda: 0.0), given_up)
    first = attendance.present("r", "ada", entry(1))
    await written(transport)
    last = attendance.present("r", "ada", entry(2))
    connection.data_received(b"-OOM the server is full\r\n")
    assert (first.result(), last.done()) == (None, False)
    while not (sent := await written(transport)):
        pass
    assert b'["Ada",2,' in sent
    connection.data_received(OCCUPIED)
    assert last.result() == "occupied"


async def test_a_name_that_was_given_up_costs_the_name_that_followed_nothing() -> None:
    wire, connection, transport = wired()
    names: list[str] = []
    attendance = Attendance(wire, OwnOccupancy(lambda: 0.0), lambda: names.append(wire.node))
    attendance.present("r", "ada", entry(1))
    await written(transport)
    wire.node = "next"
    connection.data_received(b"-GIVENUP the lease ended\r\n")
    assert names == []
    assert b"next" in await written(transport)
    connection.data_received(b"-GIVENUP the lease ended\r\n")
    assert names == ["next"]


async def test_a_room_is_one_of_the_gateway_until_its_last_user_there_leaves() -> None:
    wire, connection, transport = wired()
    attendance = Attendance(wire, OwnOccupancy(lambda: 0.0), given_up)
    left: list[bytes] = []
    for user, present in (("ada", entry(1)), ("bob", entry(1)), ("ada", None), ("bob", None)):
        attendance.present("r", user, present)
        _, _, keys, *rest = (await written(transport)).split(b"\r\n")[2::2]
        left.append(rest[int(keys) + 5])
        connection.data_received(OCCUPIED)
    assert left == [b"0", b"0", b"0", b"1"], "the sixth argument of the script"


async def test_a_change_waits_while_too_much_is_unanswered() -> None:
    wire, connection, transport = wired()
    attendance = Attendance(wire, OwnOccupancy(lambda: 0.0), given_up)
    connection.ask(bytes(BYTES_LIMIT), lambda reply: None)
    await written(transport)
    attendance.present("r", "ada", entry(1))
    assert await written(transport) == b""
    connection.data_received(b"+OK\r\n")
    assert b'["Ada",1,' in await written(transport)


async def test_a_gateway_that_leaves_writes_nothing_more() -> None:
    wire, connection, transport = wired()
    attendance = Attendance(wire, OwnOccupancy(lambda: 0.0), given_up)
    attendance.present("r", "ada", entry(1))
    attendance.present("r", "ada", entry(2))
    await written(transport)
    for number in range(UNANSWERED):
        attendance.present(f"r{number}", "ada", entry(1))
    await written(transport)
    attendance.leave()
    connection.data_received(OCCUPIED * UNANSWERED)
    assert attendance.present("r", "ada", None).result() is None
    attendance.write_all()
    assert await written(transport) == b""


async def test_a_message_that_came_while_the_scripts_were_loaded_again_is_sent_afterwards() -> None:
    wire, connection, transport = wired()
    publisher = Publisher(wire, lambda room: ("", 0))
    connection.ask(b"another script", lambda reply: None)
    connection.data_received(REFUSED)
    answer = publisher.publish("r", RoomRules("r"), Sender(id="ada", name="Ada"), "hello", None)
    await written(transport)
    connection.data_received(LOADED * len(ALL))
    assert b"hello" in await written(transport)
    connection.data_received(b"+another\r\n+e 1\r\n")
    assert answer.result().offset == 1


async def test_what_gateways_are_told_while_the_scripts_are_loaded_again_is_said_afterwards_in_order() -> None:
    engine = RedisEngine(setup(), read("redis://server"))
    engine._wire.connection, transport = connected()
    connection = engine._wire.connection
    connection.ask(b"another script", lambda reply: engine.tell(None, "told", "second"))
    connection.data_received(REFUSED)
    engine.tell(None, "told", "first")
    await written(transport)
    connection.data_received(LOADED * len(ALL))
    sent = await written(transport)
    assert b"first" in sent
    assert b"second" not in sent
    connection.data_received(b"+another\r\n:1\r\n")
    assert b"second" in await written(transport)
