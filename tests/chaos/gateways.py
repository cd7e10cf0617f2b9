"""The gateways over one database. At most one of them is stopped at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.places import LOG_AGE_S, LOG_ROWS, Place
from tests.chaos.users import SECRET
from tests.support.gateway import GatewayProcess
from tests.support.gateway import migrate as migrate_database

SCHEMA = Path(__file__).parent / "schema"
FORGETFUL = """
from tidegate.core.rows import catch_up_actions
from tidegate.core.rows.feed_cursor import FeedCursor
FeedCursor.__init__.__defaults__ = (60,)
catch_up_actions.BATCH = 20
"""
"""A gateway that keeps few recent changes and reads few at a time, so that it must read the log."""


@dataclass
class Sabotage:
    """A seeded fault: Python code for the gateways, or SQL for their database."""

    python: str = ""
    sql: str = ""


class Gateways:
    """Owns its processes from `start` to `stop`."""

    def __init__(self, place: Place, folder: Path, sabotage: Sabotage, seed: int) -> None:
        """Every other one is forgetful."""
        settings = {
            "TIDEGATE_SECRET": SECRET,
            "TIDEGATE_HEARTBEAT": "1",
            "TIDEGATE_GRACEFUL_STOP": "1",
            "TIDEGATE_LOG_AGE": str(LOG_AGE_S),
            "TIDEGATE_LOG_ROWS": str(LOG_ROWS),
        }
        self.processes: list[GatewayProcess] = []
        for number in range(place.gateways):
            own = folder / f"gateway-{number}"
            own.mkdir()
            # Python imports a module of this name by itself when it starts.
            (own / "sitecustomize.py").write_text(sabotage.python + FORGETFUL * ((seed + number) % 2))
            path = os.pathsep.join([str(own), *filter(None, [os.environ.get("PYTHONPATH")])])
            environment = settings | {"PYTHONPATH": path}
            self.processes.append(GatewayProcess(own, *_options(place), environment=environment))

    @property
    def urls(self) -> list[str]:
        """The URLs of the started gateways."""
        return [process.url for process in self.processes]

    def start(self) -> None:
        for process in self.processes:
            process.start()
        # Python goes on without a module of this name that fails.
        assert "sitecustomize" not in self.log(), self.log()

    def stop(self) -> None:
        for process in self.processes:
            process.stop()

    def log(self) -> str:
        return "\n".join(process.log_file.read_text() for process in self.processes)


def migrate(url: str) -> None:
    """Give the database the tables of a history, and the sample rows."""
    migrate_database(url, SCHEMA, seed=True)


def _options(place: Place) -> tuple[str, ...]:
    # In development a gateway checks what it sends, and is one process.
    how = ("--dev",) if place.workers == 1 else ("--workers", str(place.workers))
    return *how, "--schema", str(SCHEMA), "--database", place.url
