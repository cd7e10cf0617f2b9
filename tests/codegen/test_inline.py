"""Each object inside a type becomes a class with a name from its place."""

from __future__ import annotations

from typing import Any

from tidegate.codegen.inline import lifted

POINT = {"type": "object", "properties": {"x": {"type": "number"}}}
CIRCLE, SQUARE = (
    {"type": "object", "properties": {"kind": {"const": kind}, "size": {"type": "number"}}}
    for kind in ("circle", "square")
)
DRAWING: dict[str, Any] = {
    "type": "object",
    "properties": {
        "origin": POINT,
        "points": {"type": "array", "items": POINT},
        "by-name": {"type": "object", "additionalProperties": POINT},
        "by name": {"type": "object", "patternProperties": {"^a": POINT}},
        "shape": {"oneOf": [CIRCLE, SQUARE]},
        "other": {"anyOf": [POINT, {"type": "object", "properties": {"y": {}}}]},
        "maybe": {"anyOf": [{"type": "null"}, POINT]},
        "pair": {"type": "array", "prefixItems": [POINT, POINT]},
        "mixed": {"type": ["object", "array", "null"], "properties": {"x": {}}, "items": {"type": "string"}},
        "größe": POINT,
        "地址": POINT,
    },
}


def test_each_object_inside_a_type_has_a_name_from_its_place() -> None:
    found = lifted({"Drawing": DRAWING}, {})
    properties = found["Drawing"]["properties"]
    assert properties["origin"] == {"$ref": "#/$defs/Drawing_Origin"}
    assert properties["mixed"] == {
        "anyOf": [{"$ref": "#/$defs/Drawing_Mixed"}, {"type": ["array", "null"], "items": {"type": "string"}}]
    }
    assert properties["shape"]["oneOf"] == [
        {"$ref": "#/$defs/Drawing_Shape_Circle"},
        {"$ref": "#/$defs/Drawing_Shape_Square"},
    ]
    assert sorted(found) == [
        "Drawing",
        "Drawing_ByName_Value",
        "Drawing_ByName_Value_2",
        "Drawing_Groe",
        "Drawing_Maybe",
        "Drawing_Mixed",
        "Drawing_Origin",
        "Drawing_Other_1",
        "Drawing_Other_2",
        "Drawing_Pair_Item1",
        "Drawing_Pair_Item2",
        "Drawing_Points_Item",
        "Drawing_Shape_Circle",
        "Drawing_Shape_Square",
        "Drawing_Value",
    ]


def test_an_inline_object_never_takes_the_name_of_a_titled_type() -> None:
    order = {"type": "object", "properties": {"total": {"type": "number"}}}
    cart = {"type": "object", "properties": {"order": POINT}}
    found = lifted({"Cart": cart, "Order": order}, {})
    assert found["Order"] == order
    assert found["Cart"]["properties"] == {"order": {"$ref": "#/$defs/Cart_Order"}}


def test_a_new_type_renames_no_other() -> None:
    alone = lifted({"Drawing": DRAWING}, {})
    others = {name: DRAWING for name in ("A", "DrawingOrigin", "Z")}
    assert {name: shape for name, shape in lifted({**others, "Drawing": DRAWING}, {}).items() if name in alone} == alone


def test_types_derived_from_a_row_share_its_inner_types() -> None:
    row = {"type": "object", "properties": {"at": POINT, "to": POINT}}
    create = {"type": "object", "properties": {"at": POINT, "to": {**POINT, "required": ["x"]}, "secret": POINT}}
    found = lifted({"Row": row, "RowCreate": create}, {"RowCreate": "Row"})
    assert {name: sub["$ref"].removeprefix("#/$defs/") for name, sub in found["RowCreate"]["properties"].items()} == {
        "at": "Row_At",
        "to": "RowCreate_To",
        "secret": "RowCreate_Secret",
    }
