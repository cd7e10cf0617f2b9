"""Seeded mutations of triggers, the log and the data layer: the twin must find each.

A mutation changes the shared database of a pair, or this process's data layer, after the migration. Most say what a
plausible mistake of Tidegate's would do: a number taken from a sequence, a trigger without rights, a change not logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.twin.pair import Pair
from tests.twin.shared_tables import NOTICE_S
from tests.twin.statements import Statement
from tidegate.store.postgres.serving import reader as postgres_reader
from tidegate.store.postgres.serving import table_watch
from tidegate.store.sqlite.serving import feed, reader
from tidegate.store.sqlite.serving.statements import one_value

ADMINISTRATOR = "tidegate/mutation"
Patch = Callable[[pytest.MonkeyPatch], None]


class Mutation(NamedTuple):
    name: str
    family: str
    database: str
    sql: tuple[str, ...] = ()
    """Statements on the shared database."""
    trigger: tuple[str, str, str] | None = None
    """A trigger of SQLite or a trigger function of PostgreSQL, and the text in it that another one replaces."""
    python: Patch | None = None
    """A change to the data layer in this process."""
    notice_s: float = 0.0
    """How long to wait for the data layer to say that something is wrong."""

    def __str__(self) -> str:
        return f"{self.database}: {self.name}"

    def apply(self, pair: Pair) -> None:
        statements = list(self.sql)
        if self.trigger is not None:
            statements += (_function if self.database == "postgresql" else _trigger)(pair, *self.trigger)
        for sql in statements:
            outcome = pair.shared.run(Statement(sql, ADMINISTRATOR if self.database == "postgresql" else "mutation"))
            assert not outcome.error, f"{sql}: {outcome.error}"
        pair.shared.restart_sessions()


def _function(pair: Pair, name: str, old: str, new: str) -> list[str]:
    ((text,),) = pair.shared.select(f"select pg_get_functiondef('_tidegate.{name}'::regproc)")
    assert old in text, text
    return [text.replace(old, new)]


def _trigger(pair: Pair, name: str, old: str, new: str) -> list[str]:
    ((text,),) = pair.shared.select(f"select sql from sqlite_master where type = 'trigger' and name = '{name}'")
    assert old in text, text
    return [f'drop trigger "{name}"', text.replace(old, new)]


def _blind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(postgres_reader, "hiding", lambda *_: set())
    patch.setattr(table_watch, "_FOUND", table_watch._FOUND.replace("row_security_active(t.oid)", "false"))


def _head(connection: Any) -> Any:
    """The head without the changes of statements that failed and kept them."""
    return one_value(connection, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'tidegate_log'")


def _counted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(feed, "head", _head)
    patch.setattr(reader, "head", _head)


AT_FIRST, AT_ONCE = "\nBEGIN\n", "RETURN NULL;\nEND"
"""The beginning and the end of a trigger function of PostgreSQL."""
SQLITE_FIRST, SQLITE_LAST = " BEGIN\n", "\nEND"
"""Those of a trigger of SQLite."""


def at_the_end(of: str, statement: str) -> tuple[str, str, str]:
    """The trigger function `of` executes `statement` at its end."""
    return of, AT_ONCE, f"{statement};\n  {AT_ONCE}"


def at_first(of: str, statement: str) -> tuple[str, str, str]:
    return of, AT_FIRST, f"{AT_FIRST}  {statement};\n"


def first_of(trigger: str, statement: str) -> tuple[str, str, str]:
    """SQLite's trigger executes `statement` before what it does."""
    return f"tidegate_{trigger}", SQLITE_FIRST, f"{SQLITE_FIRST}  {statement};\n"


def last_of(trigger: str, statement: str) -> tuple[str, str, str]:
    return f"tidegate_{trigger}", SQLITE_LAST, f"\n  {statement};{SQLITE_LAST}"


POSTGRES = [
    # rows and numbers
    Mutation("a table has no trigger", "dml", "postgresql", ('drop trigger "00_tidegate_rows" on tags',)),
    Mutation("TRUNCATE is not logged", "dml", "postgresql", ('drop trigger "00_tidegate_truncate" on things',)),
    Mutation(
        "the log has an identity column",
        "dml",
        "postgresql",
        ("alter table _tidegate.pending add column number bigint generated always as identity",),
    ),
    Mutation(
        "deletions are not logged",
        "dml",
        "postgresql",
        trigger=at_first("log_tags", "if tg_op = 'DELETE' then return null; end if"),
    ),
    Mutation("a changed key is an update", "dml", "postgresql", trigger=("log_things", "old_key <> new_key", "false")),
    Mutation("a trigger prints a notice", "dml", "postgresql", trigger=at_first("log_audit", "raise notice 'logged'")),
    Mutation(
        "the trigger runs before the row is written",
        "functions",
        "postgresql",
        (
            'drop trigger "00_tidegate_rows" on books',
            'create trigger "00_tidegate_rows" before insert or update on books for each row '
            "execute function _tidegate.log_books()",
        ),
    ),
    Mutation(
        "nothing numbers the changes", "prepared", "postgresql", ("drop trigger number_changes on _tidegate.commits",)
    ),
    Mutation(
        "the trigger notes its transaction in a temporary table",
        "prepared",
        "postgresql",
        trigger=at_the_end("log_things", "create temp table if not exists pg_temp.noted ()"),
    ),
    Mutation(
        "the trigger refuses an update",
        "prepared",
        "postgresql",
        trigger=at_first("log_audit", "if tg_op = 'UPDATE' then raise 'no'; end if"),
    ),
    # rights
    Mutation(
        "the trigger has the writer's rights",
        "roles",
        "postgresql",
        ("alter function _tidegate.log_notes() security invoker",),
    ),
    Mutation(
        "policies on the log",
        "roles",
        "postgresql",
        (
            "alter table _tidegate.pending enable row level security",
            "alter table _tidegate.pending force row level security",
        ),
    ),
    # sessions
    Mutation(
        "the trigger keeps an advisory lock",
        "settings",
        "postgresql",
        trigger=at_the_end("log_things", "perform pg_advisory_lock(99)"),
    ),
    # concurrency
    Mutation(
        "the trigger reads the log",
        "isolation",
        "postgresql",
        trigger=at_first("log_accounts", "perform count(*) from _tidegate.log"),
    ),
    Mutation(
        "the trigger writes one row for all",
        "isolation",
        "postgresql",
        trigger=at_first("log_accounts", "update _tidegate.meta set value = value where name = 'epoch'"),
    ),
    Mutation(
        "the trigger locks the table",
        "locks",
        "postgresql",
        trigger=at_first("log_things", "lock table only public.things in share row exclusive mode"),
    ),
    Mutation(
        "the trigger gives advisory locks back",
        "locks",
        "postgresql",
        trigger=at_the_end("log_things", "perform pg_advisory_unlock_all()"),
    ),
    # definitions
    Mutation(
        "a trigger counts on the number of columns",
        "ddl",
        "postgresql",
        trigger=at_first("log_items", "perform * from (table public.items union all select 1, 'a', 1, 'b') same"),
    ),
    Mutation(
        "the log cannot be published",
        "publications",
        "postgresql",
        ("alter table _tidegate.pending set logged", "alter table _tidegate.commits set logged"),
    ),
    # values
    Mutation("real becomes double precision", "values", "postgresql", trigger=("log_odd", '."r"', '."r"::float8')),
    Mutation("the last columns are left out", "wide", "postgresql", trigger=("log_many", '."c299"', '."id"')),
    Mutation("the last columns are left out", "widest", "postgresql", trigger=("log_widest", '."c1589"', '."id"')),
    # tools
    Mutation("a table has no trigger", "dumps", "postgresql", ('drop trigger "00_tidegate_rows" on things',)),
    Mutation("a table has no trigger", "replication", "postgresql", ('drop trigger "00_tidegate_rows" on received',)),
    Mutation(
        "policies that hide rows are not noticed", "forced policies", "postgresql", python=_blind, notice_s=NOTICE_S
    ),
]
SQLITE = [
    Mutation("a table has no trigger", "dml", "sqlite", ("drop trigger tidegate_tags_after_update",)),
    Mutation("replaced rows are not set aside", "dml", "sqlite", ("drop trigger tidegate_things_before_insert",)),
    Mutation("a changed key is an update", "dml", "sqlite", ("drop trigger tidegate_things_before_update",)),
    Mutation(
        "the head is what SQLite has counted",
        "dml",
        "sqlite",
        python=_counted,
    ),
    Mutation("deletions are not logged", "settings", "sqlite", ("drop trigger tidegate_things_after_delete",)),
    Mutation(
        "a trigger changes the program's row",
        "prepared",
        "sqlite",
        trigger=last_of("things_after_insert", "UPDATE things SET note = 'x' WHERE id = NEW.id"),
    ),
    Mutation(
        "a trigger counts on the number of columns",
        "ddl",
        "sqlite",
        trigger=first_of("items_after_update", "SELECT * FROM items UNION ALL SELECT 1, 'a', 1, 'b'"),
    ),
    Mutation(
        "a trigger calls a function of the gateway's",
        "functions",
        "sqlite",
        trigger=first_of("books_after_insert", "SELECT tidegate_now()"),
    ),
    Mutation(
        "a collation of the program decides what is equal",
        "functions",
        "sqlite",
        trigger=last_of(
            "books_after_update",
            "DELETE FROM tidegate_log WHERE seq = (SELECT max(seq) FROM tidegate_log) AND OLD.title = NEW.title",
        ),
    ),
    Mutation(
        "a trigger raises on a BLOB",
        "values",
        "sqlite",
        trigger=first_of("odd_after_insert", "SELECT json_array(NEW.t, NEW.b, NEW.any, NEW.js)"),
    ),
    Mutation(
        "the last columns are left out", "wide", "sqlite", trigger=("tidegate_many_after_insert", 't."c299"', 't."id"')
    ),
    Mutation(
        "the last columns are left out",
        "widest",
        "sqlite",
        trigger=("tidegate_widest_after_insert", 't."c999"', 't."id"'),
    ),
    Mutation("a dump loads no changes", "dumps", "sqlite", ("drop trigger tidegate_things_after_insert",)),
    Mutation(
        "a trigger rolls the transaction back",
        "isolation",
        "sqlite",
        trigger=first_of("moves_after_insert", "SELECT raise(rollback, 'database is locked')"),
    ),
    Mutation(
        "a trigger gives up where a lock is held",
        "locks",
        "sqlite",
        trigger=first_of("things_after_update", "SELECT raise(ignore)"),
    ),
]
MUTATIONS = POSTGRES + SQLITE
