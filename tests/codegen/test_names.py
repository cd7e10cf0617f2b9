"""The names of generated types and attributes: unique, valid in both languages, and independent of other files."""

from __future__ import annotations

import keyword
import unicodedata
from typing import Any

from tests.support.cases import every_case
from tidegate.codegen.names import attribute_names, type_name, unique, words
from tidegate.codegen.places import Places

ATTRIBUTES: dict[str, tuple[list[str], dict[str, str]]] = {
    "a word": (["a", "b"], {}),
    "a keyword": (["class", "None", "await", "class_"], {"class": "class_1", "None": "None_", "await": "await_"}),
    "a type that annotations use": (["int", "list", "Any"], {"int": "int_", "list": "list_", "Any": "Any_"}),
    "equal after mangling": (["a-b", "a b", "a_b"], {"a-b": "a_b_", "a b": "a_b_1"}),
    "nothing": (["", "field_"], {"": "field__"}),
    "an underscore first": (["_x", "__init__", "_"], {"_x": "field_x", "__init__": "field__init__", "_": "field_"}),
    "a digit first": (["1a", "²"], {"1a": "field_1a", "²": "field_2"}),
    "no letters": (["😀", "$"], {"😀": "field_", "$": "field__"}),
    "other letters": (["地址", "é"], {}),
    "letters that Python reads as others": (["ﬁ", "fi", "ª"], {"ﬁ": "fi_", "ª": "a"}),
    "only the case differs": (["name", "Name"], {}),
}


def test_attributes() -> None:
    with every_case() as case:
        for what, (names, changed) in ATTRIBUTES.items():
            with case(what):
                found = attribute_names(names)
                assert found == {name: changed.get(name, name) for name in names}
                assert all(name.isidentifier() and not keyword.iskeyword(name) for name in found.values())
                assert len({unicodedata.normalize("NFKC", name) for name in found.values()}) == len(names)


def test_an_attribute_does_not_hide_a_type_of_its_class() -> None:
    assert attribute_names(["Money", "total"], {"Money"}) == {"Money": "Money_", "total": "total"}


def test_words_of_a_name() -> None:
    assert [words(name) for name in ("ship-to", "shipTo", "größe", "地址", "")] == ["ShipTo", "ShipTo", "Groe", "", ""]


def test_a_type_has_a_name_from_the_pointer_to_it() -> None:
    point: dict[str, Any] = {"properties": {"x": {}}}
    drawing = {
        "properties": {
            "points": {"items": point},
            "by-name": {"additionalProperties": point, "patternProperties": {"^a": point}},
            "shape": {"oneOf": [{"properties": {"kind": {"const": "circle"}}}, point, {"type": "null"}]},
            "maybe": {"anyOf": [{"type": "null"}, point]},
            "pair": {"prefixItems": [point, point]},
            "größe": point,
            "地址": point,
        }
    }
    names = {
        "points/items": "Drawing_Points_Item",
        "by-name/additionalProperties": "Drawing_ByName_Value",
        "by-name/patternProperties/^a": "Drawing_ByName_Value",
        "shape/oneOf/0": "Drawing_Shape_Circle",
        "shape/oneOf/1": "Drawing_Shape_2",
        "maybe/anyOf/1": "Drawing_Maybe",
        "pair/prefixItems/1": "Drawing_Pair_Item2",
        "größe": "Drawing_Groe",
        "地址": "Drawing_Value",
    }
    assert {way: type_name("Drawing", ["properties", *way.split("/")], drawing) for way in names} == names


def test_a_number_makes_a_name_unique() -> None:
    assert unique("Drawing_Value", {"Drawing_Value", "Drawing_Value_2"}) == "Drawing_Value_3"


def test_references_to_places_in_definitions_get_names() -> None:
    """Also the place itself becomes a reference, and a place inside another one."""
    line = {
        "type": "object",
        "properties": {"sku": {"type": "string"}, "more": {"$ref": "#/$defs/Order/properties/a~1b"}},
    }
    order = {"properties": {"a/b": {"type": "array", "items": line, "description": "All."}}, "required": ["a/b"]}
    news = {
        "prefixItems": [
            {"$ref": "#/$defs/Order/properties/a~1b/items"},
            {"$ref": "#/$defs/Order/properties/a%7E1b"},
            {"$ref": "#/$defs/Order/required"},
            {"$ref": "#/$defs/Order"},
        ]
    }
    places = Places({"Order": order, "News": news})
    assert places.named("Order", order) == {
        "properties": {"a/b": {"$ref": "#/$defs/Order_AB", "description": "All."}},
        "required": ["a/b"],
    }
    assert [sub["$ref"] for sub in places.named("News", news)["prefixItems"]] == [
        "#/$defs/Order_AB_Item",
        "#/$defs/Order_AB",
        "#/$defs/Order/required",
        "#/$defs/Order",
    ]
    assert places.definitions() == {
        "Order_AB": {"type": "array", "items": {"$ref": "#/$defs/Order_AB_Item"}, "description": "All."},
        "Order_AB_Item": {
            "type": "object",
            "properties": {"sku": {"type": "string"}, "more": {"$ref": "#/$defs/Order_AB"}},
        },
    }


def test_a_reference_to_true_or_false_leads_to_an_object_that_says_the_same() -> None:
    order = {"properties": {"any": True, "none": False}}
    news = {"prefixItems": [{"$ref": f"#/$defs/Order/properties/{name}"} for name in ("any", "none")]}
    places = Places({"Order": order, "News": news})
    assert places.named("Order", order) == order
    assert places.definitions() == {"Order_Any": {}, "Order_None": {"not": {}}}
