"""Reads an existing database, so that its tables can be shared as they are.

`read` returns what the database has, `files` makes schema files of it. Nothing here writes to a database or a file.
"""

from tidegate.store import backends
from tidegate.store.introspect import big_integers, sqlite
from tidegate.store.introspect.found import Column, Found, Table
from tidegate.store.introspect.schemas import File, files

__all__ = ["Column", "File", "Found", "Table", "files", "read"]


def read(url: str) -> Found:
    """The tables of the database, and notes about what cannot be shared. Raises StoreError."""
    if backends.is_postgres(url):
        backends.migrations(url)  # raises StoreError with the package to install if psycopg is missing
        from tidegate.store.introspect import postgres  # noqa: PLC0415  # optional

        return big_integers.decided(postgres.read(url))
    return big_integers.decided(sqlite.read(url))
