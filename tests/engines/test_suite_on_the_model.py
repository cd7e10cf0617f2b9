"""The suite on the model of a server, whole and with one fault at a time: the suite itself is under test here."""

from __future__ import annotations

import pytest

from tests.engines.suite.cases import CASES, Case, every_case, lacking, play
from tests.engines.suite.fake_engine import FakeUnderTest


@pytest.mark.parametrize("reply_first", [False, True], ids=["push first", "reply first"])
@every_case
async def test_the_suite(played: Case, reply_first: bool) -> None:
    await play(played, FakeUnderTest(reply_first=reply_first))


FAULTS = (
    *("keys outlive epochs", "no conflict", "ttl 0 deletes", "duplicates", "since is known", "deaf to close"),
    *("occupied twice", "the reaper's alone", "ghosts stay", "one generation", "no ttl"),
    *("keys with spaces", "keys forgotten", "leaves with a storm", "no refill", "stays given up", "loses messages"),
    *("members of one gateway", "delivers at once", "vacated silently", "vacated for all"),
    *("changes told to no one", "lost answers stay lost", "all rooms are occupied again"),
    *("losses are left open", "what was told is not said", "decisions are forgotten"),
)
SILENT = {"duplicates", "deaf to close"}
"""Following makes up for them: the suite passes."""


async def found(fault: str) -> list[str]:
    """The cases that see a fault."""
    seen = []
    for played in CASES:
        under = FakeUnderTest(frozenset({fault}))
        if lacking(under, played.needs):
            continue
        under.most_turns = 150
        try:
            await play(played, under)
        except (Exception, pytest.fail.Exception):
            seen.append(played.name)
    return seen


@pytest.mark.seeded
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_suite_finds_each_fault(fault: str) -> None:
    assert bool(await found(fault)) == (fault not in SILENT)
