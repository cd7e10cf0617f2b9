"""Which database a URL means. The rest of the gateway asks here and need not know that there are two.

psycopg is an optional dependency: it is imported only when a URL asks for PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tidegate.contract import Resource
from tidegate.core.ports import Store
from tidegate.store import migrate as sqlite_migrate
from tidegate.store.errors import StoreError
from tidegate.store.place import new_epoch as new_epoch_in_sqlite
from tidegate.store.rebuild import Progress
from tidegate.store.retention import KEEP, Retention
from tidegate.store.seed import seed as seed_sqlite
from tidegate.store.sqlite import SqliteStore

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


class OpenedStore(Store, Protocol):
    """A store, and what the database keeps for the gateway beside rows."""

    @property
    def identity_secret(self) -> str:
        """What the identity tokens of anonymous clients are signed with."""


class Migrations(Protocol):
    """What `tidegate migrate` asks of a database. `folder` holds migrations written by hand. All raise StoreError."""

    def check(self, url: str, resources: Mapping[str, Resource]) -> None:
        """Raises Unmigrated when the database lacks anything that serving needs."""

    def planned(self, url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> Sequence[object]:
        """What `apply` would do, in order."""

    def notes(self, url: str, resources: Mapping[str, Resource]) -> list[str]:
        """What a migration leaves alone that one might expect it to change."""

    def apply(
        self,
        url: str,
        resources: Mapping[str, Resource],
        folder: Path | None = None,
        progress: Progress | None = None,
    ) -> list[str]:
        """Bring the database up to date, in one transaction; returns what was done."""

    def down(
        self, url: str, resources: Mapping[str, Resource], folder: Path | None, progress: Progress | None = None
    ) -> list[str]:
        """Take the last written migration back; returns what was done."""


async def open_store(url: str, resources: Mapping[str, Resource], keep: Retention = KEEP) -> OpenedStore:
    """Raises StoreError: a URL of no known kind, a database that cannot be opened or was not migrated."""
    if is_postgres(url):
        store: OpenedStore = await _postgres().PostgresStore.open(url, resources, keep)
        return store
    return await SqliteStore.open(url, resources, keep)


def migrations(url: str) -> Migrations:
    """Raises StoreError where psycopg is missing."""
    if is_postgres(url):
        found: Migrations = _postgres().migrate
        return found
    return sqlite_migrate


def seed(url: str, resources: Mapping[str, Resource], rows: Rows) -> dict[str, int]:
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
    """The URL without what is secret in it."""
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
