"""Room patterns: which names they match, what their parameters are, and which of them overlap."""

from __future__ import annotations

import itertools

import pytest

from tidegate.schema import patterns
from tidegate.schema.lint.room_rules import pattern_fault
from tidegate.schema.room_names import a_name

NAMES = ["".join(letters) for length in range(1, 6) for letters in itertools.product("a-x", repeat=length)]
PATTERNS = ("a-{p}", "{p}-a", "{p}-{q}", "a*", "*a", "*", "a-*-x", "{p}", "a{p}x", "{p}-{q}-a", "ax", "{p}-*")


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("doc-{doc_id}", "doc-7-8", {"doc_id": "7-8"}),
        ("doc-{doc_id}", "doc-", {}),
        ("doc-{doc_id}-{part}", "doc-7-8-9", {"doc_id": "7", "part": "8-9"}),
        ("{a}.{b}", "é\n.x", {"a": "é\n", "b": "x"}),
        ("{a}[]*", "x[]y", {"a": "x"}),
        ("doc-{doc_id}", "docs-7", {}),
    ],
)
def test_parameters_have_one_reading(pattern: str, name: str, found: dict[str, str]) -> None:
    assert patterns.reader(pattern)(name) == found
    assert bool(patterns.compiled(pattern).fullmatch(name)) == bool(found)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations_with_replacement(PATTERNS, 2)))
def test_patterns_overlap_exactly_if_a_name_matches_both(one: str, other: str) -> None:
    both = [name for name in NAMES if all(patterns.compiled(each).fullmatch(name) for each in (one, other))]
    assert patterns.overlap(one, other) is patterns.overlap(other, one) is bool(both)
    found = a_name([one, other], [])
    assert (found is not None) == bool(both)
    alone = a_name([one], [other])
    if alone is not None:
        assert patterns.compiled(one).fullmatch(alone)
        assert not patterns.compiled(other).fullmatch(alone)


@pytest.mark.parametrize(
    "pattern", ["{}", "{1a}", "{a b}", "{a", "a}", "{a}{b}", "{a}*", "*{a}", "*-{a}", "{a}-{a}", "{class}"]
)
def test_braces_that_make_no_parameter_are_refused(pattern: str) -> None:
    assert pattern_fault(pattern) is not None


@pytest.mark.parametrize("pattern", ["a", "*", "**", "{a}", "{a}-*", "{a}.{b}", "x-{_a1}"])
def test_other_patterns_are_right(pattern: str) -> None:
    assert pattern_fault(pattern) is None
