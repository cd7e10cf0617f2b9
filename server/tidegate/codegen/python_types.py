"""Decides the Python type of every schema: which objects become Structs, which unions have tags, what stays a dict.

It reads the schemas themselves, through `objects`; `python` writes the source. A definition is a class or an alias,
and an object with properties inside a definition becomes a class beside it.
Invariant: msgspec accepts each type, and it holds every value that its schema accepts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tidegate.codegen import python_expressions as py
from tidegate.codegen.model import Named
from tidegate.codegen.names import type_name, unique, words
from tidegate.codegen.objects import Tagged, conjuncts, dissolved, kinds, object_shape, tagged, target
from tidegate.codegen.python_expressions import Expression
from tidegate.int64 import FORMAT
from tidegate.schema.resource import REF_PREFIX, JsonSchema, kind_of
from tidegate.schema.subschemas import subschemas


def unescape(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


KEPT = "Other properties are allowed, and kept."
_UNFIT = frozenset('"\\')
_OTHER_KINDS = ("array", "string", "integer", "number", "boolean", "null")
_DECISIVE = frozenset({
    "$ref", "additionalProperties", "allOf", "anyOf", "const", "enum", "items", "oneOf", "patternProperties",
    "prefixItems", "properties", "type",
})  # fmt: skip
"""The keywords that a type depends on."""
_LONGEST_TUPLE = 32


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
    tag: tuple[str, str | int] | None = None
    message: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """A schema inside a definition: the name of the definition, and the steps to the schema."""

    title: str
    steps: tuple[str, ...] = ()

    def at(self, *steps: str | int) -> _Place:
        return _Place(self.title, (*self.steps, *map(str, steps)))


def declared(types: Iterable[Named]) -> list[Declared]:
    """The classes and aliases of `types`, sorted by name; an alias comes after the types that it consists of."""
    return list(_ordered(_Types(types).all()))


class _Types:
    """The types of one module while they are being decided."""

    def __init__(self, types: Iterable[Named]) -> None:
        self._named = {named.name: named for named in types}
        self._definitions = {name: named.schema for name, named in self._named.items()}
        self._places = {
            id(sub): _Place(name, tuple(map(unescape, pointer.split("/")[1:])))
            for name, named in self._named.items()
            for pointer, sub in subschemas(named.schema)
            if isinstance(sub, dict)
        }
        self._classes: dict[_Place, str] = {}
        self._schemas: dict[str, tuple[_Place, JsonSchema]] = {}
        """The schema of each class, by its name."""
        self._aliases: dict[str, Expression] = {}
        self._tags: dict[str, tuple[str, str | int]] = {}
        self._open: list[str] = []
        """The aliases and references that are being decided."""
        self._notes: list[str] = []
        for name, named in sorted(self._named.items()):
            if self._is_class(named):
                self._classes[_Place(name)] = name
                self._schemas[name] = (_Place(name), named.schema)
            if named.tag is not None:
                self._tags[name] = ("type", named.tag)

    def all(self) -> list[Declared]:
        found: list[Declared] = []
        for name, named in sorted(self._named.items()):
            if name not in self._schemas:
                self._notes.clear()
                expression = self._alias(name)
                found.append(Declared(name, _doc(named.schema, self._notes), expression))
        done: set[str] = set()
        while todo := sorted(self._schemas.keys() - done):  # deciding the fields of a class finds further classes
            for name in todo:
                found.append(self._class(name))
            done.update(todo)
        for item in found:
            if item.expression is None:
                item.tag = self._tags.get(item.name)
        return found

    def _is_class(self, named: Named) -> bool:
        if named.tag is not None:
            return True
        if kinds(named.schema, self._definitions) not in {("object",), None}:
            return False
        shape = object_shape(named.schema, self._definitions)
        return self._has_properties(named.schema) or (
            shape.closed and not shape.properties and "object" in str(named.schema.get("type"))
        )

    def _has_properties(self, schema: Any) -> bool:
        """Whether `schema` names a property outside conditions and alternatives."""
        return any(part.get("properties") for part in conjuncts(schema, self._definitions)) and not self._only_ref(
            schema
        )

    def _only_ref(self, schema: JsonSchema) -> bool:
        return "$ref" in schema and not self._decisive(schema) - {"$ref"}

    def _decisive(self, schema: JsonSchema) -> set[str]:
        found = {word for word in schema if word in _DECISIVE}
        if "$ref" in found and "type" in found:
            of_type = (schema["type"],) if isinstance(schema["type"], str) else tuple(schema["type"])
            if kinds({"$ref": schema["$ref"]}, self._definitions) == of_type:
                found.remove("type")
        return found

    # Classes

    def _class(self, name: str) -> Declared:
        place, schema = self._schemas[name]
        named = self._named.get(name)
        message = named is not None and named.tag is not None
        shape = object_shape(schema, self._definitions)
        closed = shape.closed
        fields: list[Field] = []
        for prop, sub in shape.properties.items():
            if message and prop == "type":
                continue
            if not _UNFIT.isdisjoint(prop) or any(letter < " " for letter in prop):
                closed = False  # msgspec refuses the name: the value is kept like that of an unknown property
                continue
            self._notes.clear()
            kind = self._expression(sub, place.at("properties", prop))
            fields.append(Field(prop, kind, prop in shape.required, _doc(sub, self._notes)))
        base = "OpenModel" if not closed else "Request" if named is not None and named.request else "Model"
        fields.sort(key=lambda item: not item.required)
        return Declared(name, _doc(schema, [] if closed else [KEPT]), None, base, fields, message=message)

    def _class_at(self, schema: JsonSchema, place: _Place) -> str:
        """The name of the class for the objects that `schema` accepts."""
        place = self._shared(schema, self._places.get(id(schema), place))
        if place not in self._classes:
            name = _name(place, self._definitions.get(place.title, {}))
            name = unique(name, {*self._named, *self._schemas})
            self._classes[place] = name
            self._schemas[name] = (place, schema)
        return self._classes[place]

    def _shared(self, schema: JsonSchema, place: _Place) -> _Place:
        """The same place in the row's type, if `schema` stands there too."""
        named = self._named.get(place.title)
        origin = getattr(named, "origin", None)
        if origin is None:
            return place
        reference = "/".join(
            [REF_PREFIX + origin, *(step.replace("~", "~0").replace("/", "~1") for step in place.steps)]
        )
        return _Place(origin, place.steps) if target(reference, self._definitions) == schema else place

    # Expressions

    def _alias(self, name: str) -> Expression:
        if name not in self._aliases:
            self._open.append(name)
            self._aliases[name] = self._expression(self._named[name].schema, _Place(name))
            self._open.pop()
        return self._aliases[name]

    def _expression(self, schema: Any, place: _Place) -> Expression:
        if not isinstance(schema, dict):
            return py.simple(py.ANY)
        place = self._places.get(id(schema), place)
        decisive = self._decisive(schema)
        if decisive == {"$ref"}:
            return self._reference(schema["$ref"])
        if decisive == {"allOf"} and len(schema["allOf"]) == 1:
            return self._expression(schema["allOf"][0], place.at("allOf", 0))
        allowed = kinds(schema, self._definitions)
        if allowed is None:
            if not self._has_properties(schema):
                return py.simple(py.ANY)
            allowed = ("object", *_OTHER_KINDS)
        if len(decisive - {"type"}) == 1 and (whole := self._alternatives(schema, place)) is not None:
            return whole
        return py.union([self._part(schema, kind, place) for kind in allowed]) if allowed else py.simple(py.ANY)

    def _reference(self, reference: str) -> Expression:
        name, _, tail = reference.removeprefix(REF_PREFIX).partition("/")
        if name not in self._named:
            return py.simple(py.ANY)
        goal = target(reference, self._definitions)
        if not tail and name in self._schemas:
            kind = py.simple(name, {name})
            anything = kinds(goal, self._definitions) is None and self._named[name].tag is None
            return py.union([kind, *(py.simple(py.PLAIN[other]) for other in _OTHER_KINDS)]) if anything else kind
        if (name if not tail else reference) in self._open:  # an alias inside itself: msgspec has no such types
            allowed = kinds(goal, self._definitions)
            return py.simple(py.ANY) if not allowed else py.union(py.simple(py.PLAIN[kind]) for kind in allowed)
        if not tail:
            return Expression(name, self._alias(name).atoms, frozenset({name}))
        self._open.append(reference)
        found = self._expression(goal, _Place(name, tuple(map(unescape, tail.split("/")))))
        self._open.pop()
        return found

    def _alternatives(self, schema: JsonSchema, place: _Place) -> Expression | None:
        """The union of a schema that is nothing but a union, if the JSON type tells its alternatives apart."""
        for word in ("anyOf", "oneOf"):
            branches = schema.get(word, ())
            of_branches = [kinds(branch, self._definitions) for branch in branches]
            every = [kind for of_it in of_branches for kind in of_it or ()]
            if branches and all(of_branches) and len(every) == len(set(every)):
                return py.union(self._expression(sub, place.at(word, index)) for index, sub in enumerate(branches))
        return None

    def _part(self, schema: JsonSchema, kind: str, place: _Place) -> Expression:
        """The type of the values of the JSON type `kind` that `schema` accepts."""
        parts = list(conjuncts(schema, self._definitions))
        if kind == "object":
            return self._object(schema, parts, place)
        if kind == "array":
            return self._array(parts, place)
        values = [value for value in _listed(parts) or () if kind_of(value) == kind]
        if kind == "string" and any(part.get("format") == FORMAT for part in parts):
            return py.simple(py.INT64)
        if kind in {"string", "integer"} and values:
            return py.literal(values)
        branches = self._branches(parts, kind)
        if len(branches) == 1:
            return self._part(branches[0], kind, place)
        listed = [_listed(list(conjuncts(branch, self._definitions))) for branch in branches]
        if branches and kind in {"string", "integer"} and all(listed):
            return py.literal(value for of_it in listed for value in of_it or () if kind_of(value) == kind)
        return py.simple(py.PLAIN[kind])

    def _branches(self, parts: list[JsonSchema], kind: str) -> list[JsonSchema]:
        """The alternatives that values of this JSON type may meet. Empty without a union."""
        unions = [part[word] for part in parts for word in ("anyOf", "oneOf") if word in part]
        if not unions:
            return []
        found = list(dissolved(unions[0], self._definitions))
        allowed = [kinds(branch, self._definitions) for branch in found]
        fitting = [one for one, of_it in zip(found, allowed, strict=True) if of_it is None or kind in of_it]
        return fitting if all(isinstance(one, dict) for one in fitting) and None not in allowed else []

    def _object(self, schema: JsonSchema, parts: list[JsonSchema], place: _Place) -> Expression:
        if any(part.get("properties") for part in parts):
            name = self._class_at(schema, place)
            return py.simple(name, {name})
        branches = self._branches(parts, "object")
        if len(branches) == 1:
            return self._alternative(branches[0], place)
        if branches:
            return self._tagged(branches, place)
        value = self._value(parts, place)
        return py.simple(f"dict[str, {value.text}]", value.names)

    def _alternative(self, branch: JsonSchema, place: _Place) -> Expression:
        while self._only_ref(branch):
            name = branch["$ref"].removeprefix(REF_PREFIX)
            if name in self._schemas:
                return py.simple(name, {name})
            goal = target(branch["$ref"], self._definitions)
            if not isinstance(goal, dict) or goal is branch:
                break
            branch = goal
        return self._object(branch, list(conjuncts(branch, self._definitions)), self._places.get(id(branch), place))

    def _tagged(self, branches: list[JsonSchema], place: _Place) -> Expression:
        """A union of Structs with tags, or a dict and the reason."""
        found = tagged(branches, self._definitions)
        if isinstance(found, Tagged):
            chosen = self._with_tags(found, place)
            if isinstance(chosen, Expression):
                return chosen
            found = chosen
        self._notes.append(f"One of several objects, as a dict: {found}.")
        return py.simple(py.MAPPING)

    def _with_tags(self, found: Tagged, place: _Place) -> Expression | str:
        if any(len(values) > 1 for values, _ in found.alternatives):
            return f"an alternative has several values of {found.name!r}"
        if not _UNFIT.isdisjoint(found.name) or any(letter < " " for letter in found.name):
            return f"msgspec has no tag named {found.name!r}"
        members = [self._alternative(branch, place) for _, branch in found.alternatives]
        tags = {
            member.text: (found.name, values[0])
            for member, (values, _) in zip(members, found.alternatives, strict=True)
        }
        other = next((name for name, tag in tags.items() if self._tags.get(name, tag) != tag), None)
        if other is not None:
            return f"`{other}` has the tag {self._tags[other][0]!r}"
        if len(tags) < len(members):
            return "two alternatives are the same type"
        self._tags |= tags
        return py.union(members)

    def _value(self, parts: list[JsonSchema], place: _Place) -> Expression:
        """The type of the values of a mapping."""
        for part in parts:
            patterns, rest = part.get("patternProperties", {}), part.get("additionalProperties", True)
            if isinstance(rest, dict) and not patterns:
                return self._expression(rest, place.at("additionalProperties"))
            if rest is False and len(patterns) == 1:
                ((pattern, sub),) = patterns.items()
                return self._expression(sub, place.at("patternProperties", pattern))
        return py.simple(py.ANY)

    def _array(self, parts: list[JsonSchema], place: _Place) -> Expression:
        first = next((part for part in parts if "prefixItems" in part), None)
        if first is not None:
            return self._sequence(first, parts, place)
        items = next((part["items"] for part in parts if isinstance(part.get("items"), dict)), None)
        if items is None:
            branches = self._branches(parts, "array")
            return self._part(branches[0], "array", place) if len(branches) == 1 else py.simple(py.LIST)
        item = self._expression(items, place.at("items"))
        return py.simple(f"list[{item.text}]", item.names)

    def _sequence(self, first: JsonSchema, parts: list[JsonSchema], place: _Place) -> Expression:
        """A tuple if the schema says how many items there are, else a list."""
        prefix, rest = first["prefixItems"], first.get("items", True)
        lowest = max((part.get("minItems", 0) for part in parts), default=0)
        limits = [part["maxItems"] for part in parts if "maxItems" in part] + ([len(prefix)] if rest is False else [])
        exact = limits and min(limits) == lowest and 0 < lowest <= _LONGEST_TUPLE
        count = int(lowest) if exact else len(prefix)
        items = [self._expression(sub, place.at("prefixItems", index)) for index, sub in enumerate(prefix[:count])]
        if exact:
            items += [self._expression(rest, place.at("items"))] * (count - len(items))
            return py.simple(f"tuple[{', '.join(item.text for item in items)}]", _all_names(items))
        if rest is not False:
            items.append(self._expression(rest, place.at("items")))
        item = self._told_apart(items)
        return py.simple(f"list[{item.text}]", item.names)

    def _told_apart(self, items: list[Expression]) -> Expression:
        """The union of these types, or Any if it has several objects or several arrays."""
        atoms = {atom for item in items for atom in item.atoms if isinstance(atom, str)}
        arrays = [atom for atom in atoms if atom.startswith(("list[", "tuple["))]
        objects = [atom for atom in atoms if atom.startswith("dict[") or atom in self._schemas]
        return py.simple(py.ANY) if max(len(arrays), len(objects)) > 1 else py.union(items)


def _all_names(items: list[Expression]) -> frozenset[str]:
    return frozenset(name for item in items for name in item.names)


def _listed(parts: list[JsonSchema]) -> list[Any] | None:
    """The values of a `const` or an `enum`. None without one."""
    for part in parts:
        if "const" in part:
            return [part["const"]]
        if "enum" in part:
            return list(part["enum"])
    return None


def _name(place: _Place, definition: JsonSchema) -> str:
    if not place.steps:
        return f"{place.title}_Object"
    try:
        return type_name(place.title, place.steps, definition)
    except (KeyError, IndexError, TypeError, ValueError):  # the property comes from several schemas
        steps = [words(step) for step in place.steps if step not in {"properties", "allOf", "items"}]
        return "_".join(part for part in [place.title, *steps] if part)


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
