"""What patterns of names say: names that they list, and texts with which all matching names begin or end."""

from __future__ import annotations

from tidegate.codegen.name_patterns import Affixes, affixes, matches, matches_all, names


def test_patterns_that_list_names() -> None:
    listed = {
        pattern: names(pattern)
        for pattern in (
            "^a$",
            "^(a|b-c)$",
            r"^(?:\$a|b\.c)$",
            "^a|b$",
            "^(a)|(b)$",
            "a$",
            "^a",
            "^(a|[bc])$",
            "^a+$",
            "",
        )
    }
    assert {pattern: found for pattern, found in listed.items() if found} == {
        "^a$": ["a"],
        "^(a|b-c)$": ["a", "b-c"],
        r"^(?:\$a|b\.c)$": ["$a", "b.c"],
    }


def test_patterns_with_a_beginning_or_an_end() -> None:
    found = {
        "^x-": Affixes("x-", "", True),
        "^x-.*": Affixes("x-", "", True),
        "^x-.*$": Affixes("x-", "", False),
        r"^\$[a-z]+$": Affixes("$", "", False),
        "^ab?": Affixes("a", "", False),
        "^ab+": Affixes("ab", "", False),
        "^x(a|b)": Affixes("x", "", False),
        "_at$": Affixes("", "_at", True),
        r"\.json$": Affixes("", ".json", True),
    }
    assert {pattern: affixes(pattern) for pattern in found} == found
    without = ("", "^", "x-", "^a|b", "^a?", "^a*", "^[ab]", "(?i)^x-", r"^\d", "a|b$", "^(a|b)", r"x\$")
    assert [pattern for pattern in without if affixes(pattern)] == []


def test_two_beginnings_clash_where_a_name_would_need_both_types() -> None:
    exact, longer, end = Affixes("a", "", True), Affixes("ab", "", True), Affixes("", "z", True)
    assert exact.clashes(longer)
    assert longer.clashes(exact)
    assert exact.clashes(exact)
    assert not exact.clashes(end)  # a name of both matches both patterns
    assert Affixes("a", "", False).clashes(end)
    assert not exact.clashes(Affixes("b", "", False))


def test_only_certain_patterns_match_every_name() -> None:
    assert matches_all("")
    assert matches_all("^.*")
    assert not matches_all("^.*$")
    assert not matches("^.*$", "a\nb")
    assert matches("^x", "xy")
    assert not matches("(", "(")
