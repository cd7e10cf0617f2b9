"""Messages in rooms: floods, histories that are asked for and not read, members that do not read."""

from __future__ import annotations

from tests.attacks.plan import Attack, Plan, from_loopback, once
from tests.attacks.table.frames import NO_RATE, TURNS, WRITING, flood
from tests.attacks.wire import ROOM_EPOCH, request

LARGE = {"text": "x" * 60_000}
UNREAD = ("replays and pages in parts", "the end of slow readers")
FILLED = "filled"
"""A room whose history attackers fill."""


def chat(size: int) -> bytes:
    return request("message", room="chat-1", data={"text": "x" * size})


def joined(room: str, **fields: object) -> bytes:
    return request("join", room=room, presence="none", **fields)


def filling(count: int = 100, size: int = 60_000, room: str = FILLED) -> Plan:
    """One member that says `count` large messages, and stays."""
    message = request("message", room=room, data={"text": "x" * size})
    return Plan(1, first=once(joined(room)), say=lambda _, turn: message if turn < count else None)


MESSAGES = (
    Attack("chat-flood", (flood(chat(10), 50, first=once(joined("chat-1"))),), without=NO_RATE, patch=TURNS),
    Attack(
        "chat-flood-of-long-messages",
        (flood(chat(2000), 50, first=once(joined("chat-1"))),),
        without=NO_RATE,
        patch=TURNS,
    ),
    Attack(
        "messages-to-many-readers",
        (Plan(300, first=once(joined(FILLED))), filling(400, 6000)),
        without=NO_RATE,
        patch=WRITING,
    ),
    Attack(
        "stuck-readers",
        (Plan(200, first=once(joined(FILLED)), reads=False), filling(2000, 16_000)),
        without={**NO_RATE, "memory": "0"},
        patch=("one frame for all readers", *WRITING),
    ),
    Attack(
        "stuck-readers-from-loopback",
        (Plan(200, head=from_loopback, first=once(joined(FILLED)), reads=False), filling(2000, 16_000)),
        without={**NO_RATE, "memory": "0"},
        patch=("one frame for all readers", *WRITING),
    ),
    Attack(
        "history-unread",
        (
            filling(),
            Plan(100, first=once(joined(FILLED), request("history", room=FILLED, limit=100)), reads=False, delay=1),
        ),
        without={**NO_RATE, "memory": "0"},
        patch=UNREAD,
    ),
    Attack(
        "history-asked-over-and-over",
        (filling(), flood(request("history", room=FILLED, limit=100), 10, first=once(joined(FILLED)), delay=1)),
        without={**NO_RATE, "memory": "0"},
        patch=(*UNREAD, *TURNS),
    ),
    Attack(
        "replays-unread",
        (
            filling(),
            Plan(
                100, first=once(joined(FILLED, since={"epoch": ROOM_EPOCH.decode(), "offset": 0})), reads=False, delay=1
            ),
        ),
        without={**NO_RATE, "memory": "0"},
        patch=UNREAD,
    ),
    Attack("joins-of-one-room", (flood(request("join", room=FILLED), 20),), without=NO_RATE, patch=TURNS),
    Attack(
        "refused-messages", (flood(request("message", room="never-joined", data=1), 20),), without=NO_RATE, patch=TURNS
    ),
)
