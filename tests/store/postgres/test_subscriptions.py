"""Which subscriptions a migration warns of: those whose worker could not write to a shared table."""

from __future__ import annotations

import pytest

from tidegate.store.postgres.connection import connect
from tidegate.store.postgres.subscriptions import SINCE, notes

RECEIVE = """CREATE SUBSCRIPTION {} CONNECTION 'dbname=none' PUBLICATION p
WITH (connect = false, slot_name = NONE, run_as_owner = {})"""
OF_TABLE = (
    "INSERT INTO pg_subscription_rel SELECT oid, '{}'::regclass, 'r', NULL FROM pg_subscription WHERE subname = '{}'"
)


def test_a_subscription_that_writes_as_the_tables_owner_is_named(url: str) -> None:
    with connect(url) as connection, connection.transaction(force_rollback=True):
        if connection.info.server_version < SINCE:
            pytest.skip("subscriptions have run_as_owner since PostgreSQL 16")
        for sql in (
            "SET LOCAL allow_system_table_mods = on",
            "SET LOCAL client_min_messages = error",
            "CREATE ROLE owner_of_boats",
            "ALTER TABLE boats OWNER TO owner_of_boats",
            "CREATE TABLE private (id integer)",
            RECEIVE.format("stopping", "false"),
            RECEIVE.format("running", "true"),
            # The first table is of the subscription's owner; the last one is not shared.
            *(
                OF_TABLE.format(table, name)
                for table in ("people", "boats", "private")
                for name in ("stopping", "running")
            ),
        ):
            connection.execute(sql.encode())
        (note,) = notes(connection, "public", ["boats", "people"])
        assert "the subscription stopping stops at its next row for the shared table boats" in note
        assert "ALTER SUBSCRIPTION stopping SET (run_as_owner = true)" in note
