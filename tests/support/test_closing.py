"""The commands at the end of a test run work as printed."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.closing import alone
from tests.support.inner_run import ENVIRONMENT, run

pytestmark = pytest.mark.process

TESTS = """
import pytest

@pytest.mark.parametrize("value", ["it's", "a b"])
def test_fails(value):
    assert not value

@pytest.fixture
def broken():
    raise ValueError

def test_has_an_error(broken):
    pass

def test_passes():
    pass

@pytest.mark.parametrize("number", range(3))
def test_is_skipped(number):
    pytest.skip("no moon: make moon")
"""
MANY = "import pytest\n@pytest.mark.parametrize('number', range(23))\ndef test_fails(number): assert False\n"
XDIST = pytest.mark.skipif(find_spec("xdist") is None, reason="pytest-xdist is not installed")


@pytest.mark.parametrize(
    "workers",
    [[], pytest.param(["-p", "xdist", "-n", "2"], marks=[XDIST, pytest.mark.long])],
    ids=["one process", "two workers"],
)
def test_what_failed_is_named_with_its_command_and_what_was_skipped_with_its_number(
    tmp_path: Path, workers: list[str]
) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "test_broken.py").write_text("import nothing_of_this_name\n")
    told = run(tmp_path, "-p", "tests.support.closing", "--continue-on-collection-errors", *workers)
    lines = told.splitlines()
    commands = {line.removeprefix("run it alone: ") for line in lines if line.startswith("run it alone: ")}
    assert commands == {
        alone(node)
        for node in (
            "test_it.py::test_fails[it's]",
            "test_it.py::test_fails[a b]",
            "test_it.py::test_has_an_error",
            "test_broken.py",
        )
    }
    assert "skipped 3: no moon: make moon" in lines


def test_a_command_runs_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    command = alone("test_it.py::test_fails[it's]").replace(".venv/bin/pytest", f"{sys.executable} -m pytest")
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert "1 failed" in done.stdout


def test_of_many_failures_some_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(MANY)
    told = run(tmp_path, "-p", "tests.support.closing")
    assert told.count("run it alone: ") == 20
    assert "and 3 more: .venv/bin/pytest --last-failed" in told
