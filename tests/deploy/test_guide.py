"""docs/how-to/deployment.md names every file of the kit, and its figures are those of the product."""

from __future__ import annotations

import re

from tests.deploy.kit import KIT, LONGEST_STOP_S, WEB_PORT
from tests.support.gateway import ROOT
from tidegate.config import Settings

GUIDE = (ROOT / "docs" / "how-to" / "deployment.md").read_text()


def test_the_guide_names_every_file_of_the_kit() -> None:
    linked = set(re.findall(r"\(\.\./\.\./server/deploy/([\w.-]+)\)", GUIDE))
    assert linked == {path.name for path in KIT.iterdir() if path.name != ".env"}
    assert set(re.findall(r"server/deploy/([\w-]+\.?[\w-]+)", GUIDE)) - {".env"} <= linked


def test_the_guide_has_the_figures_of_the_product() -> None:
    assert f"**A heartbeat every {Settings().heartbeat:g} s.**" in GUIDE
    assert f"within two seconds after the last of them ({LONGEST_STOP_S:g} s with the defaults)" in GUIDE
    assert f"on one port, {WEB_PORT}." in GUIDE
