"""Refusals point at what is wrong: each case of the table is answered with exactly its faults, the true one first.

Python jsonschema reads every case too: it refuses the value, and has the same places and keywords among its errors.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.refusal_cases import CASES, DEFINITIONS, Case
from tests.support.cases import every_case
from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.checks.oracle import Oracle
from tidegate.contract import Contract, closest, dispatch, evaluated, explain, texts
from tidegate.contract.compiled import Compiler
from tidegate.contract.evaluated import Applied
from tidegate.contract.explain import violations
from tidegate.core.errors import MESSAGE_LIMIT, Refused
from tidegate.schema import tags

Patch = pytest.MonkeyPatch


def told(case: Case) -> list[tuple[str, str, str]]:
    found = violations(Compiler(DEFINITIONS).schema(case.schema), case.value)
    return [(one.pointer, one.keyword, one.message) for one in found]


def test_every_refusal_names_the_true_faults() -> None:
    with every_case() as case:
        for one in CASES:
            with case(one.name):
                assert told(one) == one.faults
                assert all(len(message) <= MESSAGE_LIMIT for _, _, message in told(one))


def test_python_jsonschema_names_the_same_faults() -> None:
    oracle = Oracle(schema.unbundle(schema.bundle(schema.load(ROOT / "schema"))))
    with every_case() as case:
        for one in CASES:
            with case(one.name):
                errors = set(oracle.errors({**one.schema, "$defs": DEFINITIONS}, one.value))
                for pointer, keyword, _ in one.faults:
                    assert errors & {(pointer, keyword), (pointer, None)}, sorted(errors, key=str)


def test_a_refused_room_message_has_the_headline_and_all_violations(tmp_path: Path) -> None:
    (tmp_path / "rooms").mkdir()
    room = {"title": "Said", "x-room": {"pattern": "room"}, "oneOf": DEFINITIONS["Said"]["oneOf"], "$defs": DEFINITIONS}
    (tmp_path / "rooms" / "room.schema.json").write_text(json.dumps(room))
    contract = Contract(schema.bundle(schema.load(tmp_path)))
    with pytest.raises(Refused) as caught:
        contract.decode(b'{"type":"message","room":"room","data":{"kind":"text","text":5,"w":1}}')
    refused = caught.value
    assert (refused.code, refused.pointer, refused.keyword) == ("invalid_data", "/data/text", "type")
    assert refused.message == "must be string"
    assert [(one.pointer, one.keyword) for one in refused.errors] == [
        ("/data/text", "type"),
        ("/data/w", "additionalProperties"),
    ]


# -- faults that the table finds -----------------------------------------------------------------------------------


def no_tags(patch: Patch) -> None:
    patch.setattr(tags.Tags, "union", lambda *_: None)


def tags_at_the_top_only(patch: Patch) -> None:
    patch.setattr(tags.Tags._facts, "__defaults__", (1,))


def tags_with_const_only(patch: Patch) -> None:
    facts = tags._own_facts
    patch.setattr(tags, "_own_facts", lambda one: facts({word: sub for word, sub in one.items() if word != "enum"}))


def only_the_first_value_of_a_tag(patch: Patch) -> None:
    real = dispatch._with
    patch.setattr(dispatch, "_with", lambda path, leaf: real(path, leaf | {"enum": leaf["enum"][:1]} if leaf else leaf))


def keyword_of_the_tag_forgotten(patch: Patch) -> None:
    patch.setattr(explain, "TAG", "x-other")


def values_of_a_missing_tag_forgotten(patch: Patch) -> None:
    patch.setattr(texts, "TAG", "x-other")


def false_headlines(patch: Patch) -> None:
    patch.setattr(Applied, "is_known", lambda *_: False)


def properties_of_other_tags_unexpected(patch: Patch) -> None:
    patch.setattr(evaluated, "CASES", "x-other")


def unevaluated_never_told(patch: Patch) -> None:
    patch.setattr(Applied, "is_known", lambda *_: True)


def first_alternative(patch: Patch) -> None:
    patch.setattr(closest, "_distance", lambda *_: (0, 0, 0))


def deepest_alternative(patch: Patch) -> None:
    distance = closest._distance
    patch.setattr(closest, "_distance", lambda *found: distance(*found)[::-1])


def alternatives_of_another_type(patch: Patch) -> None:
    patch.setattr(closest, "_mismatch", lambda *_: False)


def no_misspellings(patch: Patch) -> None:
    patch.setattr(texts, "similar_name", lambda *_: None)


def pointers_not_escaped(patch: Patch) -> None:
    patch.setattr(explain, "escape", str)


def violations_twice(patch: Patch) -> None:
    patch.setattr(explain, "_different", lambda found: found)


FAULTS: list[Callable[[Patch], None]] = [
    no_tags, tags_at_the_top_only, tags_with_const_only, only_the_first_value_of_a_tag,
    keyword_of_the_tag_forgotten, values_of_a_missing_tag_forgotten, false_headlines,
    properties_of_other_tags_unexpected, unevaluated_never_told, first_alternative, deepest_alternative,
    alternatives_of_another_type, no_misspellings, pointers_not_escaped, violations_twice,
]  # fmt: skip


def test_the_table_finds_every_seeded_fault(monkeypatch: Patch) -> None:
    with every_case() as case:
        for fault in FAULTS:
            with case(fault.__name__), monkeypatch.context() as patch:
                fault(patch)
                assert any(told(one) != one.faults for one in CASES), "no case fails"
