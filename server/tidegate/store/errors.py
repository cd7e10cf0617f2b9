"""What can be wrong with a database, for the operator. Each text says what to type next."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.core.errors import TidegateError

REPLACED = "was replaced or given a new epoch while this gateway serves it; restart the gateway"
"""After the name of the database."""
REWRITTEN = (
    "has columns that were altered, or tables that were made again or emptied by a crash (%s): their rows may have "
    "other values, so that all clients read them again"
)
"""After the name of a database of PostgreSQL."""
REMADE = (
    "has tables that a program made again (%s): their rows may have other values, so that all clients read them again"
)
"""After the name of a database of SQLite."""
GONE = (
    "is gone from its path, or its -wal file is; nothing is written to it. Put the same files back, or stop the "
    "gateway and restore a backup"
)
DAMAGED = (
    "is damaged, and nothing is written to it; the gateway's log says how. Stop the gateway, restore a backup, start it"
)
UNWRITABLE = "cannot be written; the gateway's log says why"
LOCKED = "cannot be written: another program keeps its lock"
NO_ROOM = "cannot grow: the disk is full, or a limit of the file's size is reached; only deletes are accepted"
READ_ONLY = "is read-only"
CHANGED_TABLES = "a table or a trigger is not as the schema needs it; the gateway's log says which"
FULL_SERVER = "the disk of the database's server is full"
DAMAGED_SERVER = "the database says that it is damaged; its own log and the gateway's say where"
UNREACHABLE = "the database does not answer"
"""What `/readyz` says of a server that cannot be reached."""
HUB_AWAY = "is read, and not written: the hub of the workers does not answer"
"""What a worker says of an SQLite file."""
FEED_AWAY = "is read and written, and changes wait: the hub of the workers does not answer"
"""What a worker says of a PostgreSQL database."""

# After the name of the database: what a running gateway says of tables and triggers.
LOST = "has lost triggers (%s): clients do not get the changes there; type: tidegate migrate"
TURNED_OFF = "has triggers that were turned off (%s): clients may miss changes there; type: tidegate migrate"
CHANGED = "has triggers that no longer fit their table (%s): clients may miss changes there; type: tidegate migrate"
LACKS = "lacks %s of the schema: clients cannot read it; change the schema or the table, then type: tidegate migrate"
HIDDEN = (
    "has row level security on %s that hides rows from the gateway's role: clients get nothing of it until the role "
    "has BYPASSRLS or the table has no row level security"
)
INHERITED = (
    "has tables that inherit from %s: clients do not get the changes there; drop them, or take it out of the schema"
)
UNKEYED = (
    "lets two rows of one table have the same key (%s): clients take them for one row; make the key unique again, "
    "then type: tidegate migrate"
)


def no_unique_key(table: str, key: Sequence[str]) -> str:
    """What `migrate` and `serve` say of a table of the owner's whose key no index keeps unique."""
    return (
        f"no unique index keeps the key of {table} ({', '.join(key)}): clients take rows with equal keys for one row; "
        f"type: CREATE UNIQUE INDEX {table}_key ON {table} ({', '.join(key)})"
    )


class StoreError(TidegateError):
    """The database cannot be used as it is."""


class Unmigrated(StoreError):
    """The database lacks something that the schema needs."""


class NeedsManualMigration(StoreError):
    """The change may lose values, or rows break a new rule: a manual migration has to say what becomes of them."""
