"""`Contract.decode` over the sample application: typed canonical requests, or refusals with pointer and reason."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.contract import BrokenOutput, Contract
from tidegate.core.errors import MESSAGE_LIMIT, Refused, error_message
from tidegate_protocol import (
    CLIENT_MESSAGES,
    CreateRequest,
    Joined,
    JoinRequest,
    MessageRequest,
    Pong,
    RoomPosition,
    SubscribeRequest,
    UpdateRequest,
)

BUNDLE = schema.bundle(schema.load(ROOT / "schema"))


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(BUNDLE)


def refusal(contract: Contract, message: Any) -> Refused:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    with pytest.raises(Refused) as caught:
        contract.decode(payload)
    return caught.value


def decoded(contract: Contract, message: dict[str, Any]) -> Any:
    return contract.decode(json.dumps(message).encode())


def test_decode_converts_a_message_to_its_struct(contract: Contract) -> None:
    request = decoded(contract, {"type": "join", "room": "lobby", "since": {"epoch": "e", "offset": 3}, "ref": 7})
    assert request == JoinRequest(room="lobby", since=RoomPosition(epoch="e", offset=3), ref=7)


def test_decode_accepts_the_messages_of_the_seed(contract: Contract) -> None:
    assert decoded(contract, {"type": "join", "room": "users"}) == JoinRequest(room="users")
    assert decoded(contract, {"type": "subscribe", "resource": "users", "filters": {"status": "active"}}) == (
        SubscribeRequest(resource="users", filters={"status": "active"})
    )
    said = {"type": "message", "room": "users", "data": {"text": "Hello"}}
    assert decoded(contract, said) == MessageRequest(room="users", data={"text": "Hello"})


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        ({"type": "subscribee", "resource": "users"}, "subscribe"),
        ({"type": "list", "resource": "user"}, "users"),
        ({"type": "list", "resource": "tasks", "filters": {"priority": {">=": 3}}}, "gte"),
        ({"type": "list", "resource": "tasks", "filters": {"priority": {"$lt": 3}}}, "lt"),
        ({"type": "list", "resource": "tasks", "filters": {"title": {"like": "tide"}}}, "contains"),
        ({"type": "nothing", "resource": "users"}, None),
        ({"type": "list", "resource": "boats"}, None),
        ({"type": "list", "resource": "tasks", "filters": {"done": {"like": "tide"}}}, None),
    ],
)
def test_a_misspelt_name_is_answered_with_the_one_that_was_meant(
    contract: Contract, message: dict[str, Any], meant: str | None
) -> None:
    said = refusal(contract, message).message
    assert said.endswith(f'; did you mean "{meant}"?') if meant else "did you mean" not in said


def test_every_request_type_has_a_struct_and_a_schema(contract: Contract) -> None:
    assert set(CLIENT_MESSAGES) == set(BUNDLE["x-tidegate"]["client"])
    for name in CLIENT_MESSAGES:
        assert refusal(contract, {"type": name, "nonsense": 1}).code == "invalid_message"


def test_decode_does_not_convert_text_keys_to_numbers(contract: Contract) -> None:
    """The lax conversion to Structs must not turn text into a number."""
    assert decoded(contract, {"type": "ping", "ref": "7"}).ref == "7"
    assert decoded(contract, {"type": "get", "resource": "users", "id": 7.0}).id == 7
    assert type(decoded(contract, {"type": "get", "resource": "users", "ids": [7.0]}).ids[0]) is int


REFUSED: dict[str, tuple[Any, str, str | None, str | None]] = {
    "unfinished": (b'{"type": "ping"', "invalid_json", None, None),
    "not UTF-8": (b'{"type": "\xff"}', "invalid_json", None, None),
    "empty": (b"", "invalid_json", None, None),
    "an array": (b"[]", "invalid_json", None, None),
    "NaN": (b'{"type": NaN}', "invalid_json", None, None),
    "too deep to parse": (b"[" * 100_000, "invalid_json", None, None),
    "no type": ({"room": "a"}, "invalid_message", "", "required"),
    "type is an object": ({"type": {}}, "invalid_message", "/type", "type"),
    "type is null": ({"type": None}, "invalid_message", "/type", "type"),
    "unknown type": ({"type": "jion"}, "unknown_type", "/type", None),
    "missing": ({"type": "join"}, "invalid_message", "", "required"),
    "unexpected": ({"type": "join", "room": "a", "rooom": 1}, "invalid_message", "/rooom", "additionalProperties"),
    "a typo before what it leaves out": (
        {"type": "join", "rom": "a"},
        "invalid_message",
        "/rom",
        "additionalProperties",
    ),
    "empty room": ({"type": "join", "room": ""}, "invalid_message", "/room", "minLength"),
    "name with odd characters": (
        {"type": "join", "room": "a", "a/b~c": 1},
        "invalid_message",
        "/a~1b~0c",
        "additionalProperties",
    ),
    "inside a position": (
        {"type": "join", "room": "a", "since": {"epoch": "e"}},
        "invalid_message",
        "/since",
        "required",
    ),
    "ref is an object": ({"type": "ping", "ref": {}}, "invalid_message", "/ref", "anyOf"),
    "ref too long": ({"type": "ping", "ref": "x" * 65}, "invalid_message", "/ref", "maxLength"),
    "neither id nor ids": ({"type": "get", "resource": "users"}, "invalid_message", "", "required"),
    "both id and ids": ({"type": "get", "resource": "users", "id": 1, "ids": [1]}, "invalid_message", "", "oneOf"),
    "payload of a chat": ({"type": "message", "room": "chat-1", "data": {}}, "invalid_data", "/data", "required"),
    "type in a payload": (
        {"type": "message", "room": "chat-1", "data": {"text": 1}},
        "invalid_data",
        "/data/text",
        "type",
    ),
    "payload that is no object": ({"type": "message", "room": "cursor-1", "data": 3}, "invalid_data", "/data", "type"),
    "bound in a payload": (
        {"type": "message", "room": "cursor-a", "data": {"x": 2, "y": 0}},
        "invalid_data",
        "/data/x",
        "maximum",
    ),
    "no such resource": ({"type": "list", "resource": "people"}, "unknown_resource", "/resource", None),
    "filter by nothing": (
        {"type": "subscribe", "resource": "users", "filters": {"staet": "active"}},
        "invalid_message",
        "/filters/staet",
        "additionalProperties",
    ),
    "filter by a secret": (
        {"type": "subscribe", "resource": "users", "filters": {"password": "x"}},
        "invalid_message",
        "/filters/password",
        "additionalProperties",
    ),
    "filter by another type": (
        {"type": "list", "resource": "users", "filters": {"id": "1"}},
        "invalid_message",
        "/filters/id",
        "type",
    ),
    "filter by a word that is not there": (
        {"type": "list", "resource": "users", "filters": {"status": "atcive"}},
        "invalid_message",
        "/filters/status",
        "enum",
    ),
    "filter by an operator that is none": (
        {"type": "list", "resource": "users", "filters": {"id": {"gtt": 1}}},
        "invalid_message",
        "/filters/id/gtt",
        "additionalProperties",
    ),
    "null where there is none": (
        {"type": "list", "resource": "users", "filters": {"name": None}},
        "invalid_message",
        "/filters/name",
        "type",
    ),
    "filter of an unsubscribe": (
        {"type": "unsubscribe", "resource": "users", "filters": {"x": 1}},
        "invalid_message",
        "/filters/x",
        "additionalProperties",
    ),
    "sort by a secret": (
        {"type": "list", "resource": "users", "sort": [{"field": "password"}]},
        "invalid_message",
        "/sort/0/field",
        "enum",
    ),
    "sort by an array": (
        {"type": "list", "resource": "tasks", "sort": [{"field": "tags"}]},
        "invalid_message",
        "/sort/0/field",
        "enum",
    ),
    "fields with a secret": (
        {"type": "get", "resource": "users", "id": 1, "fields": ["name", "password"]},
        "invalid_message",
        "/fields/1",
        "enum",
    ),
    "key of another type": ({"type": "get", "resource": "users", "id": "1"}, "invalid_message", "/id", "type"),
    "one of several keys": (
        {"type": "delete", "resource": "users", "ids": [1, "2"]},
        "invalid_message",
        "/ids/1",
        "type",
    ),
    "key that is an object": ({"type": "get", "resource": "users", "id": {"id": 1}}, "invalid_message", "/id", "type"),
    "create without": (
        {"type": "create", "resource": "users", "data": {"name": "A"}},
        "invalid_data",
        "/data",
        "required",
    ),
    "create with a readOnly": (
        {"type": "create", "resource": "users", "data": {"id": 1, "name": "A", "email": "a@example.com"}},
        "invalid_data",
        "/data/id",
        "additionalProperties",
    ),
    "create of several": (
        {
            "type": "create",
            "resource": "users",
            "data": [{"name": "A", "email": "a@example.com"}, {"name": 1, "email": "b@example.com"}],
        },
        "invalid_data",
        "/data/1/name",
        "type",
    ),
    "create with a bad address": (
        {"type": "create", "resource": "users", "data": {"name": "A", "email": "nobody"}},
        "invalid_data",
        "/data/email",
        "format",
    ),
    "equal tags": (
        {"type": "create", "resource": "tasks", "data": {"user_id": 1, "title": "t", "tags": ["a", "a"]}},
        "invalid_data",
        "/data/tags",
        "uniqueItems",
    ),
    "update of a readOnly": (
        {"type": "update", "resource": "users", "id": 1, "data": {"created_at": "2026-01-01T00:00:00Z"}},
        "invalid_data",
        "/data/created_at",
        "additionalProperties",
    ),
    "update to null": (
        {"type": "update", "resource": "users", "id": 1, "data": {"name": None}},
        "invalid_data",
        "/data/name",
        "type",
    ),
    "expected secret": (
        {"type": "update", "resource": "users", "id": 1, "data": {"name": "A"}, "if": {"password": "x"}},
        "invalid_message",
        "/if/password",
        "additionalProperties",
    ),
    "a leap second": (
        {"type": "update", "resource": "tasks", "id": 1, "data": {"due_at": "2016-12-31T23:59:60Z"}},
        "invalid_data",
        "/data/due_at",
        "format",
    ),
    "a date without time": (
        {"type": "update", "resource": "tasks", "id": 1, "data": {"due_at": "2016-12-31"}},
        "invalid_data",
        "/data/due_at",
        "format",
    ),
    "a large integer": (
        b'{"type":"message","room":"a","data":{"n":[1,12345678901234567890]}}',
        "invalid_data",
        "/data/n/1",
        None,
    ),
    "an integer that loses digits": (
        {"type": "create", "resource": "tasks", "data": {"user_id": 1e300, "title": "t"}},
        "invalid_data",
        "/data/user_id",
        "maximum",
    ),
    "NUL": ({"type": "message", "room": "a", "data": ["b\0"]}, "invalid_data", "/data/0", None),
    "NUL in a name": ({"type": "message", "room": "a", "data": {"b\0": 1}}, "invalid_data", "/data", None),
    "NUL in a room": ({"type": "join", "room": "a\0"}, "invalid_message", "/room", None),
    "too deep": (
        b'{"type":"message","room":"a","data":' + b"[" * 32 + b"]" * 32 + b"}",
        "invalid_data",
        "/data" + "/0" * 31,
        None,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_decode_refuses_an_invalid_message_with_pointer_and_keyword(contract: Contract, name: str) -> None:
    message, code, pointer, keyword = REFUSED[name]
    refused = refusal(contract, message)
    assert (refused.code, refused.pointer, refused.keyword) == (code, pointer, keyword)
    assert refused.message
    if refused.errors:
        first = refused.errors[0]
        assert (first.pointer, first.keyword, first.message) == (pointer, keyword, refused.message)


def test_decode_accepts_the_deepest_allowed_nesting(contract: Contract) -> None:
    payload = b'{"type":"message","room":"a","data":' + b"[" * 31 + b"]" * 31 + b"}"
    assert isinstance(contract.decode(payload), MessageRequest)


def test_decode_accepts_brackets_digits_and_backslashes_in_texts(contract: Contract) -> None:
    data = ["[" * 100, "{" * 100, "1" * 100, "\\u0000", 2**53 - 1, -(2**53 - 1), 1.5e300, 0.1234567890123456789]
    assert decoded(contract, {"type": "message", "room": "a", "data": data}).data == data


def test_a_refusal_has_the_ref_if_the_message_has_a_valid_ref(contract: Contract) -> None:
    assert refusal(contract, {"type": "join", "ref": 5}).ref == 5
    assert refusal(contract, {"type": "nothing", "ref": "a"}).ref == "a"
    assert refusal(contract, {"type": {}, "ref": "a"}).ref == "a"
    assert refusal(contract, {"type": "list", "resource": "people", "ref": 6}).ref == 6
    assert refusal(contract, {"type": "message", "room": "a", "data": "\0", "ref": 7}).ref == 7
    assert refusal(contract, {"type": "get", "resource": "users", "id": "x", "ref": 8}).ref == 8


@pytest.mark.parametrize("ref", [None, True, 1.5, "", "x" * 65, 2**53, [], {}])
def test_a_refusal_does_not_repeat_an_invalid_ref(contract: Contract, ref: Any) -> None:
    assert refusal(contract, {"type": "join", "ref": ref}).ref is None


def test_a_refusal_has_at_most_ten_short_violations(contract: Contract) -> None:
    many = {f"x{number}" + "y" * 1000: 1 for number in range(50)}
    refused = refusal(contract, {"type": "join", "room": "a", **many})
    assert len(refused.errors) == 10
    assert all(len(violation.message) <= MESSAGE_LIMIT for violation in refused.errors)


@pytest.mark.parametrize(
    ("message", "nearest"),
    [
        ({"type": "message", "room": "chat-x", "data": {"text": "a", "k" * 3000: 1}}, "/data"),
        ({"type": "message", "room": "any", "data": {"k" * 3000: {"k": "\0"}}}, "/data"),
        ({"type": "subscribe", "resource": "users", "filters": {"k" * 3000: 1}}, "/filters"),
    ],
)
def test_a_refusal_replaces_a_too_long_pointer_by_its_ancestors(contract: Contract, message: Any, nearest: str) -> None:
    refused = refusal(contract, message)
    assert refused.pointer == nearest
    contract.check_server(error_message(refused))


def test_a_refusal_does_not_repeat_the_refused_value(contract: Contract) -> None:
    secret = "correct horse battery staple"
    for message in (
        {"type": "message", "room": "chat-1", "data": {"text": [secret]}},
        {"type": "message", "room": "chat-1", "data": secret},
        {"type": "create", "resource": "users", "data": {"name": "A", "email": secret, "status": secret}},
        {"type": "create", "resource": "users", "data": {"name": "A", "email": "a@example.com", "password": [secret]}},
        {"type": "authenticate", "token": {"a": secret}},
        {"type": secret},
    ):
        refused = refusal(contract, message)
        assert secret not in refused.message
        assert not any(secret in violation.message for violation in refused.errors)


def test_a_refusal_lists_all_violations_of_the_data(contract: Contract) -> None:
    refused = refusal(
        contract,
        {
            "type": "list",
            "resource": "users",
            "filters": {"id": "1", "x": 1},
            "fields": ["y"],
            "sort": [{"field": "z"}],
        },
    )
    assert {(violation.pointer, violation.keyword) for violation in refused.errors} == {
        ("/filters/id", "type"),
        ("/filters/x", "additionalProperties"),
        ("/fields/0", "enum"),
        ("/sort/0/field", "enum"),
    }


@pytest.mark.parametrize("time", ["2026-06-30T23:59:60.000000Z", "0000-12-31T00:00:00.000000Z"])
def test_decode_refuses_a_time_that_only_looks_canonical(contract: Contract, time: str) -> None:
    row = {"user_id": 1, "title": "a", "due_at": time}
    with pytest.raises(Refused) as caught:
        decoded(contract, {"type": "create", "resource": "tasks", "data": row})
    assert (caught.value.code, caught.value.pointer) == ("invalid_data", "/data/due_at")
    assert caught.value.keyword == "format"


def test_decode_canonicalises_values(contract: Contract) -> None:
    created = decoded(
        contract,
        {
            "type": "create",
            "resource": "tasks",
            "data": [
                {"user_id": 1.0, "title": "a", "due_at": "2026-01-31T13:00:00+01:00"},
                {"user_id": 1, "title": "b", "due_at": "2026-01-31t12:00:00.1234567z"},
                {"user_id": 1, "title": "c", "due_at": None},
            ],
        },
    )
    assert isinstance(created, CreateRequest)
    assert created.data == [
        {"user_id": 1, "title": "a", "due_at": "2026-01-31T12:00:00.000000Z"},
        {"user_id": 1, "title": "b", "due_at": "2026-01-31T12:00:00.123456Z"},
        {"user_id": 1, "title": "c", "due_at": None},
    ]
    assert isinstance(created.data, list)
    assert type(created.data[0]["user_id"]) is int
    updated = decoded(
        contract,
        {
            "type": "update",
            "resource": "tasks",
            "id": 1,
            "data": {"due_at": None, "notes": None},
            "if": {"due_at": "0001-01-01T00:00:00-00:00"},
        },
    )
    assert isinstance(updated, UpdateRequest)
    assert updated.data == {"due_at": None, "notes": None}
    assert updated.if_ == {"due_at": "0001-01-01T00:00:00.000000Z"}
    listed = decoded(
        contract, {"type": "subscribe", "resource": "users", "filters": {"created_at": "2026-01-31T12:00:00Z"}}
    )
    assert listed.filters == {"created_at": "2026-01-31T12:00:00.000000Z"}


def test_a_room_has_the_rules_of_the_most_specific_pattern(contract: Contract) -> None:
    patterns = {name: contract.room_type(name) for name in ("chat-1", "chat-", "cursor-x", "users", "xchat-1")}
    assert {name: found.pattern for name, found in patterns.items() if found is not None} == {
        "chat-1": "chat-*",
        "chat-": "chat-*",
        "cursor-x": "cursor-*",
        "users": "*",
        "xchat-1": "*",
    }


def test_check_server_refuses_an_invalid_gateway_message(contract: Contract) -> None:
    contract.check_server(Pong(time=1, ref=1))
    joined = Joined(room="a", position=RoomPosition(epoch="e", offset=1), recovered=False, replayed=0)
    contract.check_server(joined)
    joined.replayed = -1
    with pytest.raises(BrokenOutput, match="/replayed"):
        contract.check_server(joined)
    with pytest.raises(BrokenOutput, match="no schema"):
        contract.check_server(JoinRequest(room="a"))


def test_encode_leaves_out_unset_fields(contract: Contract) -> None:
    assert msgspec.json.decode(contract.encode(Pong(time=1))) == {"type": "pong", "time": 1}
