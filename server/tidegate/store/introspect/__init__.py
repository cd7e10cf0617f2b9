"""Reading a database that is there already, so that its tables can be shared as they are.

`read` says what is there, `schemas` makes schema files of it. Nothing here writes to a database.
"""

from tidegate.store import backends
from tidegate.store.introspect import sqlite
from tidegate.store.introspect.found import Column, Found, Table
from tidegate.store.introspect.schemas import File, files

__all__ = ["Column", "File", "Found", "Table", "files", "read"]


def read(url: str) -> Found:
    """The tables of the database, and what of it cannot be shared. Raises StoreError."""
    if backends.is_postgres(url):
        backends.migrations(url)  # says what to install where psycopg is missing
        from tidegate.store.introspect import postgres  # noqa: PLC0415  # optional

        return postgres.read(url)
    return sqlite.read(url)
