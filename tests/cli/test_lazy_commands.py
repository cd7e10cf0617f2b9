"""A command loads only the packages it needs: a gateway in production loads no generators, checks or tests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, clean_environment, tidegate
from tidegate.cli import COMMANDS

LOADED = """
import json, sys
from tidegate.cli import main
try:
    main({arguments})
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
GENERATES = {"datamodel_code_generator", "ruff", "black", "jinja2", "pydantic", "tidegate.codegen"}
CHECKS = {"schemathesis", "jsonschema", "hypothesis", "tidegate.checks"}
DATABASES = {"peewee", "playhouse", "apsw", "psycopg"}


def loaded(arguments: list[str]) -> set[str]:
    """The modules that a command has loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(arguments=arguments)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    return set(json.loads(done.stderr))


@pytest.mark.parametrize("arguments", [["--version"], ["serve", "--help"], ["token", "--help"]], ids=" ".join)
def test_help_and_version_load_no_gateway(arguments: list[str]) -> None:
    modules = loaded(arguments)
    assert not modules & (GENERATES | CHECKS | DATABASES | {"tidegate.app", "websockets", "jsonschema_rs"})
    assert {f"tidegate.cli.{name}" for name in COMMANDS} & modules == {f"tidegate.cli.{arguments[0]}"} - {
        "tidegate.cli.--version"
    }


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import tidegate; print(set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'tidegate'}"


def test_the_gateway_loads_no_generator_and_no_check() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import json, sys, tidegate.app; print(json.dumps(sorted(sys.modules)))"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    modules = set(json.loads(done.stdout))
    # peewee loads psycopg wherever it is installed.
    assert not modules & (GENERATES | CHECKS | {"playhouse.reflection", "tidegate.store.postgres"})


def test_help_lists_every_command_and_each_has_examples() -> None:
    told = tidegate("--help", cwd=ROOT)
    assert told.returncode == 0
    assert re.findall(r"^    (\w+)", told.stdout, re.MULTILINE) == list(COMMANDS)
    for name in COMMANDS:
        assert "examples:" in tidegate(name, "--help", cwd=ROOT).stdout, name


@pytest.mark.parametrize("typed", [["srve"], [], ["--dev", "serve"]], ids=["misspelt", "nothing", "option first"])
def test_an_unknown_command_error_lists_every_command(typed: list[str]) -> None:
    told = tidegate(*typed, cwd=ROOT)
    assert told.returncode == 2
    assert "usage: tidegate" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_command_names_its_missing_extra(tmp_path: Path) -> None:
    """The packages are installed here; the test hides them from the command."""
    hide = "import importlib.util as u; find = u.find_spec; u.find_spec = lambda n: None if n in {!r} else find(n)"
    (tmp_path / "schema").mkdir()
    for arguments, packages, extra in (
        (["generate"], ["datamodel_code_generator", "ruff"], "codegen"),
        (["check", "contract"], ["schemathesis"], "contract"),
    ):
        code = f"{hide.format(packages)}\nfrom tidegate.cli import main\nraise SystemExit(main({arguments}))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert f"pip install 'tidegate[{extra}]'" in done.stderr


def test_versions_and_licences_are_equal() -> None:
    server = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    client = tomllib.loads((ROOT / "clients" / "python" / "pyproject.toml").read_text())["project"]
    npm = json.loads((ROOT / "clients" / "typescript" / "package.json").read_text())
    assert tidegate("--version", cwd=ROOT).stdout == f"tidegate {server['version']}\n"
    assert server["version"] == client["version"] == npm["version"]
    minor = server["version"].rpartition(".")[0]
    assert any(need.startswith(f"tidegate-client>={minor}") for need in server["dependencies"])
    licence = (ROOT / "LICENSE").read_text()
    assert (ROOT / "clients" / "python" / "LICENSE").read_text() == licence
