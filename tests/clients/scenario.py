"""The scenarios that both clients play (scenarios/*.json): reading them, and the tables of docs/reference/clients.md.

`python -m tests.clients.scenario` writes the files in their one layout, and the tables of the page. The steps are
described in scenarios/README.md; `player` plays them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.support.gateway import ROOT

FOLDER = Path(__file__).with_name("scenarios")
PAGE = ROOT / "docs" / "reference" / "clients.md"
HEADING = "\n## Guards\n"
INTRODUCTION = """
What both clients do when something goes wrong, or might. The tests of both clients play these scenarios
(`tests/clients/scenarios`), and `python -m tests.clients.scenario` writes the tables.
"""
ROOM = "chat-1"
"""The room of a scenario that runs against a real gateway, where each run has its own."""

Scenario = dict[str, Any]


def areas() -> dict[str, list[Scenario]]:
    """The scenarios by the name of their file."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def scenarios(run: str) -> list[Scenario]:
    """Those that the Python client plays against a "scripted" or a "real" gateway."""
    return [
        scenario
        for area in areas().values()
        for scenario in area
        if run in scenario.get("runs", ["scripted"]) and "python" in scenario.get("clients", ["python"])
    ]


def own_room(scenario: Scenario) -> Scenario:
    """`scenario` in a room that no other run uses."""
    name = "chat-python-" + re.sub(r"\W+", "-", scenario["name"])[:40]
    changed: Scenario = json.loads(json.dumps(scenario).replace(json.dumps(ROOM), json.dumps(name)))
    return changed


def text(area: list[Scenario]) -> str:
    """A file of scenarios, with each step in one line."""
    return "[\n" + ",\n".join(_scenario(scenario) for scenario in area) + "\n]\n"


def _scenario(scenario: Scenario) -> str:
    lines = [f"    {_line(name)}: {_line(value)}" for name, value in scenario.items() if name != "steps"]
    steps = ",\n".join(f"      {_line(step)}" for step in scenario["steps"])
    lines.append('    "steps": ' + (f"[\n{steps}\n    ]" if steps else "[]"))
    return "  {\n" + ",\n".join(lines) + "\n  }"


def _line(value: Any) -> str:
    """JSON in one line, with characters as they are, but for half a character."""
    written = json.dumps(value, ensure_ascii=False)
    return "".join(f"\\u{ord(char):04x}" if 0xD800 <= ord(char) <= 0xDFFF else char for char in written)


def page() -> str:
    """What docs/reference/clients.md should be."""
    tables = [
        f"\n### {area.capitalize()}\n\n| what happens | what both clients do |\n|---|---|\n"
        + "".join(f"| {scenario['name']} | {scenario['outcome']} |\n" for scenario in found)
        for area, found in areas().items()
    ]
    return PAGE.read_text().split(HEADING)[0] + HEADING + INTRODUCTION + "".join(tables)


if __name__ == "__main__":
    for name, found in areas().items():
        (FOLDER / f"{name}.json").write_text(text(found))
    PAGE.write_text(page())
    sys.exit(0)
