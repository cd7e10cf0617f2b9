"""`RESOURCES`: what generated code tells a client of the rows, in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.store.application import ANYONE
from tidegate import codegen, schema
from tidegate.codegen.row_facts import row_facts
from tidegate.schema.resource import read_resource

THING: dict[str, Any] = {
    "title": "Thing",
    "type": "object",
    "x-resource": {"key": "id"},
    "properties": {
        "id": {"type": "string", "format": "uuid", "readOnly": True},
        "big": {"type": ["string", "null"], "format": "int64", "default": "7"},
        "when": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
        "made": {"type": "string", "format": "date-time", "readOnly": True},
        "mail": {"type": "string", "format": "email", "default": "a@b"},
        "word": {"enum": ["a", "b"]},
        "list": {"type": "array", "items": {"type": "integer"}, "default": [1]},
        "more": {"type": "object", "default": {"__proto__": 1, "a-b": [None]}},
        "any": {},
        "none": {"type": ["integer", "null"], "default": None},
        "secret": {"type": "string", "writeOnly": True, "default": "hidden"},
        "__proto__": {"type": "boolean", "default": False},
    },
    "required": ["id", "made"],
    "additionalProperties": False,
}


def test_the_facts_name_keys_types_and_what_a_new_row_has() -> None:
    facts = row_facts(read_resource("things", THING, {}))
    assert facts.key == ("id",)
    assert facts.types == {
        "id": "uuid",
        "big": "int64",
        "when": "date-time",
        "made": "date-time",
        "mail": "string",
        "word": "string",
        "list": "array",
        "more": "object",
        "any": "any",
        "none": "integer",
        "__proto__": "boolean",
    }
    assert facts.defaults == {
        "big": "7",
        "mail": "a@b",
        "list": [1],
        "more": {"__proto__": 1, "a-b": [None]},
        "__proto__": False,
    }
    assert (facts.assigned, facts.now) == (True, ("made",))


@pytest.mark.parametrize(
    ("key", "properties", "assigned"),
    [
        ("id", {"id": {"type": "integer", "readOnly": True}}, True),
        ("id", {"id": {"type": "integer"}}, False),
        (["a", "b"], {"a": {"type": "integer"}, "b": {"type": "string"}}, False),
    ],
)
def test_a_key_is_assigned_where_clients_may_not_write_it(key: Any, properties: dict[str, Any], assigned: bool) -> None:
    thing = {"title": "Thing", "type": "object", "x-resource": {"key": key}, "properties": properties}
    assert row_facts(read_resource("things", thing, {})).assigned is assigned


@pytest.mark.process
def test_both_languages_have_them(tmp_path: Path) -> None:
    folder = tmp_path / "resources"
    folder.mkdir()
    (folder / "things.schema.json").write_text(schema.dump({**THING, "x-access": ANYONE}))
    files = codegen.generate(schema.load(tmp_path))
    typescript = files["typescript/app.ts"].split("export const RESOURCES = ")[1].split(" as const;")[0]
    assert 'key: ["id"],' in typescript
    assert 'types: { id: "uuid", big: "int64", ' in typescript
    assert '["__proto__"]: "boolean" },' in typescript
    assert 'more: { ["__proto__"]: 1, "a-b": [null] }, ["__proto__"]: false },' in typescript
    assert "assigned: true,\n" in typescript
    assert 'now: ["made"],\n' in typescript
    assert "secret" not in typescript
    python = " ".join(files["python/app_contract/contract.py"].split())
    assert '{ "id": "uuid", "big": "int64", ' in python
    assert '"__proto__": False}, True, ("made",)' in python


@pytest.mark.process
def test_a_property_that_a_claim_fills_is_optional_in_a_new_row_and_no_known_default(tmp_path: Path) -> None:
    of_a_claim = {"type": "integer", "default": "$user.org.id"}
    properties = {**THING["properties"], "org": {**of_a_claim, "description": "Whose it is."}}
    required = [*THING["required"], "org"]
    thing = {**THING, "properties": properties, "required": required, "x-access": ANYONE}
    assert "org" not in row_facts(read_resource("things", thing, {})).defaults
    assert not row_facts(read_resource("things", {**thing, "properties": {"id": of_a_claim}}, {})).assigned
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "things.schema.json").write_text(schema.dump(thing))
    files = codegen.generate(schema.load(tmp_path))
    words = "Whose it is. Where it is absent: the claim `org.id` of the user."
    assert (
        f"/** {words} */\n  org?: number;"
        in files["typescript/app.ts"].split("interface ThingCreate")[1].split("\n}")[0]
    )
    assert "\n  org: number;" in files["typescript/app.ts"].split("interface Thing ")[1].split("\n}")[0]
    python = files["python/app_contract/models.py"].split("class ThingCreate(")[1].split("class ")[0]
    assert f'org: int | UnsetType = UNSET\n    """{words}"""' in python
    for name in ("openapi.json", "asyncapi.json"):
        assert words in files[name]
        assert '"default": "$user' not in files[name], "it is no value of the property"
