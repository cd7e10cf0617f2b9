"""A database with the tables of `application`, and another program that writes to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.application import Foreign, created
from tests.store.program import Program, connect
from tests.store.versions import with_rows
from tests.support.postgres import PostgresServer
from tidegate.store import backends


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "store.db"
    created(path)
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    """The file of a migrated database without rows."""
    return Path(shutil.copy(template, tmp_path))


@pytest.fixture
def foreign(path: Path) -> Iterator[Foreign]:
    """It writes from another process, while the gateway's SQLite works in this one."""
    program = Foreign(Program(path))
    yield program
    program.close()


@pytest.fixture(params=[False, True], ids=["recursive_triggers off", "recursive_triggers on"])
def program(request: pytest.FixtureRequest, path: Path) -> Iterator[Foreign]:
    """It writes from this process. With `recursive_triggers`, REPLACE calls the triggers of rows that it deletes."""
    foreign = Foreign(connect(path), recursive_triggers=request.param)
    yield foreign
    foreign.close()


@pytest.fixture
def migrated(path: Path) -> str:
    """A database that was migrated and has a boat and a person in it."""
    with_rows(path, "INSERT INTO boats (code, sign) VALUES ('a', 1)", "INSERT INTO people (name) VALUES ('Ada')")
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """The name of a migrated database without rows, to make others from."""
    from tests.store.postgres.foreign import RESOURCES

    name = postgres.database()
    url = postgres.url(name)
    backends.migrations(url).apply(url, RESOURCES)
    return name
