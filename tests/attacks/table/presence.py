"""Presence: what members say about themselves, and the lists that others get of it."""

from __future__ import annotations

from tests.attacks.plan import Attack, Plan, from_loopback, once
from tests.attacks.table.frames import NO_RATE, TURNS, flood
from tests.attacks.wire import request

HUGE = {"about": "x" * 60_000}
ALLOWED = {"about": "x" * 900}
UNLIMITED = {**NO_RATE, "info_bytes": "0", "memory": "0", "address_rooms": "0", "address_connections": "0"}


def member(info: object, room: str = "lobby", presence: str = "none") -> bytes:
    return request("join", room=room, presence=presence, info=info)


def everywhere(line: int) -> list[bytes]:
    return [member(HUGE, f"room-{line}-{n}") for n in range(100)]


def statuses(_: int, turn: int) -> bytes:
    return request("presence", room="lobby", status=("away", "online")[turn % 2], info={"turn": turn})


LIST = request("presence", room="lobby")

PRESENCE = (
    Attack(
        "lists-of-members-unread",
        (Plan(1000, first=once(member(HUGE))), Plan(10, first=once(LIST * 20), reads=False, delay=1)),
        without=UNLIMITED,
    ),
    Attack(
        "lists-of-members-with-allowed-info",
        (
            Plan(900, head=from_loopback, first=once(member(ALLOWED))),
            Plan(10, first=once(member(ALLOWED), LIST * 20), reads=False, delay=1),
        ),
        without=UNLIMITED,
        patch=("replays and pages in parts", "the end of slow readers"),
    ),
    Attack(
        "statuses-in-a-full-room",
        (
            Plan(50, first=once(member(HUGE, presence="full"))),
            Plan(150, first=once(member(HUGE)), say=statuses, every=0.3),
        ),
        without=UNLIMITED,
    ),
    Attack(
        "statuses-in-a-flood",
        (Plan(20, first=once(member(ALLOWED, presence="full")), say=statuses),),
        without=NO_RATE,
        patch=TURNS,
    ),
    Attack("info-in-many-rooms", (Plan(40, first=everywhere),), without=UNLIMITED),
    Attack(
        "users-who-broke-off",
        (Plan(50, first=once(member(HUGE)), leaves=True, again=True),),
        without={**UNLIMITED, "address_connects": "0"},
    ),
    Attack(
        "members-come-and-go",
        (flood(member(ALLOWED) + request("leave", room="lobby"), 20),),
        without=NO_RATE,
        patch=TURNS,
    ),
    Attack("lists-asked-over-and-over", (flood(LIST, 20, first=once(member(ALLOWED))),), without=NO_RATE, patch=TURNS),
)
