"""The source of `tidegate_protocol.plain`: how Structs of generated types become JSON, for the gateway and the client.

An integer of 64 bits (`format: int64`) is an `int` in Python and text on the wire. msgspec reads such text as an `int`,
but writes the number, and calls no hook for a type that it knows. So the texts are put in afterwards.
"""

from __future__ import annotations

from tidegate.codegen.python import BASE, GENERATED

BASE_WITH_INT64 = (
    BASE.replace("import msgspec", "from typing import Annotated, TypeAlias\n\nimport msgspec", 1)
    + '''

Int64: TypeAlias = Annotated[int, msgspec.Meta(extra={"format": "int64"})]
"""An integer of 64 bits. It is text on the wire."""
'''
)
PLAIN = f'''"""Values of Python programs as JSON has them.

{GENERATED}
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

LISTS = inspect.ListType | inspect.VarTupleType | inspect.SetType


def plain(value: Any) -> Any:
    """`value` with Structs, datetimes, uuids and the like turned into what JSON has.

    Integers of 64 bits in the Structs of generated code become text.
    """
    if isinstance(value, msgspec.Struct):
        shape = _shape(type(value))
        found = msgspec.to_builtins(value)
        return found if shape is None else _with_texts(found, shape)
    if isinstance(value, dict):
        return {{msgspec.to_builtins(name): plain(item) for name, item in value.items()}}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return msgspec.to_builtins(value)


def int64_fields(model: Any) -> frozenset[str]:
    """The properties of a generated Struct that are integers of 64 bits, or lists of them. Empty for another type."""
    shape = _shape(model) if isinstance(model, type) and issubclass(model, msgspec.Struct) else None
    if not isinstance(shape, inspect.StructType):
        return frozenset()
    return frozenset(field.encode_name for field in shape.fields if any(map(_has_int64, _members(field.type))))


def with_texts(value: Any, names: frozenset[str]) -> Any:
    """Rows, filters or keys with text in the place of the integers of these properties, also inside operators."""
    if isinstance(value, dict):
        return {{
            name: _texts(item) if name in names else with_texts(item, names) if name in {{"and", "or"}} else item
            for name, item in value.items()
        }}
    return [with_texts(item, names) for item in value] if isinstance(value, list | tuple) else value


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {{name: _texts(item) for name, item in value.items()}}
    if isinstance(value, list | tuple):
        return [_texts(item) for item in value]
    return str(value) if _is_integer(value) else value


@functools.cache
def _shape(model: type[msgspec.Struct]) -> inspect.Type | None:
    """The type as msgspec sees it. None if it has no integer of 64 bits, or if msgspec cannot tell."""
    try:
        shape = inspect.type_info(model)
    except (NameError, TypeError):
        return None
    todo, seen = [shape], set[int]()
    while todo:
        inner = todo.pop()
        if _is_int64(inner):
            return shape
        if id(inner) not in seen:
            seen.add(id(inner))
            todo.extend(_inside(inner))
    return None


def _is_int64(shape: inspect.Type) -> bool:
    return isinstance(shape, inspect.Metadata) and (shape.extra or {{}}).get("format") == "int64"


def _has_int64(shape: inspect.Type) -> bool:
    return _is_int64(shape.item_type if isinstance(shape, inspect.ListType) else shape)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _members(shape: inspect.Type) -> tuple[inspect.Type, ...]:
    return shape.types if isinstance(shape, inspect.UnionType) else (shape,)


def _inside(shape: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(shape, inspect.UnionType):
        yield from shape.types
    elif isinstance(shape, inspect.StructType):
        yield from (field.type for field in shape.fields)
    elif isinstance(shape, inspect.TupleType):
        yield from shape.item_types
    elif isinstance(shape, LISTS):
        yield shape.item_type
    elif isinstance(shape, inspect.DictType):
        yield shape.value_type
    elif isinstance(shape, inspect.Metadata):
        yield shape.type


def _with_texts(value: Any, shape: inspect.Type) -> Any:
    """`value` with text in the place of each integer that `shape` marks."""
    for member in _members(shape):
        if _is_int64(member) and _is_integer(value):
            return str(value)
        inner = member.type if isinstance(member, inspect.Metadata) else member
        if isinstance(value, dict) and isinstance(inner, inspect.StructType):
            types = {{field.encode_name: field.type for field in inner.fields}}
            if types.keys() >= value.keys() - {{inner.tag_field}}:
                return {{name: _with_texts(item, types.get(name, inspect.AnyType())) for name, item in value.items()}}
        if isinstance(value, dict) and isinstance(inner, inspect.DictType):
            return {{name: _with_texts(item, inner.value_type) for name, item in value.items()}}
        if isinstance(value, list | tuple) and isinstance(inner, inspect.TupleType):
            return [_with_texts(item, type_) for item, type_ in zip(value, inner.item_types, strict=True)]
        if isinstance(value, list | tuple) and isinstance(inner, LISTS):
            return [_with_texts(item, inner.item_type) for item in value]
    return value
'''
