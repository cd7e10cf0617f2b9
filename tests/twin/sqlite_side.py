"""One SQLite file of a pair, as the owner's programs see it."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.deadlines import DEADLINE_S
from tests.twin import sqlite_program
from tests.twin.statements import Outcome, Statement

ORDERED = re.compile(r"\border by\b", re.IGNORECASE)
OWN = "name not like 'tidegate%' and tbl_name not like 'tidegate%' and name <> 'sqlite_sequence'"


class SqliteSide:
    """Owns the process of the program."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", sqlite_program.__file__, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, statement: Statement) -> Outcome:
        rows, count, identity, error = self.ask("run", statement.session, statement.sql, statement.values)
        if rows is not None and not ORDERED.search(statement.sql):
            rows.sort(key=repr)
        return Outcome(rows, count, identity, error)

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.ask("select", sql)
        return found

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """The owner's definitions and rows."""
        columns = f"select type, name, tbl_name, sql from sqlite_master where {OWN} order by type, name"
        found = {"definitions": self.select(columns)}
        for kind, name, *_ in found["definitions"]:
            if kind == "table":
                own = " where tbl not like 'tidegate%'" if name == "sqlite_stat1" else ""
                found[name] = sorted(self.select(f'select * from "{name}"{own}'), key=repr)
        if self.select("select 1 from sqlite_master where name = 'sqlite_sequence'"):  # Tidegate's log makes one
            found["counted"] = self.select("select * from sqlite_sequence where name not like 'tidegate%' order by 1")
        return found

    def wake(self) -> None:
        """The gateway looks often enough."""

    def restart_sessions(self) -> None:
        self.ask("close_all")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(DEADLINE_S)
        self._process.stdout.close()

    def ask(self, method: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((method, arguments), self._process.stdin)
        self._process.stdin.flush()
        answer = pickle.load(self._process.stdout)
        if isinstance(answer, Exception):
            raise answer
        return answer

    # -- actions ----------------------------------------------------------------------------------------------------

    def leave(self, session: str) -> str:
        return str(self.ask("leave", session))

    def limit(self, session: str, category: int, value: int) -> str:
        return str(self.ask("limit", session, category, value))

    def dump_and_load(self, table: str) -> str:
        return str(self.ask("dump_and_load", table))

    def vacuum_into(self) -> str:
        return str(self.ask("vacuum_into"))

    def backup(self) -> str:
        return str(self.ask("backup"))
