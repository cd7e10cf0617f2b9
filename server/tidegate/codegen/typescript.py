"""Generates TypeScript types from schemas: interfaces with comments, tagged unions, tuples and unions of literals.

It writes single types; `typescript_modules` writes the modules around them, and `schema_reader` reads the schemas. An
object with `allOf` or `$ref` beside `properties` becomes one type with all of its properties.
Invariant: the output compiles under `tsc --strict` for any linted schema, and each value that a schema accepts is a
literal of its type. A type may accept more than the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tidegate.codegen import name_patterns
from tidegate.codegen.alternatives import (
    KINDS,
    Alternative,
    ArrayRule,
    ObjectRule,
    canonical,
    schemas_at,
    schemas_of,
    schemas_of_pattern,
)
from tidegate.codegen.model import Named
from tidegate.codegen.schema_reader import TYPING, AlternativeReader
from tidegate.codegen.shape import INT64
from tidegate.codegen.typescript_syntax import (
    ANY_NAME,
    EMPTY,
    NEVER,
    OPEN,
    UNDEFINED,
    UNKNOWN,
    Array,
    Doc,
    Intersection,
    Member,
    Node,
    Object,
    Tuple,
    Word,
    jsdoc,
    literal_node,
    template,
    text_of,
    union,
)
from tidegate.int64 import FORMAT
from tidegate.schema.resource import REF_PREFIX, JsonSchema, follow

_WORDS = {kind: Word(kind) for kind in ("string", "number", "boolean", "null")}
_METHOD = Word("((...given: never[]) => unknown)")
INHERITED = {
    "constructor": Word("{ bind: (...given: never[]) => unknown }"),
    **dict.fromkeys(
        ("hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf"), _METHOD
    ),
}
"""What every object has in TypeScript. An object without such a property has this as its value for the compiler, so the
type of an optional property includes it. No JSON value is of these types."""


class TypeWriter:
    """Writes the types of `definitions`, which are the schemas by the names of their types."""

    def __init__(self, definitions: Mapping[str, JsonSchema]) -> None:
        self._definitions = definitions
        self._reader = AlternativeReader(self._target)
        self._open: list[str] = []
        """The schemas that are being read, each inside the one before it."""
        self._cuts = 0
        """How often a recursion was cut off."""
        self._flats: dict[str, Node] = {}
        """The types of schemas that were read without such a cut, by the canonical form of the schema."""
        self._named: dict[str, Node | None] = {}
        """The types of definitions, by reference. None while the type is read."""

    def declaration(self, named: Named) -> str:
        """`export interface` for an object with properties, `export type` for anything else.

        A closed object with a base is a type: an interface without an index signature does not fit an open base.
        """
        node = self.node(named.schema)
        doc = jsdoc(doc_of(named.schema), "")
        based = not named.schema.keys().isdisjoint({"$ref", "allOf"})
        if isinstance(node, Object) and node.members and (node.indexes or not based):
            return f"{doc}export interface {named.name} {text_of(node)}\n"
        return f"{doc}export type {named.name} = {text_of(node)};\n"

    def type_of(self, schema: Any) -> str:
        """The type expression of a schema."""
        return text_of(self.node(schema), "")

    def node(self, schema: Any) -> Node:
        """The type of a schema."""
        if not isinstance(schema, dict):
            return UNKNOWN if schema else NEVER
        said = schema.keys() & TYPING
        if not said:
            return UNKNOWN
        if said == {"$ref"}:
            return self._reference(schema["$ref"])
        if said == {"allOf"}:
            return self._all_of(schema["allOf"])
        for word in ("anyOf", "oneOf"):
            if said == {word} and not (word == "oneOf" and self._reader.shared_kinds(schema[word])):
                return union(map(self.node, schema[word]))
        return self._flat(schema)

    def _reference(self, reference: str) -> Node:
        name, _, tail = reference.removeprefix(REF_PREFIX).partition("/")
        if not tail:
            return Word(name)
        if reference in self._open:  # `places` names what refers to itself, except where it is no schema by its place
            self._cuts += 1
            return UNKNOWN
        self._open.append(reference)
        try:
            return self.node(self._target(reference))
        finally:
            self._open.pop()

    def _target(self, reference: str) -> Any:
        if reference == INT64:
            return {"type": "string", "format": FORMAT}
        with suppress(KeyError, IndexError, ValueError, TypeError):
            return follow(reference, self._definitions)
        return True

    def _all_of(self, schemas: Iterable[Any]) -> Node:
        """The type of values that meet all `schemas`."""
        said = [sub for sub in schemas if not (sub is True or (isinstance(sub, dict) and not sub.keys() & TYPING))]
        different = list({canonical(sub): sub for sub in said}.values())
        if len(different) == 1:
            return self.node(different[0])
        return self._flat({"allOf": different}) if different else UNKNOWN

    def _flat(self, schema: JsonSchema) -> Node:
        key = canonical(schema)
        if key in self._open:  # a recursion that has no name: the names of its parts say less, but they end it
            self._cuts += 1
            return _intersection(map(self._reference, _references(schema)))
        if key in self._flats:
            return self._flats[key]
        cuts = self._cuts
        self._open.append(key)
        try:
            node = union(map(self._with_name, self._reader.read(schema)))
        finally:
            self._open.pop()
        if cuts == self._cuts:
            self._flats[key] = node
        return node

    def _with_name(self, item: Alternative) -> Node:
        """The type of an alternative: that of a definition, if the alternative says nothing beside it."""
        node = self._alternative(item)
        for reference in item.origins:
            name, _, tail = reference.removeprefix(REF_PREFIX).partition("/")
            if not tail and node == self._definition(reference):
                return Word(name)
        return node

    def _definition(self, reference: str) -> Node | None:
        if reference not in self._named:
            self._named[reference] = None
            read = self._reader.read(self._target(reference), frozenset({reference}))
            self._named[reference] = union(map(self._alternative, read))
        found = self._named[reference]
        self._cuts += found is None
        return found

    def _alternative(self, item: Alternative) -> Node:
        if item.values is not None and not item.int64:
            return union(map(literal_node, item.values))
        nodes = [self._of_kind(kind, item) for kind in item.kinds]
        if set(item.kinds) == set(KINDS) and OPEN in nodes and Array(UNKNOWN) in nodes:
            return UNKNOWN
        return union(nodes)

    def _of_kind(self, kind: str, item: Alternative) -> Node:
        if kind == "object":
            return self._object(item.objects)
        if kind == "array":
            return self._array(item.arrays)
        return Word("Int64") if kind == "string" and item.int64 else _WORDS[kind]

    def _object(self, rules: Sequence[ObjectRule]) -> Node:
        required = {name for rule in rules for name in rule.required}
        names = dict.fromkeys([*(name for rule in rules for name in rule.properties), *sorted(required)])
        members = []
        for name in names:
            node = self._all_of(schemas_of(name, rules))
            if node == NEVER and name in required:
                return NEVER
            if name in INHERITED and name not in required:
                node = union((node, INHERITED[name]))
            members.append(Member(name, node, name not in required, _doc_of_property(name, rules)))
        found = Object(tuple(members), tuple(self._indexes(rules, members)))
        return found if found.members or found.indexes else EMPTY

    def _indexes(self, rules: Sequence[ObjectRule], members: Sequence[Member]) -> Iterable[tuple[str, Node]]:
        """The types of properties that have no name here, by the types of their names."""
        rest = self._all_of(rule.rest for rule in rules if rule.rest is not None)
        patterns = {
            pattern: self._all_of(schemas_of_pattern(pattern, rules))
            for rule in rules
            for pattern in rule.patterns
            if not name_patterns.matches_all(pattern) and not name_patterns.names(pattern)
        }
        templates = _templates(patterns, members, rest)
        named = {name: node for name, node in templates.values() if node != UNKNOWN or rest != UNKNOWN}
        without = [node for pattern, node in patterns.items() if pattern not in templates and node != NEVER]
        if rest != NEVER or without:
            optional = [UNDEFINED] if any(member.optional for member in members) else []
            every = [rest, *without, *named.values(), *(member.node for member in members), *optional]
            named[ANY_NAME] = union(every)
        return named.items()

    def _array(self, rules: Sequence[ArrayRule]) -> Node:
        length = max((len(rule.prefix) for rule in rules), default=0)
        rest: Node | None = self._all_of(rule.rest for rule in rules if rule.rest is not None)
        if not length:
            return Array(rest or UNKNOWN)
        high = min((rule.high for rule in rules if rule.high is not None), default=None)
        items = [self._all_of(schemas_at(index, rules)) for index in range(length)]
        if NEVER in items:
            items, rest = items[: items.index(NEVER)], None
        if high is not None and high <= len(items):
            items, rest = items[:high], None
        low = max(rule.low for rule in rules)
        if low > len(items) and rest is None:
            return NEVER
        return Tuple(tuple(items[:low]), tuple(items[low:]), None if rest == NEVER else rest)


def doc_of(schema: Any) -> Doc:
    """What the schema says to readers."""
    if not isinstance(schema, dict):
        return Doc()
    text = schema.get("description")
    return Doc(text if isinstance(text, str) else "", schema.get("deprecated") is True)


def _doc_of_property(name: str, rules: Sequence[ObjectRule]) -> Doc:
    docs = [doc_of(rule.properties[name]) for rule in rules if name in rule.properties]
    text = next((doc.text for doc in docs if doc.text), "")
    return Doc(text, any(doc.deprecated for doc in docs))


def _templates(patterns: Mapping[str, Node], members: Sequence[Member], rest: Node) -> dict[str, tuple[str, Node]]:
    """(type of the names, type of the values), by pattern, for the patterns that can have it.

    TypeScript wants the types of all members and indexes to fit each other where one name can be of both. Names that
    begin like those of a pattern and do not match it must not occur: all properties have a pattern or a name.
    """
    found = {pattern: affixes for pattern in patterns if (affixes := name_patterns.affixes(pattern)) is not None}
    every = rest == NEVER and len(found) == len(patterns)
    usable = {}
    for pattern, affixes in found.items():
        others = [found[other] for other in found if patterns[other] != patterns[pattern]]
        clash = any(affixes.clashes(other) for other in others)
        named = any(member.name.startswith(affixes.start) and member.name.endswith(affixes.end) for member in members)
        if (affixes.exact or every) and not clash and not named:
            usable[pattern] = (template(affixes.start, affixes.end), patterns[pattern])
    return usable


def _references(schema: JsonSchema) -> Iterable[str]:
    if isinstance(schema.get("$ref"), str):
        yield schema["$ref"]
    for sub in schema.get("allOf", ()):
        if isinstance(sub, dict):
            yield from _references(sub)


def _intersection(nodes: Iterable[Node]) -> Node:
    different = tuple(dict.fromkeys(node for node in nodes if node != UNKNOWN))
    return Intersection(different) if len(different) > 1 else different[0] if different else UNKNOWN
