"""Reads a schema folder: makes definitions from files, and changes relative references to `#/$defs/KEY`.

A folder with PROTOCOL_MARKS defines the protocol. Every other folder is an application and builds on the
protocol of the package. This module reports unreadable files only; `lint` reports all other problems.
Invariant: the result does not depend on the working directory or on the order of the directory's entries.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tidegate.json_pointer import escape, unescape
from tidegate.schema.definition import KINDS, Definition, Kind, Schemas
from tidegate.schema.file import File, at, pascal, title_of
from tidegate.schema.json_text import NotJson, read_json
from tidegate.schema.older.dialects import DIALECT, draft_of
from tidegate.schema.problem import Problem, SchemaError
from tidegate.schema.resource import JsonSchema
from tidegate.schema.subschemas import mapped
from tidegate.schema.suggestions import suggestion

PROTOCOL_MARKS = ("types/error_code.schema.json", "types/close_code.schema.json", "server/welcome.schema.json")
"""Files that together only Tidegate's own folder has."""
TIDEGATE_DIALECT = re.compile(r"(.*/)?meta/[a-z_]+\.schema\.json").fullmatch
"""The `$schema` of Tidegate's meta-schemas, with the path by which an editor finds them."""
HALF = "has half of a surrogate pair, which no text in UTF-8 can hold: write the whole character"
DEEPEST = 100
_HALF = re.compile(r"[\ud800-\udfff]").search
META: dict[Kind, str] = {
    "client": "client_message.schema.json",
    "server": "server_message.schema.json",
    "resources": "resource.schema.json",
    "rooms": "room.schema.json",
}
"""The meta-schema of the files in a folder."""
SUFFIXES = (".schema.json", ".json")


def read_folder(folder: Path, protocol: Schemas | None) -> Schemas:
    """The schemas of `folder`, in addition to `protocol`. Without `protocol`, the folder defines the protocol.

    Raises SchemaError if `folder` is not a folder. `Schemas.problems` has the problems inside it.
    """
    if not folder.is_dir():
        raise SchemaError([Problem(str(folder), "", "this folder does not exist")])
    problems: list[Problem] = []
    files = list(_read_files(folder, protocol is None, problems))
    unreadable = {problem.file for problem in problems} - {file.path for file in files}
    inherited = protocol.definitions if protocol else ()
    links = _Links(files, inherited, problems, unreadable)
    own = [definition for file in files for definition in links.definitions(file)]
    meta = protocol.meta if protocol else _read_meta(folder, problems)
    return Schemas(
        definitions=tuple(sorted([*inherited, *own], key=lambda item: (item.key, item.file))),
        meta=meta,
        defines_protocol=protocol is None,
        problems=tuple(problems),
        unreadable=frozenset(links.unreadable),
        obscured=frozenset(links.obscured),
    )


def defines_protocol(folder: Path) -> bool:
    """Whether `folder` defines the protocol."""
    return all((folder / mark).is_file() for mark in PROTOCOL_MARKS)


class _Links:
    """Changes the references in files, which are relative to the file, to references to keys."""

    def __init__(
        self,
        files: list[File],
        inherited: tuple[Definition, ...],
        problems: list[Problem],
        unreadable: set[str],
    ) -> None:
        self._problems = problems
        self.unreadable = unreadable
        self.obscured: set[str] = set()
        """Files that refer to an unreadable file."""
        self._ids = {file.schema["$id"]: file.path for file in files if isinstance(file.schema.get("$id"), str)}
        self._keys: dict[tuple[str, str], str] = {(item.file, item.pointer): item.key for item in inherited}
        self._schemas: dict[tuple[str, str], Any] = {(item.file, item.pointer): item.schema for item in inherited}
        self._files_by_title = {item.title: item.file for item in inherited if item.is_file}
        self._files_by_title |= {file.title: file.path for file in files}
        for file in files:
            self._keys[file.path, ""] = file.define(file.title, "", {}).key
            self._schemas[file.path, ""] = file.schema
            for pointer, title in file.titles.items():
                self._keys[file.path, pointer] = file.define(title, pointer, {}).key
                self._schemas[file.path, pointer] = file.at(pointer)

    def definitions(self, file: File) -> Iterator[Definition]:
        """The definition of the file and those of the named schemas in it, with changed references.

        In place of a schema in an annotation stands a reference to its definition.
        """

        def change(pointer: str, schema: JsonSchema) -> JsonSchema:
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            return {**schema, "$ref": self._turn(file.path, pointer, reference)}

        whole = mapped(file.schema, change)
        named = {pointer: at(whole, pointer) for pointer in file.titles}
        for pointer in named:
            parent, _, name = pointer.rpartition("/")
            at(whole, parent)[unescape(name)] = {"$ref": f"#/$defs/{self._keys[file.path, pointer]}"}
        for word in ("$defs", "$schema", "$id"):
            whole.pop(word, None)
        yield file.define(file.title, "", whole)
        for pointer, title in file.titles.items():
            schema = named[pointer] if isinstance(named[pointer], dict) else resolved_boolean(named[pointer])
            yield file.define(title, pointer, {"title": title, **schema})

    def _turn(self, path: str, pointer: str, reference: str) -> str:
        target, _, fragment = reference.partition("#")
        head = re.match(r"/\$defs/[^/]+", fragment)
        for start in ([head[0]] if head else []) + [""]:
            for file in self._files(path, target):
                key = self._keys.get((file, unquote(start)))
                if key and _reaches(self._schemas[file, unquote(start)], fragment[len(start) :]):
                    return f"#/$defs/{key}{fragment[len(start) :]}"
        if self.unreadable.intersection(self._files(path, target)):  # that file has the problem
            self.obscured.add(path)
        else:
            self._problems.append(Problem(path, f"{pointer}/$ref", self._missing(path, reference)))
        return reference

    def _files(self, path: str, target: str) -> tuple[str, ...]:
        """The files that a reference in `path` may mean: its text may be a path as it is, or with `%20` for a space."""
        if target in self._ids:
            return (self._ids[target],)
        found = posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) if target else path
        return (found, unquote(found))

    def _missing(self, path: str, reference: str) -> str:
        """Why there is nothing at `reference`, and what was probably meant."""
        reason = f"there is no schema at {reference!r}"
        if reference.startswith(("http:", "https:")):
            return f"{reason}: Tidegate fetches nothing; put the schema into types/ and refer to it there"
        target, _, fragment = reference.partition("#")
        if fragment and not fragment.startswith("/"):
            return f"{reason}: Tidegate follows no $anchor; {self._pointer_to(fragment, target)}"
        if not target:
            return reason + suggestion(reference, {f"#{place}" for file, place in self._keys if file == path and place})
        here = posixpath.dirname(path)
        known = {posixpath.relpath(file, here): file for file, place in self._keys if not place and file != path}
        if target in known:
            inside = {f"{target}#{place}" for file, place in self._keys if file == known[target] and place}
            return f"{reason}: the file has no {fragment!r}{suggestion(reference, inside)}"
        if target in self._files_by_title:
            return f"{reason}; did you mean {posixpath.relpath(self._files_by_title[target], here)!r}?"
        named = posixpath.basename(target).removesuffix(".json").removesuffix(".schema")
        same = sorted(name for name, file in known.items() if posixpath.basename(file).split(".")[0] == named)
        return f"{reason}; did you mean {same[0]!r}?" if same else reason + suggestion(target, known)

    def _pointer_to(self, anchor: str, target: str) -> str:
        """What to write in place of an anchor. `target`: the reference's text before it."""
        places = [
            place
            for (_, place), schema in self._schemas.items()
            if place and isinstance(schema, dict) and anchor in {schema.get("$anchor"), schema.get("$dynamicAnchor")}
        ]
        if len(places) == 1:
            return f"write {f'{target}#{places[0]}'!r}"
        return f"write a pointer such as {f'{target}#/$defs/NAME'!r}"


def _reaches(schema: Any, fragment: str) -> bool:
    """Whether there is a schema at the pointer `fragment` in `schema`."""
    if fragment and not fragment.startswith("/"):
        return False
    for part in fragment.split("/")[1:]:
        step = unescape(unquote(part))
        if isinstance(schema, list):
            if not step.isdecimal() or int(step) >= len(schema):
                return False
            schema = schema[int(step)]
        elif isinstance(schema, dict) and step in schema:
            schema = schema[step]
        else:
            return False
    return isinstance(schema, dict | bool)


def resolved_boolean(schema: Any) -> JsonSchema:
    """The object form of `true` and `false` as schemas."""
    return {} if schema is True else {"not": {}}


def _read_files(folder: Path, defines: bool, problems: list[Problem]) -> Iterator[File]:
    for kind in KINDS:
        for path in sorted((folder / kind).glob("[!.]*.json"), key=lambda item: item.name):
            relative = f"{kind}/{path.name}"
            if _HALF(relative):
                problems.append(
                    Problem(ascii(relative)[1:-1], "", "the name of the file is not UTF-8: rename the file")
                )
                continue
            schema = _read_json(path, relative, problems)
            if schema is not None:
                name = next(path.name.removesuffix(suffix) for suffix in SUFFIXES if path.name.endswith(suffix))
                title = title_of(schema) or pascal(name)
                protocol = defines and kind in {"types", "client", "server"}
                yield File(relative, kind, name, title, protocol, schema)


def _read_meta(folder: Path, problems: list[Problem]) -> dict[str, JsonSchema]:
    found = {path.name: _read_json(path, f"meta/{path.name}", problems) for path in (folder / "meta").glob("*.json")}
    return {name: schema for name, schema in sorted(found.items()) if schema is not None}


def _read_json(path: Path, relative: str, problems: list[Problem]) -> JsonSchema | None:
    try:
        schema = read_json(path.read_bytes())
    except OSError as error:  # it vanished, is a folder, or is not ours to read
        problems.append(Problem(relative, "", f"cannot be read: {error.strerror}"))
        return None
    except NotJson as error:
        problems.append(Problem(relative, "", str(error)))
        return None
    if not isinstance(schema, dict):
        problems.append(Problem(relative, "", "a schema file must contain one JSON object"))
        return None
    dialect = str(schema.get("$schema", DIALECT))
    if dialect.rstrip("#") != DIALECT:
        known = next((file for kind, file in META.items() if relative.startswith(f"{kind}/")), None)
        if not TIDEGATE_DIALECT(dialect):
            problems.append(Problem(relative, "/$schema", _other_dialect(dialect)))
        elif known is not None and posixpath.basename(dialect) != known:
            reason = f'is not the meta-schema of this kind of file; write "../meta/{known}"'
            problems.append(Problem(relative, "/$schema", reason))
    if not isinstance(schema.get("$defs", {}), dict):
        problems.append(Problem(relative, "/$defs", "must be an object"))
        return None
    for place, reason in faults_of_json(schema):
        problems.append(Problem(relative, place, reason))
        return None
    return schema


def _other_dialect(dialect: str) -> str:
    draft = draft_of(dialect)
    return f"must be {DIALECT}" if draft is None else f"is {draft}, which has other words: write {DIALECT}"


def faults_of_json(content: Any) -> Iterator[tuple[str, str]]:
    """(pointer, reason) of what no part of Tidegate can work with, whatever it means."""
    todo: list[tuple[str, int, Any]] = [("", 0, content)]
    while todo:
        place, depth, value = todo.pop()
        if isinstance(value, str):
            if _HALF(value):
                yield place, HALF
        elif isinstance(value, dict | list) and depth > DEEPEST:
            yield (
                "/".join(place.split("/")[:8]),
                f"is nested deeper than {DEEPEST} levels: name inner schemas in `$defs`, and refer to them",
            )
        elif isinstance(value, dict):
            todo += [(f"{place}/{escape(name)}", depth + 1, inner) for name, inner in value.items()]
            yield from ((f"{place}/{ascii(name)[1:-1]}", HALF) for name in value if _HALF(name))
        elif isinstance(value, list):
            todo += [(f"{place}/{index}", depth + 1, inner) for index, inner in enumerate(value)]
