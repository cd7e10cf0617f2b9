"""The suite on a real PostgreSQL server."""

from __future__ import annotations

import pytest

from tests.engines.suite.cases import CASES, Case, every_case, play
from tests.engines.suite.under_test import Ability
from tests.support.postgres import PostgresServer

pytest.importorskip("psycopg")

from tests.engines.postgres.on_postgres import PostgresUnderTest

pytestmark = pytest.mark.process

CUTS = [played for played in CASES if Ability.CUT in played.needs]


@every_case
async def test_the_suite(played: Case, under: PostgresUnderTest) -> None:
    await play(played, under)


@pytest.mark.long
@pytest.mark.parametrize("played", CUTS, ids=[played.name for played in CUTS])
async def test_cuts_that_last_longer_than_the_outbox(
    played: Case, postgres: PostgresServer, rooms_database: str
) -> None:
    under = PostgresUnderTest(postgres, rooms_database, long_cuts=True)
    try:
        await play(played, under)
    finally:
        await under.close()
