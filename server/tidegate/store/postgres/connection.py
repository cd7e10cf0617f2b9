"""PostgreSQL URLs, connections with the settings that Tidegate relies on, and names.

Statements are written with `MARK` for each bound value; `numbered` makes them $1, $2 ..., as PostgreSQL itself has
them, so that no name ever needs an escape for the driver. It knows no tables.
Invariant: no text for people ever holds a password.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tidegate.contract import Resource
from tidegate.store.errors import StoreError

Connection = psycopg.Connection[tuple[Any, ...]]

MARK = "\0"
"""Stands for one bound value; no SQL text can hold it otherwise."""
CONNECT_TIMEOUT_S = 5
LOCK_TIMEOUT_MS = 5_000
"""How long a writer waits for another program that holds a row."""
NAME_BYTES = 63
"""PostgreSQL cuts longer names without a word."""
SETTINGS = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, YMD",  # one spelling of what is read as text
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",  # floats as they are
    "jit": "off",  # compiles longer than such queries run
    "standard_conforming_strings": "on",
}


def connect(url: str, settings: Mapping[str, str] = {}) -> Connection:
    """A connection of the calling thread's own, in autocommit mode. Raises psycopg.OperationalError."""
    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT_S,
        fallback_application_name="tidegate",
        cursor_factory=psycopg.RawCursor,
        keepalives_idle=30,
        tcp_user_timeout=15_000,
    )
    asked = SETTINGS | dict(settings)
    connection.execute(
        "SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in asked.items())
    )
    return connection


def opened(url: str) -> Connection:
    """`connect` for commands. Raises StoreError where there is no such database."""
    try:
        return connect(url)
    except psycopg.Error as error:
        raise refused(url, error) from None


def refused(url: str, error: Exception) -> StoreError:
    """Why there is no connection, and what to type where there is no such database."""
    text = str(error).strip()
    missing = re.search(r'database "([^"]+)" does not exist', text)
    return StoreError(f"database {shown(url)}: {text}" + (f"; type: createdb {missing[1]}" if missing else ""))


def shown(url: str) -> str:
    """The URL without what is secret in it."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise StoreError(f"database: this is no postgresql:// URL: {str(error).strip()}") from None
    host = f"{parts.get('host', '')}:{parts['port']}" if "port" in parts else parts.get("host", "")
    return f"postgresql://{host}/{parts.get('dbname', '')}"


def numbered(statement: str) -> str:
    """`statement` with $1, $2 ... for its marks."""
    numbers = itertools.count(1)
    return re.sub(MARK, lambda _: f"${next(numbers)}", statement)


def short(name: str) -> str:
    """A name that PostgreSQL keeps as it is: a long one ends in a hash of all of it."""
    if len(name.encode()) <= NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return name.encode()[: NAME_BYTES - 9].decode(errors="ignore") + "_" + digest


def check_names(resources: Mapping[str, Resource]) -> None:
    """Raises StoreError for tables and columns whose names PostgreSQL would cut."""
    for resource in resources.values():
        for kind, name in [("table", resource.table), *(("column", name) for name in resource.properties)]:
            if len(name.encode()) > NAME_BYTES:
                raise StoreError(
                    f"resource {resource.name}: PostgreSQL's names have at most {NAME_BYTES} bytes; the name of the "
                    f"{kind} {name!r} is longer"
                )
