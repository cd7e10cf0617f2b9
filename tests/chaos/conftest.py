"""The databases in which histories take place: copies of one that is migrated."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.gateways import migrate
from tests.chaos.places import Place, PostgresPlace, SqlitePlace
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chaos")
    migrate(f"sqlite:///{folder / 'tidegate.db'}")
    return folder / "tidegate.db"


@pytest.fixture(scope="session")
def postgresql_template(postgres: PostgresServer) -> str:
    name = postgres.database()
    migrate(postgres.url(name))
    return name


@pytest.fixture
def sqlite_place(sqlite_template: Path, tmp_path: Path) -> Place:
    return SqlitePlace(Path(shutil.copy(sqlite_template, tmp_path)))


@pytest.fixture
def postgresql_place(postgres: PostgresServer, postgresql_template: str) -> Iterator[Place]:
    with postgres.lent(postgresql_template) as url:
        yield PostgresPlace(url)
