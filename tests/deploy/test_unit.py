"""The systemd unit: systemd accepts it, and it matches the gateway."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.kit import DRAIN, KIT, STOP_TIMEOUT_S, VARIABLES, seconds, tool
from tests.support.gateway import tidegate
from tidegate.config import Settings

UNIT = KIT / "tidegate.service"
INSTALL = "apt-get install --no-install-recommends systemd"
EXPOSED_BELOW = 3.0
"""systemd's own measure, 0 to 10: what a service could do to the machine if it were taken over."""


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with programs that exist on this machine, because systemd checks that."""
    program = tmp_path / "tidegate"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/tidegate/bin/tidegate", str(program)))
    return copy


def test_systemd_accepts_the_unit(unit: Path) -> None:
    analyze = tool("systemd-analyze", install=INSTALL)
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_the_unit_restricts_the_gateway(unit: Path) -> None:
    analyze = tool("systemd-analyze", install=INSTALL)
    done = subprocess.run(
        [analyze, "security", "--offline=yes", "--no-pager", f"--threshold={round(EXPOSED_BELOW * 10)}", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    print(found[0])
    assert float(found[1]) < EXPOSED_BELOW
    assert done.returncode == 0


def test_the_unit_runs_existing_commands_with_valid_settings(tmp_path: Path) -> None:
    told = settings()
    for line in (*told["ExecStartPre"], *told["ExecStart"]):
        program, command = line.split()
        assert program == "/opt/tidegate/bin/tidegate"
        assert tidegate(command, "--help", cwd=tmp_path).returncode == 0
    variables = dict(part.split("=", 1) for value in told["Environment"] for part in value.split(" "))
    assert {name for name in variables if name.startswith("TIDEGATE_")} <= VARIABLES
    # The service writes only to the two folders that systemd makes for it.
    assert variables["TIDEGATE_DATABASE"].startswith(f"sqlite:////var/lib/{told['StateDirectory'][0]}/")
    assert variables["TMPDIR"] == f"/var/cache/{told['CacheDirectory'][0]}"


def test_the_unit_waits_for_readiness_and_gives_enough_time_to_stop() -> None:
    told = settings()
    assert told["Type"] == ["notify"]
    assert told["NotifyAccess"] == ["main"]
    assert seconds(told["WatchdogSec"][0]) == 30
    assert seconds(told["TimeoutStopSec"][0]) == STOP_TIMEOUT_S
    variables = dict(part.split("=", 1) for value in told["Environment"] for part in value.split(" "))
    assert variables.items() >= DRAIN.items()
    assert int(told["LimitNOFILE"][0]) >= Settings().max_connections + 100
    assert told["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    # The gateway asks for its limit of open files with a call that is not among those refused.
    assert told["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]
