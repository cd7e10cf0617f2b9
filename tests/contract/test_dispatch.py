"""Rewritten unions: they accept what the schema as written accepts, and a tag costs one step whatever the depth.

The cost is counted in calls of a format, of which each object has one text. It does not depend on the machine.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from tests.contract.refusal_cases import alternative, ref
from tests.support.cases import every_case
from tidegate.contract import compiled
from tidegate.contract.compiled import Compiler
from tidegate.contract.dispatch import TAG
from tidegate.contract.explain import violations

Schema = dict[str, Any]
VALUES: list[Any] = ["a", "b", "c", "d", 1, True, None, 1.0]
DEFINITIONS: Schema = {
    "text": {"type": "string"},
    "a": {"const": "a"},
    "bc": {"enum": ["b", "c"]},
    "D": {
        "type": "object",
        "properties": {"k": {"const": "d"}, "x": {"type": "string"}},
        "required": ["k"],
    },
}


class Invention:
    """Invents unions in which some properties have constants, and values for them."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def union(self, depth: int) -> Schema:
        chance = self._chance
        alternatives = [self._alternative(depth) for _ in range(chance.randint(2, 4))]
        found: Schema = {chance.choice(["oneOf", "anyOf"]): alternatives}
        for likely, more in (
            (0.2, {"type": "object"}),
            (0.2, {"unevaluatedProperties": False}),
            (0.2, {"properties": {"y": self._leaf()}}),
        ):
            found |= more if chance.random() < likely else {}
        if chance.random() < 0.1:
            found = {"allOf": [found], "unevaluatedProperties": False}
        return {"not": found} if chance.random() < 0.1 else found

    def value(self, depth: int = 2) -> Any:
        chance = self._chance
        if chance.random() < 0.07:
            return chance.choice([None, [], "s", [1], 3])
        found: Schema = {name: chance.choice(VALUES) for name in "kt" if chance.random() < 0.8}
        if chance.random() < 0.4:
            found["m"] = chance.choice([{"k": chance.choice(VALUES)}, {"k": "a"}, {}, 1])
        for name in "xyz":
            if chance.random() < 0.3:
                found[name] = chance.choice(["s", 1]) if depth == 0 or chance.random() < 0.7 else self.value(depth - 1)
        return found

    def _alternative(self, depth: int) -> Schema:
        chance = self._chance
        kind = chance.random()
        if kind < 0.15:
            return chance.choice([{"type": "null"}, {"type": "array", "items": self._leaf()}])
        if kind < 0.25:
            return ref("U" if depth == 2 else "D")
        if kind < 0.35 and depth:
            return self.union(depth - 1)
        return self._object(depth)

    def _object(self, depth: int) -> Schema:
        chance = self._chance
        properties: Schema = {name: self._tag() for name in "kt" if chance.random() < 0.8}
        if chance.random() < 0.4:
            inner = {"properties": {"k": self._tag()}}
            properties["m"] = inner if chance.random() < 0.3 else {"type": "object", **inner, "required": ["k"]}
        for name in "xy":
            if chance.random() < 0.5:
                properties[name] = self.union(depth - 1) if depth and chance.random() < 0.2 else self._leaf()
        found: Schema = {"required": [name for name in "ktm" if chance.random() < 0.6]}
        found |= chance.choice([{"type": "object"}, {"type": "object"}, {"type": ["object", "null"]}, {}])
        found |= {"allOf": [{"properties": properties}]} if chance.random() < 0.3 else {"properties": properties}
        return found | chance.choice([{}, {}, {"additionalProperties": False}, {"unevaluatedProperties": False}])

    def _tag(self) -> Schema:
        chance = self._chance
        options: list[Schema] = [
            {"const": chance.choice(VALUES)},
            {"const": chance.choice(VALUES)},
            {"enum": chance.sample(VALUES[:7], 2)},
            {"type": "string", "const": chance.choice("abc")},
            ref(chance.choice(["a", "bc"])),
        ]
        return chance.choice(options)

    def _leaf(self) -> Any:
        return self._chance.choice([{"type": "string"}, {"type": "integer"}, True, ref("text")])


def test_rewritten_schemas_accept_what_the_written_ones_accept() -> None:
    seen = {True: 0, False: 0, TAG: 0}
    for seed in range(250):
        invention = Invention(random.Random(seed))
        definitions = {**DEFINITIONS, "U": invention.union(1)}
        root = invention.union(2)
        word = next((word for word in ("oneOf", "anyOf") if word in definitions["U"]), None)
        inside = ref("U") if word is None else {"$ref": f"#/$defs/U/{word}/1"}
        for asked in (root, inside):
            written = Draft202012Validator({**asked, "$defs": definitions})
            rewritten = Compiler(definitions).schema(asked)
            seen[TAG] += TAG in json.dumps(rewritten.schema)
            for value in (invention.value() for _ in range(20)):
                errors = list(rewritten.iter_errors(value))
                assert written.is_valid(value) is (not errors), (seed, asked, value)
                assert all(rewritten.at(error.evaluation_path[:-1]) for error in errors)
                seen[not errors] += 1
    assert all(count > 100 for count in seen.values()), seen


def test_references_into_an_alternative_lead_to_its_new_place() -> None:
    """Also through names that a reference escapes or writes with percent signs."""
    inner = {"oneOf": [alternative(kind, ["x"], x={"type": "integer"}) for kind in ("a", "b")]}
    more: Schema = {"c/d": inner}
    said = alternative("said", ["c/d"], **more)
    definitions: Schema = {
        "ä b": {"oneOf": [said, {"type": "null"}, alternative("none", [])]},
        "one": {"$ref": "#/$defs/%C3%A4%20b/oneOf/0/properties/c~1d/oneOf/1/properties/x"},
        "all": {"$ref": "#/$defs/%C3%A4%20b"},
        "null": {"$ref": "#/$defs/%C3%A4%20b/oneOf/1"},
    }
    compiler = Compiler(definitions)
    for key, value, text in (("one", "1", "must be integer"), ("null", 1, "must be null")):
        [found] = violations(compiler.named(key), value)
        assert (found.pointer, found.message) == ("", text)
    [found] = violations(compiler.named("all"), {"kind": "said", "c/d": {"kind": "b", "x": "1"}})
    assert found.pointer == "/c~1d/x"


# -- cost ----------------------------------------------------------------------------------------------------------

SELF = ref("E")
COUNTED: Schema = {"type": "string", "format": "counted"}
LIST: Schema = {"type": "array", "items": SELF}
NULLABLE: Schema = {"type": "array", "items": {"anyOf": [SELF, {"type": "null"}]}}
NUMBER: Schema = {"type": "integer"}


def node(tag: Any, **properties: Any) -> Schema:
    return alternative(tag, [], n=COUNTED, **properties)


def bare(tag: str, **properties: Any) -> Schema:
    return {"properties": {"kind": {"const": tag}, "n": COUNTED, **properties}}


def deeper(tag: str, **properties: Any) -> Schema:
    meta = {"type": "object", "properties": {"kind": {"const": tag}}, "required": ["kind"]}
    return {"type": "object", "properties": {"meta": meta, "n": COUNTED, **properties}, "required": ["meta"]}


LEAF = node("leaf", v=NUMBER)
FAMILIES: dict[str, Schema] = {
    "const": {"oneOf": [node("and", args=LIST), node("or", args=LIST), LEAF]},
    "anyOf": {"anyOf": [node("and", args=LIST), node("or", args=LIST), LEAF]},
    "enum": {"oneOf": [node(["xor", "nor"], args=LIST), node(["and", "or"], args=LIST), LEAF]},
    "deeper": {"oneOf": [deeper("and", args=LIST), deeper("or", args=LIST), deeper("leaf", v=NUMBER)]},
    "beside scalars": {"oneOf": [{"type": ["null", "boolean"]}, node("and", args=LIST), node("or", args=LIST), LEAF]},
    "nullable": {"oneOf": [node("and", args=NULLABLE), node("or", args=NULLABLE), LEAF]},
    "type beside the union": {
        "type": "object",
        "required": ["kind"],
        "oneOf": [bare("and", args=LIST), bare("or", args=LIST), bare("leaf", v=NUMBER)],
    },
    "union in a union": {"oneOf": [{"oneOf": [node("and", args=LIST), LEAF]}, {"oneOf": [node("or", args=LIST)]}]},
}


def nested(depth: int, family: str, wrong: bool) -> Schema:
    def tag(name: str) -> Schema:
        return {"meta": {"kind": name}} if family == "deeper" else {"kind": name}

    found: Schema = {**tag("leaf"), "n": "x", "v": "x" if wrong else 1}
    for _ in range(depth):
        found = {**tag("or"), "n": "x", "args": [found]}
    return found


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that has been validated so far."""
    seen: list[str] = []

    def counted(text: str) -> bool:
        seen.append(text)
        return True

    monkeypatch.setattr(compiled, "FORMATS", {"counted": counted})
    return seen


@pytest.mark.parametrize("wrong", [False, True], ids=["valid", "wrong at the bottom"])
def test_twice_the_depth_takes_twice_the_steps(wrong: bool, calls: list[str]) -> None:
    with every_case() as case:
        for name, family in FAMILIES.items():
            with case(name):
                validator = Compiler({"E": family}).named("E")
                steps = []
                for depth in (6, 12, 24):
                    value = nested(depth, name, wrong)
                    calls.clear()
                    assert validator.is_valid(value) is not wrong
                    found = violations(validator, value)
                    assert [one.pointer for one in found] == (["/args/0" * depth + "/v"] if wrong else [])
                    steps.append(len(calls))
                assert steps[1] <= 2.1 * steps[0], steps
                assert steps[2] <= 2.1 * steps[1], steps
                assert steps[2] <= 5 * 25, steps
