"""The Python of the servers: what is said of it, and what cannot be one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench import pythons


def test_description_has_the_options_and_no_folder_of_this_machine() -> None:
    options = "'--prefix=/home/a/3.11' '--with-lto'  'LDFLAGS=-L/home/a/lib -Wl,-rpath,/home/a/lib' 'CFLAGS=-g -O2'"
    said = pythons.description({"version": "3.11.2", "options": options})
    assert "/home" not in said
    assert said.startswith("3.11.2, CONFIG_ARGS: '--prefix=...' '--with-lto' ")
    assert said.endswith("'CFLAGS=-g -O2'")
    assert pythons.description({"version": "3.12.0", "options": ""}) == "3.12.0, CONFIG_ARGS: none"


@pytest.mark.process
def test_facts_of_this_python_have_its_speed() -> None:
    found = pythons.facts(sys.executable)
    assert found["version"] == sys.version.split()[0]
    assert "us on this one" in pythons.calibration({"this one": sys.executable})


def test_program_that_is_no_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(pythons.Unusable, match="there is no"):
        pythons.prepared(str(tmp_path / "python"))


@pytest.mark.process
def test_program_that_fails_is_refused_with_its_words(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'no such option' >&2\nexit 2\n")
    program.chmod(0o755)
    with pytest.raises(pythons.Unusable, match="no such option"):
        pythons.prepared(str(program))
