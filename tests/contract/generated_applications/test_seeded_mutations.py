"""Generators and gateways with one seeded fault each: the random schemas find every fault.

Most faults are changes of the schemas that one generator sees. CONTRACT_FAULTS=all tries all faults.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.contract.generated_applications.application import Application
from tests.contract.generated_applications.run import Told, fitting, together
from tests.contract.generated_applications.schemas import Case
from tests.contract.test_seeded_faults import changed_schemas, without
from tidegate import codegen
from tidegate.schema.subschemas import mapped

pytestmark = [pytest.mark.seeded, pytest.mark.process, pytest.mark.slow]

Json = dict[str, Any]
Patch = pytest.MonkeyPatch
Change = Callable[[Json], Json]
ALL = os.environ.get("CONTRACT_FAULTS") == "all"
SEED, SCHEMAS = 40_000, 120 if ALL else 15


def generated_from(patch: Patch, language: str, change: Change) -> None:
    """One generator sees every schema with a change."""
    name = {"python": "application_package", "typescript": "application_module"}[language]
    real = getattr(codegen, name)

    def altered(found: Any, *rest: Any) -> Any:
        types = {
            title: replace(named, schema=mapped(named.schema, lambda _, sub: change(sub)))
            for title, named in found.types.items()
        }
        return real(replace(found, types=types), *rest)

    patch.setattr(codegen, name, altered)


def one_part_fewer(schema: Json) -> Json:
    return {**schema, "allOf": schema["allOf"][:1]} if len(schema.get("allOf", ())) > 1 else schema


def closed(schema: Json) -> Json:
    return {**schema, "additionalProperties": False} if schema.get("properties") else schema


def reversed_tuple(schema: Json) -> Json:
    return {**schema, "prefixItems": schema["prefixItems"][::-1]} if "prefixItems" in schema else schema


def never_null(schema: Json) -> Json:
    kinds = schema.get("type")
    return {**schema, "type": [kind for kind in kinds if kind != "null"]} if isinstance(kinds, list) else schema


def one_value_fewer(schema: Json) -> Json:
    return {**schema, "enum": schema["enum"][:-1]} if len(schema.get("enum", ())) > 1 else schema


def one_alternative_fewer(schema: Json) -> Json:
    for word in ("anyOf", "oneOf"):
        if len(schema.get(word, ())) > 1:
            return {**schema, word: schema[word][:-1]}
    return schema


def all_required(schema: Json) -> Json:
    return {**schema, "required": list(schema["properties"])} if "properties" in schema else schema


def renamed(schema: Json) -> Json:
    if "properties" not in schema:
        return schema
    return {**schema, "properties": {n if n == "type" else f"{n}_": sub for n, sub in schema["properties"].items()}}


def untyped(schema: Json) -> Json:
    if "properties" not in schema:
        return schema
    return {**schema, "properties": {n: sub if n == "type" else {} for n, sub in schema["properties"].items()}}


def tags_swapped(schema: Json) -> Json:
    """The constants of each property change their places between two alternatives that are written here."""
    for word in ("anyOf", "oneOf"):
        some = schema.get(word, ())
        if len(some) > 1 and all(isinstance(one, dict) and "properties" in one for one in some[:2]):
            left, right = (one["properties"] for one in some[:2])
            tags = [n for n in left if n in right and "const" in (left[n] or {}) and "const" in (right[n] or {})]
            new = [
                {**one, "properties": {**one["properties"], **{n: other[n] for n in tags}}}
                for one, other in zip(some[:2], (right, left), strict=True)
            ]
            return {**schema, word: [*new, *some[2:]]}
    return schema


def int64_as_number(schema: Json) -> Json:
    if schema.get("format") != "int64":
        return schema
    return {word: value for word, value in {**schema, "type": "integer"}.items() if word != "format"}


def whole_numbers_only(schema: Json) -> Json:
    return {**schema, "type": "integer"} if schema.get("type") == "number" else schema


CHANGES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "the second part of allOf is lost": (one_part_fewer, ("python", "typescript")),
    "objects are closed": (closed, ("python", "typescript")),
    "patternProperties are lost": (without("patternProperties"), ("python", "typescript")),
    "tuples are reversed": (reversed_tuple, ("python", "typescript")),
    "minItems is lost": (without("minItems"), ("typescript",)),
    "deprecated is lost": (without("deprecated"), ("typescript",)),
    "null is lost": (never_null, ("python", "typescript")),
    "an enum loses a value": (one_value_fewer, ("python", "typescript")),
    "a union loses an alternative": (one_alternative_fewer, ("python", "typescript")),
    "every property is required": (all_required, ("python", "typescript")),
    "properties have other names": (renamed, ("python", "typescript")),
    "properties have no types": (untyped, ("python", "typescript")),
    "tags are mixed up": (tags_swapped, ("python", "typescript")),
    "int64 is a number": (int64_as_number, ("python",)),
    "numbers are whole": (whole_numbers_only, ("python",)),
}
KEYWORDS = (
    *("allOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "contains"),
    *("prefixItems", "patternProperties", "propertyNames", "uniqueItems", "multipleOf", "const", "enum", "format"),
)
"""The gateway forgets one of these."""
FAULTS: dict[str, tuple[Callable[[Patch], None], tuple[str, ...]]] = {
    **{
        f"{name} in {language}": (
            partial(generated_from, language=language, change=change),
            ("tsc",) if language == "typescript" else (),
        )
        for name, (change, languages) in CHANGES.items()
        for language in languages
    },
    **{f"the gateway forgets {word}": (partial(changed_schemas, change=without(word)), ()) for word in KEYWORDS},
}
"""By description: the function that seeds the fault, and the type checkers that are needed."""
SAMPLE = ("objects are closed in python", "the gateway forgets oneOf")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return together(fitting(SEED, tmp_path_factory.mktemp("checked"), Told(SEED)), SCHEMAS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS if ALL else SAMPLE)
def test_a_seeded_fault_is_found(fault: str, cases: list[Case], tmp_path: Path, monkeypatch: Patch) -> None:
    seed, tools = FAULTS[fault]
    seed(monkeypatch)
    assert next(iter(Application(cases, tmp_path).failures(tools)), None) is not None


@pytest.mark.timeout(300)
def test_without_a_fault_the_same_schemas_find_nothing(cases: list[Case], tmp_path: Path) -> None:
    assert [str(one) for one in Application(cases, tmp_path).failures(("tsc",) if ALL else ())] == []
