"""Changes that existing rows do not allow, or that only a manual migration may make: nothing changes.

The error names the rows or the columns, what to type, and the file to fill in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store.application import RESOURCES
from tests.store.versions import Schemas, annotated, change, changed, contents, plan, required, surrounded, with_rows
from tidegate.store import StoreError
from tidegate.store.migration.files import new
from tidegate.store.sqlite.migration.migrate import apply, check


@pytest.fixture
def full(path: Path) -> str:
    return surrounded(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    new(folder, "first").rename(folder / "0007_first.py")
    return folder


def with_reference(schemas: Schemas) -> None:
    schemas["people"]["x-resource"]["references"] = {"email": "boats.code"}


@pytest.mark.parametrize(
    ("edit", "rows", "told"),
    [
        (
            change("berths", "state", enum=["free"]),
            ["UPDATE berths SET state = 'taken'"],
            '2 rows of berths: state is none of ["free"], for example {"harbour": "Ost", "number": 1}',
        ),
        (
            change("people", "name", maxLength=4),
            ["UPDATE people SET name = 'Edith' WHERE id = 2"],
            '1 row of people: name is longer than 4, for example {"id": 2}',
        ),
        (
            required("people", "email", now=True),
            [],
            '1 row of people: email is null, for example {"id": 2}',
        ),
        (
            with_reference,
            ["UPDATE people SET email = 'a' WHERE id = 1", "UPDATE people SET email = 'zz' WHERE id = 2"],
            '1 row of people: email refers to no row of boats, for example {"id": 2}',
        ),
        (
            annotated("people", "unique", [["email"], ["name"]]),
            ["UPDATE people SET name = 'Ada'"],
            '2 rows of people: (name) is not unique, for example {"id": 1}',
        ),
        (
            lambda schemas: [required("boats", name, now=True)(schemas) for name in ("weight", "papers", "sign")],
            ["UPDATE boats SET weight = NULL, papers = '{}'"],
            '2 rows of boats: weight is null, for example {"code": "a"}',
        ),
        (
            change("boats", "harbour", default="Ost", type="string"),
            ["UPDATE boats SET harbour = NULL"],
            "boats.harbour may not be null any more, and rows that are cannot have the default 'Ost' (UNIQUE",
        ),
    ],
    ids=["enum", "maxLength", "null", "reference", "unique", "several", "a default that is no value for two"],
)
def test_rows_that_break_a_new_rule_stop_the_migration_and_are_named(
    full: str, path: Path, folder: Path, edit: Callable[[Schemas], Any], rows: list[str], told: str
) -> None:
    with_rows(path, *rows)
    apply(full, RESOURCES, folder)
    before = contents(path)
    with pytest.raises(StoreError, match=re.escape(f"the migration failed and nothing was changed: {told}")) as caught:
        apply(full, changed(edit), folder)
    table = re.findall(r"(boats|berths|people)", told)[0]
    assert "Correct these rows and migrate again, or let a manual migration correct them: " in str(caught.value)
    assert str(caught.value).endswith(
        f"type: tidegate migrate --new correct_{table} and fill in {folder / f'0008_correct_{table}.py'}"
    )
    assert contents(path) == before


def test_all_broken_rules_are_named_at_once(full: str, path: Path) -> None:
    def edit(schemas: Schemas) -> None:
        change("people", "name", maxLength=2)(schemas)
        required("people", "email", now=True)(schemas)

    with pytest.raises(StoreError) as caught:
        apply(full, changed(edit))
    assert "2 rows of people: name is longer than 2" in str(caught.value)
    assert "; 1 row of people: email is null" in str(caught.value)


def test_older_dangling_references_stop_no_other_change(full: str, path: Path) -> None:
    """SQLite enforces references only where a program asks for it."""
    with_rows(path, "UPDATE berths SET boat = 'gone' WHERE number = 1")
    assert apply(full, changed(change("berths", "state", enum=["free", "sunk"]))) == ["rebuild table berths"]
    assert apply(full, changed(change("boats", "code", maxLength=3)))[0] == "rebuild table boats"


def test_a_new_column_with_a_dangling_default_is_refused(full: str, path: Path) -> None:
    def edit(schemas: Schemas) -> None:
        schemas["berths"]["properties"]["owner"] = {"type": "integer", "default": 77}
        schemas["berths"]["x-resource"]["references"]["owner"] = "people.id"

    before = contents(path)
    with pytest.raises(StoreError, match=r"2 rows would refer to rows that are not there; the first: berths, .*people"):
        apply(full, changed(edit))
    assert contents(path) == before


UNSAFE_CHANGES: dict[str, tuple[Callable[[Schemas], Any], str, str]] = {
    "dropped resource": (
        lambda schemas: schemas.pop("people"),
        "the schema has no resource for the table people any more: dropping it needs a manual migration",
        "drop_people",
    ),
    "another table": (
        annotated("people", "table", "persons"),
        "the schema has no resource for the table people any more: dropping it needs a manual migration",
        "drop_people",
    ),
    "number to string": (
        change("boats", "weight", type="string"),
        "boats.weight is a number and the schema wants a string: converting it needs a manual migration",
        "convert_boats_weight",
    ),
    "integer to number": (
        change("boats", "sign", type="number"),
        "boats.sign is an integer and the schema wants a number: converting it needs a manual migration",
        "convert_boats_sign",
    ),
    "boolean to integer, which SQLite keeps alike": (
        change("boats", "afloat", type="integer", default=0),
        "boats.afloat is a boolean and the schema wants an integer: converting it needs a manual migration",
        "convert_boats_afloat",
    ),
    "array to string, which SQLite keeps alike": (
        change("boats", "tags", type="string", default=""),
        "boats.tags is an array and the schema wants a string: converting it needs a manual migration",
        "convert_boats_tags",
    ),
    "another key": (
        annotated("berths", "key", ["harbour", "number", "state"]),
        "the key of the table berths is (harbour, number) and the schema wants (harbour, number, state): "
        "another key needs a manual migration",
        "key_of_berths",
    ),
}


@pytest.mark.parametrize("name", UNSAFE_CHANGES)
def test_an_unsafe_change_needs_a_manual_migration(name: str, full: str, path: Path, folder: Path) -> None:
    edit, text, file = UNSAFE_CHANGES[name]
    resources = changed(edit)
    apply(full, RESOURCES, folder)
    before = contents(path)
    for command in (plan, apply):
        with pytest.raises(StoreError) as caught:
            command(full, resources, folder)
        assert text in str(caught.value)
        assert str(caught.value).endswith(
            f"type: tidegate migrate --new {file} and fill in {folder / f'0008_{file}.py'}"
        )
    assert contents(path) == before
    if file != "drop_people":
        with pytest.raises(StoreError) as caught:
            check(full, resources)
        assert str(caught.value).endswith(f"{text}; type: tidegate migrate --new {file}")


def test_a_gateway_may_serve_some_of_the_tables(full: str, path: Path) -> None:
    """Another gateway may share the other tables. Only `migrate` needs a resource for each table."""
    check(full, {"people": RESOURCES["people"]})
    with pytest.raises(StoreError, match="has no resource for the table berths any more"):
        plan(full, {"people": RESOURCES["people"]})


def test_a_rebuild_does_not_lose_a_generated_column_of_another_program(full: str, path: Path) -> None:
    with_rows(path, "ALTER TABLE people ADD COLUMN shout TEXT AS (upper(name))")
    check(full, RESOURCES)
    before = contents(path)
    with pytest.raises(StoreError, match="people has a generated column shout, which rebuilding the table would lose"):
        apply(full, changed(change("people", "name", maxLength=30)))
    assert contents(path) == before
