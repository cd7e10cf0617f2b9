"""Tests that a quick run leaves out, and the failure of a test that starts a process without its mark."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.inner_run import run as run_pytest

pytestmark = pytest.mark.process

TESTS = """
import subprocess, sys
import pytest

@pytest.fixture
def postgres():
    pass

def start():
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)

def test_plain(): pass
def test_over_postgresql(postgres): pass
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_over_each(database): pass
@pytest.mark.process
def test_marked(): start()
@pytest.mark.slow
def test_slow(): pass
@pytest.mark.seeded
def test_seeded(): pass
@pytest.mark.long
def test_long(): pass
"""


MARKS = ["process: starts one", "slow: takes long", "seeded: seeds faults", "long: proves much"]


def run(folder: Path, *options: str) -> str:
    marks = [f"--override-ini=markers={chr(10).join(MARKS)}"]
    return run_pytest(folder, "-p", "tests.support.selection", "-p", "no:cacheprovider", *marks, *options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_here.py").write_text(TESTS)
    return tmp_path


def test_all_tests_run_unless_the_run_is_to_be_quick(folder: Path) -> None:
    assert "\n8 passed in " in run(folder)


def test_a_quick_run_leaves_out_processes_and_what_is_slow_and_says_so(folder: Path) -> None:
    told = run(folder, "--quick")
    assert "\n2 passed, 6 deselected in " in told
    assert "\nleft out: 3 tests that start a process;" in told
    assert "\nleft out: 1 tests that are slow;" in told
    assert "\nleft out: 1 tests that seed faults to prove the tools of tests;" in told


def test_long_proofs_can_be_left_out(folder: Path) -> None:
    told = run(folder, "--usual")
    assert "\n6 passed, 2 deselected in " in told
    assert "`make test-long` runs them" in told
    assert "`make test-tools` runs them" in told


def test_a_process_that_is_started_without_the_mark_fails_the_test(folder: Path) -> None:
    (folder / "there.py").write_text(TESTS)
    (folder / "test_here.py").write_text("from there import start\ndef test_wrong(): start()\n")
    told = run(folder, "test_here.py", "--quick")
    assert "\n1 failed in " in told
    assert "mark it with @pytest.mark.process" in told
