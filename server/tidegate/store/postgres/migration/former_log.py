"""Brings a change log of the first form into its form of today, in which entries without a `seq` are in `pending`.

Trigger functions of the first form may run on: those of tables that this schema does not name, and one that waits for
the log while it is altered. They insert entries without a `seq`, which a trigger of the log takes to `pending`.
Invariant: no statement of another program fails because the log was altered.
"""

from __future__ import annotations

from tidegate.store.migration.plan import Step
from tidegate.store.postgres.changelog import LOG, PENDING, SCHEMA
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration.step import sql_step

REDIRECT = f"{SCHEMA}.redirect"

UPGRADE = (
    # Waits for the transactions that have entries without a number.
    f"LOCK TABLE {LOG} IN ACCESS EXCLUSIVE MODE",
    f"DELETE FROM {LOG} WHERE seq IS NULL",
    f"ALTER TABLE {LOG} DROP CONSTRAINT log_seq_key, DROP COLUMN id, DROP COLUMN xact, ADD PRIMARY KEY (seq)",
    f"""CREATE FUNCTION {REDIRECT}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$BEGIN
  INSERT INTO {PENDING} (resource, key, action, old, new, origin, actor, serializable)
  VALUES (NEW.resource, NEW.key, NEW.action, NEW.old, NEW.new, NEW.origin, NEW.actor,
    current_setting('transaction_isolation') = 'serializable');
  RETURN NULL;
END$$""",
    f"CREATE TRIGGER redirect BEFORE INSERT ON {LOG} FOR EACH ROW WHEN (NEW.seq IS NULL) EXECUTE FUNCTION {REDIRECT}()",
    f"ALTER TABLE {LOG} ENABLE ALWAYS TRIGGER redirect",
)


def upgrade_steps(connection: Connection) -> list[Step]:
    """The step for a log that has entries without a number; no step for one of today."""
    former = connection.execute(
        "SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'xact' AND NOT attisdropped", [LOG]
    ).fetchall()
    if not former:
        return []
    return [sql_step(connection, "give the change log a primary key", "publications need one", UPGRADE)]
