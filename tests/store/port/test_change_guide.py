"""The guide to changed schemas: its statements do on both databases what it says, with old and new gateways alive."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.store.port.conftest import Database
from tests.store.port.test_changed_schemas import TEXT, notes, served, shifts, steps, write
from tests.support.gateway import ROOT
from tidegate.contract import Resource
from tidegate.schema.resource import read_resource

GUIDE = (ROOT / "docs" / "how-to" / "change-a-schema.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def optional_titles() -> dict[str, Resource]:
    """The schema of the first part: `required` without `title`, and the properties of the guide."""
    (properties,) = map(json.loads, blocks("json"))
    schema = {**shifts()["shifts"].schema, "required": ["id"]}
    schema["properties"] = {"id": {"type": "integer"}, **properties}
    return {"shifts": read_resource("shifts", schema, {})}


async def test_a_property_gets_another_name_while_old_clients_are_alive(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "schema" / "migrations"
    sql = folder.with_name("sql")
    sql.mkdir(parents=True)
    of_sqlite, of_postgres, fill = blocks("sql")
    (sql / "shifts_name.sqlite.sql").write_text(of_sqlite)
    (sql / "shifts_name.postgres.sql").write_text(of_postgres)
    old, both = shifts(), optional_titles()
    new = {"shifts": read_resource("shifts", {**old["shifts"].schema, **_named_only()}, {})}
    steps(database, old)
    database.foreign.execute("INSERT INTO shifts (id, title) VALUES (1, 'early')")
    steps(database, both, folder)
    database.foreign.execute(fill)
    assert [row["name"] for row in await served(database, both, {"id": 2, "title": "late"})] == ["early", "late"]
    assert [row["title"] for row in await served(database, both, {"id": 3, "name": "night"})] == [
        "early",
        "late",
        "night",
    ]
    database.foreign.execute("UPDATE shifts SET title = 'dawn' WHERE id = 1")
    database.foreign.execute("UPDATE shifts SET name = 'dusk' WHERE id = 2")
    assert await served(database, both) == [
        {"id": 1, "title": "dawn", "name": "dawn"},
        {"id": 2, "title": "dusk", "name": "dusk"},
        {"id": 3, "title": "night", "name": "night"},
    ]
    for file in sql.iterdir():
        file.unlink()
    steps(database, new, folder)
    assert any("drop_shifts_title" in note for note in notes(database, new))
    triggers = {"sqlite": re.findall(r"CREATE TRIGGER (\w+)", of_sqlite), "postgresql": ["shifts_name ON shifts"]}
    drops = [f"DROP TRIGGER {name}" for name in triggers[database.kind]]
    write(folder, "0001_drop_shifts_title", *drops, "ALTER TABLE shifts DROP COLUMN title")
    steps(database, new, folder)
    assert await served(database, new, {"id": 4, "name": "noon"}) == [
        {"id": 1, "name": "dawn"},
        {"id": 2, "name": "dusk"},
        {"id": 3, "name": "night"},
        {"id": 4, "name": "noon"},
    ]


def _named_only() -> dict[str, object]:
    return {"properties": {"id": {"type": "integer"}, "name": TEXT}, "required": ["id", "name"]}


async def test_the_note_is_the_one_that_the_guide_shows(database: Database) -> None:
    steps(database, shifts(places={"type": "integer"}))
    (note,) = notes(database, shifts())
    assert note in "".join(blocks("text"))
