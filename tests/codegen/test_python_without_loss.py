"""Generated Structs lose nothing of a value on its way to a handler and back."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tidegate import codegen, schema
from tidegate_protocol.plain import plain
from tidegate_protocol.typed import typed

pytestmark = pytest.mark.process

BASE: dict[str, Any] = {
    "title": "Base",
    "type": "object",
    "properties": {"id": {"type": "integer"}},
    "required": ["id"],
}
OTHER: dict[str, Any] = {"title": "Other", "type": "object", "properties": {"inner": {"$ref": "base.json"}}}
PARTS = [
    {
        "type": "object",
        "properties": {"kind": {"const": kind}, "n": {"type": "string", "format": "int64"}},
        "required": ["kind"],
    }
    for kind in ("text", "image")
]


def message(name: str, **words: Any) -> dict[str, Any]:
    properties = {"type": {"const": name}, **words.pop("properties", {})}
    title = name.capitalize()
    return {"title": title, "type": "object", "properties": properties, "required": ["type"], **words}


MESSAGES = {
    "open": message("open", properties={"text": {"type": "string"}}),
    "both": message("both", allOf=[{"$ref": "../types/base.json"}, {"$ref": "../types/other.json"}]),
    "patterns": message("patterns", patternProperties={"^x": {"type": "integer"}}, additionalProperties=False),
    "parts": message("parts", properties={"parts": {"type": "array", "items": {"oneOf": PARTS}}}),
    "codes": message("codes", properties={"code": {"enum": [1, 2]}, "word": {"enum": ["null", None]}}),
}
VALUES: list[dict[str, Any]] = [
    {"type": "open", "text": "a", "further": {"deep": [1]}, "class": 1, "": 2, 'a"b\n': 3, "text2": None},
    {"type": "both", "id": 1, "inner": {"id": 2, "w": 3}, "v": 4},
    {"type": "patterns", "x1": 1, "x2": 2},
    {"type": "parts", "parts": [{"kind": "text", "n": "9223372036854775807", "w": 1}, {"kind": "image"}]},
    {"type": "codes", "code": 1.0, "word": "null"},
    {"type": "codes", "word": None},
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("application")
    files = {"types/base.json": BASE, "types/other.json": OTHER}
    files |= {f"client/{name}.json": content for name, content in MESSAGES.items()}
    for path, content in files.items():
        (folder / "schema" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "schema" / path).write_text(json.dumps(content))
    codegen.write(codegen.generate(schema.load(folder / "schema")), folder / "generated")
    python = folder / "generated/python"
    (python / "app_contract").rename(python / "contract_without_loss")
    sys.path.insert(0, str(python))
    try:
        yield importlib.import_module("contract_without_loss")
    finally:
        sys.path.remove(str(python))


def test_a_value_comes_back_as_it_was(package: ModuleType) -> None:
    for value in VALUES:
        found = typed(value, package.CLIENT_MESSAGES[value["type"]])
        assert isinstance(found, package.CLIENT_MESSAGES[value["type"]])
        assert plain(found) == value


def test_other_properties_are_attributes_and_msgspec_encodes_them(package: ModuleType) -> None:
    found: Any = typed({"type": "open", "text": "a", "further": 1, "class": 2}, package.Open)
    assert (found.text, found.further) == ("a", 1)
    assert json.loads(msgspec.json.encode(found)) == {"type": "open", "text": "a", "further": 1, "class": 2}


def test_a_tag_decides_the_class_of_an_alternative(package: ModuleType) -> None:
    found: Any = typed(VALUES[3], package.Parts)
    assert [part.kind for part in found.parts] == ["text", "image"]
    assert found.parts[0].n == 2**63 - 1
