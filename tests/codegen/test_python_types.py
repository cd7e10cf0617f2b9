"""The Python types of schemas: which class or expression each becomes, and under which name."""

from __future__ import annotations

from typing import Any

from tests.support.cases import every_case
from tidegate.codegen.model import Named
from tidegate.codegen.python_types import Declared, declared

Schema = dict[str, Any]

POINT: Schema = {"type": "object", "properties": {"x": {"type": "number"}}}
CIRCLE, SQUARE = (
    {
        "type": "object",
        "properties": {"kind": {"const": kind}, "size": {"type": "number"}},
        "required": ["kind"],
        "additionalProperties": False,
    }
    for kind in ("circle", "square")
)
DRAWING: Schema = {
    "type": "object",
    "properties": {
        "origin": POINT,
        "points": {"type": "array", "items": POINT},
        "by-name": {"type": "object", "additionalProperties": POINT},
        "by name": {"type": "object", "patternProperties": {"^a": POINT}, "additionalProperties": False},
        "shape": {"oneOf": [CIRCLE, SQUARE]},
        "maybe": {"anyOf": [{"type": "null"}, POINT]},
        "pair": {"type": "array", "prefixItems": [POINT, POINT], "minItems": 2, "maxItems": 2},
        "mixed": {"type": ["object", "array", "null"], "properties": {"x": {}}, "items": {"type": "string"}},
        "größe": POINT,
        "地址": POINT,
    },
}


def types_of(schemas: dict[str, Schema], **more: Any) -> dict[str, Declared]:
    found = declared([Named(name, schema, **more) for name, schema in schemas.items()])
    return {item.name: item for item in found}


def properties(item: Declared) -> dict[str, str]:
    return {each.name: each.kind.text for each in item.fields}


def test_each_object_inside_a_type_is_a_class_with_a_name_from_its_place() -> None:
    found = types_of({"Drawing": DRAWING})
    assert properties(found["Drawing"]) == {
        "origin": "Drawing_Origin",
        "points": "list[Drawing_Points_Item]",
        "by-name": "dict[str, Drawing_ByName_Value]",
        "by name": "dict[str, Drawing_ByName_Value_2]",
        "shape": "Drawing_Shape_Circle | Drawing_Shape_Square",
        "maybe": "Drawing_Maybe | None",
        "pair": "tuple[Drawing_Pair_Item1, Drawing_Pair_Item2]",
        "mixed": "Drawing_Mixed | list[str] | None",
        "größe": "Drawing_Groe",
        "地址": "Drawing_Value",
    }
    assert found["Drawing_Shape_Circle"].tag == ("kind", "circle")
    assert found["Drawing_Shape_Circle"].base == "Model"
    assert found["Drawing_Origin"].base == "OpenModel"


def test_an_inner_object_never_takes_the_name_of_a_titled_type() -> None:
    order = {"type": "object", "properties": {"total": {"type": "number"}}}
    found = types_of({"Cart": {"type": "object", "properties": {"order": POINT}}, "Order": order})
    assert properties(found["Order"]) == {"total": "float"}
    assert properties(found["Cart"]) == {"order": "Cart_Order"}


def test_a_new_type_renames_no_other() -> None:
    alone = types_of({"Drawing": DRAWING})
    with_others = types_of({name: DRAWING for name in ("A", "Drawing", "DrawingOrigin", "Z")})
    assert {name: with_others[name] for name in alone} == alone


def test_types_derived_from_a_row_share_its_inner_types() -> None:
    row = {"type": "object", "properties": {"at": POINT, "to": POINT}}
    create = {"type": "object", "properties": {"at": POINT, "to": {**POINT, "required": ["x"]}, "secret": POINT}}
    found = declared([Named("Row", row), Named("RowCreate", create, origin="Row")])
    [derived] = [item for item in found if item.name == "RowCreate"]
    assert properties(derived) == {"at": "Row_At", "to": "RowCreate_To", "secret": "RowCreate_Secret"}


TEXT = {"type": "string"}
TYPES: dict[str, tuple[Schema, str]] = {
    "anything": ({}, "Any"),
    "several types": ({"type": ["string", "null", "integer"]}, "str | int | None"),
    "texts": ({"enum": ["a", "b"]}, "Literal['a', 'b']"),
    "texts and null": ({"enum": ["a", None]}, "Literal['a'] | None"),
    "alternatives that are constants": ({"oneOf": [{"const": "a"}, {"const": "b"}]}, "Literal['a', 'b']"),
    "a text that msgspec reads as null": ({"enum": ["null", None]}, "str | None"),
    "a text that msgspec reads as a number": ({"enum": ["1", 1]}, "Literal[1] | str"),
    "a text that msgspec reads as a boolean": ({"enum": ["true", False]}, "bool | str"),
    "a mixed enum": ({"enum": [1, "a", True, None]}, "Literal[1, 'a'] | bool | None"),
    "numbers": ({"enum": [1, 2.5]}, "float"),
    "a constant object": ({"const": {"a": 1}}, "dict[str, Any]"),
    "an integer of 64 bits": ({"type": "string", "format": "int64"}, "Int64"),
    "an integer of 64 bits or null": ({"type": ["string", "null"], "format": "int64"}, "Int64 | None"),
    "an integer of 64 bits or a number": (
        {"anyOf": [{"type": "string", "format": "int64"}, {"type": "integer"}]},
        "int | str",
    ),
    "alternatives of one type": ({"anyOf": [{"enum": ["a"]}, {"type": "string", "maxLength": 3}]}, "str"),
    "two kinds of arrays": ({"anyOf": [{"type": "array", "items": TEXT}, {"type": "array"}]}, "list[Any]"),
    "a mapping": ({"type": "object", "additionalProperties": TEXT}, "dict[str, str]"),
    "an object with any properties": ({"type": "object"}, "dict[str, Any]"),
    "patterns": ({"type": "object", "patternProperties": {"^a": TEXT}}, "dict[str, Any]"),
    "patterns alone": (
        {"type": "object", "patternProperties": {"^a": TEXT}, "additionalProperties": False},
        "dict[str, str]",
    ),
    "a tuple": (
        {"type": "array", "prefixItems": [TEXT, {"type": "integer"}], "minItems": 2, "items": False},
        "tuple[str, int]",
    ),
    "a tuple with more of the same": (
        {"type": "array", "prefixItems": [TEXT], "items": {"type": "integer"}, "minItems": 3, "maxItems": 3},
        "tuple[str, int, int]",
    ),
    "a tuple that may be shorter": (
        {"type": "array", "prefixItems": [TEXT, {"type": "integer"}], "items": False},
        "list[str | int]",
    ),
    "a tuple that may be longer": ({"type": "array", "prefixItems": [TEXT], "minItems": 1}, "list[Any]"),
    "a narrowed reference": ({"allOf": [{"$ref": "#/$defs/Word"}, {"enum": ["a"]}]}, "Literal['a']"),
    "a reference with a bound": ({"$ref": "#/$defs/Word", "maxLength": 3}, "Word"),
    "a reference in allOf": ({"allOf": [{"$ref": "#/$defs/Word"}], "description": "x"}, "Word"),
    "a reference or null": ({"anyOf": [{"$ref": "#/$defs/Word"}, {"type": "null"}]}, "Word | None"),
    "a reference to texts, or null": ({"anyOf": [{"$ref": "#/$defs/Null"}, {"type": "null"}]}, "str | None"),
    "an object without a type": ({"properties": {"x": TEXT}}, "T_P | list[Any] | str | int | float | bool | None"),
    "nothing": ({"type": "string", "enum": [1]}, "Any"),
}


def test_the_type_of_a_property() -> None:
    definitions: dict[str, Schema] = {"Word": {"type": "string", "minLength": 1}, "Null": {"enum": ["null", "none"]}}
    with every_case() as case:
        for name, (schema, expected) in TYPES.items():
            with case(name):
                found = types_of({**definitions, "T": {"type": "object", "properties": {"p": schema}}})
                assert properties(found["T"]) == {"p": expected}


BASE: Schema = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
CLASSES: dict[str, tuple[Schema, str, dict[str, str]]] = {
    "two references": (
        {"allOf": [{"$ref": "#/$defs/Base"}, {"$ref": "#/$defs/Other"}]},
        "OpenModel",
        {"id": "int", "other": "str"},
    ),
    "a diamond": (
        {"allOf": [{"$ref": "#/$defs/Left"}, {"$ref": "#/$defs/Right"}], "unevaluatedProperties": False},
        "Model",
        {"id": "int", "left": "str", "right": "str"},
    ),
    "own properties beside a reference": (
        {"$ref": "#/$defs/Base", "properties": {"own": {"type": "boolean"}}},
        "OpenModel",
        {"id": "int", "own": "bool"},
    ),
    "a narrowed property": (
        {"allOf": [{"$ref": "#/$defs/Other"}], "properties": {"other": {"const": "a"}}, "type": "object"},
        "OpenModel",
        {"other": "Literal['a']"},
    ),
    "alternatives beside properties": (
        {**BASE, "oneOf": [{"properties": {"a": {"type": "string"}}}, {"required": ["b"]}]},
        "OpenModel",
        {"id": "int", "a": "Any"},
    ),
    "conditions": (
        {
            **BASE,
            "if": {"required": ["a"]},
            "then": {"properties": {"a": {"type": "string"}}},
            "unevaluatedProperties": False,
        },
        "Model",
        {"id": "int", "a": "Any"},
    ),
    "patterns": ({**BASE, "patternProperties": {"^x": {}}, "additionalProperties": False}, "OpenModel", {"id": "int"}),
    "values": ({**BASE, "additionalProperties": {"type": "integer"}}, "OpenModel", {"id": "int"}),
    "a name that msgspec refuses": (
        {**BASE, "properties": {'"': {}, **BASE["properties"]}, "additionalProperties": False},
        "OpenModel",
        {"id": "int"},
    ),
}


def test_the_class_of_a_definition() -> None:
    definitions = {
        "Base": BASE,
        "Left": {"allOf": [{"$ref": "#/$defs/Base"}], "properties": {"left": {"type": "string"}}},
        "Right": {"allOf": [{"$ref": "#/$defs/Base"}], "properties": {"right": {"type": "string"}}},
        "Other": {"type": "object", "properties": {"other": {"type": "string"}}, "required": ["other"]},
    }
    with every_case() as case:
        for name, (schema, base, expected) in CLASSES.items():
            with case(name):
                found = types_of({**definitions, "T": schema})["T"]
                assert (found.base, properties(found)) == (base, expected)
                assert ("Other properties are allowed, and kept." in found.doc) == (base == "OpenModel")


def test_an_alias_that_contains_itself_ends_with_any() -> None:
    values: list[Schema] = [
        {"type": ["string", "number", "null"]},
        {"type": "array", "items": {"$ref": "#/$defs/Json"}},
        {"type": "object", "additionalProperties": {"$ref": "#/$defs/Json"}},
    ]
    expression = types_of({"Json": {"anyOf": values}})["Json"].expression
    assert expression is not None
    cut = "str | float | list[Any] | dict[str, Any] | None"
    assert expression.text == f"str | float | list[{cut}] | dict[str, {cut}] | None"


def test_an_alias_comes_after_the_types_in_it() -> None:
    found = types_of({"A": {"type": "array", "items": {"$ref": "#/$defs/B"}}, "B": {"type": "string"}, "C": BASE})
    assert list(found) == ["B", "A", "C"]


def closed(kind: str | list[str]) -> Schema:
    tag: Schema = {"const": kind} if isinstance(kind, str) else {"enum": kind}
    return {**POINT, "properties": {"kind": tag}, "required": ["kind"], "additionalProperties": False}


REASONS: dict[str, tuple[list[Schema], str]] = {
    "no tag": ([POINT, BASE], "no required property has a constant in each alternative"),
    "one tag twice": ([closed("a"), closed("a")], "two alternatives have the same value of 'kind'"),
    "an enum": ([closed("a"), closed(["b", "c"])], "an alternative has several values of 'kind'"),
    "another tag": ([closed("a"), {"$ref": "#/$defs/Tagged"}], "`Tagged` has the tag 'op'"),
}


def test_a_union_that_msgspec_does_not_have_is_a_dict_and_says_why() -> None:
    ops = [{**closed(kind), "properties": {"op": {"const": kind}, "kind": {"const": kind}}} for kind in ("x", "y")]
    ops = [{**sub, "required": ["op", "kind"]} for sub in ops]
    first = {"type": "object", "properties": {"p": {"oneOf": [{"$ref": "#/$defs/Tagged"}, ops[1]]}}}
    with every_case() as case:
        for name, (branches, reason) in REASONS.items():
            with case(name):
                found = types_of(
                    {"A": first, "Tagged": ops[0], "T": {"type": "object", "properties": {"p": {"oneOf": branches}}}}
                )
                assert properties(found["T"]) == {"p": "dict[str, Any]"}
                assert found["T"].fields[0].doc == f"One of several objects, as a dict: {reason}."


def test_deprecated_is_said() -> None:
    schema = {
        **POINT,
        "deprecated": True,
        "properties": {"x": {"type": "number", "description": "X.", "deprecated": True}},
    }
    found = types_of({"T": schema})["T"]
    assert found.doc.startswith("Deprecated.")
    assert found.fields[0].doc == "X.\n\nDeprecated."
