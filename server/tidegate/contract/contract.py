"""The contract: bytes from a client become a typed, valid, canonical request, or a refusal that says why.

JSON Schema itself accepts and refuses, by jsonschema-rs; the Structs only carry what was accepted. It knows no session,
no permission and no socket.
Invariant: whatever the bytes are, `decode` returns a valid request or raises Refused, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from jsonschema_rs import Validator
from msgspec import UNSET, UnsetType

from tidegate.contract.compiled import Compiler, names_in
from tidegate.contract.explain import LIMIT, UNTOLD, violations
from tidegate.contract.hazards import code_at, read, readable_ref
from tidegate.contract.payload import Part, Payloads
from tidegate.core.errors import Refused, nearest
from tidegate.schema import Bundle, Resource, RoomType, contract_hash, filter_schemas, unbundle
from tidegate_protocol import CLIENT_MESSAGES, Violation

Message = dict[str, Any]

_convert = msgspec.convert


class ApplicationRequest(msgspec.Struct, kw_only=True):
    """A valid message of one of the application's own types; `message` is all of it."""

    type: str
    ref: str | int | UnsetType = UNSET
    message: Message


@dataclass(frozen=True, slots=True)
class OwnRules:
    """What the schema of one of the application's own requests says beside its shape."""

    access: dict[str, Any]
    """The raw `x-access` rules: who may `send`. A missing one denies."""
    reply: str | None
    """The type of its reply; None when it has none."""


class BrokenOutput(AssertionError):
    """The gateway was about to send what its own schema does not allow. A bug in the gateway; for tests and --dev."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One type of client message, ready to check."""

    validator: Validator
    is_valid: Callable[[Any], bool]
    parts: Callable[[Message], Sequence[Part]] | None
    rows: bool
    """It may speak of rows, whose values have one canonical spelling."""
    struct: type[msgspec.Struct] | None
    """None for a type of the application's own."""


class Contract:
    """The contract of one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        schemas = unbundle(bundle)
        definitions = {**bundle["$defs"], **filter_schemas.definitions(schemas.resources.values())}
        compiler = Compiler(definitions)
        self.hash: str = contract_hash(bundle)
        self.bundle_json: bytes = json.dumps(bundle, ensure_ascii=False, separators=(",", ":")).encode()
        self.resources: dict[str, Resource] = schemas.resources
        self.encode: Callable[[msgspec.Struct | Message], bytes] = msgspec.json.Encoder().encode
        """A message of ours as JSON."""
        self.own: dict[str, OwnRules] = {
            name: OwnRules(item.schema.get("x-access", {}), item.schema.get("x-reply"))
            for name, item in schemas.client.items()
            if not item.protocol
        }
        """The application's own requests, by type."""
        self._payloads = Payloads(schemas, compiler)
        self._kinds: dict[str, _Kind] = {
            name: self._kind(name, compiler.named(item.key), item.protocol) for name, item in schemas.client.items()
        }
        self._names = names_in(definitions)
        self._server: dict[str, Validator] = {name: compiler.named(item.key) for name, item in schemas.server.items()}

    def decode(self, payload: bytes) -> msgspec.Struct:
        """The request in `payload`: a Struct of `tidegate_protocol`, or an ApplicationRequest. Raises Refused."""
        message = read(payload)
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
        """Why `message`, which is refused, is refused: all violations, at most ten. Raises Refused for what no schema
        can tell: an unknown type, room or resource.
        """
        kind = self._kind_of(message)
        found = violations(kind.validator, message, known=self._names)
        if found or not kind.is_valid(message):
            return _refusal(found)
        untold = ""
        for place, validator, value in [] if kind.parts is None else kind.parts(message):
            told = self._told(kind, place, validator, value)
            if not told and not validator.is_valid(value):
                untold = place
            found += told
        return _refusal(found, untold)

    def _told(self, kind: _Kind, place: str, validator: Validator, value: Any) -> list[Violation]:
        """What is wrong with one part. Of a list of rows or keys the schema says nothing but what its items are, so
        each is told by itself: that way the thousandth row can be told without the others.
        """
        if not kind.rows or type(value) is not list:  # what is said in a room may be a list with rules of its own
            return violations(validator, value, place, self._names)
        found: list[Violation] = []
        for index, item in enumerate(value):
            if len(found) >= LIMIT:
                break
            for told in violations(validator, [item], known=self._names):
                found.append(msgspec.structs.replace(told, pointer=nearest(f"{place}/{index}{told.pointer[2:]}")))
        return found

    def filters(self, resource: str, filters: Message) -> Message:
        """Filters that the application's own code made, spelled canonically. Raises Refused for such as no client could
        send.
        """
        message = {"type": "list", "resource": resource, "filters": filters}
        found = self._payloads.wrong_filters(resource, filters)
        if found is not None:
            raise _refusal(violations(found, filters, "/filters", self._names))
        self._payloads.canonicalise(message)
        return filters

    def check_server(self, message: msgspec.Struct | Message) -> None:
        """Raises BrokenOutput if `message`, about to be sent, does not satisfy its schema. For tests and --dev."""
        value = msgspec.json.decode(self.encode(message))
        validator = self._server.get(value.get("type"))
        if validator is None:
            raise BrokenOutput(f"{value.get('type')!r} has no schema among the server's messages")
        found = violations(validator, value, known=self._names)
        if found:
            raise BrokenOutput(f"{value['type']}: {found[0].pointer or '/'}: {found[0].message}")

    def room_type(self, name: str) -> RoomType | None:
        """The rules of the room `name`; None when no pattern covers it."""
        room = self._payloads.room(name)
        return None if room is None else room.rules

    def _kind(self, name: str, validator: Validator, protocol: bool) -> _Kind:
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
            raise Refused("unknown_type", "this gateway knows no message of that type", pointer="/type")
        return kind


def _type_violation(present: bool) -> Violation:
    if present:
        return Violation(pointer="/type", keyword="type", message="must be string")
    return Violation(pointer="", keyword="required", message='lacks the property "type"')


def _refusal(found: list[Violation], untold: str = "") -> Refused:
    """The refusal for `found`; if that is nothing, for the value at the pointer `untold`."""
    if not found:
        return Refused(code_at(untold), UNTOLD, pointer=untold)
    found = found[:LIMIT]
    first = found[0]
    return Refused(
        code_at(first.pointer), first.message, pointer=first.pointer, keyword=first.keyword, errors=tuple(found)
    )
