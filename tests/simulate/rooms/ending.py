"""The end of a history of rooms, simulated or real: nothing goes wrong any more, so every client must have everything.

Invariant: what is found is told to the judge, and nothing is waited for longer than PATIENCE_S.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from tests.simulate.rooms.client import RoomClient
from tests.simulate.rooms.judge import RoomJudge, said_in

PATIENCE_S = 60.0
ANSWERS_S = 5.0
"""How long the last questions may take."""

Members = dict[str, tuple[int, str]]


async def settle(clients: Sequence[RoomClient], judge: RoomJudge) -> None:
    """Wait until each client is in its rooms, and knows what became of what it said."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while loop.time() < end and not all(client.settled for client in clients):
        for client in clients:
            client.say_again()
        await asyncio.sleep(1.0)
    for client in clients:
        if not client.settled:
            judge.wrong(client.name, "has not all that it asked for")


async def check(clients: Sequence[RoomClient], judge: RoomJudge) -> None:
    """Who is present, as pushed and as listed, and the whole histories of the rooms that keep all."""
    _check_members(clients, judge, "shown")
    for client in clients:
        client.ask_members()
        for room in client.rooms:
            if room.startswith("kept"):
                client.read_all(room)
    await asyncio.sleep(ANSWERS_S)
    _check_members(clients, judge, "listed")
    for client in clients:
        if not client.settled:
            judge.wrong(client.name, "was not answered at the end")
            continue
        for room, page in client.pages.items():
            head = client.rooms[room].position
            assert head is not None
            texts = [(message["position"]["offset"], said_in(message)) for message in page]
            judge.check_history(client.name, room, head["epoch"], head["offset"], texts)


def _check_members(clients: Sequence[RoomClient], judge: RoomJudge, how: str) -> None:
    present = _present(clients)
    for client in clients:
        for room, view in client.rooms.items():
            if view.members != present[room]:
                judge.wrong(client.name, f"{room} has {present[room]}, and is {how} as {view.members}")


def _present(clients: Sequence[RoomClient]) -> dict[str, Members]:
    """Who is in each room: connections and status."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for client in clients:
        for room, view in client.rooms.items():
            found[room][client.user].append(view.status)
    return {
        room: {user: (len(said), "online" if "online" in said else "away") for user, said in users.items()}
        for room, users in found.items()
    }
