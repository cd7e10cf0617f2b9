"""The meta-schemas with which editors complete and check files, tested with Python's jsonschema."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.schema.lint.test_lint import problems, sound, write
from tests.support.gateway import ROOT

SCHEMA = ROOT / "schema"
META = SCHEMA / "meta"
KINDS = {"client": "client_message", "server": "server_message", "resources": "resource", "rooms": "room"}
FILES = sorted(path.relative_to(SCHEMA).as_posix() for kind in KINDS for path in (SCHEMA / kind).glob("*.json"))


def read(path: Path) -> Any:
    return json.loads(path.read_text())


REGISTRY: Registry[Any] = Registry().with_resources(
    [(path.as_uri(), Resource.from_contents(read(path), DRAFT202012)) for path in META.glob("*.json")]
)


def judge(meta: Path) -> Draft202012Validator:
    """A validator as in an editor: it finds references relative to the file."""
    return Draft202012Validator({"$ref": meta.resolve().as_uri()}, registry=REGISTRY)


def wrong(kind: str, written: Any) -> set[str]:
    """The pointers of the faults in a file of `kind`. For alternatives, the innermost ones."""
    found = judge(META / f"{KINDS[kind]}.schema.json").iter_errors(written)
    return {"/".join(["", *map(str, error.absolute_path)]) for error in found}


@pytest.mark.parametrize("file", FILES)
def test_each_file_names_its_meta_schema_and_is_valid_by_it(file: str) -> None:
    written = read(SCHEMA / file)
    meta = (SCHEMA / file).parent / written["$schema"]
    assert meta.resolve() == META / f"{KINDS[file.partition('/')[0]]}.schema.json"
    assert list(judge(meta).iter_errors(written)) == []


@pytest.mark.parametrize("path", sorted(META.glob("*.json")), ids=lambda path: path.name)
def test_each_meta_schema_is_valid_and_has_descriptions(path: Path) -> None:
    written = read(path)
    Draft202012Validator.check_schema(written)
    assert written["description"].endswith(".")


ORDINARY: dict[str, Any] = {
    "client": sound()["client/buy.schema.json"],
    "server": sound()["server/bought.schema.json"],
    "resources": sound()["resources/users.schema.json"],
    "rooms": sound()["rooms/chat.schema.json"],
}
# kind, pointer, value at the pointer, and the pointer that an editor marks.
MISTAKES: dict[str, tuple[str, tuple[str, ...], Any, str]] = {
    "an annotation with a typo": ("resources", ("x-resourc",), {"key": "id"}, ""),
    "a keyword with a typo": ("resources", ("properties", "name", "maxlength"), 9, "/properties/name"),
    "x-resource without a key": ("resources", ("x-resource",), {"table": "users"}, "/x-resource"),
    "x-resource with a typo": ("resources", ("x-resource", "uniqe"), [["name"]], "/x-resource"),
    "a table that is no name": ("resources", ("x-resource", "table"), "my\nusers", "/x-resource/table"),
    "a reference without a property": (
        "resources",
        ("x-resource", "references"),
        {"a": "b"},
        "/x-resource/references/a",
    ),
    "an access rule with a typo": ("resources", ("x-access", "read"), "anyon", "/x-access/read"),
    "an action with a typo": ("resources", ("x-access", "raed"), "anyone", "/x-access"),
    "a row that is no object": ("resources", ("type",), "array", "/type"),
    "a title with a space": ("rooms", ("title",), "Chat message", "/title"),
    "x-room in a resource": ("resources", ("x-room",), {"pattern": "a"}, ""),
    "a room without a pattern": ("rooms", ("x-room",), {}, "/x-room"),
    "a history with a typo": ("rooms", ("x-room", "history"), {"sise": 5}, "/x-room/history"),
    "a way to be slow that there is not": ("rooms", ("x-room", "slow"), "wait", "/x-room/slow"),
    "a pointer without a slash": ("rooms", ("x-room", "slow"), {"conflate": "text"}, "/x-room/slow/conflate"),
    "a misspelled way to be slow": ("rooms", ("x-room", "slow"), {"conflat": "/text"}, "/x-room/slow"),
    "the access rule of a row in a room": ("rooms", ("x-access", "read"), "anyone", "/x-access"),
    "a reply that is no name": ("client", ("x-reply",), 7, "/x-reply"),
    "a part that is no schema": ("client", ("x-part",), "line", "/x-part"),
    "a part with a typo": ("client", ("x-part",), {"typ": "string"}, "/x-part"),
    "an error with a large letter": ("client", ("x-refusals",), {"SoldOut": {}}, "/x-refusals"),
    "a time that is no time": ("client", ("x-timeout",), 0, "/x-timeout"),
    "a message without its type": ("client", ("properties",), {}, "/properties"),
    "a type that is not required": ("client", ("required",), ["ref"], "/required"),
    "x-reply in a message of the gateway": ("server", ("x-reply",), "bought", ""),
    "a type that is no type": ("server", ("properties", "left"), {"type": "int"}, "/properties/left/type"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_ordinary_file_is_valid_by_its_meta_schema(kind: str) -> None:
    assert wrong(kind, ORDINARY[kind]) == set()


@pytest.mark.parametrize("name", MISTAKES)
def test_the_meta_schema_finds_a_mistake_at_its_place(name: str, tmp_path: Path) -> None:
    kind, where, what, place = MISTAKES[name]
    written = deepcopy(ORDINARY[kind])
    inner = written
    for step in where[:-1]:
        inner = inner.setdefault(step, {})
    inner[where[-1]] = what
    assert place in wrong(kind, written)
    # `tidegate check` refuses it as well.
    files = sound()
    file = next(file for file in files if file.startswith(kind))
    files[file] = written
    assert any(found[0] == file for found in problems(write(tmp_path, files)))
