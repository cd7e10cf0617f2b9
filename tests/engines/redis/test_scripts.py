"""What single scripts refuse or leave out, from any caller, on each server."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.redis import RedisServer, free_prefix
from tidegate.engines.redis import lua
from tidegate.engines.redis.keys import CHANGE, CHANNEL, META, PRESENCE, STREAM, TOLD, Keys, field
from tidegate.engines.redis.lua import ALL, BEAT, BURIED, BURY, DECIDE, HISTORY, OPEN, PRESENT, PUBLISH, RIGHTS, Script
from tidegate.engines.redis.resp import ReplyError

pytestmark = pytest.mark.process

LEASE, GRACE = 10_000, 5_000
"""Milliseconds."""


class Scripts:
    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.keys = Keys(free_prefix())

    def run(self, script: Script, keys: list[bytes], *arguments: bytes | str | int) -> Any:
        return self.server.command("EVAL", script.source, len(keys), *keys, *arguments)

    def of(self, room: str, *parts: bytes) -> list[bytes]:
        return [self.keys.of_room(room, part) for part in parts]

    def lease(self, node: str, milliseconds: int) -> None:
        """The lease of `node` ends so many milliseconds from now."""
        self.server.command("ZADD", self.keys.nodes, int(time.time() * 1000) + milliseconds, node)

    def present(
        self,
        node: str,
        user: str,
        entry: bytes = b"{}",
        room: str = "r",
        name: str = "",
        *,
        last: bool = False,
        told: tuple[int, int] = (0, 0),
        history: str = "h1",
    ) -> bytes:
        """`name`: of a change that is made again. `last`: the node has no user in the room any more. `told`: for how
        long it is open what was told about the room, and whether the node knows that it was told to be occupied.
        """
        keys = [*self.of(room, META, PRESENCE), self.keys.nodes, self.keys.rooms_of(node)]
        keys += self.of(room, CHANGE, TOLD)
        channel = self.keys.of_room(room, CHANNEL)
        named = (name or f"{node} {time.monotonic_ns()}", int(bool(name)), 60_000, *told, history)
        reply: bytes = self.run(PRESENT, keys, node, field(node, user), entry, room, channel, int(last), GRACE, *named)
        return reply

    def decide(self, name: str, kept: str = "kept", history: str = "h1") -> Any:
        """About the room r. `kept`: how a node names what the server keeps; its right name is "kept"."""
        if self.server.command("GET", self.keys.kept) is None:
            self.server.command("SET", self.keys.kept, "kept")
        keys = [*self.of("r", PRESENCE, TOLD, CHANGE), self.keys.kept]
        return self.run(DECIDE, keys, name, 60_000, kept, history, 60_000)

    def is_over(self, told: str) -> None:
        """The room r was `told` so before the loss, as far as nodes know, and their time to say so is over."""
        self.server.command("SET", *self.of("r", TOLD), f"{told} 1")

    def bury(self, node: str, room: str = "r", by: str = "n9") -> tuple[int, bool]:
        """How many entries there were, and whether the room was vacated."""
        keys = [*self.of(room, META, PRESENCE), self.keys.nodes, self.keys.rooms_of(node)]
        keys += self.of(room, CHANGE, TOLD)
        channel = self.keys.of_room(room, CHANNEL)
        count, vacated = self.run(BURY, keys, node, room, channel, GRACE, f"buried {by} {node}", 60_000)
        return count, bool(vacated)

    def publish(self, key: bytes = b"", digest: bytes = b"", known: tuple[str, int] = ("", 0), size: int = 5) -> Any:
        meta, stream = self.of("r", META, STREAM)
        channel = self.keys.of_room("r", CHANNEL)
        new = f"e{time.monotonic_ns()}"
        constants = (60_000, size, 60_000, channel, digest, 60_000)
        return self.run(PUBLISH, [meta, stream, key or meta], "g", new, *known, *constants, "{", "}")

    def open(self, since: tuple[str, int], known: tuple[str, int] = ("", 0), kept: int = 60_000) -> Any:
        keys = self.of("r", META, STREAM, PRESENCE)
        return self.run(OPEN, keys, "g", f"n{time.monotonic_ns()}", *known, 60_000, kept, *since, 1 << 18, 1)


@pytest.fixture
def scripts(server: RedisServer) -> Scripts:
    return Scripts(server)


@pytest.mark.parametrize("left", [None, -GRACE - 1, -10 * GRACE])
def test_a_node_without_a_lease_writes_no_entry(scripts: Scripts, left: int | None) -> None:
    """After its burial nothing would ever remove the entry."""
    if left is not None:
        scripts.lease("n1", left)
    with pytest.raises(ReplyError, match="GIVENUP") as error:
        scripts.present("n1", "u")
    assert error.value.code == "GIVENUP"
    assert not scripts.server.command("EXISTS", *scripts.of("r", PRESENCE), scripts.keys.rooms_of("n1"))


def test_a_node_whose_lease_ended_a_moment_ago_still_writes(scripts: Scripts) -> None:
    scripts.lease("n1", -GRACE // 2)
    assert scripts.present("n1", "u") == b"occupied"


def test_entries_make_no_hash_for_a_room_without_an_epoch(scripts: Scripts) -> None:
    scripts.lease("n1", LEASE)
    scripts.present("n1", "u")
    assert not scripts.server.command("EXISTS", *scripts.of("r", META))


@pytest.mark.parametrize(("left", "known"), [(None, 0), (LEASE, 1), (-1, 1), (-GRACE // 2, 1), (-GRACE - 1, 0)])
def test_a_beat_renews_a_lease_unless_others_may_bury_the_node(scripts: Scripts, left: int | None, known: int) -> None:
    if left is not None:
        scripts.lease("n1", left)
    before = scripts.server.command("ZSCORE", scripts.keys.nodes, "n1")
    found, now, nodes, kept = scripts.run(BEAT, [scripts.keys.nodes, scripts.keys.kept], "n1", LEASE, GRACE, "new")
    assert kept == b"new"
    assert found == known
    after = scripts.server.command("ZSCORE", scripts.keys.nodes, "n1")
    if left is not None and not known:
        assert after == before, "given up stays given up"
    else:
        assert float(after) == now + LEASE
    assert nodes[0] == b"n1"


def test_a_node_that_lives_is_not_buried_and_not_forgotten(scripts: Scripts) -> None:
    for left in (LEASE, -GRACE // 2):
        scripts.lease("n1", left)
        scripts.present("n1", "u")
        assert scripts.bury("n1") == (-1, False)
        assert scripts.run(BURIED, [scripts.keys.nodes, scripts.keys.rooms_of("n1")], "n1", GRACE) == 0
    assert scripts.server.command("HLEN", *scripts.of("r", PRESENCE)) == 1


def test_a_burial_takes_the_entries_of_its_node_alone(scripts: Scripts) -> None:
    """Also of nodes and users whose names begin alike."""
    for node in ("n1", "n11", "n"):
        scripts.lease(node, LEASE)
        for user in ("u", "n1", "n1 u", ""):
            scripts.present(node, user)
    scripts.lease("n1", -GRACE - 1)
    assert scripts.bury("n1") == (4, False)
    fields = scripts.server.command("HKEYS", *scripts.of("r", PRESENCE))
    assert {name.split(b" ")[0] for name in fields} == {b"n11", b"n"}
    assert scripts.run(BURIED, [scripts.keys.nodes, scripts.keys.rooms_of("n1")], "n1", GRACE) == 1


def test_a_node_with_rooms_left_is_not_forgotten(scripts: Scripts) -> None:
    scripts.lease("n1", LEASE)
    for room in ("r", "s"):
        scripts.present("n1", "u", room=room)
    scripts.lease("n1", -GRACE - 1)
    assert scripts.bury("n1") == (1, True)
    assert scripts.run(BURIED, [scripts.keys.nodes, scripts.keys.rooms_of("n1")], "n1", GRACE) == 0
    assert scripts.bury("n1", "s") == (1, True)
    assert scripts.run(BURIED, [scripts.keys.nodes, scripts.keys.rooms_of("n1")], "n1", GRACE) == 1


def test_messages_that_are_too_old_are_not_given_out(scripts: Scripts) -> None:
    """Newer ones keep the stream, so its expiry alone does not remove them."""
    epoch = scripts.publish().split(b" ")[0].decode()
    scripts.publish()
    scripts.publish()
    stream = scripts.of("r", STREAM)[0]
    old = scripts.server.command("XRANGE", stream, 1, 1)[0][1]
    scripts.server.command("DEL", stream)
    scripts.server.command("XADD", stream, 1, "t", int(old[1]) - 120_000, "m", "old")
    for offset in (2, 3):
        scripts.server.command("XADD", stream, offset, "t", old[1], "m", f"new{offset}")
    assert scripts.run(HISTORY, [stream], "", 10, 10_000, 60_000) == [0, b"new3", b"new2"]
    assert scripts.open((epoch, 0))[3] is None, "the first one is gone"
    assert scripts.open((epoch, 1))[3] == [b"new2", b"new3"]


def test_a_page_has_few_bytes_and_one_message_at_least(scripts: Scripts) -> None:
    for _ in range(5):
        scripts.publish()
    stream = scripts.of("r", STREAM)[0]
    size = len(scripts.run(HISTORY, [stream], "", 10, 10_000, 60_000)[1])
    for most, count in ((0, 1), (size, 1), (2 * size, 2), (5 * size, 5), (10 * size, 5)):
        more, *texts = scripts.run(HISTORY, [stream], "", 10, most, 60_000)
        assert (more, len(texts)) == (int(count < 5), count)
    assert scripts.run(HISTORY, [stream], 1, 10, 10_000, 60_000) == [0]
    assert len(scripts.run(HISTORY, [stream], 3, 1, 10_000, 60_000)) == 2


@pytest.mark.parametrize("claim", [1, 2, 5, 2**53 - 1])
def test_only_what_a_gateway_delivered_begins_an_epoch(scripts: Scripts, claim: int) -> None:
    epoch = scripts.publish().split(b" ")[0].decode()
    head = scripts.open((epoch, claim))
    assert (head[0].decode(), head[1]) == (epoch, 1), "a client's claim"
    head = scripts.open(("", 0), known=(epoch, claim))
    assert (head[0].decode() == epoch) == (claim == 1), "a gateway that delivered more than there is"


def test_a_key_counts_in_its_epoch(scripts: Scripts) -> None:
    key = scripts.keys.idempotency("r", "u", "k")
    first = scripts.publish(key, b"d")
    assert scripts.publish(key, b"d") == first
    with pytest.raises(ReplyError, match="CONFLICT"):
        scripts.publish(key, b"other")
    epoch = first.split(b" ")[0].decode()
    again = scripts.publish(key, b"other", known=(epoch, 2))
    assert again.split(b" ")[0].decode() != epoch
    assert scripts.publish(key, b"other") == again


def test_scripts_are_short_and_say_what_they_get() -> None:
    for file in Path(lua.__file__).parent.glob("scripts/*.lua"):
        lines = file.read_text().splitlines()
        assert len(lines) < 46
        assert lines[0].startswith("-- ")
        assert any("KEYS 1" in line or "ARGV 1" in line for line in lines[:12])


def test_every_command_of_the_scripts_is_tried_before_a_connection_is_used() -> None:
    """A right that is missing shows at the start, and not when a gateway is to be buried."""
    used = {word for script in ALL for word in re.findall(rb"redis\.call\('(\w+)'", script.source)}
    tried = set(re.findall(rb"(?:\{|try\()'([A-Z]+)'", RIGHTS.source))
    assert not used - tried


def test_a_burial_whose_answer_was_lost_finds_what_it_did(scripts: Scripts) -> None:
    scripts.lease("n1", LEASE)
    scripts.present("n1", "u")
    scripts.lease("n1", -GRACE)
    assert scripts.bury("n1") == (1, True)
    assert scripts.bury("n1") == (0, True), "the same burial"
    assert scripts.bury("n1", by="n8") == (0, False), "another gateway"
    scripts.lease("n2", LEASE)
    assert scripts.present("n2", "u") == b"occupied"
    assert scripts.bury("n1") == (0, False), "the room has a user"
    assert scripts.present("n2", "u", b"") == b"vacated"
    assert scripts.bury("n1") == (0, False), "the change of another gateway is the last one"


def test_a_change_that_is_made_again_finds_what_it_did(scripts: Scripts) -> None:
    scripts.lease("n1", LEASE)
    scripts.lease("n2", LEASE)
    assert scripts.present("n1", "u", name="n1 1") == b"occupied"
    assert scripts.present("n1", "u", name="n1 1") == b"occupied"
    change = scripts.of("r", CHANGE)[0]
    assert 0 < scripts.server.command("PTTL", change) <= 60_000
    for _ in range(2):
        assert scripts.present("n1", "u", b"", name="n1 1") == b"", "it began and ended: nothing has changed"
    assert scripts.present("n1", "u", name="n1 2") == b"occupied"
    assert scripts.present("n1", "u", b"", name="n1 3") == b"vacated"
    assert scripts.present("n1", "u", b"", name="n1 3") == b"vacated"
    assert scripts.present("n2", "v") == b"occupied"
    assert scripts.present("n1", "u", b"", name="n1 3") == b"", "a later change was told to another gateway"


def test_a_node_has_the_rooms_in_which_it_has_a_user(scripts: Scripts) -> None:
    scripts.lease("n1", LEASE)
    rooms = scripts.keys.rooms_of("n1")
    for room in ("r", "s"):
        scripts.present("n1", "u", room=room)
    scripts.present("n1", "v")
    scripts.present("n1", "u", b"")
    assert {*scripts.server.command("SMEMBERS", rooms)} == {b"r", b"s"}, "another user is there"
    scripts.present("n1", "v", b"", last=True)
    assert {*scripts.server.command("SMEMBERS", rooms)} == {b"s"}


def test_a_user_who_leaves_without_an_entry_changes_nothing(scripts: Scripts) -> None:
    scripts.lease("n1", LEASE)
    scripts.open(("", 0))
    scripts.present("n1", "u")
    meta = scripts.of("r", META)[0]
    before = scripts.server.command("HGETALL", meta)
    assert scripts.present("n1", "never there", b"") == b""
    assert scripts.server.command("HGETALL", meta) == before, "members hear nothing, and so have no gap"
    scripts.present("n1", "u", b"")
    assert scripts.server.command("HGETALL", meta) != before


def test_a_room_that_is_open_is_decided_once(scripts: Scripts) -> None:
    """After a loss: what nodes say of a room is put together, and until it is decided no change is told."""
    for node in ("n1", "n2"):
        scripts.lease(node, LEASE)
    long, short = (60_000, 0), (1, 1)
    assert scripts.decide("d0") == b"", "nothing is open"
    assert scripts.present("n1", "u", told=long) == b"open"
    assert scripts.decide("d1") > 50_000
    assert scripts.present("n2", "v", b"", told=short) == b"open", "the last user of another node is gone"
    assert scripts.present("n1", "u", b"") == b"open"
    told, ends = scripts.server.command("GET", *scripts.of("r", TOLD)).split()
    assert told == b"occupied" and int(ends) > time.time() * 1000 + 50_000, "the later end counts"
    scripts.is_over("occupied")
    scripts.lease("n1", -GRACE - 1)
    assert scripts.bury("n1") == (0, False), "nor does a burial tell it"
    for _ in range(2):
        assert scripts.decide("d1") == b"vacated", "also where the answer was lost"
    assert scripts.decide("d2") == b"", "another node"
    assert scripts.present("n2", "w") == b"occupied"
    assert scripts.decide("d3", kept="earlier") == 1, "lost again: it is not decided"


@pytest.mark.parametrize(("told", "change"), [("vacated", b"occupied"), ("occupied", b"")])
def test_a_room_with_users_is_told_where_that_is_new(scripts: Scripts, told: str, change: bytes) -> None:
    scripts.lease("n1", LEASE)
    scripts.present("n1", "u")
    scripts.is_over(told)
    assert scripts.decide("d") == change


@pytest.mark.parametrize("told", ["vacated", "occupied"])
@pytest.mark.parametrize("user", [b"{}", b""])
def test_a_node_that_says_later_what_it_knows_does_not_open_a_decided_room(
    scripts: Scripts, told: str, user: bytes
) -> None:
    """Unless the server lost something after the decision, which its history shows."""
    scripts.lease("n1", LEASE)
    if told == "vacated":
        scripts.present("n1", "u")
    scripts.is_over(told)
    assert scripts.decide("d1") == (b"occupied" if told == "vacated" else b"vacated")
    change = b"occupied" if told == "occupied" and user else b""
    assert scripts.present("n1", "v", user, told=(1, 1)) == change
    assert scripts.decide("d2") == b""
    assert scripts.present("n1", "v", user, told=(1, 1), history="h2") == b"open"


def test_a_burial_tells_that_a_decided_room_is_vacated(scripts: Scripts) -> None:
    scripts.lease("n1", LEASE)
    scripts.present("n1", "u")
    scripts.is_over("occupied")
    assert scripts.decide("d") == b""
    scripts.lease("n1", -GRACE - 1)
    assert scripts.bury("n1") == (1, True)


def test_a_node_that_was_buried_knows_less_than_the_burial_told(scripts: Scripts) -> None:
    """The server was away for long, and has another history. Another node was back first."""
    scripts.lease("n1", -GRACE // 2)
    assert scripts.present("n1", "u") == b"occupied"
    scripts.lease("n1", -GRACE - 1)
    assert scripts.bury("n1") == (1, True), "it is told that the room is vacated"
    scripts.lease("n2", LEASE)
    assert scripts.present("n2", "u", told=(1, 1)) == b"open"
    assert scripts.server.command("GET", *scripts.of("r", TOLD)).startswith(b"vacated ")
    scripts.is_over("vacated")
    assert scripts.decide("d") == b"occupied"


def test_a_decision_without_anything_that_a_node_knew_can_be_opened_by_a_node_that_knows(scripts: Scripts) -> None:
    """It was told to be occupied, which the decision did not know, and has no user."""
    scripts.lease("n1", LEASE)
    scripts.is_over("vacated")
    assert scripts.decide("d1") == b""
    assert scripts.present("n1", "u", b"", told=(1, 1)) == b"open"
    scripts.is_over("occupied")
    assert scripts.decide("d2") == b"vacated"


def test_a_user_may_leave_where_the_server_is_full(scripts: Scripts) -> None:
    scripts.lease("n1", LEASE)
    for user in ("u", "v"):
        scripts.present("n1", user)
    scripts.server.command("CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(ReplyError, match="OOM"):
            scripts.present("n1", "w")
        assert scripts.present("n1", "u", b"") == b""
        assert scripts.present("n1", "v", b"", last=True) == b"vacated"
    finally:
        scripts.server.command("CONFIG", "SET", "maxmemory", 0)


def test_a_room_is_decided_where_the_server_is_full(scripts: Scripts) -> None:
    assert scripts.decide("d0") == b""
    scripts.is_over("occupied")
    scripts.server.command("CONFIG", "SET", "maxmemory", 1)
    try:
        assert scripts.decide("d1") == b"vacated"
    finally:
        scripts.server.command("CONFIG", "SET", "maxmemory", 0)


def test_members_hear_each_entry(scripts: Scripts) -> None:
    scripts.lease("n1", LEASE)
    with scripts.server.client() as client:
        client.command("SUBSCRIBE", scripts.keys.of_room("r", CHANNEL))
        scripts.present("n1", "u", b"{1}")
        scripts.open(("", 0))
        scripts.present("n1", "u", b"")
        said = [client.command("PING")[2] for _ in range(2)]  # a subscription is told first
    assert said == [b"P 0 %b {1}" % field("n1", "u"), b"P 1 %b " % field("n1", "u")]
