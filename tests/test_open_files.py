"""The limit of open files: raised as far as this process may raise it, with a warning if that is not enough."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gateway import ROOT, GatewayProcess, clean_environment

pytestmark = pytest.mark.process

REPORT = """
import logging, resource, sys
from tidegate import open_files
logging.basicConfig(stream=sys.stderr, format="%(message)s")
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
fits = open_files.fit({connections})
open_files.warn({connections})
print(*resource.getrlimit(resource.RLIMIT_NOFILE), fits)
"""
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def allowed(soft: int, hard: int, connections: int) -> tuple[int, int, int, str]:
    """Both limits afterwards, how many connections fit, and what was logged, in a process with these limits before."""
    if HARD != resource.RLIM_INFINITY and hard > HARD:
        pytest.skip(f"this machine allows {HARD} open files; the test needs {hard}")
    program = REPORT.format(soft=soft, hard=hard, connections=connections)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**clean_environment(), "PYTHONPATH": str(ROOT / "server")},
        capture_output=True,
        text=True,
        check=True,
    )
    left, right, fits = done.stdout.split()
    return int(left), int(right), int(fits), done.stderr


def test_soft_limit_is_raised_to_the_hard_limit_without_a_warning() -> None:
    assert allowed(300, 1000, 200) == (1000, 1000, 200, "")
    assert allowed(256, 1000, 836) == (1000, 1000, 836, "")


def test_connections_are_fitted_to_a_low_hard_limit_and_the_warning_says_what_to_do() -> None:
    soft, hard, fits, told = allowed(256, 600, 50_000)
    assert (soft, hard, fits) == (600, 600, 436)
    assert told.count("\n") == 1
    for part in (
        "600",
        "max_connections = 50000",
        "takes 436",
        "ulimit -n 50164",
        "LimitNOFILE",
        "max_connections to 436",
    ):
        assert part in told


def test_very_low_limit_leaves_places_for_connections() -> None:
    assert allowed(128, 128, 50_000)[2] == 32


@pytest.mark.parametrize(("options", "warnings"), [((), 1), (("--dev",), 0)])
def test_gateway_with_too_few_files_warns_outside_development_and_serves(
    tmp_path: Path, options: tuple[str, ...], warnings: int
) -> None:
    if HARD == resource.RLIM_INFINITY:
        pytest.skip("this machine has no limit of open files")
    process = GatewayProcess(tmp_path, *options, environment={"TIDEGATE_MAX_CONNECTIONS": "2000000000"})
    process.migrate()
    process.start()
    log = process.log_file.read_text()
    process.stop()
    assert log.count("the limit of open files is") == log.count("ulimit -n 2000000164") == warnings
