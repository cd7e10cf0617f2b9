"""Which database a URL means. The rest of the gateway asks here and does not know that there are two.

psycopg is an optional dependency: it is imported only when a URL asks for PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.contract import Resource
from tidegate.hub.connector import Hub
from tidegate.store.errors import StoreError
from tidegate.store.hub.store import HubStore
from tidegate.store.migration.port import Migrations
from tidegate.store.opened import LentStore, OpenedStore
from tidegate.store.seed_rows import SampleRows
from tidegate.store.serving.retention import KEEP, Retention
from tidegate.store.serving.spool import spool_folder
from tidegate.store.serving.timeouts import TIMEOUTS, Timeouts
from tidegate.store.sqlite.migration import migrate as sqlite_migrate
from tidegate.store.sqlite.seed import seed as seed_sqlite
from tidegate.store.sqlite.serving.epoch import new_epoch as new_epoch_in_sqlite
from tidegate.store.sqlite.serving.store import SqliteStore


async def open_lent_store(
    url: str,
    resources: Mapping[str, Resource],
    keep: Retention = KEEP,
    timeouts: Timeouts = TIMEOUTS,
    *,
    durable: bool = False,
    prefix: str = "",
) -> LentStore:
    """The hub's store; the arguments are those of `open_store`. Raises StoreError, as `open_store` does."""
    if is_postgres(url):
        # The workers write, each by its own schema; the hub needs the log alone.
        store: LentStore = await _postgres().PostgresStore.open(
            url, {}, keep, timeouts, durable=durable, part="lent", prefix=prefix
        )
        return store
    return await SqliteStore.open(url, resources, keep, timeouts, lent=True, durable=durable)


async def open_store(
    url: str,
    resources: Mapping[str, Resource],
    keep: Retention = KEEP,
    timeouts: Timeouts = TIMEOUTS,
    hub: Hub | None = None,
    *,
    durable: bool = False,
    prefix: str = "",
) -> OpenedStore:
    """`hub`: follows the change log for this process, and writes an SQLite file for it. `durable`: there are durable
    rooms. `prefix`: that of the engine through which gateways meet in rooms; empty where there is none.

    Raises StoreError: a URL of no known kind, no TMPDIR, a database that cannot be opened, that was not migrated, or
    that is an SQLite file which another gateway serves.
    """
    # An operator should see it now, and not when a client asks for the first large snapshot.
    spool_folder()
    if is_postgres(url):
        store: OpenedStore = await _postgres().PostgresStore.open(
            url, resources, keep, timeouts, durable=durable, part=hub, prefix=prefix
        )
        return store
    if hub is not None:
        return await HubStore.open(url, resources, *hub, timeouts, durable=durable)
    return await SqliteStore.open(url, resources, keep, timeouts, durable=durable)


def migrations(url: str) -> Migrations:
    """The migrations of this kind of database. Raises StoreError where psycopg is missing."""
    if is_postgres(url):
        found: Migrations = _postgres().migrate
        return found
    return sqlite_migrate


def seed(url: str, resources: Mapping[str, Resource], rows: SampleRows) -> dict[str, int]:
    """Put `rows` into the tables of their resources that are empty, or into none; returns how many went into each.

    Raises StoreError for rows that do not fit.
    """
    if is_postgres(url):
        counts: dict[str, int] = _postgres().seed(url, resources, rows)
        return counts
    return seed_sqlite(url, resources, rows)


def new_epoch(url: str) -> tuple[str, str]:
    """Give the change log a new epoch; returns the old one and the new one. Raises StoreError."""
    if is_postgres(url):
        epochs: tuple[str, str] = _postgres().new_epoch(url)
        return epochs
    return new_epoch_in_sqlite(url)


def shown(url: str) -> str:
    """The URL without its secrets."""
    return str(_postgres().shown(url)) if is_postgres(url) else url


def is_postgres(url: str) -> bool:
    return url.startswith(("postgresql://", "postgres://"))


def _postgres() -> Any:
    try:
        from tidegate.store import postgres  # noqa: PLC0415  # optional
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"psycopg", "psycopg_binary"}:
            raise
        raise StoreError("PostgreSQL needs psycopg; type: pip install 'tidegate[postgres]'") from None
    return postgres
