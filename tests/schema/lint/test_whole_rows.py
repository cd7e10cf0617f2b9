"""Rules for whole rows about names that no row has, defaults that do not fit, and keywords that say nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.schema.lint.test_lint import CHAT, USERS, USERS_FILE, problems, sound, write
from tests.support.cases import every_case
from tidegate import schema

Found = tuple[str, str]
"""(pointer, a part of the reason)."""
PROPERTIES: dict[str, Any] = {
    **USERS["properties"],
    "status": {"enum": ["open", "done"]},
    "report": {"type": "string"},
    "starts_at": {"type": "string", "format": "date-time"},
}
DONE = {"if": {"properties": {"status": {"const": "done"}}}, "then": {"required": ["report"]}}

ROWS: dict[str, tuple[dict[str, Any], Found | None]] = {
    "a rule about properties of the row": (DONE, None),
    "required": ({"required": ["id", "nmae"]}, ("/required/1", "did you mean 'name'?")),
    "required in an open row": (
        {"required": ["id", "nmae"], "additionalProperties": True},
        ("/required/1", "no property 'nmae'"),
    ),
    "required in then": ({**DONE, "then": {"required": ["reprot"]}}, ("/then/required/0", "did you mean 'report'?")),
    "properties in if": (
        {**DONE, "if": {"properties": {"sttaus": {"const": "done"}}}},
        ("/if/properties/sttaus", "did you mean 'status'?"),
    ),
    "not, inside anyOf": ({"anyOf": [{"not": {"required": ["x"]}}]}, ("/anyOf/0/not/required/0", "no property 'x'")),
    "dependentRequired by a name": ({"dependentRequired": {"x": ["name"]}}, ("/dependentRequired/x", "'x'")),
    "dependentRequired of a name": ({"dependentRequired": {"name": ["x"]}}, ("/dependentRequired/name/0", "'x'")),
    "dependentSchemas": ({"dependentSchemas": {"x": {}}}, ("/dependentSchemas/x", "'x'")),
    "properties of a $ref": (
        {"allOf": [{"$ref": "#/$defs/times"}], "$defs": {"times": {"properties": {"made_at": {"type": "string"}}}}},
        ("/allOf/0/$ref", "its properties are those of `properties` at the top"),
    ),
    "additionalProperties with a schema": (
        {"additionalProperties": {"type": "string"}},
        ("/additionalProperties", "a row has only its `properties`"),
    ),
    "unevaluatedProperties with a schema": (
        {"unevaluatedProperties": {"type": "string"}},
        ("/unevaluatedProperties", "a row has only its `properties`"),
    ),
    "unevaluatedProperties": ({"unevaluatedProperties": False}, None),
    "patternProperties": ({"patternProperties": {"_at$": {"pattern": "^20"}}}, None),
    "patternProperties of no property": (
        {"patternProperties": {"^x_": {"type": "string"}}},
        ("/patternProperties/^x_", "matches none of them"),
    ),
}
DEFAULTS: dict[str, tuple[Any, str | None]] = {
    "in its enum": ({"enum": ["a", "b"], "default": "a"}, None),
    "not in its enum": ({"enum": ["a", "b"], "default": "c"}, "does not fit"),
    "of another type": ({"type": "integer", "default": "1"}, "does not fit"),
    "null where null is not allowed": ({"type": "string", "default": None}, "does not fit"),
    "null": ({"type": ["string", "null"], "default": None}, None),
    "too long": ({"type": "string", "maxLength": 2, "default": "abc"}, "does not fit"),
    "no date-time": ({"type": "string", "format": "date-time", "default": "tomorrow"}, "does not fit"),
    "a date-time": ({"type": "string", "format": "date-time", "default": "2026-12-01T08:00:00+02:00"}, None),
    "beyond 2^53": ({"type": "integer", "default": 2**53}, "does not fit"),
    "no int64": ({"type": "string", "format": "int64", "default": "9223372036854775808"}, "does not fit"),
    "an int64": ({"type": "string", "format": "int64", "default": "-9223372036854775808"}, None),
    "by a $ref": ({"$ref": "#/$defs/word", "default": 1}, "does not fit"),
}
DEAD: dict[str, tuple[dict[str, Any], Found | None]] = {
    "minLength of an integer": ({"type": "integer", "minLength": 1}, ("/minLength", "strings only")),
    "minLength of a string or null": ({"type": ["string", "null"], "minLength": 1}, None),
    "minLength of anything": ({"minLength": 1}, None),
    "maximum of a string": ({"type": "string", "maximum": 1}, ("/maximum", "numbers only")),
    "maxItems of a string": ({"type": "string", "maxItems": 1}, ("/maxItems", "arrays only")),
    "items of an object": ({"type": "object", "items": {}}, ("/items", "arrays only")),
    "properties of a string": ({"type": "string", "properties": {}}, ("/properties", "objects only")),
    "pattern beside a $ref": ({"$ref": "#/$defs/number", "pattern": "a"}, ("/pattern", "the value is a number")),
    "format of an integer": ({"type": "integer", "format": "date-time"}, ("/format", "strings only")),
    "int64 of an integer": ({"type": "integer", "format": "int64"}, ("/format", "text on the wire")),
    "a format for numbers": ({"type": "integer", "format": "int32"}, ("/format", "nothing checks the format")),
    "then without if": ({"then": {"minimum": 1}}, ("/then", "without `if`")),
    "else without if": ({"else": {"minimum": 1}}, ("/else", "without `if`")),
    "if alone": ({"if": {"minimum": 1}}, ("/if", "without `then` or `else`")),
    "if and else": ({"if": {"minimum": 1}, "else": {"maximum": 0}}, None),
    "minContains alone": ({"type": "array", "minContains": 1}, ("/minContains", "without `contains`")),
    "limits that leave nothing": ({"minimum": 2, "maximum": 1}, ("/minimum", "no value fits")),
    "an enum of another type": ({"type": "string", "enum": ["a", 1]}, ("/enum/1", "1 never fits")),
    "a const of another type": ({"type": "number", "const": "a"}, ("/const", "no value fits")),
    "1 is a number": ({"type": "number", "enum": [1, 2.5]}, None),
    "a default that does not fit": ({"type": "string", "default": 1}, ("/default", "does not fit")),
}


def check_row(folder: Path, row: dict[str, Any], expected: Found | None) -> None:
    found = problems(write(folder, {**sound(), USERS_FILE: row}))
    check([(pointer, reason) for _, pointer, reason in found], expected)


def check(found: list[Found], expected: Found | None) -> None:
    if expected is None:
        assert found == []
    else:
        assert [pointer for pointer, _ in found] == [expected[0]]
        assert expected[1] in found[0][1]


def test_rules_for_whole_rows(tmp_path: Path) -> None:
    with every_case() as tried:
        for number, (name, (changes, expected)) in enumerate(ROWS.items()):
            with tried(name):
                check_row(tmp_path / str(number), {**USERS, "properties": PROPERTIES, **changes}, expected)


def test_defaults_of_columns(tmp_path: Path) -> None:
    with every_case() as tried:
        for number, (name, (value, reason)) in enumerate(DEFAULTS.items()):
            with tried(name):
                row = {**USERS, "properties": {**PROPERTIES, "x": value}, "$defs": {"word": {"type": "string"}}}
                expected = None if reason is None else ("/properties/x/default", reason)
                check_row(tmp_path / str(number), row, expected)


def test_dead_keywords_are_found_and_the_schema_is_served(tmp_path: Path) -> None:
    with every_case() as tried:
        for number, (name, (content, expected)) in enumerate(DEAD.items()):
            with tried(name):
                room = {**CHAT, "properties": {"x": content}, "$defs": {"number": {"type": "number"}}}
                schemas = schema.load(write(tmp_path / str(number), {**sound(), "rooms/chat.schema.json": room}))
                schema.bundle(schemas)
                at = None if expected is None else ("/properties/x" + expected[0], expected[1])
                found = [each for each in schema.mistakes(schemas) if each.pointer.startswith("/properties/x")]
                check([(problem.pointer, problem.reason) for problem in found if not problem.hint], at)


def test_required_names_of_a_closed_object_exist(tmp_path: Path) -> None:
    room = {**CHAT, "properties": {"a": {}}, "additionalProperties": False, "dependentRequired": {"a": ["b"]}}
    found = problems(write(tmp_path, {**sound(), "rooms/chat.schema.json": room}))
    assert [pointer for _, pointer, _ in found] == ["/dependentRequired/a/0"]
