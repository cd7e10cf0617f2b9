"""The quick way of frequent requests: few calls, and no object but the request.

JSON Schema decides here too, with the validators of `Contract.accept`. A function of this module never refuses: what is
not plainly right goes the whole way, which knows the reason, and the spelling of everything else.
Invariant: what a quick way returns equals what `Contract.accept` makes of the same payload.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, convert

from tidegate.contract.canonical import NotCanonical, canonicalise, canonicalise_filters
from tidegate.contract.hazards import NUL, suspicious
from tidegate.contract.payload import RoomContract, RowContract
from tidegate_protocol import (
    CreateRequest,
    ListRequest,
    MessageRequest,
    PingRequest,
    SubscribeRequest,
    UnsubscribeRequest,
)

SMALL_BYTES = 16_384
"""A larger payload goes the whole way at once, so that a refusal does not read much twice."""

Valid = Callable[[Any], bool]
Quick = Callable[[dict[str, Any], bytes], msgspec.Struct | None]
"""Makes the request of a message that was parsed from a payload; None where the whole way has to look at it."""

Query = type[SubscribeRequest | UnsubscribeRequest | ListRequest]
QUERIES: dict[str, Query] = {"subscribe": SubscribeRequest, "unsubscribe": UnsubscribeRequest, "list": ListRequest}
"""Messages that ask for rows with a filter."""


def quick_ping(is_valid: Valid) -> Quick:
    """The schema limits everything in a `ping` but NUL in its `ref`."""

    def ping(message: dict[str, Any], payload: bytes) -> PingRequest | None:
        ref = message.get("ref", UNSET)
        # 1.0 is an integer for JSON Schema, and becomes one on the whole way.
        if type(ref) is float or not is_valid(message) or payload.find(NUL) >= 0:
            return None
        return PingRequest(ref=ref)

    return ping


def quick_message(is_valid: Valid, room_of: Callable[[str], RoomContract | None]) -> Quick:
    """`room_of`: the contract of a room by its name."""

    def said(message: dict[str, Any], payload: bytes) -> MessageRequest | None:
        ref = message.get("ref", UNSET)
        if type(ref) is float or not is_valid(message) or suspicious(payload):
            return None
        name, data = message["room"], message["data"]
        room = room_of(name)
        if room is None or not (room.takes_anything or room.data.is_valid(data)):
            return None
        return MessageRequest(room=name, data=data, key=message.get("key", UNSET), ref=ref)

    return said


def quick_create(is_valid: Valid, rows_of: Callable[[str], RowContract | None]) -> Quick:
    """`rows_of`: the contract of a resource's rows by its name."""

    def created(message: dict[str, Any], payload: bytes) -> CreateRequest | None:
        ref = message.get("ref", UNSET)
        if type(ref) is float or not is_valid(message) or suspicious(payload):
            return None
        name, data = message["resource"], message["data"]
        rows, many = rows_of(name), type(data) is list
        if rows is None or not (rows.create_many if many else rows.create).is_valid(data):
            return None
        if rows.spelling:
            try:
                for row in data if many else (data,):
                    canonicalise(row, rows.spelling)
            except NotCanonical:  # what is changed by now does no harm: the whole way reads the payload again
                return None
        return CreateRequest(resource=name, data=data, key=message.get("key", UNSET), ref=ref)

    return created


def quick_query(is_valid: Valid, rows_of: Callable[[str], RowContract | None], kind: Query) -> Quick:
    """One of `QUERIES`. `rows_of`: as for `quick_create`."""
    parts = tuple(name for name in ("filters", "sort", "fields") if name in kind.__struct_fields__)

    def asked(message: dict[str, Any], payload: bytes) -> msgspec.Struct | None:
        if not is_valid(message) or suspicious(payload):
            return None
        if "resource" in message:  # an `unsubscribe` may name a subscription
            rows = rows_of(message["resource"])
            if rows is None:
                return None
            for name in parts:
                if name in message and not rows.parts[name][1].is_valid(message[name]):
                    return None
            if rows.filter_spelling and "filters" in message:
                try:
                    canonicalise_filters(message["filters"], rows.filter_spelling)
                except NotCanonical:
                    return None
        return convert(message, kind, strict=False)

    return asked
