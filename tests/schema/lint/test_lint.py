"""Broken schema folders: the linter reports every problem with file, pointer and reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.schema import SchemaError

Folder = dict[str, Any]

USERS: dict[str, Any] = {
    "title": "User",
    "description": "A user.",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": {"read": "anyone"},
    "properties": {"id": {"type": "integer", "readOnly": True}, "name": {"type": "string"}},
    "required": ["id", "name"],
    "additionalProperties": False,
}
CHAT: dict[str, Any] = {"title": "Chat", "x-room": {"pattern": "chat-*"}, "x-access": {"join": "anyone"}}
BUY: dict[str, Any] = {
    "title": "BuyRequest",
    "type": "object",
    "x-reply": "bought",
    "properties": {"type": {"const": "buy"}, "ref": {"$ref": "../types/ref.schema.json"}},
    "required": ["type"],
    "additionalProperties": False,
}
BOUGHT: dict[str, Any] = {
    "title": "Bought",
    "type": "object",
    "properties": {"type": {"const": "bought"}},
    "required": ["type"],
}


def sound() -> Folder:
    """The files of a valid application folder."""
    return deepcopy(
        {
            "resources/users.schema.json": USERS,
            "rooms/chat.schema.json": CHAT,
            "client/buy.schema.json": BUY,
            "server/bought.schema.json": BOUGHT,
        }
    )


def write(folder: Path, files: Folder) -> Path:
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def problems(folder: Path) -> list[tuple[str, str, str]]:
    return [(item.file, item.pointer, item.reason) for item in schema.lint(schema.load(folder))]


def test_a_valid_folder_has_no_problems(tmp_path: Path) -> None:
    assert problems(write(tmp_path, sound())) == []


def test_the_schema_folder_of_the_project_has_no_problems() -> None:
    assert {"resources/users.schema.json", "resources/tasks.schema.json"} <= {
        item.file for item in schema.load(ROOT / "schema").definitions
    }
    assert problems(ROOT / "schema") == []


def user(**changes: Any) -> Callable[[Folder], None]:
    return lambda files: files["resources/users.schema.json"].update(changes)


def resource(**changes: Any) -> Callable[[Folder], None]:
    return lambda files: files["resources/users.schema.json"]["x-resource"].update(changes)


def add(path: str, content: Any) -> Callable[[Folder], None]:
    return lambda files: files.update({path: content})


def drop(path: str, word: str) -> Callable[[Folder], None]:
    def apply(files: Folder) -> None:
        del files[path][word]

    return apply


USERS_FILE = "resources/users.schema.json"
BREAKS: dict[str, tuple[Callable[[Folder], None], str, str, str]] = {
    "no JSON": (add("rooms/bad.schema.json", "{"), "rooms/bad.schema.json", "", "not JSON"),
    "no object": (add("rooms/bad.schema.json", "[]"), "rooms/bad.schema.json", "", "one JSON object"),
    "another draft": (
        user(**{"$schema": "http://json-schema.org/draft-07/schema#"}),
        USERS_FILE,
        "/$schema",
        "2020-12",
    ),
    "bad keyword value": (user(type="objekt"), USERS_FILE, "/type", "objekt"),
    "bad keyword value at an empty name": (
        user(properties={**USERS["properties"], "": {"type": "objekt"}}),
        USERS_FILE,
        "/properties//type",
        "objekt",
    ),
    "unknown keyword": (user(requierd=["id"]), USERS_FILE, "/requierd", "did you mean 'required'"),
    "bad regular expression": (
        user(properties={"id": {"type": "integer"}, "name": {"pattern": "("}}),
        USERS_FILE,
        "/properties/name/pattern",
        "not a regular expression",
    ),
    "reference to nothing": (
        user(properties={"id": {"type": "integer"}, "name": {"$ref": "../types/nmae.schema.json"}}),
        USERS_FILE,
        "/properties/name/$ref",
        "there is no schema at",
    ),
    "reference to an anchor": (
        user(
            properties={"id": {"type": "integer"}, "name": {"$ref": "#word"}},
            **{"$defs": {"word": {"type": "string"}, "text": {"$anchor": "word", "type": "string"}}},
        ),
        USERS_FILE,
        "/properties/name/$ref",
        "Tidegate follows no $anchor; write '#/$defs/text'",
    ),
    "reference out of the folder": (
        user(properties={"id": {"type": "integer"}, "name": {"$ref": "../../secret.json"}}),
        USERS_FILE,
        "/properties/name/$ref",
        "there is no schema at",
    ),
    "name with a quotation mark": (
        user(properties={**USERS["properties"], 'a"b/c': {"type": "string"}}),
        USERS_FILE,
        '/properties/a"b~1c',
        "which generated filters cannot have in names",
    ),
    "name with a backslash": (
        user(properties={**USERS["properties"], "\\": {}}),
        USERS_FILE,
        "/properties/\\",
        "which generated filters cannot have",
    ),
    "no title": (drop(USERS_FILE, "title"), USERS_FILE, "", "title"),
    "title with a space": (user(title="A user"), USERS_FILE, "/title", "PascalCase"),
    "title twice": (
        add("rooms/more.schema.json", {"title": "User", "x-room": {"pattern": "x"}}),
        "rooms/more.schema.json",
        "/title",
        "already",
    ),
    "title of the generated module": (user(title="Resources"), USERS_FILE, "/title", "generated"),
    "title of a derived type": (
        add("types/x.schema.json", {"title": "UserCreate"}),
        USERS_FILE,
        "/title",
        "UserCreate",
    ),
    "no x-resource": (drop(USERS_FILE, "x-resource"), USERS_FILE, "", "x-resource"),
    "x-resource with a typo": (resource(uniqe=[["name"]]), USERS_FILE, "/x-resource", "uniqe"),
    "annotation with a typo": (user(**{"x-acces": {}}), USERS_FILE, "/x-acces", "did you mean 'x-access'"),
    "annotation of a room": (user(**{"x-room": {"pattern": "a"}}), USERS_FILE, "/x-room", "no meaning here"),
    "access of a single property": (
        user(properties={"id": {"type": "integer"}, "name": {"type": "string", "x-access": {"read": "role:admin"}}}),
        USERS_FILE,
        "/properties/name/x-access",
        "no meaning here",
    ),
    "access rule with a typo": (user(**{"x-access": {"read": "anyon"}}), USERS_FILE, "/x-access/read", "role:NAME"),
    "access to an unknown action": (user(**{"x-access": {"raed": "anyone"}}), USERS_FILE, "/x-access", "raed"),
    "row rule about nothing": (
        user(**{"x-access": {"read": {"where": {"or": [{"owner": "$user.id"}]}}}}),
        USERS_FILE,
        "/x-access/read/where/or/0",
        "owner",
    ),
    "row rule with an operator that is none": (
        user(**{"x-access": {"read": {"where": {"name": {"containz": "$user.id"}}}}}),
        USERS_FILE,
        "/x-access/read/where/name",
        "containz",
    ),
    "row rule of several about nothing": (
        user(**{"x-access": {"read": ["role:admin", {"where": {"owner": "$user.id"}}]}}),
        USERS_FILE,
        "/x-access/read/1/where",
        "owner",
    ),
    "list of rules with a typo": (
        user(**{"x-access": {"read": ["role:admin", "anyon"]}}),
        USERS_FILE,
        "/x-access/read",
        "did you mean 'anyone'",
    ),
    "list of no rules": (user(**{"x-access": {"read": []}}), USERS_FILE, "/x-access/read", "a list of these"),
    "row rule with a wrong value": (
        user(**{"x-access": {"read": {"where": {"and": [{"id": {"in": [1, "x"]}}]}}}}),
        USERS_FILE,
        "/x-access/read/where/and/0/id/in/1",
        "$user.id",
    ),
    "property that filters take for their own word": (
        user(properties={"id": {"type": "integer"}, "or": {"type": "string"}}, required=["id"]),
        USERS_FILE,
        "/properties/or",
        "filter language",
    ),
    "key that is no property": (resource(key="uid"), USERS_FILE, "/x-resource/key", "uid"),
    "key that may be missing": (
        user(properties={"id": {"type": "integer"}, "name": {"type": "string"}}, required=["name"]),
        USERS_FILE,
        "/x-resource/key",
        "required",
    ),
    "key that is an array": (
        user(properties={"id": {"type": "array"}, "name": {"type": "string"}}),
        USERS_FILE,
        "/x-resource/key",
        "must be a string",
    ),
    "index of nothing": (resource(indexes=[["name", "age"]]), USERS_FILE, "/x-resource/indexes/0/1", "age"),
    "unique nothing": (resource(unique=[["mail"]]), USERS_FILE, "/x-resource/unique/0/0", "mail"),
    "reference from nothing": (
        resource(references={"boss": "users.id"}),
        USERS_FILE,
        "/x-resource/references/boss",
        "boss",
    ),
    "reference to no resource": (
        resource(references={"name": "people.id"}),
        USERS_FILE,
        "/x-resource/references/name",
        "people",
    ),
    "reference to no property": (
        resource(references={"name": "users.uid"}),
        USERS_FILE,
        "/x-resource/references/name",
        "uid",
    ),
    "reference to what may repeat": (
        resource(references={"id": "users.name"}),
        USERS_FILE,
        "/x-resource/references/id",
        "unique",
    ),
    "reference of text to a number": (
        user(
            properties={"id": {"type": "integer"}, "boss": {"type": "string", "format": "int64"}},
            **{"x-resource": {"key": "id", "references": {"boss": "users.id"}}},
        ),
        USERS_FILE,
        "/x-resource/references/boss",
        "both numbers",
    ),
    "row that is no object": (user(type="array"), USERS_FILE, "/type", "object"),
    "table twice": (
        add("resources/people.json", {**USERS, "title": "Person", "x-resource": {"key": "id", "table": "Users"}}),
        USERS_FILE,
        "/x-resource/table",
        "already",
    ),
    "no x-room": (drop("rooms/chat.schema.json", "x-room"), "rooms/chat.schema.json", "", "x-room"),
    "durable history that is no boolean": (
        lambda files: files["rooms/chat.schema.json"]["x-room"].update(history={"size": 5, "durable": "yes"}),
        "rooms/chat.schema.json",
        "/x-room/history/durable",
        "true or false",
    ),
    "rooms that overlap": (
        add("rooms/more.schema.json", {"title": "More", "x-room": {"pattern": "*-1"}}),
        "rooms/more.schema.json",
        "/x-room/pattern",
        "overlaps",
    ),
    "pattern twice": (
        add("rooms/more.schema.json", {"title": "More", "x-room": {"pattern": "chat-*"}}),
        "rooms/more.schema.json",
        "/x-room/pattern",
        "overlaps",
    ),
    "reply that does not exist": (
        lambda files: files["client/buy.schema.json"].update({"x-reply": "boght"}),
        "client/buy.schema.json",
        "/x-reply",
        "boght",
    ),
    "own error that is a code of the protocol": (
        lambda files: files["client/buy.schema.json"].update({"x-refusals": {"conflict": {}}}),
        "client/buy.schema.json",
        "/x-refusals/conflict",
        "is a code of the protocol",
    ),
    "own error whose name is no name": (
        lambda files: files["client/buy.schema.json"].update({"x-refusals": {"SoldOut": {}}}),
        "client/buy.schema.json",
        "/x-refusals",
        "the name of an error is made of a-z, 0-9 and _",
    ),
    "own error without a schema": (
        lambda files: files["client/buy.schema.json"].update({"x-refusals": {"sold_out": "left"}}),
        "client/buy.schema.json",
        "/x-refusals/sold_out",
        "must be a schema",
    ),
    "own errors as a list": (
        lambda files: files["client/buy.schema.json"].update({"x-refusals": ["sold_out"]}),
        "client/buy.schema.json",
        "/x-refusals",
        'write {"NAME": {...}}',
    ),
    "mistake in the data of an own error": (
        lambda files: files["client/buy.schema.json"].update({"x-refusals": {"sold_out": {"type": "int"}}}),
        "client/buy.schema.json",
        "/x-refusals/sold_out/type",
        "integer",
    ),
    "part that refers to nothing": (
        lambda files: files["client/buy.schema.json"].update({"x-part": {"$ref": "../types/line.schema.json"}}),
        "client/buy.schema.json",
        "/x-part/$ref",
        "there is no schema",
    ),
    "part that is no schema": (
        lambda files: files["client/buy.schema.json"].update({"x-part": "line"}),
        "client/buy.schema.json",
        "/x-part",
        "must be a schema",
    ),
    "time that is no time": (
        lambda files: files["client/buy.schema.json"].update({"x-timeout": "5s"}),
        "client/buy.schema.json",
        "/x-timeout",
        "a number of seconds",
    ),
    "own errors of a message of the gateway": (
        lambda files: files["server/bought.schema.json"].update({"x-refusals": {"sold_out": {}}}),
        "server/bought.schema.json",
        "/x-refusals",
        "the top of a file in client/",
    ),
    "message of the client with a type of the protocol's own": (
        lambda files: files["client/buy.schema.json"]["properties"].update({"type": {"const": "cancel"}}),
        "client/buy.schema.json",
        "/properties/type/const",
        "already a message type of the protocol",
    ),
    "message without a type": (
        lambda files: files["client/buy.schema.json"].update({"properties": {}}),
        "client/buy.schema.json",
        "/properties",
        "const",
    ),
    "type that is not required": (
        drop("server/bought.schema.json", "required"),
        "server/bought.schema.json",
        "/required",
        "must require `type`",
    ),
    "type of the protocol": (
        lambda files: files["client/buy.schema.json"]["properties"].update({"type": {"const": "join"}}),
        "client/buy.schema.json",
        "/properties/type/const",
        "protocol",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_the_linter_reports_each_problem_with_its_place(tmp_path: Path, name: str) -> None:
    break_it, file, pointer, reason = BREAKS[name]
    files = sound()
    break_it(files)
    found = problems(write(tmp_path, files))
    assert any(item[0] == file and item[1] == pointer and reason in item[2] for item in found), found


def test_the_open_pattern_may_overlap_the_others(tmp_path: Path) -> None:
    files = sound()
    files["rooms/any.schema.json"] = {"title": "Anything", "x-room": {"pattern": "*"}}
    assert problems(write(tmp_path, files)) == []


def test_the_linter_reports_all_problems_at_once(tmp_path: Path) -> None:
    files = sound()
    user(title="A user")(files)
    resource(unique=[["mail"]])(files)
    files["client/buy.schema.json"]["x-reply"] = "nothing"
    files["rooms/bad.schema.json"] = "{"
    with pytest.raises(SchemaError) as caught:
        schema.bundle(schema.load(write(tmp_path, files)))
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0:2] for line in lines] == [
        ["client/buy.schema.json", "/x-reply"],
        ["resources/users.schema.json", "/title"],
        ["resources/users.schema.json", "/x-resource/unique/0/0"],
        ["rooms/bad.schema.json", "/"],
    ]


def test_annotations_of_other_tools_pass(tmp_path: Path) -> None:
    files = sound()
    user(**{"x-faker": "person"})(files)
    assert problems(write(tmp_path, files)) == []


def test_row_rules_are_filters_with_claims_for_values(tmp_path: Path) -> None:
    files = sound()
    rule = {"id": "$user.id", "or": [{"name": {"in": ["a", "$user.team"]}}, {"id": {"between": [1, "$user.limit"]}}]}
    several = ["role:admin", {"where": {"name": {"in": "$user.names"}}}]
    user(**{"x-access": {"read": {"where": rule}, "update": {"where": {}}, "delete": several}})(files)
    assert problems(write(tmp_path, files)) == []


def test_a_missing_folder_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="does not exist"):
        schema.load(tmp_path / "nowhere")
