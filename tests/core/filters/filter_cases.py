"""Filters, rows and whether one meets the other: the edges of the language, for both readings of it.

The properties are those of `KINDS`; a row leaves out the properties that a case does not concern.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tidegate.int64 import Int64

KINDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "int": {"type": "integer"},
    "num": {"type": "number"},
    "bool": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "big": {"type": "string", "format": "int64"},
    "list": {"type": "array"},
    "any": {},
}
"""The schema of each property."""


class Case(NamedTuple):
    filters: dict[str, Any]
    row: dict[str, Any]
    expected: bool

    def __str__(self) -> str:
        return f"{self.filters} {'' if self.expected else 'not '}on {self.row}"


def _asked(name: str, operator: str, wanted: Any, values: list[Any], others: list[Any]) -> list[Case]:
    """`values` are found, `others` are not; null is not, and where a negative operator is given it finds the others."""
    found = [Case({name: {operator: wanted}}, {name: value}, True) for value in values]
    missed = [Case({name: {operator: wanted}}, {name: value}, False) for value in others]
    return [*found, *missed, Case({name: {operator: wanted}}, {}, False)]


def _both(name: str, operator: str, wanted: Any, values: list[Any], others: list[Any]) -> list[Case]:
    """The operator, and its negation, which is the contrary on every value but null."""
    return [*_asked(name, operator, wanted, values, others), *_asked(name, f"n{operator}", wanted, others, values)]


LOWEST, HIGHEST = str(-(2**63)), str(2**63 - 1)

EQUALITY = [
    *_asked("big", "eq", Int64(2**53 + 1), [str(2**53 + 1)], [str(2**53), str(2**53 + 2), str(-(2**53) - 1), "0"]),
    *_asked("big", "eqs", Int64(HIGHEST), [HIGHEST], [str(2**63 - 2), LOWEST]),
    *_asked("big", "ne", Int64(LOWEST), [str(-(2**63) + 1), HIGHEST], [LOWEST]),
    *_asked("text", "eq", "a", ["a"], ["A", "", "a ", " a", "a\0"]),
    *_asked("text", "eqs", "a", ["a"], ["A"]),
    *_asked("text", "ne", "a", ["A", "", "a\0", "\0a"], ["a"]),
    *_asked("text", "nes", "a", ["A"], ["a"]),
    *_asked("text", "eq", "", [""], ["\0", " "]),
    *_asked("text", "eq", "é", ["é"], ["e\u0301", "É"]),
    *_asked("text", "eq", "1", ["1"], ["1.0", "01"]),
    *_asked("int", "eq", 1, [1], [0, -1, 2]),
    *_asked("int", "ne", 1, [0, 2], [1]),
    *_asked("int", "eq", 2**53 - 1, [2**53 - 1], [2**53 - 2, 2**53]),
    *_asked("int", "eq", -(2**53 - 1), [-(2**53 - 1)], [-(2**53 - 2), -(2**53)]),
    *_asked("num", "eq", 1, [1, 1.0], [1.0000000000000002, 2]),
    *_asked("num", "eq", 0.1, [0.1], [0.10000000000000002, 0.1000001]),
    *_asked("num", "eq", -0.0, [0.0, -0.0, 0], [5e-324]),
    *_asked("num", "eq", 1.7976931348623157e308, [1.7976931348623157e308], [1.7976931348623155e308]),
    *_asked("num", "ne", 5e-324, [0, 1e-323], [5e-324]),
    *_asked("bool", "eq", True, [True], [False]),
    *_asked("bool", "ne", True, [False], [True]),
    *_asked("any", "eq", 1, [1, 1.0], [True, "1", [1], {"a": 1}]),
    *_asked("any", "eq", True, [True], [1, 1.0, "true", [True]]),
    *_asked("any", "eq", "true", ["true"], [True, "True"]),
    *_asked("any", "eq", 1e23, [1e23, 10**23], [10**22, "1e+23", True]),
    *_asked("any", "ne", 1.2345678901234566e17, [1, 1e17], [1.2345678901234566e17, 123456789012345660]),
    *_asked("any", "ne", 1, [True, "1", 2, [1], {}, ""], [1, 1.0]),
    *_asked("any", "ne", False, [0, "", [], True], [False]),
    *_asked(
        "time", "eq", "2026-01-31T12:00:00.000000Z", ["2026-01-31T12:00:00.000000Z"], ["2026-01-31T12:00:00.000001Z"]
    ),
]

LISTS = [
    *_both("big", "in", [Int64(2**53), Int64(2**53 + 1)], [str(2**53), str(2**53 + 1)], [str(2**53 + 2), "9"]),
    *_both("big", "in", [Int64(LOWEST)], [LOWEST], [HIGHEST, "0"]),
    *_both("text", "in", ["a", "b"], ["a", "b"], ["A", "", "a,b"]),
    *_both("text", "in", ["a"], ["a"], ["b"]),
    *_both("int", "in", [1, 2, 2], [1, 2], [0, 3]),
    *_both("num", "in", [1, 0.5], [1.0, 0.5], [0.25]),
    *_both("bool", "in", [True], [True], [False]),
    *_both("bool", "in", [True, False], [True, False], []),
    *_both("any", "in", [1e23, 1.5e18], [1e23, 15 * 10**17], [1.0, "1e+23", 1e24]),
    *_both("any", "in", [1, "a"], [1, 1.0, "a"], [True, "1", [1], ["a"], {"a": 1}]),
    *_both("list", "ina", ["a"], [["a"], ["b", "a"]], [[], ["A"], ["ab"], [["a"]], [None], {"a": "a"}]),
    *_both("list", "ina", ["a", "b"], [["b", "a"], ["a", "c", "b"]], [["a"], ["b"], [], ["a,b"], ["a", "a"]]),
    *_both("list", "ina", [1], [[1], [1.0], [2, 1]], [["1"], [True], [[1]], [11], [None]]),
    *_both("list", "ina", [1e23], [[1, 1e23], [10**23]], [[1], [10**22], ["1e+23"]]),
    *_both("list", "ina", [True], [[True]], [[1], ["true"], [False]]),
    *_both("list", "ina", ["%"], [["%"]], [["a"], []]),
]  # fmt: skip

ORDER = [
    *_asked("big", "lt", Int64(10), ["9", "2", "-10", LOWEST], ["10", "11", HIGHEST]),
    *_asked("big", "gt", Int64(2**53), [str(2**53 + 1), HIGHEST], [str(2**53), "9", "-9"]),
    *_asked("big", "lte", Int64(-(2**53)), [str(-(2**53)), str(-(2**53) - 1), LOWEST], [str(-(2**53) + 1), "-1"]),
    *_asked("big", "gte", Int64(HIGHEST), [HIGHEST], [str(2**63 - 2), "9"]),
    *_asked("big", "between", [Int64(-5), Int64(30)], ["-5", "4", "30"], ["-6", "31", "200"]),
    *_asked("big", "nbetween", [Int64(-5), Int64(30)], ["-6", "31", "200"], ["-5", "4", "30"]),
    *_asked("text", "lt", "b", ["a", "B", "", "aé", "Z", "\0"], ["b", "c", "é", "ba"]),
    *_asked("text", "lte", "b", ["a", "b"], ["ba", "b\0"]),
    *_asked("text", "gt", "Z", ["a", "ZZ", "é", "Z\0"], ["A", "Z"]),
    *_asked("text", "gte", "\uffff", ["\uffff", "\U0001f600"], ["\ue000", "z", ""]),
    *_asked("text", "gt", "", ["a", "\0"], [""]),
    *_asked("text", "lt", "10", ["1", "0", "09"], ["10", "9", "2"]),
    *_asked("int", "lt", 10, [9, 2, -10], [10, 11]),
    *_asked("int", "gte", -(2**53 - 1), [-(2**53 - 1), 0], [-(2**53)]),
    *_asked("int", "gt", 2**53 - 2, [2**53 - 1, 2**53 + 1], [2**53 - 2]),
    *_asked("num", "gt", 0, [5e-324, 1e308], [0, -0.0, -5e-324]),
    *_asked("num", "lte", 0.1, [0.1, 0, -1e308], [0.10000000000000002, 1]),
    *_asked("num", "lt", 9007199254740993.0, [9007199254740991], [9007199254740992.0]),
    *_asked("text", "between", ["a", "b"], ["a", "aé", "b"], ["A", "ba", "", "é"]),
    *_asked("text", "nbetween", ["a", "b"], ["A", "ba", "", "é"], ["a", "aé", "b"]),
    *_asked("int", "between", [1, 3], [1, 2, 3], [0, 4]),
    *_asked("int", "nbetween", [1, 3], [0, 4], [1, 2, 3]),
    *_asked("int", "between", [3, 1], [], [0, 1, 2, 3, 4]),
    *_asked("int", "nbetween", [3, 1], [0, 1, 2, 3, 4], []),
    *_asked("num", "between", [0.5, 0.5], [0.5], [0.49999999999999994]),
    *_asked(
        "time", "lt", "2026-02-01T00:00:00.000000Z", ["2026-01-31T23:59:59.999999Z"], ["2026-02-01T00:00:00.000000Z"]
    ),
]

TEXT = [
    *_both("text", "contains", "b", ["b", "abc", "aBc", "\0b", "b\0", "a\0B"], ["", "a", "ß"]),
    *_both("text", "contains", "AB", ["ab", "xAbx"], ["a b", "ba"]),
    *_both("text", "contains", "", ["", "a", "\0"], []),
    *_both("text", "contains", "%", ["%", "a%b"], ["", "a", "ab"]),
    *_both("text", "contains", "_", ["_", "a_b"], ["", "a", "ab"]),
    *_both("text", "contains", "\\", ["\\", "a\\b"], ["", "%", "/"]),
    *_both("text", "contains", "a%", ["a%", "A%b"], ["a", "ab%"]),
    *_both("text", "contains", "[a]", ["[A]"], ["a", "[b]"]),
    *_both("text", "contains", "*", ["*"], ["a"]),
    *_both("text", "contains", "'", ["it's"], ["its", '"']),
    *_both("text", "contains", "ä", ["ä", "xäx"], ["Ä", "a", "a\u0308"]),
    *_both("text", "contains", "Ä", ["Ä"], ["ä"]),
    *_both("text", "contains", "i", ["I", "i"], ["İ", "\u0131"]),
    *_both("text", "contains", "k", ["K"], ["\u212a"]),
    *_both("text", "contains", "s", ["S"], ["\u017f"]),
    *_both("text", "contains", "ss", ["SS"], ["ß", "ẞ"]),
    *_both("text", "containss", "b", ["b", "abc", "\0b"], ["B", "aBc", ""]),
    *_both("text", "containss", "%", ["%"], ["a"]),
    *_both("text", "startswith", "a", ["a", "Ab", "a\0b"], ["", "ba", "\0a", "ä"]),
    *_both("text", "startswith", "a%", ["a%", "A%b"], ["ab", "a"]),
    *_both("text", "startswith", "a_", ["A_"], ["ab"]),
    *_both("text", "startswith", "", ["", "a"], []),
    *_both("text", "startswith", "é", ["éa"], ["É", "e", "e\u0301"]),
    *_both("text", "startswiths", "a", ["ab"], ["Ab", ""]),
    *_both("text", "startswiths", "\U0001f600", ["\U0001f600x"], ["\U0001f601", "x\U0001f600"]),
    *_both("text", "endswith", "b", ["b", "aB", "a\0b", "\0B"], ["", "ba", "b\0", "b "]),
    *_both("text", "endswith", "%b", ["a%B"], ["ab", "b"]),
    *_both("text", "endswith", "_", ["a_"], ["a"]),
    *_both("text", "endswith", "", ["", "a"], []),
    *_both(
        "text", "endswith", "longer than that", ["LONGER than that", "no longer than that"], ["that", "than that", ""]
    ),
    *_both("text", "endswiths", "é", ["aé"], ["aÉ", "a\u0301", "ée"]),
    *_both("text", "endswiths", "b", ["ab"], ["aB"]),
]

NULLS = [
    case
    for name, value in {
        "text": "",
        "int": 0,
        "big": "0",
        "num": 0.0,
        "bool": False,
        "list": [],
        "any": 0,
        "time": "",
    }.items()
    for case in (
        Case({name: None}, {}, True),
        Case({name: None}, {name: value}, False),
        Case({name: {"null": True}}, {}, True),
        Case({name: {"null": True}}, {name: value}, False),
        Case({name: {"null": False}}, {}, False),
        Case({name: {"null": False}}, {name: value}, True),
        Case({name: {"nnull": True}}, {}, False),
        Case({name: {"nnull": True}}, {name: value}, True),
        Case({name: {"nnull": False}}, {}, True),
    )
]

COMBINED = [
    Case({}, {}, True),
    Case({"int": {"gt": 1, "lt": 3}}, {"int": 2}, True),
    Case({"int": {"gt": 1, "lt": 3}}, {"int": 3}, False),
    Case({"int": 1, "text": "a"}, {"int": 1, "text": "a"}, True),
    Case({"int": 1, "text": "a"}, {"int": 1, "text": "b"}, False),
    Case({"or": [{"int": 1}, {"text": "a"}]}, {"int": 2, "text": "a"}, True),
    Case({"or": [{"int": 1}, {"text": "a"}]}, {"int": 2, "text": "b"}, False),
    Case({"or": [{"int": 1}, {"text": "a"}]}, {"text": "a"}, True),
    Case({"or": [{"int": {"ne": 1}}, {"text": {"ne": "a"}}]}, {}, False),
    Case({"or": [{"int": {"ne": 1}}, {"int": None}]}, {}, True),
    Case({"bool": True, "or": [{"int": 1}, {"int": 2}]}, {"bool": True, "int": 2}, True),
    Case({"bool": True, "or": [{"int": 1}, {"int": 2}]}, {"bool": False, "int": 2}, False),
    Case(
        {"and": [{"or": [{"int": 1}, {"int": 2}]}, {"or": [{"text": "a"}, {"text": "b"}]}]},
        {"int": 2, "text": "a"},
        True,
    ),
    Case(
        {"and": [{"or": [{"int": 1}, {"int": 2}]}, {"or": [{"text": "a"}, {"text": "b"}]}]},
        {"int": 2, "text": "c"},
        False,
    ),
    Case({"or": [{"and": [{"int": 1}, {"text": "a"}]}, {"bool": True}]}, {"int": 1, "text": "b", "bool": False}, False),
    Case({"or": [{"int": 1, "text": "a"}, {"bool": True}]}, {"int": 1, "text": "a"}, True),
    Case({"or": [{"int": 1}, {}]}, {"int": 2}, True),
    Case({"and": [{}, {}]}, {}, True),
]

CASES = [*EQUALITY, *LISTS, *ORDER, *TEXT, *NULLS, *COMBINED]
