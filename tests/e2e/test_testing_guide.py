"""docs/how-to/testing.md: the fixture and the tests that it shows work in an application of `tidegate init`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, clean_environment, tidegate

GUIDE = (ROOT / "docs" / "how-to" / "testing.md").read_text()
SNIPPETS: list[str] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
CALLING = """
import asyncio

from app_contract import GreetRequest

import handlers


def test_a_handler_can_be_called():
    reply = handlers.greet(GreetRequest(name="Bo"), call)
    assert (asyncio.run(reply) if asyncio.iscoroutine(reply) else reply).text.startswith("Hello Bo")
"""


@pytest.fixture
def application(tmp_path: Path) -> Path:
    for command in (("init", "."), ("generate",)):
        done = tidegate(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    fixture, test, call = SNIPPETS
    (tmp_path / "conftest.py").write_text(fixture)
    (tmp_path / "test_notes.py").write_text(test)
    (tmp_path / "test_handlers.py").write_text(call + CALLING)
    return tmp_path


def test_the_tests_of_the_guide_pass_in_a_new_application(application: Path) -> None:
    python_path = f"{application / 'generated' / 'python'}:{application}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(application)],
        cwd=application,
        env={**clean_environment(), "PYTHONPATH": python_path},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S * 4,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_the_commands_of_the_guide_are_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text()
    (block,) = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    for line in block.splitlines():
        command, *options = re.split(r" (?=--)", line.partition("#")[0].strip())
        section = reference.partition(f"## `{command}`\n")[2].partition("\n## ")[0]
        assert section, command
        assert all(f"`{option.split()[0]}`" in section for option in options), line
