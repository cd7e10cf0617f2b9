"""Rooms: new names, many of them, and what their histories and keys hold."""

from __future__ import annotations

from tests.attacks.plan import Attack, Plan, from_loopback
from tests.attacks.table.frames import NO_RATE, TURNS
from tests.attacks.table.messages import joined
from tests.attacks.wire import head, request, token

UNLIMITED = {**NO_RATE, "address_rooms": "0", "memory": "0"}


def new_rooms(line: int, turn: int) -> bytes:
    """Join and leave twenty rooms that are new."""
    return b"".join(
        joined(f"new-{line}-{turn}-{n}") + request("leave", room=f"new-{line}-{turn}-{n}") for n in range(20)
    )


def hundred_rooms(line: int) -> list[bytes]:
    return [joined(f"room-{line}-{n}") for n in range(100)]


def tiny_with_keys(line: int, turn: int) -> bytes:
    return b"".join(request("message", room=f"room-{line}-{n}", data=1, key=f"{'k' * 100}{turn}") for n in range(100))


def large_messages(line: int, turn: int) -> bytes:
    return request("message", room=f"room-{line}-{turn % 100}", data="x" * 60_000)


def names(line: int, turn: int) -> bytes:
    return b"".join(joined(f"{'n' * 100}-{line}-{turn}-{n}") for n in range(10))


ROOMS = (
    Attack("new-rooms", (Plan(1, say=new_rooms),), without=UNLIMITED, patch=TURNS),
    Attack("new-rooms-on-ten-lines", (Plan(10, say=new_rooms),), without=UNLIMITED, patch=TURNS),
    Attack("new-rooms-from-loopback", (Plan(10, say=new_rooms, head=from_loopback),), without=UNLIMITED, patch=TURNS),
    Attack(
        "new-rooms-of-a-user",
        (Plan(10, say=new_rooms, head=lambda n: head(address=f"192.0.2.{n}", token=token("mallory"))),),
        without=UNLIMITED,
        patch=TURNS,
    ),
    Attack("rooms-in-mass", (Plan(200, first=hundred_rooms),), without=UNLIMITED),
    Attack(
        "small-messages-with-keys", (Plan(18, first=hundred_rooms, say=tiny_with_keys),), without=UNLIMITED, patch=TURNS
    ),
    Attack(
        "large-messages-in-many-rooms",
        (Plan(18, first=hundred_rooms, say=large_messages),),
        without=UNLIMITED,
        patch=TURNS,
    ),
    Attack("refused-rooms", (Plan(10, say=names, first=hundred_rooms),), without=UNLIMITED, patch=TURNS),
)
