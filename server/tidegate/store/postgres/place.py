"""Where a database is: which cluster, which of its lives, which database in it.

A restored backup has the change log of before and goes on from there: the same positions would mean other changes. Its
place is another, by which it is known, and it gets a new epoch.
"""

from __future__ import annotations

from tidegate.store.postgres.connection import Connection


def place(connection: Connection) -> str:
    """The cluster's identifier, its timeline, the database's number."""
    ((found,),) = connection.execute(
        "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || "
        "(SELECT timeline_id FROM pg_control_checkpoint()) || '/' || "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return str(found)
