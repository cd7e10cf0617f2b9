"""docs/reference/filters.md says what the derived schemas do: operators by type, limits, each line of JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.contract import Contract
from tidegate.core.errors import Refused, error_message
from tidegate.core.filters import tree
from tidegate.core.filters.index_keys import INDEXED_KEYS, INDEXED_VALUES
from tidegate.schema import filter_schemas
from tidegate.schema.resource import read_property

GUIDE = (ROOT / "docs" / "reference" / "filters.md").read_text()
TYPES: dict[str, list[dict[str, Any]]] = {
    "text": [{"type": "string"}, {"type": "string", "format": "email"}, {"type": "string", "maxLength": 9}],
    "text with `enum`": [{"enum": ["a", "b"]}, {"type": "string", "const": "a"}],
    "`date-time`, `date`, `uuid`, `int64`": [
        *({"type": "string", "format": name} for name in ("date-time", "date", "uuid", "int64")),
        {"type": "string", "format": "int64", "enum": ["1", "20"]},
    ],
    "`time`, `duration`": [{"type": "string", "format": name} for name in ("time", "duration")],
    "integer, number": [{"type": "integer"}, {"type": "number"}, {"enum": [1, 2]}],
    "boolean": [{"type": "boolean"}],
    "array of text, numbers or booleans": [
        {"type": "array", "items": {"type": name}} for name in ("string", "integer", "number", "boolean")
    ],
    "of several types": [{"type": ["string", "integer"]}, {}],
}
"""Properties of each type that the guide tells apart."""


def table(heading: str) -> list[tuple[str, str]]:
    """The first and the last column of the table that begins with `heading`."""
    found = re.search(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    assert found is not None
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()]
    return [(row[0], row[-1]) for row in cells]


def names(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`(\w+)`", cell))


def test_the_operators_of_every_type_are_told() -> None:
    told = {kind: names(operators) for kind, operators in table("property")}
    besides = told.pop("any that a row may be without, besides")
    assert besides == filter_schemas.NULLNESS
    assert list(told) == list(TYPES)
    for kind, examples in TYPES.items():
        for example in examples:
            assert told[kind] == filter_schemas.operators(read_property("p", example, True, {})), example
            assert told[kind] + besides == filter_schemas.operators(read_property("p", example, False, {})), example


def test_the_meaning_of_every_operator_is_told_once() -> None:
    told = [name for operators, _ in table("operator") for name in names(operators)]
    known = {name for operators in filter_schemas.OPERATORS.values() for name in operators} | {*filter_schemas.NULLNESS}
    assert sorted(told) == sorted(known)


def test_the_limits_are_told() -> None:
    text = " ".join(GUIDE.split())
    assert f"{tree.DEPTH} levels deep, {tree.CONDITIONS} conditions, and {tree.VALUES} values" in text
    assert f"`in` with at most {INDEXED_VALUES} values" in text
    assert f"at most {INDEXED_KEYS} values in all" in text


def test_the_json_is_what_the_contract_takes_and_refuses() -> None:
    contract = Contract(schema.bundle(schema.load(ROOT / "schema")))
    lines = [line for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]
    assert len(lines) > 5
    answer = None
    for line in lines:
        arrow, message = line[0], line[2:].encode()
        if arrow == ">":
            contract.decode(message)
        elif arrow == "!":
            with pytest.raises(Refused) as refused:
                contract.decode(message)
            answer = json.loads(msgspec.json.encode(error_message(refused.value)))
        else:
            assert json.loads(message) == answer
    assert answer is not None


@pytest.mark.process
def test_the_structs_in_it_are_filters() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    program = snippet.partition("rows =")[0] + "import msgspec; print(msgspec.json.encode(filters).decode())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "generated" / "python"), "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said == {"name": {"startswith": "A"}, "or": [{"id": {"lt": 100}}, {"status": "inactive"}]}
    contract = Contract(schema.bundle(schema.load(ROOT / "schema")))
    contract.decode(msgspec.json.encode({"type": "list", "resource": "users", "filters": said}))
