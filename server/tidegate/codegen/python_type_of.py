"""Decides the Python type expression of a schema: which unions have tags, which arrays are tuples, what stays a dict.

It reads the schemas themselves, through `objects`, and asks `python_classes` for the classes of objects.
Invariant: msgspec accepts each type, and it holds every value that its schema accepts.
"""

from __future__ import annotations

from typing import Any

from tidegate.codegen import python_expressions as py
from tidegate.codegen.objects import Tagged, conjuncts, dissolved, kinds, tagged, target
from tidegate.codegen.python_classes import Classes, Place, is_unfit
from tidegate.codegen.python_expressions import Expression
from tidegate.int64 import FORMAT
from tidegate.schema.resource import REF_PREFIX, JsonSchema, kind_of

_OTHER_KINDS = ("array", "string", "integer", "number", "boolean", "null")
_LONGEST_TUPLE = 32


class TypeOf:
    """The type expressions of one module's schemas."""

    def __init__(self, classes: Classes) -> None:
        self._classes = classes
        self._definitions = classes.definitions
        self._aliases: dict[str, Expression] = {}
        self._alias_notes: dict[str, list[str]] = {}
        self._open: list[str] = []
        """The aliases that are being decided."""
        self._notes: list[str] = []

    def schema(self, schema: Any, place: Place) -> tuple[Expression, list[str]]:
        """The type of a schema, and what to say about it."""
        self._notes = []
        return self._expression(schema, place), self._notes

    def alias(self, name: str) -> tuple[Expression, list[str]]:
        """The type of the definition `name`, which is no class, and what to say about it."""
        return self._alias(name), self._alias_notes[name]

    def _alias(self, name: str) -> Expression:
        if name not in self._aliases:
            outer, self._notes = self._notes, []
            self._open.append(name)
            self._aliases[name] = self._expression(self._definitions[name], Place(name))
            self._alias_notes[name] = self._notes
            self._open.pop()
            self._notes = outer
        return self._aliases[name]

    def _expression(self, schema: Any, place: Place) -> Expression:
        if not isinstance(schema, dict):
            return py.simple(py.ANY)
        place = self._classes.place(schema, place)
        decisive = self._classes.decisive(schema)
        if decisive == {"$ref"}:
            return self._reference(schema["$ref"])
        if decisive == {"allOf"} and len(schema["allOf"]) == 1:
            return self._expression(schema["allOf"][0], place.at("allOf", 0))
        allowed = kinds(schema, self._definitions)
        if allowed is None:
            if not self._classes.has_properties(schema):
                return py.simple(py.ANY)
            allowed = ("object", *_OTHER_KINDS)
        if len(decisive - {"type"}) == 1 and (whole := self._alternatives(schema, place)) is not None:
            return whole
        return py.union([self._part(schema, kind, place) for kind in allowed]) if allowed else py.simple(py.ANY)

    def _reference(self, reference: str) -> Expression:
        name = reference.removeprefix(REF_PREFIX)
        if name not in self._classes.named:
            return py.simple(py.ANY)
        named = self._classes.named[name]
        allowed = kinds(self._definitions[name], self._definitions)
        if name in self._classes.schemas:
            others = _OTHER_KINDS if allowed is None and named.tag is None else ()
            return py.union([py.simple(name, {name}), *(py.simple(py.PLAIN[kind]) for kind in others)])
        if name in self._open:  # an alias inside itself: msgspec has no such types
            return py.union(py.simple(py.PLAIN[kind]) for kind in allowed) if allowed else py.simple(py.ANY)
        return Expression((name,), self._alias(name).atoms, frozenset({name}))

    def _alternatives(self, schema: JsonSchema, place: Place) -> Expression | None:
        """The union of a schema that is nothing but a union, if the JSON type tells its alternatives apart."""
        for word in ("anyOf", "oneOf"):
            branches = schema.get(word, ())
            of_branches = [kinds(branch, self._definitions) for branch in branches]
            every = [kind for of_it in of_branches for kind in of_it or ()]
            if branches and all(of_branches) and len(every) == len(set(every)):
                return py.union(self._expression(sub, place.at(word, index)) for index, sub in enumerate(branches))
        return None

    def _part(self, schema: JsonSchema, kind: str, place: Place) -> Expression:
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

    def _object(self, schema: JsonSchema, parts: list[JsonSchema], place: Place) -> Expression:
        if any(part.get("properties") for part in parts):
            name = self._classes.name_at(schema, place)
            return py.simple(name, {name})
        branches = self._branches(parts, "object")
        if len(branches) == 1:
            return self._alternative(branches[0], place)
        if branches:
            return self._tagged(branches, place)
        value = self._value(parts, place)
        return py.simple(f"dict[str, {value.text}]", value.names)

    def _alternative(self, branch: JsonSchema, place: Place) -> Expression:
        while self._classes.only_ref(branch):
            name = branch["$ref"].removeprefix(REF_PREFIX)
            if name in self._classes.schemas:
                return py.simple(name, {name})
            goal = target(branch["$ref"], self._definitions)
            if not isinstance(goal, dict) or goal is branch:
                break
            branch = goal
        return self._object(branch, list(conjuncts(branch, self._definitions)), self._classes.place(branch, place))

    def _tagged(self, branches: list[JsonSchema], place: Place) -> Expression:
        """A union of Structs with tags, or a dict and the reason."""
        found = tagged(branches, self._definitions)
        if isinstance(found, Tagged):
            chosen = self._with_tags(found, place)
            if isinstance(chosen, Expression):
                return chosen
            found = chosen
        self._notes.append(f"One of several objects, as a dict: {found}.")
        return py.simple(py.MAPPING)

    def _with_tags(self, found: Tagged, place: Place) -> Expression | str:
        if any(len(values) > 1 for values, _ in found.alternatives):
            return f"an alternative has several values of {found.name!r}"
        if is_unfit(found.name):
            return f"msgspec has no tag named {found.name!r}"
        members = [self._alternative(branch, place) for _, branch in found.alternatives]
        tags = {
            member.text: (found.name, values[0])
            for member, (values, _) in zip(members, found.alternatives, strict=True)
        }
        other = next((name for name, tag in tags.items() if self._classes.tags.get(name, tag) != tag), None)
        if other is not None:
            return f"`{other}` has the tag {self._classes.tags[other][0]!r}"
        if len(tags) < len(members):
            return "two alternatives are the same type"
        self._classes.tags |= tags
        return py.union(members)

    def _value(self, parts: list[JsonSchema], place: Place) -> Expression:
        """The type of the values of a mapping."""
        for part in parts:
            patterns, rest = part.get("patternProperties", {}), part.get("additionalProperties", True)
            if isinstance(rest, dict) and not patterns:
                return self._expression(rest, place.at("additionalProperties"))
            if rest is False and len(patterns) == 1:
                ((pattern, sub),) = patterns.items()
                return self._expression(sub, place.at("patternProperties", pattern))
        return py.simple(py.ANY)

    def _array(self, parts: list[JsonSchema], place: Place) -> Expression:
        first = next((part for part in parts if "prefixItems" in part), None)
        if first is not None:
            return self._sequence(first, parts, place)
        items = next((part["items"] for part in parts if isinstance(part.get("items"), dict)), None)
        if items is None:
            branches = self._branches(parts, "array")
            return self._part(branches[0], "array", place) if len(branches) == 1 else py.simple(py.LIST)
        item = self._expression(items, place.at("items"))
        return py.simple(f"list[{item.text}]", item.names)

    def _sequence(self, first: JsonSchema, parts: list[JsonSchema], place: Place) -> Expression:
        """A tuple if the schema says how many items there are; otherwise a list."""
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
        objects = [atom for atom in atoms if atom.startswith("dict[") or atom in self._classes.schemas]
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
