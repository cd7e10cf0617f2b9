"""Fixtures: databases for histories, copied from a migrated one."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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
def sqlite_places(sqlite_template: Path, tmp_path: Path) -> Callable[[], Place]:
    """New ones, one after another."""
    numbers = itertools.count()

    def new() -> Place:
        return SqlitePlace(Path(shutil.copy(sqlite_template, tmp_path / f"place-{next(numbers)}.db")))

    return new


@pytest.fixture
def sqlite_place(sqlite_places: Callable[[], Place]) -> Place:
    return sqlite_places()


@pytest.fixture
def postgresql_places(postgres: PostgresServer, postgresql_template: str) -> Iterator[Callable[[], Place]]:
    """New ones, one after another."""
    with ExitStack() as until_the_end:
        yield lambda: PostgresPlace(until_the_end.enter_context(postgres.lent(postgresql_template)))


@pytest.fixture
def postgresql_place(postgresql_places: Callable[[], Place]) -> Place:
    return postgresql_places()


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_place(
    request: pytest.FixtureRequest,
    sqlite_template: Path,
    tmp_path: Path,
    postgres: PostgresServer,
    postgresql_template: str,
) -> Iterator[Place]:
    """For gateways of two workers each."""
    if request.param == "sqlite":
        yield SqlitePlace(Path(shutil.copy(sqlite_template, tmp_path / "shared.db")), workers=2)
        return
    with postgres.lent(postgresql_template) as url:
        yield PostgresPlace(url, workers=2)
