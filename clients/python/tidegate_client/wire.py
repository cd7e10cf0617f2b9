"""The JSON of the wire: encoding requests, decoding the gateway's messages, turning parts of them into typed values.

Reading is lenient, as the protocol asks of clients: unknown message types and properties are ignored, while the
generated Structs forbid them; `read_as` therefore leaves out what the wanted type does not know, on every level.
It knows neither sockets nor what any message means. Invariant: a message without a text `type` never leaves `decode`.
"""

from __future__ import annotations

import functools
from typing import Any, TypeVar

import msgspec
from msgspec import inspect, structs

from tidegate_protocol.typed import is_open, typed

from .errors import ModelMismatch
from .json_values import as_json

__all__ = ["decode", "encode", "read_as", "read_partial"]

T = TypeVar("T")

_decoder = msgspec.json.Decoder()


def encode(message: dict[str, Any]) -> bytes:
    """One frame's payload. TidegateError `not_json` for a value that JSON does not have."""
    return as_json(message)


def decode(text: str | bytes) -> dict[str, Any] | None:
    """A message of the gateway; None for a frame that holds none: not JSON, not an object, no `type`."""
    try:
        message = _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("type"), str) else None


def read_as(value: Any, model: type[T]) -> T:
    """`value` as a `model`, ignoring properties the model does not know. `ModelMismatch` if it does not fit."""
    hashable: Any = model
    try:
        return typed(_known(value, _shape(hashable)), model)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ModelMismatch(f"not a {getattr(model, '__name__', model)}: {error}") from error


def read_partial(value: Any, model: type[T]) -> T:
    """As `read_as`, for a row that lacks what only the database knows: such properties are UNSET."""
    if not isinstance(value, dict) or not issubclass(model, msgspec.Struct):
        return read_as(value, model)
    missing = [field for field in structs.fields(model) if field.required and field.encode_name not in value]
    if not missing:
        return read_as(value, model)
    found = read_as(value, _optional(model))
    given = {field.name: getattr(found, field.name) for field in structs.fields(type(found))}
    required = {field.name for field in missing}
    return model(**{name: item for name, item in given.items() if item is not msgspec.UNSET or name in required})


@functools.cache
def _optional(model: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The same Struct without required properties."""
    fields = [
        (one.name, one.type | msgspec.UnsetType, msgspec.field(name=one.encode_name, default=msgspec.UNSET))
        for one in structs.fields(model)
    ]
    return msgspec.defstruct(model.__name__, fields, kw_only=True)


@functools.cache
def _shape(model: Any) -> inspect.Type:
    return inspect.type_info(model)


def _known(value: Any, shape: inspect.Type) -> Any:
    """`value` without the properties that `shape` does not name."""
    if isinstance(shape, inspect.UnionType):
        return _known_of_union(value, shape)
    if isinstance(shape, inspect.StructType) and isinstance(value, dict):
        names = {field.encode_name: field.type for field in shape.fields}
        if shape.tag_field is not None and shape.tag_field in value:
            names.setdefault(shape.tag_field, inspect.AnyType())
        kept = value if is_open(shape.cls) else names
        return {name: _known(item, names.get(name, inspect.AnyType())) for name, item in value.items() if name in kept}
    if isinstance(shape, inspect.ListType | inspect.VarTupleType) and isinstance(value, list):
        return [_known(item, shape.item_type) for item in value]
    if isinstance(shape, inspect.DictType) and isinstance(value, dict):
        return {name: _known(item, shape.value_type) for name, item in value.items()}
    return value


def _known_of_union(value: Any, shape: inspect.UnionType) -> Any:
    """Tags, and the kind of container (`X | None`), tell what a value is meant to be; the rest is left to msgspec."""
    wanted = inspect.StructType | inspect.DictType if isinstance(value, dict) else inspect.ListType
    kinds = [kind for kind in shape.types if isinstance(kind, wanted)]
    if len(kinds) > 1:
        kinds = [kind for kind in kinds if isinstance(kind, inspect.StructType) and _has_tag(value, kind)]
    return _known(value, kinds[0]) if len(kinds) == 1 else value


def _has_tag(value: dict[str, Any], shape: inspect.StructType) -> bool:
    return shape.tag_field is not None and value.get(shape.tag_field) == shape.tag
