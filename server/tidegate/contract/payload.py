"""Validates the parts of a message that belong to the application: rows, filters and keys, and room messages.

The schema of the envelope does not describe them. This module assumes a valid envelope.
Invariant: `parts` names every part of a message that an application's schema describes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tidegate.contract.canonical import (
    Change,
    NotCanonical,
    canonicalise,
    canonicalise_filters,
    changes,
    filter_changes,
)
from tidegate.contract.compiled import CompiledSchema, Compiler
from tidegate.contract.hazards import code_at
from tidegate.contract.texts import did_you_mean
from tidegate.core.errors import Refused
from tidegate.schema import Resource, RoomType, Schemas, derive, filter_schemas, patterns

Message = dict[str, Any]
Part = tuple[str, CompiledSchema, Any]
"""(pointer of a value in the message, its validator, the value)."""

_SAYS_NOTHING = {"$schema", "$comment", "title", "description", "examples"}
"""Words of a schema that refuse nothing."""
ROOM_NAMES = 4096
"""The most room names whose patterns are cached."""


@dataclass(frozen=True, slots=True)
class RowContract:
    """The validators of what clients may send about the rows of a resource."""

    parts: dict[str, tuple[str, CompiledSchema]]
    """{property of the message: (pointer, validator)}. `data` is not here: its schema depends on the message type."""
    create: CompiledSchema
    create_many: CompiledSchema
    update: CompiledSchema
    spelling: dict[str, Change]
    filter_spelling: dict[str, Change]
    key_spelling: Change | None
    """Canonicalises a key of one property."""


@dataclass(frozen=True, slots=True)
class RoomContract:
    """The rules of a kind of room, and the validator of its messages."""

    rules: RoomType
    data: CompiledSchema
    takes_anything: bool
    """The schema of its messages refuses nothing, so that `data` is not asked."""


class Payloads:
    """The application's part of the contract."""

    def __init__(self, schemas: Schemas, compiler: Compiler) -> None:
        self._rows = {name: _row_contract(resource, compiler) for name, resource in schemas.resources.items()}
        self.rows: Callable[[str], RowContract | None] = self._rows.get
        """The contract of the rows of the resource with this name. None if there is none."""
        kinds = [_room_contract(room, compiler) for room in schemas.rooms.values()]
        self.room = lru_cache(maxsize=ROOM_NAMES)(_finder(kinds))
        """The contract of the room with this name. None if no pattern matches it."""
        self._parts: dict[str, Callable[[Message], Sequence[Part]]] = {
            "message": self._message_data,
            **dict.fromkeys(("join", "leave", "presence", "history"), self._in_room),
            **dict.fromkeys(("subscribe", "list", "get", "delete"), self._asked),
            "unsubscribe": self._unsubscribed,
            "create": self._created,
            "update": self._updated,
        }

    def parts_of(self, kind: str) -> Callable[[Message], Sequence[Part]] | None:
        """The function that returns the parts of a message of type `kind`. It raises Refused: unknown_room,
        unknown_resource.
        """
        return self._parts.get(kind)

    def wrong_filters(self, resource: str, filters: Any) -> CompiledSchema | None:
        """The validator that refuses `filters` of `resource`. None if they are valid."""
        _, validator = self._rows[resource].parts["filters"]
        return None if validator.is_valid(filters) else validator

    def canonicalise(self, message: Message) -> None:
        """Canonicalise the values of a valid message about rows, in place. Raises Refused."""
        contract = self._rows[message["resource"]]
        if "filters" in message:
            _canonicalise_at("/filters", canonicalise_filters, message["filters"], contract.filter_spelling)
        if contract.spelling:
            for place, row in _rows_in(message):
                _canonicalise_at(place, canonicalise, row, contract.spelling)
        if contract.key_spelling is not None:
            _canonicalise_keys(message, contract.key_spelling)

    def _message_data(self, message: Message) -> Sequence[Part]:
        return (("/data", self._room_of(message).data, message["data"]),)

    def _in_room(self, message: Message) -> Sequence[Part]:
        self._room_of(message)
        return ()

    def _asked(self, message: Message) -> list[Part]:
        parts = self._row_contract(message).parts
        return [(*parts[name], value) for name, value in message.items() if name in parts]

    def _unsubscribed(self, message: Message) -> Sequence[Part]:
        return self._asked(message) if "resource" in message else ()

    def _created(self, message: Message) -> Sequence[Part]:
        contract, data = self._row_contract(message), message["data"]
        return (("/data", contract.create_many if type(data) is list else contract.create, data),)

    def _updated(self, message: Message) -> Sequence[Part]:
        return [*self._asked(message), ("/data", self._row_contract(message).update, message["data"])]

    def _room_of(self, message: Message) -> RoomContract:
        room = self.room(message["room"])
        if room is None:
            raise Refused("unknown_room", "the schema has no rooms with this name", pointer="/room")
        return room

    def _row_contract(self, message: Message) -> RowContract:
        contract = self._rows.get(message["resource"])
        if contract is None:
            meant = did_you_mean(message["resource"], self._rows)
            raise Refused("unknown_resource", f"the schema has no resource with this name{meant}", pointer="/resource")
        return contract


def _room_contract(room: RoomType, compiler: Compiler) -> RoomContract:
    says = {word for word in room.schema if not word.startswith("x-")} - _SAYS_NOTHING
    return RoomContract(room, compiler.schema(room.schema), takes_anything=not says)


def _row_contract(resource: Resource, compiler: Compiler) -> RowContract:
    create, key = derive.sent_row_schema(resource), derive.key_schema(resource)
    spelling = changes(resource.properties.values())
    return RowContract(
        parts={
            "filters": ("/filters", compiler.named(filter_schemas.filters_key(resource))),
            "if": ("/if", compiler.schema(derive.filter_schema(resource))),
            "sort": ("/sort", compiler.schema(derive.sort_schema(resource))),
            "fields": ("/fields", compiler.schema(derive.fields_schema(resource))),
            "id": ("/id", compiler.schema(key)),
            "ids": ("/ids", compiler.schema({"type": "array", "items": key})),
        },
        create=compiler.schema(create),
        create_many=compiler.schema({"type": "array", "items": create}),
        update=compiler.schema(derive.update_schema(resource)),
        spelling=spelling,
        filter_spelling=filter_changes(resource.properties.values()),
        key_spelling=spelling.get(resource.key[0]) if len(resource.key) == 1 else None,
    )


def _finder(kinds: list[RoomContract]) -> Callable[[str], RoomContract | None]:
    """The function that finds the contract of a room. Patterns overlap only with `*`, which it therefore tries last."""
    ordered = sorted(kinds, key=lambda kind: kind.rules.pattern == patterns.OPEN)
    compiled = [(patterns.compiled(kind.rules.pattern), kind) for kind in ordered]

    def find(name: str) -> RoomContract | None:
        return next((kind for pattern, kind in compiled if pattern.fullmatch(name)), None)

    return find


def _rows_in(message: Message) -> Iterator[tuple[str, dict[str, Any]]]:
    """(pointer, object) of every object in a message with properties of a row."""
    for name in ("data", "if", "id"):
        value = message.get(name)
        if type(value) is dict:
            yield f"/{name}", value
        elif type(value) is list:
            yield from ((f"/{name}/{index}", row) for index, row in enumerate(value))
    for index, key in enumerate(message.get("ids", ())):
        if type(key) is dict:
            yield f"/ids/{index}", key


def _canonicalise_at(
    place: str,
    canonicalise_value: Callable[[dict[str, Any], dict[str, Change]], None],
    value: dict[str, Any],
    todo: dict[str, Change],
) -> None:
    """Canonicalise the object at `place`. Raises Refused."""
    try:
        canonicalise_value(value, todo)
    except NotCanonical as error:
        where = place + error.pointer
        raise Refused(code_at(where), f"must be a valid {error.format}", pointer=where, keyword="format") from None


def _canonicalise_keys(message: Message, change: Change) -> None:
    """Canonicalise keys of one property. Raises Refused."""
    try:
        if "id" in message:
            message["id"] = change(message["id"])
        if "ids" in message:
            message["ids"] = [change(key) for key in message["ids"]]
    except (ValueError, OverflowError):
        where = "/id" if "id" in message else "/ids"
        raise Refused("invalid_message", "must be a valid date-time", pointer=where, keyword="format") from None
