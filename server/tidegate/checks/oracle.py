"""What the contract says of a message, read a second time: with Python's json and jsonschema, formats on.

It spells out the rules of docs/reference/protocol.md and schema/README.md a second time, so that a slip in the
gateway's reading is not repeated here. Where Python jsonschema itself is known to read otherwise: `SURE_FORMATS` and
`Reading`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import FormatError, ValidationError
from jsonschema.validators import extend

from tidegate.checks.row_schemas import Part, RowRules
from tidegate.schema import Schemas, patterns

Message = dict[str, Any]
SAFE = 2**53 - 1
DEPTH = 32
SURE_FORMATS = frozenset({"date-time", "date", "uuid", "ipv4", "ipv6"})
"""All others Python's checkers read generously, or not at all: what they accept, a gateway may still refuse."""


class Fault(NamedTuple):
    """One thing that is wrong with a message; `keyword` is None where no schema tells."""

    code: str
    pointer: str
    keyword: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`faults`: everything that is wrong; a refusal names one of them."""

    faults: tuple[Fault, ...] = ()
    message: Message | None = field(default=None, repr=False)
    """The message, if it was a JSON object."""

    @property
    def accepted(self) -> bool:
        return not self.faults


class NotJson(ValueError):
    """Not JSON by RFC 8259, or nothing that every reader of JSON reads alike."""


class Oracle:
    """The second reading of one contract."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self._compiled: dict[tuple[str, bool], Any] = {}
        self._rules = {name: RowRules(resource) for name, resource in schemas.resources.items()}

    def verdict(self, payload: bytes) -> Verdict:
        """What the contract says of the bytes of a text frame."""
        try:
            message = parse(payload)
        except (ValueError, RecursionError):
            return Verdict((Fault("invalid_json", "", None),))
        if not isinstance(message, dict):
            return Verdict((Fault("invalid_json", "", None),))
        return Verdict((*_hazards(message), *self._faults(message)), message)

    def server_faults(self, message: Any) -> list[str]:
        """What is wrong with a message that the gateway sent, in words."""
        kind = self.schemas.server.get(str(message.get("type"))) if isinstance(message, dict) else None
        if kind is None:
            return [f"no message of the gateway's: {json.dumps(message)[:200]}"]
        told = [f"{place or '/'}: {keyword}" for place, keyword in self.errors({"$ref": _ref(kind.key)}, message)]
        return [*told, *self._carried(message)]

    def room_schema(self, name: str) -> dict[str, Any] | None:
        """The schema of what may be said in the room `name`: that of the most specific pattern."""
        pattern = pattern_of(name, self.schemas)
        return None if pattern is None else self.schemas.rooms[pattern].schema

    def errors(self, schema: dict[str, Any], value: Any, place: str = "", doubt: bool = False) -> Iterator[Any]:
        """(pointer, keyword) of everything that is wrong with `value`, inside alternatives too."""
        key = (json.dumps(schema, sort_keys=True), doubt)
        if key not in self._compiled:
            reading = Doubting if doubt else Reading
            checker = _Doubtful(formats=()) if doubt else _formats()
            definitions = {**self._definitions, **schema.get("$defs", {})}
            self._compiled[key] = reading({**schema, "$defs": definitions}, format_checker=checker)
        for error in self._compiled[key].iter_errors(value):
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
        """What the application's schemas say about what a valid envelope carries."""
        if "room" in message:
            schema = self.room_schema(message["room"])
            if schema is None:
                yield Fault("unknown_room", "/room", None)
            elif message["type"] == "message":
                yield from (_at(*found) for found in self.errors(schema, message["data"], "/data"))
        if "resource" in message:
            rules = self._rules.get(message["resource"])
            if rules is None:
                yield Fault("unknown_resource", "/resource", None)
                return
            for place, schema, value in rules.parts(message):
                yield from (_at(*found) for found in self.errors(schema, value, place))
            for place, text in rules.date_times(message):
                if not _is_moment(text):
                    yield _at(place, "format")

    def doubts(self, message: Message) -> Iterator[Fault]:
        """What this reading accepts only because Python's checkers of formats are generous: a gateway may refuse it."""
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
        elif message.get("resource") in self._rules:
            parts = [*self._rules[message["resource"]].parts(message)]
        for place, schema, value in parts:
            yield from (_at(*found) for found in self.errors(schema, value, place, doubt=True))

    def _carried(self, message: Message) -> Iterator[str]:
        """What is wrong with what was said in a room, as the gateway passes it on."""
        said = [message] if message["type"] == "message" else message.get("messages", ())
        for item in said if message["type"] in {"message", "messages"} else ():
            schema = self.room_schema(item["room"]) if isinstance(item.get("room"), str) else None
            if schema is not None:
                yield from (f"said in {item['room']!r}: {found}" for found in self.errors(schema, item["data"]))

    def row_faults(self, resource: str, row: Any, fields: Iterable[str] | None) -> Iterator[str]:
        """What is wrong with a row that the gateway sent; `fields` are those that were asked for."""
        for name, value in row.items():
            prop = self.schemas.resources[resource].properties.get(name)
            if prop is None or prop.write_only:
                yield f"a row of {resource} must not have {name!r}"
            elif fields is not None and name not in fields and name not in self.schemas.resources[resource].key:
                yield f"a row of {resource} has {name!r}, which nobody asked for"
            elif value is not None or not prop.column_nullable:
                yield from (f"{resource}.{name}{place}: {word}" for place, word in self.errors(prop.schema, value))


def pattern_of(room: str, schemas: Schemas) -> str | None:
    """The pattern that the room's rules come from: `*` gives way to all others, and they do not overlap."""
    fitting = [pattern for pattern in schemas.rooms if patterns.compiled(pattern).fullmatch(room)]
    return max(fitting, key=lambda pattern: pattern != patterns.OPEN) if fitting else None


def parse(payload: bytes) -> Any:
    """Strict JSON. Raises NotJson, or ValueError."""
    value = json.loads(payload.decode(), parse_constant=_no_constant)
    for inner in _values(value):
        if isinstance(inner, float) and inner in {float("inf"), float("-inf")}:
            raise NotJson("a number beyond all numbers")
        if isinstance(inner, str):
            inner.encode()  # raises for lone surrogates
    return value


def _no_constant(name: str) -> Any:
    raise NotJson(name)


def _values(value: Any) -> Iterator[Any]:
    """Everything in a JSON value: names of properties, too."""
    todo = [value]
    while todo:
        item = todo.pop()
        yield item
        if isinstance(item, dict):
            todo += [*item, *item.values()]
        elif isinstance(item, list):
            todo += item


def _hazards(value: Any, path: tuple[str, ...] = ()) -> Iterator[Fault]:
    """What no message may have anywhere: NUL, integers beyond 2^53, too many levels."""
    place = "".join(f"/{step}" for step in path)
    if isinstance(value, dict | list) and len(path) >= DEPTH:
        yield _at(place, None)
    elif isinstance(value, dict):
        if any("\0" in name for name in value):
            yield _at(place, None)
        for name, inner in value.items():
            yield from _hazards(inner, (*path, name.replace("~", "~0").replace("/", "~1")))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _hazards(inner, (*path, str(index)))
    elif (isinstance(value, str) and "\0" in value) or (isinstance(value, int) and abs(value) > SAFE):
        yield _at(place, None)


def _at(place: str, keyword: str | None) -> Fault:
    inside = place == "/data" or place.startswith("/data/")
    return Fault("invalid_data" if inside else "invalid_message", place, keyword)


def _ref(key: str) -> str:
    return f"#/$defs/{key}"


def _places(error: ValidationError, above: str = "") -> Iterator[tuple[str, str | None]]:
    """Where an error and those inside it are. An unexpected property is its own place."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in error.relative_path)
    here = above + "".join(f"/{step}" for step in steps)
    keyword = error.validator if isinstance(error.validator, str) else None
    if "propertyNames" in error.absolute_schema_path:  # told of the name, where the other reading tells of the object
        keyword = "propertyNames"
    if keyword in {"additionalProperties", "unevaluatedProperties"} and isinstance(error.instance, dict):
        for name in error.instance:
            yield f"{here}/{name.replace('~', '~0').replace('/', '~1')}", keyword
    if keyword in {"items", "unevaluatedItems"} and isinstance(
        error.instance, list
    ):  # there are too many: the other reading names the first of those
        yield from ((f"{here}/{index}", None) for index in range(len(error.instance)))
    yield here, keyword
    for inner in error.context or ():
        yield from _places(inner, here)


def _is_moment(text: str) -> bool:
    """Whether a date-time is one that every database knows: no leap second, and in UTC within the years 1 to 9999."""
    try:
        datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return True


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """`pattern` as ECMA-262 has it: `$` is the very end, where Python's also matches before a final line break."""
    expression = _expression(pattern)
    if expression is not None and isinstance(value, str) and not expression.search(value):
        yield ValidationError(f"does not match {pattern}")


def _unread_pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """Wrong is what must match a pattern that Python cannot read."""
    if isinstance(value, str) and _expression(pattern) is None:
        yield ValidationError("doubtful")


@cache
def _expression(pattern: str) -> re.Pattern[str] | None:
    """None for a pattern that Python's `re` does not know, such as one with `\\p{L}`."""
    try:
        return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", pattern))
    except re.error:
        return None


def _multiple_of(_validator: Any, step: float, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """`multipleOf` of the numbers as they are written: 19.99 is a multiple of 0.01, though not in binary fractions."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        quotient = Fraction(Decimal(str(value))) / Fraction(Decimal(str(step)))
        if quotient.denominator != 1:
            yield ValidationError(f"is no multiple of {step}")


Reading: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _pattern, "multipleOf": _multiple_of}
)
"""Python jsonschema, with the two keywords that it reads otherwise than the specification means them."""
Doubting: Any = extend(Draft202012Validator, {"pattern": _unread_pattern})  # type: ignore[no-untyped-call]
"""The same, to which everything is wrong that it could not tell."""


@cache
def _formats() -> FormatChecker:
    """Python's checkers, with the one that is too generous by mistake put right."""
    checker = FormatChecker(formats=())
    checker.checkers = dict(Draft202012Validator.FORMAT_CHECKER.checkers)
    date_time, raises = checker.checkers["date-time"]
    checker.checkers["date-time"] = (lambda text: date_time(text) and "\n" not in str(text), raises)
    return checker


class _Doubtful(FormatChecker):
    """To it, every text in a format that is not read with certainty is wrong."""

    def check(self, instance: object, format: str) -> None:
        if isinstance(instance, str) and format not in SURE_FORMATS:
            raise FormatError("doubtful")
