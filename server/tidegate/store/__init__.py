"""The data layer: the only importer of peewee and apsw."""

from tidegate.store.errors import StoreError, Unmigrated
from tidegate.store.sqlite import SqliteStore

__all__ = ["SqliteStore", "StoreError", "Unmigrated"]
