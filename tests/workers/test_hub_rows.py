"""When the hub opens the database: the first hub at once or never, a later one as soon as that is possible."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gateway import ROOT, migrate
from tests.support.waiting import until
from tidegate.config import ConfigError, Settings
from tidegate.core.budgets.ledger import Ledger
from tidegate.hub.line import Line
from tidegate.workers import hub_rows
from tidegate.workers.hub_rows import HubRows


class Aborted(Line):
    """A line that only notes its end."""

    aborted = False

    def abort(self) -> None:
        self.aborted = True


def line() -> Aborted:
    return Aborted(lambda line: hub_rows._NoReceiver())


def settings(folder: Path) -> Settings:
    return Settings(database=f"sqlite:///{folder / 'app.db'}", schema=str(ROOT / "schema"))


async def test_the_first_hub_ends_where_the_database_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="migrate"):
        await HubRows(settings(tmp_path), Ledger()).open()


async def test_a_later_hub_sends_workers_away_until_the_database_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hub_rows, "RETRY_S", 0.01)
    rows = HubRows(settings(tmp_path), Ledger())
    rows.open_later()
    await until(lambda: "the database cannot be opened" in caplog.text)
    early, late = line(), line()
    rows.join(early, "worker 1")
    rows.tick()
    assert early.aborted
    migrate(settings(tmp_path).database, ROOT / "schema")
    await until(lambda: rows._rows is not None)
    rows.join(late, "worker 1")
    assert not late.aborted
    await rows.aclose()


async def test_a_hub_may_end_before_the_database_can_be_opened(tmp_path: Path) -> None:
    rows = HubRows(settings(tmp_path), Ledger())
    rows.open_later()
    await rows.aclose()
