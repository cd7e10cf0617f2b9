"""`tidegate dev` in a folder made by `tidegate init`: one command that follows the editor until the user ends it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.gateway import tidegate
from tests.support.postgres import NEEDS_POSTGRES
from tests.support.sqlite import foreign
from tests.support.terminal import CTRL_C, DEADLINE_S, TerminalProcess
from tests.support.wire import wire
from tidegate_client import connect

pytestmark = pytest.mark.timeout(180)

FOLLOWING = "Ctrl-C ends it"
AGAIN = "save a file to try again"
RELOADED = "gateway reloaded in"
NOTES = "schema/resources/notes.schema.json"
WEBHOOK = """\
handlers = "handlers:gateway"
[[hooks]]
name = "log"
url = "http://127.0.0.1:9/hook"
secret = "a secret of sixteen"
events = ["row.*"]
resources = ["{}"]
"""
Start = Callable[..., TerminalProcess]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    done = tidegate("init", "shop", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "shop"


@pytest.fixture
def dev() -> Iterator[Start]:
    """Starts `tidegate dev` on a free port."""
    started: list[TerminalProcess] = []

    def start(
        folder: Path, *options: str, terminal: bool = True, environment: dict[str, str] | None = None
    ) -> TerminalProcess:
        command = ["tidegate", "dev", "--port", "0", *options]
        started.append(TerminalProcess(command, folder, environment, terminal=terminal))
        return started[-1]

    yield start
    for process in started:
        process.close()


def port(process: TerminalProcess) -> int:
    found = re.findall(r"serving on http://127\.0\.0\.1:(\d+)", process.said)
    return int(found[-1])


def url(process: TerminalProcess) -> str:
    return f"ws://127.0.0.1:{port(process)}/ws"


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Save another version of the resource `notes`."""
    content = json.loads((folder / NOTES).read_text())
    edit(content)
    (folder / NOTES).write_text(json.dumps(content, indent=2))


def add_priority(content: dict[str, Any]) -> None:
    content["properties"]["priority"] = {"type": "integer", "default": 3}


def add_priority_with_a_mistake(content: dict[str, Any]) -> None:
    add_priority(content)
    content["properties"]["priority"]["format"] = "int32"


def rename_done(content: dict[str, Any]) -> None:
    del content["properties"]["done"], content["x-resource"]["indexes"]
    content["required"].remove("done")
    content["properties"]["finished"] = {"type": "boolean", "default": False}


def select(file: Path, sql: str) -> list[Any]:
    with foreign(file) as program:
        return program.execute(sql).fetchall()


def execute(file: Path, sql: str) -> None:
    with foreign(file) as program:
        program.execute(sql)


async def notes(process: TerminalProcess) -> list[dict[str, Any]]:
    async with wire(url(process)) as client:
        rows: list[dict[str, Any]] = (await client.ask({"type": "list", "resource": "notes"}))["rows"]
        return rows


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
async def test_dev_generates_migrates_seeds_and_serves(shop: Path, dev: Start, terminal: bool) -> None:
    # Once as users run it: `dev` and its gateway are new Pythons, because a fork cannot have another seed of hashes.
    process = dev(shop, terminal=terminal, environment={} if terminal else {"PYTHONHASHSEED": "1"})
    said = process.until(FOLLOWING)
    assert "generated: 11 files" in said
    assert "created sqlite:///tidegate.db, 2 sample rows in notes" in said
    assert said.count("DEVELOPMENT MODE") == 1
    assert (shop / "generated" / "python" / "app_contract" / "__init__.py").is_file()
    assert len(await notes(process)) == 2
    async with wire(url(process)) as client:
        assert (await client.ask({"type": "greet", "name": "Ada"}))["type"] == "greeting"


async def test_an_existing_database_gets_no_sample_rows(shop: Path, dev: Start) -> None:
    process = dev(shop)
    process.until(FOLLOWING)
    process.type(CTRL_C)
    assert process.end() == 0
    execute(shop / "tidegate.db", "DELETE FROM notes")
    again = dev(shop)
    assert "sample" not in again.until(FOLLOWING)
    assert await notes(again) == []


def test_a_database_of_another_command_gets_a_hint_instead_of_sample_rows(shop: Path, dev: Start) -> None:
    execute(shop / "tidegate.db", "VACUUM")
    said = dev(shop).until(FOLLOWING)
    assert "no sample rows" in said
    assert "tidegate migrate --seed" in said
    assert select(shop / "tidegate.db", "SELECT * FROM notes") == []


async def test_after_a_save_clients_reconnect_and_see_the_new_property(shop: Path, dev: Start) -> None:
    process = dev(shop)
    process.until(FOLLOWING)
    before = port(process)
    async with connect(url(process)) as client, await client.subscribe("notes") as live:
        await live.loaded()
        change(shop, add_priority_with_a_mistake)
        said = process.until(RELOADED)
        assert f"{NOTES}: changed" in said
        assert "python/app_contract/models.py" in said
        assert "database: add column notes.priority, change log and triggers" in said
        assert f"{NOTES}: /properties/priority/format: nothing checks the format 'int32'" in said
        assert "the gateway serves this, but `tidegate check` fails" in said
        execute(shop / "tidegate.db", "INSERT INTO notes (text, priority) VALUES ('late', 5)")
        async for update in live:
            if update.row is not None and update.row["text"] == "late":
                assert update.row["priority"] == 5
                break
    assert port(process) == before


async def test_a_broken_save_prints_the_error_and_keeps_the_gateway(shop: Path, dev: Start) -> None:
    process = dev(shop)
    process.until(FOLLOWING)
    (pid,) = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    schema, handlers = (shop / NOTES).read_text(), (shop / "handlers.py").read_text()
    broken = [
        (NOTES, schema[:-20], f"{NOTES}: /: not JSON"),
        (NOTES, schema.replace('"properties"', '"propertys"'), "did you mean 'properties'?"),
        (NOTES, schema, RELOADED),
        ("handlers.py", handlers + "\ndef broken(:\n", "handlers.py, line 14: SyntaxError: invalid syntax"),
        ("handlers.py", handlers + "\n1 / 0\n", "handlers.py, line 14: ZeroDivisionError: division by zero"),
        ("handlers.py", handlers.replace("Greeting,", "Greting,"), "cannot import name 'Greting' from 'app_contract'"),
        ("handlers.py", handlers.replace('"greet"', '"gret"'), "'gret' is no message of schema/client"),
        ("handlers.py", handlers.replace("Hello", "Good day"), RELOADED),
        ("tidegate.toml", "handlers = ", "tidegate.toml: Invalid value"),
        ("tidegate.toml", WEBHOOK.format("note"), "the schema has no resource 'note'; did you mean 'notes'?"),
        ("tidegate.toml", 'handlers = "handlers:gateway"\n', RELOADED),
    ]
    for name, text, wanted in broken:
        (shop / name).write_text(text)
        process.until(wanted)
        if wanted == RELOADED:
            (pid,) = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        else:
            assert "the gateway goes on as before" in process.until(AGAIN)
            assert [child.pid for child in psutil.Process(process.pid).children(recursive=True)] == [pid]
            assert len(await notes(process)) == 2
    async with wire(url(process)) as client:
        assert (await client.ask({"type": "greet", "name": "Ada"}))["text"].startswith("Good day Ada")
    assert "Traceback" not in process.said


async def test_a_failed_start_waits_for_a_save_that_corrects_it(shop: Path, dev: Start) -> None:
    good = (shop / "handlers.py").read_text()
    (shop / "handlers.py").write_text(good + "\nimport nothing_of_this_name\n")
    process = dev(shop)
    said = process.until(FOLLOWING)
    assert "ModuleNotFoundError: No module named 'nothing_of_this_name'" in said
    assert "no gateway runs; save a file to try again" in said
    (shop / "handlers.py").write_text(good)
    process.until("serving on")
    process.until("/ws")
    assert len(await notes(process)) == 2


def test_a_removed_schema_folder_does_not_become_the_sample(shop: Path, dev: Start) -> None:
    process = dev(shop)
    process.until(FOLLOWING)
    (shop / "schema").rename(shop / "gone")
    assert "the folder schema does not exist" in process.until(AGAIN)
    (shop / "gone").rename(shop / "schema")
    process.until(RELOADED)


def test_after_a_renamed_property_the_gateway_goes_on_until_the_database_may_be_set_aside(
    shop: Path, dev: Start
) -> None:
    process = dev(shop)
    process.until(FOLLOWING)
    execute(shop / "tidegate.db", "INSERT INTO notes (text) VALUES ('mine')")
    before = (shop / NOTES).read_text()
    renamed = json.loads(before)
    rename_done(renamed)
    (shop / NOTES).write_text(json.dumps(renamed))
    assert "type: tidegate migrate --new rename_notes_done_to_finished" in process.until("start over? [y/N] ")
    process.type("\n")
    assert "The database is as it was" in process.until("the gateway goes on as before")
    (shop / NOTES).write_text(json.dumps(renamed, indent=1))
    process.until("start over? [y/N] ")
    (shop / NOTES).write_text(before)  # a save instead of an answer
    process.until(RELOADED)
    (shop / NOTES).write_text(json.dumps(renamed))
    process.until("start over? [y/N] ")
    process.type("y\n")
    said = process.until(RELOADED)
    (aside,) = re.findall(r"sqlite:///tidegate\.db is now (\S+),", said)
    assert select(shop / aside, "SELECT count(*) FROM notes") == [(3,)]
    assert [name for _, name, *_ in select(shop / "tidegate.db", "PRAGMA table_info(notes)")] == [
        "id",
        "text",
        "created_at",
        "finished",
    ]
    assert select(shop / "tidegate.db", "SELECT count(*) FROM notes") == [(0,)]  # seed.json still names `done`
    assert "/notes/0/done: " in said


@pytest.mark.parametrize("made_by", ["migrate", "dev"])
def test_no_database_is_set_aside_without_a_terminal_or_when_dev_did_not_make_it(
    shop: Path, dev: Start, made_by: str
) -> None:
    if made_by == "migrate":
        assert tidegate("migrate", "--seed", cwd=shop).returncode == 0
    process = dev(shop, terminal=made_by == "migrate")
    process.until(FOLLOWING)
    change(shop, rename_done)
    said = process.until(AGAIN)
    assert "did you rename it to finished?" in said
    assert "[y/N]" not in said
    assert ("move tidegate.db and tidegate.db-* elsewhere" in said) is (made_by == "dev")
    assert [path.name for path in shop.glob("tidegate.db.*")] == []


def test_a_manual_migration_runs_when_it_is_filled_in_and_the_user_says_yes(shop: Path, dev: Start) -> None:
    process = dev(shop)
    process.until(FOLLOWING)
    assert tidegate("migrate", "--new", "shout", cwd=shop).returncode == 0
    assert "0001_shout.py does nothing yet: fill in `up`, and save" in process.until(AGAIN)
    file = shop / "schema" / "migrations" / "0001_shout.py"
    file.write_text(
        file.read_text().replace('    """From', '    db.execute_sql("UPDATE notes SET text = upper(text)")\n    """')
    )
    process.until("Run it on sqlite:///tidegate.db? [y/N] ")
    process.type("n\n")
    assert "0001_shout.py was not run" in process.until(AGAIN)
    file.write_text(file.read_text() + "\n")
    process.until("Run it on sqlite:///tidegate.db? [y/N] ")
    process.type("y\n")
    assert "run migration 0001_shout" in process.until(RELOADED)
    assert ("READ README.MD",) in select(shop / "tidegate.db", "SELECT text FROM notes")


def test_a_manual_migration_without_a_terminal_ends_dev_with_the_commands(shop: Path, dev: Start) -> None:
    first = dev(shop, terminal=False)
    first.until(FOLLOWING)
    first.signal(signal.SIGTERM)
    assert first.end() == 0
    folder = shop / "schema" / "migrations"
    folder.mkdir()
    (folder / "0001_clear.py").write_text("def up(migrator, db):\n    db.execute_sql('DELETE FROM notes')\n")
    second = dev(shop, terminal=False)
    assert second.end() == 2
    assert "0001_clear.py was not run: without a terminal dev does not ask. Type:" in second.said
    assert "\n  tidegate migrate\n  tidegate dev\n" in second.said
    assert select(shop / "tidegate.db", "SELECT count(*) FROM notes") == [(2,)]
    third = dev(shop, "--yes", terminal=False)
    third.until(FOLLOWING)
    assert select(shop / "tidegate.db", "SELECT count(*) FROM notes") == [(0,)]


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=DEADLINE_S)
    return not alive


@pytest.mark.parametrize("how", ["ctrl-c", "two times ctrl-c", "SIGTERM", "SIGKILL"])
def test_no_gateway_is_left_when_dev_ends(shop: Path, dev: Start, how: str) -> None:
    process = dev(shop)
    process.until(FOLLOWING)
    gateway = psutil.Process(process.pid).children(recursive=True)
    assert len(gateway) == 1
    if how.endswith("ctrl-c"):
        process.type(CTRL_C * (2 if how.startswith("two") else 1))
    else:
        process.signal(signal.Signals[how])
    code = process.end()
    assert gone(gateway)
    assert "Traceback" not in process.said
    assert "Exception" not in process.said
    if how in {"ctrl-c", "SIGTERM"}:
        assert code == 0
        assert process.said.rstrip().endswith("stopped")


def test_ctrl_c_at_a_question_ends_dev(shop: Path, dev: Start) -> None:
    process = dev(shop)
    process.until(FOLLOWING)
    gateway = psutil.Process(process.pid).children(recursive=True)
    change(shop, rename_done)
    process.until("[y/N] ")
    process.type(CTRL_C)
    assert process.end() == 0
    assert gone(gateway)


def test_a_killed_gateway_is_reported_and_starts_again_with_the_next_save(shop: Path, dev: Start) -> None:
    process = dev(shop)
    process.until(FOLLOWING)
    psutil.Process(process.pid).children(recursive=True)[0].kill()
    process.until("the gateway ended with exit code -9; save a file to start it again")
    change(shop, add_priority)
    process.until(RELOADED)


def test_a_port_in_use_is_reported_before_anything_is_written(shop: Path, dev: Start) -> None:
    first = dev(shop)
    first.until(FOLLOWING)
    other = shop.parent / "other"
    assert tidegate("init", "other", cwd=shop.parent).returncode == 0
    second = tidegate("dev", "--port", str(port(first)), cwd=other)
    assert second.returncode == 2
    assert second.stderr == (
        f"tidegate: port {port(first)} is in use, perhaps by another `tidegate dev`; "
        "type: tidegate dev --port 0 for a free one\n"
    )
    assert not (other / "generated").exists()
    assert not (other / "tidegate.db").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--host", "0.0.0.0"], "it serves loopback addresses only, not 0.0.0.0"),
        (["--access", "read=anyone"], "--access is for the files that dev writes"),
        pytest.param(
            ["--database", "postgresql://127.0.0.1:1/x"],
            "database postgresql://127.0.0.1:1/x: connection",
            marks=NEEDS_POSTGRES,
        ),
        (["--schema", "shema"], "the folder shema does not exist"),
    ],
)
def test_dev_reports_a_wrong_option_in_one_sentence(shop: Path, options: list[str], sentence: str) -> None:
    done = tidegate("dev", "--port", "0", *options, cwd=shop)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.startswith("tidegate: ")
    assert not (shop / "tidegate.db").exists()


def test_dev_in_an_empty_folder_names_both_ways_to_begin(tmp_path: Path) -> None:
    done = tidegate("dev", "--port", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert "tidegate init shop && cd shop && tidegate dev" in done.stderr
    assert "tidegate dev --database URL" in done.stderr
    assert list(tmp_path.iterdir()) == []
