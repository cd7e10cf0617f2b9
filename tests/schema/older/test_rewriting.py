"""Files of older drafts and of OpenAPI: `check` explains them, and `--fix` rewrites what it can without a doubt."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema

from tests.schema.older.cases import CASES, D4, D7, D2019, NOW
from tests.support.cases import every_case
from tidegate.cli import main
from tidegate.schema.older import explanation, rewritten

VALIDATORS = {
    D4: jsonschema.Draft4Validator,
    D7: jsonschema.Draft7Validator,
    D2019: jsonschema.Draft201909Validator,
    NOW: jsonschema.Draft202012Validator,
}
VALUES: list[Any] = [
    None, True, 0, 1, 2, 9, 10, 1.5, "", "a", [], ["a"], [1], ["a", 1], ["a", "b"], [["a"]], [[1, 2]], [["a", 2]],
    {}, {"a": 1}, {"a": "x", "b": 1}, {"a": "x", "c": ["t"]}, {"c": [1]}, {"x": "t"}, {"x": 1}, {"next": {"next": 1}},
    {"next": {}}, {"all": [1]}, {"all": [{}]}, {"b": 2}, {"definitions": 1},
]  # fmt: skip


def verdicts(schema: dict[str, Any], dialect: str) -> list[bool]:
    validator = VALIDATORS[dialect]({name: value for name, value in schema.items() if name != "$schema"})
    return [validator.is_valid(value) for value in VALUES]


def test_each_file_is_rewritten_as_far_as_that_is_certain() -> None:
    with every_case() as case:
        for name, (old, new, left) in CASES.items():
            with case(name):
                before = deepcopy(old)
                result = rewritten(old)
                assert (old, result.schema) == (before, new)
                assert list(result.schema) == list(new), "the order of words"
                assert tuple(place for place, _ in result.left) == left
                assert bool(result.changed) == (old != new)
                assert rewritten(result.schema).changed == []


def test_a_rewritten_schema_accepts_what_the_old_draft_accepted() -> None:
    with every_case() as case:
        for name, (old, new, left) in CASES.items():
            dialect = old.get("$schema", D7)
            unknown = {"nullable", "xml"} & old.keys() or "required in" in name or "../" in json.dumps(old)
            if left or unknown or dialect not in VALIDATORS:
                continue  # the older validator does not know the words, or the file
            with case(name):
                assert verdicts(old, dialect) == verdicts(new, NOW)


def _random_schema(chance: random.Random, depth: int) -> dict[str, Any]:
    """A schema of draft-07 with the words that differ."""

    def inner() -> Any:
        return _random_schema(chance, depth - 1) if depth else chance.choice([{}, {"type": "string"}, {"minimum": 2}])

    words: dict[str, Any] = {
        "items": chance.choice([inner(), [inner() for _ in range(chance.randrange(3))]]),
        "additionalItems": chance.choice([True, False, inner()]),
        "dependencies": {"a": chance.choice([["b"], [], inner()]), "c": chance.choice([False, ["a"], inner()])},
        "properties": {"a": inner(), "x": {"$ref": "#/definitions/d"}, "c": inner()},
        "anyOf": [inner(), inner()],
        "type": chance.choice(["array", "object", ["array", "object"]]),
        "exclusiveMaximum": 9,
    }
    return {word: words[word] for word in chance.sample(list(words), chance.randrange(1, 4))}


def test_random_schemas_of_draft_07_keep_their_meaning() -> None:
    seen = 0
    for seed in range(300):
        chance = random.Random(seed)
        old = {"$schema": D7, **_random_schema(chance, 2), "definitions": {"d": {"items": [{"type": "string"}]}}}
        result = rewritten(old)
        assert result.left == []
        assert result.schema["$schema"] == NOW
        assert verdicts(old, D7) == verdicts(result.schema, NOW), (seed, old)
        seen += len(result.changed)
    assert seen > 600


def test_each_older_word_is_explained_with_what_to_write() -> None:
    explained: dict[str, tuple[dict[str, Any], str]] = {
        "additionalItems": ({"items": [{}], "additionalItems": False}, '"items"'),
        "dependencies": ({"dependencies": {"a": ["b"]}}, '"dependentRequired"'),
        "nullable": ({"type": "string", "nullable": True}, '"type": ["string", "null"]'),
        "discriminator": ({"discriminator": {"propertyName": "kind"}}, '"properties": {"kind": {"const": ...}}'),
        "id": ({"id": "a.json"}, '"$id": "a.json"'),
        "example": ({"example": 5}, '"examples": [5]'),
        "divisibleBy": ({"divisibleBy": 2}, '"multipleOf"'),
        "extends": ({"extends": {}}, '"allOf"'),
        "disallow": ({"disallow": "string"}, '"not"'),
        "xml": ({"xml": {}}, "remove it"),
        "externalDocs": ({"externalDocs": {}}, '"description"'),
        "$recursiveRef": ({"$recursiveRef": "#"}, '"$ref": "#"'),
    }
    with every_case() as case:
        for word, (schema, said) in explained.items():
            with case(word):
                text = explanation(word, schema)
                assert text is not None
                assert said in text
    assert explanation("dependencies", {"dependencies": 1}) is None
    assert explanation("colour", {"colour": 1}) is None


DRAFT_07 = """{
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Order",
    "type": "object",
    "required": ["type", "lines"],
    "properties": {
        "type": {"const": "order"},
        "lines": {"type": "array", "items": [{"$ref": "#/definitions/line"}], "additionalItems": false},
        "note": {"type": "string", "nullable": true, "description": "Größe"}
    },
    "x-access": {"send": "anyone"},
    "additionalProperties": false,
    "definitions": {"line": {"type": "string", "maxLength": 20}}
}
"""


def folder_with(tmp_path: Path, content: str) -> Path:
    file = tmp_path / "schema" / "client" / "order.schema.json"
    file.parent.mkdir(parents=True)
    file.write_text(content, encoding="utf-8")
    return file


def test_check_points_to_fix_which_makes_the_folder_pass(tmp_path: Path, capsys: Any) -> None:
    file = folder_with(tmp_path, DRAFT_07)
    arguments = ["check", "--schema", str(tmp_path / "schema")]
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert "/$schema: is draft-07, which has other words" in said
    assert '\'nullable\' is of OpenAPI 3.0: write "type": ["string", "null"]' in said
    assert 'is "prefixItems"' in said or '"prefixItems"' in said
    assert "type: tidegate check --fix" in said
    assert file.read_text(encoding="utf-8") == DRAFT_07
    assert main([*arguments, "--fix"]) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert 'client/order.schema.json: /definitions: is "$defs"' in said
    text = file.read_text(encoding="utf-8")
    assert '\n    "$defs": {' in text, "the indentation of the file"
    assert "Größe" in text
    assert main([*arguments, "--fix"]) == 0
    assert "nothing to rewrite" in capsys.readouterr().out
    assert file.read_text(encoding="utf-8") == text


def test_fix_leaves_what_a_person_has_to_decide_and_says_so(tmp_path: Path, capsys: Any) -> None:
    content = DRAFT_07.replace('"maxLength": 20', '"enum": ["a"], "nullable": true')
    folder_with(tmp_path, content)
    assert main(["check", "--schema", str(tmp_path / "schema"), "--fix"]) == 1
    said = capsys.readouterr()
    assert "for you to decide" in said.err
    assert "/definitions/line/nullable: say where null is allowed" in said.err
    assert 'is "prefixItems"' in said.out


def test_a_file_with_a_name_twice_is_named_with_its_line_and_not_rewritten(tmp_path: Path, capsys: Any) -> None:
    content = DRAFT_07.replace('"title": "Order",', '"title": "Order",\n    "title": "Other \\"{\\"",')
    file = folder_with(tmp_path, content)
    assert main(["check", "--schema", str(tmp_path / "schema"), "--fix"]) == 1
    assert "line 4, column 5: the name 'title' stands twice in one object; remove one" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == content
