"""Names in schema files: what no generated type can be called is refused, with what to write instead."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import every_case
from tidegate import schema
from tidegate.schema import Problem
from tidegate.schema.folder import DEEPEST, HALF

GIVE = "give it a `title` in PascalCase"


def room(title: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "x-room": {"pattern": "r"}, "x-access": {"join": "anyone"}, **more}


def told(folder: Path, content: Any) -> list[str]:
    """What the linter says of a folder with one file."""
    file = folder / "rooms/r.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return [str(problem).removeprefix("rooms/r.json: ") for problem in schema.lint(schema.load(folder))]


NESTED: dict[str, Any] = {"type": "string"}
for _ in range(DEEPEST + 1):
    NESTED = {"items": NESTED}

REFUSED: dict[str, tuple[Any, list[str]]] = {
    "a name in $defs without ASCII": (
        room("Said", **{"$ref": "#/$defs/地址", "$defs": {"地址": {"type": "string"}}}),
        [f"/$defs/地址: '地址' has no letter from A to Z and no digit to name a type after: {GIVE}"],
    ),
    "names in $defs of one type": (
        room("Said", **{"$ref": "#/$defs/a_b", "$defs": {"a-b": {}, "a_b": {"type": "string"}}}),
        [f"/$defs/a_b: its type would be 'SaidAB', which is already the title of rooms/r.json/$defs/a-b: {GIVE}"],
    ),
    "a name in $defs that makes a name of the modules": (
        room("Room", **{"$defs": {"data": {}}}),
        [f"/$defs/data: its type would be 'RoomData', a name that the generated modules use themselves: {GIVE}"],
    ),
    "a title in $defs that is that of the file": (
        room("Said", **{"$ref": "#/$defs/a", "$defs": {"a": {"title": "Said"}}}),
        ["/$defs/a/title: 'Said' is already the title of rooms/r.json; choose another title for one of them"],
    ),
    "a keyword of Python": (
        room("None"),
        ["/title: 'None' is a name that the generated modules use themselves: choose another title"],
    ),
    "a table of the module": (
        room("ROOMS"),
        ["/title: 'ROOMS' is a name that the generated modules use themselves: choose another title"],
    ),
    "an underscore": (
        room("Said_Text"),
        ["/title: 'Said_Text' is not PascalCase; the generated types use the title as their name"],
    ),
    "half a pair in a text": (room("Said", description="\ud83d"), [f"/description: {HALF}"]),
    "half a pair in a name": (room("Said", properties={"a\udc00": {}}), [f"/properties/a\\udc00: {HALF}"]),
    "half a pair in an enum": (room("Said", enum=["a", ["\ud83d"]]), [f"/enum/1/0: {HALF}"]),
    "deep nesting": (
        room("Said", **NESTED),
        [f"{'/items' * 7}: is nested deeper than 100 levels: name inner schemas in `$defs`, and refer to them"],
    ),
}
ALLOWED: dict[str, Any] = {
    "a title in $defs": room(
        "Said", **{"$ref": "#/$defs/地址", "$defs": {"地址": {"title": "Address", "type": "string"}}}
    ),
    "a percent sign and a slash in $defs": room(
        "Said",
        anyOf=[{"$ref": "#/$defs/100%25%20~1a"}, {"$ref": "#/$defs/%E2%82%AC1"}],
        **{"$defs": {"100% /a": {"type": "string"}, "€1": {"type": "integer"}}},
    ),
    "any name of a property of a message": room("Said", properties={'"': {}, "\\": {}, "\n": {}, "": {}, "\x7f": {}}),
    "a whole pair": room("Said", description="\ud83d\ude00"),
    "titles that other libraries use": room(
        "Object", **{"$defs": {name: {"title": name} for name in ("Array", "Struct", "Exception", "Promise", "T", "R")}}
    ),
}


def test_names_that_are_refused(tmp_path: Path) -> None:
    with every_case() as case:
        for what, (content, expected) in REFUSED.items():
            with case(what):
                assert told(tmp_path, content) == expected


def test_names_that_are_allowed(tmp_path: Path) -> None:
    with every_case() as case:
        for what, content in ALLOWED.items():
            with case(what):
                assert told(tmp_path, content) == []


def test_names_that_no_message_or_table_can_have(tmp_path: Path) -> None:
    def row(title: str, *names: str) -> dict[str, Any]:
        properties = {"id": {"type": "integer", "readOnly": True}, **{name: {"type": "string"} for name in names}}
        return {
            "title": title,
            "type": "object",
            "x-resource": {"key": "id"},
            "properties": properties,
            "required": ["id"],
        }

    message = {"title": "M", "type": "object", "properties": {"type": {"const": "a\0"}}, "required": ["type"]}
    files = {
        "client/m.json": message,
        f"resources/{'x' * 64}.json": row("Long"),
        f"resources/{'x' * 65}.json": row("Longer"),
        "resources/empty.json": row("Empty", ""),
        "resources/numbers.json": row("Numbers", "OID", "rowid", "_rowid_"),
        "resources/odd.json": row("Odd", "%s", " ", "ctid", "oid", "rowid", "__class__", "_path", "select", "é" * 40),
        "rooms/r.json": room("Said", properties={"a\0b": {}}),
    }
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(json.dumps(content))
    assert [str(problem) for problem in schema.lint(schema.load(tmp_path))] == [
        "client/m.json: /properties/type/const: the gateway accepts NUL in no message; choose another type",
        "resources/empty.json: /properties/: '' is empty, and a column of a table must have a name; "
        "choose another name",
        "resources/numbers.json: /properties: _rowid_, oid, rowid are all of SQLite's words for the number of a row; "
        "rename one of these",
        f"resources/{'x' * 65}.json: /: the resource has the name of its file, and such a name has at most "
        "64 characters; rename the file",
        "rooms/r.json: /properties/a\\x00b: 'a\\x00b' has the character NUL, which the gateway accepts in no message; "
        "choose another name",
    ]


def test_a_title_twice_has_no_problems_that_follow_from_it(tmp_path: Path) -> None:
    """Every reference to the title is unclear, also an indirect one; other files are still checked."""
    titled = {"$ref": "#/$defs/text", "$defs": {"text": {"title": "Said", "maxLength": 3}}}
    told(tmp_path, room("Said", **titled))
    other = room("Other", **{"x-room": {"pattern": "o"}, "anyOf": [{"$ref": "r.json"}, {"$ref": "#"}]})
    (tmp_path / "rooms/o.json").write_text(json.dumps(other))
    bad = room("Bad", **{"x-room": {"pattern": "b"}, "pattern": "("})
    (tmp_path / "rooms/p.json").write_text(json.dumps(bad))
    found = [(problem.file, problem.pointer) for problem in schema.lint(schema.load(tmp_path))]
    assert found == [("rooms/p.json", "/pattern"), ("rooms/r.json", "/$defs/text/title")]


def test_a_reference_finds_a_file_with_a_space_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "types").mkdir()
    (tmp_path / "types/my type 100%.json").write_text('{"title": "Mine", "type": "string"}')
    assert told(tmp_path, room("Said", **{"$ref": "../types/my%20type%20100%25.json"})) == []
    assert told(tmp_path, room("Said", **{"$ref": "../types/my type 100%.json"})) == []


def test_a_file_of_the_application_may_have_the_name_of_one_of_the_protocol(tmp_path: Path) -> None:
    (tmp_path / "types").mkdir()
    (tmp_path / "types/error_code.schema.json").write_text('{"title": "ErrorCode", "enum": ["sold_out"]}')
    assert told(tmp_path, room("Said", **{"$ref": "../types/error_code.schema.json"})) == []
    assert schema.load(tmp_path).by_key["App.Said"]["$ref"] == "#/$defs/App.ErrorCode"


def test_files_that_cannot_be_read_are_problems(tmp_path: Path) -> None:
    assert told(tmp_path, room("Said")) == []
    (tmp_path / "rooms/folder.json").mkdir()
    (tmp_path / "rooms/nowhere.json").symlink_to("nothing")
    (tmp_path / "rooms/.#r.json").symlink_to("the mark of an editor")
    (tmp_path / "rooms/._r.json").write_bytes(b"\0")
    assert [str(problem) for problem in schema.lint(schema.load(tmp_path))] == [
        "rooms/folder.json: /: cannot be read: Is a directory",
        "rooms/nowhere.json: /: cannot be read: No such file or directory",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
def test_a_file_name_that_is_not_utf8_is_a_problem(tmp_path: Path) -> None:
    assert told(tmp_path, room("Said")) == []
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/rooms/a\xff.json")).write_text("{}")
    assert [str(problem) for problem in schema.lint(schema.load(tmp_path))] == [
        "rooms/a\\udcff.json: /: the name of the file is not UTF-8: rename the file"
    ]


def test_a_problem_is_one_line_whatever_the_names_are() -> None:
    assert str(Problem("rooms/r.json", "/properties/a\nb\u202e", "wrong é")) == (
        "rooms/r.json: /properties/a\\nb\\u202e: wrong é"
    )
