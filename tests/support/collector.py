"""The garbage collector of the process that runs tests: it leaves alone what lives as long as the run.

The tests themselves are 1.5 million objects, which each full collection walked: a sixth of the processor time of the
tests that start no process. It knows nothing of what the tests try; those that ask for a collection get one.
"""

from __future__ import annotations

import gc

OBJECTS, YOUNG, MIDDLING = 5_000, 10, 10
"""So many new objects, collections of the youngest, and of those in the middle are between two collections."""


def pytest_collection_finish() -> None:
    """All tests are found: what there is now stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS, YOUNG, MIDDLING)
