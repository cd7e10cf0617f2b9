"""`tidegate introspect` as a user types it: the files that it writes and the notes that it prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import chinook
from tests.support.gateway import python, tidegate
from tests.support.postgres import NEEDS_POSTGRES
from tests.support.sqlite import foreign

URL = "sqlite:///chinook.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the Chinook database."""
    chinook.sqlite_file(tmp_path / "chinook.db")
    return tmp_path


def resource(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "schema" / "resources" / f"{name}.schema.json").read_text())
    return found


def test_files_look_as_if_written_by_hand_and_pass_the_check(folder: Path) -> None:
    done = tidegate("introspect", "--database", URL, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 11
    assert (
        (folder / "schema" / "resources" / "Artist.schema.json").read_text()
        == """{
  "$schema": "../meta/resource.schema.json",
  "title": "Artist",
  "description": "A row of the table Artist.",
  "x-resource": {
    "table": "Artist",
    "key": "ArtistId"
  },
  "x-access": {},
  "type": "object",
  "properties": {
    "ArtistId": {
      "type": "integer",
      "description": "The key. The database sets it.",
      "readOnly": true
    },
    "Name": {
      "type": [
        "string",
        "null"
      ],
      "maxLength": 120
    }
  },
  "required": [
    "ArtistId"
  ],
  "additionalProperties": false
}
"""
    )
    assert tidegate("check", cwd=folder).returncode == 0
    assert "no client may read, create, update or delete yet: set x-access" in done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"next: tidegate generate && tidegate migrate --plan --database {URL} && tidegate migrate --database {URL}"
        f" && tidegate serve --dev --database {URL}"
    )


def test_access_is_what_the_option_says_and_nothing_more(folder: Path) -> None:
    rules = ["--access", "delete=role:admin", "--access", "read=authenticated"]
    done = tidegate("introspect", "--database", URL, "--tables", "genre", *rules, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert resource(folder, "Genre")["x-access"] == {"read": "authenticated", "delete": "role:admin"}
    assert "no client may create or update yet: set x-access in the files\n" in done.stderr
    for wrong in ("read", "read=everyone", "write=anyone", "read=role:"):
        refused = tidegate("introspect", "--database", URL, "--access", wrong, "--force", cwd=folder)
        assert refused.returncode == 2
        assert f"--access: {wrong!r} is not ACTION=RULE" in refused.stderr


def test_an_existing_file_stays_without_force(folder: Path) -> None:
    assert tidegate("introspect", "--database", URL, "--tables", "Artist", cwd=folder).returncode == 0
    path = folder / "schema" / "resources" / "Artist.schema.json"
    renamed = path.with_name("performers.schema.json")
    path.rename(renamed)
    mine = renamed.read_text().replace('"title": "Artist"', '"title": "Performer"').replace("120", "80")
    renamed.write_text(mine)
    done = tidegate("introspect", "--database", URL, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert renamed.read_text() == mine
    assert not path.exists()
    assert "performers.schema.json exists and was left as it is; --force writes over it" in done.stderr
    assert len(done.stdout.splitlines()) == 10
    assert resource(folder, "Album")["x-resource"]["references"] == {"ArtistId": "performers.ArtistId"}
    assert tidegate("check", cwd=folder).returncode == 0
    forced = tidegate("introspect", "--database", URL, "--force", "--tables", "Artist", cwd=folder)
    assert forced.returncode == 0, forced.stderr
    assert renamed.read_text() == mine.replace("80", "120")


def test_some_tables_leave_out_references_to_the_others(folder: Path) -> None:
    done = tidegate("introspect", "--database", URL, "--tables", "album", "--out", "shop/resources", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "shop/resources/Album.schema.json\n"
    assert "  Album.ArtistId refers to Artist, which has no schema file\n" in done.stderr
    assert "tidegate generate --schema shop && tidegate migrate --plan --schema shop" in done.stderr
    assert tidegate("check", "--schema", "shop", cwd=folder).returncode == 0


def test_notes_name_what_a_file_cannot_hold_and_secrets_are_write_only(folder: Path) -> None:
    with foreign(folder / "chinook.db") as program:
        program.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, photo BLOB, passwordHash TEXT NOT NULL)")
        program.execute("CREATE VIEW songs AS SELECT Name FROM Track")
    done = tidegate("introspect", "--database", URL, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "  people.photo: it holds bytes, which JSON cannot hold\n" in done.stderr
    assert "  songs is a view, which no trigger can follow\n" in done.stderr
    assert "treated as secrets by their names" in done.stderr
    assert "never read them: people.passwordHash\n" in done.stderr
    assert resource(folder, "people")["properties"]["passwordHash"]["writeOnly"] is True
    only = tidegate("introspect", "--database", URL, "--tables", "Genre", "--force", cwd=folder)
    assert "photo" not in only.stderr
    assert "songs" not in only.stderr


def test_a_migrated_database_is_read_without_tidegates_own_tables(folder: Path) -> None:
    assert tidegate("introspect", "--database", URL, cwd=folder).returncode == 0
    assert tidegate("migrate", "--database", URL, cwd=folder).returncode == 0
    before = {path.name: path.read_text() for path in (folder / "schema" / "resources").iterdir()}
    again = tidegate("introspect", "--database", URL, "--force", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert {path.name: path.read_text() for path in (folder / "schema" / "resources").iterdir()} == before
    assert "tidegate_" not in again.stderr + again.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--database", "sqlite:///chinok.db"], "introspect: there is no database chinok.db"),
        (["--database", "sqlite:///empty.db"], "introspect: the database has no tables that can be shared"),
        (
            ["--database", "sqlite:///views.db"],
            "that can be shared: t has no primary key, so that clients cannot name a row",
        ),
        (["--database", URL, "--tables", "Albun"], "--tables: there is no table Albun; there are: Album, Artist,"),
        (["--database", "sqlite:///views.db", "--tables", "t"], "--tables: t has no primary key"),
        (["--database", URL, "--out", "chinook.db"], "introspect: cannot write chinook.db: "),
        (
            ["--database", "mysql://localhost/x"],
            "is not sqlite:///relative.db, sqlite:////absolute.db or postgresql://",
        ),
        pytest.param(
            ["--database", "postgresql://ada:sesame@127.0.0.1:1/x"],
            "introspect: database postgresql://127.0.0.1:1/x: ",
            marks=NEEDS_POSTGRES,
        ),
    ],
)
def test_a_mistake_ends_in_one_sentence(folder: Path, arguments: list[str], sentence: str) -> None:
    for name, script in (("empty.db", "VACUUM"), ("views.db", "CREATE TABLE t (a INT)")):
        with foreign(folder / name) as program:
            program.executescript(script)
    done = tidegate("introspect", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "sesame" not in done.stderr
    assert done.stderr.startswith("tidegate: ")
    assert not (folder / "schema").exists()


def test_a_schema_folder_that_is_not_there_is_made(folder: Path) -> None:
    done = tidegate("introspect", "--database", URL, "--schema", "shop/schema", "--tables", "Genre", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "shop/schema/resources/Genre.schema.json\n"
    assert done.stderr.startswith("the folder shop/schema/resources is new\n")
    assert tidegate("check", "--schema", "shop/schema", cwd=folder).returncode == 0
    again = tidegate("introspect", "--database", URL, "--schema", "shop/schema", "--tables", "Genre", cwd=folder)
    assert "is new" not in again.stderr
    assert "Genre.schema.json exists and was left as it is; --force writes over it\n" in again.stderr
    forced = tidegate(
        "introspect", "--database", URL, "--schema", "shop/schema", "--tables", "Genre", "--force", cwd=folder
    )
    assert forced.stderr.startswith("shop/schema/resources/Genre.schema.json was written over\n")
    refused = tidegate("introspect", "--database", URL, "--schema", "chinook.db", cwd=folder)
    assert refused.stderr == "tidegate: schema: chinook.db is a file, and must be a folder\n"
    missing = tidegate("introspect", "--database", "sqlite:///no.db", "--schema", "new", cwd=folder)
    assert missing.returncode == 2
    assert not (folder / "new").exists()


def test_a_table_that_is_a_secret_by_its_key_is_named_and_gets_no_access(folder: Path) -> None:
    with foreign(folder / "chinook.db") as program:
        program.execute("CREATE TABLE django_session (session_key TEXT PRIMARY KEY, session_data TEXT NOT NULL)")
    done = tidegate("introspect", "--database", URL, "--access", "read=authenticated", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "  django_session.session_key is a key whose name says that it is a secret" in done.stderr
    assert "never read them: django_session.session_data\n" in done.stderr
    assert resource(folder, "django_session")["x-access"] == {}
    assert tidegate("check", cwd=folder).returncode == 0


@pytest.mark.slow
def test_tables_with_odd_names_become_models_that_python_can_import(tmp_path: Path) -> None:
    odd = ("or", 'Tab"le', "a b", "a_b", "%", "ünï", "model", "tidegate_things")
    columns = ("order", "x.y", "ü☃", " lead", "$id", "a/b~c", "class", "__init__", "_x", "1st", "self", "__proto__")
    with foreign(tmp_path / "odd.db") as program:
        for table in odd:
            name = table.replace('"', '""')
            listed = ", ".join(f'"{column}" TEXT' for column in columns)
            program.execute(f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY, {listed}, "a""b" TEXT)')
    for command in (
        ["introspect", "--database", "sqlite:///odd.db", "--access", "read=anyone"],
        ["check"],
        ["generate", "--out", "made"],
        ["migrate", "--database", "sqlite:///odd.db"],
    ):
        done = tidegate(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "schema" / "resources").iterdir())) == len(odd)
    python("import app_contract", cwd=tmp_path / "made" / "python")
    with foreign(tmp_path / "odd.db") as program:
        for table in odd:
            program.execute(f'INSERT INTO "{table.replace(chr(34), chr(34) * 2)}" (id) VALUES (1)')
        ((logged,),) = program.execute("SELECT count(DISTINCT resource) FROM tidegate_log")
    assert logged == len(odd)
