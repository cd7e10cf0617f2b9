"""The data layer over PostgreSQL: the only importer of psycopg, an optional dependency (`tidegate[postgres]`)."""

from tidegate.store.postgres.connection import shown
from tidegate.store.postgres.migration import migrate
from tidegate.store.postgres.seed import seed
from tidegate.store.postgres.serving.epoch import new_epoch
from tidegate.store.postgres.serving.store import PostgresStore

__all__ = ["PostgresStore", "migrate", "new_epoch", "seed", "shown"]
