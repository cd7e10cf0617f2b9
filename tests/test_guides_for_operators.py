"""Every command of `tidegate` in the documents is one, every settings block of a guide holds, and backups restore."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from tests.deploy.kit import tool
from tests.e2e.test_restored_backups import insert, seen
from tests.support.document import blocks
from tests.support.gateway import ROOT, GatewayProcess
from tests.support.postgres import PostgresGateway, PostgresServer
from tidegate import config
from tidegate.cli import COMMANDS

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if "decisions" not in page.parts)]
BACKUPS = DOCS / "how-to" / "backups.md"
SHELL = re.compile(r"(?:&&|\|\||[;|)]|\bexec) | &$")
"""Behind these another command begins, or none."""
REDIRECTED = re.compile(r" \d?[<>].*")


def commands(page: Path) -> list[list[str]]:
    """The commands of `tidegate` in the shell blocks of a page."""
    found = []
    # A block in a list is indented.
    for text in re.findall(r"^ *```sh\n(.*?)^ *```$", page.read_text(), re.DOTALL | re.M):
        for line in text.replace("\\\n", " ").splitlines():
            for part in SHELL.split(line):
                try:
                    words = shlex.split(REDIRECTED.sub("", part), comments=True)
                except ValueError:  # a quoted program that goes over several lines
                    continue
                while words and re.match(r"[A-Z_]+=|until$|do$", words[0]):
                    del words[0]
                if words[:1] == ["tidegate"]:
                    found.append(words[1:])
    return found


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="tidegate")
    made.add_argument("--version", action="store_true")
    registered = made.add_subparsers(dest="command")
    for name in COMMANDS:
        import_module(f"tidegate.cli.{name}").register(registered)
    return made


def test_every_command_in_the_documents_has_arguments_that_it_takes() -> None:
    known, count = parser(), 0
    for page in PAGES:
        for words in commands(page):
            count += 1
            try:
                known.parse_args(words)
            except SystemExit as ended:
                assert ended.code == 0, f"{page.relative_to(ROOT)}: tidegate {shlex.join(words)}"
    assert count > 50


@pytest.mark.parametrize("page", sorted((DOCS / "how-to").glob("*.md")), ids=lambda page: page.stem)
def test_settings_in_guides_hold(page: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 40)
    for block in blocks(page):
        if block.language == "toml":
            file = tmp_path / "tidegate.toml"
            file.write_text(re.sub(r'secret_file = "[^"]*"', f'secret_file = "{secret}"', block.text))
            config.load(argparse.Namespace(config=str(file)), {})


@pytest.mark.process
async def test_sqlite_is_saved_while_it_is_served_and_restored(tmp_path: Path) -> None:
    shell = tool("sqlite3", install="apt-get install sqlite3")
    (save, restore) = [block.text for block in blocks(BACKUPS) if block.language == "sh" and "app.db" in block.text]
    gateway = GatewayProcess(tmp_path)
    gateway.migrate()
    gateway.start()

    def run(lines: str) -> str:
        said = lines.replace("app.db", "tidegate.db").replace("sqlite3 ", f"{shell} ")
        return subprocess.run(said, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    try:
        insert(gateway, "ada")
        assert run(save) == "ok\n"
        insert(gateway, "bob")
        _, since, names = await seen(gateway)
        assert names == ["ada", "bob"]
        stop, *lines, start = restore.splitlines()
        assert (stop, start) == ("systemctl stop tidegate", "systemctl start tidegate")
        gateway.stop()
        run("\n".join(lines))
        gateway.start()
        insert(gateway, "cleo", "dora")
        mode, _, names = await seen(gateway, since)
        assert (mode, names) == ("snapshot", ["ada", "cleo", "dora"])
    finally:
        gateway.kill()


async def test_postgresql_is_saved_and_restored(postgres: PostgresServer, postgres_gateway: PostgresGateway) -> None:
    gateway = postgres_gateway
    name = gateway.database_url.rpartition("/")[2]
    (text,) = [block.text for block in blocks(BACKUPS) if "pg_dump" in block.text]
    said = text.replace("$DATABASE", gateway.database_url).replace("app.dump", f"{name}.backup")
    save, restore = (shlex.split(line) for line in said.splitlines())
    insert(gateway, "ada")
    postgres.tool(save[0], *save[1:])
    insert(gateway, "bob")
    _, since, names = await seen(gateway)
    assert names == ["ada", "bob"]
    gateway.stop()
    postgres.tool(restore[0], *restore[1:])
    gateway.start()
    assert (await seen(gateway, since))[::2] == ("snapshot", ["ada"])
