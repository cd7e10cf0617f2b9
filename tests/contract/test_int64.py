"""The format `int64` accepts the same texts in every schema; decoded requests and claims have the right values."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate import schema
from tidegate.checks import document
from tidegate.checks.oracle import Oracle
from tidegate.contract import Contract, converters
from tidegate.core.errors import Refused
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import compile_filters
from tidegate.int64 import Int64, is_int64

BIG = {"type": "string", "format": "int64"}
POSTS = {
    "title": "Post",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": {"read": "anyone", "create": "anyone", "update": "anyone", "delete": "anyone"},
    "properties": {
        "id": BIG,
        "parent": {"type": ["string", "null"], "format": "int64"},
        "likes": {"type": "array", "items": BIG, "default": []},
    },
    "required": ["id", "likes"],
    "additionalProperties": False,
}
TICKS = {
    "title": "Tick",
    "x-room": {"pattern": "ticks"},
    "x-access": {"join": "anyone", "send": "anyone"},
    "type": "object",
    "properties": {"at": BIG},
    "required": ["at"],
}
CALL = {
    "title": "CallRequest",
    "x-access": {"send": "anyone"},
    "type": "object",
    "properties": {"type": {"const": "call"}, "ref": {"type": ["string", "integer"]}, "number": BIG},
    "required": ["type", "number"],
}
EDGES = [sign * 2**bits + step for sign in (1, -1) for bits in (53, 63) for step in (-2, -1, 0, 1, 2)]
NEVER = ["", "-", "-0", "01", "+1", " 1", "1 ", "1\n", "1.0", "1e3", "0x1", "\u0661", "1_000", "--1", "NaN"]


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> schema.Schemas:
    folder = tmp_path_factory.mktemp("schema")
    for name, content in (("resources/posts", POSTS), ("rooms/ticks", TICKS), ("client/call", CALL)):
        file = folder / f"{name}.schema.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content))
    return load(folder)


def load(folder: Path) -> schema.Schemas:
    found = schema.load(folder)
    assert schema.lint(found) == []
    return found


@pytest.fixture(scope="module")
def contract(schemas: schema.Schemas) -> Contract:
    return Contract(schema.bundle(schemas))


def refusal(contract: Contract, message: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        contract.decode(json.dumps(message).encode())
    return caught.value


@given(st.integers(-(2**64), 2**64) | st.sampled_from(EDGES))
def test_only_integers_of_64_bits_are_int64(number: int) -> None:
    assert is_int64(str(number)) is (-(2**63) <= number < 2**63)


@given(st.text("0123456789-+ ._\n\u0663", max_size=21))
def test_an_integer_has_one_spelling(text: str) -> None:
    try:
        canonical = str(int(text)) == text and -(2**63) <= int(text) < 2**63
    except ValueError:
        canonical = False
    assert is_int64(text) is canonical


@pytest.mark.parametrize("text", [*NEVER, *(str(edge) for edge in EDGES)])
def test_every_part_of_a_message_has_the_format(contract: Contract, schemas: schema.Schemas, text: str) -> None:
    """The gateway and the second reading of the contract agree."""
    oracle = Oracle(schemas)
    about: dict[str, Any] = {"resource": "posts"}
    messages: dict[str, dict[str, Any]] = {
        "/data/id": {"type": "create", **about, "data": {"id": text}},
        "/data/1/parent": {"type": "create", **about, "data": [{"id": "1"}, {"id": "2", "parent": text}]},
        "/data/likes/0": {"type": "update", **about, "id": "1", "data": {"likes": [text]}},
        "/id": {"type": "delete", **about, "id": text},
        "/ids/1": {"type": "get", **about, "ids": ["1", text]},
        "/if/parent": {"type": "delete", **about, "id": "1", "if": {"parent": text}},
        "/filters/id": {"type": "list", **about, "filters": {"id": text}},
        "/filters/parent/nbetween/1": {"type": "list", **about, "filters": {"parent": {"nbetween": ["1", text]}}},
        "/filters/or/0/id/in/0": {"type": "subscribe", **about, "filters": {"or": [{"id": {"in": [text]}}]}},
        "/data/at": {"type": "message", "room": "ticks", "data": {"at": text}},
        "/number": {"type": "call", "number": text},
    }
    for place, message in messages.items():
        payload = json.dumps(message).encode()
        assert oracle.verdict(payload).accepted is is_int64(text), place
        if is_int64(text):
            contract.decode(payload)
            continue
        refused = refusal(contract, message)
        assert refused.pointer == place
        if text:  # the empty text breaks other rules of keys as well
            assert refused.keyword == "format"
            assert refused.message == 'must be the decimal text of an integer of 64 bits, such as "42"'


def test_a_number_is_no_text(contract: Contract) -> None:
    refused = refusal(contract, {"type": "get", "resource": "posts", "id": 7})
    assert (refused.pointer, refused.keyword) == ("/id", "type")


def test_filters_of_a_request_compare_integers(contract: Contract) -> None:
    filters = {"or": [{"id": {"gt": "9", "nin": ["11"]}}, {"parent": "5"}]}
    request: Any = contract.decode(json.dumps({"type": "list", "resource": "posts", "filters": filters}).encode())
    meets = predicate(compile_filters(request.filters))
    found = [id for id in ("-10", "8", "9", "10", "11", "100") if meets({"id": id})]
    assert found == ["10", "100"]
    assert meets({"id": "1", "parent": "5"})
    assert not meets({"id": "12x"})
    rule: Any = contract.filters("posts", {"id": {"lt": "10"}})
    assert predicate(compile_filters(rule))({"id": "9"})


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        (2**53 + 1, str(2**53 + 1)),
        (7, "7"),
        ("-9223372036854775808", "-9223372036854775808"),
        *((never, None) for never in (*NEVER, 2**63, 7.0, True, None, ["7"])),
    ],
)
def test_a_claim_becomes_the_text_of_an_integer_or_nothing(
    schemas: schema.Schemas, claim: Any, value: str | None
) -> None:
    convert = converters(schemas.resources["posts"])["id"]
    if value is None:
        with pytest.raises(ValueError):
            convert(claim)
    else:
        found = convert(claim)
        assert found == value
        assert isinstance(found, Int64)


def test_a_rule_of_the_schema_has_integers(tmp_path: Path) -> None:
    def problems(where: dict[str, Any]) -> list[str]:
        (tmp_path / "resources").mkdir(exist_ok=True)
        content = {**POSTS, "x-access": {"read": {"where": where}}}
        (tmp_path / "resources" / "posts.schema.json").write_text(json.dumps(content))
        return [problem.pointer for problem in schema.lint(schema.load(tmp_path))]

    assert problems({"id": {"lt": "10"}, "parent": "$user.id"}) == []
    assert problems({"id": {"lt": "ten"}}) == ["/x-access/read/where/id/lt"]
    assert problems({"id": {"startswith": "1"}}) == ["/x-access/read/where/id"]


def test_generated_messages_have_integers(schemas: schema.Schemas) -> None:
    """Generators of messages do not know the format, and make texts by a pattern in its place."""
    written = json.dumps(document.openapi(schemas, {}))
    assert "int64" not in written
    assert json.dumps(document.INT64) in written
    for text in ("0", "-1", "9" * 18, "-" + "9" * 18):
        assert re.search(document.INT64, text)
        assert is_int64(text)
