"""`tidegate init`: the new application works as its README says, and editors can check it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.schema.test_meta import judge
from tests.support.gateway import ROOT, python, tidegate
from tests.support.terminal import TerminalProcess
from tests.support.wire import wire


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    done = tidegate("init", "shop", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "shop"


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_init_prints_its_files_and_the_next_command(tmp_path: Path) -> None:
    done = tidegate("init", "shop", cwd=tmp_path)
    assert sorted(done.stdout.split()) == sorted(f"shop/{name}" for name in files(tmp_path / "shop"))
    assert done.stderr.endswith("next: cd shop && tidegate dev\n")


def test_each_new_file_is_valid_by_its_meta_schema(shop: Path) -> None:
    written = [path for path in (shop / "schema").glob("*/*.json") if path.parent.name != "meta"]
    assert len(written) == 4
    for path in written:
        content = json.loads(path.read_text())
        meta = (path.parent / content["$schema"]).resolve()
        assert meta.parent == shop.resolve() / "schema" / "meta"
        ours = ROOT / "schema" / "meta" / meta.name
        assert json.loads(meta.read_text()) == json.loads(ours.read_text())
        assert list(judge(ours).iter_errors(content)) == []


@pytest.fixture
def served(shop: Path) -> Iterator[str]:
    """Run the command of the new README. Returns the gateway's address."""
    (block,) = re.findall(r"```sh\n(.*?)```", (shop / "README.md").read_text(), re.DOTALL)
    assert [line.partition("#")[0].split() for line in block.splitlines()] == [["tidegate", "dev"]]
    command = ["tidegate", "dev", "--port", "0"]
    process = TerminalProcess(command, shop, terminal=False)
    yield process.until(re.compile(r"ws://\S+/ws")).rpartition(" ")[2]
    process.close_gently()
    process.close()


async def test_the_command_of_the_new_readme_serves_rows_rooms_and_messages(served: str) -> None:
    async with wire(served) as client:
        asked = {"type": "list", "resource": "notes", "sort": [{"field": "id", "order": "asc"}]}
        notes = (await client.ask(asked))["rows"]
        assert [(note["text"], note["done"]) for note in notes] == [
            ("Read README.md", True),
            ("Add a property to schema/resources/notes.schema.json", False),
        ]
        assert all(re.fullmatch(r"\d{4}-.*Z", note["created_at"]) for note in notes)
        user = client.heard[0]["user"]["name"]
        greeting = await client.ask({"type": "greet", "name": "Ada"})
        assert (greeting["type"], greeting["text"]) == ("greeting", f"Hello Ada, to me you are {user}.")
        await client.ask({"type": "join", "room": "board-1"})
        assert (await client.ask({"type": "message", "room": "board-1", "data": {"text": "hi"}}))["type"] == "sent"
        assert (await client.ask({"type": "join", "room": "garden"}))["code"] == "unknown_room"


def test_the_program_of_the_new_readme_runs(shop: Path, served: str) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (shop / "README.md").read_text(), re.DOTALL)
    output = python(program.replace("ws://127.0.0.1:8787/ws", served))
    assert "Hello Ada" in output
    assert "Read README.md" in output


@pytest.mark.parametrize("name", ["README.md", "handlers.py", "schema/rooms/mine.schema.json"])
def test_init_writes_nothing_if_a_file_of_the_user_is_in_the_way(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    done = tidegate("init", cwd=tmp_path)
    assert done.returncode == 2
    assert "nothing was written" in done.stderr
    assert files(tmp_path) == {name: b"mine"}


def test_init_meta_changes_only_the_meta_schemas(shop: Path) -> None:
    meta = shop / "schema" / "meta" / "room.schema.json"
    good = meta.read_bytes()
    meta.write_text("{}")
    (shop / "handlers.py").write_text("mine")
    before = files(shop)
    done = tidegate("init", "--meta", cwd=shop)
    assert done.returncode == 0, done.stderr
    assert meta.read_bytes() == good
    assert {name: text for name, text in files(shop).items() if text != before[name]} == {
        "schema/meta/room.schema.json": good
    }


def test_init_reports_an_unwritable_folder_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = tidegate("init", os.path.join("file", "shop"), cwd=tmp_path)  # noqa: PTH118  # as typed
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


SEEDS_COMPONENT = """
  const { data, subscribe, send } = useWebSocket(url);

  useEffect(() => {
    subscribe("users", { status: "active" });
  }, []);

  return data.map(user => <div key={user.id}>{user.name}</div>);
"""


def test_react_adds_a_web_page_and_the_rows_that_it_shows(tmp_path: Path) -> None:
    assert tidegate("init", "plain", cwd=tmp_path).returncode == 0
    done = tidegate("init", "shop", "--react", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cd shop/web && npm install && npm run dev" in done.stderr
    plain, shop = files(tmp_path / "plain"), files(tmp_path / "shop")
    assert sorted(done.stdout.split()) == sorted(f"shop/{name}" for name in shop)
    assert set(shop) - set(plain) == {
        "schema/resources/users.schema.json",
        "web/index.html",
        "web/package.json",
        "web/tsconfig.json",
        "web/vite.config.ts",
        "web/src/main.tsx",
        "web/src/UsersList.tsx",
        "web/src/hooks/useWebSocket.ts",
    }
    assert {name for name in plain if plain[name] != shop[name]} == {"README.md", ".gitignore", "schema/seed.json"}
    assert all(shop[name].startswith(plain[name]) for name in ("README.md", ".gitignore"))
    assert SEEDS_COMPONENT in shop["web/src/UsersList.tsx"].decode()
    assert b'from "tidegate/react"' in shop["web/src/hooks/useWebSocket.ts"]


def test_the_resource_of_the_react_page_is_valid_generated_and_seeded(tmp_path: Path) -> None:
    for command in (("init", "--react"), ("check",), ("generate",), ("migrate", "--seed")):
        done = tidegate(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "3 sample rows in users" in done.stdout + done.stderr
    users = json.loads((tmp_path / "schema" / "resources" / "users.schema.json").read_text())
    assert list(judge(ROOT / "schema" / "meta" / "resource.schema.json").iter_errors(users)) == []


@pytest.mark.parametrize("name", ["web/notes.txt", "web/src/UsersList.tsx"])
def test_init_react_writes_nothing_if_a_web_folder_exists(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    done = tidegate("init", "--react", cwd=tmp_path)
    assert done.returncode == 2
    assert "web already exists, so nothing was written" in done.stderr
    assert files(tmp_path) == {name: b"mine"}


def test_init_refuses_react_together_with_meta(tmp_path: Path) -> None:
    done = tidegate("init", "--react", "--meta", cwd=tmp_path)
    assert done.returncode == 2
    assert "--meta writes only schema/meta" in done.stderr
    assert files(tmp_path) == {}
