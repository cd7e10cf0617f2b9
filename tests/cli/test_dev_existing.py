"""`tidegate dev` over tables of other programs, on both databases: it asks first, and adds nothing without a yes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import chinook
from tests.support.gateway import tidegate
from tests.support.postgres import PostgresServer
from tests.support.sqlite import foreign
from tests.support.terminal import CTRL_C, TerminalProcess
from tests.support.wire import wire

pytestmark = pytest.mark.timeout(180)

FOLLOWING = "Ctrl-C ends it"
Start = Callable[..., TerminalProcess]


class Existing(NamedTuple):
    """Chinook in one of the databases."""

    url: str
    shown: str
    artist: str
    """The resource name of its table of artists."""
    content: Callable[[], object]
    """Returns the definitions in the database, for comparison."""
    write: Callable[[str], None]


def of_sqlite(folder: Path) -> Existing:
    file = folder / "chinook.db"
    chinook.sqlite_file(file)

    def write(name: str) -> None:
        with foreign(file) as program:
            program.execute("INSERT INTO Artist (ArtistId, Name) VALUES (900, ?)", (name,))

    return Existing("sqlite:///chinook.db", "sqlite:///chinook.db", "Artist", file.read_bytes, write)


def of_postgres(url: str) -> Existing:
    from tests.support.driver import psycopg

    chinook.postgres_database(url)

    def content() -> object:
        with psycopg.connect(url) as connection:
            relations = connection.execute("SELECT oid, relname FROM pg_class ORDER BY 1").fetchall()
            return relations, connection.execute("SELECT oid, tgname FROM pg_trigger ORDER BY 1").fetchall()

    def write(name: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO artist (artist_id, name) VALUES (900, %s)", (name,))

    return Existing(url, url.replace("tidegate@", ""), "artist", content, write)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def existing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Existing]:
    with ExitStack() as until_the_end:
        if request.param == "sqlite":
            yield of_sqlite(tmp_path)
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            yield of_postgres(until_the_end.enter_context(server.lent()))


@pytest.fixture
def dev(existing: Existing) -> Iterator[Start]:
    started: list[TerminalProcess] = []

    def start(folder: Path, *options: str, terminal: bool = True) -> TerminalProcess:
        command = ["tidegate", "dev", "--port", "0", "--database", existing.url, *options]
        started.append(TerminalProcess(command, folder, terminal=terminal))
        return started[-1]

    yield start
    for process in started:
        process.close()


def served(process: TerminalProcess) -> str:
    address = process.said.rpartition("(WebSocket: ")[2].partition(")")[0]
    assert address.endswith("/ws")
    return address


def access(folder: Path, name: str) -> Any:
    return json.loads((folder / "schema" / "resources" / f"{name}.schema.json").read_text())["x-access"]


async def test_dev_shares_an_existing_database_after_three_answers(
    existing: Existing, dev: Start, tmp_path: Path
) -> None:
    process = dev(tmp_path)
    assert f"{existing.shown} has 11 tables: " in process.until("into schema/resources? [y/N] ")
    process.type("y\n")
    process.until("Read: ")
    process.type("everybody\n")
    process.until("'everybody' is none of anyone, authenticated, role:NAME")
    process.until("Read: ")
    process.type("anyone\n")
    said = process.until(f"Add it to {existing.shown}? [y/N] ")
    assert "has tables that Tidegate did not make: " in said
    assert f'CREATE TRIGGER … ON "{existing.artist}"' in said
    process.type("y\n")
    assert "No client may read" not in process.until(FOLLOWING)
    assert access(tmp_path, existing.artist) == {"read": "anyone"}
    assert (tmp_path / "schema" / "meta" / "resource.schema.json").is_file()
    async with wire(served(process)) as client:
        await client.ask({"type": "subscribe", "resource": existing.artist})
        existing.write("Ada and the Engines")
        update = await client.hear(lambda heard: heard["type"] == "update" and heard["action"] == "create")
        assert "Ada and the Engines" in update["data"].values()


async def test_without_access_rules_no_client_reads_and_dev_names_the_line(
    existing: Existing, dev: Start, tmp_path: Path
) -> None:
    process = dev(tmp_path, "--yes", terminal=False)
    said = process.until(FOLLOWING)
    assert access(tmp_path, existing.artist) == {}
    assert "No client may read " in said
    assert '"x-access": {"read": "anyone"}' in said
    file = said.partition("write into ")[2].partition(":\n")[0]
    assert (tmp_path / file).is_file()
    async with wire(served(process)) as client:
        refused = await client.ask({"type": "list", "resource": existing.artist})
        assert (refused["type"], refused["code"]) == ("error", "forbidden")


def test_dev_changes_nothing_after_a_no(existing: Existing, dev: Start, tmp_path: Path) -> None:
    before = existing.content()
    process = dev(tmp_path)
    process.until("[y/N] ")
    process.type("n\n")
    assert process.end() == 2
    assert not (tmp_path / "schema").exists()
    process = dev(tmp_path)
    process.until("[y/N] ")
    process.type("y\n")
    process.until("Read: ")
    process.type("\n")
    process.until("[y/N] ")
    process.type("n\n")
    assert process.end() == 2
    assert f"nothing was added to {existing.shown}" in process.said
    assert existing.content() == before


def test_without_a_terminal_dev_ends_with_commands_that_work(existing: Existing, dev: Start, tmp_path: Path) -> None:
    before = existing.content()
    first = dev(tmp_path, terminal=False)
    assert first.end() == 2
    assert not (tmp_path / "schema").exists()
    introspect, migrate, _ = commands(first.said)
    assert tidegate(*introspect, cwd=tmp_path).returncode == 0
    second = dev(tmp_path, terminal=False)
    assert second.end() == 2
    assert f"nothing was added to {existing.shown}: without a terminal dev does not ask." in second.said
    assert commands(second.said)[0] == migrate
    assert existing.content() == before
    printed = tidegate("migrate", "--sql", "--database", existing.url, cwd=tmp_path)
    assert f'ON "{existing.artist}"' in printed.stdout
    assert existing.content() == before
    assert tidegate(*migrate, cwd=tmp_path).returncode == 0
    third = dev(tmp_path, terminal=False)
    third.until(FOLLOWING)
    assert "[y/N]" not in third.said


def commands(said: str) -> list[list[str]]:
    """The commands that dev says to type, without `tidegate`."""
    lines = said.partition("Type:\n")[2].splitlines()
    return [line.split()[1:] for line in lines if line.startswith("  tidegate ")]


def test_dev_asks_for_a_property_that_is_added_later_too(existing: Existing, dev: Start, tmp_path: Path) -> None:
    process = dev(tmp_path, "--yes", "--access", "read=anyone", terminal=False)
    process.until(FOLLOWING)
    process.close_gently()
    process = dev(tmp_path)
    process.until(FOLLOWING)
    file = tmp_path / "schema" / "resources" / f"{existing.artist}.schema.json"
    content = json.loads(file.read_text())
    content["properties"]["country"] = {"type": ["string", "null"]}
    file.write_text(json.dumps(content))
    said = process.until("[y/N] ")
    assert f'ALTER TABLE "{existing.artist}" ADD COLUMN "country"' in said
    process.type("n\n")
    process.until("the gateway goes on as before")
    file.write_text(json.dumps(content, indent=1))
    process.until("[y/N] ")
    process.type("y\n")
    assert f"add column {existing.artist}.country" in process.until("gateway reloaded in")
    process.type(CTRL_C)
    assert process.end() == 0


def test_dev_names_the_command_for_a_missing_postgresql_database(tmp_path: Path, postgres: PostgresServer) -> None:
    (tmp_path / "schema" / "resources").mkdir(parents=True)
    done = tidegate("dev", "--port", "0", "--database", postgres.url("no_such_shop"), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith('database "no_such_shop" does not exist; type: createdb no_such_shop\n')


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_dev_serves_a_new_application_on_an_empty_database(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Dev asks nothing without tables of other programs. It creates no PostgreSQL database, and so seeds none."""
    assert tidegate("init", "shop", cwd=tmp_path).returncode == 0
    with ExitStack() as until_the_end:
        address = "sqlite:///other.db"
        if database == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres")
            address = until_the_end.enter_context(server.lent())
        command = ["tidegate", "dev", "--port", "0", "--database", address]
        process = TerminalProcess(command, tmp_path / "shop")
        until_the_end.callback(process.close)
        said = process.until(FOLLOWING)
        assert "[y/N]" not in said
        assert ("2 sample rows in notes" in said) is (database == "sqlite")
        assert (f"to add them: tidegate migrate --seed --database {address}" in said) is (database == "postgresql")
        file = tmp_path / "shop" / "schema" / "resources" / "notes.schema.json"
        content = json.loads(file.read_text())
        del content["properties"]["done"], content["x-resource"]["indexes"]
        content["required"].remove("done")
        content["properties"]["finished"] = {"type": "boolean", "default": False}
        file.write_text(json.dumps(content))
        said = process.until("start over? [y/N] " if database == "sqlite" else "the gateway goes on as before")
        assert "did you rename it to finished?" in said
        process.type(CTRL_C)
        assert process.end() == 0
