"""`Contract.decode` over an application with composite keys, uuid keys, one kind of room and a custom message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_decode import BUNDLE, decoded, refusal
from tidegate import schema
from tidegate.contract import ApplicationRequest, Contract
from tidegate.core.errors import Refused

APPLICATION: dict[str, Any] = {
    "resources/seats.schema.json": {
        "title": "Seat",
        "type": "object",
        "x-resource": {"key": ["hall", "number"]},
        "properties": {
            "hall": {"type": "string", "format": "uuid"},
            "number": {"type": "integer"},
            "since": {"type": "array", "items": {"type": "string", "format": "date-time"}},
        },
        "required": ["hall", "number"],
    },
    "resources/halls.json": {
        "title": "Hall",
        "type": "object",
        "x-resource": {"key": "id"},
        "properties": {"id": {"$ref": "#/$defs/uuid"}, "anything": {}},
        "required": ["id"],
        "$defs": {"uuid": {"type": "string", "format": "uuid", "readOnly": True}},
    },
    "rooms/hall.schema.json": {"title": "HallNews", "x-room": {"pattern": "hall-*"}, "type": "string"},
    "client/applaud.schema.json": {
        "title": "Applaud",
        "type": "object",
        "x-reply": "sent",
        "properties": {
            "type": {"const": "applaud"},
            "ref": {"$ref": "../types/ref.schema.json"},
            "times": {"type": "integer"},
        },
        "required": ["type", "times"],
        "additionalProperties": False,
    },
}


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    folder = tmp_path_factory.mktemp("application")
    for path, content in APPLICATION.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(content))
    return Contract(schema.bundle(schema.load(folder)))


def test_an_application_folder_replaces_the_sample(application: Contract) -> None:
    assert sorted(application.resources) == ["halls", "seats"]
    assert application.resources["seats"].key == ("hall", "number")
    assert refusal(application, {"type": "list", "resource": "users"}).code == "unknown_resource"
    assert application.hash != Contract(BUNDLE).hash


def test_decode_refuses_a_room_without_a_matching_pattern(application: Contract) -> None:
    assert application.room_type("lobby") is None
    for message in ({"type": "join", "room": "lobby"}, {"type": "message", "room": "lobby", "data": 1}):
        refused = refusal(application, message)
        assert (refused.code, refused.pointer) == ("unknown_room", "/room")
    assert decoded(application, {"type": "message", "room": "hall-1", "data": "news"}).data == "news"


def test_decode_accepts_a_custom_message(application: Contract) -> None:
    request = decoded(application, {"type": "applaud", "times": 3, "ref": 1})
    assert request == ApplicationRequest(type="applaud", ref=1, message={"type": "applaud", "times": 3, "ref": 1})
    assert refusal(application, {"type": "applaud", "tims": 3}).pointer == "/tims"


def test_decode_accepts_composite_keys_as_objects(application: Contract) -> None:
    upper = "123E4567-E89B-12D3-A456-426614174000"
    request = decoded(application, {"type": "get", "resource": "seats", "ids": [{"hall": upper, "number": 3.0}]})
    assert request.ids == [{"hall": upper.lower(), "number": 3}]
    assert refusal(application, {"type": "get", "resource": "seats", "id": 3}).pointer == "/id"
    assert refusal(application, {"type": "get", "resource": "seats", "id": {"hall": upper}}).keyword == "required"


def test_decode_makes_uuid_keys_lower_case(application: Contract) -> None:
    upper = "123E4567-E89B-12D3-A456-426614174000"
    assert decoded(application, {"type": "get", "resource": "halls", "id": upper}).id == upper.lower()
    assert decoded(application, {"type": "delete", "resource": "halls", "ids": [upper]}).ids == [upper.lower()]
    assert refusal(application, {"type": "get", "resource": "halls", "id": "x"}).keyword == "format"


def test_decode_canonicalises_items_of_arrays(application: Contract) -> None:
    data = {"hall": "123e4567-e89b-12d3-a456-426614174000", "number": 1, "since": ["2026-01-31T12:00:00Z"]}
    request = decoded(application, {"type": "create", "resource": "seats", "data": data})
    assert request.data["since"] == ["2026-01-31T12:00:00.000000Z"]


def test_a_refusal_of_a_property_named_like_a_keyword_or_an_index(tmp_path: Path) -> None:
    inner = {"additionalProperties": False, "properties": {"$ref": {"type": "integer"}}}
    odd = {
        "title": "Odd",
        "type": "object",
        "properties": {"type": {"const": "odd"}, "$ref": inner, "1": {"unevaluatedProperties": False}},
        "required": ["type"],
    }
    (tmp_path / "client").mkdir()
    (tmp_path / "client/odd.schema.json").write_text(json.dumps(odd))
    contract = Contract(schema.bundle(schema.load(tmp_path)))
    for sent, pointer, keyword in (
        ({"$ref": {"a": 1}}, "/$ref/a", "additionalProperties"),
        ({"$ref": {"$ref": "a"}}, "/$ref/$ref", "type"),
        ({"1": {"a": 1}}, "/1/a", "unevaluatedProperties"),
    ):
        with pytest.raises(Refused) as refused:
            contract.decode(json.dumps({"type": "odd", **sent}).encode())
        assert (refused.value.pointer, refused.value.keyword) == (pointer, keyword)


def test_a_refused_push_names_the_messages_that_can_be_pushed(tmp_path: Path) -> None:
    sale = {"title": "Sale", "type": "object", "properties": {"type": {"const": "sale"}}, "required": ["type"]}
    words = []
    for name, pushes in (("without", {}), ("with", {"server/sale.schema.json": sale})):
        for path, content in (APPLICATION | pushes).items():
            (tmp_path / name / path).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / name / path).write_text(json.dumps(content))
        with pytest.raises(Refused) as refused:
            Contract(schema.bundle(schema.load(tmp_path / name))).push(b'{"type": "sent"}')
        assert (refused.value.code, refused.value.pointer) == ("unknown_type", "/type")
        words.append(refused.value.message.rpartition("; ")[2])
    assert words == ["there are none", "these can: sale"]
