"""The words of JSON Schema, and the words that people write in their place: of other tools, languages and drafts."""

from __future__ import annotations

from typing import Any

from tidegate.schema.suggestions import suggestion

KEYWORDS = frozenset({
    "$anchor", "$comment", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$ref", "$schema", "$vocabulary",
    "additionalProperties", "allOf", "anyOf", "const", "contains", "contentEncoding", "contentMediaType",
    "contentSchema", "default", "definitions", "dependentRequired", "dependentSchemas", "deprecated", "description",
    "else", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "if", "items", "maxContains",
    "maxItems", "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties",
    "minimum", "multipleOf", "not", "oneOf", "pattern", "patternProperties", "prefixItems", "properties",
    "propertyNames", "readOnly", "required", "then", "title", "type", "unevaluatedItems", "unevaluatedProperties",
    "uniqueItems", "writeOnly",
})  # fmt: skip
TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

_TYPE_MEANT = {
    **dict.fromkeys(("str", "text", "char", "varchar", "password", "file", "binary", "bytes"), '"string"'),
    **dict.fromkeys(("int", "long", "short", "bigint", "smallint", "int32", "serial", "timestamp_ms"), '"integer"'),
    **dict.fromkeys(("float", "double", "decimal", "numeric", "real", "money", "currency"), '"number"'),
    **dict.fromkeys(("bool", "boolen", "flag", "yes/no"), '"boolean"'),
    **dict.fromkeys(("dict", "map", "hash", "struct", "record", "json", "{}"), '"object"'),
    **dict.fromkeys(("list", "tuple", "set", "collection", "[]"), '"array"'),
    **dict.fromkeys(("none", "nil", "undefined", "void"), '"null"'),
    **dict.fromkeys(("datetime", "date-time", "date_time", "timestamp"), '{"type": "string", "format": "date-time"}'),
    **{kind: f'{{"type": "string", "format": "{kind}"}}' for kind in ("date", "time", "uuid", "email", "uri")},
    "guid": '{"type": "string", "format": "uuid"}',
    "url": '{"type": "string", "format": "uri"}',
    "int64": '{"type": "string", "format": "int64"}, or "integer" for numbers up to 2^53',
    **dict.fromkeys(("any", "mixed", "unknown", "*"), "no `type` at all: without it every value is allowed"),
    "enum": '"enum": [...] in place of `type`',
    "ref": '"$ref": "FILE" in place of `type`',
}
"""In lower case: what to write."""
_WORD_MEANT = {
    **dict.fromkeys(("choices", "options", "values", "oneof_values", "allowed"), '"enum": [...]'),
    **dict.fromkeys(("regex", "regexp", "match", "matches"), '"pattern"'),
    **dict.fromkeys(("value", "equals"), '"const"'),
    **dict.fromkeys(("fields", "props", "attributes", "members"), '"properties"'),
    **dict.fromkeys(("readonly", "read_only"), '"readOnly": true'),
    **dict.fromkeys(("writeonly", "write_only", "secret"), '"writeOnly": true'),
    "optional": "nothing: a property that `required` does not name is optional",
    "ref": '"$ref"',
    "schema": '"$schema"',
    "defs": '"$defs"',
    "comment": '"$comment"',
    "desc": '"description"',
    "example": '"examples": [...]',
    "unique": '"unique": [["NAME"]] in x-resource, at the top of the file',
    "index": '"indexes": [["NAME"]] in x-resource, at the top of the file',
    **dict.fromkeys(("primarykey", "primary_key", "key"), '"key": "NAME" in x-resource, at the top of the file'),
    **dict.fromkeys(
        ("references", "foreignkey", "foreign_key"),
        '"references": {"NAME": "RESOURCE.NAME"} in x-resource, at the top of the file',
    ),
    **dict.fromkeys(("table", "tablename"), '"table": "NAME" in x-resource, at the top of the file'),
    **dict.fromkeys(("access", "permissions"), '"x-access": {...} at the top of the file'),
    "reply": '"x-reply" at the top of the file',
}
"""In lower case: what to write."""
_BY_KIND = {
    **dict.fromkeys(("min", "minval", "min_value"), ("minimum", "minLength", "minItems")),
    **dict.fromkeys(("max", "maxval", "max_value"), ("maximum", "maxLength", "maxItems")),
    **dict.fromkeys(("length", "size", "maxlen", "max_length"), ("maximum", "maxLength", "maxItems")),
}
"""{word: keyword for numbers, for strings, for arrays}"""


def keyword_hint(word: str, schema: dict[str, Any]) -> str:
    """What to write in place of the keyword `word` of `schema`. Empty if no keyword is similar."""
    lower = word.lower()
    if lower in _BY_KIND:
        numbers, strings, arrays = _BY_KIND[lower]
        kind = schema.get("type")
        return f"; did you mean {strings if kind == 'string' else arrays if kind == 'array' else numbers!r}?"
    if lower in _WORD_MEANT:
        return f"; write {_WORD_MEANT[lower]}"
    same = next((known for known in KEYWORDS if known.lower() == lower.replace("_", "").replace("-", "")), None)
    return f"; did you mean {same!r}?" if same else suggestion(word, KEYWORDS, 0.75)


def type_hint(kind: object) -> str | None:
    """What to write in place of the type `kind`. None if it is a type."""
    if kind in TYPES:
        return None
    known = f"; the types are {', '.join(TYPES)}"
    if not isinstance(kind, str):
        return known
    lower = kind.strip().lower()
    if lower.endswith(("?", "|null", "| null")):
        inner = lower.removesuffix("?").removesuffix("null").rstrip("| ")
        if inner in TYPES:
            return f'; write ["{inner}", "null"]'
    if lower.endswith("[]") or lower.startswith(("array<", "list<", "list[", "array[")):
        return '; write {"type": "array", "items": {"type": ...}}'
    if lower in TYPES:
        return f'; write "{lower}"'
    if lower in _TYPE_MEANT:
        return f"; write {_TYPE_MEANT[lower]}"
    return suggestion(lower, TYPES) or known
