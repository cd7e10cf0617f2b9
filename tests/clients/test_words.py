"""docs/reference/clients.md is complete, and both clients have the same names; the table explains each difference."""

from __future__ import annotations

import inspect
import re

import pytest

import tidegate_client
from tests.clients import words
from tests.support.gateway import ROOT
from tidegate_client import connect, errors
from tidegate_client.live import LiveQuery
from tidegate_client.room import Room

GUIDE = (ROOT / "docs" / "reference" / "clients.md").read_text()
TYPESCRIPT = words.typescript()
PYTHON = words.python()


def tables() -> dict[str, list[list[str]]]:
    """The cells of each table, by the heading or the sentence before it."""
    found = {}
    for before, table in re.findall(r"^(.+)\n\n((?:\|.*\n)+)", GUIDE, re.M):
        rows = [[cell.strip() for cell in re.split(r"(?<!\\) \| ", row.strip("| "))] for row in table.splitlines()]
        found[before.lstrip("# ").rstrip(":")] = rows[2:]
    return found


TABLES = tables()
NAMED = ["Statuses" if name.startswith("`client.status`") else name for name in TABLES]
BY_NAME = dict(zip(NAMED, TABLES.values(), strict=True))


def cell(text: str) -> str | None:
    return None if text == "-" else text.strip("`")


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


@pytest.mark.parametrize("table", list(TYPESCRIPT))
def test_each_table_has_every_name_of_both_clients(table: str) -> None:
    rows = BY_NAME[table]
    assert {name for row in rows if (name := cell(row[0]))} == TYPESCRIPT[table]
    assert {name for row in rows if (name := cell(row[1]))} == PYTHON[table]
    assert len(rows) == len({tuple(row[:2]) for row in rows})


@pytest.mark.parametrize("table", list(TYPESCRIPT))
def test_a_row_has_one_name_in_both_spellings_or_says_why_not(table: str) -> None:
    for row in BY_NAME[table]:
        typescript, python = cell(row[0]), cell(row[1])
        if typescript is None or python is None:
            assert len(row[-1]) > 10, f"{row}: the last column explains why one client alone has it"
        elif table in ("Errors", "Values"):
            assert typescript == python
        else:
            assert snake(typescript) == python


def test_the_defaults_are_those_of_both_sources() -> None:
    settings = dict(re.findall(r"(\w+): (\d+)", words.block(words.source("options"), "const DEFAULTS")))
    assert len(settings) == 3
    for typescript, python, default, _ in BY_NAME["Options of `connect`"]:
        if (name := cell(typescript)) in settings:
            assert settings[name] == default
        if (name := cell(python)) and default.isdecimal():
            assert inspect.signature(connect).parameters[name].default == float(default)


def test_each_event_names_its_iterator() -> None:
    rows = BY_NAME["TypeScript calls listeners, Python iterates with `async for`."]
    events = {match for row in rows for match in re.findall(r'(\w+)\.on\("?(\w+)', row[0])}
    declared = {("room", name) for name in words.members("room", "interface", "Events") - {"status"}}
    declared |= {("live", name) for name in words.members("rows/live", "interface", "Events")}
    assert events == declared | {("client", "status"), ("client", "type")}
    owners = {"client": tidegate_client.Client, "room": Room, "live": LiveQuery}
    for row in rows:
        owner, name = re.sub(r"\(.*", "", row[1].strip("`")).split(".")
        known = words.attributes(tidegate_client.Message) if owner == "Message" else words.python_members(owners[owner])
        assert name in known


def test_each_error_has_its_code_and_says_whether_to_try_again() -> None:
    made = {
        error.__class__.__name__: error
        for error in (
            errors.RequestTimeout("late"),
            errors.ConnectionLost("lost"),
            errors.ConnectionRefused("no"),
            errors.ClientClosed(),
            errors.InvalidOption("no"),
            errors.Unreachable("down"),
            errors.StreamOverflow(1, 1),
            errors.ModelMismatch("no"),
        )
    }
    shown = {row[1].strip("`"): (row[2].strip("`"), row[3]) for row in BY_NAME["Errors"]}
    for name, error in made.items():
        assert shown[name] == (error.code, "yes" if error.retryable else "no")
    typescript = words.source("errors")
    for name, (code, retryable) in shown.items():
        if f"class {name} " in typescript and code.isidentifier() and name != "TidegateError":
            body = words.block(typescript, f"class {name}")
            assert f'super("{code}"' in body
            assert ("retryable: true" in body) is (retryable == "yes")


def test_the_hierarchy_of_errors_is_the_same() -> None:
    declared = re.findall(r"^export class (\w+) extends (\w+)", words.source("errors"), re.M)
    assert len(declared) == 8
    for name, parent in declared:
        known = getattr(errors, name)
        assert known.__mro__[1].__name__ == ("Exception" if parent == "Error" else parent)
