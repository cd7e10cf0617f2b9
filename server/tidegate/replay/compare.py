"""Whether an answer is the recorded one, apart from what is new in every run: positions, times, ids, other members.

A time in a row or in an own message may differ unless the client sent it. A value that the database generates for a
created row may differ; from then on it stands for the recorded value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tidegate.replay.names import SUBSCRIPTION, USER, Names, place_in, row_of
from tidegate.replay.presence import OF_THE_MOMENT
from tidegate.replay.recording import HIDDEN, Message

MISSING = object()
FREE = frozenset({
    "position", "time", "connection", "identity", "contract", "heartbeat", "limits", "expires_at", "retry_after",
    "users", "protocol", "scope",
})  # fmt: skip
"""Members of a message, or of a message in a history, that are not compared."""
NUMBER, UUID = re.compile(r"\d{1,20}"), re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class Difference(NamedTuple):
    """`recorded` or `now` is MISSING where the member is not there."""

    pointer: str
    recorded: Any
    now: Any


def compare(recorded: Message, now: Message, names: Names, request: Message | None) -> list[Difference]:
    """The differences of two messages of a gateway. `request`: what the client asked, where this is an answer.

    What is new in this run is bound in `names`.
    """
    _bind(recorded, now, names, request)
    return [*_members(recorded, now, names, "", top=True)]


def compare_entries(recorded: Message, now: Message, names: Names, pointer: str) -> list[Difference]:
    """The differences of the recorded client's entry among the members of a room; `pointer`: of the recorded one."""
    one, other = ({name: entry[name] for name in entry if name not in OF_THE_MOMENT} for entry in (recorded, now))
    return [*_members(one, other, names, pointer)]


def _bind(recorded: Message, now: Message, names: Names, request: Message | None) -> None:
    place = place_in(recorded.get("room", (request or {}).get("room")))
    names.bind(recorded.get("subscription"), now.get("subscription"), SUBSCRIPTION)
    names.bind(recorded.get("position"), now.get("position"), place)
    for one, other in _pairs(recorded.get("messages"), now.get("messages")):
        names.bind(one.get("position"), other.get("position"), place)
    user, is_now = recorded.get("user"), now.get("user")
    if isinstance(user, dict) and isinstance(is_now, dict) and user.get("anonymous") and is_now.get("anonymous"):
        names.bind_key(user.get("id"), is_now.get("id"), USER)
        names.bind_key(user.get("name"), is_now.get("name"), USER)
    if request is not None and request.get("type") == "create":
        given = request.get("data")
        for (one, other), data in zip(_pairs(recorded.get("rows"), now.get("rows")), _listed(given), strict=False):
            for name in one.keys() & other.keys() - (data.keys() if isinstance(data, dict) else set()):
                if _is_generated(one[name]) and _is_generated(other[name]):
                    names.bind_key(one[name], other[name], row_of(request.get("resource")))


def _is_generated(value: Any) -> bool:
    """Whether a database may have made this value. Any other value is a default of the schema: the same in each run."""
    if isinstance(value, str):
        return any(pattern.fullmatch(value) for pattern in (NUMBER, UUID, MOMENT))
    return isinstance(value, int) and not isinstance(value, bool)


def _pairs(one: Any, other: Any) -> Iterator[tuple[Message, Message]]:
    for left, right in zip(_listed(one), _listed(other), strict=False):
        if isinstance(left, dict) and isinstance(right, dict):
            yield left, right


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _members(
    recorded: dict[str, Any], now: dict[str, Any], names: Names, pointer: str, *, top: bool = False
) -> Iterator[Difference]:
    for name in [*recorded, *(name for name in now if name not in recorded)]:
        if top and (name in FREE or (name == "subscription" and name in recorded and name in now)):
            continue
        place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        yield from _values(recorded.get(name, MISSING), now.get(name, MISSING), names, place, top=top)


def _values(recorded: Any, now: Any, names: Names, pointer: str, *, top: bool = False) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(now, dict):
        yield from _members(recorded, now, names, pointer)
    elif isinstance(recorded, list) and isinstance(now, list):
        history = top and pointer == "/messages"
        for index in range(max(len(recorded), len(now))):
            one = recorded[index] if index < len(recorded) else MISSING
            other = now[index] if index < len(now) else MISSING
            if history and isinstance(one, dict) and isinstance(other, dict):
                yield from _members(one, other, names, f"{pointer}/{index}", top=True)
            else:
                yield from _values(one, other, names, f"{pointer}/{index}")
    elif not _same(recorded, now, names):
        yield Difference(pointer, recorded, now)


def _same(recorded: Any, now: Any, names: Names) -> bool:
    if recorded is MISSING or now is MISSING:
        return False
    if recorded == HIDDEN:
        return True
    if _equal(recorded, now) or names.stands_for(recorded, now):
        return True
    both = isinstance(recorded, str) and isinstance(now, str)
    return both and bool(MOMENT.fullmatch(recorded) and MOMENT.fullmatch(now)) and not names.was_sent(recorded)


def _equal(one: Any, other: Any) -> bool:
    """JSON has one kind of number; true is none."""
    return bool(one == other and isinstance(one, bool) == isinstance(other, bool))
