"""A gateway for the time of one measure, in a temporary folder, and a PostgreSQL that flushes as real ones do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tests.support.gateway import GatewayProcess
from tests.support.postgres import PostgresServer

Process = TypeVar("Process", bound=GatewayProcess)


@contextmanager
def served(make: Callable[[Path], Process]) -> Iterator[Process]:
    """What `make` makes in a new folder: migrated, started as a new Python, and stopped at the end."""
    with tempfile.TemporaryDirectory() as folder:
        process = make(Path(folder))
        process.migrate()
        process.forks = False
        process.start()
        try:
            yield process
        finally:
            process.stop()


@contextmanager
def flushing_postgres() -> Iterator[PostgresServer]:
    """A server that flushes each commit."""
    server = PostgresServer(fsync="on", full_page_writes="on")
    try:
        server.start()
        yield server
    finally:
        server.close()
