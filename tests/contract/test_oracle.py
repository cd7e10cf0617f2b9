"""The contract and Python jsonschema agree on mutated messages.

For any bytes, `decode` returns a typed request or raises a refusal.
"""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.contract.mutated_messages import SEEDS, containers
from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.contract import Contract
from tidegate.core.errors import Refused
from tidegate.schema import derive, filter_schemas, patterns
from tidegate_protocol import ERRORS

BUNDLE = schema.bundle(schema.load(ROOT / "schema"))
SCHEMAS = schema.unbundle(BUNDLE)
CONTRACT = Contract(BUNDLE)
DEFINITIONS = {**BUNDLE["$defs"], **filter_schemas.definitions(SCHEMAS.resources.values())}

VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 5, 1.0, 0.5, 1e300, 2**53 - 1, "", "x", "active", "chat-2", "users", "tasks", "id"),
    *("x" * 65, "\n", [], {}, [1], ["a", "a"], {"a": 1}, {"epoch": "e", "offset": 0}, [{"field": "id"}], {"text": "t"}),
]
NAMES = ["type", "ref", "room", "data", "resource", "filters", "id", "ids", "key", "sort", "fields", "text", "nonsense"]
NAMES += ["and", "or", "eq", "in", "contains", "null", "name", "tags", "priority"]


@cache
def oracle(key: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{key}", "$defs": BUNDLE["$defs"]})


@cache
def derived(resource: str, what: str) -> Draft202012Validator:
    known = SCHEMAS.resources[resource]
    found = filter_schemas.filters_schema(known) if what == "filters" else getattr(derive, f"{what}_schema")(known)
    return Draft202012Validator({**found, "$defs": DEFINITIONS})


def accepted_by_the_oracle(message: dict[str, Any]) -> bool:
    """The rules of the protocol, written a second time, without formats: both sides use other libraries for them."""
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in SCHEMAS.client:
        return False
    if not oracle(SCHEMAS.client[kind].key).is_valid(message):
        return False
    if "room" in message and kind == "message":
        name = message["room"]
        fitting = [pattern for pattern in SCHEMAS.rooms if patterns.compiled(pattern).fullmatch(name)]
        pattern = max(fitting, key=len)
        return oracle(f"App.{SCHEMAS.rooms[pattern].title}").is_valid(message["data"])
    if "resource" not in message:
        return True
    return message["resource"] in SCHEMAS.resources and all(_parts(message, message["resource"]))


def _parts(message: dict[str, Any], resource: str) -> Any:
    for name, what in (("filters", "filters"), ("if", "filter"), ("sort", "sort"), ("fields", "fields"), ("id", "key")):
        if name in message:
            yield derived(resource, what).is_valid(message[name])
    yield from (derived(resource, "key").is_valid(key) for key in message.get("ids", ()))
    if message["type"] == "update":
        yield derived(resource, "update").is_valid(message["data"])
    if message["type"] == "create":
        rows = message["data"] if isinstance(message["data"], list) else [message["data"]]
        yield from (derived(resource, "create").is_valid(row) for row in rows)


@st.composite
def mutated_messages(draw: st.DrawFn) -> dict[str, Any]:
    message: dict[str, Any] = deepcopy(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 3))):
        target = draw(st.sampled_from(list(containers(message))))
        if isinstance(target, list):
            target.append(deepcopy(draw(st.sampled_from(VALUES))))
            continue
        names = [*target, *NAMES]
        name = draw(st.sampled_from(names))
        if name in target and draw(st.booleans()):
            del target[name]
        else:
            target[name] = deepcopy(draw(st.sampled_from(VALUES)))
    return message


@settings(max_examples=400, deadline=None)
@given(mutated_messages())
def test_decode_agrees_with_python_jsonschema(message: dict[str, Any]) -> None:
    expected = accepted_by_the_oracle(message)
    try:
        request = CONTRACT.decode(json.dumps(message).encode())
    except Refused as refused:
        assert not expected or refused.keyword == "format", (message, refused.code, refused.pointer, refused.message)
    else:
        assert expected, message
        again = msgspec.json.decode(CONTRACT.encode(request))
        assert accepted_by_the_oracle(again), (message, again)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_decode_of_any_bytes_returns_a_request_or_raises_refused(payload: bytes) -> None:
    _decode_or_refuse(payload)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.dictionaries(st.sampled_from(NAMES) | st.text(), json_values, max_size=4),
)
def test_decode_of_any_message_returns_a_request_or_raises_refused(
    seed: dict[str, Any], changes: dict[str, Any]
) -> None:
    _decode_or_refuse(json.dumps({**seed, **changes}).encode())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEEDS), st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_decode_of_a_flipped_byte_returns_a_request_or_raises_refused(
    seed: dict[str, Any], place: int, byte: int
) -> None:
    payload = bytearray(json.dumps(seed).encode())
    payload[place % len(payload)] = byte
    _decode_or_refuse(bytes(payload))


def _decode_or_refuse(payload: bytes) -> None:
    try:
        request = CONTRACT.decode(payload)
    except Refused as refused:
        assert refused.code in ERRORS
        assert len(refused.message) <= 200
        assert len(refused.errors) <= 10
    else:
        assert isinstance(request, msgspec.Struct)
