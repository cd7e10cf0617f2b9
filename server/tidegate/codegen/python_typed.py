"""The source of `tidegate_protocol.typed`: how JSON becomes Structs of generated types, for the gateway and the client.

msgspec drops the properties that a Struct does not name. A Struct whose schema allows others, an `OpenModel`, gets
them here. msgspec alone reads all other types: the gateway's own messages never come this way.
"""

from __future__ import annotations

from tidegate.codegen.python import GENERATED

TYPED = f'''"""JSON values as Structs, without loss.

{GENERATED}
"""

from __future__ import annotations

import functools
import keyword
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

T = TypeVar("T")
MOST_FIELDS = 64
"""The most further fields of a subclass: the sender of a message chooses them, and each costs time."""
_FURTHER = "__further_of__"
_UNFIT = frozenset('"\\\\')


def typed(value: Any, model: type[T]) -> T:
    """`value`, which a schema accepted, as a `model`. Raises msgspec.ValidationError if it does not fit.

    An `OpenModel` with further properties becomes a subclass with a field for each of them. A property whose name
    msgspec does not allow for a field is in the `__dict__` of the value; `plain` gives it back too.
    """
    kind: Any = model
    try:
        found = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:  # to JSON Schema 2.0 is an integer: msgspec refuses it in a Literal and as a tag
        found = msgspec.convert(_with_integers(value), kind, strict=False)
    return _kept(found, value) if keeps_others(kind) else found  # type: ignore[no-any-return]


@functools.cache
def keeps_others(model: Any) -> bool:
    """Whether a value of this type, or something inside it, may have properties that its Struct does not name."""
    try:
        todo, seen = [inspect.type_info(model)], set[int]()
    except (NameError, TypeError):
        return False
    while todo:
        shape = todo.pop()
        if isinstance(shape, inspect.StructType) and is_open(shape.cls):
            return True
        if id(shape) not in seen:
            seen.add(id(shape))
            todo.extend(inside(shape))
    return False


def is_open(model: type) -> bool:
    """Whether this class keeps properties that it does not name."""
    return getattr(model, "__keeps_others__", False) is True


def generated(model: type) -> type:
    """The generated class of a value's class, which may be a subclass for further properties."""
    return getattr(model, _FURTHER, model)


def inside(shape: inspect.Type) -> Iterator[inspect.Type]:
    """The types that a type consists of."""
    if isinstance(shape, inspect.UnionType):
        yield from shape.types
    elif isinstance(shape, inspect.StructType):
        yield from (field.type for field in shape.fields)
    elif isinstance(shape, inspect.TupleType):
        yield from shape.item_types
    elif isinstance(shape, inspect.ListType | inspect.VarTupleType | inspect.SetType):
        yield shape.item_type
    elif isinstance(shape, inspect.DictType):
        yield shape.value_type
    elif isinstance(shape, inspect.Metadata):
        yield shape.type


def _with_integers(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {{name: _with_integers(item) for name, item in value.items()}}
    return [_with_integers(item) for item in value] if isinstance(value, list) else value


def _kept(found: Any, value: Any) -> Any:
    """`found`, which msgspec made of `value`, with the properties that it dropped."""
    if found is value:
        return found
    if isinstance(found, msgspec.Struct) and isinstance(value, dict):
        return _struct(found, value)
    if isinstance(found, dict) and isinstance(value, dict):
        return {{name: _kept(item, value[name]) for name, item in found.items()}}
    if isinstance(found, list | tuple) and isinstance(value, list):
        return type(found)(_kept(item, given) for item, given in zip(found, value, strict=True))
    return found


def _struct(found: msgspec.Struct, value: dict[str, Any]) -> msgspec.Struct:
    model = type(found)
    others = dict(value)
    for attribute, name in zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True):
        if name in others:
            given, item = others.pop(name), getattr(found, attribute)
            kept = _kept(item, given)
            if kept is not item:
                msgspec.structs.force_setattr(found, attribute, kept)
    if model.__struct_config__.tag_field is not None:
        others.pop(model.__struct_config__.tag_field, None)
    return _further(found, others) if others and is_open(model) else found


def _further(found: msgspec.Struct, others: dict[str, Any]) -> msgspec.Struct:
    fitting = [name for name in others if _fits(name)][:MOST_FIELDS]
    model = _subclass(type(found), tuple(fitting)) if fitting else type(found)
    own = {{name: getattr(found, name) for name in found.__struct_fields__}}
    further = model.__struct_fields__[len(own) :]
    made = model(**own, **{{field: others.pop(name) for field, name in zip(further, fitting, strict=True)}})
    made.__dict__.update(others)
    return made


def _fits(name: str) -> bool:
    return _UNFIT.isdisjoint(name) and not any(letter < " " for letter in name)


@functools.lru_cache(maxsize=256)
def _subclass(model: type[msgspec.Struct], names: tuple[str, ...]) -> type[msgspec.Struct]:
    """A subclass of `model` with a field for each of `names`, as attributes of the same names where Python has such."""
    attributes = {{}}
    for index, name in enumerate(names):
        usual = name.isidentifier() and name.isascii() and not keyword.iskeyword(name) and not name.startswith("_")
        attributes[name if usual and not hasattr(model, name) else f"further_{{index}}_"] = name
    return msgspec.defstruct(
        model.__name__,
        [(attribute, Any) for attribute in attributes],
        bases=(model,),
        kw_only=True,
        rename=attributes,
        module=model.__module__,
        namespace={{_FURTHER: model}},
    )
'''
