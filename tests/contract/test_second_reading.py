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
from tidegate.checks.reference_validator import Reading, formats, without_false
from tidegate.contract.compiled import Compiler
from tidegate.contract.explain import violations

ORACLE_SCHEMAS = schema.unbundle(schema.bundle(schema.load(ROOT / "schema")))


def test_it_names_every_fault_that_python_jsonschema_names() -> None:
    second = oracle.Oracle(ORACLE_SCHEMAS)
    family = {f"{name}, {depth} levels": ({"E": one}, {"$ref": "#/$defs/E"}, nested(depth, name, True))
              for name, one in FAMILIES.items() for depth in (0, 3)}  # fmt: skip
    tables = {one.name: (DEFINITIONS, one.schema, one.value) for one in CASES}
    with every_case() as case:
        for name, (definitions, asked, value) in (tables | family).items():
            with case(name):
                whole = {**asked, "$defs": definitions}
                plain = Reading(without_false(whole), format_checker=formats())
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
