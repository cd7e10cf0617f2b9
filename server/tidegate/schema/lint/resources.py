"""Checks resources: keys, references, tables, row rules, and names of derived types.

The schemas and their annotations must be well-formed; other modules check that first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from tidegate.schema import filter_schemas
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.derive import SCALARS
from tidegate.schema.formats import FORMATS
from tidegate.schema.instance_path import locator
from tidegate.schema.problem import Problem
from tidegate.schema.resource import REF_PREFIX, Resource, read_resource
from tidegate.schema.subschemas import escape, pointer
from tidegate.schema.suggestions import suggestion

DERIVED = ("Create", "Update", "Filters", "Key")
"""The endings of the names of types derived from a row."""
CLAIM = re.compile(r"\$user\.[^.]")
LIKE_A_CLAIM = re.compile(r"\$(\w+\.|user)", re.IGNORECASE)
NO_VALUE = 'is neither a value of this property nor a claim such as "$user.id"'


def resource_problems(schemas: Schemas, own: list[Definition]) -> Iterator[Problem]:
    """All problems of the resources in `own`."""
    files = [item for item in own if item.kind == "resources" and item.is_file]
    resources = {item.name: read_resource(item.name, item.schema, schemas.by_key) for item in files}
    complete = len(files) == sum(item.kind == "resources" and item.is_file for item in schemas.definitions)
    complete = complete and not any(file.startswith("resources/") for file in schemas.unreadable)
    tables: dict[str, str] = {}
    titles = {item.title for item in schemas.definitions if not item.protocol}
    for item in files:
        resource = resources[item.name]
        if item.schema.get("type") != "object" or not resource.properties:
            yield Problem(item.file, "/type", "a row must be an object with properties")
            continue
        yield from _name_problems(item, resource, titles)
        yield from _key_problems(item, resource)
        yield from _list_problems(item, resource)
        if complete:
            yield from _reference_problems(item, resource, resources)
        yield from _rule_problems(item, resource)
        other = tables.setdefault(resource.table.lower(), item.file)
        if other != item.file:
            yield Problem(item.file, "/x-resource/table", f"{resource.table!r} is already the table of {other}")


def _name_problems(item: Definition, resource: Resource, titles: set[str]) -> Iterator[Problem]:
    for taken in sorted(titles & {resource.title + suffix for suffix in DERIVED}):
        yield Problem(
            item.file,
            "/title",
            f"the title {taken!r} is already in use, but it is also the name of a type derived from this schema",
        )
    for name in filter_schemas.COMBINERS:
        if name in resource.properties:
            yield Problem(
                item.file, f"/properties/{name}", f"{name!r} is a word of the filter language; choose another name"
            )


def _key_problems(item: Definition, resource: Resource) -> Iterator[Problem]:
    for name in resource.key:
        prop = resource.properties.get(name)
        if prop is None:
            yield Problem(
                item.file, "/x-resource/key", f"there is no property {name!r}{suggestion(name, resource.properties)}"
            )
        elif not (prop.required or prop.read_only):
            yield Problem(item.file, "/x-resource/key", f"{name!r} must be `required` or `readOnly`")
        elif prop.type not in SCALARS or prop.nullable:
            yield Problem(item.file, "/x-resource/key", f"{name!r} must be a string, a number or a boolean, never null")
        elif prop.write_only:
            yield Problem(item.file, "/x-resource/key", f"{name!r} is `writeOnly`: clients could not refer to a row")


def _list_problems(item: Definition, resource: Resource) -> Iterator[Problem]:
    for word, lists in (("unique", resource.unique), ("indexes", resource.indexes)):
        for index, names in enumerate(lists):
            for position, name in enumerate(names):
                if name not in resource.properties:
                    place = f"/x-resource/{word}/{index}/{position}"
                    yield Problem(
                        item.file, place, f"there is no property {name!r}{suggestion(name, resource.properties)}"
                    )


def _reference_problems(item: Definition, resource: Resource, resources: dict[str, Resource]) -> Iterator[Problem]:
    for name, (target, prop) in resource.references.items():
        place = f"/x-resource/references/{escape(name)}"
        if name not in resource.properties:
            yield Problem(item.file, place, f"there is no property {name!r}{suggestion(name, resource.properties)}")
        if target not in resources:
            yield Problem(item.file, place, f"there is no resource {target!r}{suggestion(target, resources)}")
        elif prop not in resources[target].properties:
            hint = suggestion(prop, resources[target].properties)
            yield Problem(item.file, place, f"{target!r} has no property {prop!r}{hint}")
        elif not _identifies(resources[target], prop):
            yield Problem(item.file, place, f"{prop!r} is neither the key of {target!r} nor unique there")
        elif name in resource.properties:
            own, other = resource.properties[name], resources[target].properties[prop]
            if own.is_int64 != other.is_int64:  # clients compare "7" with 7
                which = f"{name!r} has the format int64 and {target}.{prop} has not"
                which = which if own.is_int64 else f"{target}.{prop} has the format int64 and {name!r} has not"
                yield Problem(item.file, place, f"{which}: both must be text, or both numbers")


def _identifies(resource: Resource, prop: str) -> bool:
    if not all(name in resource.properties for name in resource.key):  # that is the mistake
        return True
    return resource.key == (prop,) or (prop,) in resource.unique


def _rule_problems(item: Definition, resource: Resource) -> Iterator[Problem]:
    """Problems of row rules: filters in which claims such as "$user.id" may replace values."""
    rules = {
        f"/x-access/{action}{place}/where": rule["where"]
        for action, said in resource.access.items()
        for place, rule in ([("", said)] if isinstance(said, dict) else _numbered(said))
        if isinstance(rule, dict)
    }
    if not rules:
        return
    key = "Rule"
    schema = filter_schemas.filters_schema(resource, key=key, claims=True)
    validator = Draft202012Validator(
        {"$ref": REF_PREFIX + key, "$defs": {key: schema}}, validate_formats=True, formats=FORMATS, offline=True
    )
    names = {prop.name for prop in filter_schemas.filterable(resource)}
    for place, where in rules.items():
        locate = locator(where)
        unlike = {inside: text for inside, text in _texts(where) if LIKE_A_CLAIM.match(text) and not CLAIM.match(text)}
        for inside, text in unlike.items():  # "ne" with such a text would match every row
            yield Problem(item.file, place + inside, f'{text!r} is not a claim; a claim looks like "$user.id"')
        for error in map(_innermost, validator.iter_errors(where)):
            if (inside := pointer(locate(error))) not in unlike:
                yield Problem(item.file, place + inside, _rule_reason(error, resource, names))


def _rule_reason(error: ValidationError, resource: Resource, names: set[str]) -> str:
    kind: Any = error.kind
    if kind.name == "anyOf":
        return NO_VALUE
    if kind.name != "additionalProperties":
        return error.message
    hidden = [name for name in kind.unexpected if name in resource.properties and name not in names]
    if hidden:
        why = "is `writeOnly`" if resource.properties[hidden[0]].write_only else "has values that no filter compares"
        return f"a rule cannot ask for {hidden[0]!r}, which {why}"
    reason = "; ".join(f"there is no property {name!r}" for name in kind.unexpected)
    return reason + "".join(suggestion(name, names) for name in kind.unexpected)


def _texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """(pointer, text) of every text in a rule."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(inner, f"{place}/{escape(name)}")


def _numbered(rules: Any) -> list[tuple[str, Any]]:
    return [(f"/{number}", rule) for number, rule in enumerate(rules)] if isinstance(rules, list) else []


def _innermost(error: ValidationError) -> ValidationError:
    """The error of the closest alternative: the one with the deepest error, or an error about a name."""
    kind: Any = error.kind
    while kind.name == "anyOf":
        inner = max((one for branch in kind.context for one in branch), key=_closeness)
        if _closeness(inner) <= _closeness(error):
            break
        error, kind = inner, inner.kind
    return error


def _closeness(error: ValidationError) -> tuple[int, bool]:
    kind: Any = error.kind
    return len(error.instance_path), kind.name == "additionalProperties"
