"""Checks the keywords of JSON Schema in a file: unknown words, and values that a keyword cannot have.

Each problem says what to write instead. It knows words and values, not what a schema means.
Invariant: a mistake in one keyword is one problem, at the keyword.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError, Validator

from tidegate.json_pointer import escape, pointer
from tidegate.schema.instance_path import locator
from tidegate.schema.lint.words import KEYWORDS, keyword_hint, type_hint
from tidegate.schema.older.dialects import DIALECT
from tidegate.schema.older.explanations import explanation
from tidegate.schema.resource import kind_of
from tidegate.schema.subschemas import MANY, NAMED, ONE, subschemas

Found = tuple[str, str]
"""(pointer into the schema, what is wrong and what to write)"""

MIXED = "names of properties stand in `properties`"
_LISTS_OF_NAMES = frozenset({"required", "dependentRequired"})
_COUNTS = frozenset({
    "maxContains", "maxItems", "maxLength", "maxProperties", "minContains", "minItems", "minLength", "minProperties",
})  # fmt: skip
_NUMBERS = frozenset({"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"})
_FLAGS = frozenset({"deprecated", "readOnly", "uniqueItems", "writeOnly"})


def keyword_problems(schema: Any) -> Iterator[Found]:
    """All problems of keywords in `schema` and the schemas inside it."""
    locate = locator(schema)
    bad: dict[str, str] = {}
    for error in _meta_validator().iter_errors(schema):  # it visits a schema once for each vocabulary
        path = locate(error)
        bad.setdefault(pointer(path), _value_reason(path, error))
    yield from bad.items()
    mixed = {place.rpartition("/")[0] for place, reason in bad.items() if MIXED in reason}
    for place, sub in subschemas(schema):
        if isinstance(sub, dict) and not any(place.startswith(f"{where}/") for where in mixed):
            yield from _unknown_words(place, sub)


def _unknown_words(place: str, schema: dict[str, Any]) -> Iterator[Found]:
    unknown = [word for word in schema if word not in KEYWORDS and not word.startswith("x-")]
    lost = [word for word in unknown if _looks_like_schema(schema[word]) and not _known(word, schema)]
    if lost and "properties" not in schema:
        named = ", ".join(map(repr, lost))
        reason = f"not a keyword of JSON Schema: {named}; properties stand inside `properties`: "
        yield place, reason + f'write "properties": {{{json.dumps(lost[0])}: ...}}'
        unknown = [word for word in unknown if word not in lost]
    for word in unknown:
        if (older := explanation(word, schema)) is not None:
            yield f"{place}/{escape(word)}", older
            continue
        hint = keyword_hint(word, schema)
        yield f"{place}/{escape(word)}", f"{word!r} is not a keyword of JSON Schema{hint}"


def _known(word: str, schema: dict[str, Any]) -> bool:
    return bool(keyword_hint(word, schema)) or explanation(word, schema) is not None


def _looks_like_schema(value: Any) -> bool:
    return isinstance(value, dict) and bool(KEYWORDS & value.keys())


def _value_reason(path: list[str | int], error: ValidationError) -> str:
    """Why the value at `path` is refused by the meta-schema, and what to write."""
    word, value = _keyword_at(path), error.instance
    if word == "type":
        return type_reason(value)
    if word is None:
        return _not_a_schema(path, value)
    if word in _LISTS_OF_NAMES:
        return _not_names(path, word, value)
    if word in _NUMBERS | _COUNTS:
        return _not_a_number(word, value)
    if word in _FLAGS:
        return f"`{word}` must be true or false, without quotation marks"
    if word in {"enum", "examples"}:
        return f"`{word}` must be a list: write {json.dumps([value])}"
    if word in MANY:
        return f"`{word}` must be a list with at least one schema: [{{...}}, {{...}}]"
    if word in NAMED:
        return f"`{word}` must be an object with a schema for each name: {{NAME: {{...}}}}"
    if kind_of(value) != "string":
        return f"`{word}` must be a text"
    return f"`{word}`: {error.message}"


def _keyword_at(path: list[str | int]) -> str | None:
    """The keyword whose value is at `path`, or inside it. None if a schema should stand there."""
    expects_schema = True
    word: str | None = None
    steps = iter(path)
    for step in steps:
        if not expects_schema:
            return word
        word, expects_schema = str(step), str(step) in ONE
        if word in NAMED | MANY:
            if next(steps, None) is None:
                return word
            expects_schema = True
    return None if expects_schema else word


def type_reason(value: Any) -> str:
    """Why `value` is no `type`."""
    kinds = value if isinstance(value, list) else [value]
    if not kinds:
        return "`type` names no type; write a type, or remove it"
    wrong = next((kind for kind in kinds if type_hint(kind) is not None), None)
    if wrong is None:
        return "`type` names a type twice"
    return f"{json.dumps(wrong)} is not a type of JSON{type_hint(wrong)}"


def _not_a_schema(path: list[str | int], value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    if len(path) >= 2 and path[-2] == "properties" and path[-1] in KEYWORDS and not isinstance(value, dict):
        return f"{shown} is not a schema: {MIXED}, and a keyword such as `{path[-1]}` beside it"
    if isinstance(value, str):
        if value.lower() in {"true", "false"}:
            return f"{shown} is not a schema: write {value.lower()} without quotation marks"
        if type_hint(value) is None:
            return f'{shown} is not a schema: write {{"type": {shown}}}'
    if isinstance(value, list) and path and path[-1] == "items":
        return '`items` must be one schema for all items; a list of schemas, one for each place, is "prefixItems"'
    return f'{shown} is not a schema: write an object of keywords, such as {{"type": "string"}}'


def _not_names(path: list[str | int], word: str, value: Any) -> str:
    if isinstance(value, bool):
        owner = path[-2] if len(path) >= 2 and path[-2:-1] != ["properties"] else "NAME"
        named = f'"required": [{json.dumps(owner)}]'
        return f"`required` is a list of names, and stands beside `properties`: write {named} there"
    if isinstance(value, str):
        return f"`{word}` must be a list of names: write {json.dumps([value])}"
    twice = next((name for name in value if value.count(name) > 1), None) if isinstance(value, list) else None
    if isinstance(twice, str):
        return f"`{word}` names {twice!r} twice; remove one"
    return f"`{word}` must be a list of names, each once"


def _not_a_number(word: str, value: Any) -> str:
    if isinstance(value, bool):
        limit = "minimum" if "inimum" in word else "maximum"
        return f'`{word}` must be a number: write "{word}": NUMBER in place of "{limit}"'
    if isinstance(value, str):
        return f"`{word}` must be a number: write {value} without quotation marks" if _numeric(value) else (
            f"`{word}` must be a number"
        )  # fmt: skip
    if word in _COUNTS:
        return f"`{word}` must be a whole number from 0"
    return f"`{word}` must be a number above 0" if word == "multipleOf" else f"`{word}` must be a number"


def _numeric(text: str) -> bool:
    try:
        return isinstance(json.loads(text), int | float)
    except ValueError:
        return False


@lru_cache(maxsize=1)
def _meta_validator() -> Validator:
    return Draft202012Validator({"$ref": DIALECT}, offline=True)
