"""The heap of the C library: what it says of itself, and that it gives memory back."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tidegate import heap

OWN = heap.of_process()
GLIBC = pytest.mark.skipif(OWN is None, reason="the C library is not glibc")
HOLES = """
from tidegate import heap
own = heap.of_process()
{fit}
kept = []
for _ in range(3):
    # Answers of one size leave in halves, and larger ones come meanwhile.
    large = [b"x" * 600_000 for _ in range(40)]
    kept += [b"x" * 300_000 for _ in large]
    del large
before, free = own.resident(), own.free()
kept = kept[::2]
print((before - own.resident()) >> 20, own.free() - free >> 20)
own.trim()
print((before - own.resident()) >> 20)
"""


def told(fit: str, **environment: str) -> list[int]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    answer = subprocess.run(
        [sys.executable, "-c", HOLES.format(fit=fit)],
        env={**clean, **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return [int(word) for word in answer.stdout.split()]


@GLIBC
@pytest.mark.process
@pytest.mark.parametrize("environment", [{}, {"MALLOC_MMAP_THRESHOLD_": "8388608"}])
def test_what_is_large_is_given_back_at_once_unless_the_operator_set_it(environment: dict[str, str]) -> None:
    """60 texts of 300 kB, between others, are freed: 17 MiB."""
    at_once, free, _ = told("own.fit()", **environment)
    if environment:
        assert at_once < 4
        assert free >= 16
    else:
        assert at_once >= 16
        assert free < 4


@GLIBC
@pytest.mark.process
def test_free_pages_are_given_back_when_the_heap_is_trimmed() -> None:
    at_once, _, trimmed = told("", MALLOC_MMAP_THRESHOLD_="8388608")
    assert at_once < 4
    assert trimmed >= 16


def test_another_c_library_has_no_such_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    assert heap.of_process() is None


@GLIBC
def test_sizes_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert OWN is not None
    assert 0 < OWN.free() < OWN.resident() < 1 << 40
    monkeypatch.setattr(heap, "STATM", Path("/nowhere"))
    assert OWN.resident() == 0
