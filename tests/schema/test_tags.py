"""Tags of unions: which property decides between which alternatives."""

from __future__ import annotations

from typing import Any

from tests.support.cases import every_case
from tidegate.schema.tags import Tags

Schema = dict[str, Any]
DEFINITIONS: Schema = {
    "made": {"properties": {"kind": {"const": "made"}}, "required": ["kind"]},
    "kind": {"enum": ["a", "b"]},
    "both": {"oneOf": [{"$ref": "#/$defs/made"}, {"properties": {"kind": {"const": "gone"}}, "required": ["kind"]}]},
    "loop": {"allOf": [{"$ref": "#/$defs/loop"}]},
}


def tagged(*required: str, **properties: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def const(value: Any) -> Schema:
    return {"const": value}


A, B = const("a"), const("b")
Found = tuple[tuple[str, ...], str, list[list[Any]], tuple[int, ...]] | None
"""(path, keyword, the values of each case, the alternatives without the tag)."""
CASES: dict[str, tuple[list[Any], Found]] = {
    "const": ([tagged("kind", kind=A), tagged("kind", kind=B)], (("kind",), "const", [["a"], ["b"]], ())),
    "enum": (
        [tagged("kind", kind={"enum": ["a", "b"]}), tagged("kind", kind=const("c"))],
        (("kind",), "enum", [["a", "b"], ["c"]], ()),
    ),
    "shared values": (
        [tagged("kind", kind={"enum": ["a", "b"]}), tagged("kind", kind=B)],
        (("kind",), "enum", [["a"], ["b"]], ()),
    ),
    "optional": ([tagged(kind=A), tagged("kind", kind=B)], (("kind",), "const", [["a"], ["b"]], (0,))),
    "one level deeper": (
        [tagged("meta", meta=tagged("kind", kind=A)), tagged("meta", meta=tagged("kind", kind=B))],
        (("meta", "kind"), "const", [["a"], ["b"]], ()),
    ),
    "one level deeper, in what may be no object": (
        [tagged("meta", meta={"properties": {"kind": tag}, "required": ["kind"]}) for tag in (A, B)],
        (("meta", "kind"), "const", [["a"], ["b"]], (0, 1)),
    ),
    "two levels deeper": (
        [tagged("a", a=tagged("b", b=tagged("kind", kind=tag))) for tag in (A, B)],
        (("a", "b", "kind"), "const", [["a"], ["b"]], ()),
    ),
    "three levels deeper": (
        [tagged("a", a=tagged("b", b=tagged("c", c=tagged("kind", kind=tag)))) for tag in (A, B)],
        None,
    ),
    "by reference": (
        [{"$ref": "#/$defs/made"}, tagged("kind", kind={"$ref": "#/$defs/kind"})],
        (("kind",), "enum", [["made"], ["a", "b"]], ()),
    ),
    "a union as alternative": (
        [{"$ref": "#/$defs/both"}, tagged("kind", kind=A)],
        (("kind",), "const", [["made", "gone"], ["a"]], ()),
    ),
    "a required one before one that splits more": (
        [tagged("kind", "v", kind=A, v=const(1)), tagged("kind", kind=B, v=const(2))],
        (("kind",), "const", [["a"], ["b"]], ()),
    ),
    "texts before numbers": (
        [tagged("v", "kind", v=const(1), kind=A), tagged("v", "kind", v=const(2), kind=B)],
        (("kind",), "const", [["a"], ["b"]], ()),
    ),
    "true is not 1": ([tagged("v", v=const(True)), tagged("v", v=const(1))], (("v",), "const", [[True], [1]], ())),
    "1.0 is 1": ([tagged("v", v=const(1.0)), tagged("v", v=const(1))], None),
    "fractions": ([tagged("v", v=const(0.5)), tagged("v", v=const(1.5))], None),
    "objects": ([tagged("v", v=const({"a": 1})), tagged("v", v=const({"a": 2}))], None),
    "the same value": ([tagged("kind", kind=A), tagged("kind", kind=A)], None),
    "one without": ([tagged("kind", kind=A), tagged("kind", kind={"type": "string"})], None),
    "a loop": ([{"$ref": "#/$defs/loop"}, tagged("kind", kind=A)], None),
    "a reference without a target": ([{"$ref": "#/$defs/nothing"}, tagged("kind", kind=A)], None),
}


def test_the_tag_of_a_union() -> None:
    with every_case() as case:
        for name, (alternatives, expected) in CASES.items():
            with case(name):
                assert found(alternatives) == expected


def found(alternatives: list[Any]) -> Found:
    union = Tags(DEFINITIONS).union({"oneOf": alternatives}, "oneOf")
    if union is None or union.objects.dispatch is None:
        return None
    dispatch = union.objects.dispatch
    values = [list(one.values) for one in dispatch.cases]
    return dispatch.path, dispatch.keyword, values, dispatch.absent.indices


def test_a_second_tag_decides_where_the_first_does_not() -> None:
    alternatives = [tagged("kind", "sub", kind=A, sub=const(sub)) for sub in ("x", "y")] + [tagged("kind", kind=B)]
    union = Tags({}).union({"oneOf": alternatives}, "oneOf")
    assert union is not None
    assert all(union.apart(*pair) for pair in ((0, 1), (0, 2), (1, 2)))


def test_alternatives_that_share_a_value_are_not_apart() -> None:
    alternatives = [tagged("kind", kind={"enum": ["a", "b"]}), tagged("kind", kind=B), tagged("kind", kind=const("c"))]
    union = Tags({}).union({"anyOf": alternatives}, "anyOf")
    assert union is not None
    assert [union.apart(*pair) for pair in ((0, 1), (0, 2), (1, 2))] == [False, True, True]


def test_a_tag_is_required_by_the_schema_around_the_union() -> None:
    around = {"type": "object", "required": ["kind"], "oneOf": [tagged(kind=A), tagged(kind=B)]}
    union = Tags({}).union(around, "oneOf")
    assert union is not None
    assert union.apart(0, 1)
