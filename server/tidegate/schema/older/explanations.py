"""What to write in place of a word of older drafts or of OpenAPI, for the linter's problems."""

from __future__ import annotations

import json
from typing import Any

_FIXED = {
    "$recursiveAnchor": 'was for schemas that others extend; name the schema in "$defs" and refer to it',
    "$recursiveRef": 'is "$ref": "#" in draft 2020-12',
    "disallow": 'is of draft-03: write "not": {"type": ...}',
    "divisibleBy": 'is of draft-03: write "multipleOf"',
    "extends": 'is of draft-03: write "allOf": [{"$ref": ...}]',
    "externalDocs": 'is of OpenAPI and has no meaning here: move the address into "description"',
    "links": "is of Hyper-Schema and has no meaning here: remove it",
    "media": 'is of Hyper-Schema: write "contentEncoding" and "contentMediaType"',
    "xml": "is of OpenAPI and has no meaning for JSON: remove it",
}


def explanation(word: str, schema: dict[str, Any]) -> str | None:
    """What `word` of `schema` was, and what to write. None if it is no word of an older draft or of OpenAPI."""
    value = schema.get(word)
    if word in _FIXED:
        return f"{word!r} {_FIXED[word]}"
    if word == "id" and isinstance(value, str):
        return f'\'id\' is "$id" since draft-06: write "$id": {json.dumps(value)}, or remove it'
    if word == "additionalItems":
        if isinstance(schema.get("items"), list):
            return '\'additionalItems\' is "items" in draft 2020-12, beside "prefixItems"'
        return "'additionalItems' had no effect without a list in `items`: remove it"
    if word == "dependencies" and isinstance(value, dict):
        return _dependencies(value)
    if word == "nullable" and isinstance(value, bool):
        return _nullable(schema)
    if word == "discriminator":
        return _discriminator(value)
    if word == "example":
        return f"'example' is of OpenAPI: write \"examples\": {_short([value])}"
    return None


def _dependencies(value: dict[str, Any]) -> str:
    names = '"dependentRequired" for lists of names'
    schemas = '"dependentSchemas" for schemas'
    lists = [isinstance(one, list) for one in value.values()]
    wanted = names if all(lists) else schemas if not any(lists) else f"{names} and {schemas}"
    return f"'dependencies' is of draft-07 and before: write {wanted}"


def _nullable(schema: dict[str, Any]) -> str:
    said = "'nullable' is of OpenAPI 3.0"
    if schema["nullable"] is False:
        return f"{said}: remove it, a value may not be null unless `type` says so"
    kind = schema.get("type")
    if isinstance(kind, str):
        also = ", and null in `enum` if it may be null" if "enum" in schema else ""
        return f'{said}: write "type": {json.dumps([kind, "null"])}{also}'
    if "$ref" in schema:
        return f'{said}: write "anyOf": [{{"$ref": {json.dumps(schema["$ref"])}}}, {{"type": "null"}}]'
    return f'{said}: add {{"type": "null"}} to the alternatives'


def _discriminator(value: Any) -> str:
    name = value.get("propertyName", "kind") if isinstance(value, dict) else "kind"
    write = f'"required": [{json.dumps(name)}], "properties": {{{json.dumps(name)}: {{"const": ...}}}}'
    return (
        "'discriminator' is of OpenAPI and decides nothing in JSON Schema: each alternative of `oneOf` says by itself "
        f"which values it is for: write {write} in each, and remove the word"
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else "[...]"
