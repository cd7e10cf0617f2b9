"""Seeded mutations of triggers, the log and the data layer: the twin must find each.

A mutation changes the shared database of a pair, or this process's data layer, after the migration. Most say what a
plausible mistake of Tidegate's would do: a number taken from a sequence, a trigger without rights, a change not logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.twin.pair import Pair
from tests.twin.statements import Statement
from tidegate.store.sqlite.serving import feed, reader
from tidegate.store.sqlite.serving.reader import one_value

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


def _patched(target: str, value: object) -> Patch:
    return lambda patch: patch.setattr(target, value)


def _head(connection: Any) -> Any:
    """The head without the changes of statements that failed and kept them."""
    return one_value(connection, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'tidegate_log'")


def _counted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(feed, "head", _head)
    patch.setattr(reader, "head", _head)


BEGIN, DECLARED = "\nBEGIN\n", "DECLARE\n"
AT_ONCE = "RETURN NULL;\nEND"
"""The end of a trigger function's text."""


def at_the_end(of: str, statement: str) -> tuple[str, str, str]:
    """The trigger function `of` executes `statement` at its end."""
    return of, AT_ONCE, f"{statement};\n  {AT_ONCE}"


def at_first(of: str, statement: str) -> tuple[str, str, str]:
    return of, BEGIN, f"{BEGIN}  {statement};\n"


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
        "the trigger begins no transaction for savepoints",
        "prepared",
        "postgresql",
        trigger=at_the_end("log_audit", "if random() < 2 and tg_op = 'UPDATE' then raise 'no' ; end if"),
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
    Mutation(
        "floats are spelled by the session",
        "settings",
        "postgresql",
        ("alter function _tidegate.log_things() reset extra_float_digits",),
    ),
    Mutation(
        "session_replication_role turns the trigger off",
        "settings",
        "postgresql",
        ('alter table things enable trigger "00_tidegate_rows"', 'alter table tags enable trigger "00_tidegate_rows"'),
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
        "a trigger depends on a column",
        "ddl",
        "postgresql",
        (
            "create trigger extra after update of extra, name, qty on items for each row when (old.extra is distinct "
            "from new.extra) execute function _tidegate.log_items()",
        ),
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
    Mutation(
        "a trigger uses JSON functions",
        "settings",
        "sqlite",
        ("create trigger json after update on things begin select json_object('id', new.id); end",),
    ),
    Mutation(
        "a trigger counts as the program's change",
        "prepared",
        "sqlite",
        ("create trigger also after insert on things begin update things set note = 'x' where id = new.id; end",),
    ),
    Mutation(
        "a trigger names a column",
        "ddl",
        "sqlite",
        ("create trigger names after update on items begin select new.extra, new.name, new.qty; end",),
    ),
    Mutation(
        "the triggers call a function of the gateway's",
        "functions",
        "sqlite",
        ("create trigger own after insert on books begin select tidegate_now(); end",),
    ),
    Mutation(
        "a collation of the program decides what is equal",
        "functions",
        "sqlite",
        (
            "create trigger equal after update on books begin delete from tidegate_log where seq = (select max(seq) "
            "from tidegate_log) and old.title = new.title; end",
        ),
    ),
    Mutation(
        "a trigger raises on a BLOB",
        "values",
        "sqlite",
        ("create trigger blob after insert on odd begin select json_array(new.t, new.b, new.any, new.js); end",),
    ),
    Mutation(
        "a trigger writes short floats",
        "values",
        "sqlite",
        (
            "create trigger short after update on tidegate_log begin select 1; end",
            "create trigger floats after insert on tidegate_log when new.new like '%.%' begin update tidegate_log set "
            "new = replace(new.new, '000000000', '') where seq = new.seq; end",
        ),
    ),
    Mutation(
        "the last columns are left out",
        "wide",
        "sqlite",
        (
            "create trigger last after insert on tidegate_log begin update tidegate_log set new = replace(new, "
            "'\"c29', '\"d29') where seq = new.seq; end",
        ),
    ),
    Mutation("a dump loads no changes", "dumps", "sqlite", ("drop trigger tidegate_things_after_insert",)),
    Mutation(
        "the log takes a second transaction",
        "isolation",
        "sqlite",
        ("create trigger second after insert on moves begin select raise(rollback, 'database is locked'); end",),
    ),
]
MUTATIONS = POSTGRES + SQLITE
