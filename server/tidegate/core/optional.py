"""Reads optional properties of messages: a property that a message does not have becomes None.

The generated Structs mark such a property with msgspec's UNSET. Only where "absent" and "null" must stay distinct, the
rules compare with UNSET themselves.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec import UNSET, UnsetType

from tidegate.core.effects import Ref

T = TypeVar("T")


def given(value: T | UnsetType) -> T | None:
    """The value of an optional property. None if the message does not have the property."""
    return None if value is UNSET else value


def given_ref(ref: str | int | UnsetType) -> Ref:
    """The `ref` of a request, None without one. (`given` would lose its type: mypy joins str and int to object.)"""
    return None if ref is UNSET else ref
