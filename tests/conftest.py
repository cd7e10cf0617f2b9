"""Fixtures for several folders of tests, and the plugins that select tests and print the end of a run."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.closing import pytest_terminal_summary
from tests.support.gateway import GatewayProcess
from tests.support.postgres import PostgresGateway, PostgresServer, started
from tests.support.postgres_programs import MEMORY, has_memory, temporary
from tests.support.shared_folder import shared_folder
from tidegate import counted

__all__ = ["pytest_terminal_summary"]

ROOT_OF_FOLDERS = "PYTEST_DEBUG_TEMPROOT"
"""The variable from which pytest reads where `tmp_path` is."""

pytest_plugins = ["tests.support.collector", "tests.support.loops", "tests.support.selection"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts a background job with SIGINT ignored. The programs under test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# asyncio's debug mode logs each callback that took 0.1 s. On a busy machine that is any; tests look at the log.
logging.getLogger("asyncio").addFilter(lambda record: not str(record.msg).startswith("Executing "))


def pytest_configure() -> None:
    """Before pytest-xdist starts its workers: they inherit the folder of the run."""
    shared_folder(temporary)
    if ROOT_OF_FOLDERS not in os.environ and has_memory():
        # A run writes 50,000 files, which a disk would have to keep and to forget.
        os.environ[ROOT_OF_FOLDERS] = str(MEMORY)


@pytest.fixture(autouse=True)
def _lines_that_repeat_are_written_again() -> None:
    """A kind of line that an earlier test of this process wrote would only be counted for a minute."""
    counted.write_at_once()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    """A running gateway over the sample application, its tables empty."""
    process = GatewayProcess(tmp_path, "--dev")
    process.migrate()
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started for the first test that asks for it; without PostgreSQL such a test is skipped."""
    with started() as server:
        yield server


@pytest.fixture
def postgres_gateway(tmp_path: Path, postgres: PostgresServer) -> Iterator[PostgresGateway]:
    """A running gateway over the sample application in PostgreSQL, its tables empty."""
    with postgres.lent(postgres.sample()) as url:
        process = PostgresGateway(tmp_path, url, "--dev")
        process.start()
        yield process
        process.stop()
