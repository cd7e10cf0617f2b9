"""The owner's programs notice nothing, and subscribers of a real gateway have the tables' rows: a small budget.

`make test` plays the families that share databases, once on each kind of database. `make twin` plays all families with
new seeds for as long as you like.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.twin.families import FAMILIES, together
from tests.twin.twin import opened

pytestmark = [pytest.mark.process, pytest.mark.slow]
SEED, EPISODES = 1, 5


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def test_programs_and_subscribers_notice_nothing(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    families = together(next(one for one in FAMILIES if one.database == database))
    server = request.getfixturevalue("postgres") if database == "postgresql" else None
    with opened(families, tmp_path, server) as twin:
        for family in families:
            twin.play(family, SEED, EPISODES)
        assert twin.pair.compared > 10
        assert twin.checks > 1
