"""Filters in messages: refusals with their pointers, and the canonical spelling of values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.contract import Contract
from tidegate.core.errors import Refused
from tidegate_protocol import ListRequest

CONTRACT = Contract(schema.bundle(schema.load(ROOT / "schema")))


def decoded(resource: str, filters: Any, kind: str = "list") -> msgspec.Struct:
    return CONTRACT.decode(json.dumps({"type": kind, "resource": resource, "filters": filters}).encode())


def spelled(resource: str, filters: Any) -> Any:
    request = decoded(resource, filters)
    assert isinstance(request, ListRequest)
    return request.filters


TOLD = [
    ("users", {"status": {"eqq": "x"}}, "/status/eqq", "additionalProperties"),
    ("users", {"status": {"eq": 5}}, "/status/eq", "enum"),
    ("users", {"status": {"eq": "x"}}, "/status/eq", "enum"),
    ("users", {"status": {"in": ["active", "x"]}}, "/status/in/1", "enum"),
    ("users", {"status": {"contains": "act"}}, "/status/contains", "additionalProperties"),
    ("users", {"status": {}}, "/status", "minProperties"),
    ("users", {"status": 5}, "/status", "anyOf"),
    ("users", {"status": "x"}, "/status", "enum"),
    ("users", {"status": ["active"]}, "/status", "anyOf"),
    ("users", {"name": 5}, "/name", "type"),
    ("users", {"name": ["Ada"]}, "/name", "type"),
    ("users", {"name": {"eqq": "x"}}, "/name/eqq", "additionalProperties"),
    ("users", {"name": {"contains": 5}}, "/name/contains", "type"),
    ("users", {"name": {"gt": None}}, "/name/gt", "type"),
    ("users", {"name": {"null": True}}, "/name/null", "additionalProperties"),
    ("users", {"name": {"in": []}}, "/name/in", "minItems"),
    ("users", {"name": {"in": "Ada"}}, "/name/in", "type"),
    ("users", {"name": {"in": ["Ada", None]}}, "/name/in/1", "type"),
    ("users", {"email": {"eq": "nobody"}}, "/email/eq", "format"),
    ("users", {"id": {"gt": "1"}}, "/id/gt", "type"),
    ("users", {"id": {"gt": 1.5}}, "/id/gt", "type"),
    ("users", {"id": {"contains": "1"}}, "/id/contains", "additionalProperties"),
    ("users", {"id": {"between": [1]}}, "/id/between", "minItems"),
    ("users", {"id": {"between": [1, 2, 3]}}, "/id/between", "maxItems"),
    ("users", {"id": {"between": [1, "2"]}}, "/id/between/1", "type"),
    ("users", {"created_at": {"gte": "2026"}}, "/created_at/gte", "format"),
    ("users", {"created_at": {"startswith": "2026"}}, "/created_at/startswith", "additionalProperties"),
    ("users", {"password": {"eq": "x"}}, "/password", "additionalProperties"),
    ("tasks", {"done": {"gt": False}}, "/done/gt", "additionalProperties"),
    ("tasks", {"done": {"eq": 1}}, "/done/eq", "type"),
    ("tasks", {"notes": {"null": "yes"}}, "/notes/null", "type"),
    ("tasks", {"due_at": {"ne": None}}, "/due_at/ne", "type"),
    ("tasks", {"tags": "a"}, "/tags", "type"),
    ("tasks", {"tags": ["a"]}, "/tags", "type"),
    ("tasks", {"tags": None}, "/tags", "type"),
    ("tasks", {"tags": {"eq": ["a"]}}, "/tags/eq", "additionalProperties"),
    ("tasks", {"tags": {"ina": "a"}}, "/tags/ina", "type"),
    ("tasks", {"tags": {"ina": [1]}}, "/tags/ina/0", "type"),
    ("tasks", {"tags": {"nina": []}}, "/tags/nina", "minItems"),
    ("tasks", {"or": []}, "/or", "minItems"),
    ("tasks", {"or": {"done": True}}, "/or", "type"),
    ("tasks", {"or": [{"done": True}, {"dnoe": True}]}, "/or/1/dnoe", "additionalProperties"),
    ("tasks", {"and": [{"or": [{"priority": {"lt": "x"}}]}]}, "/and/0/or/0/priority/lt", "type"),
    ("tasks", {"and": [None]}, "/and/0", "type"),
    ("tasks", {"not": [{"done": True}]}, "/not", "additionalProperties"),
]


@pytest.mark.parametrize(("resource", "filters", "pointer", "keyword"), TOLD, ids=lambda value: str(value)[:60])
def test_decode_refuses_a_wrong_filter_at_its_pointer(resource: str, filters: Any, pointer: str, keyword: str) -> None:
    with pytest.raises(Refused) as caught:
        decoded(resource, filters)
    refused = caught.value
    assert (refused.code, refused.pointer, refused.keyword) == ("invalid_message", f"/filters{pointer}", keyword)
    assert [violation.pointer for violation in refused.errors] == [f"/filters{pointer}"]


@pytest.mark.parametrize("kind", ["list", "subscribe", "unsubscribe"])
def test_every_request_with_filters_accepts_the_whole_language(kind: str) -> None:
    filters = {"priority": {"between": [1, 3]}, "or": [{"tags": {"ina": ["a"]}}, {"due_at": None}]}
    decoded("tasks", filters, kind)
    with pytest.raises(Refused, match="not allowed"):
        decoded("tasks", {"priority": {"betwen": [1, 3]}}, kind)


@pytest.mark.parametrize("kind", ["update", "delete"])
def test_if_accepts_only_values_and_null(kind: str) -> None:
    message = {"type": kind, "resource": "tasks", "id": 1, **({"data": {}} if kind == "update" else {})}
    CONTRACT.decode(json.dumps({**message, "if": {"done": True, "notes": None}}).encode())
    for wrong, pointer in (({"done": {"eq": True}}, "/if/done"), ({"or": [{"done": True}]}, "/if/or")):
        with pytest.raises(Refused) as caught:
            CONTRACT.decode(json.dumps({**message, "if": wrong}).encode())
        assert caught.value.pointer == pointer


def test_decode_canonicalises_values_at_every_place_in_filters() -> None:
    noon, moment = "2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00.000000Z"
    assert spelled("tasks", {"due_at": noon}) == {"due_at": moment}
    assert spelled("tasks", {"due_at": {"gte": noon, "in": [noon, noon], "null": False}}) == {
        "due_at": {"gte": moment, "in": [moment, moment], "null": False}
    }
    assert spelled("tasks", {"or": [{"and": [{"due_at": {"between": [noon, noon]}}]}, {"due_at": None}]}) == {
        "or": [{"and": [{"due_at": {"between": [moment, moment]}}]}, {"due_at": None}]
    }
    assert repr(spelled("tasks", {"priority": {"in": [1.0, 2], "gt": 1.0}})) == "{'priority': {'in': [1, 2], 'gt': 1}}"


@pytest.mark.parametrize(
    ("filters", "pointer"),
    [
        ({"due_at": "2026-06-30T23:59:60Z"}, "/filters/due_at"),
        ({"due_at": {"lt": "2026-06-30T23:59:60Z"}}, "/filters/due_at/lt"),
        ({"due_at": {"lt": "2026-06-30T23:59:60.000000Z"}}, "/filters/due_at/lt"),
        ({"due_at": {"gt": "0000-01-01T00:00:00.000000Z"}}, "/filters/due_at/gt"),
        ({"or": [{}, {"due_at": {"nin": ["2026-06-30T00:00:00Z", "0001-01-01T00:00:00+23:00"]}}]},
         "/filters/or/1/due_at/nin/1"),
    ],
)  # fmt: skip
def test_decode_refuses_a_time_without_canonical_spelling_at_its_pointer(filters: Any, pointer: str) -> None:
    with pytest.raises(Refused) as caught:
        decoded("tasks", filters)
    assert (caught.value.pointer, caught.value.keyword) == (pointer, "format")


def test_decode_canonicalises_uuids_and_times_in_array_operands(tmp_path: Path) -> None:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "visits.json").write_text(
        json.dumps(
            {
                "title": "Visit",
                "type": "object",
                "x-resource": {"key": "id"},
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "at": {"type": "array", "items": {"type": "string", "format": "date-time"}},
                    "of": {"type": "array", "items": {"type": "string", "format": "uuid"}},
                },
                "required": ["id"],
            }
        )
    )
    contract = Contract(schema.bundle(schema.load(tmp_path)))
    upper = "6F9619FF-8B86-D011-B42D-00CF4FC964FF"
    request = contract.decode(
        json.dumps(
            {
                "type": "list",
                "resource": "visits",
                "filters": {
                    "id": {"gt": upper},
                    "at": {"ina": ["2026-01-31T13:00:00+01:00"]},
                    "of": {"nina": [upper]},
                },
            }
        ).encode()
    )
    assert isinstance(request, ListRequest)
    assert request.filters == {
        "id": {"gt": upper.lower()},
        "at": {"ina": ["2026-01-31T12:00:00.000000Z"]},
        "of": {"nina": [upper.lower()]},
    }
