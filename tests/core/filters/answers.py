"""Prints filters, rows and what the gateway's predicate says of them, as JSON.

`python -m tests.core.filters.answers 1000` prints the cases of `filter_cases` and 1000 random combinations of their
filters and rows. The TypeScript client decides the same for rows that the gateway has not seen yet; its test
reads this.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any

from tests.core.filters.filter_cases import CASES, KINDS
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import compile_filters

TYPES = {name: kind.get("format") or kind.get("type", "any") for name, kind in KINDS.items()}


def _combined(chance: random.Random, depth: int) -> dict[str, Any]:
    """A filter that has some of the cases' filters within it."""
    if depth == 0 or chance.random() < 0.3:
        return chance.choice(CASES).filters
    parts = [_combined(chance, depth - 1) for _ in range(chance.randint(1, 3))]
    return {**chance.choice(CASES).filters, chance.choice(["and", "or"]): parts}


def _merged(chance: random.Random) -> dict[str, Any]:
    return {name: value for case in chance.sample(CASES, 12) for name, value in case.row.items()}


def answers(count: int) -> list[tuple[dict[str, Any], dict[str, Any], bool]]:
    """Filter, row and answer."""
    chance = random.Random(13)
    asked = [(case.filters, case.row) for case in CASES]
    asked += [(_combined(chance, 2), _merged(chance)) for _ in range(count)]
    return [(filters, row, predicate(compile_filters(filters))(row)) for filters, row in asked]


if __name__ == "__main__":
    print(json.dumps({"types": TYPES, "answers": answers(int(sys.argv[1]))}))
