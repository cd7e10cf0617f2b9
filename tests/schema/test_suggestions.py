"""Misspelled words in schema files: a problem suggests the right word, and nothing if no word is similar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.schema.lint.test_lint import USERS_FILE, Folder, problems, resource, sound, user, write
from tidegate.schema.suggestions import rule_suggestion

BUY_FILE = "client/buy.schema.json"


def buy(**changes: Any) -> Callable[[Folder], None]:
    return lambda files: files[BUY_FILE].update(changes)


def chat(**changes: Any) -> Callable[[Folder], None]:
    return lambda files: files["rooms/chat.schema.json"].update(changes)


# The change, the place of the problem, the misspelled word and the right one.
MISSPELLED: dict[str, tuple[Callable[[Folder], None], str, str, str, str]] = {
    "a key": (resource(key="idd"), USERS_FILE, "/x-resource/key", "idd", "id"),
    "one key of several": (resource(key=["id", "nmae"]), USERS_FILE, "/x-resource/key", "nmae", "name"),
    "a unique property": (resource(unique=[["id", "nam"]]), USERS_FILE, "/x-resource/unique/0/1", "nam", "name"),
    "an indexed property": (resource(indexes=[["Name"]]), USERS_FILE, "/x-resource/indexes/0/0", "Name", "name"),
    "the property of a reference": (
        resource(references={"nmae": "users.id"}),
        USERS_FILE,
        "/x-resource/references/nmae",
        "nmae",
        "name",
    ),
    "the resource of a reference": (
        resource(references={"name": "user.id"}),
        USERS_FILE,
        "/x-resource/references/name",
        "user",
        "users",
    ),
    "the property there": (
        resource(references={"name": "users.ids"}),
        USERS_FILE,
        "/x-resource/references/name",
        "ids",
        "id",
    ),
    "a word of x-resource": (resource(uniqe=[["name"]]), USERS_FILE, "/x-resource", "uniqe", "unique"),
    "a required property": (user(required=["id", "nmae"]), USERS_FILE, "/required/1", "nmae", "name"),
    "a required property of a message": (buy(required=["type", "reff"]), BUY_FILE, "/required/1", "reff", "ref"),
    "a required property further inside": (
        chat(properties={"at": {"properties": {"line": {}}, "required": ["lien"], "additionalProperties": False}}),
        "rooms/chat.schema.json",
        "/properties/at/required/0",
        "lien",
        "line",
    ),
    "a reply": (buy(**{"x-reply": "boght"}), BUY_FILE, "/x-reply", "boght", "bought"),
    "a reply of the protocol": (buy(**{"x-reply": "row"}), BUY_FILE, "/x-reply", "row", "rows"),
    "an action": (user(**{"x-access": {"raed": "anyone"}}), USERS_FILE, "/x-access", "raed", "read"),
    "an action of a room": (
        chat(**{"x-access": {"jion": "anyone"}}),
        "rooms/chat.schema.json",
        "/x-access",
        "jion",
        "join",
    ),
    "an annotation": (user(**{"x-acces": {}}), USERS_FILE, "/x-acces", "x-acces", "x-access"),
    "a keyword": (user(requierd=["id"]), USERS_FILE, "/requierd", "requierd", "required"),
    "a way to be slow": (
        chat(**{"x-room": {"pattern": "a", "slow": "drop_oldst"}}),
        "rooms/chat.schema.json",
        "/x-room/slow",
        "drop_oldst",
        "drop_oldest",
    ),
    "an access rule": (user(**{"x-access": {"read": "anyon"}}), USERS_FILE, "/x-access/read", "", "anyone"),
    "a property of a row rule": (
        user(**{"x-access": {"read": {"where": {"nmae": "$user.id"}}}}),
        USERS_FILE,
        "/x-access/read/where",
        "nmae",
        "name",
    ),
    "a role": (user(**{"x-access": {"read": "role=admin"}}), USERS_FILE, "/x-access/read", "", "role:admin"),
}


@pytest.mark.parametrize("name", MISSPELLED)
def test_the_problem_of_a_misspelled_word_suggests_the_right_word(tmp_path: Path, name: str) -> None:
    change, file, place, word, right = MISSPELLED[name]
    files = sound()
    change(files)
    found = problems(write(tmp_path, files))
    assert [(where[0], where[1]) for where in found] == [(file, place)], found
    assert word in found[0][2]
    assert f"did you mean {right!r}?" in found[0][2]


FAR: dict[str, Callable[[Folder], None]] = {
    "a key": resource(key="age"),
    "a required property": user(required=["id", "age"]),
    "a reply": buy(**{"x-reply": "cancelled"}),
    "a word of x-resource": resource(colour="red"),
    "an access rule": user(**{"x-access": {"read": ""}}),
}


@pytest.mark.parametrize("name", FAR)
def test_the_linter_suggests_nothing_if_no_word_is_similar(tmp_path: Path, name: str) -> None:
    files = sound()
    FAR[name](files)
    [(_, _, reason)] = problems(write(tmp_path, files))
    assert "did you mean" not in reason


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        ("everyone", "anyone"),
        ("public", "anyone"),
        ("Anyone", "anyone"),
        ("authentificated", "authenticated"),
        ("signed-in", "authenticated"),
        ("users", "authenticated"),
        ("admin", "role:admin"),
        ("role admin", "role:admin"),
        ("roles:admin", "role:admin"),
        ("Role:admin", "role:admin"),
        ("rol:admin", "role:admin"),
        ("role: admin", "role:admin"),
        ("group:admin", "role:admin"),
        ("role:", None),
        ("", None),
        (7, None),
        (True, "anyone"),
        (["role:admin", "everyone"], "anyone"),
        (["role:admin", {"where": {}}], None),
    ],
)
def test_the_linter_suggests_access_rules(rule: object, right: str | None) -> None:
    assert (f"{right!r}?" in rule_suggestion(rule)) if right else rule_suggestion(rule) == ""


def test_the_linter_suggests_where_for_a_bare_condition(tmp_path: Path) -> None:
    files = sound()
    user(**{"x-access": {"read": {"owner": "$user.id"}}})(files)
    [(_, place, reason)] = problems(write(tmp_path, files))
    assert place == "/x-access/read"
    assert "{'where': ...}" in reason


def test_required_properties_that_a_pattern_or_an_open_object_allows_pass(tmp_path: Path) -> None:
    files = sound()
    chat(
        properties={
            "open": {"properties": {"a": {}}, "required": ["b"]},
            "patterned": {"patternProperties": {"^x-": {}}, "required": ["x-a"], "additionalProperties": False},
        }
    )(files)
    assert problems(write(tmp_path, files)) == []
