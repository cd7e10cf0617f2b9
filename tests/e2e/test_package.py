"""Tidegate installed from a wheel, in an empty folder, without files of the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import READY, ROOT, clean_environment

NOTE = {
    "title": "Note",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": {
        "read": {"where": {"owner": "$user.id"}},
        "create": {"where": {"owner": "$user.id"}},
        "delete": "role:admin",
    },
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "owner": {"type": "string", "maxLength": 64},
        "text": {"type": "string", "maxLength": 1000},
    },
    "required": ["id", "owner", "text"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built packages in it, ahead of the checkout on the path."""
    target = tmp_path_factory.mktemp("installed")
    packages = [str(ROOT), str(ROOT / "clients" / "python")]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target), *packages],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def command(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(installed / "bin" / "tidegate"), *arguments],
        cwd=folder,
        env=clean_environment() | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_the_package_contains_all_its_files(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [
            sys.executable,
            "-c",
            "import tidegate, tidegate_client, tidegate_protocol as p; print(tidegate.__file__, p.__file__)",
        ],
        cwd=tmp_path,
        env=clean_environment() | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert all(Path(place).is_relative_to(installed) for place in where)

    migrated = command(installed, tmp_path, "migrate", "--seed")
    assert migrated.returncode == 0, migrated.stderr
    token = command(installed, tmp_path, "token", "--user", "1", "--name", "John", "--dev")
    assert token.returncode == 0, token.stderr
    assert served(installed, tmp_path)


@pytest.mark.long  # `make test-install` does the same with packages from nothing
def test_the_installed_command_generates_migrates_and_serves_an_application(installed: Path, tmp_path: Path) -> None:
    """The application has row rules, which the gateway loads at its start."""
    resources = tmp_path / "schema" / "resources"
    resources.mkdir(parents=True)
    (resources / "notes.schema.json").write_text(json.dumps(NOTE))
    generated = command(installed, tmp_path, "generate", "--schema", "schema", "--out", "made")
    assert generated.returncode == 0, generated.stderr
    assert "interface Note" in (tmp_path / "made" / "typescript" / "app.ts").read_text()
    assert "class Note" in "".join(
        file.read_text() for file in (tmp_path / "made" / "python" / "app_contract").glob("*.py")
    )
    migrated = command(installed, tmp_path, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert served(installed, tmp_path)


@pytest.mark.long  # `make test-install` does the same with packages from nothing
def test_the_package_contains_the_starter_application(installed: Path, tmp_path: Path) -> None:
    for arguments in (("init",), ("generate",), ("migrate", "--seed")):
        done = command(installed, tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "schema" / "meta").iterdir()} == {
        path.name for path in (ROOT / "schema" / "meta").iterdir()
    }
    assert served(installed, tmp_path)


def served(installed: Path, folder: Path) -> bool:
    """Check that the installed gateway starts in `folder` and stops."""
    process = subprocess.Popen(
        [sys.executable, str(installed / "bin" / "tidegate"), "serve", "--dev", "--port", "0"],
        cwd=folder,
        env=clean_environment() | {"PYTHONPATH": str(installed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = READY.search(process.stdout.readline())
    process.terminate()
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert found, errors
    assert process.returncode == 0, errors
    return True
