"""What a schema says of objects: flattened properties, whether there can be others, and the tags of unions."""

from __future__ import annotations

from typing import Any

from tidegate.codegen.objects import kinds, object_shape, tagged

DEFINITIONS: dict[str, Any] = {
    "Base": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
    "Left": {"allOf": [{"$ref": "#/$defs/Base"}], "properties": {"left": {"type": "string"}}},
    "Right": {"$ref": "#/$defs/Base", "properties": {"id": {"minimum": 1}, "right": {"type": "string"}}},
    "Text": {
        "type": "object",
        "properties": {"kind": {"const": "text"}, "text": {"type": "string"}},
        "required": ["kind", "text"],
        "additionalProperties": False,
    },
    "Image": {
        "allOf": [{"$ref": "#/$defs/Base"}, {"properties": {"kind": {"enum": ["png", "gif"]}}, "required": ["kind"]}]
    },
    "Part": {"oneOf": [{"$ref": "#/$defs/Text"}, {"$ref": "#/$defs/Image"}]},
}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def test_a_diamond_has_each_property_once_with_all_of_its_schemas() -> None:
    found = object_shape({"allOf": [ref("Left"), ref("Right")], "properties": {"own": True}}, DEFINITIONS)
    assert found.properties == {
        "own": {},
        "id": {"allOf": [{"type": "integer"}, {"minimum": 1}]},
        "left": {"type": "string"},
        "right": {"type": "string"},
    }
    assert found.required == {"id"}
    assert not found.closed


def test_what_only_a_condition_names_may_be_anything() -> None:
    found = object_shape(
        {
            **DEFINITIONS["Base"],
            "if": {"properties": {"a": {"type": "string"}}},
            "then": {"required": ["b"], "properties": {"b": {"type": "string"}}},
            "dependentSchemas": {"id": {"oneOf": [{"properties": {"c": {"const": 1}}}]}},
            "unevaluatedProperties": False,
        },
        DEFINITIONS,
    )
    assert found.properties == {"id": {"type": "integer"}, "a": {}, "b": {}, "c": {}}
    assert found.required == {"id"}
    assert found.closed


def test_only_a_schema_that_forbids_other_properties_is_closed() -> None:
    own: dict[str, Any] = {"type": "object", "properties": {"a": True}}
    words: dict[str, dict[str, Any]] = {
        "open": {},
        "closed": {"additionalProperties": False},
        "evaluated": {"unevaluatedProperties": False},
        "patterns": {"additionalProperties": False, "patternProperties": {"^x": True}},
        "values": {"additionalProperties": {"type": "integer"}},
        "by a member": {"allOf": [{"additionalProperties": False}]},
        "a branch with others": {"unevaluatedProperties": False, "anyOf": [{"additionalProperties": True}]},
    }
    closed = {name for name, more in words.items() if object_shape({**own, **more}, DEFINITIONS).closed}
    assert closed == {"closed", "evaluated", "by a member"}


def test_the_tag_of_a_union_is_a_required_constant_of_each_alternative() -> None:
    found = tagged([ref("Part")], DEFINITIONS)
    assert not isinstance(found, str)
    assert found.name == "kind"
    assert found.alternatives == ((("text",), ref("Text")), (("png", "gif"), ref("Image")))


def test_a_union_without_a_tag_says_why() -> None:
    assert tagged([ref("Text"), ref("Base")], DEFINITIONS) == "no required property has a constant in each alternative"
    assert tagged([ref("Text"), ref("Text")], DEFINITIONS) == "two alternatives have the same value of 'kind'"
    assert tagged([ref("Text"), {"type": ["object", "null"]}], DEFINITIONS) == (
        "an alternative may be another value than an object"
    )


def test_the_types_of_a_schema_are_those_that_all_of_its_parts_allow() -> None:
    assert kinds({"allOf": [{"type": ["number", "null"]}, {"enum": [1, 2, "a"]}]}, DEFINITIONS) == ("integer",)
    assert kinds({"oneOf": [ref("Part"), {"type": "null"}]}, DEFINITIONS) == ("object", "null")
    assert kinds({"properties": {"a": True}}, DEFINITIONS) is None
    assert kinds(ref("Right"), DEFINITIONS) == ("object",)
