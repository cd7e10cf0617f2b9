"""Which tests run: all, with `--usual` all but long proofs, with `--quick` what starts no process and is not slow.

A test starts a process when it has the mark `process`, which folders and parameters give it, or the test itself. A test
without the mark that starts one fails, so that `make test-quick` stays quick. It knows nothing of what the
tests try. What was left out is counted at the end of the run, and with pytest-xdist by the workers.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

PROCESSES = ("chaos", "cli", "deploy", "e2e", "install", "store/postgres")
"""Folders in which every test starts a gateway, a command or PostgreSQL."""
FIXTURES = {"gateway", "postgres", "postgres_gateway"}
"""Fixtures that start a process."""
HELPER = str(Path(__file__).parents[1] / "store" / "program.py")
"""A process that starts in some milliseconds."""
LONG_PROOFS = (
    ("seeded", "seed faults to prove the tools of tests; `make test-tools` runs them"),
    ("long", "are long proofs; `make test-long` runs them"),
)
LEFT_OUT_OF_QUICK = (
    *LONG_PROOFS,
    ("process", "start a process; `make test` runs them"),
    ("slow", "are slow; `make test` runs them"),
)
"""Marks, what their tests do, and where they run."""
LEFT_OUT = pytest.StashKey[Counter[str]]()
NOT_MARKED = "this test starts a process; mark it with @pytest.mark.process, so that `make test-quick` leaves it out"

_unmarked = False
"""Whether a test runs that may not start a process."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tidegate")
    group.addoption("--usual", action="store_true", help="leave out the tests marked `seeded` or `long`")
    group.addoption("--quick", action="store_true", help="leave out those marked `process` or `slow`, too")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = Counter()
    sys.addaudithook(_audit)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _starts_a_process(item):
            item.add_marker("process")
    left_out = LEFT_OUT_OF_QUICK if config.option.quick else LONG_PROOFS if config.option.usual else ()
    for mark, why in left_out:
        left = [item for item in items if item.get_closest_marker(mark)]
        items[:] = [item for item in items if not item.get_closest_marker(mark)]
        config.stash[LEFT_OUT][why] += len(left)
        config.hook.pytest_deselected(items=left)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    global _unmarked  # noqa: PLW0603  # an audit hook gets nothing else
    _unmarked = item.get_closest_marker("process") is None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Processes of other tests may end with the fixtures of this test."""
    global _unmarked  # noqa: PLW0603
    _unmarked = False


def pytest_sessionfinish(session: pytest.Session) -> None:
    told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        left_out: Counter[str] = session.config.stash[LEFT_OUT]
        told["left_out"] = {**left_out}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist has ended. All workers leave out the same tests."""
    told: dict[str, int] = getattr(node, "workeroutput", {}).get("left_out", {})
    node.config.stash[LEFT_OUT] = Counter(told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for why, count in config.stash[LEFT_OUT].items():
        if count:
            terminalreporter.write_line(f"left out: {count} tests that {why}")


def _starts_a_process(item: pytest.Item) -> bool:
    place = item.nodeid.removeprefix("tests/")
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return (
        place.startswith(tuple(f"{name}/" for name in PROCESSES))
        or any(str(value).startswith("postgres") for value in parameters.values())
        or not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    )


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _unmarked and event == "subprocess.Popen" and HELPER not in map(str, args[1]):
        raise AssertionError(NOT_MARKED)
