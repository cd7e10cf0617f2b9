"""Row level security on shared tables: whether PostgreSQL's policies hide rows from Tidegate's role.

Tidegate's triggers see every change. A role that does not see every row would read fewer rows than the log has, so that
snapshots and live changes would differ, and subscribers would get rows that policies hide. Such a role is refused.
To a role that sees every row the policies mean nothing: only `x-access` decides what clients see.
It only reads the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tidegate.store.postgres.connection import Connection
from tidegate.store.sql.names import quoted

ERROR_INSTEAD = {"row_security": "off"}
"""Settings under which a query that policies would filter fails."""


class Secured(NamedTuple):
    """Tables with row level security, of those that were asked about."""

    role: str
    hiding: list[str]
    """Their policies apply to the role."""
    open: list[str]
    """The role sees every row: it is a superuser, has BYPASSRLS, or owns a table without FORCE."""


def secured(connection: Connection, home: str, tables: Iterable[str]) -> Secured:
    """`home`: the schema of the tables."""
    found = connection.execute(_SECURED, [home, list(tables)]).fetchall()
    ((role,),) = connection.execute("SELECT current_user::text")
    return Secured(role, [name for name, active in found if active], [name for name, active in found if not active])


def hiding(connection: Connection, home: str, tables: Iterable[str]) -> set[str]:
    """Those of `tables` whose policies apply to the connection's role now."""
    return {name for name, active in connection.execute(_SECURED, [home, list(tables)]) if active}


def hiding_logged(connection: Connection, schema: str, functions: Iterable[str]) -> set[str]:
    """Those trigger functions of `schema` that a table has whose policies apply to the connection's role now."""
    return {name for (name,) in connection.execute(_LOGGED, [schema, list(functions)])}


def refusal(found: Secured) -> str | None:
    """Why Tidegate cannot work as this role; None where no policy hides rows from it."""
    if not found.hiding:
        return None
    return (
        f"row level security of {_listed(found.hiding)} applies to the role {found.role}: it would not see every "
        "row, and the change log has every row. Let x-access say who sees which rows, and give Tidegate a role "
        f"that the policies do not apply to: ALTER ROLE {quoted(found.role)} BYPASSRLS; or leave the "
        f"{'table' if len(found.hiding) == 1 else 'tables'} out of the schema files"
    )


def notes(found: Secured) -> list[str]:
    """What an operator should know about policies that do not apply to the role."""
    if not found.open:
        return []
    return [
        f"row level security of {_listed(found.open)} does not apply to the role {found.role}: clients see every row "
        "that x-access lets them see, whatever the policies say"
    ]


def _listed(tables: list[str]) -> str:
    return f"the table {tables[0]}" if len(tables) == 1 else f"the tables {', '.join(tables)}"


_SECURED = """SELECT c.relname::text, row_security_active(c.oid) FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = ANY($2) AND c.relrowsecurity ORDER BY 1"""

_LOGGED = """SELECT DISTINCT p.proname::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_class c ON c.oid = t.tgrelid
WHERE p.pronamespace = $1::regnamespace AND p.proname = ANY($2) AND c.relrowsecurity AND row_security_active(c.oid)"""
