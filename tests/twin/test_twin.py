"""The owner's programs notice nothing, and subscribers of a real gateway have the tables' rows: a small budget.

`make twin` plays the same families with new seeds for as long as you like.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer
from tests.twin.families import APART, FAMILIES, together
from tests.twin.statements import Family
from tests.twin.twin import opened

pytestmark = [pytest.mark.process, pytest.mark.slow]
SEED, EPISODES = 1, 6
DATABASES = ("sqlite", "postgresql")


def play(families: list[Family], folder: Path, server: PostgresServer | None) -> None:
    with opened(families, folder, server) as twin:
        for family in families:
            twin.play(family, SEED, EPISODES if family.name not in APART else 2 * EPISODES)
        assert twin.pair.compared > 10
        assert twin.checks > 1


@pytest.mark.parametrize("database", DATABASES)
def test_programs_and_subscribers_notice_nothing(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    families = together(next(one for one in FAMILIES if one.database == database))
    play(families, tmp_path, request.getfixturevalue("postgres") if database == "postgresql" else None)


@pytest.mark.parametrize("family", [one for one in FAMILIES if one.name in APART - {"widest", "replication"}], ids=str)
def test_programs_notice_nothing_and_the_gateway_says_what_it_lost(
    family: Family, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    play([family], tmp_path, request.getfixturevalue("postgres") if family.database == "postgresql" else None)
