"""Finds keywords that can never say anything, and schemas that no value fits: they can only be mistakes.

The gateway serves such a schema, because JSON Schema allows it. `tidegate check` reports it.
Invariant: what is reported is so for every value, whatever else the schema says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.int64 import FORMAT as INT64
from tidegate.schema.definition import Schemas
from tidegate.schema.lint.whole_rows import unfitting_default
from tidegate.schema.problem import Problem
from tidegate.schema.resource import JsonSchema, kind_of, resolved
from tidegate.schema.subschemas import subschemas

_OF_KINDS: dict[str, frozenset[str]] = {
    "strings": frozenset({"minLength", "maxLength", "pattern"}),
    "numbers": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
    "arrays": frozenset({
        "contains", "items", "maxContains", "maxItems", "minContains", "minItems", "prefixItems", "unevaluatedItems",
        "uniqueItems",
    }),
    "objects": frozenset({
        "additionalProperties", "dependentRequired", "dependentSchemas", "maxProperties", "minProperties",
        "patternProperties", "properties", "propertyNames", "required", "unevaluatedProperties",
    }),
}  # fmt: skip
"""Keywords that say something of values of one kind only."""
_TYPES = {
    "strings": {"string"},
    "numbers": {"integer", "number"},
    "arrays": {"array"},
    "objects": {"object"},
}
_TEXT_FORMATS = frozenset({
    "date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "ipv4", "ipv6", "iri",
    "iri-reference", "json-pointer", "regex", "relative-json-pointer", "time", "uri", "uri-reference", "uri-template",
    "uuid",
})  # fmt: skip
_NEEDS = {
    "then": ("if",),
    "else": ("if",),
    "if": ("then", "else"),
    "minContains": ("contains",),
    "maxContains": ("contains",),
}
"""{keyword: keywords of which at least one must stand beside it}"""
_LIMITS = (
    ("minLength", "maxLength"),
    ("minimum", "maximum"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)


def dead_keywords(schemas: Schemas) -> list[Problem]:
    """All such keywords, in the order of files and pointers. For schemas that the linter has no problems with."""
    found: set[Problem] = set()
    for item in schemas.definitions:
        if item.protocol and not schemas.defines_protocol:
            continue
        row = item.kind == "resources" and item.is_file
        for place, schema in subschemas(item.schema):
            if isinstance(schema, dict):
                of_column = row and place.startswith("/properties/") and place.count("/") == 2
                reasons = [*_reasons(schema, schemas), *([] if of_column else _default(schema, schemas))]
                found |= {Problem(item.file, f"{item.pointer}{place}/{word}", reason) for word, reason in reasons}
    return sorted(found)


def _reasons(schema: JsonSchema, schemas: Schemas) -> Iterator[tuple[str, str]]:
    """(keyword, why it is dead)."""
    kinds = _kinds(schema, schemas)
    for kind, words in _OF_KINDS.items() if kinds is not None else ():
        if kinds is not None and not _TYPES[kind] & kinds:
            for word in words & schema.keys():
                yield word, f"`{word}` says something of {kind} only, and the value is {_named(kinds)}"
    if kinds is not None and "string" not in kinds:
        yield from _format(schema.get("format"), kinds)
    for word, others in _NEEDS.items():
        if word in schema and not any(other in schema for other in others):
            yield word, f"`{word}` says nothing without {' or '.join(f'`{other}`' for other in others)}"
    for least, most in _LIMITS:
        if _number(schema.get(least)) and _number(schema.get(most)) and schema[least] > schema[most]:
            yield least, f"no value fits: `{least}` is above `{most}`"
    if kinds is not None and "enum" in schema:
        for value in schema["enum"]:
            if not _is_of(value, kinds):
                yield "enum", f"{value!r} never fits: the value is {_named(kinds)}"
    if kinds is not None and "const" in schema and not _is_of(schema["const"], kinds):
        yield "const", f"no value fits: the value is {_named(kinds)}"


def _format(name: Any, kinds: frozenset[str]) -> Iterator[tuple[str, str]]:
    if name == INT64:
        yield "format", "`format: int64` is for strings: integers beyond 2^53 are text on the wire"
    elif name in _TEXT_FORMATS:
        yield "format", f"`format: {name}` says something of strings only, and the value is {_named(kinds)}"


def _default(schema: JsonSchema, schemas: Schemas) -> Iterator[tuple[str, str]]:
    if "default" in schema and (reason := unfitting_default(schema, schemas)) is not None:
        yield "default", reason


def _kinds(schema: JsonSchema, schemas: Schemas) -> frozenset[str] | None:
    """The JSON types that `type` allows, here or in the target of a `$ref`. None if it is not said there."""
    kinds = schema.get("type")
    if kinds is None and "$ref" in schema:
        try:
            kinds = resolved({"$ref": schema["$ref"]}, schemas.by_key).get("type")
        except (KeyError, IndexError, ValueError):
            return None
    return None if kinds is None else frozenset([kinds] if isinstance(kinds, str) else kinds)


def _is_of(value: Any, kinds: frozenset[str]) -> bool:
    kind = kind_of(value)
    return kind in kinds or (kind in {"integer", "number"} and bool({"integer", "number"} & kinds))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _named(kinds: frozenset[str]) -> str:
    return " or ".join(
        f"a{'n' if kind[0] in 'aeiou' else ''} {kind}" if kind != "null" else kind for kind in sorted(kinds)
    )
