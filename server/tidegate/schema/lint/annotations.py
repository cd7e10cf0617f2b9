"""Checks Tidegate's annotations: x-resource, x-room, x-access, x-reply.

The meta-schemas in schema/meta, which the bundle contains, define them. A typo in an annotation would deny access or
drop a rule without a message, so the linter reports unknown words that look like Tidegate's. It ignores the annotations
of other tools.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator, Registry, Validator

from tidegate.schema.definition import Definition, Kind
from tidegate.schema.folder import DIALECT
from tidegate.schema.instance_path import locator
from tidegate.schema.problem import Problem
from tidegate.schema.resource import JsonSchema
from tidegate.schema.subschemas import pointer, subschemas
from tidegate.schema.suggestions import rule_suggestion, suggestion

FILES: dict[Kind, str] = {
    "client": "client_message.schema.json",
    "server": "server_message.schema.json",
    "resources": "resource.schema.json",
    "rooms": "room.schema.json",
}
"""The meta-schema of each kind of file."""

RULE_TEXT = 'must be "anyone", "authenticated", "role:NAME" or {"where": FILTER}, or a list of these'
NO_DURABLE_HISTORY = "durable history is not available yet: a room's history ends with the gateway; remove `durable`"
_TEXT: JsonSchema = {"type": "string", "minLength": 1}
_CODES: dict[str, JsonSchema] = {
    "x-errors": {"meaning": _TEXT, "temporary": {"type": "boolean"}, "action": _TEXT},
    "x-closes": {"name": _TEXT, "meaning": _TEXT, "reconnect": {"enum": ["never", "backoff", "resume"]}},
}
"""The columns of the protocol's tables of codes. Applications have no such tables."""

_URI = "tidegate:///meta/"


class Annotations:
    """The annotations of each kind of file, compiled from the meta-schemas."""

    def __init__(self, meta: dict[str, JsonSchema]) -> None:
        self.missing = [file for file in FILES.values() if file not in meta]
        registry = Registry([(_URI + name, {**schema, "$schema": DIALECT}) for name, schema in meta.items()])
        self._validators: dict[Kind, dict[str, Validator]] = {
            kind: {
                word: Draft202012Validator({"$ref": f"{_URI}{file}#/properties/{word}"}, registry=registry)
                for word in meta.get(file, {}).get("properties", {})
                if word.startswith("x-")
            }
            for kind, file in FILES.items()
        }
        self._validators["types"] = {word: _table(columns) for word, columns in _CODES.items()}
        self._required: dict[Kind, list[str]] = {
            kind: [word for word in meta.get(file, {}).get("required", ()) if word.startswith("x-")]
            for kind, file in FILES.items()
        }
        self._words = {
            name
            for schema in meta.values()
            for _, sub in subschemas(schema)
            if isinstance(sub, dict)
            for name in sub.get("properties", ())
        }
        """The names of all properties of annotations."""
        self._known = sorted({word for words in self._validators.values() for word in words})

    def problems(self, item: Definition) -> Iterator[Problem]:
        """The problems of the annotations of `item`."""
        allowed = self._validators[item.kind] if item.is_file else {}
        for word in filter(lambda word: word.startswith("x-"), item.schema):
            if word in allowed:
                yield from _problems_in(item, word, allowed[word], self._words)
            elif word in self._known:
                yield _at(item, f"/{word}", f"{word!r} has no meaning here")
            elif hint := suggestion(word, self._known, 0.75):
                yield _at(item, f"/{word}", f"{word!r} is not an annotation of Tidegate{hint}")
        if item.is_file:
            for word in self._required.get(item.kind, ()):
                if word not in item.schema:
                    yield _at(item, "", f"has no `{word}`")
        yield from self._misplaced(item)

    def _misplaced(self, item: Definition) -> Iterator[Problem]:
        """Tidegate's annotations below the root. An `x-access` on a property would look like protection and is none."""
        for place, schema in subschemas(item.schema):
            for word in schema if place and isinstance(schema, dict) else ():
                if word in self._known:
                    yield _at(item, f"{place}/{word}", f"{word!r} has no meaning here")


def _problems_in(item: Definition, word: str, validator: Validator, known: set[str]) -> Iterator[Problem]:
    locate = locator(item.schema[word])
    for error in validator.iter_errors(item.schema[word]):
        kind: Any = error.kind
        reason = error.message
        if word == "x-access" and kind.name == "anyOf":
            reason = RULE_TEXT + rule_suggestion(error.instance)
        elif kind.name == "additionalProperties":
            hints = "".join(suggestion(name, known) for name in kind.unexpected)
            reason = f"unknown name {', '.join(map(repr, kind.unexpected))}{hints}"
        elif word == "x-room" and locate(error)[-1:] == ["durable"]:
            reason = NO_DURABLE_HISTORY
        elif kind.name == "enum":
            reason += suggestion(error.instance, [option for option in kind.options if isinstance(option, str)])
        yield _at(item, f"/{word}{pointer(locate(error))}", reason)


def _table(columns: JsonSchema) -> Validator:
    row = {"type": "object", "properties": columns, "required": list(columns), "additionalProperties": False}
    return Draft202012Validator({"type": "object", "additionalProperties": row})


def _at(item: Definition, place: str, reason: str) -> Problem:
    return Problem(item.file, item.pointer + place, reason)
