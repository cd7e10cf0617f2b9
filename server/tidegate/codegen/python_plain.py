"""The source of `tidegate_protocol.plain`: how Structs of generated types become JSON, for the gateway and the client.

An integer of 64 bits (`format: int64`) is an `int` in Python and text on the wire. msgspec reads such text as an `int`,
but writes the number, and calls no hook for a type that it knows. So the texts are put in afterwards.
"""

from __future__ import annotations

from tidegate.codegen.python import BASE, GENERATED

BASE_WITH_INT64 = (
    BASE.replace("import ClassVar", "import Annotated, ClassVar, TypeAlias", 1)
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
from typing import Any

import msgspec
from msgspec import inspect

from .typed import generated, inside, is_open, keeps_others

LISTS = inspect.ListType | inspect.VarTupleType | inspect.SetType


def plain(value: Any) -> Any:
    """`value` with Structs, datetimes, uuids and the like turned into what JSON has.

    Integers of 64 bits in the Structs of generated code become text.
    """
    if isinstance(value, msgspec.Struct):
        model = generated(type(value))
        shape = _shape(model)
        found = msgspec.to_builtins(value)
        found = _completed(found, value) if keeps_others(model) else found
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


def _completed(found: Any, value: Any) -> Any:
    """`found`, which msgspec made of `value`, with the properties that no field of a Struct can have."""
    if isinstance(value, msgspec.Struct):
        for attribute, name in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            if name in found:
                found[name] = _completed(found[name], getattr(value, attribute))
        return {{**found, **value.__dict__}} if is_open(type(value)) and value.__dict__ else found
    if isinstance(value, dict) and isinstance(found, dict):
        return {{name: _completed(item, value[name]) for name, item in found.items()}}
    if isinstance(value, list | tuple) and isinstance(found, list):
        return [_completed(item, given) for item, given in zip(found, value, strict=True)]
    return found


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
            todo.extend(inside(inner))
    return None


def _is_int64(shape: inspect.Type) -> bool:
    return isinstance(shape, inspect.Metadata) and (shape.extra or {{}}).get("format") == "int64"


def _has_int64(shape: inspect.Type) -> bool:
    return _is_int64(shape.item_type if isinstance(shape, inspect.ListType) else shape)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _members(shape: inspect.Type) -> tuple[inspect.Type, ...]:
    return shape.types if isinstance(shape, inspect.UnionType) else (shape,)


def _is_of(value: dict[str, Any], shape: inspect.StructType) -> bool:
    """Whether an object may be a value of this Struct: it has its tag, and no property that the Struct drops."""
    if shape.tag_field is not None and shape.tag_field in value:
        return bool(value[shape.tag_field] == shape.tag)
    return is_open(shape.cls) or value.keys() <= {{field.encode_name for field in shape.fields}}


def _with_texts(value: Any, shape: inspect.Type) -> Any:
    """`value` with text in the place of each integer that `shape` marks."""
    for member in _members(shape):
        if _is_int64(member) and _is_integer(value):
            return str(value)
        inner = member.type if isinstance(member, inspect.Metadata) else member
        if isinstance(value, dict) and isinstance(inner, inspect.StructType):
            types = {{field.encode_name: field.type for field in inner.fields}}
            if _is_of(value, inner):
                return {{name: _with_texts(item, types.get(name, inspect.AnyType())) for name, item in value.items()}}
        if isinstance(value, dict) and isinstance(inner, inspect.DictType):
            return {{name: _with_texts(item, inner.value_type) for name, item in value.items()}}
        if isinstance(value, list | tuple) and isinstance(inner, inspect.TupleType):
            return [_with_texts(item, type_) for item, type_ in zip(value, inner.item_types, strict=True)]
        if isinstance(value, list | tuple) and isinstance(inner, LISTS):
            return [_with_texts(item, inner.item_type) for item in value]
    return value
'''
