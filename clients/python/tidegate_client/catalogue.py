"""What the client knows about resources: their keys, and the types of their properties.

It comes from the generated `RESOURCES` (`connect(resources=...)`), from the generated Struct of a row, and from
`connect(keys=...)`. Invariant: without any of them a key is `id`, and every text is a plain text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tidegate_protocol.plain import int64_fields

from .errors import InvalidOption
from .forms import INT64

__all__ = ["ResourceContract", "ResourceInfo", "info_of", "named"]


class ResourceContract(Protocol):
    """An entry of the generated `RESOURCES`."""

    @property
    def row(self) -> Any:
        """The Struct of its rows."""

    @property
    def key_names(self) -> Sequence[str]:
        """The key's properties."""

    @property
    def types(self) -> Mapping[str, str]:
        """The type of each property, or its format."""

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What a new row has where the program gives nothing."""

    @property
    def now(self) -> Sequence[str]:
        """The properties that have the time at which the row was made."""


@dataclass(frozen=True, slots=True)
class ResourceInfo:
    """What is known of one resource."""

    key: tuple[str, ...]
    types: Mapping[str, str]
    defaults: Mapping[str, Any]
    now: Sequence[str]


def info_of(
    name: str,
    model: Any,
    *,
    key: str | Sequence[str] | None,
    keys: Mapping[str, str | Sequence[str]],
    resources: Mapping[str, ResourceContract],
) -> ResourceInfo:
    """What is known of the resource `name`. `key`, `keys` and `resources`: options, the first that knows it wins."""
    known = resources.get(name)
    found = key or keys.get(name) or getattr(model, "__key__", None) or (known.key_names if known is not None else "id")
    names = (found,) if isinstance(found, str) else tuple(found)
    types = dict.fromkeys(int64_fields(model), INT64)
    if known is None:
        return ResourceInfo(names, types, {}, ())
    return ResourceInfo(names, {**known.types, **types}, known.defaults, known.now)


def named(resource: str | type, model: Any) -> tuple[str, Any]:
    """The name of a resource and the Struct of its rows. A generated Struct alone says both."""
    if isinstance(resource, str):
        return resource, model
    name = resource.__dict__.get("__resource__")
    if name is None:
        raise InvalidOption(f"{resource.__name__} is not the Struct of a resource's rows: name the resource too")
    return str(name), model or resource
