"""Each test runs, or is skipped with a reason, where psycopg is not installed; and each closes its SQLite files."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.support.gateway import ROOT

FILES = sorted(path for path in (ROOT / "tests").rglob("*.py") if "bench" not in path.parts)
MAY_IMPORT = {"tests/support/driver.py", "tests/support/postgres.py"}
MAY_CONNECT = {
    "tests/support/sqlite.py",
    "tests/store/program.py",
    "tests/store/owner.py",
    "tests/chaos/programs.py",
    "tests/twin/sqlite_program.py",
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """The packages that a module imports at its top."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def called(path: Path) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}


def naming(package: str) -> list[Path]:
    """The files that name a package: parsing all others would take most of the time."""
    return [path for path in FILES if package in path.read_text()]


def test_psycopg_is_imported_from_the_module_that_skips() -> None:
    importing = {name(path) for path in naming("psycopg") if "psycopg" in imported(path)}
    assert importing <= MAY_IMPORT, "use tests.support.driver"


def test_sqlite_files_are_opened_by_the_module_that_closes_them() -> None:
    opening = {name(path) for path in naming("sqlite3") if "sqlite3.connect" in called(path)}
    assert opening <= MAY_CONNECT, "use tests.support.sqlite"
