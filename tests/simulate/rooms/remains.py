"""What gateways, the hub and the server of rooms keep when the last client has gone for good: nothing may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.simulate.rooms.hub import SimulatedHub
from tests.simulate.rooms.redis_server import RedisServer
from tidegate.engines.hub.engine import HubEngine
from tidegate.engines.redis.engine import RedisEngine
from tidegate.gateway.assembly import Parts
from tidegate.transport import ConnectionContext


def of_gateway(parts: Parts, context: ConnectionContext, engine: Any) -> list[str]:
    """Everything that was left behind in a gateway that serves."""
    rooms = parts.sessions.protocol.rooms
    occupants = rooms.occupants
    places: dict[str, object] = {
        "connections": list(context.connections),
        "frames": [*context.outbox._dirty, *context.outbox._alone],
        "sessions": list(parts.sessions),
        "work under way": parts.work._under_way,
        "sessions with work": parts.work._pending,
        "rooms": list(occupants.rooms),
        "memberships": list(occupants.memberships._of),
        "presence to announce": [room.name for room in occupants.announcements._gathering],
        "users with ghosts": list(occupants._ghosts._of_user),
        "ghosts": [ghost for queue in occupants._ghosts._queues.values() for ghost in queue],
        "entries of others": occupants._elsewhere._held,
        "gateways that leave": occupants._elsewhere.leaving,
        "memory of rooms": {account: size for (account, kind), size in _held(rooms) if kind != "writes"},
        **(_of_redis(engine) if isinstance(engine, RedisEngine) else _of_hub_engine(engine)),
    }
    return _there(places)


def of_server(server: RedisServer | SimulatedHub) -> list[str]:
    """Everything that is still said of users or of gateways that are gone."""
    if isinstance(server, RedisServer):
        return [f"key {key!r}" for key in server._data._values if key.endswith((b":p",)) or b":n:" in key]
    members = server._rooms.members
    return _there(
        {
            "members": members._rooms,
            "what workers said": {node: said for node, said in members._of_node.items() if said},
            "what was not said again": {node: said for node, said in members._unsaid.items() if said},
            "workers that leave": members._leaving,
            "rooms that are told to be occupied": members.occupancy._told,
            "rooms to compare": members.occupancy._due,
            "what earlier hubs did": members.occupancy._claims,
            "rooms that are open": list(server._rooms._open),
        }
    )


def _held(rooms: Any) -> Iterator[tuple[tuple[str, str], int]]:
    return iter([(both, size) for both, size in rooms.occupants.memberships._ledger._by_both.items() if size])


def _of_redis(engine: RedisEngine) -> dict[str, object]:
    rooms, attendance = engine._rooms, engine._attendance
    return {
        "followed rooms": list(rooms._rooms),
        "channels": list(rooms._by_channel),
        "positions": list(rooms.following._rooms),
        "held bytes": rooms.following._held,
        "questions": list(rooms._questions._waiting),
        "entries": attendance._entries,
        "changes to write": attendance._to_write,
        "answers about presence": attendance._answers,
        "rooms to decide": engine._occupancy._open,
        "decisions": engine._decisions._names,
        "changes in doubt": [*attendance._in_doubt, *engine._nodes._in_doubt],
        "changes under way": attendance._under_way,
        "messages that wait": list(engine._publisher._held),
        "burials": list(engine._nodes._burials),
    }


def _of_hub_engine(engine: HubEngine) -> dict[str, object]:
    return {
        "open rooms": list(engine._open),
        "positions": list(engine._following._rooms),
        "held bytes": engine._following._held,
        "entries": engine._presence._entries,
        "changes without an answer": engine._presence._asked,
        "changes of rooms": engine._presence._changes,
        "requests that wait": engine._held,
        "questions": engine._hearing._asks,
        "parts of answers": engine._hearing._missed,
        "unanswered requests": engine._calls._waiting,
    }


def _there(places: dict[str, object]) -> list[str]:
    return [f"{name}: {there}" for name, there in places.items() if there]
