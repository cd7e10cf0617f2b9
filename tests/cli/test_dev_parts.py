"""The parts of `tidegate dev` that need no gateway: what is watched, and what a missing extra says."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import clean_environment, tidegate
from tidegate.cli.sample_note import NOTE
from tidegate.cli.suggested_commands import command
from tidegate.cli.watch import Seen, Watch, look_at_application
from tidegate.store.migration.files import is_empty, new


def test_only_the_files_of_an_application_are_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    watched = ["handlers.py", "lib/prices.py", "schema/rooms/a.json", "schema/migrations/0001_x.py", "tidegate.toml"]
    ignored = [
        *("schema/seed.json", "schema/meta/room.schema.json", "generated/python/app_contract/models.py", "notes.txt"),
        *(".git/hooks/x.py", "web/node_modules/x/y.py", "env/pyvenv.cfg", "env/lib/z.py", "lib/__pycache__/prices.py"),
    ]
    for name in [*watched, *ignored]:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    seen = look_at_application(Path("schema"), Path("generated"), Path("tidegate.toml"))
    assert sorted(map(str, seen)) == sorted(watched)


def test_changes_are_reported_once_no_more_files_change() -> None:
    """An editor saves three files, one after each look."""
    states: list[Seen] = [{Path(f"{name}.py"): (0, 0, 0) for name in "abc"[:number]} for number in (0, 1, 2, 3)]
    at = iter(states)
    now = next(at)
    watch = Watch(lambda: now)
    assert watch.changes(lambda: None) == []
    now = next(at)
    assert watch.changed()

    def save() -> None:
        nonlocal now
        now = next(at, now)

    assert watch.changes(save) == ["a.py: new", "b.py: new", "c.py: new"]
    assert not watch.changed()


@pytest.mark.parametrize("command", ["dev", "generate"])
def test_dev_names_the_extra_of_missing_generators(tmp_path: Path, command: str) -> None:
    assert tidegate("init", "shop", cwd=tmp_path).returncode == 0
    without = (
        "import sys; sys.modules['datamodel_code_generator'] = None; from tidegate.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", without, command],
        cwd=tmp_path / "shop",
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    wanted = f"tidegate: {command} writes typed code and needs the generators: pip install 'tidegate[codegen]'\n"
    assert (done.returncode, done.stderr) == (2, wanted)


def test_a_suggested_command_has_the_options_and_no_password() -> None:
    args = argparse.Namespace(database="postgresql://ada:sesame@localhost/shop", schema="my schema", config=None)
    assert command("migrate", args) == "tidegate migrate --database URL --schema 'my schema'"
    args = argparse.Namespace(database="sqlite:///a b.db", schema=None, config="x.toml")
    assert command("dev", args) == "tidegate dev --database 'sqlite:///a b.db' --config x.toml"


def test_a_new_migration_counts_as_empty(tmp_path: Path) -> None:
    path = new(tmp_path / "migrations", "drop_notes")
    assert is_empty(path)
    path.write_text("def up(migrator, db):\n    pass\n")
    assert is_empty(path)
    for text in ("def up(migrator, db):\n    db.execute_sql('DROP TABLE notes')\n", "def up(:\n", ""):
        path.write_text(text)
        assert not is_empty(path)


def test_the_commands_that_serve_suggests_start_a_new_application(tmp_path: Path) -> None:
    """Each refusal is one line with one command. After these commands only the port is refused."""
    assert tidegate("init", "shop", cwd=tmp_path).returncode == 0
    typed = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        while True:
            done = tidegate("serve", "--dev", "--port", port, cwd=tmp_path / "shop")
            assert done.returncode == 2
            line = done.stderr.splitlines()[-1]
            assert "Traceback" not in done.stderr
            if "cannot listen on" in line:
                break
            typed.append(line.partition("type: tidegate ")[2])
            again = tidegate(*typed[-1].split(), cwd=tmp_path / "shop")
            assert again.returncode == 0, (line, again.stderr)
    assert typed == ["generate", "migrate --database sqlite:///tidegate.db"]
    assert line.endswith(f":{port}: another program listens there; --port 0 takes a free port")


@pytest.mark.parametrize(
    ("handlers", "sentence"),
    [
        ("import nothing_here", "handlers: handlers.py, line 1: ModuleNotFoundError: No module named 'nothing_here'"),
        ("x = (", "handlers: handlers.py, line 1: SyntaxError: '(' was never closed"),
        ("import sys\n\nsys.exit(3)", "handlers: handlers.py, line 3: SystemExit: 3"),
        ("gateway = 1", "handlers: 'handlers' has no Gateway called 'gateway'"),
        (None, "handlers: there is no module 'handlers' in "),
    ],
)
def test_serve_reports_unloadable_handlers_in_one_line(tmp_path: Path, handlers: str | None, sentence: str) -> None:
    if handlers is not None:
        (tmp_path / "handlers.py").write_text(handlers)
    done = tidegate("serve", "--dev", "--handlers", "handlers:gateway", cwd=tmp_path)
    assert done.returncode == 2
    sample, mode, line = done.stderr.splitlines()
    assert sample == NOTE
    assert "DEVELOPMENT MODE" in mode
    assert line.startswith(f"tidegate: {sentence}")


def test_serve_refuses_anyone_where_other_computers_connect(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_text('host = "0.0.0.0"\n')
    done = tidegate("introspect", "--database", "sqlite:///x.db", "--access", "read=anyone", cwd=tmp_path)
    assert done.returncode == 2
    assert "--access read=anyone: these settings serve 0.0.0.0, where other computers connect" in done.stderr
