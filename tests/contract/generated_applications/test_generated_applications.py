"""Schemas that `check` lets pass can be generated, imported and type-checked, and their types hold each valid payload.

`make contract` sets CONTRACT_SCHEMAS, and may set CONTRACT_SEED. Without them, the test tries one small application.
A failure names the seed of a schema; `python -m tests.contract.generated_applications --seed N --schemas 1` tries it.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.contract.generated_applications.payloads import payloads_of, same
from tests.contract.generated_applications.run import run
from tests.contract.generated_applications.schemas import case_of
from tidegate.schema.subschemas import subschemas

pytestmark = [pytest.mark.process, pytest.mark.slow]

SCHEMAS = int(os.environ.get("CONTRACT_SCHEMAS", "10"))
LONG = SCHEMAS >= 100
SEED = int(os.environ.get("CONTRACT_SEED") or (random.SystemRandom().randrange(1 << 32) if LONG else 2026))
NOT_MADE = {"$anchor", "$dynamicAnchor", "$dynamicRef", "$id", "$schema", "$vocabulary", "definitions"}
"""Keywords that say where a schema is, not what a value must be."""


@pytest.mark.timeout(180 + 20 * SCHEMAS)
def test_what_check_lets_pass_works_in_both_languages(tmp_path: Path) -> None:
    told = run(SEED, SCHEMAS, tmp_path)
    print(told)
    assert told.failures == [], str(told)
    assert told.schemas == SCHEMAS
    assert told.payloads["accepted"] > 10 * SCHEMAS
    assert told.payloads["refused"] > 3 * SCHEMAS
    assert told.refused.total() < SCHEMAS


def test_the_same_seed_makes_the_same_schema_and_payloads() -> None:
    assert case_of(7) == case_of(7)
    assert case_of(7).files == case_of(7).files != case_of(8).files
    assert same(payloads_of(case_of(7)), payloads_of(case_of(7)))


def test_the_schemas_have_all_keywords() -> None:
    from tidegate.schema.lint.words import KEYWORDS

    found = {
        word
        for seed in range(200)
        for content in case_of(seed).files.values()
        for _, sub in subschemas(content)
        if isinstance(sub, dict)
        for word in sub
    }
    assert KEYWORDS - found == NOT_MADE


@pytest.mark.parametrize(
    ("one", "two"), [(1, 1.0), ([{"a": 1}], [{"a": 1.0}]), (True, True), ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
)
def test_values_that_json_schema_takes_for_equal(one: object, two: object) -> None:
    assert same(one, two)


@pytest.mark.parametrize(
    ("one", "two"), [(1, True), (0, False), ([1], [1, 2]), ({"a": 1}, {"a": 1, "b": None}), ("1", 1), (None, 0)]
)
def test_values_that_differ(one: object, two: object) -> None:
    assert not same(one, two)
