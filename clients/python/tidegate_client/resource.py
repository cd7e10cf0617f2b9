"""The rows of one resource: list, get, create, update, delete, and live queries; untyped, or converted to a model.

It builds the requests and reads the `rows` replies. It does not know connections.
Invariant: every mutation carries an idempotency key, so that the gateway writes it once however often it is sent.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from tidegate_protocol.plain import int64_fields, with_texts

from .catalogue import ResourceInfo
from .errors import InvalidOption, TidegateError
from .json_values import plain
from .live import LiveQuery
from .models import Rows
from .ordering import Sort, sort_terms
from .outstanding import reading
from .since import Since
from .wire import read_as

__all__ = ["Filters", "Resource", "RowsPort", "plain_filters"]

RowT = TypeVar("RowT")
Filters = Mapping[str, Any] | msgspec.Struct
"""{"status": "active", "age": {"gte": 18}}, or a generated Struct of filters (docs/reference/filters.md)."""


class RowsPort(Protocol):
    """What a resource needs of the client."""

    async def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a request about rows."""
        ...

    async def write(self, message: dict[str, Any], info: ResourceInfo, optimistic: bool) -> dict[str, Any]:
        """Send a mutation, and show it at once if it is wanted."""
        ...

    async def live(self, resource: str, filters: Filters | None, model: Any, **options: Any) -> LiveQuery[Any]:
        """Make a live query."""
        ...


class Resource(Generic[RowT]):
    """A table that the gateway shares.

    Example:
        users = client.resource(User)
        ann = await users.create({"name": "Ann", "email": "ann@example.org"})
        await users.update(ann.id, {"status": "inactive"})
        active = await users.list({"status": "active"}, sort=["-created_at"], limit=20)
    """

    def __init__(self, name: str, model: type[RowT] | None, info: ResourceInfo, port: RowsPort) -> None:
        self.name = name
        self.model = model
        self._info = info
        self._int64s = int64_fields(model)
        self._int64_key = info.key[0] in self._int64s and len(info.key) == 1
        self._port = port

    async def list(
        self,
        filters: Filters | None = None,
        *,
        sort: Iterable[Sort] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> Rows[RowT]:
        """Rows that match. `fields`: only these properties (without a model)."""
        asked = self._listed(filters, sort, fields)
        return await self._rows("list", limit=limit, offset=offset, **asked)

    async def page(
        self,
        filters: Filters | None = None,
        *,
        sort: Iterable[Sort] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> Rows[RowT]:
        """As `list`, with the number of all rows that match in `.total`."""
        asked = self._listed(filters, sort, fields)
        return await self._rows("list", limit=limit, offset=offset, count=True, **asked)

    async def get(self, id: Any, *, fields: Sequence[str] | None = None) -> RowT | None:
        """The row with this key (an object for a key of several properties), or None."""
        rows = await self._rows("get", id=self._key(id), fields=self._fields(fields))
        return rows[0] if rows else None

    async def get_many(self, ids: Iterable[Any], *, fields: Sequence[str] | None = None) -> Rows[RowT]:
        """The rows with these keys, without those that do not exist."""
        return await self._rows("get", ids=[self._key(id) for id in ids], fields=self._fields(fields))

    async def create(self, data: Any, *, key: str | None = None, optimistic: bool = True) -> RowT:
        """Add one row (a dict or a Struct) and return it as it was written.

        `optimistic=False`: live queries show it only when the gateway says so (`connect(optimistic=True)`).
        """
        return self._one(await self._written("create", key, optimistic, data=self._wire(data)))

    async def create_many(self, data: Iterable[Any], *, key: str | None = None, optimistic: bool = True) -> Rows[RowT]:
        """Add several rows in one transaction."""
        return await self._written("create", key, optimistic, data=[self._wire(row) for row in data])

    async def update(
        self,
        id: Any,
        data: Any,
        *,
        expect: Mapping[str, Any] | None = None,
        key: str | None = None,
        optimistic: bool = True,
    ) -> RowT:
        """Change the properties in `data`. `not_found`, or `conflict` unless the row has the values of `expect`."""
        mutation = {"id": self._key(id), "data": self._wire(data), "if": self._wire(expect)}
        return self._one(await self._written("update", key, optimistic, **mutation))

    async def update_many(
        self,
        ids: Iterable[Any],
        data: Any,
        *,
        expect: Mapping[str, Any] | None = None,
        key: str | None = None,
        optimistic: bool = True,
    ) -> Rows[RowT]:
        """Change the same properties of several rows: all of them or, with `not_found` or `conflict`, none."""
        mutation = {"ids": [self._key(id) for id in ids], "data": self._wire(data), "if": self._wire(expect)}
        return await self._written("update", key, optimistic, **mutation)

    async def delete(
        self, id: Any, *, expect: Mapping[str, Any] | None = None, key: str | None = None, optimistic: bool = True
    ) -> None:
        """Remove the row with this key. RequestRefused `not_found` or `conflict`."""
        await self._mutate("delete", key, optimistic, **{"id": self._key(id), "if": self._wire(expect)})

    async def delete_many(
        self,
        ids: Iterable[Any],
        *,
        expect: Mapping[str, Any] | None = None,
        key: str | None = None,
        optimistic: bool = True,
    ) -> None:
        """Remove several rows: all of them or none."""
        named = [self._key(id) for id in ids]
        await self._mutate("delete", key, optimistic, **{"ids": named, "if": self._wire(expect)})

    async def subscribe(
        self,
        filters: Filters | None = None,
        *,
        fields: Sequence[str] | None = None,
        sort: Sequence[Sort] | None = None,
        limit: int | None = None,
        snapshot: bool = True,
        since: Since | Mapping[str, Any] | None = None,
        key: str | Sequence[str] | None = None,
        buffer: int | None = None,
    ) -> LiveQuery[RowT]:
        """A live query over this resource: `Client.subscribe` with this resource's model."""
        live: LiveQuery[RowT] = await self._port.live(
            self.name,
            filters,
            self.model,
            fields=fields,
            sort=sort,
            limit=limit,
            snapshot=snapshot,
            since=since,
            key=key or self._info.key,
            buffer=buffer,
        )
        return live

    def _message(self, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        asked = {name: value for name, value in fields.items() if value is not None}
        return {"type": kind, "resource": self.name, **asked}

    async def _mutate(self, kind: str, key: str | None, optimistic: bool, **fields: Any) -> dict[str, Any]:
        message = self._message(kind, {**fields, "key": key or uuid.uuid4().hex})
        return await self._port.write(message, self._info, optimistic)

    async def _written(self, kind: str, key: str | None, optimistic: bool, **fields: Any) -> Rows[RowT]:
        return self._read(await self._mutate(kind, key, optimistic, **fields))

    async def _rows(self, kind: str, **fields: Any) -> Rows[RowT]:
        return self._read(await self._port.ask(self._message(kind, fields)))

    def _read(self, reply: dict[str, Any]) -> Rows[RowT]:
        with reading(f"the rows of {self.name!r}"):
            rows: list[Any] = list(reply["rows"])
            if self.model is not None:
                rows = [read_as(row, self.model) for row in rows]
            return Rows(rows, total=reply.get("total"), position=reply.get("position"))

    def _one(self, rows: Rows[RowT]) -> RowT:
        if not rows:
            raise TidegateError("not_readable", f"the {self.name!r} row was written, but this user may not read it")
        return rows[0]

    def _listed(
        self, filters: Filters | None, sort: Iterable[Sort] | None, fields: Sequence[str] | None
    ) -> dict[str, Any]:
        return {
            "filters": plain_filters(filters, self._int64s),
            "sort": sort_terms(sort) if sort is not None else None,
            "fields": self._fields(fields),
        }

    def _wire(self, value: Any) -> Any:
        """A row, or a part of one, as it goes over the wire. The model says which of its integers are text there."""
        found = plain(dict(value) if isinstance(value, Mapping) else value)
        return with_texts(found, self._int64s) if self._int64s else found

    def _key(self, value: Any) -> Any:
        if isinstance(value, tuple) and len(value) == len(self._info.key):  # as the keys of `live.rows` are
            return self._wire(dict(zip(self._info.key, value, strict=True)))
        integer = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if self._int64_key and integer else self._wire(value)

    def _fields(self, fields: Sequence[str] | None) -> Sequence[str] | None:
        if fields is not None and self.model is not None:
            raise InvalidOption("rows with only some fields do not fit a model: use client.resource(name) without one")
        return fields if fields is None else list(fields)


def plain_filters(filters: Filters | None, int64s: frozenset[str] = frozenset()) -> dict[str, Any] | None:
    """Filters as they go over the wire; None if they ask for nothing. `int64s`: properties that are text there."""
    found = plain(dict(filters) if isinstance(filters, Mapping) else filters) or None
    return with_texts(found, int64s) if found and int64s else found
