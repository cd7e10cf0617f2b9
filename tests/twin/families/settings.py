"""What a session of the owner's may have set: spellings of values, plans, names, roles of triggers, levels, limits."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.twin.families import dml
from tests.twin.statements import Action, Episode, Family, Statement

POSTGRES_SETTINGS = (
    "set datestyle = 'SQL, DMY'",
    "set intervalstyle = 'iso_8601'",
    "set timezone = 'Pacific/Apia'",
    "set extra_float_digits = -15",
    "set bytea_output = 'escape'",
    "set standard_conforming_strings = off",
    "set escape_string_warning = off",
    "set backslash_quote = off",
    "set search_path = pg_catalog",
    "set search_path = ''",
    "set search_path = pg_temp, public",
    "set client_encoding = 'LATIN1'",
    "set client_encoding = 'SQL_ASCII'",
    "set default_transaction_isolation = 'serializable'",
    "set default_transaction_isolation = 'repeatable read'",
    "set default_transaction_read_only = on",
    "set default_transaction_deferrable = on",
    "set synchronous_commit = off",
    "set synchronous_commit = local",
    "set transform_null_equals = on",
    "set array_nulls = off",
    "set xmloption = document",
    "set row_security = off",
    "set check_function_bodies = off",
    "set plan_cache_mode = force_custom_plan",
    "set plan_cache_mode = force_generic_plan",
    "set enable_indexscan = off",
    "set enable_seqscan = off",
    "set work_mem = '64kB'",
    "set jit = off",
    "set jit_above_cost = 0",
    "set debug_parallel_query = on",
    "set client_min_messages = debug1",
    "set client_min_messages = error",
    "set plpgsql.extra_errors = 'all'",
    "set plpgsql.extra_warnings = 'all'",
    "set plpgsql.check_asserts = off",
    "set quote_all_identifiers = on",
    "set statement_timeout = '20s'",
    "set lock_timeout = '20s'",
    "set idle_in_transaction_session_timeout = '50s'",
    "set transaction_timeout = '50s'",
    "set lc_monetary = 'C'",
    "set default_tablespace = ''",
    "set temp_buffers = '800kB'",
    "set max_stack_depth = '200kB'",
    "set session_replication_role = replica",
    "set log_min_messages = error",
    "set application_name = 'the owner''s'",
    "set toast.some = '1'",
    "set session characteristics as transaction isolation level serializable",
    "create temp table log (seq bigint, xact xid8); create temp table commits (xact xid8); create temp table t2 ()",
    "create temp table meta (name text)",
    "create function pg_temp.lower(text) returns text language sql as 'select 1/0::text'",
    "create function public.hashtext(text) returns integer language sql as 'select 1/0'",
    "create function public.to_json(text) returns json language sql as 'select null::json'",
    "create function public.clock_timestamp() returns timestamptz language sql as 'select null::timestamptz'",
)
SHOWN = (
    "show synchronous_commit",
    "show datestyle",
    "show timezone",
    "show search_path",
    "select current_user, session_user, current_setting('transaction_isolation')",
    "select pg_current_xact_id_if_assigned() is null",
    "select count(*) from pg_cursors",
    "select count(*) from pg_prepared_statements",
    "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
)
SUPERUSERS = ("set session_replication_role",)
SQLITE_SETTINGS = (
    "pragma foreign_keys = on",
    "pragma foreign_keys = off",
    "pragma recursive_triggers = on",
    "pragma case_sensitive_like = on",
    "pragma reverse_unordered_selects = on",
    "pragma trusted_schema = off",
    "pragma ignore_check_constraints = on",
    "pragma cell_size_check = on",
    "pragma count_changes = on",
    "pragma full_column_names = on",
    "pragma short_column_names = off",
    "pragma empty_result_callbacks = on",
    "pragma legacy_alter_table = on",
    "pragma synchronous = off",
    "pragma temp_store = memory",
    "pragma cache_size = 5",
    "pragma automatic_index = off",
    "pragma query_only = on",
    "pragma secure_delete = on",
    "pragma read_uncommitted = on",
    "pragma locking_mode = normal",
    "pragma wal_autocheckpoint = 1",
    "pragma threads = 4",
    "pragma analysis_limit = 10",
    "pragma optimize",
    "create temp table tidegate_log (x)",
    "create temp table tidegate_aside (x)",
    "attach ':memory:' as tidegate",
    "create temp table things2 as select * from things",
)
LIMITS = ((1, 100_000), (2, 100), (3, 120), (4, 40), (5, 25_000), (6, 50), (8, 1000), (9, 99), (10, 30))
"""SQLite's limits that a program may lower: of SQL's length, columns, depth of expressions, compound SELECT, operations
of a program, arguments, LIKE patterns, variables, depth of triggers."""


def postgres(chance: Random) -> Iterator[Episode]:
    names = ("things", "tags", "audit")
    while True:
        setting = chance.choice(POSTGRES_SETTINGS)
        session = "tidegate/set" if setting.startswith(SUPERUSERS) else "owner/set"
        texts = [dml.statement(chance, dml.BOTH) for _ in range(3)]
        if "search_path" in setting:
            for name in names:
                texts = [text.replace(f" {name} ", f" public.{name} ") for text in texts]
        begin = [Statement("begin", session)] if chance.random() < 0.5 else []
        yield [
            Statement(setting, session),
            *begin,
            *(Statement(text, session) for text in texts),
            Statement(chance.choice(SHOWN), session),
            Statement("commit", session),
            Statement(chance.choice(SHOWN), session),
            Action("leave", (session,)),
        ]


def sqlite(chance: Random) -> Iterator[Episode]:
    while True:
        if chance.random() < 0.2:
            setup: Episode = [Action("limit", ("owner/set", *chance.choice(LIMITS)))]
        else:
            setup = [Statement(chance.choice(SQLITE_SETTINGS), "owner/set")]
        texts = [dml.statement(chance, dml.BOTH + dml.SQLITE_ONLY[:20]) for _ in range(4)]
        yield [*setup, *(Statement(text, "owner/set") for text in texts), Action("leave", ("owner/set",))]


FAMILIES = [
    Family("settings", "postgresql", dml.POSTGRES, postgres),
    Family("settings", "sqlite", dml.SQLITE, sqlite),
]
