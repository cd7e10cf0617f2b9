"""What mypy says of right and wrong usages of the client: one run over `typing/usages.py`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gateway import ROOT

USAGES = Path(__file__).parent / "typing" / "usages.py"


@pytest.mark.process
@pytest.mark.slow
def test_wrong_usages_are_found_and_right_ones_are_not() -> None:
    expected = {
        number: found[1]
        for number, line in enumerate(USAGES.read_text().splitlines(), 1)
        if (found := re.search(r"# wrong: ([\w-]+)", line)) and number > 4
    }
    assert len(expected) > 10
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", str(USAGES)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = re.findall(r"usages\.py:(\d+): error: .*\[([\w-]+)\]$", told.stdout, re.M)
    assert {int(number): code for number, code in lines} == expected, told.stdout + told.stderr
