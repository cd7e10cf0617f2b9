"""Checks Tidegate's annotations: x-resource, x-room, x-access, x-reply, x-part, x-refusals, x-timeout.

The meta-schemas in schema/meta, which the bundle contains, define them. A typo in an annotation would deny access or
drop a rule without a message, so the linter reports unknown words that look like Tidegate's. It ignores the annotations
of other tools.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache

from jsonschema_rs import Draft202012Validator, Registry, Validator

from tidegate.json_pointer import pointer
from tidegate.schema.definition import Definition, Kind
from tidegate.schema.folder import META
from tidegate.schema.instance_path import locator
from tidegate.schema.lint.annotation_texts import misplaced, value_reason
from tidegate.schema.older.dialects import DIALECT
from tidegate.schema.problem import Problem
from tidegate.schema.resource import JsonSchema
from tidegate.schema.subschemas import subschemas

FILES: Mapping[Kind, str] = META

REQUIRED = {
    "x-resource": '"x-resource": {"key": "NAME"}, with the property that identifies a row',
    "x-room": '"x-room": {"pattern": "NAME-*"}, with the names of the rooms',
}
_TEXT: JsonSchema = {"type": "string", "minLength": 1}
_CODES: dict[str, JsonSchema] = {
    "x-errors": {"meaning": _TEXT, "temporary": {"type": "boolean"}, "action": _TEXT},
    "x-closes": {"name": _TEXT, "meaning": _TEXT, "reconnect": {"enum": ["never", "backoff", "resume"]}},
}
"""The columns of the protocol's tables of codes. Applications have no such tables."""

_URI = "tidegate:///meta/"


def annotations_of(meta: dict[str, JsonSchema]) -> Annotations:
    """The annotations that these meta-schemas define. Every application's folder has those of the package."""
    return _compiled(json.dumps(meta))


@lru_cache(maxsize=4)
def _compiled(meta: str) -> Annotations:
    return Annotations(json.loads(meta))


class Annotations:
    """The annotations of each kind of file, compiled from the meta-schemas, which takes 2 ms."""

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
        self._meta = meta
        self._known = sorted({word for words in self._validators.values() for word in words})

    def problems(self, item: Definition) -> Iterator[Problem]:
        """The problems of the annotations of `item`."""
        if (folder := self._belongs_to(item)) is not None:
            word = self._required[folder][0]
            yield _at(item, f"/{word}", f"a file with {word!r} belongs into {folder}/: move it there")
            return
        allowed = self._validators[item.kind] if item.is_file else {}
        meant: set[str] = set()
        """The annotations that a misspelled word was probably meant to be."""
        for word in filter(lambda word: word.startswith("x-"), item.schema):
            if word in allowed:
                yield from self._value_problems(item, word, allowed[word])
            elif word in self._known:
                yield _at(item, f"/{word}", misplaced(item, "", word))
            elif close := get_close_matches(word.lower().replace("_", "-"), self._known, n=1, cutoff=0.75):
                meant |= set(close)
                yield _at(item, f"/{word}", f"{word!r} is not an annotation of Tidegate; did you mean {close[0]!r}?")
        if item.is_file:
            for word in self._required.get(item.kind, ()):
                if word not in item.schema and word not in meant:
                    yield _at(item, "", f"has no `{word}`: write {REQUIRED[word]}")
        yield from self._misplaced(item)

    def _belongs_to(self, item: Definition) -> Kind | None:
        """The folder of the annotation that `item` has, if it lacks what its folder needs."""
        own = self._required.get(item.kind, [])
        if not item.is_file or item.protocol or any(word in item.schema for word in own):
            return None
        return next(
            (kind for kind, words in self._required.items() if words and words[0] in item.schema and kind != item.kind),
            None,
        )

    def _value_problems(self, item: Definition, word: str, validator: Validator) -> Iterator[Problem]:
        locate = locator(item.schema[word])
        for error in validator.iter_errors(item.schema[word]):
            path = locate(error)
            place = next((str(step) for step in reversed(path) if isinstance(step, str)), word)
            reason = value_reason(item, word, path, error, self._names(place))
            if word == "x-resource" and path[:1] in (["unique"], ["indexes"]):
                path = path[:1]  # a list of names in place of a list of lists is one mistake
            yield _at(item, f"/{word}{pointer(path)}", reason)

    def _names(self, place: str) -> list[str]:
        """The names that the annotation, or the object inside it, with the name `place` may have."""
        for schema in self._meta.values():
            for where, sub in subschemas(schema):
                if where.endswith(f"/{place}") and isinstance(sub, dict) and "properties" in sub:
                    return list(sub["properties"])
        return []

    def _misplaced(self, item: Definition) -> Iterator[Problem]:
        """Tidegate's annotations below the root. An `x-access` on a property would look like protection and is none."""
        for place, schema in subschemas(item.schema):
            for word in schema if place and isinstance(schema, dict) else ():
                if word in self._known:
                    yield _at(item, f"{place}/{word}", misplaced(item, place, word))


def _table(columns: JsonSchema) -> Validator:
    row = {"type": "object", "properties": columns, "required": list(columns), "additionalProperties": False}
    return Draft202012Validator({"type": "object", "additionalProperties": row})


def _at(item: Definition, place: str, reason: str) -> Problem:
    return Problem(item.file, item.pointer + place, reason)
