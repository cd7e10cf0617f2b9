"""For all tests of the deployment kit: its files, the tools that check them, and the facts of the product.

A tool that this machine lacks makes its test skip, and the reason says what to install.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from tests.support.gateway import ROOT
from tidegate.config import Settings

KIT = ROOT / "server" / "deploy"
VARIABLES = {f"TIDEGATE_{name.upper()}" for name in get_type_hints(Settings)}
"""The environment variables that are settings. The gateway refuses any other that begins with TIDEGATE_."""
LONGEST_STOP_S = Settings().graceful_stop + 2
"""Without a drain."""
DRAIN = {"TIDEGATE_DRAIN_DELAY": "5", "TIDEGATE_DRAIN": "30"}
"""What the kit sets."""
STOP_TIMEOUT_S = 5 + 30 + Settings().graceful_stop + 5
"""After this time the gateway may be killed."""
WEB_PORT = Settings().port


def tool(*names: str, install: str) -> Path:
    """The first of `names` that is installed beside this Python or on the PATH. Skips the test if there is none."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin"])
    for name in names:
        found = shutil.which(name, path=places)
        if found is not None:
            return Path(found)
    pytest.skip(f"there is no {names[0]} on this machine; to run this test: {install}")


def documents(name: str) -> list[Any]:
    """The YAML documents of a file of the kit."""
    yaml: Any = pytest.importorskip("yaml", reason="there is no PyYAML; to run this test: pip install pyyaml")
    return list(yaml.safe_load_all((KIT / name).read_text()))


def seconds(text: str) -> float:
    """The time that `30s`, `5m` or `30` means."""
    found = re.fullmatch(r"(\d+)(ms|s|m|min|h)?", text)
    assert found is not None, text
    return int(found[1]) * {None: 1, "ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600}[found[2]]
