"""Manual migrations, in `migrations/` beside the schema files: for changes that Tidegate does not make by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.store.application import RESOURCES, Foreign, told
from tests.store.program import connect
from tests.store.versions import Schemas, annotated, change, changed, contents, plan, rows, with_property, with_rows
from tidegate.store import StoreError
from tidegate.store.migration.files import new
from tidegate.store.sqlite.migration.migrate import apply, check, down


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    return folder


def write(folder: Path, name: str, *up: str, down: tuple[str, ...] = ()) -> None:
    """A migration of SQL statements."""
    lines = [
        f"def {way}(migrator, db):\n    for sql in {sql!r}:\n        db.execute_sql(sql)\n"
        for way, sql in (("up", up), ("down", down))
    ]
    (folder / f"{name}.py").write_text("\n\n".join(lines))


def test_a_manual_migration_may_drop_a_column(migrated: str, path: Path, folder: Path) -> None:
    (folder / "0001_weightless.py").write_text(
        "from playhouse.migrate import migrate\n\n"
        "def up(migrator, db):\n    migrate(migrator.drop_column('boats', 'weight'))\n"
    )
    resources = changed(lambda schemas: schemas["boats"]["properties"].pop("weight"))
    done = apply(migrated, resources, folder)
    assert done[0] == "run migration 0001_weightless"
    assert apply(migrated, resources, folder) == []
    check(migrated, resources)
    program = connect(path)
    program.execute("UPDATE boats SET name = 'Ada'")
    (new,) = program.execute("SELECT new FROM tidegate_log ORDER BY seq DESC LIMIT 1").fetchone()
    assert set(json.loads(new)) == set(resources["boats"].properties) - {"pin"}
    program.close()


def test_manual_migrations_run_once_each_in_order_and_begin_a_new_epoch(
    migrated: str, path: Path, folder: Path
) -> None:
    """They may change rows without the log, so that no client may go on from an older position."""
    for number, name in ((1, "Bob"), (2, "Cid")):
        (folder / f"000{number}_{name}.py").write_text(
            f"def up(migrator, db):\n    db.execute_sql(\"UPDATE people SET name = name || '{name}'\")\n"
        )
    epoch = next(row for row in contents(path) if row[:2] == ("tidegate_meta", "epoch"))
    assert plan(migrated, RESOURCES, folder) == ["run migration 0001_Bob", "run migration 0002_Cid"]
    done = apply(migrated, RESOURCES, folder)
    assert done[:2] == ["run migration 0001_Bob", "run migration 0002_Cid"]
    assert apply(migrated, RESOURCES, folder) == []
    foreign = Foreign(connect(path))
    assert [row["name"] for row in foreign.tables()["people"].values()] == ["AdaBobCid"]
    assert told(foreign.run("DELETE FROM people")) == [("delete", (1,))]
    foreign.close()
    assert epoch not in contents(path)


def test_a_manual_migration_that_fails_changes_nothing(migrated: str, path: Path, folder: Path) -> None:
    (folder / "0001_good.py").write_text("def up(migrator, db):\n    db.execute_sql('DELETE FROM people')\n")
    (folder / "0002_bad.py").write_text("def up(migrator, db):\n    db.execute_sql('DELETE FROM nowhere')\n")
    before = contents(path)
    with pytest.raises(StoreError, match="nothing was changed: no such table: nowhere"):
        apply(migrated, RESOURCES, folder)
    assert contents(path) == before


def test_manual_migrations_are_skipped_for_new_tables(tmp_path: Path, folder: Path) -> None:
    """They lead to the schema of today, and new tables are made by it."""
    (folder / "0001_weightless.py").write_text("def up(migrator, db):\n    raise AssertionError\n")
    url = f"sqlite:///{tmp_path / 'new.db'}"
    assert "skip migration 0001_weightless" in plan(url, RESOURCES, folder)
    done = apply(url, RESOURCES, folder)
    assert {"skip migration 0001_weightless", "create table boats"} < set(done)
    assert apply(url, RESOURCES, folder) == []


@pytest.mark.parametrize(
    ("prop", "schema", "sql", "expected"),
    [
        ("tags", {"type": "string", "default": ""}, "UPDATE boats SET tags = tags ->> 0", "wood"),
        ("afloat", {"type": "integer", "default": 0}, "UPDATE boats SET afloat = afloat + 6", 7),
        ("sign", {"type": "integer", "enum": [10, 20]}, "UPDATE boats SET sign = sign * 10", 10),
        (
            "weight",
            {"type": "string"},
            "ALTER TABLE boats RENAME COLUMN weight TO old; ALTER TABLE boats ADD COLUMN weight TEXT; "
            "UPDATE boats SET weight = printf('%.1f', old); ALTER TABLE boats DROP COLUMN old",
            "2.5",
        ),
        (
            "weight",
            {"type": "string"},
            "ALTER TABLE boats DROP COLUMN weight; ALTER TABLE boats ADD COLUMN weight TEXT",
            None,
        ),
    ],
    ids=["array to string", "boolean to integer", "other values of an enum", "number to string", "nothing kept"],
)
def test_a_manual_migration_converts_values_and_the_rules_follow(
    migrated: str, path: Path, folder: Path, prop: str, schema: dict[str, object], sql: str, expected: object
) -> None:
    """The old CHECKs do not hold while it runs; the new ones hold afterwards."""
    with_rows(path, """UPDATE boats SET tags = '["wood"]', afloat = 1, weight = 2.5""")
    resources = changed(lambda schemas: schemas["boats"]["properties"].update({prop: schema}))
    write(folder, "0001_convert", *sql.split("; "))
    done = apply(migrated, resources, folder)
    assert done[:2] == ["run migration 0001_convert", "rebuild table boats"]
    check(migrated, resources)
    program = connect(path)
    assert program.execute(f"SELECT {prop} FROM boats").fetchall() == [(expected,)]
    with pytest.raises(Exception, match="CHECK constraint failed"):
        program.execute(f"UPDATE boats SET {prop} = x'00'")
    program.close()


def test_a_conversion_that_misses_a_row_is_refused(migrated: str, path: Path, folder: Path) -> None:
    with_rows(path, "INSERT INTO boats (code, sign) VALUES ('b', 2)")
    resources = changed(change("boats", "sign", enum=[10, 20]))
    write(folder, "0001_convert", "UPDATE boats SET sign = sign * 10 WHERE code = 'a'")
    before = contents(path)
    with pytest.raises(StoreError, match=r'1 row of boats: sign is none of \[10, 20\], for example {"code": "b"}'):
        apply(migrated, resources, folder)
    assert contents(path) == before


def test_a_conversion_is_checked_beside_a_new_column_too(migrated: str, path: Path, folder: Path) -> None:
    write(folder, "0001_convert", "UPDATE boats SET sign = 'x'")
    before = contents(path)
    with pytest.raises(StoreError, match=r'1 row of boats: sign is no integer, for example {"code": "a"}'):
        apply(migrated, with_property("masts", {"type": "integer"}), folder)
    assert contents(path) == before


def test_values_may_be_converted_beside_a_new_column(migrated: str, path: Path, folder: Path) -> None:
    def edit(schemas: Schemas) -> None:
        change("boats", "sign", enum=[10, 20])(schemas)
        schemas["boats"]["properties"]["masts"] = {"type": "integer"}

    apply(migrated, changed(change("boats", "sign", enum=[1, 2])))
    write(folder, "0001_convert", "UPDATE boats SET sign = sign * 10")
    assert apply(migrated, changed(edit), folder)[:2] == ["run migration 0001_convert", "rebuild table boats"]
    check(migrated, changed(edit))


def test_values_that_break_a_rule_which_stays_are_refused(migrated: str, path: Path, folder: Path) -> None:
    """CHECKs are off while it runs. Afterwards all tables are checked, also those of other programs."""
    with_rows(path, "CREATE TABLE ledger (sum INTEGER CHECK (sum > 0))", "INSERT INTO ledger VALUES (1)")
    before = contents(path)
    for sql, why in (
        ("UPDATE people SET name = printf('%099d', 1)", "1 row of people: name is longer than 20"),
        ("UPDATE ledger SET sum = 0", "migration 0001_break failed .*: CHECK constraint failed in ledger"),
        ("UPDATE people SET email = 'x'; UPDATE berths SET boat = 'none'", "1 rows would refer to rows that are not"),
    ):
        with_rows(path, "INSERT INTO berths (harbour, number) VALUES ('Ost', 1)")
        write(folder, "0001_break", *sql.split("; "))
        with pytest.raises(StoreError, match=why):
            apply(migrated, RESOURCES, folder)
        with_rows(path, "DELETE FROM berths")
    assert [row for row in contents(path) if row[0] not in {"tidegate_log", "sqlite_sequence"}] == [
        row for row in before if row[0] not in {"tidegate_log", "sqlite_sequence"}
    ]


def test_a_migration_of_one_table_converts_no_other_table(migrated: str, path: Path, folder: Path) -> None:
    resources = changed(change("boats", "tags", type="string", default=""))
    write(folder, "0001_people", "UPDATE people SET name = 'Eve'")
    before = contents(path)
    with pytest.raises(StoreError, match=r"boats\.tags is an array .* fill in .*0002_convert_boats_tags\.py"):
        apply(migrated, resources, folder)
    assert contents(path) == before


def test_a_column_that_was_not_converted_is_still_refused(migrated: str, path: Path, folder: Path) -> None:
    """It wrote to the table, but SQLite would turn the values of this column into others."""
    resources = changed(change("boats", "weight", type="string"))
    write(folder, "0001_boats", "UPDATE boats SET weight = 1.5, tags = '[]'")
    before = contents(path)
    with pytest.raises(StoreError, match=r"boats\.weight is a REAL and the schema wants a string: converting it needs"):
        apply(migrated, resources, folder)
    assert contents(path) == before


def test_a_renamed_table_still_belongs_to_tidegate(migrated: str, path: Path, folder: Path) -> None:
    resources = changed(annotated("people", "table", "persons"))
    write(folder, "0001_persons", "ALTER TABLE people RENAME TO persons")
    apply(migrated, resources, folder)
    assert {row[1] for row in rows(path, "tidegate_meta")} >= {"table:persons", "table:boats"}
    assert "table:people" not in {row[1] for row in rows(path, "tidegate_meta")}
    longer = changed(
        lambda schemas: [
            annotated("people", "table", "persons")(schemas),
            change("people", "name", maxLength=30)(schemas),
        ]
    )
    assert apply(migrated, longer, folder) == ["rebuild table persons"]
    unindexed = changed(
        lambda schemas: annotated("people", "table", "persons")(schemas) or annotated("people", "unique", [])(schemas)
    )
    assert "drop index people_email" in apply(migrated, unindexed, folder)


def test_a_key_may_be_changed(migrated: str, path: Path, folder: Path) -> None:
    with_rows(path, "INSERT INTO berths (harbour, number, state) VALUES ('Ost', 1, 'free')")
    resources = changed(annotated("berths", "key", ["number", "harbour"]))
    write(
        folder,
        "0001_key",
        "CREATE TABLE other (harbour TEXT, number INTEGER, boat TEXT, state TEXT, PRIMARY KEY (number, harbour))",
        "INSERT INTO other SELECT harbour, number, boat, state FROM berths",
        "DROP TABLE berths",
        "ALTER TABLE other RENAME TO berths",
    )
    assert "rebuild table berths" in apply(migrated, resources, folder)
    check(migrated, resources)
    assert rows(path, "berths")[0][:5] == ("berths", "Ost", 1, None, "free")


def test_rows_without_a_key_are_reported_and_not_lost(migrated: str, path: Path, folder: Path) -> None:
    """INT PRIMARY KEY is not INTEGER PRIMARY KEY: it takes NULL."""
    write(
        folder,
        "0001_people",
        "DROP TABLE people",
        "CREATE TABLE people (id INT PRIMARY KEY, name TEXT, email TEXT, joined_at TEXT)",
        "INSERT INTO people VALUES (NULL, 'Ada', NULL, '')",
    )
    before = contents(path)
    with pytest.raises(StoreError, match=r'1 row of people: id is null, for example {"id": null}'):
        apply(migrated, RESOURCES, folder)
    assert contents(path) == before


def test_a_resource_is_removed_with_its_table_or_without_it(migrated: str, path: Path, folder: Path) -> None:
    resources = changed(lambda schemas: [schemas.pop("people"), schemas.pop("berths")])
    write(folder, "0001_gone", "DROP TABLE people", "DELETE FROM tidegate_meta WHERE name = 'table:berths'")
    assert apply(migrated, resources, folder)[0] == "run migration 0001_gone"
    check(migrated, resources)
    names = {row[1] for row in contents(path) if row[0] in {"table", "trigger", "tidegate_meta"}}
    assert "berths" in names
    assert not {name for name in names if "people" in name or "tidegate_berths" in name or name == "table:berths"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("db.execute_sql('COMMIT')", "it may not begin or end transactions"),
        ("db.commit()", "it may not begin or end transactions"),
        ("db.rollback(); db.execute_sql('DELETE FROM people')", "it may not begin or end transactions"),
        (
            "try: db.execute_sql('INSERT INTO ledger VALUES (1)')\n"
            "    except Exception: db.execute_sql('DELETE FROM people')",
            "it may not begin or end transactions",
        ),
        ("raise KeyError('harbour')", "'harbour'"),
        ("raise NotImplementedError", "NotImplementedError"),
        ("this is no Python", "invalid syntax"),
        ("db.execute_sql('DELETE FROM people'); import nothing_like_it", "No module named 'nothing_like_it'"),
    ],
)
def test_a_broken_migration_changes_nothing(migrated: str, path: Path, folder: Path, body: str, why: str) -> None:
    with_rows(
        path,
        "CREATE TABLE ledger (sum INTEGER)",
        "CREATE TRIGGER strict BEFORE INSERT ON ledger BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    )
    (folder / "0001_bad.py").write_text(f"def up(migrator, db):\n    db.execute_sql('DELETE FROM boats')\n    {body}\n")
    before = contents(path)
    with pytest.raises(StoreError) as caught:
        apply(migrated, RESOURCES, folder)
    assert f"the migration 0001_bad failed and nothing was changed: {why}" in str(caught.value)
    assert contents(path) == before


def test_a_migration_without_up_is_refused(migrated: str, folder: Path) -> None:
    (folder / "0001_bad.py").write_text("")
    with pytest.raises(StoreError, match="0001_bad does not define up"):
        apply(migrated, RESOURCES, folder)


def test_dropping_a_table_deletes_nothing_that_refers_to_it(migrated: str, path: Path, folder: Path) -> None:
    with_rows(
        path,
        "CREATE TABLE ledger (person INTEGER REFERENCES people (id) ON DELETE CASCADE)",
        "INSERT INTO ledger VALUES (1)",
    )
    write(
        folder,
        "0001_copy",
        "CREATE TABLE copied AS SELECT * FROM people",
        "DROP TABLE people",
        "CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, email TEXT, joined_at TEXT)",
        "INSERT INTO people SELECT * FROM copied",
        "DROP TABLE copied",
    )
    apply(migrated, RESOURCES, folder)
    assert rows(path, "ledger")[0][:2] == ("ledger", 1)
    assert rows(path, "people")[0][:3] == ("people", 1, "Ada")


def test_down_takes_the_last_migration_back_to_the_older_schema(migrated: str, path: Path, folder: Path) -> None:
    write(folder, "0001_first", "UPDATE people SET name = 'Eve'", down=("UPDATE people SET name = 'Ada'",))
    write(
        folder,
        "0002_weightless",
        "ALTER TABLE boats DROP COLUMN weight",
        down=("ALTER TABLE boats ADD COLUMN weight REAL", "UPDATE boats SET weight = 1"),
    )
    weightless = changed(lambda schemas: schemas["boats"]["properties"].pop("weight"))
    apply(migrated, weightless, folder)
    epoch = next(row for row in contents(path) if row[:2] == ("tidegate_meta", "epoch"))
    before = contents(path)
    with pytest.raises(StoreError, match="boats has a column weight that the schema does not"):
        down(migrated, weightless, folder)
    assert contents(path) == before

    done = down(migrated, RESOURCES, folder)
    assert done[:2] == ["take back migration 0002_weightless", "rebuild table boats"]
    check(migrated, RESOURCES)
    assert epoch not in contents(path)
    foreign = Foreign(connect(path))
    assert foreign.tables()["boats"]["a",]["weight"] == 1.0
    assert told(foreign.run("UPDATE boats SET weight = 2")) == [("update", ("a",))]
    foreign.close()
    assert down(migrated, RESOURCES, folder)[0] == "take back migration 0001_first"
    assert rows(path, "people")[0][2] == "Ada"
    with pytest.raises(StoreError, match="there is no manual migration to take back"):
        down(migrated, RESOURCES, folder)
    assert plan(migrated, RESOURCES, folder) == ["run migration 0001_first", "run migration 0002_weightless"]


@pytest.mark.parametrize("rest", ["", "\ndef down(migrator, db):\n    db.execute_sql('DELETE FROM nowhere')\n"])
def test_a_down_that_fails_changes_nothing(migrated: str, path: Path, folder: Path, rest: str) -> None:
    (folder / "0001_first.py").write_text(f"def up(migrator, db):\n    db.execute_sql('DELETE FROM people')\n{rest}")
    apply(migrated, RESOURCES, folder)
    before = contents(path)
    with pytest.raises(StoreError, match=r"0001_first failed and nothing was changed: .*(define down|nowhere)"):
        down(migrated, RESOURCES, folder)
    assert contents(path) == before


def test_new_files_are_numbered_and_run(migrated: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    assert new(folder, "First: Éte!").name == "0001_first_éte.py"
    (folder / "0041_x.py").write_text("def up(migrator, db): ...")
    assert new(folder, "last").name == "0042_last.py"
    assert apply(migrated, RESOURCES, folder)[:3] == [
        f"run migration {name}" for name in ("0001_first_éte", "0041_x", "0042_last")
    ]
    assert down(migrated, RESOURCES, folder)[0] == "take back migration 0042_last"
    for name in ("", "../..", "-"):
        with pytest.raises(StoreError, match="is no name"):
            new(folder, name)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"--new: .*file"):
        new(tmp_path / "file", "x")
