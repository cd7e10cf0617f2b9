"""Finds files of a schema folder that nothing reads, because of their place or their ending.

It knows the places of files, and reads none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidegate.schema.definition import KINDS
from tidegate.schema.problem import Problem
from tidegate.schema.suggestions import suggestion

_OTHER_ENDINGS = frozenset({".json5", ".jsonc", ".json.txt", ".jsonschema", ".schema", ".toml", ".yaml", ".yml"})
_READ_AT_THE_TOP = frozenset({"seed.json"})
_READ_ELSEWHERE = frozenset({"examples", "meta", "migrations", "sql"})
"""Folders for other files than schemas."""
_MEANT = {
    "access": "types", "common": "types", "definitions": "types", "defs": "types", "shared": "types", "type": "types",
    "events": "server", "replies": "server", "responses": "server", "outgoing": "server",
    "commands": "client", "requests": "client", "clients": "client", "incoming": "client",
    "models": "resources", "resource": "resources", "rows": "resources", "tables": "resources",
    "channels": "rooms", "room": "rooms",
}  # fmt: skip
_PLACES = "client/, server/, rooms/, resources/ and types/"


def unread_files(folder: Path) -> Iterator[Problem]:
    """A problem for each schema file that nothing reads, and a hint for each other JSON file."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield from _at_the_top(path)
        elif path.name in KINDS:
            yield from _in_a_folder_of_schemas(path)
        elif path.name not in _READ_ELSEWHERE and path.is_dir():
            yield from _in_another_folder(path)


def _at_the_top(path: Path) -> Iterator[Problem]:
    if path.name.endswith(".schema.json"):
        yield Problem(path.name, "", f"nothing reads it here: move it to the folder of its kind, {_PLACES}")
    elif path.suffix == ".json" and path.name not in _READ_AT_THE_TOP:
        similar = suggestion(path.name, _READ_AT_THE_TOP, 0.75)
        yield Problem(path.name, "", f"nothing reads this file{similar}", hint=True)


def _in_a_folder_of_schemas(folder: Path) -> Iterator[Problem]:
    for path in sorted(folder.rglob("*")):
        relative = f"{folder.name}/{path.relative_to(folder).as_posix()}"
        if "/." in relative or not path.is_file():
            continue
        if path.parent != folder and path.suffix == ".json":
            moved = f"{folder.name}/{path.name}"
            yield Problem(relative, "", f"nothing reads folders inside {folder.name}/: move it to {moved}")
        elif path.parent == folder and any(path.name.lower().endswith(ending) for ending in _OTHER_ENDINGS):
            name = path.name.partition(".")[0]
            yield Problem(relative, "", f"nothing reads this ending: write it as JSON into {name}.schema.json")


def _in_another_folder(folder: Path) -> Iterator[Problem]:
    """One problem for the folder: its files follow from it."""
    schemas = [path for path in folder.rglob("*.json") if path.is_file()]
    if not schemas:
        return
    lower = folder.name.lower()
    meant = _MEANT.get(lower) or (lower if lower in KINDS else None)
    if meant is not None:
        yield Problem(f"{folder.name}/", "", f"nothing reads this folder: move its files to {meant}/")
    elif any(path.name.endswith(".schema.json") for path in schemas):
        yield Problem(f"{folder.name}/", "", f"nothing reads this folder: move its schemas to {_PLACES}")
    else:
        yield Problem(f"{folder.name}/", "", "nothing reads this folder", hint=True)
