"""Runs pytest in a separate process, for tests of what this suite adds to pytest.

Not with pytest's `pytester`: it takes what was imported meanwhile out of `sys.modules` and leaves it in the packages
above, so that a later `import http.cookiejar` and `from http import cookiejar` are two modules.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def run(folder: Path, *options: str) -> str:
    """What pytest prints for the tests of `folder`, with no plugins but those that `options` name."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-q", *options],
        cwd=folder,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    return done.stdout
