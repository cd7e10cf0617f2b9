"""Keywords that can never say anything, and bounds that leave no value.

Invariant: what is reported is so for every value, whatever else the schema says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.int64 import FORMAT as INT64
from tidegate.schema.definition import Schemas
from tidegate.schema.keywords import OF_ONE_TYPE
from tidegate.schema.mistakes.formats import TEXT_FORMATS
from tidegate.schema.mistakes.site import Found, Site
from tidegate.schema.resource import JsonSchema, resolved

OF_KINDS: dict[str, frozenset[str]] = {f"{kind}s": words for kind, words in OF_ONE_TYPE.items()}
"""Keywords that say something of values of one kind only."""
_TYPES = {
    "strings": {"string"},
    "numbers": {"integer", "number"},
    "arrays": {"array"},
    "objects": {"object"},
}
_NEEDS = {
    "then": ("if",),
    "else": ("if",),
    "if": ("then", "else"),
    "minContains": ("contains",),
    "maxContains": ("contains",),
}
"""{keyword: keywords of which at least one must stand beside it}"""
_TWINS = (
    ("minLength", "minimum", "minItems", "minProperties"),
    ("maxLength", "maximum", "maxItems", "maxProperties"),
)
"""Keywords with the same meaning for strings, numbers, arrays and objects."""
_LIMITS = (
    ("minLength", "maxLength"),
    ("minimum", "maximum"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minContains", "maxContains"),
)


def dead_keywords(site: Site) -> Iterator[Found]:
    """Keywords at `site` that say nothing."""
    for word, reason in _reasons(site.schema, site.schemas):
        yield f"/{word}", reason


def _reasons(schema: JsonSchema, schemas: Schemas) -> Iterator[tuple[str, str]]:
    """(keyword, why it is dead)."""
    kinds = _kinds(schema, schemas)
    for kind, words in OF_KINDS.items() if kinds is not None else ():
        if kinds is not None and not _TYPES[kind] & kinds:
            for word in words & schema.keys():
                yield (
                    word,
                    f"`{word}` says something of {kind} only, and the value is {_named(kinds)}{_twin(word, kinds)}",
                )
    if kinds is not None and "string" not in kinds:
        yield from _format(schema.get("format"), kinds)
    for word, others in _NEEDS.items():
        if word in schema and not any(other in schema for other in others):
            yield word, f"`{word}` says nothing without {' or '.join(f'`{other}`' for other in others)}"
    for least, most in _LIMITS:
        if _number(schema.get(least)) and _number(schema.get(most)) and schema[least] > schema[most]:
            yield least, f"no value fits: `{least}` is above `{most}`; swap the two numbers"


def _twin(word: str, kinds: frozenset[str]) -> str:
    """The keyword that says of values of these kinds what `word` says of others."""
    for twins in _TWINS:
        if word in twins:
            for kind, twin in zip(("string", "number", "array", "object"), twins, strict=True):
                if kind in kinds or (kind == "number" and "integer" in kinds):
                    return f"; did you mean {twin!r}?"
    return "; remove it, or change `type`"


def _format(name: Any, kinds: frozenset[str]) -> Iterator[tuple[str, str]]:
    if name == INT64:
        yield "format", "`format: int64` is for strings: integers beyond 2^53 are text on the wire"
    elif name in TEXT_FORMATS:
        yield "format", f"`format: {name}` says something of strings only, and the value is {_named(kinds)}"


def _kinds(schema: JsonSchema, schemas: Schemas) -> frozenset[str] | None:
    """The JSON types that `type` allows, here or in the target of a `$ref`. None if it is not said there."""
    kinds = schema.get("type")
    if kinds is None and "$ref" in schema:
        try:
            kinds = resolved({"$ref": schema["$ref"]}, schemas.by_key).get("type")
        except (KeyError, IndexError, ValueError):
            return None
    return None if kinds is None else frozenset([kinds] if isinstance(kinds, str) else kinds)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _named(kinds: frozenset[str]) -> str:
    return " or ".join(
        f"a{'n' if kind[0] in 'aeiou' else ''} {kind}" if kind != "null" else kind for kind in sorted(kinds)
    )
