"""The dashboard, the alert rules and the runbook: every metric, label and event that they name exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.admin.operators import operated
from tests.deploy.kit import KIT, documents
from tests.gateway.test_removal import bearer
from tests.support.gateway import ROOT
from tests.support.wire import wire
from tidegate import counted
from tidegate.admin import exposition
from tidegate.config import Settings
from tidegate.core.budgets.ledger import Ledger
from tidegate.engines.hub.rooms import RoomsOfHub
from tidegate.hub.server import HubServer
from tidegate.workers.hub_figures import HubFigures
from tidegate.workers.hub_rows import HubRows
from tidegate_protocol import ERRORS

DASHBOARD, ALERTS = KIT / "monitoring" / "dashboard.json", KIT / "monitoring" / "alerts.yaml"
RUNBOOK, GUIDE = ROOT / "docs" / "how-to" / "runbook.md", ROOT / "docs" / "how-to" / "operating.md"
METRIC = re.compile(r"\b(?:tidegate_[a-z]\w*|process_[a-z]+_\w+)")
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")
EVENT = re.compile(r'event=~?"([^"]+)"')
CODE = re.compile(r'code="([^"]+)"')
LABEL = re.compile(r"\{\{ ?\$?(?:labels\.)?(\w+) ?\}\}|by \(([^)]*)\)")
OF_PROMETHEUS = {"instance", "worker", "le"}


@pytest.fixture
async def served(tmp_path: Path) -> tuple[set[str], set[str]]:
    """The names of all metrics of a gateway, and of their labels."""
    async with operated(tmp_path) as operators, wire(operators.inside.url, **bearer("ada")) as client:
        assert (await client.ask({"type": "leave", "room": "lobby"}))["type"] == "error"
        await operators.inside.gateway.handler.settled(0.0)
        page = (await operators.ask("GET", "/metrics")).text
    page += await of_the_hub()
    names = set(re.findall(r"^# TYPE (\w+)", page, re.M))
    return names, set(re.findall(r'[{,](\w+)="', page)) | {"code", "status", "type", "kind"}


async def of_the_hub() -> str:
    """The page of a hub whose database is not open."""
    ledger = Ledger()
    rows = HubRows(Settings(), ledger)
    figures = HubFigures(ledger, RoomsOfHub(ledger, "run", lambda: 0.0), rows, HubServer({}), 0.1)
    return exposition.text(msgspec.convert(await figures.ask("metrics", {}), list[exposition.Family]))


def expressions() -> list[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    of_panels = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return of_panels + [rule["expr"] for rule in rules()]


def rules() -> list[dict[str, Any]]:
    (document,) = documents("monitoring/alerts.yaml")
    return [rule for group in document["groups"] for rule in group["rules"]]


async def test_every_metric_and_label_that_is_named_exists(served: tuple[set[str], set[str]]) -> None:
    names, labels = served
    assert len(names) > 40, names
    for file in (DASHBOARD, ALERTS, RUNBOOK, GUIDE):
        for found in METRIC.findall(file.read_text()):
            assert found in names or SUFFIX.sub("", found) in names, f"{file.name}: {found}"
    texts = [*expressions(), DASHBOARD.read_text(), ALERTS.read_text()]
    for found in {
        name for text in texts for pair in LABEL.findall(text) for name in re.findall(r"\w+", " ".join(pair))
    }:
        assert found in labels | OF_PROMETHEUS, found


def test_every_event_and_code_that_is_named_exists() -> None:
    events = {name for text in expressions() for found in EVENT.findall(text) for name in found.split("|")}
    events |= {name for line in RUNBOOK.read_text().splitlines() if "event" in line for name in _after_events(line)}
    assert len(events) > 10
    assert events <= set(counted.totals())
    assert {code for text in expressions() for code in CODE.findall(text)} <= set(ERRORS)


def _after_events(line: str) -> list[str]:
    """The names that stand behind `event` or `events` in a cell of a table."""
    return [name for found in re.findall(r"events? ((?:`\w+`(?:, )?)+)", line) for name in re.findall(r"\w+", found)]


def test_the_runbook_says_what_to_do_at_each_alert() -> None:
    alerts = [rule["alert"] for rule in rules()]
    assert len(alerts) == len(set(alerts)) > 10
    assert re.findall(r"^\| `(Tidegate\w+)` \|", RUNBOOK.read_text(), re.M) == alerts
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] in {"page", "ticket"} for rule in rules())


def test_the_dashboard_shows_every_metric_of_the_gateway(served: tuple[set[str], set[str]]) -> None:
    shown = {SUFFIX.sub("", name) for name in METRIC.findall(DASHBOARD.read_text() + ALERTS.read_text())}
    quiet = {"tidegate_info", "process_start_time_seconds"}
    assert served[0] - shown - quiet == set()
