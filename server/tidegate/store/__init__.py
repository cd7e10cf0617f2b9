"""The data layer: the only importer of peewee, apsw and psycopg."""

from tidegate.store.backends import open_store
from tidegate.store.errors import StoreError, Unmigrated
from tidegate.store.opened import OpenedStore
from tidegate.store.serving.retention import Retention
from tidegate.store.serving.timeouts import Timeouts
from tidegate.store.sqlite.serving.store import SqliteStore

__all__ = [
    "OpenedStore",
    "Retention",
    "SqliteStore",
    "StoreError",
    "Timeouts",
    "Unmigrated",
    "open_store",
]
