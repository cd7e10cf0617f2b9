"""Refused values with their true faults: the table that `test_refusals` walks.

Each case was written from the schema and the value, by asking what a person who sent the value has to correct.
`DEFINITIONS` are the types that several cases refer to.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Fault = tuple[str, str, str]
"""(pointer, keyword, text)."""
Schema = Any


class Case(NamedTuple):
    """A refused value, and all of its faults, the headline first."""

    name: str
    schema: Schema
    value: Any
    faults: list[Fault]


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def alternative(tag: Any, required: list[str], /, *, closed: bool = True, **properties: Any) -> dict[str, Any]:
    """An object with a `kind`, and other properties that are texts unless they have a schema."""
    found = {
        "type": "object",
        "properties": {"kind": {"const": tag} if isinstance(tag, str) else {"enum": tag}, **properties},
        "required": ["kind", *required],
    }
    return {**found, "additionalProperties": False} if closed else found


def closed(required: list[str], /, **properties: Any) -> dict[str, Any]:
    """An object with these properties only."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


TEXT: dict[str, Any] = {"type": "string"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
KINDS = 'must be one of "text", "image", "poll"'

DEFINITIONS: dict[str, Any] = {
    "Text": alternative("text", ["text"], text=TEXT),
    "Image": alternative("image", ["url"], url={"type": "string", "format": "uri"}, width=COUNT),
    "Poll": alternative(
        "poll", ["options"], options={"type": "array", "items": {"type": "string", "maxLength": 20}, "minItems": 2}
    ),
    "Said": {"oneOf": [ref("Text"), ref("Image"), ref("Poll")]},
    "Drawn": {"anyOf": [alternative(["circle", "disc"], ["r"], r=COUNT), alternative(["box"], ["w"], w=COUNT)]},
    "Event": {
        "type": "object",
        "properties": {"id": TEXT, "at": {"type": "string", "format": "date-time"}},
        "required": ["id"],
    },
    "Expr": {
        "oneOf": [
            alternative("and", ["args"], args={"type": "array", "items": ref("Expr")}),
            alternative("or", ["args"], args={"type": "array", "items": ref("Expr")}),
            alternative("not", ["arg"], arg=ref("Expr")),
            alternative("is", ["name"], name=TEXT),
        ]
    },
    "Deep": {
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    "meta": {"type": "object", "properties": {"version": {"const": version}}, "required": ["version"]},
                    name: COUNT,
                },
                "required": ["meta", name],
                "additionalProperties": False,
            }
            for version, name in ((1, "old"), (2, "new"))
        ]
    },
    "Small": {"type": "string", "maxLength": 3},
}  # fmt: skip

EXPR_KINDS = 'must be one of "and", "or", "not", "is"'
CASES: list[Case] = [
    # -- unions with a tag ---------------------------------------------------------------------------------------
    Case("property of no alternative", ref("Said"), {"kind": "text", "text": "a", "w": 1},
         [("/w", "additionalProperties", '"w" is not allowed here')]),
    Case("misspelled property", ref("Said"), {"kind": "text", "txt": "x"},
         [("/txt", "additionalProperties", '"txt" is not allowed here; did you mean "text"?'),
          ("", "required", 'lacks the property "text"')]),
    Case("wrong type inside the alternative", ref("Said"), {"kind": "image", "url": "https://a.b", "width": "1"},
         [("/width", "type", "must be integer")]),
    Case("property of another alternative", ref("Said"), {"kind": "text", "text": "a", "url": "https://a.b"},
         [("/url", "additionalProperties", '"url" is not allowed here')]),
    Case("all properties of another alternative", ref("Said"), {"kind": "text", "url": "https://a.b", "width": 1},
         [("/url", "additionalProperties", '"url" is not allowed here'),
          ("/width", "additionalProperties", '"width" is not allowed here'),
          ("", "required", 'lacks the property "text"')]),
    Case("unknown tag", ref("Said"), {"kind": "txt", "text": "a"}, [("/kind", "const", KINDS)]),
    Case("tag of another type", ref("Said"), {"kind": 5}, [("/kind", "const", KINDS)]),
    Case("tag with other capitals", ref("Said"), {"kind": "Text", "text": "a"}, [("/kind", "const", KINDS)]),
    Case("no tag", ref("Said"), {"text": "a"},
         [("", "required", 'lacks the property "kind", which must be one of "text", "image", "poll"')]),
    Case("only the tag", ref("Said"), {"kind": "poll"}, [("", "required", 'lacks the property "options"')]),
    Case("text in place of a union of objects", ref("Said"), "text", [("", "type", "must be object")]),
    Case("item of an array in the alternative", ref("Said"), {"kind": "poll", "options": ["yes", "x" * 21]},
         [("/options/1", "maxLength", "must have at most 20 characters")]),
    Case("too few items in the alternative", ref("Said"), {"kind": "poll", "options": ["yes"]},
         [("/options", "minItems", "must have at least 2 items")]),
    Case("enum tag", ref("Drawn"), {"kind": "disc", "r": -1}, [("/r", "minimum", "must be at least 0")]),
    Case("enum tag with one value", ref("Drawn"), {"kind": "box"}, [("", "required", 'lacks the property "w"')]),
    Case("unknown enum tag", ref("Drawn"), {"kind": "cube", "w": 1},
         [("/kind", "enum", 'must be one of "circle", "disc", "box"')]),
    Case("no enum tag", ref("Drawn"), {"w": 1},
         [("", "required", 'lacks the property "kind", which must be one of "circle", "disc", "box"')]),
    Case("values shared by two alternatives",
         {"oneOf": [alternative(["a", "b"], ["x"], x=TEXT), alternative(["b", "c"], ["y"], y=TEXT)]},
         {"kind": "b", "x": 1}, [("/x", "type", "must be string")]),
    Case("tag one level deeper", ref("Deep"), {"meta": {"version": 2}, "new": "1"},
         [("/new", "type", "must be integer")]),
    Case("unknown tag one level deeper", ref("Deep"), {"meta": {"version": 3}, "new": 1},
         [("/meta/version", "const", "must be one of 1, 2")]),
    Case("no tag one level deeper", ref("Deep"), {"meta": {}, "new": 1},
         [("/meta", "required", 'lacks the property "version", which must be one of 1, 2')]),
    Case("no object around the tag", ref("Deep"), {"new": 1}, [("", "required", 'lacks the property "meta"')]),
    Case("text in place of the object around the tag", ref("Deep"), {"meta": "2", "new": 1},
         [("/meta", "type", "must be object")]),
    Case("union below a property", {"type": "object", "properties": {"said": ref("Said")}},
         {"said": {"kind": "text", "text": "a", "w": 1}},
         [("/said/w", "additionalProperties", '"w" is not allowed here')]),
    Case("unions in an array", {"type": "array", "items": ref("Said")},
         [{"kind": "text", "text": "a"}, {"kind": "txt"}, {"kind": "image", "url": "https://a.b", "width": -1}],
         [("/1/kind", "const", KINDS), ("/2/width", "minimum", "must be at least 0")]),
    Case("nullable union", {"oneOf": [{"type": "null"}, ref("Text"), ref("Image")]}, {"kind": "image"},
         [("", "required", 'lacks the property "url"')]),
    Case("unknown tag of a nullable union", {"anyOf": [ref("Text"), ref("Image"), {"type": "null"}]}, {"kind": "x"},
         [("/kind", "const", 'must be one of "text", "image"')]),
    Case("number in place of a nullable union", {"anyOf": [ref("Text"), ref("Image"), {"type": "null"}]}, 5,
         [("", "anyOf", "must be null or object")]),
    Case("nullable reference to a union", {"anyOf": [ref("Said"), {"type": "null"}]}, {"kind": "text", "text": 1},
         [("/text", "type", "must be string")]),
    Case("union as an alternative of a union",
         {"oneOf": [ref("Text"), {"oneOf": [ref("Image"), ref("Poll")]}]}, {"kind": "image", "url": 1},
         [("/url", "type", "must be string")]),
    Case("unknown tag of a union in a union",
         {"oneOf": [ref("Text"), {"oneOf": [ref("Image"), ref("Poll")]}]}, {"kind": "x"},
         [("/kind", "const", KINDS)]),
    Case("two tags, the second wrong",
         {"oneOf": [{"type": "object", "properties": {"kind": {"const": kind}, "sub": {"const": sub}, "n": COUNT},
                     "required": ["kind", "sub"]} for kind, sub in (("a", "x"), ("a", "y"), ("b", "x"))]},
         {"kind": "a", "sub": "z"}, [("/sub", "const", 'must be one of "x", "y"')]),
    Case("tag behind allOf",
         {"oneOf": [{"allOf": [ref("Event")], "type": "object", "properties": {"type": {"const": tag}, "n": COUNT},
                     "required": ["type"]} for tag in ("made", "gone")]},
         {"type": "gone", "id": 7, "n": 1}, [("/id", "type", "must be string")]),
    Case("tag beside the union",
         {"type": "object", "required": ["kind"],
          "oneOf": [{"properties": {"kind": {"const": "a"}, "x": TEXT}},
                    {"properties": {"kind": {"const": "b"}, "x": COUNT}}]},
         {"kind": "b", "x": "1"}, [("/x", "type", "must be integer")]),
    Case("no tag beside the union",
         {"type": "object", "required": ["kind"],
          "oneOf": [{"properties": {"kind": {"const": "a"}, "x": TEXT}},
                    {"properties": {"kind": {"const": "b"}, "x": COUNT}}]},
         {"x": "1"}, [("", "required", 'lacks the property "kind", which must be one of "a", "b"')]),
    Case("tag under then",
         {"type": "object", "properties": {"v": COUNT}, "if": {"required": ["v"]},
          "then": {"properties": {"said": ref("Said")}}, "else": {"properties": {"said": TEXT}}},
         {"v": 1, "said": {"kind": "poll", "options": []}},
         [("/said/options", "minItems", "must have at least 2 items")]),
    Case("tag under else",
         {"type": "object", "properties": {"v": COUNT}, "if": {"required": ["v"]},
          "then": {"properties": {"said": ref("Said")}}, "else": {"properties": {"said": TEXT}}},
         {"said": {"kind": "poll", "options": []}}, [("/said", "type", "must be string")]),
    Case("many tags",
         {"oneOf": [alternative(f"kind_number_{number}", []) for number in range(30)]}, {"kind": "x"},
         [("/kind", "const", "must be one of " + ", ".join(f'"kind_number_{n}"' for n in range(9)) + " and 21 more")]),
    Case("boolean tag",
         {"oneOf": [closed(["ok", "data"], ok={"const": True}, data=TEXT),
                    closed(["ok", "why"], ok={"const": False}, why=TEXT)]},
         {"ok": False}, [("", "required", 'lacks the property "why"')]),
    Case("recursive tags", ref("Expr"),
         {"kind": "and", "args": [{"kind": "not", "arg": {"kind": "is", "nme": "x"}}, {"kind": "is", "name": "a"}]},
         [("/args/0/arg/nme", "additionalProperties", '"nme" is not allowed here; did you mean "name"?'),
          ("/args/0/arg", "required", 'lacks the property "name"')]),
    Case("unknown recursive tag", ref("Expr"), {"kind": "or", "args": [{"kind": "xor", "args": []}]},
         [("/args/0/kind", "const", EXPR_KINDS)]),
    Case("optional tag, unknown",
         {"oneOf": [{"type": "object", "properties": {"kind": {"const": kind}, name: TEXT}, "required": [name]}
                    for kind, name in (("a", "x"), ("b", "y"))]},
         {"kind": "c", "x": "1"}, [("/kind", "const", 'must be one of "a", "b"')]),
    # -- unions without a tag --------------------------------------------------------------------------------------
    Case("closest by the properties",
         {"anyOf": [closed(["name", "phone"], name=TEXT, phone=TEXT),
                    closed(["name", "street"], name=TEXT, street=TEXT, zip=COUNT)]},
         {"name": "n", "street": "s", "zip": "1"}, [("/zip", "type", "must be integer")]),
    Case("closest by a misspelling",
         {"anyOf": [closed(["url"], url=TEXT), closed(["text"], text=TEXT)]},
         {"txt": "a"},
         [("/txt", "additionalProperties", '"txt" is not allowed here; did you mean "text"?'),
          ("", "required", 'lacks the property "text"')]),
    Case("closest although another is wrong further inside",
         {"anyOf": [closed(["text"], meta=True, text=TEXT),
                    closed(["url"], meta={"properties": {"x": COUNT}}, url=TEXT)]},
         {"meta": {"x": "no"}, "text": "a", "w": 1}, [("/w", "additionalProperties", '"w" is not allowed here')]),
    Case("closest by the JSON type", {"anyOf": [TEXT, {"type": "array", "items": COUNT}]}, [1, "2"],
         [("/1", "type", "must be integer")]),
    Case("no alternative of this type", {"anyOf": [TEXT, COUNT]}, None, [("", "anyOf", "must be string or integer")]),
    Case("constants and types", {"anyOf": [{"const": "auto"}, COUNT]}, "x",
         [("", "anyOf", 'must be "auto" or integer')]),
    Case("range of the alternative with this type", {"anyOf": [{"const": "auto"}, COUNT]}, -1,
         [("", "minimum", "must be at least 0")]),
    Case("constants alone", {"oneOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]}, "c",
         [("", "oneOf", 'must be one of "a", "b"')]),
    Case("one of two properties is missing",
         {"type": "object", "oneOf": [{"required": ["id"]}, {"required": ["ids"]}]}, {},
         [("", "required", 'lacks one of the properties "id", "ids"')]),
    Case("both of two properties", {"type": "object", "oneOf": [{"required": ["id"]}, {"required": ["ids"]}]},
         {"id": 1, "ids": []}, [("", "oneOf", 'must have only one of the properties "id", "ids"')]),
    Case("two alternatives match", {"oneOf": [{"minimum": 1}, {"multipleOf": 2}]}, 4,
         [("", "oneOf", "must match exactly one of the alternatives")]),
    # -- unevaluated properties and items --------------------------------------------------------------------------
    Case("unevaluated only because its schema failed",
         {"allOf": [{"type": "object", "properties": {"a": TEXT}}], "unevaluatedProperties": False}, {"a": 1},
         [("/a", "type", "must be string")]),
    Case("unevaluated and another fault",
         {"allOf": [{"type": "object", "properties": {"a": TEXT}}], "unevaluatedProperties": False}, {"a": 1, "z": 2},
         [("/a", "type", "must be string"), ("/z", "unevaluatedProperties", '"z" is not allowed here')]),
    Case("unevaluated beside a missing property",
         {"allOf": [ref("Event")], "properties": {"n": COUNT}, "unevaluatedProperties": False},
         {"at": "2026-01-01T00:00:00Z", "n": 1}, [("", "required", 'lacks the property "id"')]),
    Case("unevaluated and misspelled",
         {"allOf": [ref("Event")], "properties": {"count": COUNT}, "unevaluatedProperties": False},
         {"id": "1", "cuont": 1},
         [("/cuont", "unevaluatedProperties", '"cuont" is not allowed here; did you mean "count"?')]),
    Case("unevaluated in the tagged alternative",
         {"type": "object", "properties": {"id": TEXT}, "unevaluatedProperties": False,
          "oneOf": [alternative("a", ["x"], closed=False, x=TEXT), alternative("b", ["y"], closed=False, y=COUNT)]},
         {"id": "1", "kind": "b", "y": "no", "x": "of a"},
         [("/y", "type", "must be integer"), ("/x", "unevaluatedProperties", '"x" is not allowed here')]),
    Case("unevaluated beside an unknown tag",
         {"type": "object", "properties": {"id": TEXT}, "unevaluatedProperties": False,
          "oneOf": [alternative("a", ["x"], closed=False, x=TEXT), alternative("b", ["y"], closed=False, y=COUNT)]},
         {"id": "1", "kind": "c", "y": 1, "z": 1},
         [("/kind", "const", 'must be one of "a", "b"'), ("/z", "unevaluatedProperties", '"z" is not allowed here')]),
    Case("unevaluated beside a missing tag",
         {"type": "object", "unevaluatedProperties": False,
          "oneOf": [alternative("a", ["x"], closed=False, x=TEXT), alternative("b", ["y"], closed=False, y=COUNT)]},
         {"y": 1}, [("", "required", 'lacks the property "kind", which must be one of "a", "b"')]),
    Case("unevaluated under if",
         {"type": "object", "properties": {"kind": TEXT}, "unevaluatedProperties": False,
          "if": {"properties": {"kind": {"const": "a"}}}, "then": {"properties": {"x": TEXT}},
          "else": {"properties": {"y": TEXT}}},
         {"kind": "a", "x": 1, "y": "of else"},
         [("/x", "type", "must be string"), ("/y", "unevaluatedProperties", '"y" is not allowed here')]),
    Case("unevaluated in a union without a tag",
         {"type": "object", "unevaluatedProperties": False,
          "anyOf": [{"properties": {"a": COUNT}, "required": ["a"]}, {"properties": {"b": COUNT}, "required": ["b"]}]},
         {"b": "1"}, [("/b", "type", "must be integer")]),
    Case("unevaluated where two alternatives match",
         {"type": "object", "unevaluatedProperties": False,
          "oneOf": [{"properties": {"a": COUNT}}, {"properties": {"a": COUNT, "b": TEXT}}]},
         {"a": 1}, [("", "oneOf", "must match exactly one of the alternatives")]),
    Case("number in place of a union inside an object type",
         {"type": "object", "oneOf": [alternative("a", []), {**alternative("b", []), "type": ["object", "null"]}]}, 5,
         [("", "type", "must be object")]),
    Case("unevaluated with a schema",
         {"type": "object", "properties": {"a": TEXT}, "unevaluatedProperties": COUNT}, {"a": "x", "b": "1"},
         [("/b", "unevaluatedProperties", "must be integer")]),
    Case("unevaluated in a tree",
         {"allOf": [{"properties": {"next": {"allOf": [ref("Event")], "unevaluatedProperties": False}}}],
          "unevaluatedProperties": False},
         {"next": {"id": "1", "typo": 2}}, [("/next/typo", "unevaluatedProperties", '"typo" is not allowed here')]),
    Case("unevaluated item", {"prefixItems": [TEXT], "unevaluatedItems": False}, ["a", "b", 3],
         [("/1", "unevaluatedItems", "is not allowed here"), ("/2", "unevaluatedItems", "is not allowed here")]),
    Case("unevaluated item only because its schema failed",
         {"allOf": [{"prefixItems": [TEXT, COUNT]}], "unevaluatedItems": False}, ["a", "b"],
         [("/1", "type", "must be integer")]),
    # -- objects ---------------------------------------------------------------------------------------------------
    Case("unexpected beside patterns", {"patternProperties": {"^x-": True}, "additionalProperties": False},
         {"x-a": 1, "y": 1}, [("/y", "additionalProperties", '"y" is not allowed here')]),
    Case("other capitals", closed([], user_id=TEXT), {"userId": "1"},
         [("/userId", "additionalProperties", '"userId" is not allowed here; did you mean "user_id"?')]),
    Case("no suggestion for a name that is present",
         closed([], text=TEXT), {"text": "a", "texts": 1},
         [("/texts", "additionalProperties", '"texts" is not allowed here')]),
    Case("name of a property", {"type": "object", "propertyNames": {"maxLength": 1}}, {"ab": 1},
         [("", "propertyNames", 'has the property name "ab", which must have at most 1 character')]),
    Case("dependentRequired", {"type": "object", "dependentRequired": {"card": ["number"]}}, {"card": "visa"},
         [("", "dependentRequired", 'lacks the property "number", which "card" requires')]),
    Case("dependentSchemas", {"type": "object", "dependentSchemas": {"card": {"properties": {"number": TEXT}}}},
         {"card": "visa", "number": 1}, [("/number", "type", "must be string")]),
    Case("too few properties", {"type": "object", "minProperties": 1}, {},
         [("", "minProperties", "must have at least 1 property")]),
    Case("then",
         {"if": {"properties": {"how": {"const": "card"}}, "required": ["how"]}, "then": {"required": ["number"]}},
         {"how": "card"}, [("", "required", 'lacks the property "number"')]),
    Case("names that a pointer escapes", {"type": "object", "properties": {"a/b": TEXT, "m~n": TEXT, "ü": TEXT}},
         {"a/b": 1, "m~n": 1, "ü": 1},
         [("/a~1b", "type", "must be string"), ("/m~0n", "type", "must be string"), ("/ü", "type", "must be string")]),
    Case("unexpected names that a pointer escapes", {"type": "object", "additionalProperties": False}, {"~/é": 1},
         [("/~0~1é", "additionalProperties", '"~/é" is not allowed here')]),
    Case("forbidden property", {"type": "object", "properties": {"a": False}}, {"a": 1},
         [("/a", "properties", "is not allowed here")]),
    Case("the same fault twice", {"allOf": [ref("Small"), ref("Small")]}, "long",
         [("", "maxLength", "must have at most 3 characters")]),
    Case("one property of an object without any",
         {"properties": {"x": {"additionalProperties": False}}}, {"x": {"y": 1}},
         [("/x/y", "additionalProperties", '"y" is not allowed here')]),
    Case("required and not allowed",
         {"allOf": [{"properties": {"a": TEXT}}], "required": ["a"], "additionalProperties": False},
         {"a": "x"}, [("/a", "additionalProperties", '"a" is not allowed here')]),
    Case("forbidden beside another", {"dependentSchemas": {"a": False}}, {"a": 1},
         [("", "dependentSchemas", 'must not have the property "a"')]),
    Case("several violations at once", closed(["a", "b"], a=TEXT, b=COUNT), {"a": 1, "c": 2},
         [("/a", "type", "must be string"), ("/c", "additionalProperties", '"c" is not allowed here'),
          ("", "required", 'lacks the property "b"')]),
    Case("misspelled among many missing",
         closed([f"name_{n}" for n in range(12)], **{f"name_{n}": TEXT for n in range(12)}), {"name3": "x"},
         [("/name3", "additionalProperties", '"name3" is not allowed here; did you mean "name_3"?'),
          *(("", "required", f'lacks the property "name_{n}"') for n in range(9))]),
    # -- not -------------------------------------------------------------------------------------------------------
    Case("not a constant", {"not": {"const": "root"}}, "root", [("", "not", 'must not be "root"')]),
    Case("not one of several", {"not": {"enum": ["a", "b"]}}, "b", [("", "not", 'must not be one of "a", "b"')]),
    Case("not two properties together", {"not": {"required": ["a", "b"]}}, {"a": 1, "b": 2},
         [("", "not", 'must not have the properties "a" and "b" together')]),
    Case("not a tagged union", {"not": ref("Said")}, {"kind": "text", "text": "a"},
         [("", "not", "must not match the schema in `not`")]),
    # -- arrays ----------------------------------------------------------------------------------------------------
    Case("contains", {"type": "array", "contains": {"const": 1}}, [2],
         [("", "contains", "must have at least 1 item that `contains` describes")]),
    Case("minContains", {"type": "array", "contains": {"const": 1}, "minContains": 2}, [1],
         [("", "minContains", "must have at least 2 items that `contains` describes")]),
    Case("maxContains", {"type": "array", "contains": {"const": 1}, "maxContains": 1}, [1, 1],
         [("", "maxContains", "must have at most 1 item that `contains` describes")]),
    Case("uniqueItems", {"type": "array", "uniqueItems": True}, [1, 2, 1.0],
         [("", "uniqueItems", "must not have equal items")]),
    Case("prefixItems", {"type": "array", "prefixItems": [TEXT, COUNT]}, ["a", "b"],
         [("/1", "type", "must be integer")]),
    Case("item too many", {"type": "array", "prefixItems": [TEXT], "items": False}, ["a", "b"],
         [("/1", "items", "is not allowed here")]),
    Case("minItems", {"type": "array", "minItems": 1}, [], [("", "minItems", "must have at least 1 item")]),
    # -- numbers and texts -----------------------------------------------------------------------------------------
    Case("multipleOf", {"multipleOf": 0.01}, 1.005, [("", "multipleOf", "must be a multiple of 0.01")]),
    Case("large limit", {"type": "number", "maximum": 9007199254740991}, 1e17,
         [("", "maximum", "must be at most 9007199254740991")]),
    Case("exclusive limit", {"exclusiveMinimum": 0.5}, 0.5, [("", "exclusiveMinimum", "must be above 0.5")]),
    Case("int64", {"type": "string", "format": "int64"}, "9223372036854775808",
         [("", "format", 'must be the decimal text of an integer of 64 bits, such as "42"')]),
    Case("date", {"type": "string", "format": "date"}, "2026-02-30", [("", "format", "must be a valid date")]),
    Case("pattern", {"type": "string", "pattern": "^[a-z]+$"}, "A1", [("", "pattern", "must match ^[a-z]+$")]),
    Case("enum with null", {"enum": ["a", None]}, "b", [("", "enum", 'must be one of "a", null')]),
    Case("text and length", {"type": "string", "minLength": 1}, "",
         [("", "minLength", "must have at least 1 character")]),
]  # fmt: skip
