"""All cases, as a mark for the test of one engine:

@every_case
async def test_the_suite(played: Case, under: EngineUnderTest) -> None:
    await play(played, under)
"""

from __future__ import annotations

import pytest

from tests.engines.suite import (  # noqa: F401  # they add themselves
    cases_of_failures,
    cases_of_forwarding,
    cases_of_gateways,
    cases_of_losses,
    cases_of_messages,
    cases_of_presence,
    cases_of_recovery,
    cases_of_removal,
)
from tests.engines.suite.case import CASES, Case, lacking, play

__all__ = ["CASES", "Case", "every_case", "lacking", "play"]

every_case = pytest.mark.parametrize("played", CASES, ids=[played.name for played in CASES])
