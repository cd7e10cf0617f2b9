"""The database of one transaction of a handler, as peewee has it, on a connection that later transactions use as well.

The gateway begins and ends the transaction. The handler has savepoints within it, and nothing after it: the object is
of one transaction, so that code which kept it cannot write into another one. It knows no handler.
Invariant: what the gateway has committed is all that the handler did; what the database undid is not told as committed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import apsw
import peewee

from tidegate.contract import Resource
from tidegate.store import backends
from tidegate.store.models import Models, model
from tidegate.store.sqlite.connection import BUSY_TIMEOUT_MS, PRAGMAS, Database, sqlite_path

GATEWAY = "the gateway begins and ends the transaction of `call.db`; `with call.db:` is a savepoint"
OVER = "the transaction of `call.db` is over: a handler uses it before it returns, and nothing else does"
UNDONE = (
    "the database has undone the transaction, because a statement in it failed or ended it; let the handler fail too, "
    "or put what may fail into `with call.db:`"
)
_ENDS = re.compile(
    r"\s*(begin|start\s+transaction|commit|end|abort|rollback(?!\s+(work\s+|transaction\s+)?to))\b", re.I
)


class TransactionOver(Exception):
    """The transaction is over, or the database has undone it: nothing in it is committed."""


class _OfGateway:
    """What is added to a database of peewee. `over`: no more statements are taken."""

    over = False
    _ending = False

    def connect(self, reuse_if_open: bool = False) -> bool:
        if self.over:
            raise TransactionOver(OVER)
        connected: bool = super().connect(reuse_if_open)  # type: ignore[misc]  # peewee's
        return connected

    def execute_sql(self, sql: Any, params: Any = None) -> Any:
        if isinstance(sql, str) and _ENDS.match(sql):
            raise TypeError(GATEWAY)
        return super().execute_sql(sql, params)  # type: ignore[misc]  # as above

    def commit(self) -> Any:
        return self._end(super().commit)  # type: ignore[misc]  # as above

    def rollback(self) -> Any:
        return self._end(super().rollback)  # type: ignore[misc]  # as above

    def _end(self, end: Any) -> Any:
        if not self._ending:
            raise TypeError(GATEWAY)
        return end()


class _OfSqlite(_OfGateway, Database):
    """A SQLite file."""


class _OfPostgres(_OfGateway, peewee.PostgresqlDatabase):
    """A PostgreSQL database."""


CallDatabase = Any
"""Either of the two."""


def call_database(url: str, connection: Any = None) -> CallDatabase:
    """The database of a new transaction. `connection`: what `released` returned for an earlier one."""
    database: CallDatabase
    if backends.is_postgres(url):
        url = url.replace("postgres://", "postgresql://", 1)
        database = _OfPostgres(url, prefer_psycopg3=True, thread_safe=False)
    else:
        path = str(sqlite_path(url).resolve())
        options: dict[str, Any] = {"lock_type": "IMMEDIATE", "thread_safe": False}
        database = _OfSqlite(path, pragmas=PRAGMAS, timeout=BUSY_TIMEOUT_MS / 1000, **options)
    if connection is not None:
        database._state.set_connection(connection)
        database._set_server_version(connection)
    return database


def check(database: CallDatabase) -> None:
    """Raises TransactionOver where the transaction of the gateway cannot be committed any more."""
    connection = raw(database)
    if isinstance(connection, apsw.Connection):
        under_way = connection.in_transaction
    else:  # PostgreSQL answers COMMIT after an error with ROLLBACK, which is no error
        under_way = connection is not None and connection.info.transaction_status.name == "INTRANS"
    if not under_way:
        raise TransactionOver(UNDONE)


def end(database: CallDatabase, transaction: Any, kind: type[BaseException] | None) -> None:
    """Commit `transaction`, which the gateway began, or undo it where `kind` is an exception.

    Raises what the database refuses.
    """
    while database.transaction_depth() > 1:  # what the handler began within it and did not end
        database.pop_transaction()
    database._ending = True
    transaction.__exit__(kind, None, None)


def released(database: CallDatabase) -> Any:
    """The connection, for another transaction. This object can do nothing more."""
    connection = raw(database)
    database.over = True
    database._state.reset()
    return connection


def raw(database: CallDatabase) -> Any:
    """The connection of a database that has one for all threads; None where it is closed."""
    return database._state.conn


class CallModels(Models):
    """As `Models`, within one transaction: `with call.db:` is a savepoint, as `call.db.atomic()` is."""

    def __init__(self, database: CallDatabase, resources: Mapping[str, Resource]) -> None:
        self.database = database
        self._models = _Made(database, resources)
        self._savepoints: list[Any] = []

    def __enter__(self) -> CallModels:
        savepoint = self.database.atomic()
        savepoint.__enter__()
        self._savepoints.append(savepoint)
        return self

    def __exit__(self, *error: Any) -> None:
        self._savepoints.pop().__exit__(*error)

    def close(self) -> None:
        raise TypeError(GATEWAY)


class _Made(dict[str, Any]):
    """The models, each made when it is first used: a handler uses few, and they are of one transaction."""

    def __init__(self, database: CallDatabase, resources: Mapping[str, Resource]) -> None:
        super().__init__(dict.fromkeys(resources))
        self._database, self._resources = database, resources

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if found is None:
            found = self[name] = model(self._resources[name], self._database)
        return found
