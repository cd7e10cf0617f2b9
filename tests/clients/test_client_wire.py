"""Lenient reading: what a client of today does with messages of tomorrow."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tidegate_client.errors import ModelMismatch, refusal
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
