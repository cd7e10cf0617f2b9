"""Labelled pairs of schema folders: an older one, a newer one, and what `tidegate check compat` must say of them.

The labels are complete: each place that is reported, and whether it breaks clients. `ALL` has the pairs of all modules.
"""

from __future__ import annotations

from tests.schema.compatibility import access, alternatives, objects, recursion, resources, rooms, values
from tests.schema.compatibility.pairs import Pair

ALL: tuple[Pair, ...] = (
    *values.PAIRS,
    *objects.PAIRS,
    *alternatives.PAIRS,
    *recursion.PAIRS,
    *rooms.PAIRS,
    *access.PAIRS,
    *resources.PAIRS,
)
