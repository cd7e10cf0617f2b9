"""Checks what a row schema says of the whole row: names that no row has, defaults that do not fit, idle keywords.

A row has the properties of its schema and no others, because they are the columns of its table. So a rule about
another name can only be a mistake, and a property that comes from a `$ref` or an `allOf` is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from jsonschema_rs import Draft202012Validator, Validator

from tidegate.json_pointer import escape
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.derive import bounded
from tidegate.schema.formats import FORMATS
from tidegate.schema.problem import Problem
from tidegate.schema.regex import LINEAR
from tidegate.schema.resource import JsonSchema, follow, read_property
from tidegate.schema.subschemas import mapped
from tidegate.schema.suggestions import suggestion

BY_DATABASE = 'For a value that the database sets, write "readOnly": true in place of a default'
_URI = "tidegate:rows"


def whole_row_problems(schemas: Schemas, own: list[Definition]) -> Iterator[Problem]:
    """All problems of the resources in `own`."""
    for item in own:
        if item.kind == "resources" and item.is_file and item.schema.get("properties"):
            at = partial(Problem, item.file)
            for place, reason in (
                *_unknown_names(item.schema, schemas),
                *_idle_keywords(item.schema),
                *_unfitting_defaults(item.schema, schemas),
            ):
                yield at(place, reason)


def misfit(schema: JsonSchema, value: Any, schemas: Schemas) -> str | None:
    """Why `value` does not fit `schema`. None if it fits, or if that cannot be told here."""
    return next(misfits(schema, [value], schemas))


def misfits(schema: JsonSchema, values: Iterable[Any], schemas: Schemas) -> Iterator[str | None]:
    """`misfit` of each value."""
    try:
        validator = _validator(schema, schemas)
    except ValueError:  # the compiler of the schema reports it
        validator = None
    for value in values:
        error = None if validator is None else next(iter(validator.iter_errors(value)), None)
        yield None if error is None else error.message


def _unknown_names(row: JsonSchema, schemas: Schemas) -> Iterator[tuple[str, str]]:
    """Names in the rules for the whole row that are no property of it."""
    known = row["properties"]
    for place, schema in _about_row(row, "", schemas, frozenset()):
        names = [(f"{place}/required/{index}", name) for index, name in enumerate(schema.get("required", ()))]
        for word in ("dependentRequired", "dependentSchemas", *(["properties"] if schema is not row else [])):
            names += [(f"{place}/{word}/{escape(name)}", name) for name in schema.get(word, ())]
        for name, others in schema.get("dependentRequired", {}).items():
            names += [(f"{place}/dependentRequired/{escape(name)}/{index}", each) for index, each in enumerate(others)]
        for where, name in names:
            if name not in known:
                inside, through, _ = where.partition("/$ref/")
                reason = f"a row has no property {name!r}: its properties are those of `properties` at the top"
                yield inside + through.rstrip("/"), reason + suggestion(name, known)


def _about_row(schema: Any, place: str, schemas: Schemas, seen: frozenset[str]) -> Iterator[tuple[str, JsonSchema]]:
    """`schema` and the schemas inside it that are about the same row, each with its pointer."""
    if not isinstance(schema, dict):
        return
    yield place, schema
    inner = [(word, schema[word]) for word in ("if", "then", "else", "not") if word in schema]
    for word in ("allOf", "anyOf", "oneOf"):
        inner += [(f"{word}/{index}", sub) for index, sub in enumerate(schema.get(word, ()))]
    inner += [(f"dependentSchemas/{escape(name)}", sub) for name, sub in schema.get("dependentSchemas", {}).items()]
    for step, sub in inner:
        yield from _about_row(sub, f"{place}/{step}", schemas, seen)
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        try:
            target = follow(reference, schemas.by_key)
        except (KeyError, IndexError, ValueError):  # reported where the reference is read
            return
        yield from _about_row(target, f"{place}/$ref", schemas, seen | {reference})


def _idle_keywords(row: JsonSchema) -> Iterator[tuple[str, str]]:
    for word in ("additionalProperties", "unevaluatedProperties"):
        if isinstance(row.get(word), dict) and row[word]:
            yield f"/{word}", "a row has only its `properties`, which are columns: remove this, or write false"
    for pattern in row.get("patternProperties", {}):
        try:
            named = Draft202012Validator({"pattern": pattern}, pattern_options=LINEAR)
        except ValueError:  # `costs` reports it
            continue
        if not any(map(named.is_valid, row["properties"])):
            reason = "a row has only its `properties`, which are columns, and this pattern matches none of them"
            yield f"/patternProperties/{escape(pattern)}", reason


def _unfitting_defaults(row: JsonSchema, schemas: Schemas) -> Iterator[tuple[str, str]]:
    for name, schema in row["properties"].items():
        if isinstance(schema, dict) and "default" in schema:
            prop = read_property(name, schema, True, schemas.by_key)
            if prop.claim is not None:
                continue
            checked = {**(bounded(prop.schema) if prop.type == "integer" else schema), "default": schema["default"]}
            value = checked.pop("default")
            if (reason := misfit(checked, value, schemas)) is not None:
                place = f"/properties/{escape(name)}/default"
                made = f". {BY_DATABASE}" if prop.format in {"date-time", "uuid"} else ""
                yield place, f"the default does not fit: {reason}; each `create` without {name!r} would fail{made}"


def _validator(schema: JsonSchema, schemas: Schemas) -> Validator:
    return Draft202012Validator(
        mapped(schema, _absolute),
        registry=schemas.registry(_URI),
        validate_formats=True,
        formats=FORMATS,
        offline=True,
        pattern_options=LINEAR,
    )


def _absolute(_: str, schema: JsonSchema) -> JsonSchema:
    reference = schema.get("$ref")
    return {**schema, "$ref": _URI + reference} if isinstance(reference, str) else schema
