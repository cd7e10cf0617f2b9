"""Both clients over broken connections, in small (`make reconnects` breaks 500 of each), and what the checker sees."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from tests.clients.reconnects.checker import judge
from tests.clients.reconnects.history import Change, Entry, Reference
from tests.clients.reconnects.run import play, report
from tests.support.cases import every_case
from tests.support.node import built_client, node

TRUTH = Reference(
    rows={"1": "a"},
    seq=10,
    changes=[Change(11, "create", 2, "b"), Change(12, "update", 1, "c"), Change(13, "delete", 2, None)],
    messages={1: "one", 2: "two", 3: "three"},
)
SEEN: list[Entry] = [
    {"open": True},
    {"change": ["reset", None, None]},
    {"rows": {"1": "a"}, "seq": 10},
    {"message": 1, "text": "one", "gap": False},
    {"change": ["create", 2, "b"]},
    {"change": ["update", 1, "c"]},
    {"rows": {"1": "c", "2": "b"}, "seq": 12},
    {"message": 2, "text": "two", "gap": False},
    {"open": True},
    {"message": 3, "text": "three", "gap": False},
    {"change": ["delete", 2, None]},
    {"rows": {"1": "c"}, "seq": 13},
]
FAULTS: list[tuple[str, Callable[[list[Entry]], object], str]] = [
    ("a change is lost", lambda seen: seen.pop(5), "change 2 is"),
    ("a change comes twice", lambda seen: seen.insert(5, seen[5]), "change 3 is"),
    ("two changes are swapped", lambda seen: seen.insert(4, seen.pop(5)), "change 2 is"),
    ("the last change is lost", lambda seen: seen.pop(10), "the changes end 1 before the end"),
    ("no rows come", lambda seen: [seen.pop(10), seen.pop(5), seen.pop(4), seen.pop(1)], "the rows never came"),
    ("a row is wrong", lambda seen: seen[6]["rows"].update({"1": "a"}), "the rows at position 12 differ"),
    ("the rows go back", lambda seen: seen.insert(7, seen[2]), "the rows went back"),
    ("the last rows are missing", lambda seen: seen.pop(11), "the last rows are at position 12"),
    ("a message is lost", lambda seen: seen.pop(7), "1 messages before 3 are missing"),
    ("a message comes twice", lambda seen: seen.insert(8, seen[7]), "the message at 2 came after the one at 2"),
    ("a message has another text", lambda seen: seen[7].update(text="too"), "the message at 2 is 'too'"),
    ("the last message is lost", lambda seen: seen.pop(9), "the last message is 2"),
]


def test_the_checker_accepts_what_is_complete() -> None:
    found = judge(TRUTH, SEEN)
    assert (found.violations, found.opens, found.changes, found.resets, found.messages) == ([], 2, 3, 1, 3)


def test_a_gap_that_was_told_is_counted() -> None:
    seen = deepcopy(SEEN)
    seen.pop(7)
    seen[8]["gap"] = True
    found = judge(TRUTH, seen)
    assert (found.violations, found.gaps) == ([], 1)


def test_the_checker_finds_each_fault() -> None:
    with every_case() as case:
        for name, fault, sign in FAULTS:
            with case(name):
                seen = deepcopy(SEEN)
                fault(seen)
                violations = judge(TRUTH, seen).violations
                assert any(sign in violation for violation in violations), violations


@pytest.mark.process
@pytest.mark.slow
async def test_both_clients_miss_nothing_over_broken_connections(tmp_path: Path) -> None:
    built_client()
    found = await play(tmp_path, node(), reconnects=12, clients=1, seed=13)
    assert all(seen.opens >= 12 and not seen.violations for seen in found.values()), report(found)
