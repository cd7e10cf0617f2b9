"""Decides what the contract says about a message, independently of the gateway: with Python's json and jsonschema.

It implements the rules of the protocol and of schema/README.md a second time, so that a mistake in the gateway is not
repeated here. `reference_validator` corrects the known differences of Python jsonschema.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from jsonschema.exceptions import ValidationError

from tidegate.checks.client import Awaited, ref_of
from tidegate.checks.reference_validator import (
    NOTHING,
    DoubtfulFormats,
    Doubting,
    Memory,
    Reading,
    formats,
    readable,
    remembering,
)
from tidegate.checks.resulting_rows import Ask, ResultingRows
from tidegate.checks.row_schemas import Part, RowSchemas
from tidegate.checks.strict_json import hazards, parse
from tidegate.schema import Schemas, patterns

Message = dict[str, Any]


class Fault(NamedTuple):
    """One fault of a message. `keyword` is None if the fault is not against a schema."""

    code: str
    pointer: str
    keyword: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`faults`: all faults of a message. A refusal names one of them."""

    faults: tuple[Fault, ...] = ()
    message: Message | None = field(default=None, repr=False)
    """The message, if it was a JSON object."""

    @property
    def accepted(self) -> bool:
        return not self.faults


class Oracle:
    """Judges messages by one contract."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self._compiled: dict[tuple[str, bool], tuple[Any, Memory]] = {}
        self._row_schemas = {name: RowSchemas(resource) for name, resource in schemas.resources.items()}
        self._rows = {name: ResultingRows(resource, self.errors) for name, resource in schemas.resources.items()}

    def verdict(self, payload: bytes) -> Verdict:
        """The verdict on the bytes of a text frame."""
        try:
            message = parse(payload)
        except (ValueError, RecursionError):
            return Verdict((Fault("invalid_json", "", None),))
        if not isinstance(message, dict):
            return Verdict((Fault("invalid_json", "", None),))
        return Verdict((*(_at(place, None) for place in hazards(message)), *self._faults(message)), message)

    def awaited(self, payload: bytes) -> Awaited:
        """The answer to a message. An application's own message may have any `ref`; without `x-reply` it is
        acknowledged if the acknowledgement may have that `ref`. `cancel` has no answer.
        """
        message = self._unusual(payload)
        if message is None or not self.verdict(payload).accepted:
            return Awaited(ref_of(payload))
        item = self.schemas.client[message["type"]]
        replies = "x-reply" in item.schema or (not item.protocol and ref_of(payload) is not None)
        ref = message.get("ref")
        known = isinstance(ref, str | int | float) and not isinstance(ref, bool)
        return Awaited(ref if known else None, promised=replies, refusal=not replies)

    def _unusual(self, payload: bytes) -> Message | None:
        """A message of the application, or of the protocol without a reply."""
        try:
            message = parse(payload)
        except (ValueError, RecursionError):
            return None
        kind = self.schemas.client.get(str(message.get("type"))) if isinstance(message, dict) else None
        return None if kind is None or (kind.protocol and kind.reply is not None) else message

    def server_faults(self, message: Any) -> list[str]:
        """The faults of a message that the gateway sent, as text."""
        kind = self.schemas.server.get(str(message.get("type"))) if isinstance(message, dict) else None
        if kind is None:
            return [f"not a message of the contract: {json.dumps(message)[:200]}"]
        faults = [f"{place or '/'}: {keyword}" for place, keyword in self.errors({"$ref": _ref(kind.key)}, message)]
        return [*faults, *self._data_faults(message)]

    def room_schema(self, name: str) -> dict[str, Any] | None:
        """The schema of the messages in the room `name`: that of the most specific pattern."""
        pattern = pattern_of(name, self.schemas)
        return None if pattern is None else self.schemas.rooms[pattern].schema

    def errors(self, schema: dict[str, Any], value: Any, place: str = "", doubt: bool = False) -> Iterator[Any]:
        """(pointer, keyword) of every fault of `value`, also inside alternatives."""
        key = (json.dumps(schema, sort_keys=True), doubt)
        if key not in self._compiled:
            reading, memory = remembering(Doubting if doubt else Reading)
            checker = DoubtfulFormats(formats=()) if doubt else formats()
            definitions = {**self._definitions, **schema.get("$defs", {})}
            whole = readable({**schema, "$defs": definitions})
            self._compiled[key] = reading(whole, format_checker=checker), memory
        validator, memory = self._compiled[key]
        memory.clear()
        for error in list(validator.iter_errors(value)):
            yield from ((place + pointer, keyword) for pointer, keyword in _places(error))

    @cached_property
    def _definitions(self) -> dict[str, Any]:
        return self.schemas.by_key

    def _faults(self, message: Message) -> Iterator[Fault]:
        name = message.get("type")
        if not isinstance(name, str):
            yield Fault("invalid_message", *(("/type", "type") if "type" in message else ("", "required")))
        elif name not in self.schemas.client:
            yield Fault("unknown_type", "/type", None)
        else:
            envelope = [*self.errors({"$ref": _ref(self.schemas.client[name].key)}, message)]
            yield from (_at(*found) for found in envelope)
            if not envelope and self.schemas.client[name].protocol:
                yield from self._part_faults(message)

    def _part_faults(self, message: Message) -> Iterator[Fault]:
        """The faults against the application's schemas, in a message whose envelope is valid."""
        if "room" in message:
            schema = self.room_schema(message["room"])
            if schema is None:
                yield Fault("unknown_room", "/room", None)
            elif message["type"] == "message":
                yield from (_at(*found) for found in self.errors(schema, message["data"], "/data"))
        if "resource" in message:
            row_schemas = self._row_schemas.get(message["resource"])
            if row_schemas is None:
                yield Fault("unknown_resource", "/resource", None)
                return
            for place, schema, value in row_schemas.parts(message):
                yield from (_at(*found) for found in self.errors(schema, value, place))
            for place, text in row_schemas.date_times(message):
                if not _is_database_time(text):
                    yield _at(place, "format")

    def doubts(self, message: Message) -> Iterator[Fault]:
        """The faults that Python cannot judge. A gateway may refuse the message for them, or accept it."""
        kind = self.schemas.client.get(str(message.get("type")))
        if kind is None:
            return
        envelope: dict[str, Any] = {"$ref": _ref(kind.key)}
        yield from (_at(*found) for found in self.errors(envelope, message, doubt=True))
        if not kind.protocol or any(True for _ in self.errors(envelope, message)):
            return
        parts: list[Part] = []
        if message["type"] == "message" and (schema := self.room_schema(message["room"])) is not None:
            parts = [("/data", schema, message["data"])]
        elif message.get("resource") in self._row_schemas:
            parts = [*self._row_schemas[message["resource"]].parts(message)]
        for place, schema, value in parts:
            yield from (_at(*found) for found in self.errors(schema, value, place, doubt=True))

    def _data_faults(self, message: Message) -> Iterator[str]:
        """The faults in the `data` of room messages that the gateway passes on."""
        room_messages = [message] if message["type"] == "message" else message.get("messages", ())
        for item in room_messages if message["type"] in {"message", "messages"} else ():
            schema = self.room_schema(item["room"]) if isinstance(item.get("room"), str) else None
            if schema is not None:
                yield from (f"data in {item['room']!r}: {found}" for found in self.errors(schema, item["data"]))

    def rules_of(self, message: Message) -> ResultingRows | None:
        """The rules for the rows that a valid message writes. None if there are none."""
        rows = self._rows.get(str(message.get("resource"))) if message.get("type") in {"create", "update"} else None
        return rows if rows is not None and rows.has_rules else None

    def resulting_faults(self, message: Message, ask: Ask) -> list[Fault]:
        """The faults of the rows that a valid, refused message would result in."""
        rules = self.rules_of(message)
        return [] if rules is None else [_at(*found) for found in rules.faults(message, ask)]

    def row_faults(self, resource: str, row: Any, fields: Iterable[str] | None) -> Iterator[str]:
        """The faults of a row that the gateway sent. `fields`: the requested fields."""
        for name, value in row.items():
            prop = self.schemas.resources[resource].properties.get(name)
            if prop is None or prop.write_only:
                yield f"a row of {resource} must not have {name!r}"
            elif fields is not None and name not in fields and name not in self.schemas.resources[resource].key:
                yield f"a row of {resource} has {name!r}, which the client did not request"
            elif value is not None or not prop.column_nullable:
                yield from (f"{resource}.{name}{place}: {word}" for place, word in self.errors(prop.schema, value))


def pattern_of(room: str, schemas: Schemas) -> str | None:
    """The pattern whose rules apply to the room. `*` applies if no other does; the others do not overlap."""
    matching = [pattern for pattern in schemas.rooms if patterns.compiled(pattern).fullmatch(room)]
    return max(matching, key=lambda pattern: pattern != patterns.OPEN) if matching else None


def _at(place: str, keyword: str | None) -> Fault:
    inside = place == "/data" or place.startswith("/data/")
    return Fault("invalid_data" if inside else "invalid_message", place, keyword)


def _ref(key: str) -> str:
    return f"#/$defs/{key}"


def _places(error: ValidationError, above: str = "") -> Iterator[tuple[str, str | None]]:
    """(pointer, keyword) of an error and of the errors inside it. For an unexpected property, its own pointer too."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error.relative_path)
    here = above + "".join(f"/{step}" for step in steps)
    keyword = error.validator if isinstance(error.validator, str) and error.schema != NOTHING else None
    if "propertyNames" in error.absolute_schema_path:  # jsonschema names the keyword inside
        keyword = "propertyNames"
    if keyword == "contains" and isinstance(error.schema, dict) and "minContains" in error.schema:  # no item matches
        yield here, "minContains"
    if keyword in {"additionalProperties", "unevaluatedProperties"} and isinstance(error.instance, dict):
        for name in error.instance:
            yield f"{here}/{name.replace('~', '~0').replace('/', '~1')}", keyword
    if keyword in {"items", "unevaluatedItems"} and isinstance(error.instance, list):
        # Too many items: jsonschema names the array, the gateway the first item too many.
        yield from ((f"{here}/{index}", None) for index in range(len(error.instance)))
    yield here, keyword
    for inner in error.context or ():
        yield from _places(inner, here)


def _is_database_time(text: str) -> bool:
    """Whether every database can store a date-time: without a leap second, and in UTC within the years 1 to 9999."""
    try:
        datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return True
