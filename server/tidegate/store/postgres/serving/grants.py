"""The rights that a gateway's role needs, and the GRANT statements that it lacks.

The gateway reads and writes rows as its own role. The triggers write the change log with the rights of the role that
migrated the database. What a client may do at all says `x-access`: a table that clients only read needs SELECT alone.
It only reads the catalogue.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple

from tidegate.contract import Resource
from tidegate.store.errors import StoreError
from tidegate.store.postgres.changelog import COMMITS, LOG, META, PENDING, REQUESTS, SCHEMA
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.home import here, qualified, recorded
from tidegate.store.postgres.room_tables import KEYS, MESSAGES, ROOMS
from tidegate.store.postgres.rows import readable
from tidegate.store.sql.names import quoted

OWN = {
    LOG: ("SELECT", "DELETE"),  # it drops old changes
    PENDING: ("SELECT", "DELETE"),  # it drops what no transaction numbers any more
    COMMITS: ("SELECT", "INSERT", "UPDATE"),  # the author of each mutation
    META: ("SELECT", "UPDATE"),  # how far the log was pruned, the epoch
    REQUESTS: ("SELECT", "INSERT", "DELETE"),  # idempotency keys
}
OF_ROOMS = {
    ROOMS: ("SELECT", "INSERT", "UPDATE", "DELETE"),
    MESSAGES: ("SELECT", "INSERT", "DELETE"),
    KEYS: ("SELECT", "INSERT", "UPDATE", "DELETE"),
}
"""What durable rooms need besides."""
NEEDED = {
    "read": ("SELECT",),
    "create": ("SELECT", "INSERT"),
    "update": ("SELECT", "UPDATE"),
    "delete": ("SELECT", "UPDATE", "DELETE"),  # a row is locked first, which needs UPDATE
}
"""Privileges on a table, by what its `x-access` lets clients do."""
ORDER = ("USAGE", "SELECT", "INSERT", "UPDATE", "DELETE")


class _Right(NamedTuple):
    privilege: str
    name: str
    """SQL after ON: a table's qualified name, or `SCHEMA x`, `SEQUENCE x`."""


def refuse_missing(connection: Connection, resources: Mapping[str, Resource], *, durable: bool = False) -> None:
    """Raises StoreError with the GRANT statements that the role lacks. `durable`: there are durable rooms."""
    own = OWN | OF_ROOMS if durable else OWN
    missing = _of_own(connection, own) or _of_home(connection) or _of_tables(connection, resources, here(connection))
    if missing:
        ((role,),) = connection.execute("SELECT current_user::text")
        raise StoreError(
            f"the role {role} lacks rights that the gateway needs; as the owner of the tables, type: "
            + " ".join(f"{sql};" for sql in _statements(missing, role))
        )


def refuse_read_only(connection: Connection) -> None:
    """Raises StoreError where the role cannot write anything."""
    ((standby, setting),) = connection.execute("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')")
    if standby:
        raise StoreError("the server is a standby, which accepts no writes; lead the gateway to the primary")
    if setting == "on":
        raise StoreError(
            "transactions of this role are read-only (default_transaction_read_only), and the gateway has to write; "
            "type: ALTER ROLE ... SET default_transaction_read_only = off"
        )


def _of_own(connection: Connection, own: Mapping[str, tuple[str, ...]]) -> list[_Right]:
    """What is missing in Tidegate's own schema, as far as the database was migrated."""
    missing = [_Right("USAGE", f"SCHEMA {SCHEMA}")] if _hidden(connection, SCHEMA) else []
    asked = [(name.partition(".")[2], privilege) for name, privileges in own.items() for privilege in privileges]
    found = _lacking(connection, SCHEMA, asked)
    return missing + [_Right(privilege, f"{SCHEMA}.{name}") for name, privilege in found]


def _of_home(connection: Connection) -> list[_Right]:
    """A search_path skips a schema that the role may not use."""
    home = recorded(connection)
    return [] if home is None or not _hidden(connection, home) else [_Right("USAGE", f"SCHEMA {quoted(home)}")]


def _hidden(connection: Connection, schema: str) -> bool:
    """Whether the schema is there, and the role may not use it."""
    sql = "SELECT 1 FROM pg_namespace WHERE nspname = $1 AND NOT has_schema_privilege(oid, 'USAGE')"
    return bool(connection.execute(sql, [schema]).fetchall())


def _of_tables(connection: Connection, resources: Mapping[str, Resource], home: str) -> list[_Right]:
    asked = {resource.table: (resource, privileges_on(resource)) for resource in resources.values()}
    lacking = _lacking(
        connection, home, [(table, privilege) for table, (_, each) in asked.items() for privilege in each]
    )
    missing = []
    for table, privilege in lacking:
        resource = asked[table][0]
        if not _has_on_columns(connection, home, table, privilege, _columns(resource, privilege)):
            missing.append(_Right(privilege, qualified(home, table)))
    creates = [resource for resource, each in asked.values() if "INSERT" in each]
    return missing + _of_sequences(connection, creates, home)


def privileges_on(resource: Resource) -> tuple[str, ...]:
    """The privileges on the resource's table, in the order of ORDER."""
    needed = {"SELECT"}.union(*(NEEDED[what] for what, rules in resource.access.items() if rules and what in NEEDED))
    return tuple(privilege for privilege in ORDER if privilege in needed)


def _columns(resource: Resource, privilege: str) -> list[str]:
    """The columns that statements which need this privilege name."""
    if privilege == "SELECT":
        return list(readable(resource))
    given = [prop.name for prop in resource.properties.values() if not prop.read_only]
    return given if privilege == "INSERT" else [name for name in given if name not in resource.key] or given


def _lacking(connection: Connection, schema: str, asked: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of (table, privilege) that the role does not have on the whole table. Tables that are not there are not
    among them.
    """
    tables, privileges = [table for table, _ in asked], [privilege for _, privilege in asked]
    found = connection.execute(
        "SELECT asked.name, asked.privilege FROM unnest($2::text[], $3::text[]) asked (name, privilege) "
        "JOIN pg_class c ON c.relname = asked.name JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1 "
        "WHERE NOT has_table_privilege(c.oid, asked.privilege)",
        [schema, tables, privileges],
    )
    return [(name, privilege) for name, privilege in found]


def _has_on_columns(connection: Connection, home: str, table: str, privilege: str, columns: Collection[str]) -> bool:
    """Whether the role has a privilege on each of these columns, which is as good."""
    if privilege == "DELETE":
        return False
    ((count,),) = connection.execute(
        "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n "
        "ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = ANY($4) "
        "AND has_column_privilege(c.oid, a.attnum, $3)",
        [home, table, privilege, list(columns)],
    )
    return 0 < int(count) == len(columns)


def _of_sequences(connection: Connection, creates: Collection[Resource], home: str) -> list[_Right]:
    """What is missing on the sequences of the tables that clients create rows in.

    A `serial` column needs USAGE. The gateway sets the sequence of an automatic key when other programs wrote keys.
    """
    keys = {resource.table: resource.key[0] for resource in creates if resource.has_automatic_key}
    missing = []
    for table, column, sequence, serial, usage, update in connection.execute(
        _SEQUENCES, [home, [resource.table for resource in creates]]
    ):
        name = f"SEQUENCE {qualified(home, sequence)}"
        if serial and not usage:
            missing.append(_Right("USAGE", name))
        if keys.get(table) == column and not update:
            missing.append(_Right("UPDATE", name))
    return missing


_SEQUENCES = """SELECT t.relname::text, a.attname::text, s.relname::text, d.deptype = 'a',
  has_sequence_privilege(s.oid, 'USAGE'), has_sequence_privilege(s.oid, 'UPDATE')
FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_depend d ON d.refobjid = t.oid AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_class'::regclass
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' AND s.relnamespace = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE n.nspname = $1 AND t.relname = ANY($2) AND d.deptype IN ('a', 'i') ORDER BY 1, 2"""


def _statements(missing: Collection[_Right], role: str) -> list[str]:
    """GRANT statements: objects that lack the same privileges share one."""
    privileges: defaultdict[str, set[str]] = defaultdict(set)
    for right in missing:
        privileges[right.name].add(right.privilege)
    names: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for name, lacking in privileges.items():
        kind, _, rest = name.partition(" ") if name.startswith(("SCHEMA ", "SEQUENCE ")) else ("", "", name)
        names[kind and f"{kind} ", tuple(each for each in ORDER if each in lacking)].append(rest)
    return [
        f"GRANT {', '.join(each)} ON {kind}{', '.join(listed)} TO {quoted(role)}"
        for (kind, each), listed in names.items()
    ]
