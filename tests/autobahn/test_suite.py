"""Some cases of the Autobahn test suite, of each kind: the rest takes a quarter of an hour (`make autobahn`)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.gateway import ROOT, clean_environment

PLAIN = ("1.1.1", "2.10", "3.1", "4.1.1", "5.3", "6.2.1", "6.4.1", "7.1.5", "9.1.1", "10.1.1")
OF_COMPRESSION = ("12.1.1", "12.3.4", "12.5.7", "13.1.1", "13.2.2", "13.3.3", "13.4.4", "13.5.5", "13.6.6", "13.7.1")


@pytest.mark.long
@pytest.mark.process
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ((), "20 cases: 1 FAILED, 1 NON-STRICT, 18 OK"),
        (("--without-compression",), "20 cases: 1 FAILED, 1 NON-STRICT, 8 OK, 10 UNIMPLEMENTED"),
    ],
    ids=["with compression", "without compression"],
)
def test_verdicts_are_those_of_the_page(options: tuple[str, ...], counts: str) -> None:
    command = [sys.executable, "-m", "tests.autobahn", "--port", "--cases", ",".join(PLAIN + OF_COMPRESSION), *options]
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=800, check=False,
    )  # fmt: skip
    assert counts in done.stdout, done.stdout[-4000:]
    assert "NOT EXPECTED" not in done.stdout
    assert done.returncode == 0
