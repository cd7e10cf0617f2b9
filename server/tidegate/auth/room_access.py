"""Who may do what in which rooms: `x-access` of the schema and the application's own rules, put together.

It knows where the parts come from; what they mean is decided in `core.access.room_rules`.
Invariant: a rule of the application that fails, or returns anything but True, admits no user.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from typing import Any

from tidegate.application_threads import ApplicationThreads
from tidegate.auth.rule_calls import called, said_by
from tidegate.config import ConfigError
from tidegate.contract import Contract, RoomType, canonical_room_rules, converters
from tidegate.contract.canonical import NotCanonical
from tidegate.core.access.claims import Claims
from tidegate.core.access.room_rules import Hook, RoomAccess, RoomName
from tidegate.handlers import RoomAction, RoomRule, copied, name_of
from tidegate_protocol import Principal


def of_rooms(contract: Contract, rules: Mapping[tuple[str, RoomAction], RoomRule]) -> dict[str, RoomAccess]:
    """The rules of the rooms whose rules look at more than the user, by pattern.

    Raises ConfigError for a rule about a pattern that no schema has, and for an invalid value in `x-access`.
    """
    for pattern, action in rules:
        if pattern not in contract.rooms:
            raise ConfigError(
                f"handlers: there is a rule for {action!r} in rooms {pattern!r}, which no schema describes"
            )
    threads = ApplicationThreads()
    found = {
        pattern: RoomAccess(
            rules=_canonical(room, contract),
            convert={name: converters(contract.resources[name]) for name in _resources(room)},
            hooks={action: _hook(rule, threads) for (of, action), rule in rules.items() if of == pattern},
        )
        for pattern, room in contract.rooms.items()
    }
    return {pattern: access for pattern, access in found.items() if not access.plain}


def _resources(room: RoomType) -> set[str]:
    rules = [one for rule in room.access.values() for one in (rule if isinstance(rule, list) else [rule])]
    return {rule["exists"]["resource"] for rule in rules if isinstance(rule, dict) and "exists" in rule}


def _canonical(room: RoomType, contract: Contract) -> dict[str, Any]:
    try:
        return canonical_room_rules(room, contract.resources)
    except NotCanonical as error:
        raise ConfigError(f"x-access of rooms {room.pattern!r}: {error.pointer} is no {error.format}") from None


def _hook(rule: RoomRule, threads: ApplicationThreads) -> Hook:
    def hook(user: Principal, claims: Claims, room: RoomName) -> bool:
        return called(threads, name_of(rule), room.name, partial(_said, rule, user, claims, room), bool)

    return hook


def _said(rule: RoomRule, user: Principal, claims: Claims, room: RoomName) -> bool:
    """What the rule says. It gets copies, which it may change."""
    given = RoomName(room.name, room.pattern, dict(room.parameters))
    said = said_by(rule, copied(user), deepcopy(claims), given)
    if not isinstance(said, bool):
        raise TypeError(f"a rule of rooms says True or False, and not {type(said).__name__}")
    return said
