"""Prints the end of a test run: the command for each failed test, and the number of skipped tests by reason.

It is a part of tests/conftest.py. It reads only the reports, which pytest-xdist brings from its workers, and decides
nothing.
"""

from __future__ import annotations

import shlex
from collections import Counter

import pytest
from _pytest.terminal import TerminalReporter

SHOWN = 20


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    stats = terminalreporter.stats
    failed = dict.fromkeys(report.nodeid for kind in ("failed", "error") for report in stats.get(kind, []))
    skipped = Counter(_reason(report) for report in stats.get("skipped", []))
    for reason, count in skipped.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")
    for node in list(failed)[:SHOWN]:
        terminalreporter.write_line(f"run it alone: {alone(node)}")
    if len(failed) > SHOWN:
        terminalreporter.write_line(f"and {len(failed) - SHOWN} more: .venv/bin/pytest --last-failed")


def alone(node: str) -> str:
    """The command for a test, or for a file that could not be read. A shell takes it as it is."""
    return f".venv/bin/pytest {shlex.quote(node)}"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    where = report.longrepr
    reason = where[2] if isinstance(where, tuple) else str(where)
    return reason.removeprefix("Skipped: ")
