"""Sample rows go into empty tables, once, and all of them or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.store.application import RESOURCES, Foreign
from tests.support.gateway import ROOT, tidegate
from tidegate.store import StoreError
from tidegate.store.sqlite.seed import seed

Sample = dict[str, list[dict[str, Any]]]
SAMPLE: Sample = {
    "boats": [{"code": "a", "tags": ["x"], "afloat": True, "pin": "1234"}, {"code": "b", "harbour": "Ost"}],
    "berths": [{"harbour": "Ost", "number": 1, "boat": "a"}],
    "people": [{"id": 7, "name": "Ada", "joined_at": "2026-01-31T12:00:00.000000Z"}],
}


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


def test_sample_rows_go_into_empty_tables(url: str, foreign: Foreign) -> None:
    assert seed(url, RESOURCES, SAMPLE) == {"boats": 2, "berths": 1, "people": 1}
    found = foreign.tables()
    assert set(found["boats"]) == {("a",), ("b",)}
    assert (found["boats"]["a",]["tags"], found["boats"]["a",]["afloat"]) == ('["x"]', 1)
    assert found["people"][7,] == {"id": 7, "name": "Ada", "email": None, "joined_at": "2026-01-31T12:00:00.000000Z"}
    assert foreign.connection.execute("SELECT DISTINCT actor FROM tidegate_log").fetchall() == [("seed",)]


@pytest.mark.parametrize(
    "spelling", ["2026-01-31T12:00:00Z", "2026-01-31T14:00:00.000+02:00", "2026-01-31t12:00:00.0000000z"]
)
def test_times_of_sample_rows_get_their_one_spelling(url: str, foreign: Foreign, spelling: str) -> None:
    seed(url, RESOURCES, {"people": [{"id": 7, "name": "Ada", "joined_at": spelling}]})
    assert foreign.tables()["people"][7,]["joined_at"] == "2026-01-31T12:00:00.000000Z"


def test_sample_rows_go_in_once(url: str, foreign: Foreign) -> None:
    seed(url, RESOURCES, SAMPLE)
    before, head = foreign.tables(), foreign.head()
    assert seed(url, RESOURCES, SAMPLE) == {}
    assert (foreign.tables(), foreign.head()) == (before, head)


def test_a_table_that_has_a_row_is_left_alone(url: str, foreign: Foreign) -> None:
    foreign.run("INSERT INTO boats (code) VALUES ('mine')")
    assert seed(url, RESOURCES, {"boats": SAMPLE["boats"], "people": SAMPLE["people"]}) == {"people": 1}
    assert set(foreign.tables()["boats"]) == {("mine",)}


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (
            {"people": [{"name": "Ada"}], "boats": [{"code": "a"}, {"code": "a"}]},
            "/boats/1/code: another row has this value",
        ),
        (
            {"people": [{"name": "Ada"}], "berths": [{"harbour": "x", "number": 1, "boat": "?"}]},
            "/berths/0/boat: there is no such row in boats",
        ),
        ({"people": [{"name": "Ada"}, {"name": "a" * 21}]}, "/people/1/name: must have at most 20 characters"),
        (
            {"people": [{"name": "Ada"}, {"nmae": "Bob"}]},
            "/people/1/nmae: the schema has no such property; did you mean 'name'",
        ),
        (
            {"people": [{"name": "Ada", "joined_at": "tomorrow"}]},
            "/people/0/joined_at: must be a valid date-time",
        ),
        ({"people": [{"name": "Ada"}], "boats": {}}, "/boats: must be a list of rows"),
        ({"people": [{"name": "Ada"}], "ships": []}, "/ships: the schema has no such resource"),
    ],
)
def test_rows_that_do_not_fit_are_named_and_none_goes_in(url: str, foreign: Foreign, rows: Sample, why: str) -> None:
    with pytest.raises(StoreError, match=f"sample rows: {why}"):
        seed(url, RESOURCES, rows)
    assert foreign.tables() == {"boats": {}, "berths": {}, "people": {}}
    assert foreign.head() == 0


@pytest.mark.process
def test_the_command_says_what_it_did_and_what_is_wrong(tmp_path: Path) -> None:
    done = tidegate("migrate", "--schema", str(ROOT / "schema"), "--seed", cwd=tmp_path)
    sample = json.loads((ROOT / "schema" / "seed.json").read_text())
    assert done.returncode == 0
    for name, rows in sample.items():
        assert f"  {len(rows)} sample rows in {name}\n" in done.stderr
    again = tidegate("migrate", "--schema", str(ROOT / "schema"), "--seed", cwd=tmp_path)
    assert (again.returncode, "sample rows in" in again.stderr) == (0, False)
