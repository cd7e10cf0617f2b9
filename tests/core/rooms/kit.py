"""What clients get of effects: the messages as they are read, with the members that the effects name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from tidegate.core import effects as fx
from tidegate.core.rooms import effects as room_fx
from tidegate.core.session import Session

Message = TypeVar("Message", bound=msgspec.Struct)


def raw(value: Any) -> msgspec.Raw:
    """An `info` as the rooms keep it."""
    return msgspec.Raw(msgspec.json.encode(value))


def as_read(message: Message) -> Message:
    """`message` as a client reads it."""
    return msgspec.json.decode(msgspec.json.encode(message), type=type(message))


def members_listed(effect: room_fx.ListMembers) -> list[msgspec.Struct]:
    """The messages that a client gets that reads everything."""
    messages: list[msgspec.Struct] = []
    further = effect.after
    if further is None:
        first, further = effect.room.presence_list()
        if effect.ref is not None:
            first.ref = effect.ref
        messages.append(first)
    while further is not None:
        message, further = effect.room.further_members(further)
        messages.append(message)
    return messages


def pushed(effects: Iterable[fx.Effect], session: Session) -> list[msgspec.Struct]:
    """The messages among `effects` that reach `session`."""
    reached: list[msgspec.Struct] = []
    for effect in effects:
        if isinstance(effect, room_fx.ListMembers) and effect.session is session:
            reached += members_listed(effect)
        elif (isinstance(effect, fx.Reply) and effect.session is session) or (
            isinstance(effect, fx.Push) and session.sink in effect.sinks
        ):
            reached.append(effect.message)
    return [as_read(message) for message in reached]
