"""Values in a schema that the schema itself does not allow: default, examples, enum, const.

Defaults of columns are the linter's: there a default that does not fit breaks each `create`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tidegate.schema.lint.whole_rows import misfit, misfits
from tidegate.schema.mistakes.site import Found, Site
from tidegate.schema.resource import JsonSchema, claim_of, kind_of

_BY_DATABASE = 'for a value that the database sets, write "readOnly": true in place of a default'
_BY_CLAIM = 'only a property of a resource is filled with a claim, which is written as "$user.id"'
_CODE = {
    **dict.fromkeys(("now()", "current_timestamp", "current_timestamp()", "getdate()", "datetime.now()"), _BY_DATABASE),
    **dict.fromkeys(("uuid()", "uuid4()", "gen_random_uuid()", "autoincrement()", "random()"), _BY_DATABASE),
    "$user": _BY_CLAIM,
}
"""What people write who expect a default to be computed, in lower case."""
_OF_VALUES = ("const", "default", "enum", "examples")


def unfitting_values(site: Site) -> Iterator[Found]:
    """Values that do not fit their own schema, an empty enum, and values twice in an enum."""
    schema = site.schema
    if "default" in schema and not site.is_column and (reason := _misfit(site, schema["default"], "default")):
        yield "/default", f"the default does not fit: {reason}; write a value that fits"
    filled = site.is_column and claim_of(schema.get("default")) is not None
    if (
        isinstance(schema.get("default"), str)
        and not filled
        and (meant := _CODE.get(_called(schema["default"]))) is not None
    ):
        yield "/default", f"a default is plain text, and nothing computes {schema['default']!r}; {meant}"
    for index, example in enumerate(schema.get("examples", ())):
        if reason := _misfit(site, example, "default", "examples"):
            yield f"/examples/{index}", f"the example does not fit: {reason}; write one that fits"
    if "const" in schema and (reason := _misfit(site, schema["const"], *_OF_VALUES)):
        yield "/const", f"no value fits: {reason}; `const` must fit the keywords beside it"
    if "enum" in schema:
        yield from _enum(site, schema["enum"])


def _called(text: str) -> str:
    """The name of what `text` would compute."""
    lower = text.strip().lower()
    return "$user" if lower.startswith("$user.") else lower


def _enum(site: Site, values: list[Any]) -> Iterator[Found]:
    if not values:
        yield "/enum", "no value fits: `enum` is empty; list the values that are allowed, or remove it"
    seen: dict[str, int] = {}
    reasons = misfits(_without(site, *_OF_VALUES), values, site.schemas)
    for index, (value, reason) in enumerate(zip(values, reasons, strict=True)):
        first = seen.setdefault(_identity(value), index)
        shown = json.dumps(value, ensure_ascii=False)
        if first != index:
            yield f"/enum/{index}", f"{shown} stands twice in `enum`; remove one"
        elif reason:
            yield f"/enum/{index}", f"{shown} never fits: {reason}; remove it, or change what is beside `enum`"
    yield from _idle_types(site.schema, values)


def _idle_types(schema: JsonSchema, values: list[Any]) -> Iterator[Found]:
    """Types of a list of types that no value of the enum has."""
    kinds = schema.get("type")
    if isinstance(kinds, list) and values:
        named = {kind for value in values for kind in _kinds(value)}
        for index, kind in enumerate(kinds):
            if kind not in named:
                reason = f"no value of `enum` is of the type {kind}: add {'null' if kind == 'null' else 'such a value'}"
                yield f"/type/{index}", f"{reason} to `enum`, or remove {kind!r} here"


def _kinds(value: Any) -> set[str]:
    """The types of JSON Schema that `value` has: 1.0 is an integer too."""
    kind = kind_of(value)
    if kind == "integer" or (kind == "number" and float(value).is_integer()):
        return {"integer", "number"}
    return {kind}


def _misfit(site: Site, value: Any, *without: str) -> str | None:
    return misfit(_without(site, *without), value, site.schemas)


def _without(site: Site, *words: str) -> JsonSchema:
    return {word: said for word, said in site.schema.items() if word not in words}


def _identity(value: Any) -> str:
    """A text that two values share exactly if JSON Schema takes them as equal: 1 is 1.0, and not true."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(name)}:{_identity(value[name])}' for name in sorted(value))}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_identity, value))}]"
    return json.dumps(value)
