"""Lenient reading: what a client of today does with messages of tomorrow."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import math
import uuid
from typing import Any

import msgspec
import pytest

from tidegate_client import json_values
from tidegate_client.errors import ModelMismatch, TidegateError, refusal
from tidegate_client.wire import decode, encode, read_as
from tidegate_protocol import JoinRequest, Welcome
from tidegate_protocol.plain import plain


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: int
    name: str | None = None
    from_: str = msgspec.field(name="from", default="")


class Nested(msgspec.Struct, forbid_unknown_fields=True):
    one: Strict
    many: list[Strict] = []
    maybe: Strict | msgspec.UnsetType | None = msgspec.UNSET
    by_name: dict[str, Strict] = {}


def test_unknown_properties_are_ignored_on_every_level() -> None:
    strict = {"id": 1, "from": "x", "later": True}
    value = {"one": strict, "many": [strict], "maybe": strict, "by_name": {"a": strict}, "later": 1}
    known = Strict(id=1, from_="x")
    assert read_as(value, Nested) == Nested(known, [known], known, {"a": known})


def test_whole_floats_are_integers() -> None:
    assert read_as({"id": 3.0}, Strict).id == 3


@pytest.mark.parametrize("value", [{"id": "x1"}, {}, [], None, {"id": 1, "name": 5}])
def test_what_does_not_fit_is_a_model_mismatch(value: Any) -> None:
    with pytest.raises(ModelMismatch, match="not a Strict"):
        read_as(value, Strict)


def test_a_generated_struct_reads_a_newer_message() -> None:
    user = {"id": "7", "name": "Ann", "roles": [], "anonymous": False, "avatar": "later"}
    limits = dict.fromkeys(("max_message", "max_rooms", "max_subscriptions", "max_page", "max_history", "max_ids"), 9)
    message = {
        "type": "welcome",
        "protocol": 1,
        "connection": "c",
        "user": user,
        "position": {"epoch": "e", "seq": 1},
        "heartbeat": 25,
        "limits": {**limits, "max_later": 1},
        "contract": "x",
        "later": [],
    }
    welcome = read_as(message, Welcome)
    assert welcome.user.name == "Ann"
    assert welcome.limits.max_page == 9


def test_request_structs_become_plain_messages() -> None:
    assert plain(JoinRequest(room="chat-1")) == {"type": "join", "room": "chat-1"}


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"typ": "x"}', '{"type": {}}', "[" * 5000, b"\xff"])
def test_what_is_no_message_is_none(text: str | bytes) -> None:
    assert decode(text) is None


def test_encode_and_decode() -> None:
    assert decode(encode({"type": "ping", "ref": 1})) == {"type": "ping", "ref": 1}


def test_refusal_needs_only_a_code() -> None:
    error = refusal({"type": "error", "code": "unavailable", "temporary": True, "retry_after": 2})
    assert (error.code, error.retryable, error.retry_after, error.errors) == ("unavailable", True, 2.0, ())


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC), "2026-01-02T03:04:05Z"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.timedelta(seconds=5), "PT5S"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (decimal.Decimal("1.50"), "1.50"),
        (Colour.RED, "red"),
        ((1, 2), [1, 2]),
        ({7}, [7]),
        (frozenset({7}), [7]),
        (b"ab", "YWI="),
        ({1: "x"}, {"1": "x"}),
        (None, None),
        ("null", "null"),
    ],
)
def test_what_has_one_form_in_json_is_written_so(value: Any, written: Any) -> None:
    for message in ({"type": "x", "at": [value]}, plain({"type": "x", "at": [value]})):
        assert json.loads(encode(message))["at"] == [written]


def cyclic() -> list[Any]:
    value: list[Any] = []
    value.append({"again": value})
    return value


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        "half \ud83d",
        {"half \ud83d": 1},
        cyclic(),
        object(),
        {object(): 1},
        {None: 1},
        open,
        Strict,
        Nested(Strict(id=math.nan)),  # type: ignore[arg-type]  # a program may do so
        {1, math.nan},
        float("nan"),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_what_json_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises(TidegateError) as caught:
        encode(json_values.plain({"type": "x", "at": {"deep": [value]}}))
    assert caught.value.code == "not_json"
    with pytest.raises(TidegateError) as caught:
        encode({"type": "x", "at": {"deep": [value]}})
    assert caught.value.code == "not_json"


def test_the_error_says_where_a_number_is_none() -> None:
    with pytest.raises(TidegateError) as caught:
        encode({"type": "x", "data": {"a/b": [1, None, math.nan]}})
    assert caught.value.pointer == "/data/a~1b/2"


def test_the_properties_of_a_refusal_are_fields_of_a_form() -> None:
    violations = [
        {"pointer": "/data/name", "keyword": "minLength", "message": "is too short"},
        {"pointer": "/data/2/name", "keyword": "type", "message": "must be a text"},
        {"pointer": "/data/place/town", "keyword": "type", "message": "must be a town"},
        {"pointer": "/data", "keyword": "required", "message": 'lacks the property "email"'},
        {"pointer": "/data/a~1b~01", "keyword": "type", "message": "is odd"},
        {"pointer": "/filters/name", "keyword": "type", "message": "is no data"},
    ]
    found = refusal({"code": "invalid_data", "message": "refused", "errors": violations}).fields
    assert found == {
        "name": ["is too short", "must be a text"],
        "place": ["must be a town"],
        "email": ['lacks the property "email"'],
        "a/b~1": ["is odd"],
    }
    single = refusal({"code": "invalid_data", "message": "is too short", "pointer": "/data/name"})
    assert single.fields == {"name": ["is too short"]}
    assert refusal({"code": "forbidden", "message": "no"}).fields == {}
