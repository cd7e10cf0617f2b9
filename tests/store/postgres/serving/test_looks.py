"""How soon the feed of PostgreSQL looks for what other programs committed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests.store.application import RESOURCES
from tests.store.heard import Heard
from tests.store.mutations import create
from tests.store.postgres.foreign import ForeignPostgres, add
from tests.support.deadlines import DEADLINE_S
from tidegate.store.postgres import PostgresStore
from tidegate.store.postgres.serving import feed
from tidegate.store.postgres.serving.feed import LIVELY_POLL_S, POLL_S, PostgresFeed, until_look


@pytest.mark.parametrize(
    ("since", "seconds"),
    [(0.0, LIVELY_POLL_S), (0.1, LIVELY_POLL_S), (1.0, 0.1), (60.0, POLL_S), (float("inf"), POLL_S)],
)
def test_looks_become_rare_after_the_last_commit_of_another_program(since: float, seconds: float) -> None:
    assert until_look(since) == pytest.approx(seconds)


async def test_commits_of_other_programs_are_looked_for_often_while_they_come(
    url: str, foreign: ForeignPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the gateway's own writers tell changes nothing."""
    waits: list[float] = []
    wait = PostgresFeed._wait

    def noted(self: PostgresFeed, connections: Sequence[Any], seconds: float) -> bool:
        waits.append(seconds)
        return wait(self, connections, seconds)

    monkeypatch.setattr(PostgresFeed, "_wait", noted)
    monkeypatch.setattr(feed, "POLL_S", 3600.0)
    store = await PostgresStore.open(url, RESOURCES)
    try:
        heard = Heard()
        store.follow(heard.deliver)
        for code in ("a", "b", "c"):
            result = await store.write(create({"code": code, "harbour": code}))
            await heard.until(result.seq)
        assert {*waits} <= {0, 3600.0}
        monkeypatch.setattr(feed, "POLL_S", 0.05)
        result = await store.write(create({"code": "d", "harbour": "d"}))
        number = 0
        async with asyncio.timeout(DEADLINE_S):
            # The first may be found by a look after the gateway's own write. A thread that does not run waits longer.
            while not any(0 < seconds < 0.05 for seconds in waits):
                number += 1
                add(foreign, f"foreign {number}")
                await heard.until(result.seq + number)
    finally:
        await store.close()
