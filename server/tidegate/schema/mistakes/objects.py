"""Hints at what objects allow: names in `required` that no property has, and schemas without a `type`.

Both are valid, and both are meant at times: an open object may require what it does not describe.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from jsonschema_rs import Draft202012Validator

from tidegate.schema.mistakes.dead_keywords import OF_KINDS
from tidegate.schema.mistakes.site import Found, Site
from tidegate.schema.regex import LINEAR
from tidegate.schema.suggestions import suggestion

_KIND_SAID_ELSEWHERE = frozenset({"$ref", "allOf", "anyOf", "const", "enum", "oneOf", "type"})
_NAMES_SAID_ELSEWHERE = frozenset({
    "$ref", "allOf", "anyOf", "dependentSchemas", "if", "oneOf", "patternProperties", "unevaluatedProperties",
})  # fmt: skip
_TYPE_OF = {"strings": "string", "numbers": "number", "arrays": "array", "objects": "object"}
_OTHER_VALUE = {"strings": 5, "numbers": "text", "arrays": "text", "objects": "text"}


def untyped_hints(site: Site) -> Iterator[Found]:
    """A schema without `type` whose keywords say something of values of one kind only."""
    schema = site.schema
    if site.role != "value" or _KIND_SAID_ELSEWHERE & schema.keys():
        return
    kinds = [kind for kind, words in OF_KINDS.items() if words & schema.keys()]
    if len(kinds) == 1:
        word = next(word for word in schema if word in OF_KINDS[kinds[0]])
        yield (
            "",
            (
                f"`{word}` says something of {kinds[0]} only, so that any other value is allowed here, such as "
                f'{json.dumps(_OTHER_VALUE[kinds[0]])}; did you mean "type": "{_TYPE_OF[kinds[0]]}"?'
            ),
        )


def idle_flags(site: Site) -> Iterator[Found]:
    """`readOnly` and `writeOnly` where no row is: they say something of the properties of rows only."""
    if site.is_column or site.item.kind == "types" or not site.item.is_file:
        return
    for word in ("readOnly", "writeOnly"):
        if site.schema.get(word) is True:
            yield f"/{word}", f"`{word}` says nothing here: it is for the properties of rows; remove it"


def required_hints(site: Site) -> Iterator[Found]:
    """Names in `required` of an open object that none of its properties has."""
    schema = site.schema
    known = schema.get("properties", {})
    if site.role != "value" or site.is_row or not known or _NAMES_SAID_ELSEWHERE & schema.keys():
        return
    if schema.get("additionalProperties", True) is True:
        for index, name in enumerate(schema.get("required", ())):
            if name not in known:
                hint = suggestion(name, known) or "; add it to `properties`, so that its value is checked"
                yield f"/required/{index}", f"no property is called {name!r}{hint}"


def unmatched_required(site: Site) -> Iterator[Found]:
    """Names in `required` of a closed object that neither a property nor a pattern allows. (The linter finds those
    of objects without patterns.)"""
    schema = site.schema
    patterns = schema.get("patternProperties", {})
    if site.is_row or schema.get("additionalProperties") is not False or not patterns:
        return
    allowed = [Draft202012Validator({"pattern": pattern}, pattern_options=LINEAR) for pattern in patterns]
    for index, name in enumerate(schema.get("required", ())):
        if name not in schema.get("properties", {}) and not any(one.is_valid(name) for one in allowed):
            reason = f"{name!r} is required, but no property and no pattern allows it"
            yield f"/required/{index}", reason + suggestion(name, schema.get("properties", {}))
