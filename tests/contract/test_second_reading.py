"""The second reading of recursive unions: as many steps as the value has levels, and all faults that it had before."""

from __future__ import annotations

import random
from typing import Any

import pytest
from jsonschema import FormatChecker

from tests.contract.refusal_cases import CASES, DEFINITIONS
from tests.contract.test_dispatch import DEFINITIONS as RANDOM
from tests.contract.test_dispatch import FAMILIES, Invention, nested
from tests.support.cases import every_case
from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.checks import oracle
from tidegate.checks.reference_validator import Reading, formats, readable
from tidegate.contract.compiled import Compiler
from tidegate.contract.explain import violations

ORACLE_SCHEMAS = schema.unbundle(schema.bundle(schema.load(ROOT / "schema")))
ORACLE = oracle.Oracle(ORACLE_SCHEMAS)


def test_it_names_every_fault_that_python_jsonschema_names() -> None:
    second = oracle.Oracle(ORACLE_SCHEMAS)
    family = {f"{name}, {depth} levels": ({"E": one}, {"$ref": "#/$defs/E"}, nested(depth, name, True))
              for name, one in FAMILIES.items() for depth in (0, 3)}  # fmt: skip
    tables = {one.name: (DEFINITIONS, one.schema, one.value) for one in CASES}
    with every_case() as case:
        for name, (definitions, asked, value) in (tables | family).items():
            with case(name):
                whole = {**asked, "$defs": definitions}
                plain = Reading(readable(whole), format_checker=formats())
                expected = {found for error in plain.iter_errors(value) for found in oracle._places(error)}
                assert set(second.errors(whole, value)) == expected


def test_every_violation_of_a_random_refusal_is_among_them() -> None:
    """For random unions with constants: no refusal names a fault that the value does not have."""
    refused = 0
    for seed in range(150):
        invention = Invention(random.Random(seed))
        definitions = {**RANDOM, "U": invention.union(1)}
        asked = invention.union(2)
        validator = Compiler(definitions).schema(asked)
        second = oracle.Oracle(ORACLE_SCHEMAS)
        for value in (invention.value() for _ in range(10)):
            found = violations(validator, value)
            assert bool(found) is not validator.is_valid(value)
            errors = set(second.errors({**asked, "$defs": definitions}, value)) if found else set()
            for one in found:
                assert errors & {(one.pointer, one.keyword), (one.pointer, None)}, (seed, asked, value, one)
            refused += bool(found)
    assert refused > 500


def test_a_dollar_sign_in_a_pattern_is_the_end_or_a_character() -> None:
    table = {
        "^[$]": ("$a", "a"),
        "^[^$]$": ("a", "$"),
        r"^[\]$]$": ("$", "$\n"),
        r"^a\$": ("a$", "a"),
        r"^a\\$": ("a\\", "a\\\n"),
        "^a$": ("a", "a\n"),
    }
    with every_case() as case:
        for pattern, (fits, differs) in table.items():
            with case(pattern):
                validator = Reading({"pattern": pattern})
                assert (validator.is_valid(fits), validator.is_valid(differs)) == (True, False)
                gateway = Compiler({}).schema({"pattern": pattern})
                assert (gateway.is_valid(fits), gateway.is_valid(differs)) == (True, False)


PATTERNS: dict[str, tuple[str, str]] = {
    "^a$": ("a", "a\n"),
    r"^\d$": ("3", "\u0663"),
    r"^\D$": ("\u0663", "3"),
    r"^[\d.]$": (".", "\u0663"),
    r"^[^\d]$": ("\u0663", "3"),
    r"^\w$": ("e", "\u00e9"),
    r"^[\W]$": ("\u00e9", "e"),
    r"^\s$": ("\ufeff", "\u0085"),
    r"^[\S]$": ("\u001c", "\u00a0"),
    r"^\p{Lu}": ("A", "a"),
    r"^\P{Lu}": ("a", "A"),
    r"^\pL$": ("\u00e9", "1"),
    r"^[\p{Letter}\p{gc=Nd}_]+$": ("\u00e9\u0663_", "-"),
    r"^[^\p{L}]$": ("1", "\u00e9"),
    r"^\u{41}\cA\u0042$": ("A\x01B", "A"),
    r"^(?<name>a|b)$": ("b", "c"),
    r"^[[&~|]$": ("[", "a"),
    r"(?i)^a$": ("A", "b"),
    r"^\\p$": ("\\p", "p"),
}
"""{a pattern: (a text that fits, one that does not)}"""


def test_every_keyword_reads_a_pattern_as_the_gateway_does() -> None:
    with every_case() as case:
        for pattern, texts in PATTERNS.items():
            closed = {"patternProperties": {pattern: {}}, "additionalProperties": False}
            schemas: dict[str, dict[str, Any]] = {
                "pattern": {"properties": {"v": {"pattern": pattern}}},
                "propertyNames": {"propertyNames": {"pattern": pattern}},
                "patternProperties": {"patternProperties": {pattern: False}},
                "additionalProperties": closed,
                "unevaluatedProperties": {
                    "allOf": [{"patternProperties": {pattern: {}}}],
                    "unevaluatedProperties": False,
                },
                "two": {"patternProperties": {pattern: {}, f"{pattern}|^$": {}}, "additionalProperties": False},
            }
            for word, asked in schemas.items():
                for text, fits in zip(texts, (True, False), strict=True):
                    with case(f"{pattern} {word} {text!r}"):
                        value = {"v": text} if word == "pattern" else {text: 1}
                        expected = fits is not (word == "patternProperties")
                        assert Compiler({}).schema(asked).is_valid(value) is expected
                        assert (not any(ORACLE.errors(asked, value))) is expected


def test_two_patterns_with_one_translation_both_count() -> None:
    asked = {"patternProperties": {r"^\d$": {"type": "integer"}, "^[0-9]$": {"minimum": 2}}}
    assert [set(ORACLE.errors(asked, {"1": value})) for value in ("a", 1, 2)] == [
        {("/1", "type")},
        {("/1", "minimum")},
        set(),
    ]


def test_names_that_python_cannot_judge_are_doubtful_with_all_that_is_below_them() -> None:
    unassigned = "\U000e0fff"
    inner = {"properties": {"n": {"type": "integer"}}}
    with every_case() as case:
        for pattern, name in ((r"^\p{Script=Greek}$", "\u03b1"), (r"^\p{Lu}$", unassigned), (r"^\p{Emoji}$", "a")):
            for closing in ("additionalProperties", "unevaluatedProperties"):
                with case(f"{pattern} {closing}"):
                    asked = {"patternProperties": {pattern: inner}, closing: False, "maxProperties": 2}
                    value = {name: {"n": "x"}}
                    assert set(ORACLE.errors(asked, value)) == set()
                    doubts = {("", None), (f"/{name}", None), (f"/{name}/n", None)}
                    assert set(ORACLE.errors(asked, value, doubt=True)) == doubts
                    assert ("", "maxProperties") in set(ORACLE.errors(asked, {**value, "b": 1, "c": 1}))


@pytest.mark.parametrize("wrong", [False, True], ids=["valid", "wrong at the bottom"])
def test_twice_the_depth_takes_twice_the_steps(wrong: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [0]
    checker = FormatChecker(formats=())

    @checker.checks("counted")
    def counted(_text: object) -> bool:
        steps[0] += 1
        return True

    monkeypatch.setattr(oracle, "formats", lambda: checker)
    with every_case() as case:
        for name, family in FAMILIES.items():
            with case(name):
                assert cost(family, name, wrong, 8, steps) * 2.1 >= cost(family, name, wrong, 16, steps) > 16


def cost(family: Any, name: str, wrong: bool, depth: int, steps: list[int]) -> int:
    second = oracle.Oracle(ORACLE_SCHEMAS)
    before = steps[0]
    assert bool(set(second.errors({"$ref": "#/$defs/E", "$defs": {"E": family}}, nested(depth, name, wrong)))) is wrong
    return steps[0] - before
