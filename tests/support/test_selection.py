"""Tests that a quick run leaves out, and the failure of a test that starts a process without its mark."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

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
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest('pytest_plugins = ["tests.support.selection"]')
    pytester.makeini("[pytest]\nmarkers =\n  process: starts one\n  slow: takes long\n")
    pytester.makepyfile(test_here=TESTS)
    return pytester


def run(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    return suite.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:asyncio", *options)


@pytest.mark.process
def test_all_tests_run_unless_the_run_is_to_be_quick(suite: pytest.Pytester) -> None:
    run(suite).assert_outcomes(passed=6)


def test_a_quick_run_leaves_out_processes_and_what_is_slow_and_says_so(suite: pytest.Pytester) -> None:
    told = run(suite, "--quick")
    told.assert_outcomes(passed=2, deselected=4)
    told.stdout.fnmatch_lines(["left out: 3 tests that start a process;*", "left out: 1 tests that are slow;*"])


def test_a_process_that_is_started_without_the_mark_fails_the_test(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_here="from test_there import start\ndef test_wrong(): start()", test_there=TESTS)
    told = run(suite, "test_here.py", "--quick")
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines(["*mark it with @pytest.mark.process*"])
