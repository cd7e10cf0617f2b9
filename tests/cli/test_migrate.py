"""`tidegate migrate` and what `tidegate serve` says before it, as an operator types them."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, clean_environment, tidegate
from tests.support.sqlite import foreign


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The sample application, migrated, with its sample rows."""
    shutil.copytree(ROOT / "schema" / "resources", tmp_path / "schema" / "resources")
    shutil.copy(ROOT / "schema" / "seed.json", tmp_path / "schema")
    done = tidegate("migrate", "--seed", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def change(project: Path, prop: str, **words: Any) -> None:
    """Change keywords of a property of users, or remove the property."""
    file = project / "schema" / "resources" / "users.schema.json"
    content = json.loads(file.read_text())
    if words:
        content["properties"][prop].update(words)
    else:
        del content["properties"][prop]
        content["required"] = [name for name in content.get("required", []) if name != prop]
    file.write_text(json.dumps(content))


def select(project: Path, sql: str) -> list[Any]:
    with foreign(project / "tidegate.db") as program:
        return program.execute(sql).fetchall()


def test_a_changed_rule_is_planned_refused_by_serve_and_applied(project: Path) -> None:
    (count,) = select(project, "SELECT count(*) FROM users")[0]
    change(project, "name", maxLength=7)
    step = "rebuild table users: name: maxLength 100 -> 7"
    planned = tidegate("migrate", "--plan", cwd=project)
    assert (planned.returncode, planned.stdout, planned.stderr) == (0, f"{step} ({count} rows are copied)\n", "")
    serving = tidegate("serve", "--port", "0", cwd=project)
    assert serving.returncode == 2
    assert "is not ready: rebuild table users (name: maxLength 100 -> 7); type: tidegate migrate" in serving.stderr
    broken = tidegate("migrate", cwd=project)
    assert broken.returncode == 2
    assert "rows of users: name is longer than 7, for example {" in broken.stderr
    assert "tidegate migrate --new correct_users and fill in schema/migrations/0001_correct_users.py" in broken.stderr
    change(project, "name", maxLength=200)
    done = tidegate("migrate", cwd=project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "sqlite:///tidegate.db: 1 step done\n")
    assert tidegate("migrate", "--plan", cwd=project).stdout == "nothing to do\n"


def test_a_manual_migration_is_written_run_and_taken_back(project: Path) -> None:
    resource = project / "schema" / "resources" / "users.schema.json"
    before = resource.read_text()
    change(project, "password")
    left = tidegate("migrate", cwd=project)
    assert left.returncode == 0
    note = "left alone: the column password of users, which the schema does not name; to drop it: tidegate "
    command = left.stderr.partition(note)[2].strip()
    assert "password" in columns(project)
    begun = tidegate(*command.split(), cwd=project)
    assert begun.stdout == "schema/migrations/0001_drop_users_password.py\n"
    text = (project / begun.stdout.strip()).read_text()
    assert """db.execute_sql('ALTER TABLE "users" DROP COLUMN "password"')""" in text
    assert """db.execute_sql('ALTER TABLE "users" ADD COLUMN "password" TEXT')""" in text

    assert tidegate("migrate", "--plan", cwd=project).stdout == (
        "run migration 0001_drop_users_password: it is in the folder and was not applied yet\n"
    )
    done = tidegate("migrate", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "password" not in columns(project)

    stays = tidegate("migrate", "--down", cwd=project)
    assert stays.returncode == 2
    assert "has a column password that the schema does not: restore the schema files from before" in stays.stderr
    assert "password" not in columns(project)
    resource.write_text(before)
    back = tidegate("migrate", "--down", cwd=project)
    assert back.returncode == 0, back.stderr
    assert "password" in columns(project)
    assert back.stderr.endswith(
        "take back migration 0001_drop_users_password: done; "
        "the next `tidegate migrate` runs it again, unless its file is gone\n"
    )


def columns(project: Path) -> set[str]:
    return {row[1] for row in select(project, "PRAGMA table_info(users)")}


def test_the_sample_has_no_migrations(tmp_path: Path) -> None:
    for arguments, why in (
        (("--new", "x"), "--new: the sample has no migrations; --schema DIR names your application"),
        (("--down",), "there is no database tidegate.db; type: tidegate migrate --database sqlite:///tidegate.db"),
        ((), None),
        (("--down",), "there is no manual migration to take back"),
    ):
        done = tidegate("migrate", *arguments, cwd=tmp_path)
        if why is not None:
            assert (done.returncode, done.stderr) == (2, f"tidegate: {why}\n")


def test_without_a_schema_folder_the_command_says_that_it_makes_the_sample(tmp_path: Path, project: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "there is no folder ./schema, so this is the sample" in tidegate("migrate", "--plan", cwd=empty).stderr
    assert "the sample" not in tidegate("migrate", "--plan", cwd=project).stderr


def test_options_that_exclude_each_other_are_refused(project: Path) -> None:
    done = tidegate("migrate", "--plan", "--down", cwd=project)
    assert done.returncode == 2
    assert "not allowed with argument" in done.stderr


def test_a_note_names_an_older_table(tmp_path: Path) -> None:
    select(tmp_path, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT, status TEXT, created_at TEXT)")
    for arguments in (("--plan",), (), ("--plan",)):
        done = tidegate("migrate", *arguments, cwd=tmp_path)
        assert done.returncode == 0
        assert "the table users was there before Tidegate" in done.stderr
        assert "tasks was there" not in done.stderr


def test_a_terminal_shows_how_far_a_long_copy_is(project: Path) -> None:
    select(
        project,
        "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 100100) "
        "INSERT INTO users (name, email) SELECT 'x', i || '@example.com' FROM n",
    )
    (count,) = select(project, "SELECT count(*) FROM users")[0]
    change(project, "name", maxLength=200)
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tidegate", "migrate"], cwd=project, stderr=theirs, env=clean_environment()
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(mine, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(mine)
    assert process.wait(DEADLINE_S) == 0
    assert f"\rusers: 10000 of {count} rows copied\r" in seen.decode()
    assert f"\rusers: {count} of {count} rows copied\r\n" in seen.decode()


def test_the_migration_in_the_documents_does_what_they_say(project: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "how-to" / "migrations.md").read_text(), re.S)
    select(project, "UPDATE users SET status = 'inactive' WHERE id = 1")
    assert tidegate("migrate", "--new", "paused", cwd=project).returncode == 0
    (project / "schema" / "migrations" / "0001_paused.py").write_text(code)
    for enum, option, status in (
        (["active", "paused"], (), "paused"),
        (["active", "inactive"], ("--down",), "inactive"),
    ):
        change(project, "status", enum=enum)
        done = tidegate("migrate", *option, cwd=project)
        assert done.returncode == 0, done.stderr
        assert select(project, "SELECT status FROM users WHERE id = 1") == [(status,)]
