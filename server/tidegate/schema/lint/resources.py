"""Checks resources: keys, references, tables, row rules, and names of derived types.

The schemas and their annotations must be well-formed; other modules check that first.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.json_pointer import escape
from tidegate.schema import filter_schemas
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.derive import SCALARS
from tidegate.schema.lint.row_rules import rule_problems
from tidegate.schema.problem import Problem
from tidegate.schema.resource import Resource, read_resource
from tidegate.schema.suggestions import suggestion

DERIVED = ("Create", "Update", "Filters", "Key")
"""The endings of the names of types derived from a row."""


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
        if item.schema.get("type") != "object":
            yield Problem(item.file, "/type", 'a row must be an object with properties: write "type": "object"')
            continue
        if not resource.properties:
            reason = 'a row must be an object with properties: write "properties": {"id": {"type": "integer"}, ...}'
            yield Problem(item.file, "/properties", reason)
            continue
        yield from _name_problems(item, resource, titles)
        yield from _key_problems(item, resource)
        yield from _list_problems(item, resource)
        if complete:
            yield from _reference_problems(item, resource, resources)
        yield from rule_problems(item, resource)
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
