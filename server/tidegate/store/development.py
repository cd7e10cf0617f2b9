"""What `tidegate dev` asks of a database of either kind.

`tidegate dev` creates SQLite files only, and so it sets aside SQLite files only.
"""

from __future__ import annotations

from pathlib import Path

from tidegate.store import backends
from tidegate.store.sqlite import development as sqlite


def exists(url: str) -> bool:
    """Whether the database is there. A PostgreSQL database always counts as there. Raises StoreError."""
    return backends.is_postgres(url) or sqlite.exists(url)


def tables_of_others(url: str) -> list[str]:
    """The names of the tables that Tidegate did not make. Raises StoreError."""
    if backends.is_postgres(url):
        backends.migrations(url)  # says what to install where psycopg is missing
        from tidegate.store.postgres import development as postgres  # noqa: PLC0415  # optional

        return postgres.tables_of_others(url)
    return sqlite.tables_of_others(url)


def note_made_by_dev(url: str) -> None:
    """Note in an SQLite database, after its first migration, that `tidegate dev` created it. Raises StoreError."""
    sqlite.note_made_by_dev(url)


def made_by_dev(url: str) -> bool:
    """Whether `tidegate dev` created the database. Raises StoreError."""
    return not backends.is_postgres(url) and sqlite.made_by_dev(url)


def set_aside(url: str) -> Path:
    """Rename an SQLite file that no program has open; returns its new name. Raises StoreError."""
    return sqlite.set_aside(url)
