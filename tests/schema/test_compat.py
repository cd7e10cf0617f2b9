"""The changes of a schema folder that break older clients: labelled examples, each reported with its place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.schema.compat import compare

Edit = Callable[[dict[str, Any]], Any]

USERS, CHAT = "resources/users.schema.json", "rooms/chat.schema.json"
TEXT = {"type": "string"}
CHANGES: dict[str, tuple[str, Edit, str | None]] = {
    "an optional property of a row": (USERS, lambda file: file["properties"].update(nick=TEXT), None),
    "an optional property of a request": ("client/join", lambda file: file["properties"].update(colour=TEXT), None),
    "an optional property of a reply": ("server/joined", lambda file: file["properties"].update(extra=TEXT), None),
    "a property more in a room": (CHAT, lambda file: file["properties"].update(lang=TEXT), None),
    "another description": (USERS, lambda file: file.update(description="Other words."), None),
    "a wider bound of a request": ("client/list", lambda file: file["properties"]["offset"].pop("maximum", None), None),
    "a required property of a row": (
        USERS,
        lambda file: (file["properties"].update(nick=TEXT), file["required"].append("nick")),
        "/required",
    ),
    "a removed property of a row": (USERS, lambda file: file["properties"].pop("password"), "/properties/password"),
    "a shorter text": (USERS, lambda file: file["properties"]["name"].update(maxLength=9), "/properties/name"),
    "a lost value": (USERS, lambda file: file["properties"]["status"]["enum"].remove("inactive"), "/properties/status"),
    "a value that readers do not know": (
        USERS,
        lambda file: file["properties"]["status"]["enum"].append("asleep"),
        "/properties/status",
    ),
    "another type": (
        USERS,
        lambda file: file["properties"]["created_at"].update(type=["string", "null"]),
        "/created_at",
    ),
    "an integer that becomes text": (
        "resources/tasks",
        lambda file: file["properties"]["id"].update(type="string", format="int64"),
        "/properties/id",
    ),
    "text that has to be an integer": (USERS, lambda file: file["properties"]["name"].update(format="int64"), "/name"),
    "another key": (
        "resources/tasks",
        lambda file: file["x-resource"].update(key="title"),
        "/x-resource/key",
    ),
    "a removed property of a request": (
        "client/join",
        lambda file: file["properties"].pop("info"),
        "/properties/info",
    ),
    "a required property of a request": (
        "client/join",
        lambda file: file["required"].append("presence"),
        "/required",
    ),
    "another reply": ("client/join", lambda file: file.update({"x-reply": "left"}), "/x-reply"),
    "a reply without what it promised": (
        "server/joined",
        lambda file: file["required"].remove("position"),
        "/required",
    ),
    "a shorter message in a room": (CHAT, lambda file: file["properties"]["text"].update(maxLength=5), "/text"),
    "rooms under another name": (CHAT, lambda file: file["x-room"].update(pattern="talk-*"), "/x-room/pattern"),
}


def edited(folder: Path, name: str, edit: Edit) -> schema.Schemas:
    shutil.copytree(ROOT / "schema", folder, dirs_exist_ok=True)
    file = folder / (name if name.endswith(".json") else f"{name}.schema.json")
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))
    schemas = schema.load(folder)
    assert schema.lint(schemas) == []
    return schemas


@pytest.mark.parametrize("change", CHANGES)
def test_compare_reports_a_change_with_its_place(tmp_path: Path, change: str) -> None:
    name, edit, pointer = CHANGES[change]
    old = schema.load(ROOT / "schema")
    new = edited(tmp_path, name, edit)
    breaking = [difference for difference in compare(old, new) if difference.breaking]
    if pointer is None:
        assert breaking == []
    else:
        assert any(item.pointer.endswith(pointer) and Path(name).stem in item.file for item in breaking), breaking


def test_a_removed_file_is_breaking(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "schema", tmp_path, dirs_exist_ok=True)
    (tmp_path / "resources" / "tasks.schema.json").unlink()
    differences = compare(schema.load(ROOT / "schema"), schema.load(tmp_path))
    assert ["tasks" in difference.reason for difference in differences if difference.breaking] == [True]


@pytest.mark.parametrize(("rules", "breaking"), [({"read": "authenticated"}, True), ({"delete": "anyone"}, False)])
def test_compare_tells_whether_users_lose_or_gain_access(tmp_path: Path, rules: dict[str, str], breaking: bool) -> None:
    new = edited(tmp_path, USERS, lambda file: file["x-access"].update(rules))
    (difference,) = compare(schema.load(ROOT / "schema"), new)
    assert (difference.breaking, difference.pointer) == (breaking, f"/x-access/{next(iter(rules))}")


def test_compare_tells_what_becomes_of_messages_where_rooms_become_durable_or_not(tmp_path: Path) -> None:
    old = schema.load(ROOT / "schema")
    new = edited(tmp_path, CHAT, lambda file: file["x-room"]["history"].update(durable=True))
    for before, after, words in ((old, new, "is durable now"), (new, old, "not durable any more")):
        (difference,) = compare(before, after)
        assert (difference.breaking, difference.pointer) == (False, "/x-room/history")
        assert words in difference.reason
        assert "told once that what they missed cannot be recovered" in difference.reason


def test_a_folder_is_compatible_with_itself() -> None:
    schemas = schema.load(ROOT / "schema")
    assert compare(schemas, schemas) == []
