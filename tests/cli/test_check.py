"""`tidegate check` and `tidegate check compat`: their output and exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.gateway import ROOT, tidegate

TOO_EARLY = "the file ends too early: a closing bracket is missing"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose schema folder is the sample application, tagged v1 in git."""
    for folder in ("resources", "rooms"):
        shutil.copytree(ROOT / "schema" / folder, tmp_path / "schema" / folder)
    for command in (
        ("init", "--quiet"),
        ("add", "."),
        ("-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "First"),
        ("tag", "v1"),
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def change(project: Path, **status: object) -> None:
    file = project / "schema" / "resources" / "users.schema.json"
    content = json.loads(file.read_text())
    content["properties"]["status"].update(status)
    file.write_text(json.dumps(content))


def test_check_counts_the_definitions_of_a_valid_folder(project: Path) -> None:
    done = tidegate("check", cwd=project)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 resources" in done.stdout


def test_check_prints_a_problem_with_file_pointer_and_suggestion(project: Path) -> None:
    change(project, defualt="active")
    done = tidegate("check", cwd=project)
    assert done.returncode == 1
    assert "users.schema.json: /properties/status/defualt" in done.stderr
    assert "did you mean 'default'?" in done.stderr


def test_check_reports_a_dead_keyword(project: Path) -> None:
    change(project, maximum=3)
    done = tidegate("check", cwd=project)
    assert done.returncode == 1
    assert "users.schema.json: /properties/status/maximum: `maximum` says something of numbers only" in done.stderr


def test_check_prints_hints_and_passes(project: Path) -> None:
    room = project / "schema" / "rooms" / "chat.schema.json"
    schema = json.loads(room.read_text())
    del schema["type"]
    room.write_text(json.dumps(schema))
    done = tidegate("check", cwd=project)
    assert done.returncode == 0
    assert done.stdout.startswith("no problems, 1 hint: ")
    assert "schema/rooms/chat.schema.json: /: hint: `properties` says something of objects only" in done.stderr


def test_check_prints_a_cause_without_what_follows_from_it(project: Path) -> None:
    (project / "schema" / "resources" / "users.schema.json").write_text('{"title": "User",\n')
    done = tidegate("check", cwd=project)
    assert done.returncode == 1
    assert done.stderr == f"schema/resources/users.schema.json: /: not JSON: line 2, column 1: {TOO_EARLY}\n"


def test_check_judges_the_sample_rows(project: Path) -> None:
    file, rows = project / "schema" / "resources" / "users.schema.json", project / "schema" / "seed.json"
    schema = json.loads(file.read_text())
    file.write_text(json.dumps({**schema, "dependentRequired": {"status": ["password"]}}))
    row = {"name": "Ada", "email": "ada@example.com", "created_at": "tomorrow"}
    for changes, problem in (
        ({}, "/users/0/created_at: must be a valid date-time"),
        (
            {"created_at": "2026-01-31T12:00:00Z"},
            '/users/0: the resulting row lacks the property "password", which "status" requires',
        ),
        ({"created_at": "2026-01-31T12:00:00Z", "password": "secret-secret"}, None),
    ):
        rows.write_text(json.dumps({"users": [{**row, **changes}]}))
        done = tidegate("check", cwd=project)
        expected = "" if problem is None else f"schema/seed.json: {problem}\n"
        assert (done.returncode, done.stderr.replace(f"{project}/", "")) == (int(problem is not None), expected)


def test_check_compat_fails_for_a_breaking_change_since_a_tag(project: Path) -> None:
    assert tidegate("check", "compat", "--against", "v1", cwd=project).returncode == 0
    change(project, enum=["active"])
    done = tidegate("check", "compat", "--against", "v1", cwd=project)
    assert done.returncode == 1
    assert "breaking: resources/users.schema.json: /properties/status: enum lost ['inactive']" in done.stdout
    assert "1 breaking change since v1" in done.stdout


def test_check_compat_accepts_a_folder(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    earlier = tmp_path_factory.mktemp("earlier") / "schema"
    shutil.copytree(project / "schema", earlier)
    change(project, enum=["active"])
    assert tidegate("check", "compat", "--against", str(earlier), cwd=project).returncode == 1


def test_check_compat_reads_an_earlier_folder_that_breaks_rules_of_today(project: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    shutil.copytree(project / "schema", earlier)
    file = earlier / "resources" / "users.schema.json"
    content = json.loads(file.read_text())
    content["required"].append("shoe_size")  # of no property: rows can never be created
    file.write_text(json.dumps(content))
    assert tidegate("check", "--schema", str(earlier), cwd=project).returncode == 1
    done = tidegate("check", "compat", "--against", str(earlier), cwd=project)
    assert done.stderr == ""
    assert done.stdout.endswith(f"since {earlier}\n")
    content["properties"]["status"]["enun"] = []
    file.write_text(json.dumps(content))
    done = tidegate("check", "compat", "--against", str(earlier), cwd=project)
    assert done.returncode == 1
    assert "/properties/status/enun" in done.stderr


def test_check_compat_reports_an_unknown_git_ref(project: Path) -> None:
    done = tidegate("check", "compat", "--against", "v9", cwd=project)
    assert done.returncode == 2
    assert "--against v9: neither a folder nor a git ref" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_without_a_folder_names_the_schema_option(tmp_path: Path) -> None:
    done = tidegate("check", cwd=tmp_path)
    assert done.returncode == 2
    assert "--schema" in done.stderr
