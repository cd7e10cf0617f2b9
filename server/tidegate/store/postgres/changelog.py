"""The change log of PostgreSQL: triggers write each change of any program to it, in the transaction of the change.

An AFTER row trigger writes an entry without a `seq`, and notes the transaction in `commits`, where a gateway has noted
the author of its mutation. A deferred constraint trigger there runs once, when the transaction commits: it takes a lock
that is held until the commit is visible, and numbers the transaction's entries. So `seq` is in the order of commits,
and a reader that has read up to n never finds a smaller seq later. Numbers that are taken when the rows are written
would be overtaken by transactions that commit first.
Invariant: applied in order of `seq`, the log's images turn an empty table into the table as it is.
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
LOG, COMMITS, META, REQUESTS, SEQ = (f"{SCHEMA}.{name}" for name in ("log", "commits", "meta", "requests", "log_seq"))
COMMIT_LOCK = int.from_bytes(b"tidegate")
"""The advisory lock that puts the commits of one database in an order."""
MIGRATION_LOCK = COMMIT_LOCK + 1
SERVING_LOCK = COMMIT_LOCK + 2
"""Each gateway that serves the database shares it."""

RELATIONS = {
    SEQ: f"CREATE SEQUENCE {SEQ}",
    LOG: f"""CREATE TABLE {LOG} (
  seq bigint UNIQUE, id bigint GENERATED ALWAYS AS IDENTITY, xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
  time bigint, resource text NOT NULL, key text NOT NULL, action text NOT NULL, old text, new text, origin text,
  actor text)""",
    # Holds only what is not committed yet.
    f"{SCHEMA}.log_unnumbered": f"CREATE INDEX log_unnumbered ON {LOG} (xact, id) WHERE seq IS NULL",
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

NUMBER_BODY = f"""DECLARE
  entries bigint;
  now_ms bigint;
  place tid;
BEGIN
  SELECT count(*) INTO entries FROM {LOG} WHERE xact = NEW.xact AND seq IS NULL;
  IF entries > 0 THEN
    PERFORM pg_advisory_xact_lock({COMMIT_LOCK});
    -- A crash must not undo what a reader of the log has seen: its number would be given twice.
    IF current_setting('synchronous_commit') = 'off' THEN
      PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    now_ms := extract(epoch FROM clock_timestamp()) * 1000;
    IF entries > 1 THEN
      -- The changes of a foreign trigger to the rows of the statement that it runs after are logged before that
      -- statement. Then the images of a row do not follow from each other, and its readers must read the rows again.
      INSERT INTO {LOG} (resource, key, action)
      SELECT DISTINCT resource, '{{}}', 'reset' FROM (
        SELECT l.resource, l.old AS image, lag(l.new) OVER images AS before, row_number() OVER images AS number
        FROM {LOG} l WHERE l.xact = NEW.xact AND l.seq IS NULL AND l.action <> 'reset'
        WINDOW images AS (PARTITION BY l.resource, l.key ORDER BY l.id)) entry
      WHERE number > 1 AND image IS DISTINCT FROM before;
    END IF;
    -- One by one: a join that was planned for few entries takes hours for many.
    FOR place IN SELECT ctid FROM {LOG} WHERE xact = NEW.xact AND seq IS NULL ORDER BY id LOOP
      UPDATE {LOG} SET seq = nextval('{SEQ}'), time = now_ms WHERE ctid = place;
    END LOOP;
  END IF;
  -- What this transaction still writes notes it again.
  DELETE FROM {COMMITS} WHERE xact = NEW.xact;
  RETURN NULL;
END"""


def functions(resources: dict[str, Resource]) -> dict[str, str]:
    """The bodies of the trigger functions, by their qualified names."""
    return {NUMBER: NUMBER_BODY} | {log_function(resource): _log_body(resource) for resource in resources.values()}


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
    rows, truncate = "00_tidegate_rows", "00_tidegate_truncate"
    return {
        rows: f"CREATE TRIGGER {quoted(rows)} AFTER INSERT OR UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}()",
        truncate: f"CREATE TRIGGER {quoted(truncate)} AFTER TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
    }


NUMBER_TRIGGER = "number_changes"
CREATE_NUMBER_TRIGGER = f"""CREATE CONSTRAINT TRIGGER {NUMBER_TRIGGER} AFTER INSERT ON {COMMITS}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {NUMBER}()"""


def reset(resources: Iterable[Resource]) -> list[str]:
    """Statements that make every client read the rows of these resources again."""
    return [
        *(
            f"INSERT INTO {LOG} (resource, key, action) VALUES ({literal(resource.name)}, '{{}}', 'reset')"
            for resource in resources
        ),
        f"INSERT INTO {COMMITS} (xact) VALUES (pg_current_xact_id()) ON CONFLICT DO NOTHING",
    ]


def log_function(resource: Resource) -> str:
    return f"{SCHEMA}.{quoted(short(f'log_{resource.name}'))}"


def _log_body(resource: Resource) -> str:
    name, columns = literal(resource.name), readable(resource)
    return f"""DECLARE
  old_key text;
  new_key text;
  old_image text;
  new_image text;
  noted {COMMITS}%ROWTYPE;
BEGIN
  SELECT * INTO noted FROM {COMMITS} WHERE xact = pg_current_xact_id();
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO {LOG} (resource, key, action) VALUES ({name}, '{{}}', 'reset');
  ELSE
    IF TG_OP <> 'INSERT' THEN
      old_key := {image("OLD", resource, resource.key)};
      old_image := {image("OLD", resource, columns)};
    END IF;
    IF TG_OP <> 'DELETE' THEN
      new_key := {image("NEW", resource, resource.key)};
      new_image := {image("NEW", resource, columns)};
    END IF;
    IF old_image = new_image THEN
      RETURN NULL;
    END IF;
    IF old_key <> new_key THEN
      INSERT INTO {LOG} (resource, key, action, old, origin, actor)
      VALUES ({name}, old_key, 'delete', old_image, noted.origin, noted.actor);
      INSERT INTO {LOG} (resource, key, action, new, origin, actor)
      VALUES ({name}, new_key, 'create', new_image, noted.origin, noted.actor);
    ELSE
      INSERT INTO {LOG} (resource, key, action, old, new, origin, actor) VALUES ({name}, coalesce(new_key, old_key),
        CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' ELSE 'delete' END, old_image, new_image,
        noted.origin, noted.actor);
    END IF;
  END IF;
  IF noted.xact IS NULL THEN
    INSERT INTO {COMMITS} (xact) VALUES (pg_current_xact_id());
  END IF;
  RETURN NULL;
END"""
