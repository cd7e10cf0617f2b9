"""One PostgreSQL database of a pair, as the owner's programs see it: libpq alone, no driver that adds statements."""

from __future__ import annotations

import re
import subprocess
import time
from contextlib import suppress
from typing import Any

from tests.support.deadlines import DEADLINE_S
from tests.support.postgres import PostgresServer
from tests.support.postgres_programs import programs
from tests.twin.statements import OWNER, Outcome, Statement

with suppress(ImportError):
    from psycopg import pq

NAME = "{database}"
IDENTITY = "select pg_catalog.lastval()"
FIRST = "create temp sequence if not exists begun; select nextval('begun')"
RETRIED = ("40001", "40P01")
ORDERED = re.compile(r"\border by\b", re.IGNORECASE)
COLUMNS = """select c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
  pg_get_expr(d.adbin, d.adrelid)
from pg_class c join pg_attribute a on a.attrelid = c.oid
left join pg_attrdef d on (d.adrelid, d.adnum) = (c.oid, attnum)
where c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped and c.relnamespace not in
  ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, coalesce(to_regnamespace('_tidegate')::oid, 0))
  and c.relpersistence <> 't'
order by 1, a.attnum"""


class PostgresSide:
    """Owns its sessions. A session's name begins with its user's: `clerk/1`."""

    def __init__(self, server: PostgresServer, database: str) -> None:
        self.server, self.database = server, database
        self._sessions: dict[str, Any] = {}
        self._notices: list[str] = []

    def run(self, statement: Statement) -> Outcome:
        session = self._session(statement.session)
        sql = statement.sql.replace(NAME, self.database)  # where a name is the server's, as of prepared transactions
        result = self._execute(session, statement._replace(sql=sql))
        rows, error = _rows(result), _error(result).replace(self.database, NAME)
        if rows is not None and not ORDERED.search(statement.sql):
            rows.sort(key=repr)
        notices, self._notices = tuple(self._notices), []
        count = (result.command_status or b"").decode()
        return Outcome(rows, count, self._identity(session), error, notices)

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows as text, read by a session with settings that are fixed."""
        session = self._session("judge")
        result = session.exec_(sql.encode())
        assert result.status == pq.ExecStatus.TUPLES_OK, result.error_message.decode()
        return _rows(result) or []

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """The owner's tables with their columns and rows."""
        columns = self.select(COLUMNS)
        found = {"columns": columns}
        for table in sorted({column[0] for column in columns}):
            found[table] = sorted(self.select(f"select t::text from {table} t"), key=repr)
        return found

    def wake(self) -> None:
        """Spare the gateway the wait for its next look."""
        self._session("judge").exec_(b"notify _tidegate")

    def restart_sessions(self) -> None:
        for session in self._sessions.values():
            session.finish()
        self._sessions.clear()

    def close(self) -> None:
        """End the sessions, and what is prepared."""
        for (name,) in self.select("select gid from pg_prepared_xacts where database = current_database()"):
            self._session("judge").exec_(f"rollback prepared '{name}'".encode())
        self.restart_sessions()

    # -- actions ----------------------------------------------------------------------------------------------------

    def leave(self, session: str) -> str:
        """The session ends."""
        if (found := self._sessions.pop(session, None)) is not None:
            found.finish()
        return ""

    def tool(self, command: str, *arguments: str) -> str:
        """Run one of PostgreSQL's tools on the database. Returns its exit code and the end of what it complains of."""
        done = self._tool(command, *arguments)
        return f"{done.returncode}"

    def load(self, *options: str, user: str = OWNER) -> str:
        """Dump the database with these options of pg_dump, and load the dump into it with psql."""
        dumped = self._tool("pg_dump", *options, user=user)
        assert dumped.returncode == 0, dumped.stderr
        loaded = self._tool("psql", "-X", "-q", "-f", "-", user=user, given=dumped.stdout)
        return f"{loaded.returncode} {_own(loaded.stderr)}"

    def load_as_administrator(self, *options: str) -> str:
        """As `load`. Some of what pg_dump writes is for an administrator."""
        return self.load(*options, user="tidegate")

    def replicate(self, table: str) -> str:
        """Receive rows of `table` from a third database by logical replication, until all are there."""
        source = self.server.database()
        publisher = PostgresSide(self.server, source)
        make = f"create table {table} (id integer primary key, v text); create publication p for table {table}"
        for sql in (make, f"select pg_create_logical_replication_slot('{self.database}', 'pgoutput')"):
            assert not publisher.run(Statement(sql, "tidegate/1")).error
        receive = (
            f"create subscription s connection '{self.server.url(source)}' publication p with (create_slot = false,"
        )
        receive += f" slot_name = '{self.database}', copy_data = false, run_as_owner = true)"
        assert not self.run(Statement(receive, "tidegate/1")).error
        change = (
            f"insert into {table} select i, 'v' || i from generate_series(1, 5) i; update {table} set v = 'changed' "
        )
        change += f"where id = 2; delete from {table} where id = 3; insert into {table} values (9, 'last')"
        assert not publisher.run(Statement(change, "tidegate/1")).error
        deadline = time.monotonic() + DEADLINE_S
        while not self.select(f"select 1 from {table} where id = 9"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        found = self.select(f"select * from {table} order by id")
        for sql in (
            "alter subscription s disable",
            "alter subscription s set (slot_name = none)",
            "drop subscription s",
        ):
            assert not self.run(Statement(sql, "tidegate/1")).error
        publisher.close()
        return str(found)

    def _tool(
        self, command: str, *arguments: str, user: str = OWNER, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [programs() / command, "-d", self.server.url(self.database, user), *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    # -- sessions ---------------------------------------------------------------------------------------------------

    def _session(self, name: str) -> Any:
        if name not in self._sessions:
            user = "tidegate" if name == "judge" else name.partition("/")[0]
            session = pq.PGconn.connect(self.server.url(self.database, user).encode())
            assert session.status == pq.ConnStatus.OK, session.error_message.decode()
            session.notice_handler = self._noticed
            if name == "judge":
                session.exec_(b"set timezone = 'UTC'; set datestyle = 'ISO'; set row_security = off")
            else:
                session.exec_(FIRST.encode())
            self._sessions[name] = session
        return self._sessions[name]

    def _execute(self, session: Any, statement: Statement) -> Any:
        result = session.exec_(statement.sql.encode())
        if result.status == pq.ExecStatus.COPY_IN:
            session.put_copy_data(statement.data or b"")
            session.put_copy_end()
            result = session.get_result()
            while session.get_result() is not None:
                pass
        elif result.status == pq.ExecStatus.COPY_OUT:
            while session.get_copy_data(0)[0] > 0:
                pass
            result = session.get_result()
        return result

    def _identity(self, session: Any) -> str:
        if session.transaction_status not in {pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS}:
            return ""
        result = session.exec_(IDENTITY.encode())
        rows = _rows(result)
        return str(rows[0][0]) if rows else _error(result)

    def _noticed(self, result: Any) -> None:
        severity = _field(result, pq.DiagnosticField.SEVERITY_NONLOCALIZED)
        if not severity.startswith("DEBUG"):
            self._notices.append(f"{severity} {_field(result, pq.DiagnosticField.MESSAGE_PRIMARY)}")


def _rows(result: Any) -> list[tuple[Any, ...]] | None:
    if result.status != pq.ExecStatus.TUPLES_OK:
        return None
    columns = range(result.nfields)
    return [
        tuple(None if (value := result.get_value(row, column)) is None else value.decode() for column in columns)
        for row in range(result.ntuples)
    ]


def _error(result: Any) -> str:
    if result.status not in {pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE}:
        return ""
    fields = (
        pq.DiagnosticField.SQLSTATE,
        pq.DiagnosticField.MESSAGE_PRIMARY,
        pq.DiagnosticField.MESSAGE_DETAIL,
        pq.DiagnosticField.CONSTRAINT_NAME,
    )
    code, *rest = (_field(result, field) for field in fields)
    # Of a serialization failure the database says by which of its checks it was found. Programs look at the code.
    return code if code in RETRIED else " | ".join((code, *rest))


def _field(result: Any, field: Any) -> str:
    found: bytes | None = result.error_field(field)
    return "" if found is None else found.decode()


def _own(complaints: str) -> str:
    """What psql complains of, without line numbers and without Tidegate's objects."""
    lines = (re.sub(r"^psql:.*?: ", "", line) for line in complaints.splitlines())
    return "\n".join(line for line in lines if line.startswith("ERROR") and "tidegate" not in line)
