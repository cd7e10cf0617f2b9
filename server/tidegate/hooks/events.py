"""From what happened to what a hook is sent: pure.

The key of an event says what it is about: a row, a room, a connection. Events of one hook with the same key are sent
in their order, one after the other. Invariant: an event holds nothing that is `writeOnly`, and no token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from tidegate.core.rows.ports import Change
from tidegate.hooks.hook import LIFE_EVENTS, Hook, fits
from tidegate_protocol import Principal

Meets = Callable[[Mapping[str, Any]], bool]

ROW_TYPES = {"create": "row.created", "update": "row.updated", "delete": "row.deleted", "reset": "row.reset"}


class Event(msgspec.Struct, frozen=True):
    """What is to be sent to one hook. `body` is JSON."""

    hook: str
    key: str
    type: str
    body: bytes


def of_change(hook: Hook, meets: Meets, change: Change, epoch: str) -> Event | None:
    """The event of a committed change; None where the hook does not want it. `meets`: the hook's filter."""
    kind = ROW_TYPES[change.action]
    if kind not in hook.chosen or (hook.resources and change.resource not in hook.resources):
        return None
    images = [image for image in (change.old, change.new) if image is not None]
    if images and not any(meets(image) for image in images):
        return None
    data: dict[str, Any] = {"resource": change.resource, "position": {"epoch": epoch, "seq": change.seq}}
    if change.action != "reset":
        data["key"] = change.key
    data |= {name: image for name, image in (("row", change.new), ("old", change.old)) if image is not None}
    if change.actor:
        data["user"] = change.actor
    return _event(hook, f"row {change.resource} {json.dumps(change.key, sort_keys=True)}", kind, change.time, data)


def of_gap(hook: Hook, after: int, head: int, epoch: str, time_ms: int) -> Event:
    """Changes are gone before they were in the outbox: it has to read the rows again."""
    data = {"after": {"epoch": epoch, "seq": after}, "position": {"epoch": epoch, "seq": head}}
    return _event(hook, "gap", "gap", time_ms, data)


def of_life(
    hook: Hook, kind: str, room: str | None, connection: str, user: Principal | None, time_ms: int
) -> Event | None:
    """The event of a connection or a room; None where the hook does not want it."""
    name = LIFE_EVENTS[kind]
    if name not in hook.chosen or (
        room is not None and hook.rooms and not any(fits(each, room) for each in hook.rooms)
    ):
        return None
    data: dict[str, Any] = {}
    if room is not None:
        data["room"] = room
    if user is not None:
        data |= {"connection": connection, "user": msgspec.to_builtins(user)}
    of_room = name.startswith("room.")
    return _event(hook, f"room {room}" if of_room else f"connection {connection}", name, time_ms, data)


def of_loss(hook: str, number: int, time_ms: int) -> Event:
    """So many events of connections and rooms were not recorded: the receiver may have a wrong picture of them."""
    return _event(hook, "gap", "gap", time_ms, {"lost": number})


def _event(hook: Hook | str, key: str, kind: str, time_ms: int, data: Mapping[str, Any]) -> Event:
    time = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    name = hook if isinstance(hook, str) else hook.name
    return Event(name, key, kind, msgspec.json.encode({"type": kind, "timestamp": time, "data": data}))
