"""The event loop of a test run: of the tests, and of the gateways that they start. `pytest --loop` chooses it."""

from __future__ import annotations

import os

VARIABLE = "TESTS_LOOP"
"""In the environment, so that the workers of pytest-xdist inherit it."""


def name() -> str:
    """asyncio or uvloop."""
    return os.environ.get(VARIABLE, "asyncio")
