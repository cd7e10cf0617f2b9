"""What a client can do with rows: live queries and resources, named by a text or by a generated Struct.

It builds what the parts ask for; `queries` shares subscriptions, `writes` shows own writes.
Invariant: a Struct that `tidegate generate` made of a row says which resource is meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, overload

from tidegate_protocol.plain import int64_fields

from .catalogue import ResourceInfo, info_of, named
from .errors import InvalidOption
from .link import Link
from .live import LiveQuery
from .models import Row
from .options import Options
from .ordering import Ordering, Sort
from .queries import Queries
from .resource import Filters, Resource, plain_filters
from .since import Since, since_of
from .streams import capacity_of

__all__ = ["RowsClient"]

RowT = TypeVar("RowT")


class RowsClient:
    """The base of `Client` for everything about rows."""

    _link: Link
    _queries: Queries
    _options: Options

    @overload
    async def subscribe(
        self,
        resource: type[RowT],
        filters: Filters | None = None,
        *,
        model: None = None,
        sort: Sequence[Sort] | None = None,
        limit: int | None = None,
        snapshot: bool = True,
        since: Since | Mapping[str, Any] | None = None,
        key: str | Sequence[str] | None = None,
        buffer: int | None = None,
    ) -> LiveQuery[RowT]: ...
    @overload
    async def subscribe(
        self,
        resource: str,
        filters: Filters | None = None,
        *,
        model: type[RowT],
        sort: Sequence[Sort] | None = None,
        limit: int | None = None,
        snapshot: bool = True,
        since: Since | Mapping[str, Any] | None = None,
        key: str | Sequence[str] | None = None,
        buffer: int | None = None,
    ) -> LiveQuery[RowT]: ...
    @overload
    async def subscribe(
        self,
        resource: str,
        filters: Filters | None = None,
        *,
        model: None = None,
        fields: Sequence[str] | None = None,
        sort: Sequence[Sort] | None = None,
        limit: int | None = None,
        snapshot: bool = True,
        since: Since | Mapping[str, Any] | None = None,
        key: str | Sequence[str] | None = None,
        buffer: int | None = None,
    ) -> LiveQuery[Row]: ...
    async def subscribe(
        self,
        resource: str | type,
        filters: Filters | None = None,
        *,
        model: Any = None,
        fields: Sequence[str] | None = None,
        sort: Sequence[Sort] | None = None,
        limit: int | None = None,
        snapshot: bool = True,
        since: Since | Mapping[str, Any] | None = None,
        key: str | Sequence[str] | None = None,
        buffer: int | None = None,
    ) -> LiveQuery[Any]:
        """Rows that match `filters`, kept up to date across reconnects until `close`.

        `resource`: a name, or the generated Struct of its rows, which types the query; `sort`, `limit`: which rows to
        show, in which order; `since`: what `live.since` was, to get only what changed from there; `snapshot=False`:
        only changes from now on; `fields`: only these properties; `key`: the names of the key's properties ("id" unless
        the Struct, `connect(resources=...)` or `connect(keys=...)` says otherwise); `model`: a Struct to convert to.
        Raises RequestRefused (`forbidden`, `unknown_resource`, `invalid_data`, ...), RequestTimeout, ConnectionRefused.

        Example:
            live = await client.subscribe("users", {"status": "active"}, sort=["-created_at"], limit=20)
            await live.loaded()
        """
        self._link.check()
        name, model = named(resource, model)
        if model is not None and fields is not None:
            raise InvalidOption("rows with only some fields do not fit a model: subscribe without one")
        if not (limit is None or (isinstance(limit, int) and limit >= 1)):
            raise InvalidOption(f"limit must be at least 1, not {limit!r}")
        capacity = capacity_of(buffer or self._options.buffer)
        info = self._info(name, model, key)
        ordering = None if sort is None else Ordering(sort, info.key, info.types)
        if fields and ordering is not None:
            fields = list(dict.fromkeys([*fields, *sorted(ordering.fields)]))  # what it sorts by, it has to know
        given = (("filters", plain_filters(filters, int64_fields(model))), ("fields", list(fields or ())))
        asked = {"resource": name, **{option: value for option, value in given if value}}
        from_there = None if since is None else since_of(since)
        session = self._queries.session(asked, info, wanted=snapshot and since is None, since=from_there)
        return await LiveQuery(self._queries, session, model, ordering, limit, capacity).opened()

    @overload
    def resource(self, name: type[RowT], model: None = None) -> Resource[RowT]: ...
    @overload
    def resource(self, name: str, model: type[RowT]) -> Resource[RowT]: ...
    @overload
    def resource(self, name: str, model: None = None) -> Resource[Row]: ...
    def resource(self, name: str | type, model: Any = None) -> Resource[Any]:
        """The rows of one resource: as dicts, or as Structs of the generated type that is given, or of `model`.

        Example:
            users = client.resource(User)
        """
        text, model = named(name, model)
        return Resource(text, model, self._info(text, model, None), _Port(self, self._link, self._queries))

    def _info(self, name: str, model: Any, key: str | Sequence[str] | None) -> ResourceInfo:
        options = self._options
        return info_of(name, model, key=key, keys=options.keys, resources=options.resources)


class _Port:
    """What a `Resource` asks of the client."""

    def __init__(self, client: RowsClient, link: Link, queries: Queries) -> None:
        self._client = client
        self._link = link
        self._queries = queries

    async def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        return await self._link.request(message)

    async def write(self, message: dict[str, Any], info: ResourceInfo, optimistic: bool) -> dict[str, Any]:
        self._link.check()
        if optimistic and self._link.options.optimistic:
            return await self._queries.writes.run(message, info)
        return await self._link.request(message)

    async def live(self, resource: str, filters: Filters | None, model: Any, **options: Any) -> LiveQuery[Any]:
        found: LiveQuery[Any] = await self._client.subscribe(resource, filters, model=model, **options)
        return found
