"""Makes the engine's tables and functions, in a schema that is named by the prefix.

The comment of the schema says which version is there, so that a gateway that starts makes nothing where all is made.
Gateways that start at the same time take turns. It knows no gateway and no room.
Invariant: nothing is made outside of that schema.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql

from tidegate.engines.setup import EngineError

LAYOUT = "1"
"""Of the tables, and of what functions take and return. Gateways with another one cannot share them."""
OLDEST = 140000
"""PostgreSQL 14."""
UNLOGGED_SEQUENCES = 150000
NAME_BYTES = 63
OURS = "tidegate engine "
"""How the comment of the schema begins."""
PATIENCE_MS = 60_000

Connection = psycopg.AsyncConnection[Any]


def schema_name(prefix: str) -> str:
    """PostgreSQL cuts longer names silently, so the end of a long one is a hash of all of it."""
    name = f"tidegate_{prefix}"
    if len(name) <= NAME_BYTES:
        return name
    return name[: NAME_BYTES - 9] + "_" + hashlib.sha256(name.encode()).hexdigest()[:8]


def lock_number(prefix: str) -> int:
    """The advisory lock of a prefix; the next number is one of its locks, too."""
    digest = hashlib.sha256(b"tidegate engine " + prefix.encode()).digest()
    return int.from_bytes(digest[:8], signed=True) & ~1


def statements(prefix: str, server: int, *, tables: bool = True) -> str:
    """What makes everything, or the functions alone, as a script. `server`: its version as a number."""
    quoted = '"' + schema_name(prefix).replace('"', '""') + '"'
    package = files("tidegate.engines.postgres")
    unlogged = "UNLOGGED " if server >= UNLOGGED_SEQUENCES else ""
    numbers = f"CREATE {unlogged}SEQUENCE IF NOT EXISTS @.numbers;\n"
    text = (package / "functions.sql").read_text()
    if tables:  # they are locked for a moment
        text = numbers + (package / "tables.sql").read_text() + text
    return text.replace("#", str(lock_number(prefix))).replace("@.", f"{quoted}.")


async def install(connection: Connection, prefix: str, *, repair: bool = False) -> None:
    """Make what is missing. `repair`: do not trust the version, something was deleted or changed.

    Raises EngineError where the role may not, or where another version is there.
    """
    if connection.info.server_version < OLDEST:
        raise EngineError(f"engine: PostgreSQL {OLDEST // 10000} or newer is needed")
    name = schema_name(prefix)
    script = statements(prefix, connection.info.server_version)
    version = f"{OURS}{LAYOUT} {hashlib.sha256(script.encode()).hexdigest()[:16]}"
    if not repair and await _version(connection, name) == version:
        return
    try:
        async with connection.transaction():
            await patient(connection)
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock_number(prefix)])
            await connection.execute("SET LOCAL check_function_bodies = off")
            await connection.execute("SET LOCAL client_min_messages = warning")  # of all that is there already
            found = await _version(connection, name)
            if found == version and not repair:
                return
            _check_layout(found, name)
            if found is None:
                await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
            if found and found.startswith(OURS) and not repair:
                script = statements(prefix, connection.info.server_version, tables=False)
            await connection.execute(script.encode())
            await connection.execute(
                sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(name), sql.Literal(version))
            )
    except psycopg.errors.InsufficientPrivilege as error:
        role = connection.info.user
        raise EngineError(
            f"engine: the role {role} may not make the engine's tables ({str(error).strip()}); an owner of the "
            f'database types once: CREATE SCHEMA "{name}" AUTHORIZATION "{role}"'
        ) from None
    except psycopg.errors.ReadOnlySqlTransaction:
        raise EngineError("engine: this PostgreSQL server is read-only, for example a standby") from None


async def patient(connection: Connection) -> None:
    """Let the present transaction wait for other gateways, and delete what a restarted server has."""
    await connection.execute(f"SET LOCAL lock_timeout = {PATIENCE_MS}".encode())
    await connection.execute(f"SET LOCAL statement_timeout = {PATIENCE_MS}".encode())


async def _version(connection: Connection, name: str) -> str | None:
    """The comment of the schema; None where there is no schema."""
    found = await connection.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s", [name]
    )
    row = await found.fetchone()
    return None if row is None else str(row[0] or "")


def _check_layout(found: str | None, name: str) -> None:
    """Raises EngineError where the tables are of another version."""
    if found and found.startswith(OURS) and found.split()[2] != LAYOUT:
        raise EngineError(
            f"engine: the schema {name} is of another version of Tidegate. Stop all its gateways, then type: "
            f'DROP SCHEMA "{name}" CASCADE. Rooms lose their history'
        )
