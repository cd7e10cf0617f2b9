"""What a schema says of objects, in one place: all its properties with those of `allOf` and `$ref`, and union tags.

The generators of both languages read it. It knows neither language, and it judges only what every valid value has: a
property that only a condition or an alternative names may be absent or have any value.
Invariant: every object that the schema accepts has the required properties, and each of them has the schema given here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.schema.resource import Definitions, JsonSchema, follow, kind_of

_VALUES = ("additionalProperties", "unevaluatedProperties")
_BRANCHES = ("anyOf", "oneOf")


@dataclass(slots=True)
class ObjectShape:
    """The objects that a schema accepts."""

    properties: dict[str, Any] = field(default_factory=dict)
    """The schema of each property, in the order of the schema. Several schemas of one property become an `allOf`."""
    required: set[str] = field(default_factory=set)
    closed: bool = False
    """There are no other properties."""
    others: list[Any] = field(default_factory=list)
    """The schemas of `patternProperties`, `additionalProperties` and `unevaluatedProperties`, except true and false."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A union of objects in which one required property tells the alternatives apart."""

    name: str
    """The property."""
    alternatives: tuple[tuple[tuple[str | int, ...], Any], ...]
    """The values of the property, and the schema, of each alternative. A union inside the union is dissolved."""


def conjuncts(schema: Any, definitions: Definitions, seen: set[str] | None = None) -> Iterator[JsonSchema]:
    """`schema`, the target of its `$ref` and the members of its `allOf`, on all levels: a value meets all of them."""
    if not isinstance(schema, dict):
        return
    seen = set() if seen is None else seen
    yield schema
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        seen.add(reference)
        yield from conjuncts(target(reference, definitions), definitions, seen)
    for member in schema.get("allOf", ()):
        yield from conjuncts(member, definitions, seen)


def target(reference: str, definitions: Definitions) -> Any:
    """The schema that `reference` names. True, which accepts anything, for a name without a schema."""
    try:
        return follow(reference, definitions)
    except (KeyError, IndexError, ValueError):
        return True


def kinds(schema: Any, definitions: Definitions, seen: frozenset[str] = frozenset()) -> tuple[str, ...] | None:
    """The JSON types of the values that `schema` accepts. None if it does not restrict them."""
    if not isinstance(schema, dict):
        return None if schema else ()
    found: list[tuple[str, ...]] = []
    if "type" in schema:
        found.append((schema["type"],) if isinstance(schema["type"], str) else tuple(schema["type"]))
    if "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        found.append(tuple(dict.fromkeys(map(kind_of, values))))
    reference = schema.get("$ref")
    members = list(schema.get("allOf", ()))
    if isinstance(reference, str) and reference not in seen:
        members.append(target(reference, definitions))
        seen |= {reference}
    found += [inner for member in members if (inner := kinds(member, definitions, seen)) is not None]
    for word in _BRANCHES:
        branches = [kinds(branch, definitions, seen) for branch in schema.get(word, ())]
        if branches and all(inner is not None for inner in branches):
            found.append(tuple(dict.fromkeys(kind for inner in branches for kind in inner or ())))
    if not found:
        return None
    allowed = found[0]
    for other in found[1:]:
        allowed = _both(allowed, other)
    return allowed


def object_shape(schema: Any, definitions: Definitions) -> ObjectShape:
    """What `schema` says of objects. Without a property, it describes a mapping or nothing."""
    found = ObjectShape()
    given: dict[str, list[Any]] = {}
    parts = list(conjuncts(schema, definitions))
    for part in parts:
        for name, sub in part.get("properties", {}).items():
            given.setdefault(name, []).append(sub)
        found.required |= set(part.get("required", ()))
        found.closed |= part.get("additionalProperties") is False and not part.get("patternProperties")
        found.others += _others(part)
    conditional = [sub for part in parts for sub in _conditional(part)]
    for part in _inside(conditional, definitions):
        for name in part.get("properties", {}):
            given.setdefault(name, [True])
        found.others += _others(part)
        found.closed = found.closed and not _others(part)
    found.closed = found.closed or (
        not found.others and any(part.get("unevaluatedProperties") is False for part in parts)
    )
    found.properties = {name: _joined(subs) for name, subs in given.items() if False not in subs}
    found.required &= given.keys()
    return found


def tagged(branches: Sequence[Any], definitions: Definitions) -> Tagged | str:
    """The tag of a union of objects, or why it has none."""
    alternatives = list(dissolved(branches, definitions))
    shapes = [object_shape(branch, definitions) for branch in alternatives]
    for branch in alternatives:
        if kinds(branch, definitions) != ("object",):
            return "an alternative may be another value than an object"
    names = [name for name in shapes[0].properties if all(name in shape.required for shape in shapes)] if shapes else []
    reason = "no required property has a constant in each alternative"
    for name in names:
        values = [tag_values(shape.properties.get(name), definitions) for shape in shapes]
        every = [(type(value), value) for of_it in values for value in of_it]
        if not all(values) or len({kind for kind, _ in every}) > 1:
            continue
        if len(every) > len(set(every)):
            reason = f"two alternatives have the same value of {name!r}"
            continue
        return Tagged(name, tuple(zip(values, alternatives, strict=True)))
    return reason


def dissolved(branches: Sequence[Any], definitions: Definitions, seen: frozenset[str] = frozenset()) -> Iterator[Any]:
    """The alternatives, with those of a union that is itself an alternative."""
    for branch in branches:
        inner, path = branch, seen
        while isinstance(inner, dict) and isinstance(reference := inner.get("$ref"), str) and _bare(inner):
            if reference in path:
                break
            path |= {reference}
            inner = target(reference, definitions)
        union = next((word for word in _BRANCHES if isinstance(inner, dict) and word in inner), None)
        if (
            union is not None
            and _bare({**inner, union: None, "type": "object"}, union)
            and inner.get("type", "object") == "object"
        ):
            yield from dissolved(inner[union], definitions, path)
        else:
            yield branch


def tag_values(schema: Any, definitions: Definitions) -> tuple[str | int, ...]:
    """The texts or integers that a property may have, if its schema lists them."""
    for part in conjuncts(schema, definitions):
        if "const" in part or "enum" in part:
            values = [part["const"]] if "const" in part else part["enum"]
            if values and len({type(value) for value in values}) == 1 and type(values[0]) in {str, int}:
                return tuple(dict.fromkeys(values))
    return ()


_PLAIN = frozenset({"title", "description", "$comment", "deprecated", "examples", "default", "readOnly", "writeOnly"})


def _bare(schema: JsonSchema, union: str = "$ref") -> bool:
    """Whether `schema` says nothing but the keyword `union`, its type and words for readers."""
    return all(word in _PLAIN or word in {union, "type"} or word.startswith("x-") for word in schema)


def _others(part: JsonSchema) -> list[Any]:
    found = list(part.get("patternProperties", {}).values())
    found += [part[word] for word in _VALUES if word in part and part[word] is not False]
    return found


def _conditional(part: JsonSchema) -> Iterator[Any]:
    for word in _BRANCHES:
        yield from part.get(word, ())
    for word in ("if", "then", "else"):
        if word in part:
            yield part[word]
    yield from part.get("dependentSchemas", {}).values()


def _inside(schemas: Sequence[Any], definitions: Definitions) -> Iterator[JsonSchema]:
    """The schemas that may hold for an object besides those that always hold, each once."""
    todo, seen = list(schemas)[::-1], set[int]()
    while todo:
        for part in conjuncts(todo.pop(), definitions):
            if id(part) not in seen:
                seen.add(id(part))
                yield part
                todo.extend(list(_conditional(part))[::-1])


def _joined(subs: list[Any]) -> Any:
    different: list[Any] = []
    for sub in subs:
        if sub is not True and sub not in different:
            different.append(sub)
    return {"allOf": different} if len(different) > 1 else different[0] if different else {}


def _both(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    """The types of values that are of both: an integer is a number too."""
    found = [kind for kind in left if kind in right or (kind == "integer" and "number" in right)]
    found += [kind for kind in right if kind == "integer" and "number" in left and kind not in found]
    return tuple(found)
