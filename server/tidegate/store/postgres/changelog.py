"""The change log of PostgreSQL: triggers write each change of any program to it, in the transaction of the change.

An AFTER row trigger writes an entry to `pending`, and notes the transaction in `commits`, where a gateway has noted the
author of its mutation. A deferred constraint trigger there runs once, when the transaction commits: it takes a lock
that is held until the commit is visible, numbers the transaction's entries and moves them to `log`. So `seq` is in the
order of commits, and a reader that has read up to n never finds a smaller seq later. Numbers that are taken when the
rows are written would be overtaken by transactions that commit first.
Invariants: applied in order of `seq`, the log's images turn an empty table into the table as it is. No trigger uses
`nextval`, which would change what `lastval()` tells the program that writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from tidegate.contract import Resource
from tidegate.store.postgres.connection import short
from tidegate.store.postgres.rows import image, readable
from tidegate.store.sql.names import literal, quoted

SCHEMA = "_tidegate"
"""Not `tidegate`: a role of that name would find it first, by "$user" in its search_path."""
LOG, PENDING, COMMITS, META, REQUESTS, SEQ = (
    f"{SCHEMA}.{name}" for name in ("log", "pending", "commits", "meta", "requests", "log_seq")
)
NEWEST = f"CASE WHEN has_sequence_privilege('{SEQ}', 'SELECT') THEN pg_sequence_last_value('{SEQ}') END"
"""An SQL expression: the newest number that was given; NULL before the first one, and for a role that may not know."""
COMMIT_LOCK = int.from_bytes(b"tidegate")
"""The advisory lock that puts the commits of one database in an order."""
MIGRATION_LOCK = COMMIT_LOCK + 1
SERVING_LOCK = COMMIT_LOCK + 2
"""Each gateway that serves the database shares it."""

REREAD = "reread"
"""In `pending`: the entries of this resource are not all that happened, or not in its order. The log gets a reset at
their end."""

RELATIONS = {
    SEQ: f"CREATE SEQUENCE {SEQ}",
    # A primary key, so that a publication FOR ALL TABLES may have it.
    LOG: f"""CREATE TABLE {LOG} (
  seq bigint PRIMARY KEY, time bigint, resource text NOT NULL, key text NOT NULL, action text NOT NULL, old text,
  new text, origin text, actor text)""",
    # Holds what is not committed yet. A crash may empty it, and no publication has unlogged tables.
    PENDING: f"""CREATE UNLOGGED TABLE {PENDING} (
  xact xid8 NOT NULL DEFAULT pg_current_xact_id(), resource text NOT NULL, key text NOT NULL, action text NOT NULL,
  old text, new text, origin text, actor text, serializable boolean NOT NULL DEFAULT false)""",
    f"{SCHEMA}.pending_xact": f"CREATE INDEX pending_xact ON {PENDING} (xact)",
    f"{SCHEMA}.pending_reread": f"CREATE UNIQUE INDEX pending_reread ON {PENDING} (xact, resource) "
    f"WHERE action = '{REREAD}'",
    # Its rows are of use only within their transaction, so that a crash may empty it.
    COMMITS: f"CREATE UNLOGGED TABLE {COMMITS} (xact xid8 PRIMARY KEY, origin text, actor text)",
    META: f"CREATE TABLE {META} (name text PRIMARY KEY, value text NOT NULL)",
    REQUESTS: f"""CREATE TABLE {REQUESTS} (
  actor text NOT NULL, key text NOT NULL, digest bytea NOT NULL, reply text NOT NULL, time bigint NOT NULL,
  seq bigint NOT NULL, PRIMARY KEY (actor, key))""",
}
"""What Tidegate keeps for itself, by name, in the order of creation."""

NUMBER = f"{SCHEMA}.number_changes"
_FUNCTION = """RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 SET enable_seqscan = off
SET "DateStyle" = 'ISO, YMD' SET "IntervalStyle" = 'postgres'"""
# A program may have rights on its table only, and any settings in its session: SECURITY DEFINER and the settings make
# the trigger independent of both. enable_seqscan: plans are kept, and the first is made when the log is small.

# PostgreSQL reports a serializable transaction as failed for what it reads beside rows that another one writes, and
# index pages count as read. So in such a transaction Tidegate's triggers read nothing but the rows that they are called
# for, and whose conflicts INSERT finds: each entry is numbered for itself. Its entries stay in `pending` until `prune`
# drops them, and may be in a dump of the database.

_LOCK = f"""PERFORM pg_advisory_xact_lock({COMMIT_LOCK});
    -- A crash must not undo what a reader of the log has seen: its number would be given twice.
    IF current_setting('synchronous_commit') = 'off' THEN
      PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    moment := extract(epoch FROM clock_timestamp()) * 1000;
    newest := coalesce(pg_sequence_last_value('{SEQ}'), 0);"""

_ACTION = f"CASE p.action WHEN '{REREAD}' THEN 'reset' ELSE p.action END"

NUMBER_BODY = f"""DECLARE
  entries bigint;
  resets bigint;
  moment bigint;
  newest bigint;
BEGIN
  SELECT count(*) INTO entries FROM {PENDING} WHERE xact = NEW.xact AND NOT serializable;
  IF entries > 0 THEN
    {_LOCK}
    IF entries = 1 THEN
      INSERT INTO {LOG} (seq, time, resource, key, action, old, new, origin, actor)
      SELECT newest + 1, moment, p.resource, p.key, {_ACTION}, p.old, p.new, p.origin, p.actor
      FROM {PENDING} p WHERE p.xact = NEW.xact AND NOT p.serializable;
    ELSE
      -- The changes of a foreign trigger to the rows of the statement that it runs after are logged before that
      -- statement. Then the images of a row do not follow from each other, and its readers must read the rows again.
      -- cmin: the number of the command that wrote the entry, within its transaction.
      INSERT INTO {PENDING} (resource, key, action)
      SELECT DISTINCT resource, '{{}}', '{REREAD}' FROM (
        SELECT p.resource, p.old AS image, lag(p.new) OVER images AS before, row_number() OVER images AS number
        FROM {PENDING} p WHERE p.xact = NEW.xact AND NOT p.serializable AND p.action NOT IN ('reset', '{REREAD}')
        WINDOW images AS (PARTITION BY p.resource, p.key ORDER BY p.cmin::text::bigint)) entry
      WHERE number > 1 AND image IS DISTINCT FROM before
      ON CONFLICT (xact, resource) WHERE action = '{REREAD}' DO NOTHING;
      GET DIAGNOSTICS resets = ROW_COUNT;
      entries := entries + resets;
      INSERT INTO {LOG} (seq, time, resource, key, action, old, new, origin, actor)
      SELECT newest + row_number() OVER (ORDER BY p.action = '{REREAD}', p.cmin::text::bigint), moment, p.resource,
        p.key, {_ACTION}, p.old, p.new, p.origin, p.actor
      FROM {PENDING} p WHERE p.xact = NEW.xact AND NOT p.serializable;
    END IF;
    PERFORM setval('{SEQ}', newest + entries);
    DELETE FROM {PENDING} WHERE xact = NEW.xact AND NOT serializable;
  END IF;
  -- What this transaction still writes notes it again.
  DELETE FROM {COMMITS} WHERE xact = NEW.xact;
  RETURN NULL;
END"""

NUMBER_ONE = f"{SCHEMA}.number_change"
NUMBER_ONE_BODY = f"""DECLARE
  moment bigint;
  newest bigint;
BEGIN
  IF NEW.xact <> pg_current_xact_id() THEN  -- a dump is being restored
    RETURN NULL;
  ELSIF NEW.action = '{REREAD}' THEN
    -- Let the transaction's next such change have an entry too, and put the reset behind all that is there.
    INSERT INTO {PENDING} (xact, resource, key, action, serializable)
    VALUES (NEW.xact, NEW.resource, NEW.key, NEW.action, true)
    ON CONFLICT (xact, resource) WHERE action = '{REREAD}' DO UPDATE SET action = 'reset';
    INSERT INTO {PENDING} (xact, resource, key, action, serializable)
    VALUES (NEW.xact, NEW.resource, NEW.key, 'reset', true);
  ELSE
    {_LOCK}
    INSERT INTO {LOG} (seq, time, resource, key, action, old, new, origin, actor) VALUES (setval('{SEQ}', newest + 1),
      moment, NEW.resource, NEW.key, NEW.action, NEW.old, NEW.new, NEW.origin, NEW.actor);
  END IF;
  RETURN NULL;
END"""


def functions(resources: dict[str, Resource], home: str) -> dict[str, str]:
    """The bodies of the trigger functions, by their qualified names. `home`: the schema of the tables."""
    bodies = {log_function(resource): log_body(resource, home) for resource in resources.values()}
    return {NUMBER: NUMBER_BODY, NUMBER_ONE: NUMBER_ONE_BODY} | bodies


def create_function(name: str, body: str) -> list[str]:
    """Statements that create or replace a function, and leave a comment that `digest` compares."""
    return [
        f"CREATE OR REPLACE FUNCTION {name}() {_FUNCTION} AS {literal(body)}",
        f"COMMENT ON FUNCTION {name}() IS {literal(digest(body))}",
    ]


def digest(body: str) -> str:
    """The comment on an up-to-date function."""
    return "Tidegate's; " + hashlib.sha256((_FUNCTION + body).encode()).hexdigest()[:16]


def triggers(resource: Resource) -> dict[str, str]:
    """The triggers of one resource's table, by name.

    Triggers run in the order of their names. Tidegate's come first, so that the log has what foreign
    triggers do after what they saw.
    """
    table, function = quoted(resource.table), log_function(resource)
    rows, truncate = ROWS_TRIGGER, TRUNCATE_TRIGGER
    return {
        rows: f"CREATE TRIGGER {quoted(rows)} AFTER INSERT OR UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}()",
        truncate: f"CREATE TRIGGER {quoted(truncate)} AFTER TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
    }


ROWS_TRIGGER, TRUNCATE_TRIGGER = "00_tidegate_rows", "00_tidegate_truncate"
NUMBER_TRIGGER = "number_changes"
CREATE_NUMBER_TRIGGER = f"""CREATE CONSTRAINT TRIGGER {NUMBER_TRIGGER} AFTER INSERT ON {COMMITS}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {NUMBER}()"""
NUMBER_ONE_TRIGGER = "number_change"
CREATE_NUMBER_ONE_TRIGGER = f"""CREATE CONSTRAINT TRIGGER {NUMBER_ONE_TRIGGER} AFTER INSERT ON {PENDING}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.serializable) EXECUTE FUNCTION {NUMBER_ONE}()"""


def reset(resources: Iterable[Resource]) -> list[str]:
    """Statements that make every client read the rows of these resources again."""
    return [
        *(
            f"INSERT INTO {PENDING} (resource, key, action) VALUES ({literal(resource.name)}, '{{}}', 'reset')"
            for resource in resources
        ),
        f"INSERT INTO {COMMITS} (xact) VALUES (pg_current_xact_id()) ON CONFLICT DO NOTHING",
    ]


def log_function(resource: Resource) -> str:
    return f"{SCHEMA}.{quoted(log_name(resource.name))}"


def log_name(resource: str) -> str:
    """The name of the function that logs the changes of a resource."""
    return short(f"log_{resource}")


def log_body(resource: Resource, home: str) -> str:
    """The body of the trigger function of one resource. `home`: the schema of the tables."""
    name, columns = literal(resource.name), readable(resource)
    return f"""DECLARE
  old_key text;
  new_key text;
  old_image text;
  new_image text;
  noted {COMMITS}%ROWTYPE;
  unknown boolean := false;
  serial boolean := current_setting('transaction_isolation') = 'serializable';
BEGIN
  -- A copy of the table in another schema, or under another name, may have copies of the triggers. Where no table has
  -- the name, this one may be that table, and get its name again.
  IF TG_TABLE_SCHEMA <> {literal(home)} OR TG_TABLE_NAME <> {literal(resource.table)} THEN
    IF to_regclass({literal(f"{quoted(home)}.{quoted(resource.table)}")}) IS NOT NULL THEN
      RETURN NULL;
    END IF;
    unknown := true;
  END IF;
  IF NOT serial THEN
    SELECT * INTO noted FROM {COMMITS} WHERE xact = pg_current_xact_id();
  END IF;
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO {PENDING} (resource, key, action, serializable) VALUES ({name}, '{{}}', 'reset', serial);
  ELSE
    BEGIN
      IF TG_OP <> 'INSERT' THEN
        old_key := {image("OLD", resource, resource.key)};
        old_image := {image("OLD", resource, columns)};
      END IF;
      IF TG_OP <> 'DELETE' THEN
        new_key := {image("NEW", resource, resource.key)};
        new_image := {image("NEW", resource, columns)};
      END IF;
    EXCEPTION WHEN OTHERS THEN
      -- A column has another name now, or PostgreSQL has no memory for the text. The program that writes must not fail.
      unknown := true;
    END;
    IF old_image = new_image THEN
      RETURN NULL;
    END IF;
    IF unknown THEN
      NULL;
    ELSIF old_key <> new_key THEN
      INSERT INTO {PENDING} (resource, key, action, old, origin, actor, serializable)
      VALUES ({name}, old_key, 'delete', old_image, noted.origin, noted.actor, serial);
      INSERT INTO {PENDING} (resource, key, action, new, origin, actor, serializable)
      VALUES ({name}, new_key, 'create', new_image, noted.origin, noted.actor, serial);
    ELSE
      INSERT INTO {PENDING} (resource, key, action, old, new, origin, actor, serializable)
      VALUES ({name}, coalesce(new_key, old_key),
        CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' ELSE 'delete' END, old_image, new_image,
        noted.origin, noted.actor, serial);
    END IF;
  END IF;
  IF unknown OR serial AND pg_trigger_depth() > 1 THEN
    INSERT INTO {PENDING} (resource, key, action, serializable) VALUES ({name}, '{{}}', '{REREAD}', serial)
    ON CONFLICT (xact, resource) WHERE action = '{REREAD}' DO NOTHING;
  END IF;
  IF NOT serial AND noted.xact IS NULL THEN
    INSERT INTO {COMMITS} (xact) VALUES (pg_current_xact_id());
  END IF;
  RETURN NULL;
END"""
