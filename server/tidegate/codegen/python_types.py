"""Decides the classes and aliases of a generated Python module, with their fields, base classes and docstrings.

`python_type_of` decides the types of the fields; `python` writes the source.
Invariant: the base class of a Struct says whether its schema allows other properties.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tidegate.codegen.model import Named
from tidegate.codegen.objects import object_shape
from tidegate.codegen.python_classes import Classes, Tag, is_unfit
from tidegate.codegen.python_expressions import Expression
from tidegate.codegen.python_type_of import TypeOf

KEPT = "Other properties are allowed, and kept."


@dataclass(slots=True)
class Field:
    """A property of a class."""

    name: str
    kind: Expression
    required: bool
    doc: str


@dataclass(slots=True)
class Declared:
    """A class, or an alias if it has an expression."""

    name: str
    doc: str
    expression: Expression | None = None
    base: str = "Model"
    fields: list[Field] = field(default_factory=list)
    tag: Tag | None = None


def declared(types: Iterable[Named]) -> list[Declared]:
    """The classes and aliases of `types`, sorted by name; an alias comes after the types that it consists of."""
    classes = Classes(types)
    type_of = TypeOf(classes)
    found: list[Declared] = []
    for name in sorted(classes.named.keys() - classes.schemas.keys()):
        expression, notes = type_of.alias(name)
        found.append(Declared(name, _doc(classes.definitions[name], notes), expression))
    done: set[str] = set()
    while todo := sorted(classes.schemas.keys() - done):  # the fields of a class may need further classes
        found += [_class(name, classes, type_of) for name in todo]
        done.update(todo)
    for item in found:
        if item.expression is None:
            item.tag = classes.tags.get(item.name)
    return list(_ordered(found))


def _class(name: str, classes: Classes, type_of: TypeOf) -> Declared:
    place, schema = classes.schemas[name]
    named = classes.named.get(name)
    message = named is not None and named.tag is not None
    shape = object_shape(schema, classes.definitions)
    closed = shape.closed
    fields: list[Field] = []
    for prop, sub in shape.properties.items():
        if message and prop == "type":
            continue
        if is_unfit(prop):
            closed = False  # the value is kept like that of an unknown property
            continue
        kind, notes = type_of.schema(sub, place.at("properties", prop))
        fields.append(Field(prop, kind, prop in shape.required, _doc(sub, notes)))
    base = "OpenModel" if not closed else "Request" if named is not None and named.request else "Model"
    fields.sort(key=lambda item: not item.required)
    return Declared(name, _doc(schema, [] if closed else [KEPT]), None, base, fields)


def _doc(schema: Any, notes: list[str]) -> str:
    """The description of `schema`, what is deprecated about it, and `notes`."""
    parts = [schema, *schema.get("allOf", ())] if isinstance(schema, dict) else []
    said = [part for part in parts if isinstance(part, dict)]
    text = next((part["description"].strip() for part in said if str(part.get("description", "")).strip()), "")
    old = ["Deprecated."] if any(part.get("deprecated") is True for part in said) else []
    more = " ".join([*old, *dict.fromkeys(notes)])
    return f"{text}\n\n{more}" if text and more else text or more


def _ordered(found: list[Declared]) -> Iterator[Declared]:
    by_name = {item.name: item for item in found}
    done: set[str] = set()

    def visit(name: str) -> Iterator[Declared]:
        if name in done:
            return
        done.add(name)
        item = by_name[name]
        for needed in sorted(item.expression.names if item.expression is not None else ()):
            yield from visit(needed)
        yield item

    for name in sorted(by_name):
        yield from visit(name)
