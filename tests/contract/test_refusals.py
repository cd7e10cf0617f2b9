"""Refusals point at what is wrong: each case of the table is answered with exactly its faults, the true one first.

Python jsonschema reads every case too: it refuses the value, and names the same places and keywords among its errors.
"""

from __future__ import annotations

from tests.contract.refusal_cases import CASES, DEFINITIONS, Case
from tests.support.cases import every_case
from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.checks.oracle import Oracle
from tidegate.contract.compiled import Compiler
from tidegate.contract.explain import violations

ORACLE = Oracle(schema.unbundle(schema.bundle(schema.load(ROOT / "schema"))))


def told(case: Case) -> list[tuple[str, str, str]]:
    found = violations(Compiler(DEFINITIONS).schema(case.schema), case.value)
    return [(one.pointer, one.keyword, one.message) for one in found]


def test_every_refusal_names_the_true_faults() -> None:
    with every_case() as case:
        for one in CASES:
            with case(one.name):
                assert told(one) == one.faults


def test_python_jsonschema_names_the_same_faults() -> None:
    with every_case() as case:
        for one in CASES:
            with case(one.name):
                errors = set(ORACLE.errors({**one.schema, "$defs": DEFINITIONS}, one.value))
                for pointer, keyword, _ in one.faults:
                    assert errors & {(pointer, keyword), (pointer, None)}, sorted(errors, key=str)
