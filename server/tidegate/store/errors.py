"""What can be wrong with a database, for the operator. Each text says what to type next."""

from __future__ import annotations

from tidegate.core.errors import TidegateError

REPLACED = "was replaced or given a new epoch while this gateway serves it; restart the gateway"
"""After the name of the database."""
CHANGED_TABLES = "a table or a trigger is not as the schema needs it; the gateway's log says which"
UNREACHABLE = "the database does not answer"
"""What `/readyz` says of a server that cannot be reached."""


class StoreError(TidegateError):
    """The database cannot be used as it is."""


class Unmigrated(StoreError):
    """The database lacks something that the schema needs."""


class NeedsManualMigration(StoreError):
    """The change may lose values, or rows break a new rule: a manual migration has to say what becomes of them."""
