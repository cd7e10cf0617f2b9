"""The contract: decodes the bytes of a client to a typed, valid, canonical request, or refuses them with a reason.

JSON Schema decides, with jsonschema-rs; the Structs only carry accepted messages. This module does not know sessions,
permissions or sockets.
Invariant: for any bytes, `decode` returns a valid request or raises Refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tidegate.contract.compiled import CompiledSchema, Compiler, names_in
from tidegate.contract.custom import CustomMessageRules, custom_message
from tidegate.contract.explain import LIMIT, UNEXPLAINED, violations
from tidegate.contract.hazards import code_at, parse, read, readable_ref, suspicious
from tidegate.contract.payload import Part, Payloads
from tidegate.contract.quick import QUERIES, SMALL_BYTES, Quick, quick_create, quick_message, quick_ping, quick_query
from tidegate.contract.texts import did_you_mean
from tidegate.core.errors import Refused, TidegateError, nearest
from tidegate.schema import Bundle, Resource, RoomType, contract_hash, filter_schemas, unbundle
from tidegate_protocol import CLIENT_MESSAGES, Violation

Message = dict[str, Any]

_convert = msgspec.convert
NOT_PLAIN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError)
"""What `decode` meets where a payload is no JSON, no object, or has no text as its `type`."""
one_value = msgspec.json.Decoder(msgspec.Raw).decode
"""Raises DecodeError for what is not exactly one JSON value; makes no objects."""


class ApplicationRequest(msgspec.Struct, kw_only=True):
    """A valid message of an application's type. `message` is the whole message."""

    type: str
    ref: str | int | UnsetType = UNSET
    message: Message


class BrokenOutput(TidegateError):
    """The gateway was about to send an invalid message. This is a bug in the gateway; tests and --dev check for it."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """The validators of one type of client message."""

    validator: CompiledSchema
    is_valid: Callable[[Any], bool]
    parts: Callable[[Message], Sequence[Part]] | None
    rows: bool
    """The message may contain rows, whose values need their canonical spelling."""
    struct: type[msgspec.Struct] | None
    """None for a type of the application."""


class Contract:
    """The contract of one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        schemas = unbundle(bundle)
        definitions = {**bundle["$defs"], **filter_schemas.definitions(schemas.resources.values())}
        compiler = Compiler(definitions)
        self.hash: str = contract_hash(bundle)
        self.bundle_json: bytes = json.dumps(bundle, ensure_ascii=False, separators=(",", ":")).encode()
        self.resources: dict[str, Resource] = schemas.resources
        self.rooms: dict[str, RoomType] = schemas.rooms
        self.encode: Callable[[msgspec.Struct | Message], bytes] = msgspec.json.Encoder().encode
        """A gateway message as JSON."""
        self.custom_messages: dict[str, CustomMessageRules] = {
            name: custom_message(item, compiler) for name, item in schemas.client.items() if not item.protocol
        }
        """The application's own requests, by type."""
        self._payloads = Payloads(schemas, compiler)
        self._kinds: dict[str, _Kind] = {
            name: self._kind(name, compiler.named(item.key), item.protocol) for name, item in schemas.client.items()
        }
        self._quick: dict[str, Quick] = {
            "ping": quick_ping(self._kinds["ping"].is_valid),
            "message": quick_message(self._kinds["message"].is_valid, self._payloads.room),
            "create": quick_create(self._kinds["create"].is_valid, self._payloads.rows),
            **{
                name: quick_query(self._kinds[name].is_valid, self._payloads.rows, kind)
                for name, kind in QUERIES.items()
            },
        }
        self.message_types: tuple[str, ...] = tuple(schemas.client)
        """The types of all requests."""
        self._names = names_in(definitions)
        self._server: dict[str, CompiledSchema] = {
            name: compiler.named(item.key) for name, item in schemas.server.items()
        }
        replies = {rules.reply for rules in self.custom_messages.values()}
        self._pushes: dict[str, CompiledSchema] = {
            name: self._server[name]
            for name, item in schemas.server.items()
            if not item.protocol and name not in replies
        }
        """Those of the application that answer no request."""

    def decode(self, payload: bytes) -> msgspec.Struct:
        """The request in `payload`: a Struct of `tidegate_protocol`, or an ApplicationRequest. Raises Refused."""
        if len(payload) <= SMALL_BYTES:
            try:
                message = parse(payload)
                quick = self._quick.get(message["type"])
            except NOT_PLAIN:
                return self.accept(read(payload))
            if quick is None:
                if not suspicious(payload):
                    return self.accept(message)
            elif (request := quick(message, payload)) is not None:
                return request
        return self.accept(read(payload))

    def read(self, payload: bytes) -> Message:
        """The JSON object in `payload`, of which nothing is known yet. Raises Refused."""
        return read(payload)

    def read_data(self, payload: bytes) -> Any:
        """The JSON value in `payload`, which is to be the `data` of a message. Raises Refused.

        It is read as that, so that a refusal has the pointer and the code of a message.
        """
        try:
            one_value(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused("invalid_json", f"not JSON: {error}") from None
        return read(b'{"data":%b}' % payload)["data"]

    def accept(self, message: Message) -> msgspec.Struct:
        """The request that `message` is, which is changed. Raises Refused."""
        try:
            kind = self._kind_of(message)
            if not kind.is_valid(message):
                raise self.explain(message)
            if kind.parts is not None:
                parts = kind.parts(message)
                for _, validator, value in parts:
                    if not validator.is_valid(value):
                        raise self.explain(message)
                if kind.rows and "resource" in message:
                    self._payloads.canonicalise(message)
        except Refused as refused:
            refused.ref = readable_ref(message)
            raise
        if kind.struct is None:
            return ApplicationRequest(type=message["type"], ref=message.get("ref", UNSET), message=message)
        return _convert(message, kind.struct, strict=False)

    def explain(self, message: Message) -> Refused:
        """The refusal of an invalid `message`, with at most ten violations.

        Raises Refused for an unknown type, room or resource.
        """
        kind = self._kind_of(message)
        found = violations(kind.validator, message, known=self._names)
        if found or not kind.is_valid(message):
            return _refusal(found)
        unexplained = ""
        for place, validator, value in [] if kind.parts is None else kind.parts(message):
            in_part = self._part_violations(kind, place, validator, value)
            if not in_part and not validator.is_valid(value):
                unexplained = place
            found += in_part
        return _refusal(found, unexplained)

    def _part_violations(self, kind: _Kind, place: str, validator: CompiledSchema, value: Any) -> list[Violation]:
        """The violations of one part. A list of rows or keys is explained item by item.

        The schema of such a list has rules for its items only. So the thousandth row is explained without the others.
        """
        if not kind.rows or type(value) is not list:  # the list of a room message may have rules for the whole list
            return violations(validator, value, place, self._names)
        found: list[Violation] = []
        for index, item in enumerate(value):
            if len(found) >= LIMIT:
                break
            for violation in violations(validator, [item], known=self._names):
                inner = violation.pointer[2:]
                found.append(msgspec.structs.replace(violation, pointer=nearest(f"{place}/{index}{inner}")))
        return found

    def filters(self, resource: str, filters: Message) -> Message:
        """Filters from the application's code, in canonical spelling. Raises Refused for filters that clients may not
        send.
        """
        message = {"type": "list", "resource": resource, "filters": filters}
        found = self._payloads.wrong_filters(resource, filters)
        if found is not None:
            raise _refusal(violations(found, filters, "/filters", self._names))
        self._payloads.canonicalise(message)
        return filters

    def push(self, payload: bytes) -> None:
        """Check a message of the application that answers no request. Raises Refused, which points into it."""
        message = read(payload)
        name = message.get("type")
        validator = self._pushes.get(name) if type(name) is str else None
        if validator is None:
            known = f"these can: {', '.join(sorted(self._pushes))}" if self._pushes else "there are none"
            raise Refused(
                "unknown_type",
                f"only messages of schema/server that are no replies can be pushed; {known}",
                pointer="/type",
            )
        if not validator.is_valid(message):
            raise _refusal(violations(validator, message, known=self._names))

    def misfit(self, schema: CompiledSchema | str, value: Any) -> str | None:
        """What is wrong with a value that the application made: a pointer and a reason, without any value of it.

        `schema`: a schema, or the type of a message of the gateway. Returns None where the value fits.
        """
        validator = self._server[schema] if isinstance(schema, str) else schema
        if validator.is_valid(value):
            return None
        found = violations(validator, value, known=self._names)
        return f"{found[0].pointer or '/'}: {found[0].message}" if found else f"/: {UNEXPLAINED}"

    def check_server(self, message: msgspec.Struct | Message) -> None:
        """Raises BrokenOutput if the outgoing `message` is invalid by its schema. For tests and --dev."""
        value = msgspec.json.decode(self.encode(message))
        validator = self._server.get(value.get("type"))
        if validator is None:
            raise BrokenOutput(f"{value.get('type')!r} has no schema among the server's messages")
        found = violations(validator, value, known=self._names)
        if found:
            raise BrokenOutput(f"{value['type']}: {found[0].pointer or '/'}: {found[0].message}")

    def room_type(self, name: str) -> RoomType | None:
        """The rules of the room `name`. None if no pattern matches it."""
        room = self._payloads.room(name)
        return None if room is None else room.rules

    def _kind(self, name: str, validator: CompiledSchema, protocol: bool) -> _Kind:
        if not protocol:
            return _Kind(validator, validator.is_valid, None, False, None)
        struct = CLIENT_MESSAGES[name]
        rows = "resource" in struct.__struct_fields__
        return _Kind(validator, validator.is_valid, self._payloads.parts_of(name), rows, struct)

    def _kind_of(self, message: Message) -> _Kind:
        name = message.get("type")
        if type(name) is not str:
            raise _refusal([_type_violation("type" in message)])
        kind = self._kinds.get(name)
        if kind is None:
            meant = did_you_mean(name, self._kinds)
            raise Refused("unknown_type", f"this gateway has no message of that type{meant}", pointer="/type")
        return kind


def _type_violation(present: bool) -> Violation:
    if present:
        return Violation(pointer="/type", keyword="type", message="must be string")
    return Violation(pointer="", keyword="required", message='lacks the property "type"')


def _refusal(found: list[Violation], unexplained: str = "") -> Refused:
    """The refusal for the violations `found`. Without any, for the value at the pointer `unexplained`."""
    if not found:
        return Refused(code_at(unexplained), UNEXPLAINED, pointer=unexplained)
    found = found[:LIMIT]
    first = found[0]
    return Refused(
        code_at(first.pointer), first.message, pointer=first.pointer, keyword=first.keyword, errors=tuple(found)
    )
