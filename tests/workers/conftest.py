"""Supervisors of fake members, which start in a moment; a test's own options and environment in the call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.waiting import until
from tests.workers.supervised import Supervised

Start = Callable[..., Supervised]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Start]:
    """Start a supervisor; `behaviours` of members first."""
    running: list[Supervised] = []

    def start(*options: str, behaviours: dict[str, str] | None = None, **environment: str) -> Supervised:
        supervised = Supervised(tmp_path, *options, **environment)
        for member, how in (behaviours or {}).items():
            supervised.behave(member, how)
        running.append(supervised)
        supervised.start()
        return supervised

    yield start
    for each in running:
        each.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Supervised]:
    """One supervisor for a module, with a hub; `shared` is for tests.

    A module whose members freeze says so with a short WORKER_TIMEOUT. On a busy machine it also kills members that only
    wait for the processor, so that workers are others than before.
    """
    timeout = getattr(request.module, "WORKER_TIMEOUT", "60")
    supervised = Supervised(tmp_path_factory.mktemp("shared"), HUB="1", TIDEGATE_WORKER_TIMEOUT=timeout)
    supervised.start()
    yield supervised
    supervised.close()


@pytest.fixture
async def shared(running: Supervised) -> Supervised:
    """A supervisor that other tests have used, with a hub and two workers that serve; its log is empty."""
    for name in ("worker 1", "worker 2", "hub"):
        running.behave(name, "")
    await until(lambda: running.ready)
    for name in ("log", "started"):
        (running.folder / name).write_text("")
    return running
