"""Runs many cases in one test: tries every case, and the failure names each wrong case.

It is for tables of plain values, for which pytest would need longer to set up a test than the case takes. A table
without cases fails, because a test must be able to fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

SHOWN = 20
"""The failure shows at most this many wrong cases."""
LINES = 8
"""The failure shows at most this many lines of each."""

Tried = Callable[[object], AbstractContextManager[None]]


@contextmanager
def every_case() -> Iterator[Tried]:
    """Yields the context in which to try a case, by its name. Raises AssertionError at the end if a case failed."""
    __tracebackhide__ = True
    wrong: dict[str, BaseException] = {}
    tried = 0

    @contextmanager
    def case(name: object) -> Iterator[None]:
        nonlocal tried
        tried += 1
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:
            wrong[f"{name} (case {tried})"] = error

    yield case
    assert tried > 0, "there is no case"
    if wrong:
        raise AssertionError(_report(wrong, tried)) from next(iter(wrong.values()))


def _report(wrong: dict[str, BaseException], tried: int) -> str:
    told = [f"{name}\n{_indented(error)}" for name, error in list(wrong.items())[:SHOWN]]
    more = [f"and {len(wrong) - SHOWN} more"] * (len(wrong) > SHOWN)
    return "\n".join([f"{len(wrong)} of {tried} cases failed:", *told, *more])


def _indented(error: BaseException) -> str:
    text = str(error) or "no message"
    lines = f"{type(error).__name__}: {text}".splitlines()[:LINES]
    return "\n".join(f"    {line}" for line in lines)
