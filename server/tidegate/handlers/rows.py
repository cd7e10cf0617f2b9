"""Rows of one resource for the application's code, in the name of a user or of the application itself.

Each call is one request as a client sends it, with the gateway's validation, permissions and idempotency.
Invariant: without a user or `SYSTEM` there is nothing to call.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from tidegate.handlers.answer import Answer
from tidegate.handlers.identity import Identity, System
from tidegate.handlers.port import Port
from tidegate_protocol.typed import typed

R = TypeVar("R")
T = TypeVar("T")
Found = tuple[list[dict[str, Any]], int | None]


class Rows(Generic[R]):
    """The rows of a resource. Values are as on the wire: in dicts, or in the Structs of generated code.

    Every method raises Refused with the codes that a client would get.
    """

    def __init__(self, reach: Callable[[], Port], resource: str, who: Identity | System, model: type[R] | None) -> None:
        """`model`: the Struct that rows become; None for dicts. Raises TypeError where `who` names no user."""
        if not isinstance(who, Identity | System):
            raise TypeError(
                f"as_user is call.principal, Identity(user, claims) or SYSTEM, and not {type(who).__name__}"
            )
        self._reach = reach
        self._resource = resource
        self._who = who
        self._model = model

    def list(
        self,
        filters: Any = None,
        *,
        sort: Sequence[Mapping[str, str]] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> Answer[builtins.list[R]]:
        """The rows that meet `filters` (docs/reference/filters.md): `limit` of them, as a client's `list`."""
        asked = {"filters": filters, "sort": sort, "limit": limit, "offset": offset, "fields": fields}
        return self._ask("list", self._all, **asked)

    def count(self, filters: Any = None) -> Answer[int]:
        """How many rows meet `filters`."""
        return self._ask("list", lambda found: found[1] or 0, filters=filters, limit=1, count=True)

    def get(self, id: Any, *, fields: Sequence[str] | None = None) -> Answer[R | None]:
        """The row with this key; None where there is none that the user may read."""
        return self._ask("get", self._first, id=id, fields=fields)

    def create(self, data: Any, *, key: str | None = None) -> Answer[R | None]:
        """Create a row; the answer is the row as it is in the table, or None where the user may not read it.

        `key`: an idempotency key. The same call with the same key is done once.
        """
        return self._ask("create", self._first, data=data, key=key)

    def create_all(self, rows: Iterable[Any], *, key: str | None = None) -> Answer[builtins.list[R]]:
        """Create all of these rows, or none. As `create`."""
        return self._ask("create", self._all, data=list(rows), key=key)

    def update(self, id: Any, data: Any, *, expected: Any = None, key: str | None = None) -> Answer[R | None]:
        """Change the properties in `data`; the answer is the row, or None where the user may not read it now.

        `expected`: values that the row must have, or `conflict`.
        """
        return self._ask("update", self._first, id=id, data=data, key=key, **{"if": expected})

    def delete(self, id: Any, *, expected: Any = None, key: str | None = None) -> Answer[None]:
        """Delete a row. Raises Refused(not_found) where there is none that the user may read."""
        return self._ask("delete", lambda found: None, id=id, key=key, **{"if": expected})

    def _ask(self, kind: str, convert: Callable[[Found], T], **given: Any) -> Answer[T]:
        request = {name: value for name, value in given.items() if value is not None}
        return Answer(self._reach().rows(self._who, {"type": kind, "resource": self._resource, **request}), convert)

    def _all(self, found: Found) -> builtins.list[R]:
        return [self._row(row) for row in found[0]]

    def _first(self, found: Found) -> R | None:
        return self._row(found[0][0]) if found[0] else None

    def _row(self, row: Any) -> R:
        found: R = row if self._model is None else typed(row, self._model)
        return found
