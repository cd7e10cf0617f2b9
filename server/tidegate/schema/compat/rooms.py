"""Compares rooms as sets of names: what applied to a name in the older folder, and what applies to it now.

A pattern may lose names to another one, and `*` has the names that no other pattern matches. So each older schema is
compared with each newer schema that applies to one of its names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.schema.compat.access import access_changes
from tidegate.schema.compat.changes import Changes
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.lint.annotation_texts import OF_MEMBERS
from tidegate.schema.patterns import OPEN
from tidegate.schema.resource import RoomType, read_room
from tidegate.schema.room_names import common_name

PATTERN = "/x-room/pattern"
BECAME_DURABLE = (
    "history is durable now: messages are kept in the database from the next start on, those from before end with the "
    "gateway, and clients are told once that what they missed cannot be recovered"
)
NO_LONGER_DURABLE = (
    "history is not durable any more: what the database keeps is not shown and ends with its ttl, and clients are told "
    "once that what they missed cannot be recovered"
)


def compare_rooms(old: Schemas, new: Schemas, changes: Changes) -> None:
    """Report the differences of all rooms."""
    before, after = _by_pattern(old), _by_pattern(new)
    for was, former in before.items():
        for now in (*after, None):
            name = common_name(before, after, was, now)
            if name is None:
                continue
            if now is None:
                reason = f"rooms such as {name!r} have no schema any more"
                changes.report.add(True, former.file, PATTERN, reason)
            elif was == now:
                _compare(former, after[now], "", changes)
            elif _compare(former, after[now], f"rooms such as {name!r}, of {former.file} before", changes):
                cause = former if now == OPEN else after[now]
                reason = (
                    f"rooms such as {name!r} had the pattern {was!r}, and have {now!r} now, which breaks their clients"
                )
                changes.report.add(True, cause.file, PATTERN, reason)


def _compare(was: Definition, now: Definition, suffix: str, changes: Changes) -> bool:
    """Report the differences of two schemas that apply to the same names. Returns whether one breaks clients."""
    breaking = changes.sent(was, now, suffix=suffix)
    breaking |= changes.received(was, now, suffix=suffix)
    for denied, action, reason in access_changes(_access(was), _access(now), rows=True, what="rooms"):
        breaking |= denied
        changes.report.add(denied, now.file, f"/x-access/{action}", reason, suffix)
    written = now.schema["x-room"].keys() | (was.schema["x-room"].keys() if was.file == now.file else set())
    for pointer, reason in _settings(read_room(was.schema), read_room(now.schema), written):
        changes.report.add(False, now.file, pointer, reason, suffix)
    return breaking


def _settings(was: RoomType, now: RoomType, written: set[str]) -> Iterator[tuple[str, str]]:
    pairs = (
        ("presence", was.presence, now.presence),
        ("slow", *(_slow(room) for room in (was, now))),
        ("history", (was.history.size, was.history.ttl), (now.history.size, now.history.ttl)),
    )
    for word, before, after in pairs:
        if before != after:
            text = "{} messages for {:g} s" if word == "history" else "{}"
            shown = [text.format(*(value if isinstance(value, tuple) else (value,))) for value in (before, after)]
            yield f"/x-room/{word}" if word in written else "/x-room", f"{word} was {shown[0]}, is {shown[1]}"
    if was.history.durable != now.history.durable:
        place = "/x-room/history" if "history" in written else "/x-room"
        yield place, BECAME_DURABLE if now.history.durable else NO_LONGER_DURABLE


def _slow(room: RoomType) -> str:
    return room.slow if room.conflate is None else f"{room.slow} by {room.conflate!r}"


def _access(item: Definition) -> dict[str, Any]:
    """The rules; every member may do what they do not name of these actions."""
    return {**dict.fromkeys(OF_MEMBERS, "anyone"), **item.schema.get("x-access", {})}


def _by_pattern(schemas: Schemas) -> dict[str, Definition]:
    return {item.schema["x-room"]["pattern"]: item for item in schemas.files("rooms")}
