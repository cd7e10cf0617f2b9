"""The databases on which an application runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.application.shop import database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.process)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a new database of each kind."""
    with database(request.param, tmp_path, lambda: request.getfixturevalue("postgres")) as url:
        yield url
